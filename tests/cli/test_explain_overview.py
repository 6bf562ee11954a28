"""``explain`` without a target, on guests that no recording shows."""

from __future__ import annotations

import pytest


def test_the_host_announced_and_nothing_came(hotplugctl, syn, tmp_path):
    """So it is where function 1 was plugged in without function 0: acpiphp looked, and found nothing."""
    pc = syn.pc(syn.Guest())
    pc.file("sys/firmware/acpi/interrupts/gpe01", "       1  EN     enabled      unmasked\n")
    said = hotplugctl("explain", "--json", "--root", pc.written(tmp_path / "syn-function1")).document
    assert "announced PCI changes once by ACPI, and the log tells of no device that came" in said["headline"]
    assert any("function 0" in one["what"] for one in said["overview"]["host"])


def test_a_pcie_root_bus_with_slots_by_acpi_takes_devices(hotplugctl, syn, tmp_path):
    """So it is on Cloud Hypervisor; that nobody serves them in this kernel is another matter."""
    machine = syn.bare(syn.Guest())
    machine.kernel(HOTPLUG_PCI_ACPI="n")
    node = machine.host_bridge(hid="PNP0A08")
    said = hotplugctl("explain", "--json", "--root", machine.written(tmp_path / "syn-plain")).document
    assert any("takes no hot-plugged device" in one["what"] for one in said["overview"]["host"])
    machine.acpi_slots(node, 3, 4)
    said = hotplugctl("explain", "--json", "--root", machine.written(tmp_path / "syn-slots")).document
    assert not any("takes no hot-plugged device" in one["what"] for one in said["overview"]["host"])


def test_notes_that_may_be_the_answer_are_among_what_to_look_at(hotplugctl, syn, tmp_path):
    guest = syn.q35(syn.Guest())
    port = guest.paths["0000:00:02.0"]
    guest.file(f"{port}/power/runtime_status", "suspended\n")
    guest.log(
        "Linux version 6.1",
        "pcieport 0000:00:01.0: pciehp: Slot(1): Button press: canceling request to power on",
        "systemd-udevd[313]: eth2: Failed to rename network interface 3 from 'eth2' to 'enp1s0': File exists",
    )
    said = hotplugctl("explain", "--json", "--root", guest.written(tmp_path / "syn-notes")).document
    told = {one["what"]: one["how"] for one in said["overview"]["host"]}
    assert any("taken back by a second one within 5 s" in one for one in told)
    assert any("could not be renamed to enp1s0" in one for one in told)
    (sleeps,) = [one for one in told if "sleeps" in one]
    assert told[sleeps] == [f"in here: echo on > /{port}/power/control"]


@pytest.mark.parametrize("first", [[], ["Linux version 6.1.0-syn (x@y)"]])
def test_what_was_there_at_boot_has_not_come_though_the_log_has_lost_its_beginning(hotplugctl, syn, tmp_path, first):
    guest = syn.pc(syn.Guest())
    guest.log(
        *first, "pci 0000:00:00.0: [8086:1237] type 00 class 0x060000", "Freeing unused kernel image memory: 1K",
        "Run /init as init process", "pci 0000:00:03.0: [1af4:1042] type 00 class 0x010000",
    )  # fmt: skip
    said = hotplugctl("explain", "--json", "--root", guest.written(tmp_path / "syn-headless")).document
    assert [one["address"] for one in said["overview"]["arrivals"]] == ["0000:00:03.0"]


def test_of_a_log_that_begins_after_the_boot_every_function_came(hotplugctl, syn, tmp_path):
    guest = syn.pc(syn.Guest())
    guest.log("pci 0000:00:03.0: [1af4:1042] type 00 class 0x010000")
    said = hotplugctl("explain", "--json", "--root", guest.written(tmp_path / "syn-headless")).document
    assert [one["address"] for one in said["overview"]["arrivals"]] == ["0000:00:03.0"]


def test_a_physical_machine_has_no_host(hotplugctl, syn, tmp_path):
    pc = syn.board(syn.pc(syn.Guest()))
    pc.file("sys/bus/pci/slots/3/adapter", "1\n")
    pc.file("sys/bus/pci/slots/4/adapter", "1\n")
    done = hotplugctl("explain", "--root", pc.written(tmp_path / "syn-board"))
    assert "QEMU" not in done.out and "libvirt" not in done.out
    assert "no virtual machine" in done.out
