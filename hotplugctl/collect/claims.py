"""Disks that a file system has besides the one that it is mounted by, as far as the kernel tells outside of mounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Denied, Failure, Malformed, Unrecorded, Value, reason
from hotplugctl.model.users import JOURNAL, RECORD_ANEW, Seen
from hotplugctl.source.tree import Tree

_FILE_SYSTEMS = ("ext4", "xfs", "f2fs", "nilfs2", "erofs")
_JOURNALS = "/proc/fs/jbd2"
_F2FS = "/proc/fs/f2fs"
_BCACHEFS = "/sys/fs/bcachefs"
_JOURNALLED = "ext4"
# Folders of /sys/fs/f2fs and its like that are no disks.
_OF_ALL = ("features", "tuning")
# "Disk: 1 (zoned=0): 0x… - 0x… on /dev/vdc" (fs/f2fs/sysfs.c, since 6.10)
_DISK_MAP = re.compile(r"^Disk: *[0-9]+ .* on /dev/(\S+)$", re.M)


class Claims(NamedTuple):
    """Device → file system that the kernel has on it, mounted or not; btrfs and bcachefs with their UUID after a blank.

    ``unseen``: ``journals`` or ``f2fs`` → why it is not known which disks these have besides.
    """

    systems: Mapping[str, str]
    btrfs: Mapping[str, tuple[str, ...]]
    unseen: Mapping[str, Seen]


def collect(tree: Tree) -> Claims:
    """Of all file systems that leave a mark in /sys/fs or /proc/fs."""
    btrfs = _btrfs(tree)
    found = {name: f"btrfs {uuid}" for uuid, devices in btrfs.items() for name in devices}
    unseen: dict[str, Seen] = {}
    marked = {kind: _listed(tree, f"/sys/fs/{kind}") for kind in _FILE_SYSTEMS}
    # A journal within its file system is called after both: vdb-8 (fs/jbd2/journal.c).
    journals = tree.names(_JOURNALS)
    found.update((name, JOURNAL) for name in (journals.names if isinstance(journals, Names) else ()))
    if any(name not in _OF_ALL for name in marked[_JOURNALLED]) and isinstance(journals, (Unrecorded, Denied)):
        unseen["journals"] = _seen(journals, "an ext4 elsewhere may have its journal on it")
    found.update((name, f"bcachefs {uuid}") for name, uuid in _bcachefs(tree).items())
    failure = _f2fs(tree, marked["f2fs"], found)
    if failure is not None:
        unseen["f2fs"] = _seen(failure, "an f2fs elsewhere may have it as one more disk")
    found.update((name, kind) for kind, names in marked.items() for name in names)
    return Claims(found, btrfs, unseen)


def _seen(failure: Failure, why: str) -> Seen:
    return Seen("blocks", f"{why} ({reason(failure)})", RECORD_ANEW if isinstance(failure, Unrecorded) else None)


def _f2fs(tree: Tree, names: tuple[str, ...], found: dict[str, str]) -> Optional[Failure]:
    """/sys/fs/f2fs names each after its first disk; the failure: which others one has is not told."""
    failure: Optional[Failure] = None
    for name in names:
        if name not in _OF_ALL:
            read = tree.read(f"{_F2FS}/{name}/disk_map")
            others = _DISK_MAP.findall(read.text) if isinstance(read, Value) else []
            found.update((other, "f2fs") for other in others)
            if not isinstance(read, Value):
                failure = read
            elif any("/" in other for other in others):
                # As mkfs.f2fs(8) was given it.
                failure = Malformed(read.path, "it names a disk by a link")
    return failure


def _bcachefs(tree: Tree) -> Mapping[str, str]:
    """/sys/fs/bcachefs/UUID/dev-N/block leads to each of its disks (fs/bcachefs/super.c)."""
    found: dict[str, str] = {}
    for uuid in _listed(tree, _BCACHEFS):
        for entry in _listed(tree, f"{_BCACHEFS}/{uuid}") if uuid.count("-") == 4 else ():
            link = tree.link(f"{_BCACHEFS}/{uuid}/{entry}/block") if entry.startswith("dev-") else Absent("")
            if isinstance(link, Value):
                found[link.text.rpartition("/")[2]] = uuid
    return found


def _btrfs(tree: Tree) -> Mapping[str, tuple[str, ...]]:
    """Only one device of a btrfs shows in its mounts; /sys/fs/btrfs/UUID/devices has them all."""
    base = "/sys/fs/btrfs"
    uuids = (name for name in _listed(tree, base) if name != "features" and name.count("-") == 4)
    return {uuid: _listed(tree, f"{base}/{uuid}/devices") for uuid in uuids}


def _listed(tree: Tree, path: str) -> tuple[str, ...]:
    listing = tree.names(path)
    return listing.names if isinstance(listing, Names) else ()
