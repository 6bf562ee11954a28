"""Where functions, buses and slots must fit in: the buses, the windows of root buses, and the slots' addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotplugctl.collect import buses
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value
from hotplugctl.model.validation import Claim, Layout, Subjects
from hotplugctl.parse import resource
from hotplugctl.source.tree import Tree

_SLOTS = "/sys/bus/pci/slots"
_LIMIT = 4 << 20
# drivers/acpi/pci_root.c, arch/x86/pci/acpi.c
_ROOT = re.compile(r"PCI Bus ([0-9a-f]{4,8}:[0-9a-f]{2})\Z")
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}(?::[0-9a-f]{2})?\Z")


def collect(tree: Tree, subjects: Subjects) -> Layout:
    """All of it; what cannot be read is left out."""
    functions = tuple(subject.function for subject in subjects.items.values())
    found = set(buses.collect(tree, functions)) | {function.bus for function in functions}
    for address, subject in subjects.items.items():
        if subject.config is not None and subject.config.buses is not None and subject.config.buses.secondary:
            found.add(f"{address.partition(':')[0]}:{subject.config.buses.secondary:02x}")
    claims = (*_claims(tree, "/proc/ioports", True), *_claims(tree, "/proc/iomem", False))
    return Layout(frozenset(found), claims, dict(_slots(tree)))


def _claims(tree: Tree, path: str, io: bool) -> Iterator[Claim]:
    read = tree.read(path, _LIMIT)
    # Of a list that is cut off, what it lacks says nothing.
    whole = isinstance(read, Value) and read.data.endswith(b"\n")
    parsed = resource.parse_iomem(read.text) if isinstance(read, Value) and whole else None
    if parsed is None or parsed.masked:
        return
    for entry in parsed.ranges:
        name = _ROOT.match(entry.name)
        if name is not None:
            yield Claim(name[1], entry.start, entry.end, io)


def _slots(tree: Tree) -> Iterator[tuple[str, str]]:
    listing = tree.names(_SLOTS)
    for name in listing.names if isinstance(listing, Names) else ():
        read = tree.read(f"{_SLOTS}/{name}/address")
        if isinstance(read, Value) and _ADDRESS.match(read.text.strip()):
            yield f"{_SLOTS}/{name}", read.text.strip()
