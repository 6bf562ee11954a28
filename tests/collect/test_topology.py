"""Buses, services, ACPI nodes and slots: who serves what, by which evidence."""

from __future__ import annotations

from contextlib import closing

import pytest

from hotplugctl.collect.snapshot import for_slots
from hotplugctl.source.disk import DiskTree


def slot_of(guest, name):
    return next(slot for slot in guest.check().snapshot.slots.items if slot.name == name)


# Slots.


def test_by_the_module_link(pc):
    assert (slot_of(pc, "3").mechanism, slot_of(pc, "3").mechanism_source) == (
        "acpiphp", "/sys/bus/pci/slots/3/module",
    )  # fmt: skip


def test_by_the_node_of_acpi(pc):
    """Kernels from 6.12 on set no link for slots that were registered at boot."""
    pc.remove("sys/bus/pci/slots/3/module")
    found = slot_of(pc, "3")
    assert found.mechanism == "acpiphp"
    assert found.mechanism_source.endswith("/sun")


def test_by_the_service_of_the_port(q35):
    assert slot_of(q35, "1").mechanism == "pciehp"
    q35.remove("sys/devices/pci0000:00/0000:00:01.0/0000:00:01.0:pcie004/driver")
    q35.remove("sys/bus/pci/slots/1/attention")
    assert slot_of(q35, "1").mechanism is None


def test_by_the_driver_of_the_bridge(syn, pc):
    pc.port("0000:00:05.0", "0000:01", syn.bridge(1, express=False, shpc=True), driver="shpchp")
    pc.slot("9", "0000:01:09", power="2", adapter="0", latch="0", attention="0")
    assert slot_of(pc, "9").mechanism == "shpchp"


@pytest.mark.parametrize(
    "files, wanted",
    [
        ({"attention": "0"}, "pciehp"),
        ({"attention": "0", "latch": "0"}, "shpchp"),
        ({}, None),
    ],
)
def test_by_its_files_at_last(syn, guest, files, wanted):
    syn.bare(guest).slot("7", "0000:05:00", power="1", adapter="0", **files)
    found = slot_of(guest, "7")
    assert found.mechanism == wanted
    assert ("mechanism" in found.unknown) == (wanted is None)
    assert found.hotplug


def test_firmware_alone(syn, guest):
    syn.bare(guest).slot("7", "0000:00:07")
    found = slot_of(guest, "7")
    assert (found.hotplug, found.mechanism, found.occupied) == (False, None, False)


@pytest.mark.parametrize("folders, known", [((), False), (("sys",), False), (("sys/bus/virtio",), True)])
def test_no_slots_and_no_sysfs(tmp_path, folders, known):
    """A running kernel without the folder has no slots; where /sys is not mounted nobody knows."""
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with closing(DiskTree(str(tmp_path), "live", "this machine", None)) as tree:
        found = for_slots(tree).slots
    assert (found.items, found.failure is None) == ((), known)


def test_occupied(pc):
    pc.file("sys/bus/pci/slots/3/adapter", "1\n")
    pc.function("0000:00:04.0")
    assert [slot_of(pc, name).occupied for name in ("3", "4")] == [True, True]
    assert slot_of(pc, "4").functions == ("0000:00:04.0",)


def test_an_attention_that_fails_is_evidence(recorded):
    """acpiphp's ``attention`` ends with EINVAL in QEMU."""
    slots = recorded("pc-virtio", "before").snapshot.slots.items
    assert {slot.mechanism for slot in slots} == {"acpiphp"}
    assert all("EINVAL" in slot.unknown["attention"] for slot in slots)


# Buses.


def test_ports_above_buses(q35):
    assert dict(q35.check().snapshot.buses) == {
        "0000:00": None, "0000:01": "0000:00:01.0", "0000:02": "0000:00:02.0",
    }  # fmt: skip


def test_without_the_class_the_registers_tell(q35):
    q35.remove("sys/class/pci_bus")
    assert q35.check().snapshot.buses["0000:02"] == "0000:00:02.0"


def test_a_host_bridge_within_a_function(syn, guest):
    """VMD opens a domain of its own below its function, which is no port."""
    syn.bare(guest).function("0000:00:0e.0", "8086", "467f", "010400", "vmd")
    top = f"{guest.paths['0000:00:0e.0']}/pci10000:e0"
    guest.function("10000:e0:06.0", "8086", "09ab", "088000", top=top)
    guest.folder(f"{top}/pci_bus/10000:e0")
    guest.link("sys/class/pci_bus/10000:e0", f"../../devices/{top[12:]}/pci_bus/10000:e0")
    said = guest.check()
    assert said.snapshot.buses["10000:e0"] == "0000:00:0e.0"
    assert said.headroom.rooms[-1].mem_largest is None
    assert not [f for f in said.of("bus.unserved") if f.subject == "10000:e0"]


# ACPI.


def test_slot_nodes_of_the_root_bus(syn, pc):
    acpi = pc.check().snapshot.acpi
    assert set(acpi.slots) == {"0000:00"}
    assert set(acpi.slots["0000:00"]) == {"0000:00:03", "0000:00:04"}
    assert (acpi.present, acpi.gpe, acpi.express) == (True, 0, frozenset())
    assert acpi.phpr == f"/{syn.NAMESPACE}/PNP0A03:00/PNP0A06:00/uid"


@pytest.mark.parametrize("adr", ["0xffff0000", "rubbish", ""])
def test_a_node_with_a_strange_address(syn, pc, adr):
    pc.file(f"{syn.NAMESPACE}/PNP0A03:00/device:03/adr", adr)
    assert set(pc.check().snapshot.acpi.slots["0000:00"]) == {"0000:00:04"}


@pytest.mark.parametrize("count", ["lots", "", "-1"])
def test_a_strange_count(syn, pc, count):
    pc.file("sys/firmware/acpi/interrupts/gpe01", count)
    acpi = pc.check().snapshot.acpi
    assert acpi.gpe is None
    assert "gpe" in acpi.unknown


def test_no_acpi(syn, guest):
    syn.bare(guest).folder("sys/firmware/efi")
    acpi = guest.check().snapshot.acpi
    assert (acpi.present, acpi.phpr, acpi.slots) == (False, None, {})


def test_a_host_bridge_that_nothing_links_to_must_be_the_only_one(syn, pc):
    """With pci=noacpi; of two bridges nobody could say which bus is whose."""
    pc.remove("sys/devices/pci0000:00/firmware_node")
    assert pc.check().snapshot.acpi.phpr is not None
    pc.file(f"{syn.NAMESPACE}/PNP0A08:00/path", "\\_SB_.PC20\n")
    assert pc.check().snapshot.acpi.phpr is None


# Services.


def test_services(q35):
    q35.service("0000:00:02.0", None)
    q35.remove("sys/devices/pci0000:00/0000:00:02.0/0000:00:02.0:pcie004/driver")
    details = q35.check().snapshot.details
    assert details["0000:00:01.0"].services == {"pcie004": "pciehp"}
    assert details["0000:00:02.0"].services == {"pcie004": None}


# Details.


def test_details_say_why_they_lack(pc):
    path = pc.function("0000:00:03.0")
    pc.remove(f"{path}/config")
    pc.file(f"{path}/resource", "rubbish\n")
    found = pc.check().snapshot.details["0000:00:03.0"]
    assert (found.config, found.resources) == (None, None)
    assert "absent" in found.unknown["config"]
    assert "malformed" in found.unknown["resource"]
