"""Announcements that nobody heard."""

from __future__ import annotations

import pytest

PRESENT, PRESENCE_CHANGED, BUTTON = 0x40, 0x08, 0x01


def test_a_guest_that_listens(syn, pc):
    pc.announced(f"{syn.NAMESPACE}/PNP0A03:00", 7)
    pc.check().silent("announce.gpe-missed")


def test_nothing_was_announced(syn, pc):
    deaf(pc)
    pc.check().silent("announce.gpe-missed")


def deaf(pc):
    pc.remove("sys/bus/pci/slots/3")
    pc.remove("sys/bus/pci/slots/4")
    pc.file("sys/module/acpiphp/parameters/disable", "Y\n")
    return pc


def test_announced_and_missed(syn, pc):
    deaf(pc).announced(f"{syn.NAMESPACE}/PNP0A03:00", 2)
    finding = pc.check().fires("announce.gpe-missed", "warning")
    assert "2 times" in finding.summary
    assert finding.because == ("kernel.mechanism-disabled",)
    assert finding.remedy == "echo 1 > /sys/bus/pci/rescan"


def test_announced_to_a_kernel_that_does_not_ask_acpi(syn, pc):
    """With pci=noacpi no link leads from the root bus to its node, and the event is counted all the same."""
    deaf(pc).file("proc/cmdline", "pci=noacpi\n")
    pc.remove("sys/devices/pci0000:00/firmware_node")
    pc.announced(f"{syn.NAMESPACE}/PNP0A03:00", 1)
    said = pc.check()
    assert "once" in said.fires("announce.gpe-missed").summary
    assert said.snapshot.acpi.slots["0000:00"]


def test_a_gpe_of_another_firmware_is_none_of_pci(syn, pc):
    deaf(pc).announced(f"{syn.NAMESPACE}/PNP0A03:00", 5)
    pc.file(f"{syn.NAMESPACE}/PNP0A03:00/PNP0A06:00/uid", "CPU Hotplug resources\n")
    pc.check().silent("announce.gpe-missed")


def with_status(syn, guest, status):
    syn.q35(guest, native=False)
    guest.file(f"{guest.paths['0000:00:01.0']}/config", syn.bridge(1, slot=(syn.SLOT[0], 0x07C0, status)))
    return guest


@pytest.mark.parametrize("status", [0, PRESENCE_CHANGED, PRESENCE_CHANGED | BUTTON])
def test_no_card_waits(syn, guest, status):
    """That presence changed is latched too, and stays so when the card is gone again."""
    with_status(syn, guest, status).check().silent("announce.card-waits")


def test_a_card_waits(syn, guest):
    with_status(syn, guest, PRESENT | PRESENCE_CHANGED | BUTTON).file("proc/cmdline", "pcie_ports=compat\n")
    finding = guest.check().fires("announce.card-waits", "warning")
    assert (finding.address, finding.remedy) == ("0000:00:01.0", None)
    assert "PresDet+, AttnBtn+" in finding.evidence[0].value
    assert finding.because == ("kernel.mechanism-disabled",)


def test_a_card_that_works_does_not_wait(syn, guest):
    """Found at boot: it is there, though nobody serves the port."""
    with_status(syn, guest, PRESENT).function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    guest.check().silent("announce.card-waits")


def test_a_slot_that_is_not_for_hot_plug(syn, guest):
    """Ports without presence detection show a card for ever."""
    syn.q35(guest, native=False)
    guest.file(f"{guest.paths['0000:00:01.0']}/config", syn.bridge(1, slot=(0x0008_0000, 0, PRESENT)))
    guest.check().silent("announce.card-waits")


def test_recorded(recorded):
    recorded("pc-acpiphp-disable", "before").silent("announce.gpe-missed")
    recorded("pc-acpiphp-disable", "added").fires("announce.gpe-missed")
    recorded("q35-native-nohp", "added").fires("announce.card-waits")
    recorded("q35-native-nohp", "after").silent("announce.card-waits")
    recorded("pc-bridge-shpc", "added").silent("announce.gpe-missed")


# Announced to another mechanism than serves the ports.


def test_ports_taken_natively_on_a_host_that_announces_by_acpi(syn, q35):
    """pcie_ports=native on q35 as it is by default: the slots look free, and no device ever comes."""
    q35.announced(f"{syn.NAMESPACE}/PNP0A08:00")
    q35.file("proc/cmdline", "quiet pcie_ports=native\n")
    said = q35.check()
    finding = said.fires("announce.other-mechanism", "error")
    assert finding.remedy == "echo 1 > /sys/bus/pci/rescan"
    assert "pcie_ports=native" in finding.detail
    assert (said.verdict, said.headroom.free_slots, said.headroom.rooms[1].free_slots) == ("not-ready", 0, 0)
    assert said.why == finding.summary
    said.silent("slot.none-free")


def test_ports_of_a_host_that_announces_natively(q35):
    q35.check().silent("announce.other-mechanism")


def test_acpi_slots_of_another_bus_leave_the_ports_to_pciehp(syn, q35):
    node = f"{syn.NAMESPACE}/PNP0A08:00"
    q35.announced(node)
    q35.acpi_slots(node, 9)
    said = q35.check()
    said.silent("announce.other-mechanism")
    assert said.headroom.free_slots == 2


@pytest.mark.parametrize("power, adapter, fires", [("1", "0", True), ("1", "1", False), ("0", "0", False)])
def test_a_slot_that_is_on_without_a_card(q35, power, adapter, fires):
    """acpi=off: no table tells, and after an add one slot does so for all."""
    q35.file("proc/cmdline", "acpi=off\n")
    q35.file("sys/bus/pci/slots/1/power", power + "\n")
    q35.file("sys/bus/pci/slots/1/adapter", adapter + "\n")
    said = q35.check()
    assert bool(said.of("announce.other-mechanism")) is fires
    assert (said.verdict == "not-ready") is fires


def test_without_a_power_controller_every_slot_is_on(syn, q35):
    q35.file("sys/bus/pci/slots/1/power", "1\n")
    config = syn.bridge(1, slot=(syn.SLOT[0] & ~0x2, 0x07E0, 0))
    q35.file(f"{q35.paths['0000:00:01.0']}/config", config)
    said = q35.check()
    said.silent("announce.other-mechanism")
    assert said.verdict == "ready"


GPE = "sys/firmware/acpi/interrupts/gpe01"


def test_an_event_that_never_reached_the_kernel(pc):
    pc.file(GPE, "       0  EN STS enabled      unmasked\n")
    pc.check().fires("announce.gpe-pending", "warning")


@pytest.mark.parametrize(
    "text", ["       0  EN     enabled      unmasked\n", "       2  EN STS enabled      unmasked\n"]
)
def test_an_event_that_is_taken(pc, text):
    pc.file(GPE, text)
    pc.check().silent("announce.gpe-pending")


def test_without_acpi_nobody_knows_how_the_host_announces(q35):
    """Before the first add there is no difference to be seen: q35-acpi-acpi-off and q35-native-acpi-off of the lab."""
    q35.file("proc/cmdline", "acpi=off\n")
    said = q35.check()
    assert said.fires("announce.acpi-unread", "info").evidence[0].value == "acpi=off"
    assert said.verdict == "ready"


@pytest.mark.parametrize("cmdline", ["quiet", "acpi=off acpi=on", "pci=noacpi"])
def test_with_acpi_the_tables_tell(q35, cmdline):
    q35.file("proc/cmdline", f"{cmdline}\n")
    q35.check().silent("announce.acpi-unread")


def test_a_port_that_reports_a_card_announces_natively(q35):
    q35.file("proc/cmdline", "acpi=off\n")
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    q35.check().silent("announce.acpi-unread")


def test_of_other_machines_acpi_off_says_nothing(q35):
    q35.file("proc/cmdline", "acpi=off\n")
    q35.file("sys/class/dmi/id/product_name", "Something else\n")
    q35.check().silent("announce.acpi-unread")
