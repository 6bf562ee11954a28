"""Mounts and swap whose disk has gone: they outlive it, and nobody says so.

A mount keeps the number of its device (st_dev) for as long as it lasts; the kernel takes the disk out of /sys at once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Stranded
from hotplugctl.source.tree import Tree

_BLOCK = "/sys/class/block"
_NUMBERS = "/sys/dev/block"
_VIRTUAL = "/sys/devices/virtual/block"
_MOUNTS = "/proc/self/mountinfo"
_SWAPS = "/proc/swaps"
# File systems of no block device have major number 0 (nfs, overlay, tmpfs, fuse, btrfs, zfs); those on flash that of a
# translation layer which need not be there (mtd, drivers/mtd/mtdsuper.c).
_NO_DISK = (b"0", b"31")
_LIMIT = 16 << 20
_MOST = 64
_DISKS = 4096
_MADE = ("dm-", "md")
_LINE = 200


class _Lost(NamedTuple):
    """The device of a mount: its name, and what shows that its disk has gone; ``unknown``: why that cannot be told."""

    name: str
    evidence: tuple[Evidence, ...]
    unknown: Optional[str] = None


def collect(tree: Tree) -> tuple[Stranded, ...]:
    """Of the mounts of this namespace and the swap; nothing where /sys does not list the disks."""
    listing = tree.names(_BLOCK) if tree.kind != "image" else None
    names = frozenset(listing.names) if isinstance(listing, Names) else frozenset()
    if not names:
        return ()
    return (*_mounts(tree, names), *_swapped(tree, names))


def _mounts(tree: Tree, names: Collection[str]) -> list[Stranded]:
    read = tree.read(_MOUNTS, _LIMIT)
    lines: dict[tuple[bytes, bytes], list[bytes]] = {}
    for line in read.data.split(b"\n") if isinstance(read, Value) else ():
        fields = line.split(b" ", 3)
        major, colon, minor = (fields[2] if len(fields) == 4 else b"").partition(b":")
        if colon and major.isdigit() and minor.isdigit() and major not in _NO_DISK:
            words = line.rpartition(b" - ")[2].split(b" ")[1:2]
            lines.setdefault((fields[2], words[0] if words else b""), []).append(line)
    found = []
    for (number, source), some in lines.items():
        lost = _lost(tree, number.decode("ascii", "replace"), source.decode("utf-8", "surrogateescape"), names)
        stranded = None if lost is None else _stranded(lost, some)
        if stranded is not None:
            found.append(stranded)
        if len(found) == _MOST:
            break
    return found


def _stranded(lost: _Lost, lines: list[bytes]) -> Optional[Stranded]:
    from hotplugctl.parse import mountinfo

    mounts = mountinfo.parse(b"\n".join(lines))
    if not mounts:
        return None
    said = Evidence(_MOUNTS, lines[0].decode("utf-8", "surrogateescape")[:_LINE])
    points = tuple(dict.fromkeys(mount.point for mount in mounts))
    return Stranded("mount", lost.name, mounts[0].source, points, (said, *lost.evidence), lost.unknown)


def _lost(tree: Tree, number: str, source: str, names: Collection[str]) -> Optional[_Lost]:
    """None: the device is there, and so is what it is made of."""
    name = _in_sysfs(source)
    if name in names:
        # The name alone does not tell: another disk may have it by now.
        own = tree.read(f"{_BLOCK}/{name}/dev")
        if not isinstance(own, Value) or own.text.strip() == number:
            return _dead(tree, name, names)
    link = tree.link(f"{_NUMBERS}/{number}")
    if isinstance(link, Value):
        return _dead(tree, link.text.rpartition("/")[2], names)
    if isinstance(link, Absent) and tree.kind_of(_NUMBERS) == "dir":
        return _Lost(name or number, (Evidence(link.path, "absent"),))
    return _by_name(tree, number, name, names)


def _in_sysfs(file: str) -> str:
    """The name that a file in /dev has if it is called as the kernel does it; empty for any other path."""
    return file[len("/dev/") :].replace("/", "!") if file.startswith("/dev/") else ""


def _by_name(tree: Tree, number: str, name: str, names: Collection[str]) -> Optional[_Lost]:
    """Where a recording does not say which numbers there are: by those of the disks that it lists."""
    unread = None
    for one in sorted(names)[:_DISKS]:
        read = tree.read(f"{_BLOCK}/{one}/dev")
        if not isinstance(read, Value):
            unread = unread or read
        elif read.text.strip() == number:
            return _dead(tree, one, names)
    if unread is None:
        return _Lost(name or number, (Evidence(f"{_BLOCK}/*/dev", f"none is {number}"),))
    if name in names or name in ("", "root") or "!" in name:
        return _Lost(name or number, (), reason(unread))
    return _Lost(name, (Evidence(f"{_BLOCK}/{name}", "absent"),))


def _dead(tree: Tree, name: str, names: Collection[str]) -> Optional[_Lost]:
    """Whether all that a device mapper's or md's device is made of has gone (its ``slaves``, and theirs)."""
    below, seen, ends = [name], {name}, []
    while below:
        one = below.pop()
        listing = tree.names(f"{_VIRTUAL}/{one}/slaves") if one.startswith(_MADE) else None
        if not isinstance(listing, Names) or len(seen) > _MOST:
            return None
        there = [slave for slave in listing.names if slave in names]
        missing = [slave for slave in listing.names if slave not in names]
        if missing or (not there and one.startswith("dm-")):
            ends.append(Evidence(listing.path, ", ".join(missing[:4]) or "empty"))
        elif not there:
            return None
        below += [slave for slave in there if slave not in seen]
        seen.update(there)
    return _Lost(name, tuple(ends[:4])) if ends else None


def _swapped(tree: Tree, names: Collection[str]) -> list[Stranded]:
    read = tree.read(_SWAPS)
    if not isinstance(read, Value) or b"\n/" not in read.data:
        return []
    from hotplugctl.parse import swaps

    found = []
    for swap in swaps.parse(read.data)[:_MOST]:
        name = _in_sysfs(swap.path)
        if swap.kind != "partition" or not name:
            continue
        said = Evidence(read.path, swap.path + (" (deleted)" if swap.gone else ""))
        if swap.gone and name not in names:
            found.append(Stranded("swap", name, swap.path, (), (said, Evidence(f"{_BLOCK}/{name}", "absent")), None))
        lost = _dead(tree, name, names) if name in names else None
        if lost is not None:
            found.append(Stranded("swap", name, swap.path, (), (said, *lost.evidence), None))
    return found
