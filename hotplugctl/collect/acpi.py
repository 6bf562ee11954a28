"""The ACPI side of PCI hot-plug: slot nodes (``sun``), QEMU's PHPR node and its GPE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Read, Value, reason
from hotplugctl.model.snapshot import Acpi
from hotplugctl.source.tree import Tree

_ACPI = "/sys/firmware/acpi"
# QEMU wires PCI hot-plug to GPE 1: docs/specs/acpi_pci_hotplug.rst.
GPE = f"{_ACPI}/interrupts/gpe01"
_NAMESPACE = "/sys/devices/LNXSYSTM:00"
# "device:00" up to Linux 3.8.
_SYSTEM_BUS = ("LNXSYBUS:", "device:")
_HOST_BRIDGES = ("PNP0A03:", "PNP0A08:")
_PHPR_UID = "PCI Hotplug resources"
_ADR = re.compile(r"0x([0-9a-f]{4})[0-9a-f]{4}\Z")
_COUNT = re.compile(rb"\s*(\d{1,18})\b")


def collect(tree: Tree, functions: tuple[PciFunction, ...], buses: Mapping[str, Optional[str]]) -> Acpi:
    """What firmware says; each slot node is matched to its bus by the ``firmware_node`` of the port above."""
    unknown: dict[str, str] = {}
    paths = {function.address: function.path for function in functions}
    slots: dict[str, Mapping[str, str]] = {}
    phpr = None
    express: set[str] = set()
    present = _present(tree, unknown)
    for bus, port in buses.items():
        device = paths.get(port) if port is not None else f"/sys/devices/pci{bus}"
        node = None if device is None else tree.resolve(f"{device}/firmware_node")
        if not isinstance(node, str) and port is None and present:
            node = _unbound_host_bridge(tree, buses)
        if not isinstance(node, str):
            continue
        if node.rpartition("/")[2].startswith("PNP0A08"):
            express.add(bus)
        children = _children(tree, node)
        if port is None and phpr is None:
            phpr = _find_phpr(tree, node, children)
        found = {f"{bus}:{device:02x}": path for device, path in _slot_devices(tree, node, children)}
        if found:
            slots[bus] = found
    count, pending = _gpe(tree, unknown)
    return Acpi(present, phpr, count, GPE, slots, frozenset(express), unknown, pending)


def _unbound_host_bridge(tree: Tree, buses: Mapping[str, Optional[str]]) -> Optional[str]:
    """The node of the host bridge where nothing links to it (pci=noacpi): told only if there is one bridge and bus."""
    if sum(port is None for port in buses.values()) != 1:
        return None
    found: list[str] = []
    for above in _with_prefix(tree, _NAMESPACE, _SYSTEM_BUS):
        found += _with_prefix(tree, above, _HOST_BRIDGES)
    return found[0] if len(found) == 1 else None


def _with_prefix(tree: Tree, path: str, prefixes: tuple[str, ...]) -> list[str]:
    listing = tree.names(path)
    names = listing.names if isinstance(listing, Names) else ()
    return [f"{path}/{name}" for name in names if name.startswith(prefixes)]


def _children(tree: Tree, node: str) -> tuple[str, ...]:
    listing = tree.names(node)
    return tuple(name for name in listing.names if ":" in name) if isinstance(listing, Names) else ()


def _find_phpr(tree: Tree, node: str, children: Iterable[str]) -> Optional[str]:
    for name in children:
        if name.startswith("PNP0A06"):
            uid = tree.read(f"{node}/{name}/uid")
            if isinstance(uid, Value) and uid.text == _PHPR_UID:
                return f"{node}/{name}/uid"
    return None


def _slot_devices(tree: Tree, node: str, children: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Device number and path of each node with ``sun``; ``adr`` holds device and function (ACPI 6.5, 6.1.1)."""
    for name in children:
        directory = tree.directory(f"{node}/{name}")
        if isinstance(directory, FAILURES):
            continue
        with directory:
            slot = isinstance(directory.read("sun"), Value)
            adr = directory.read("adr") if slot else None
        found = _ADR.match(adr.text) if isinstance(adr, Value) else None
        if found is not None and int(found[1], 16) < 32:
            yield int(found[1], 16), f"{node}/{name}/sun"


def _present(tree: Tree, unknown: dict[str, str]) -> Optional[bool]:
    listing = tree.names(_ACPI)
    if isinstance(listing, Names):
        return True
    if isinstance(listing, Absent):
        return False
    unknown["present"] = reason(listing)
    return None


def _gpe(tree: Tree, unknown: dict[str, str]) -> tuple[Optional[int], bool]:
    """How often it was taken, and whether it is raised right now: ``STS`` (drivers/acpi/sysfs.c, counter_show())."""
    read: Read = tree.read(GPE)
    if isinstance(read, Value):
        found = _COUNT.match(read.data)
        if found is not None:
            return int(found[1]), b"STS" in read.data[found.end() :].split()
        unknown["gpe"] = f"{GPE}: not a count"
    elif not isinstance(read, Absent):
        unknown["gpe"] = reason(read)
    return None, False
