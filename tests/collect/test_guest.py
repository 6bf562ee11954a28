"""Hypervisor and machine, as firmware, tables, the host bridge or the kernel name them."""

from __future__ import annotations

import pytest

GUEST_CPU = "processor\t: 0\nflags\t\t: fpu sse hypervisor lahf_lm\n"
BARE_CPU = "processor\t: 0\nflags\t\t: fpu sse lahf_lm\n"
ARM_CPU = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\n"


def identity(guest):
    found = guest.check().snapshot.guest
    return found.hypervisor, found.machine, found.physical


def machine(guest, vendor=None, product=None, cpu=GUEST_CPU, arch="x86_64", bridge=("8086", "1237", "8086")):
    guest.kernel()
    guest.file("proc/cpuinfo", cpu)
    guest.file("proc/sys/kernel/arch", arch + "\n")
    guest.file("proc/cmdline", "quiet\n")
    guest.folder("sys/bus/pci/slots")
    if bridge is not None:
        guest.function("0000:00:00.0", bridge[0], bridge[1], "060000", subsystem=bridge[2])
    for name, text in (("sys_vendor", vendor), ("product_name", product)):
        if text is not None:
            guest.file(f"sys/class/dmi/id/{name}", text + "\n")
    return guest


@pytest.mark.parametrize(
    "vendor, product, wanted",
    [
        ("QEMU", "Standard PC (i440FX + PIIX, 1996)", ("qemu", "pc", False)),
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", ("qemu", "q35", False)),
        ("QEMU", "QEMU Virtual Machine", ("qemu", "virt", False)),
        ("Red Hat", "KVM", ("qemu", None, False)),
        ("OpenStack Foundation", "OpenStack Nova", ("qemu", None, False)),
        ("Some Cloud", "KVM", ("qemu", None, False)),
        ("Cloud Hypervisor", "cloud-hypervisor", ("cloud-hypervisor", None, False)),
        ("Amazon EC2", "m5.large", ("aws-nitro", None, False)),
        ("Google", "Google Compute Engine", ("gcp", None, False)),
        ("VMware, Inc.", "VMware7,1", ("vmware", None, False)),
        ("Microsoft Corporation", "Virtual Machine", ("hyperv", None, False)),
        ("Xen", "HVM domU", ("xen", None, False)),
        ("innotek GmbH", "VirtualBox", ("virtualbox", None, False)),
        ("Oracle Corporation", "VirtualBox", ("virtualbox", None, False)),
        ("Nobody", "Nothing", (None, None, False)),
    ],
)
def test_by_dmi(guest, vendor, product, wanted):
    assert identity(machine(guest, vendor, product)) == wanted


@pytest.mark.parametrize(
    "vendor, product",
    [
        ("Microsoft Corporation", "Surface Pro 7"),
        ("Google", "Eve"),
        ("LENOVO", "20QD"),
        ("Amazon EC2", "i3.metal"),
        ("Amazon EC2", "c7g"),
        ("Alibaba Cloud", "Alibaba Cloud ECS"),
        ("Apple Inc.", "MacBookPro10,1"),
    ],
)
def test_physical(guest, vendor, product):
    assert identity(machine(guest, vendor, product, BARE_CPU)) == (None, None, True)


@pytest.mark.parametrize(
    "bridge, arch, wanted",
    [
        (("8086", "1237", "1af4"), "x86_64", ("qemu", "pc", False)),
        (("8086", "29c0", "1af4"), "x86_64", ("qemu", "q35", False)),
        (("1b36", "0008", "1af4"), "x86_64", ("qemu", "microvm", False)),
        (("8086", "1237", "0000"), "x86_64", (None, None, False)),
    ],
)
def test_by_the_host_bridge(guest, bridge, arch, wanted):
    assert identity(machine(guest, arch=arch, bridge=bridge)) == wanted


def test_a_cloud_that_names_itself_leaves_the_bridge(guest):
    """The hypervisor is told by the board: a vendor that nobody has heard of, and QEMU's q35."""
    assert identity(machine(guest, "Stack Cloud", "VM", bridge=("8086", "29c0", "1af4"))) == ("qemu", "q35", False)


def test_a_cloud_that_names_itself_leaves_the_chassis(guest):
    machine(guest, "Stack Cloud", "VM").file("sys/class/dmi/id/chassis_vendor", "QEMU\n")
    assert identity(guest)[0] == "qemu"


def test_virt_without_dmi(guest):
    """aarch64 booted from a device tree: no CPU flag, no firmware, one bridge."""
    machine(guest, cpu=ARM_CPU, arch="aarch64", bridge=("1b36", "0008", "1af4"))
    assert identity(guest) == ("qemu", "virt", False)


@pytest.mark.parametrize("chassis, wanted", [("23", True), ("3", True), ("1", None), ("2", None), ("", None)])
def test_a_board_without_cpu_flag_by_its_chassis(guest, chassis, wanted):
    """No CPU flag of aarch64 tells; what hypervisors call their chassis is "other"."""
    machine(guest, "Marvell", "crb106-pcie", ARM_CPU, "aarch64", ("177d", "a02d", "0000"))
    guest.file("sys/class/dmi/id/chassis_type", chassis + "\n")
    assert identity(guest) == (None, None, wanted)


@pytest.mark.parametrize(
    "compatible, wanted",
    [
        (b"friendlyarm,nanopc-t4\0rockchip,rk3399\0", True),
        (b"ibm,powernv\0ibm,p9-openbmc\0", True),
        (b"linux,dummy-virt\0", None),
        (b"riscv-virtio\0", None),
        (b"xen,xenvm-4.17\0xen,xenvm\0", None),
        (b"", None),
    ],
)
def test_a_board_without_cpu_flag_by_its_device_tree(guest, compatible, wanted):
    machine(guest, cpu=ARM_CPU, arch="aarch64", bridge=None)
    guest.file("sys/firmware/devicetree/base/compatible", compatible)
    assert identity(guest)[2] is wanted


@pytest.mark.parametrize("node", ["hypervisor", "ibm,partition-name"])
def test_a_device_tree_that_names_a_hypervisor(guest, node):
    machine(guest, cpu=ARM_CPU, arch="ppc64le", bridge=None)
    guest.file("sys/firmware/devicetree/base/compatible", b"IBM,9009-42A\0")
    guest.file(f"sys/firmware/devicetree/base/{node}", b"x\0")
    assert identity(guest)[2] is None


def test_nothing_tells(guest):
    machine(guest, cpu=ARM_CPU, arch="aarch64")
    assert identity(guest) == (None, None, None)
    assert set(guest.check().snapshot.guest.unknown) == {"hypervisor", "machine", "physical"}


@pytest.mark.parametrize(
    "oem, wanted", [(b"FIRECK", "firecracker"), (b"CLOUDH", "cloud-hypervisor"), (b"BOCHS ", "qemu")]
)
def test_by_acpi_tables(guest, oem, wanted):
    machine(guest).file("sys/firmware/acpi/tables/FACP", b"FACP" + bytes(6) + oem + b"TABLE   " + bytes(20))
    assert identity(guest)[0] == wanted


def test_an_unknown_table_names_nobody(guest):
    machine(guest).file("sys/firmware/acpi/tables/FACP", b"FACP" + bytes(6) + b"ACME  ")
    assert identity(guest)[0] is None


@pytest.mark.parametrize(
    "device, wanted", [("4K@0xd0000000:5", ("firecracker", None)), ("512@0xfeb00e00:12", ("qemu", "microvm"))]
)
def test_by_the_command_line(guest, device, wanted):
    machine(guest, bridge=None).file("proc/cmdline", f"console=ttyS0 pci=off virtio_mmio.device={device}\n")
    assert identity(guest)[:2] == wanted


def test_microvm_by_tables_and_command_line(guest):
    machine(guest, bridge=None).file("proc/cmdline", "virtio_mmio.device=512@0xfeb00e00:12\n")
    guest.file("sys/firmware/acpi/tables/FACP", b"FACP" + bytes(6) + b"BOCHS BXPC    ")
    assert identity(guest)[:2] == ("qemu", "microvm")


def test_xen(guest):
    machine(guest).file("sys/hypervisor/type", "xen\n")
    assert identity(guest) == ("xen", None, False)


def test_the_first_domain_of_xen_is_physical(guest):
    machine(guest, "Acme", "Server", GUEST_CPU).file("sys/hypervisor/type", "xen\n")
    guest.file("proc/xen/capabilities", "control_d\n")
    assert identity(guest) == (None, None, True)


def test_wsl(guest):
    machine(guest)
    guest.kernel(release="5.15.90.1-microsoft-standard-WSL2")
    assert identity(guest)[:2] == ("hyperv", "wsl")


# Kernel and architecture.


@pytest.mark.parametrize(
    "path, text, wanted",
    [
        ("proc/sys/kernel/osrelease", "6.1.0-50-amd64\n", "6.1.0-50-amd64"),
        ("proc/version", "Linux version 2.6.32-5-amd64 (gcc)\n", "2.6.32-5-amd64"),
        ("proc/version", "no such thing\n", None),
        ("proc/sys/kernel/osrelease", "\n", None),
    ],
)
def test_release(guest, path, text, wanted):
    guest.file(path, text)
    found = guest.check().snapshot.guest
    assert found.kernel == wanted
    assert ("kernel" in found.unknown) == (wanted is None)


def test_the_kernel_of_an_image(guest):
    guest.file("boot/config-5.10.0-x", "CONFIG_PCI=y\nCONFIG_ARM64=y\nCONFIG_HOTPLUG_PCI=y\n")
    guest.file("boot/vmlinuz-5.10.0-x", "")
    guest.file("boot/config-notes", "")
    guest.file("lib/modules/5.10.0-x/modules.dep", "")
    found = guest.check().snapshot.guest
    assert (found.kernel, found.architecture, found.source) == ("5.10.0-x", "aarch64", "image")


@pytest.mark.parametrize("story, machine_", [("pc-virtio", "pc"), ("q35-rootport-native@forky", "q35")])
def test_recorded(recorded, story, machine_):
    found = recorded(story, "before").snapshot.guest
    assert (found.hypervisor, found.machine, found.physical, found.container) == ("qemu", machine_, False, None)
    assert found.architecture == "x86_64"
