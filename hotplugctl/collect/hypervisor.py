"""Which hypervisor and machine this is, as firmware, the kernel or the host bridge name it."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.reads import Value
from hotplugctl.model.report import Evidence
from hotplugctl.source.tree import Tree

_DMI = "/sys/class/dmi/id"

# DMI sys_vendor and product_name, in the words of each hypervisor's firmware → hypervisor, machine.
_BY_DMI: tuple[tuple[str, str, str, Optional[str]], ...] = (
    ("QEMU", "i440FX", "qemu", "pc"),
    ("QEMU", "Q35", "qemu", "q35"),
    ("QEMU", "microvm", "qemu", "microvm"),
    ("QEMU", "virt", "qemu", "virt"),
    ("QEMU", "", "qemu", None),
    ("Red Hat", "", "qemu", None),
    ("oVirt", "", "qemu", None),
    ("OpenStack", "", "qemu", None),
    ("DigitalOcean", "", "qemu", None),
    ("Cloud Hypervisor", "", "cloud-hypervisor", None),
    ("Amazon EC2", "", "aws-nitro", None),
    ("Google", "Google Compute Engine", "gcp", None),
    ("VMware", "", "vmware", None),
    ("Microsoft Corporation", "Virtual Machine", "hyperv", None),
    ("Xen", "", "xen", None),
    ("", "VirtualBox", "virtualbox", None),
    ("innotek GmbH", "", "virtualbox", None),
    ("Parallels", "", "parallels", None),
    ("Apple Inc.", "Apple Virtualization", "apple", None),
    ("", "BHYVE", "bhyve", None),
    ("Alibaba Cloud", "", "qemu", None),
    ("", "KVM", "qemu", None),
    ("", "Bochs", "qemu", None),
    ("", "RHEV Hypervisor", "qemu", None),
)
# These also let whole machines, under the same name; there the CPU flag "hypervisor" is missing.
_ALSO_PHYSICAL = ("Amazon EC2", "Alibaba Cloud")
# The OEM id in the header of an ACPI table (ACPI 6.5, 5.2.6), where there is no DMI.
_BY_OEM = {b"FIRECK": "firecracker", b"CLOUDH": "cloud-hypervisor", b"BOCHS ": "qemu"}
# Host bridges that only one kind of machine has: vendor, device, subsystem vendor.
_BY_BRIDGE = {
    ("8086", "1237", "1af4"): "pc",
    ("8086", "29c0", "1af4"): "q35",
    ("1b36", "0008", "1af4"): "virt",
}
_ONE_CPU = 1 << 16
# The device that the command line gives to virtio-mmio; each monitor has its own size for the registers.
_BY_MMIO = {"4K": ("firecracker", None), "512": ("qemu", "microvm")}


# Chassis types of things that one can touch (SMBIOS 3.6, 7.4.1); hypervisors say 1, other.
_CHASSIS = frozenset(map(str, (*range(3, 12), *range(13, 18), 23, 25, *range(27, 37))))
_DEVICE_TREE = "/sys/firmware/devicetree/base"
# "linux,dummy-virt", "riscv-virtio", "qemu,pseries", "xen,xenvm": the device trees of virtual machines.
_VIRTUAL = (b"virt", b"qemu", b"pseries", b"xen")


class Identity(NamedTuple):
    """What the machine is.

    ``flag``: is the CPU flag ``hypervisor`` set; where the CPU has no such flag False for a board that firmware names,
    else None.
    """

    hypervisor: Optional[str]
    machine: Optional[str]
    flag: Optional[bool]
    evidence: tuple[Evidence, ...]


def identify(
    tree: Tree, release: Optional[str], architecture: Optional[str], functions: tuple[PciFunction, ...]
) -> Identity:
    """DMI first, then /sys/hypervisor, the ACPI tables, the host bridge, and what the kernel says of itself."""
    flag = _cpu_flag(tree)
    bridge = _machine_by_bridge(functions, architecture)
    found = _by_dmi(tree, flag) or _by_hypervisor_folder(tree) or _by_tables(tree)
    if found is None and bridge is not None:
        found = ("qemu", bridge[0], bridge[1])
    if found is None:
        found = _by_chassis(tree) or _by_release(release) or _by_command_line(tree)
    if found is None:
        board = _board(tree) if flag is None else ()
        return Identity(None, None, False if board else flag, board)
    hypervisor, machine, evidence = found
    if hypervisor == "xen" and "control_d" in _text(tree, "/proc/xen/capabilities"):
        # The first domain of Xen drives the hardware: for PCI it is a physical machine.
        return Identity(None, None, False, (Evidence("/proc/xen/capabilities", "control_d"),))
    if machine is None and bridge is not None:
        machine = bridge[0]
    if machine is None and hypervisor == "qemu" and not functions:
        machine = (_by_command_line(tree) or (None, None, evidence))[1]
    return Identity(hypervisor, machine, flag, (evidence,))


_Found = Optional[tuple[str, Optional[str], Evidence]]


def _text(tree: Tree, path: str) -> str:
    read = tree.read(path)
    return read.text.strip() if isinstance(read, Value) else ""


def _by_dmi(tree: Tree, flag: Optional[bool]) -> _Found:
    vendor, product = _text(tree, f"{_DMI}/sys_vendor"), _text(tree, f"{_DMI}/product_name")
    if not vendor and not product:
        return None
    for vendor_part, product_part, hypervisor, machine in _BY_DMI:
        if vendor.startswith(vendor_part) and product_part.lower() in product.lower():
            if vendor_part in _ALSO_PHYSICAL and (product.endswith(".metal") or flag is False):
                return None
            return hypervisor, machine, Evidence(f"{_DMI}/product_name", f"{vendor} {product}".strip())
    return None


def _by_chassis(tree: Tree) -> _Found:
    """A cloud may put its own name in the place of QEMU's, and leaves that of the chassis."""
    vendor = _text(tree, f"{_DMI}/chassis_vendor")
    return ("qemu", None, Evidence(f"{_DMI}/chassis_vendor", vendor)) if vendor == "QEMU" else None


def _by_hypervisor_folder(tree: Tree) -> _Found:
    kind = _text(tree, "/sys/hypervisor/type")
    return (kind, None, Evidence("/sys/hypervisor/type", kind)) if kind else None


def _by_tables(tree: Tree) -> _Found:
    for table in ("FACP", "DSDT", "APIC"):
        path = f"/sys/firmware/acpi/tables/{table}"
        read = tree.read(path)
        if isinstance(read, Value) and read.data[10:16] in _BY_OEM:
            oem = read.data[10:16]
            return _BY_OEM[oem], None, Evidence(path, f"OEM id {oem.decode('ascii')}")
    return None


def _machine_by_bridge(
    functions: tuple[PciFunction, ...], architecture: Optional[str]
) -> Optional[tuple[str, Evidence]]:
    for function in functions:
        key = (function.vendor or "", function.device or "", function.subsystem_vendor or "")
        if key in _BY_BRIDGE:
            machine = _BY_BRIDGE[key]
            if machine == "virt" and architecture == "x86_64":
                machine = "microvm"
            return machine, Evidence(f"{function.path}/modalias", function.modalias or "")
    return None


def _by_release(release: Optional[str]) -> _Found:
    if release is None or "microsoft" not in release.lower():
        return None
    return "hyperv", "wsl", Evidence("/proc/sys/kernel/osrelease", release)


def _by_command_line(tree: Tree) -> _Found:
    _, given, device = _text(tree, "/proc/cmdline").partition("virtio_mmio.device=")
    size = device.partition("@")[0]
    if not given or size not in _BY_MMIO:
        return None
    hypervisor, machine = _BY_MMIO[size]
    return hypervisor, machine, Evidence("/proc/cmdline", f"virtio_mmio.device={device.split(None, 1)[0]}")


def _board(tree: Tree) -> tuple[Evidence, ...]:
    """What shows a physical machine where no CPU flag can: the kind of chassis, or a device tree of no hypervisor's.

    Source: SMBIOS 3.6, 7.4.1; systemd-detect-virt(1); arch/arm64/boot/dts of Linux.
    """
    kind = _text(tree, f"{_DMI}/chassis_type")
    if kind in _CHASSIS:
        return (Evidence(f"{_DMI}/chassis_type", kind),)
    read = tree.read(f"{_DEVICE_TREE}/compatible")
    if not isinstance(read, Value) or not read.data or any(word in read.data.lower() for word in _VIRTUAL):
        return ()
    below = (f"{_DEVICE_TREE}/hypervisor", f"{_DEVICE_TREE}/ibm,partition-name")
    if any(isinstance(tree.kind_of(path), str) for path in below):
        return ()
    name = read.data.partition(b"\0")[0].decode("utf-8", "backslashreplace")
    return (Evidence(f"{_DEVICE_TREE}/compatible", name),)


def _cpu_flag(tree: Tree) -> Optional[bool]:
    """x86 sets the CPU flag ``hypervisor`` in guests (CPUID leaf 1, ECX bit 31); other architectures have none."""
    read = tree.read("/proc/cpuinfo", 4 << 20)
    if not isinstance(read, Value):
        return None
    # The flags of the first processor, which come within its first lines.
    _, found, rest = (b"\n" + read.data[:_ONE_CPU]).partition(b"\nflags")
    return b" hypervisor" in rest.partition(b"\n")[0] if found else None
