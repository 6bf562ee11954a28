"""The mounts of the namespace that asks, and what the kernel swaps to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.reads import Absent, Failure, Value
from hotplugctl.model.users import Mount, Swap
from hotplugctl.parse import mountinfo, swaps
from hotplugctl.source.tree import Tree

LIMIT = 32 << 20
"""Bytes of a mountinfo: a hundred thousand mounts, which is the kernel's own limit (fs.mount-max)."""

OWN = "/proc/self/mountinfo"

_PLAIN = ("/proc/self/mounts", "/proc/mounts")


class Mounts(NamedTuple):
    """In the kernel's order; the failure where there is no telling."""

    items: tuple[Mount, ...]
    failure: Optional[Failure]


class Swaps(NamedTuple):
    """As ``Mounts``."""

    items: tuple[Swap, ...]
    failure: Optional[Failure]


def own(tree: Tree, numbers: Mapping[str, str]) -> Mounts:
    """Out of mountinfo; where only /proc/mounts was recorded, with numbers by the name of the device (``numbers``)."""
    found = table(tree)
    return Mounts(
        tuple(mount._replace(number=numbers.get(mount.source)) if mount.id < 0 else mount for mount in found.items),
        found.failure,
    )


def table(tree: Tree) -> Mounts:
    """As the first of these files has them that is there; the failure is that of mountinfo, which every kernel has."""
    read = tree.read(OWN, LIMIT)
    if isinstance(read, Value):
        return Mounts(mountinfo.parse(read.data), None)
    for path in _PLAIN:
        plain = tree.read(path, LIMIT)
        if isinstance(plain, Value):
            return Mounts(mountinfo.parse_mounts(plain.data), None)
    return Mounts((), read)


def swapped(tree: Tree) -> Swaps:
    """/proc/swaps; a kernel without swap has no such file."""
    read = tree.read("/proc/swaps", LIMIT)
    if isinstance(read, Value):
        return Swaps(swaps.parse(read.data), None)
    return Swaps((), None if isinstance(read, Absent) else read)


def shared(tree: Tree) -> Mapping[str, str]:
    """Tag of a directory that the host shares → devpath of the virtio device: 9p's mount_tag, virtiofs' tag (6.9)."""
    from hotplugctl.collect.functions import device_path
    from hotplugctl.model.listing import Names

    found: dict[str, str] = {}
    base = "/sys/bus/virtio/drivers/9pnet_virtio"
    listing = tree.names(base)
    for name in listing.names if isinstance(listing, Names) else ():
        if name.startswith("virtio"):
            tag = tree.read(f"{base}/{name}/mount_tag")
            path = device_path(tree, f"/sys/bus/virtio/devices/{name}")
            if isinstance(tag, Value) and isinstance(path, str):
                found[tag.text.rstrip("\0")] = path
    base = "/sys/fs/virtiofs"
    listing = tree.names(base)
    for name in listing.names if isinstance(listing, Names) else ():
        tag, link = tree.read(f"{base}/{name}/tag"), tree.resolve(f"{base}/{name}/device")
        if isinstance(tag, Value) and isinstance(link, str):
            found[tag.text] = link
    return found
