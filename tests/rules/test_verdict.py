"""From facts to one word: which evidence decides, and what its absence means."""

from __future__ import annotations

import pytest

MASKED = "00000000-00000000 : System RAM\n00000000-00000000 : PCI Bus 0000:00\n"


def test_ready(q35):
    said = q35.check()
    assert (said.verdict, said.faults, said.headroom.free_slots) == ("ready", [], 2), said.why


def test_ready_by_acpi(pc):
    said = pc.check()
    assert (said.verdict, said.faults, said.headroom.free_slots) == ("ready", [], 2), said.why
    assert said.why == "2 of 2 slots free by acpiphp"


def test_a_warning_limits(pc):
    pc.file("sys/bus/pci/drivers_autoprobe", "0\n")
    said = pc.check()
    assert said.verdict == "limited"
    assert "drivers_autoprobe" in said.why


def test_an_information_does_not(pc):
    pc.remove("run")
    pc.folder("run/lock")
    said = pc.check()
    assert said.verdict == "ready"


def test_no_slot_is_free(pc):
    for name in ("3", "4"):
        pc.file(f"sys/bus/pci/slots/{name}/adapter", "1\n")
        pc.function(f"0000:00:0{name}.0", driver="virtio-pci")
    assert pc.check().verdict == "limited"


def test_no_slot_at_all(pc):
    """A pc whose root bus the host keeps from hot-plug: QEMU's acpi-root-pci-hotplug=off, and no other bus."""
    pc.remove("sys/bus/pci/slots/3")
    pc.remove("sys/bus/pci/slots/4")
    for device in ("device:03", "device:04"):
        pc.remove(f"sys/devices/LNXSYSTM:00/LNXSYBUS:00/PNP0A03:00/{device}")
    said = pc.check()
    assert said.verdict == "not-ready"
    assert "root bus 0000:00" in said.why


def test_a_list_of_slots_that_is_missing_decides_nothing(pc):
    pc.remove("sys/bus/pci/slots")
    said = pc.check()
    assert said.verdict == "unknown"
    assert "/sys/bus/pci/slots" in said.why
    assert said.headroom.free_slots is None


def test_without_a_list_of_slots_a_cause_decides(pc):
    """Folders that were empty get lost in many a copy; a mechanism that is switched off serves nothing all the same."""
    pc.remove("sys/bus/pci/slots")
    pc.file("sys/module/acpiphp/parameters/disable", "Y\n")
    said = pc.check()
    assert said.verdict == "not-ready"
    assert "acpiphp is switched off" in said.why


def test_without_a_list_of_slots_other_mechanisms_may_serve(q35):
    """acpiphp is not what the ports of this machine need."""
    q35.remove("sys/bus/pci/slots")
    q35.file("sys/module/acpiphp/parameters/disable", "Y\n")
    assert q35.check().verdict == "unknown"


def test_the_functions_are_not_in_the_tree(guest):
    guest.kernel()
    guest.file("proc/cmdline", "quiet\n")
    said = guest.check()
    assert said.verdict == "unknown"
    assert "/sys/bus/pci/devices" in said.why


def test_an_empty_tree(guest):
    guest.folder("proc")
    assert guest.check().verdict == "unknown"


def test_the_kernel_without_hot_plug_decides_alone(guest):
    guest.kernel(HOTPLUG_PCI="n")
    guest.file("proc/cmdline", "quiet\n")
    said = guest.check()
    assert said.verdict == "not-ready"
    said.fires("kernel.core-absent", "error")


def test_occupancy_that_cannot_be_read(pc):
    for name in ("3", "4"):
        pc.file(f"sys/bus/pci/slots/{name}/adapter", "perhaps\n")
    said = pc.check()
    assert said.verdict == "unknown"
    assert "adapter" in said.why
    assert "adapter" in said.unknown("slot.none-free")


def test_one_slot_that_is_known_to_be_free_is_enough(pc):
    pc.file("sys/bus/pci/slots/3/adapter", "perhaps\n")
    said = pc.check()
    assert (said.verdict, said.headroom.free_slots) == ("ready", 1)


def test_a_dead_kernel_is_not_ready_whatever_sysfs_shows(q35):
    q35.log(
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "Oops: 0000 [#1] PREEMPT SMP PTI",
        "CPU: 1 PID: 57 Comm: irq/24-pciehp Not tainted 6.1.0",
        "RIP: 0010:shpc_init+0x3c8/0x5a0 [shpchp]",
    )
    said = q35.check()
    assert said.verdict == "not-ready"
    assert "shpc_init" in said.why
    assert said.headroom.free_slots == 2


@pytest.mark.parametrize(
    "states, verdict",
    [({}, "limited"), ({"HOTPLUG_PCI_ACPI": "n"}, "unknown"), ({"PCI": "", "HOTPLUG_PCI": ""}, "limited")],
)
def test_an_image_decides_what_its_kernel_can(guest, states, verdict):
    """It has mechanisms, and none of the drivers."""
    guest.kernel(**states)
    guest.remove("proc")
    said = guest.check()
    assert said.snapshot.guest.source == "image"
    assert said.verdict == verdict


@pytest.mark.parametrize(
    "states",
    [
        {"HOTPLUG_PCI": "n"},
        {"HOTPLUG_PCI_ACPI": "n", "HOTPLUG_PCI_PCIE": "n", "HOTPLUG_PCI_SHPC": "n"},
    ],
)
def test_an_image_without_mechanisms_is_not_ready(guest, states):
    guest.kernel(**states)
    guest.remove("proc")
    assert guest.check().verdict == "not-ready"


def test_an_image_with_two_kernels_says_so(guest):
    guest.kernel()
    guest.kernel(HOTPLUG_PCI="n", release="5.4.0-other")
    guest.remove("proc")
    said = guest.check()
    assert said.verdict == "unknown"
    assert "2 kernels" in said.snapshot.guest.unknown["kernel"]


def test_without_privilege_what_is_seen_still_decides(q35):
    """Other users see 64 bytes of config space, no addresses in /proc/iomem, and no kernel log."""
    for path in q35.paths.values():
        config = q35.read(f"{path}/config")
        q35.file(f"{path}/config", config[:64])
    q35.file("proc/iomem", MASKED)
    q35.file("proc/ioports", MASKED)
    q35.remove("cmd")
    said = q35.check()
    assert said.verdict == "ready"
    root = said.headroom.rooms[0]
    assert (root.io_largest, root.mem_largest, root.bus_numbers_free) == (None, None, None)
    assert "not root" in dict(root.unknown)["mem_largest"]
    assert "log" in dict(root.unknown)["bus_numbers_free"]
    said.fires("access.config-truncated", "info")
    assert said.unknown("log.hotplug-oops")
