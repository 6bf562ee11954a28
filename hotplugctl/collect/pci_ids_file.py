"""Which pci.ids there is, and where else names may come from."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value
from hotplugctl.source.tree import Tree

UDEV = "/run/udev/data"

FILES = (
    "/usr/share/misc/pci.ids",
    "/usr/share/hwdata/pci.ids",
    "/usr/share/misc/pci.ids.gz",
    "/usr/share/hwdata/pci.ids.gz",
)


def source_of(tree: Tree, reference: Optional[Tree]) -> str:
    """The file that names would come from, without reading it; ``reference`` is this machine."""
    for where in (tree, reference):
        for path in FILES if where is not None else ():
            if where is not None and where.kind_of(path) in ("file", "link"):
                return path
    return UDEV if _udev_has_names(tree) else "built-in"


def _udev_has_names(tree: Tree) -> bool:
    """Whether udev's hardware database named a PCI function (hwdb(7))."""
    listing = tree.names(UDEV)
    for name in listing.names if isinstance(listing, Names) else ():
        read = tree.read(f"{UDEV}/{name}") if name.startswith("+pci:") else None
        if isinstance(read, Value) and b"E:ID_VENDOR_FROM_DATABASE=" in read.data:
            return True
    return False
