"""What the guest is: its kernel, its hypervisor and machine, and whether it is a guest at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from hotplugctl.collect import hypervisor
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.reads import Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Guest
from hotplugctl.source.tree import Tree

_RELEASE = re.compile(r"Linux version (\S{1,64})")
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
    architecture = _architecture(tree, symbols)
    if architecture is None:
        unknown["architecture"] = "/proc/sys/kernel/arch: not there, and no kernel config tells"
    found = hypervisor.identify(tree, kernel[0], architecture, functions)
    physical = None if found.hypervisor is None and found.flag is None else not found.hypervisor and not found.flag
    if found.hypervisor is None and not physical:
        why = "a hypervisor is there, but nothing names it" if found.flag else "no DMI, ACPI table or CPU flag tells"
        unknown["hypervisor"] = why
    if physical is None:
        unknown["physical"] = unknown["hypervisor"]
    if found.machine is None and not physical:
        unknown["machine"] = "nothing names it"
    evidence = found.evidence
    if physical and not evidence:
        evidence = (Evidence("/proc/cpuinfo", "flags without hypervisor"),)
    container, sign = _container(tree)
    return Guest(
        kernel[0], architecture, found.hypervisor, found.machine, tree.kind, container, physical,
        evidence + ((sign,) if sign is not None else ()), unknown,
    )  # fmt: skip


def _architecture(tree: Tree, symbols: Mapping[str, str]) -> Optional[str]:
    named = _text(tree, "/proc/sys/kernel/arch")
    if named:
        return named
    return next((name for name, symbol in _ARCHITECTURES if symbols.get(symbol) == "y"), None)


def _text(tree: Tree, path: str) -> str:
    read = tree.read(path)
    return read.text.strip() if isinstance(read, Value) else ""


def _container(tree: Tree) -> tuple[Optional[str], Optional[Evidence]]:
    """A container sees the host's sysfs, but no uevents and nothing that it could do with a device.

    systemd and OCI managers leave these marks (systemd.io/CONTAINER_INTERFACE, podman-run(1)); Kubernetes leaves only
    its service's address in the environment.
    """
    if tree.kind == "image":
        return None, None
    named = _text(tree, "/run/systemd/container")
    if named:
        return named, Evidence("/run/systemd/container", named)
    environment = tree.read("/proc/1/environ")
    for entry in environment.data.split(b"\0") if isinstance(environment, Value) else ():
        if entry.startswith(b"container=") and len(entry) > 10:
            kind = entry[10:].decode("utf-8", "backslashreplace")
            return kind, Evidence("/proc/1/environ", f"container={kind}")
        if entry.startswith(b"KUBERNETES_SERVICE_HOST="):
            return "kubernetes", Evidence("/proc/1/environ", "KUBERNETES_SERVICE_HOST")
    # A virtual machine whose root was made from a container image keeps these marks, with init in the first namespace.
    namespace = tree.link("/proc/self/ns/pid")
    if isinstance(namespace, Value) and namespace.text == _FIRST_PID_NAMESPACE:
        return None, None
    for path, kind in (("/run/.containerenv", "podman"), ("/.dockerenv", "docker")):
        if tree.kind_of(path) == "file":
            return kind, Evidence(path, "exists")
    return None, None
