"""Which pci.ids there is."""

from __future__ import annotations

from typing import Optional

from hotplugctl.source.tree import Tree

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
    return "built-in"
