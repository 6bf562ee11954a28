"""The disks of sysfs, by name, to be held against what the kernel log says of them."""

from __future__ import annotations

from typing import Optional

from hotplugctl.collect import nodes
from hotplugctl.model.listing import Names
from hotplugctl.model.log_view import SysfsDisk, SysfsDisks
from hotplugctl.source.tree import Tree


def collect(tree: Tree) -> SysfsDisks:
    """Disks below PCI functions with their sizes; names of block devices and SCSI hosts wherever they are."""
    found, _ = nodes.collect(tree)
    disks = [
        SysfsDisk(node.name, node.path, _size(node.detail.get("size")))
        for below in found.values()
        for node in below
        if node.subsystem == "block" and "/block/" in node.path and node.path.rpartition("/")[0].endswith("/block")
    ]
    return SysfsDisks(tuple(disks), _names(tree, "/sys/class/block"), _names(tree, "/sys/class/scsi_host"))


def _size(value: object) -> Optional[int]:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _names(tree: Tree, path: str) -> Optional[frozenset[str]]:
    listing = tree.names(path)
    return frozenset(listing.names) if isinstance(listing, Names) else None
