"""Ports and bridges that cannot take a device."""

from __future__ import annotations

NO_NUMBER = "pci_bus 0000:01: No bus number available for hot-added bridge 0000:01:00.0"


def bridge_behind(syn, q35, secondary):
    q35.function(
        "0000:01:00.0", "1b36", "000e", "060400", "shpchp", syn.bridge(secondary, shpc=True, port_type=7),
        below="0000:00:01.0",
    )  # fmt: skip


def test_a_bridge_without_bus_number(q35, syn):
    bridge_behind(syn, q35, 0)
    q35.log("Linux version 6.1", NO_NUMBER)
    finding = q35.check().fires("bus.no-number", "warning")
    assert (finding.address, finding.side) == ("0000:01:00.0", "host")
    assert [item.value for item in finding.evidence] == ["secondary bus 00", "No bus number available"]


def test_a_bridge_with_the_number_of_another(q35, syn):
    """As 6.1 leaves it at times (scenario q35-acpi-no-bus-numbers): 02 is the bus of the next port."""
    bridge_behind(syn, q35, 2)
    finding = q35.check().fires("bus.no-number", "warning")
    assert [(item.source, item.value) for item in finding.evidence] == [
        ("/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/config", "secondary bus 02"),
        ("/sys/class/pci_bus/0000:02", "below 0000:00:02.0"),
    ]


def test_a_bridge_with_a_number_that_nobody_has(q35, syn):
    """Its bus is not known here, and that proves nothing."""
    bridge_behind(syn, q35, 9)
    q35.check().silent("bus.no-number")


def test_a_bridge_whose_bus_came_later(q35, syn):
    q35.port("0000:01:00.0", "0000:03", syn.bridge(3, port_type=7), below="0000:00:01.0")
    q35.log("Linux version 6.1", NO_NUMBER)
    q35.check().silent("bus.no-number")


def test_a_port_that_sleeps(q35):
    q35.file("sys/devices/pci0000:00/0000:00:01.0/power/runtime_status", "suspended\n")
    q35.file("sys/devices/pci0000:00/0000:00:02.0/power/runtime_status", "active\n")
    said = q35.check()
    finding = said.fires("bus.port-sleeps", "info")
    assert [item.address for item in said.of("bus.port-sleeps")] == ["0000:00:01.0"]
    assert finding.remedy == "echo on > /sys/devices/pci0000:00/0000:00:01.0/power/control"
    assert said.verdict == "ready"


def test_a_port_that_sleeps_with_its_device(q35):
    q35.file("sys/devices/pci0000:00/0000:00:01.0/power/runtime_status", "suspended\n")
    q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    q35.check().silent("bus.port-sleeps")


def test_a_window_over_the_local_apic(q35, syn):
    """As firmware's windows are left out with pci=noacpi: said before a device comes."""
    q35.port("0000:00:01.0", "0000:01", syn.bridge(1, mem=(0xFEE0_0000, 0xFEFF_FFFF), slot=syn.SLOT))
    said = q35.check()
    finding = said.fires("bus.window-over-interrupts", "warning")
    assert (finding.subject, finding.detail, said.verdict) == ("0000:01", None, "limited")


def test_a_window_that_ends_there_has_room_before(q35, syn):
    q35.port("0000:00:01.0", "0000:01", syn.bridge(1, mem=(0xFED0_0000, 0xFEFF_FFFF), slot=syn.SLOT))
    q35.check().silent("bus.window-over-interrupts")


def test_a_window_without_a_slot_behind_it(q35, syn):
    q35.port("0000:00:05.0", "0000:05", syn.bridge(5, mem=(0xFEE0_0000, 0xFEFF_FFFF)))
    q35.check().silent("bus.window-over-interrupts")
