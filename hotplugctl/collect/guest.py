"""What the guest is: its kernel, its hypervisor and machine, and whether it is a guest at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.reads import Read, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Guest
from hotplugctl.source.tree import Tree

_DMI = "/sys/class/dmi/id"
_RELEASE = re.compile(r"Linux version (\S{1,64})")

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
    ("innotek GmbH", "", "virtualbox", None),
    ("Parallels", "", "parallels", None),
    ("Alibaba Cloud", "", "qemu", None),
)
# The OEM id in the header of an ACPI table (ACPI 6.5, 5.2.6), where there is no DMI.
_BY_OEM = {b"FIRECK": ("firecracker", None), b"CLOUDH": ("cloud-hypervisor", None), b"BOCHS ": ("qemu", None)}
# Host bridges that only one kind of machine has: vendor, device, subsystem vendor.
_BY_BRIDGE = {
    ("8086", "1237", "1af4"): ("qemu", "pc"),
    ("8086", "29c0", "1af4"): ("qemu", "q35"),
    ("1b36", "0008", "1af4"): ("qemu", "virt"),
    ("8086", "0d57", "0000"): (None, None),
}
# include/linux/proc_ns.h, PROC_PID_INIT_INO: the number of the first PID namespace of every kernel.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_ARCHITECTURES = (("x86_64", "CONFIG_X86_64"), ("aarch64", "CONFIG_ARM64"), ("s390x", "CONFIG_S390"))
ARCHITECTURE_SYMBOLS = tuple(symbol for _, symbol in _ARCHITECTURES)


def release(tree: Tree) -> tuple[Optional[str], Optional[str]]:
    """The running kernel's release and, where it is not known, why (/proc/sys/kernel/osrelease, /proc/version)."""
    read = tree.read("/proc/sys/kernel/osrelease")
    if isinstance(read, Value) and read.text.strip():
        return read.text.strip(), None
    version = tree.read("/proc/version")
    found = _RELEASE.match(version.text) if isinstance(version, Value) else None
    if found is not None:
        return found[1], None
    return None, f"{read.path}: empty" if isinstance(read, Value) else reason(read)


def collect(
    tree: Tree,
    kernel: tuple[Optional[str], Optional[str]],
    symbols: Mapping[str, str],
    functions: tuple[PciFunction, ...],
) -> Guest:
    """What this guest is; ``symbols`` are those of its kernel config that tell the architecture."""
    unknown: dict[str, str] = {}
    if kernel[1] is not None:
        unknown["kernel"] = kernel[1]
    hypervisor, machine, evidence = _hypervisor(tree, functions)
    flag = _hypervisor_flag(tree)
    physical = None if hypervisor is None and flag is None else hypervisor is None and not flag
    if hypervisor is None and flag is not False:
        why = "a hypervisor is there, but nothing names it" if flag else "no DMI, ACPI table or CPU flag tells"
        unknown["hypervisor"] = why
    if physical is None:
        unknown["physical"] = unknown["hypervisor"]
    if machine is None and not physical:
        unknown["machine"] = "nothing names it"
    architecture = _architecture(tree, symbols)
    if architecture is None:
        unknown["architecture"] = "/proc/sys/kernel/arch: not there, and no kernel config tells"
    container, sign = _container(tree)
    return Guest(
        kernel[0], architecture, hypervisor, machine, tree.kind, container, physical,
        evidence + ((sign,) if sign is not None else ()), unknown,
    )  # fmt: skip


def _hypervisor(
    tree: Tree, functions: tuple[PciFunction, ...]
) -> tuple[Optional[str], Optional[str], tuple[Evidence, ...]]:
    for find in (_by_dmi, _by_hypervisor_folder, _by_tables):
        found = find(tree)
        if found is not None:
            hypervisor, machine, evidence = found
            return hypervisor, machine or _machine_by_bridge(functions), (evidence,)
    return _by_bridge(functions)


def _text(tree: Tree, path: str) -> str:
    read = tree.read(path)
    return read.text.strip() if isinstance(read, Value) else ""


def _by_dmi(tree: Tree) -> Optional[tuple[str, Optional[str], Evidence]]:
    vendor, product = _text(tree, f"{_DMI}/sys_vendor"), _text(tree, f"{_DMI}/product_name")
    for vendor_part, product_part, hypervisor, machine in _BY_DMI:
        if vendor.startswith(vendor_part) and product_part.lower() in product.lower():
            if hypervisor == "aws-nitro" and product.endswith(".metal"):
                return None
            return hypervisor, machine, Evidence(f"{_DMI}/product_name", f"{vendor} {product}".strip())
    if product in ("KVM", "Bochs", "RHEV Hypervisor") or "KVM" in product:
        return "qemu", None, Evidence(f"{_DMI}/product_name", product)
    return None


def _by_hypervisor_folder(tree: Tree) -> Optional[tuple[str, Optional[str], Evidence]]:
    kind = _text(tree, "/sys/hypervisor/type")
    return (kind, None, Evidence("/sys/hypervisor/type", kind)) if kind else None


def _by_tables(tree: Tree) -> Optional[tuple[str, Optional[str], Evidence]]:
    for table in ("FACP", "DSDT", "APIC"):
        path = f"/sys/firmware/acpi/tables/{table}"
        read: Read = tree.read(path)
        if isinstance(read, Value) and read.data[10:16] in _BY_OEM:
            hypervisor, machine = _BY_OEM[read.data[10:16]]
            return hypervisor, machine, Evidence(path, f"OEM id {read.data[10:16].decode('ascii')}")
    return None


def _machine_by_bridge(functions: tuple[PciFunction, ...]) -> Optional[str]:
    return _by_bridge(functions)[1]


def _by_bridge(functions: tuple[PciFunction, ...]) -> tuple[Optional[str], Optional[str], tuple[Evidence, ...]]:
    for function in functions:
        key = (function.vendor or "", function.device or "", function.subsystem_vendor or "")
        if key in _BY_BRIDGE and _BY_BRIDGE[key][1] is not None:
            hypervisor, machine = _BY_BRIDGE[key]
            return hypervisor, machine, (Evidence(f"{function.path}/modalias", function.modalias or ""),)
    return None, None, ()


def _hypervisor_flag(tree: Tree) -> Optional[bool]:
    """x86 sets the CPU flag ``hypervisor`` in guests (CPUID leaf 1, ECX bit 31); other architectures have none."""
    read = tree.read("/proc/cpuinfo", 4 << 20)
    if not isinstance(read, Value):
        return None
    flags = next((line for line in read.data.splitlines() if line.startswith(b"flags")), None)
    return None if flags is None else b" hypervisor" in flags


def _architecture(tree: Tree, symbols: Mapping[str, str]) -> Optional[str]:
    named = _text(tree, "/proc/sys/kernel/arch")
    if named:
        return named
    return next((name for name, symbol in _ARCHITECTURES if symbols.get(symbol) == "y"), None)


def _container(tree: Tree) -> tuple[Optional[str], Optional[Evidence]]:
    """A container sees the host's sysfs, but no uevents and nothing that it could do with a device.

    systemd and OCI managers leave these marks (systemd.io/CONTAINER_INTERFACE, podman-run(1)).
    """
    named = _text(tree, "/run/systemd/container")
    if named:
        return named, Evidence("/run/systemd/container", named)
    environment = tree.read("/proc/1/environ")
    if isinstance(environment, Value):
        for entry in environment.data.split(b"\0"):
            if entry.startswith(b"container=") and len(entry) > 10:
                kind = entry[10:].decode("utf-8", "backslashreplace")
                return kind, Evidence("/proc/1/environ", f"container={kind}")
    # A virtual machine whose root was made from a container image keeps these marks, with init in the first namespace.
    namespace = tree.link("/proc/self/ns/pid")
    if isinstance(namespace, Value) and namespace.text == _FIRST_PID_NAMESPACE:
        return None, None
    for path, kind in (("/run/.containerenv", "podman"), ("/.dockerenv", "docker")):
        if tree.kind_of(path) == "file":
            return kind, Evidence(path, "exists")
    return None, None
