"""Machines to which the question does not apply, and machines that are no guests."""

from __future__ import annotations

import pytest

from hotplugctl.model.devices import Functions, Slots
from hotplugctl.model.reads import Absent
from hotplugctl.rules import catalogue
from hotplugctl.rules.answer import answer

NAMESPACE_1 = "pid:[4026531836]"
NAMESPACE_2 = "pid:[4026532199]"


def test_a_guest_is_neither(pc):
    said = pc.check()
    for rule in ("guest.container", "guest.no-pci-bus", "guest.physical", "guest.vmbus"):
        said.silent(rule)


# Containers.


@pytest.mark.parametrize(
    "path, content, kind",
    [
        ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
        ("proc/1/environ", "PATH=/bin\0container=lxc\0", "lxc"),
        ("proc/1/environ", "KUBERNETES_SERVICE_HOST=10.0.0.1\0HOME=/\0", "kubernetes"),
        ("run/.containerenv", "", "podman"),
        (".dockerenv", "", "docker"),
    ],
)
def test_a_container(pc, path, content, kind):
    pc.file(path, content)
    pc.link("proc/self/ns/pid", NAMESPACE_2)
    said = pc.check()
    finding = said.fires("guest.container", "error")
    assert (finding.subject, finding.evidence[0].source) == (kind, f"/{path}")
    assert said.verdict == "not-applicable"


def test_a_machine_made_of_a_container_image(pc):
    """The mark came with the files of the root, and init runs in the first namespace of the kernel."""
    pc.file(".dockerenv")
    pc.link("proc/self/ns/pid", NAMESPACE_1)
    said = pc.check()
    said.silent("guest.container")
    assert said.verdict == "ready"


def test_an_image_of_a_container_is_an_image(guest):
    guest.kernel()
    guest.remove("proc")
    guest.file(".dockerenv")
    said = guest.check()
    assert said.verdict == "limited"
    assert said.snapshot.guest.container is None


# No PCI.


def test_no_pci_bus(guest):
    """As on microVMs whose devices are virtio-mmio."""
    guest.kernel()
    guest.file("proc/cmdline", "console=ttyS0 pci=off virtio_mmio.device=4K@0xd0000000:5\n")
    guest.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor\n")
    guest.folder("sys/bus/platform/devices")
    said = guest.check()
    finding = said.fires("guest.no-pci-bus", "error")
    assert ("/proc/cmdline", "pci=off") in finding.evidence
    assert said.verdict == "not-applicable"
    assert said.snapshot.guest.hypervisor == "firecracker"


def test_a_pci_bus_that_holds_nothing(syn, guest):
    syn.bare(guest)
    guest.remove("sys/bus/pci/devices/0000:00:00.0")
    guest.remove("sys/class/pci_bus/0000:00")
    said = guest.check()
    said.fires("guest.no-pci-bus")
    assert said.verdict == "not-applicable"


def test_an_image_has_no_bus_of_its_own(guest):
    guest.kernel()
    guest.remove("proc")
    assert [f.status for f in guest.check().findings if f.id == "guest.no-pci-bus"] == ["pass"]


# Physical machines.


def physical(guest):
    guest.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse lahf_lm\n")
    guest.file("sys/class/dmi/id/sys_vendor", "Acme\n")
    guest.file("sys/class/dmi/id/product_name", "Server 1\n")
    guest.function("0000:00:00.0", "8086", "2020", "060000", subsystem="8086")
    return guest


def test_a_physical_machine_with_free_slots(q35):
    said = physical(q35).check()
    said.fires("guest.physical", "info")
    assert (said.verdict, said.snapshot.guest.hypervisor) == ("ready", None)


def test_a_laptop(syn, guest):
    """Ports that nobody serves, one without windows, a device without driver: all of that is normal there."""
    syn.q35(guest, native=False)
    physical(guest).function("0000:00:1f.6", "8086", "15fb", "020000", subsystem="17aa")
    said = guest.check()
    assert said.verdict == "not-ready"
    assert said.faults == []


def test_a_physical_machine_with_a_mechanism_switched_off(syn, guest):
    physical(syn.q35(guest, native=False)).file("proc/cmdline", "pcie_ports=compat\n")
    said = guest.check()
    said.fires("kernel.mechanism-disabled", "info")
    assert said.faults == []


# Hyper-V.


def test_all_functions_come_over_vmbus(syn, guest):
    top = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/47505500-0001-0001-3130-444531303244/pci0001:00"
    syn.bare(guest)
    guest.remove("sys/bus/pci/devices/0000:00:00.0")
    guest.remove("sys/class/pci_bus/0000:00")
    guest.file("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n")
    guest.file("sys/class/dmi/id/product_name", "Virtual Machine\n")
    guest.function("0001:00:02.0", "15b3", "1016", "020000", driver="mlx5_core", top=top)
    guest.folder(f"{top}/pci_bus/0001:00")
    guest.link("sys/class/pci_bus/0001:00", f"../../devices/{top[12:]}/pci_bus/0001:00")
    guest.slot("2", "0001:00:02")
    said = guest.check()
    said.fires("guest.vmbus", "info")
    assert said.verdict == "not-applicable"
    assert said.snapshot.guest.hypervisor == "hyperv"
    assert said.faults == []


# Clouds and monitors: the slots decide, whoever made the machine.


@pytest.mark.parametrize(
    "vendor, product, hypervisor",
    [
        ("Amazon EC2", "c5.large", "aws-nitro"),
        ("Google", "Google Compute Engine", "gcp"),
        ("Xen", "HVM domU", "xen"),
        ("Cloud Hypervisor", "cloud-hypervisor", "cloud-hypervisor"),
        ("VMware, Inc.", "VMware Virtual Platform", "vmware"),
    ],
)
def test_acpi_slots_on_the_root_bus_are_ready_everywhere(pc, vendor, product, hypervisor):
    pc.file("sys/class/dmi/id/sys_vendor", vendor + "\n")
    pc.file("sys/class/dmi/id/product_name", product + "\n")
    said = pc.check()
    assert (said.verdict, said.snapshot.guest.hypervisor, said.faults) == ("ready", hypervisor, [])


def test_acpi_slots_on_a_pcie_root_bus(syn, guest):
    """Cloud Hypervisor: PNP0A08, and its root bus takes devices all the same, since ACPI describes slots."""
    syn.bare(guest)
    guest.acpi_slots(guest.host_bridge(hid="PNP0A08"), 3)
    guest.slot("3", "0000:00:03", power="0", adapter="0", latch="0")
    said = guest.check()
    said.silent("bus.unserved")
    assert said.verdict == "ready"


def test_acpi_slots_that_the_kernel_cannot_serve(syn, guest):
    """A monitor that describes slots, and a kernel built without hot-plug."""
    syn.bare(guest)
    guest.acpi_slots(guest.host_bridge(hid="PNP0A08"), 3)
    guest.kernel(HOTPLUG_PCI="n", HOTPLUG_PCI_ACPI="", HOTPLUG_PCI_PCIE="", HOTPLUG_PCI_SHPC="")
    for name in ("acpiphp", "pciehp", "shpchp", "pci_hotplug"):
        guest.remove(f"sys/module/{name}")
    said = guest.check()
    assert said.verdict == "not-ready"
    assert "without PCI hot-plug" in said.why
    assert said.of("bus.unserved")[0].side == "guest"


def test_ports_with_slots_of_firmware_beside_those_of_acpi(q35):
    """VMware: many root ports of pciehp, a conventional bridge with ACPI slots, more that only firmware names."""
    q35.file("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
    q35.slot("32", "0000:00:11")
    q35.slot("160", "0000:00:15")
    said = q35.check()
    said.fires("slot.firmware-only", "info")
    assert (said.verdict, said.headroom.slots) == ("ready", 2)


def test_without_sysfs_nothing_is_said_of_the_bus(pc):
    """/sys is not mounted: that is no machine without PCI."""
    whole = pc.check().snapshot
    gone = whole._replace(
        functions=Functions((), Absent("/sys/bus/pci/devices")),
        slots=Slots((), Absent("/sys/bus/pci/slots")),
        scene=whole.scene._replace(slots=Slots((), Absent("/sys/bus/pci/slots"))),
        buses={},
        sysfs=False,
    )
    report = answer(gone, catalogue.select()).report
    assert [f.status for f in report.findings if f.id == "guest.no-pci-bus"] == ["unknown"]
    assert report.verdict == "unknown"


@pytest.mark.parametrize("folder", ["sys/bus/platform", "sys/kernel/mm"])
def test_with_sysfs_its_absence_counts(guest, folder):
    guest.kernel()
    guest.file("proc/cmdline", "quiet\n")
    guest.folder(folder)
    said = guest.check()
    said.fires("guest.no-pci-bus", "error")
    assert said.verdict == "not-applicable"
