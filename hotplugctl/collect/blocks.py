"""Disks, partitions and what is built of them, out of /sys/class/block: who holds whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect import claims as claimed
from hotplugctl.collect.functions import device_path
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Failure, Value, Vanished, reason
from hotplugctl.model.users import Array, Block, Member, Seen
from hotplugctl.parse import udevdb
from hotplugctl.source.tree import Tree

_CLASS = "/sys/class/block"
_POOLS = "/proc/spl/kstat/zfs"
# A path of an NVMe namespace that several controllers lead to, and the disk that stands for all of them.
_NVME_PATH = re.compile(r"nvme([0-9]+)c[0-9]+n([0-9]+)\Z")


class Blocks(NamedTuple):
    """``btrfs``: UUID → devices; ``pools``: ZFS pools that are imported; the failure: none could be listed.

    ``unseen``: see ``collect.claims``.
    """

    items: Mapping[str, Block]
    btrfs: Mapping[str, tuple[str, ...]]
    pools: frozenset[str]
    failure: Optional[Failure]
    unseen: Mapping[str, Seen]


class _Around(NamedTuple):
    """What is found elsewhere, by the names of devices."""

    systems: Mapping[str, str]
    caches: Mapping[str, tuple[str, tuple[str, ...]]]
    pools: frozenset[str]


def collect(tree: Tree) -> Blocks:
    """Every block device, by its name in sysfs."""
    listing = tree.names(_CLASS)
    names = listing.names if isinstance(listing, Names) else ()
    claims = claimed.collect(tree)
    pools = frozenset(_listed(tree, _POOLS))
    around = _Around(claims.systems, _caches(tree), pools)
    paths = {name: device_path(tree, f"{_CLASS}/{name}") for name in names}
    there = {name: path for name, path in paths.items() if isinstance(path, str)}
    found = {name: _block(tree, name, path, _disk(path, there), around) for name, path in there.items()}
    failure = None if isinstance(listing, Names) else listing
    return Blocks(_with_nvme_heads(found), claims.btrfs, pools, failure, claims.unseen)


def _disk(path: str, paths: Mapping[str, str]) -> Optional[str]:
    """A partition's directory lies in that of its disk."""
    above = path.rpartition("/")[0]
    name = above.rpartition("/")[2]
    return name if paths.get(name) == above else None


def _block(tree: Tree, name: str, path: str, disk: Optional[str], around: _Around) -> Block:
    read = tree.read(f"{path}/dev")
    number = read.text.strip() if isinstance(read, Value) else None
    holders = tree.names(f"{path}/holders")
    # Git and the like keep no empty folder: a copy without a manifest may lack it.
    built = name.startswith(("dm-", "md", "bcache"))
    uuid, more = around.caches.get(name, (None, ()))
    return Block(
        name, path, number, disk,
        tuple(dict.fromkeys((*(holders.names if isinstance(holders, Names) else ()), *more))),
        _listed(tree, f"{path}/slaves") if built else (),
        _mapper(tree, path) if name.startswith("dm-") else None,
        _array(tree, path) if name.startswith("md") and disk is None else None,
        _backing(tree, name, path),
        not name.startswith("sd") or disk is not None or _text(tree, f"{path}/device/state") in (None, "running"),
        uuid,
        around.systems.get(name),
        _holds(tree, number),
        _unknown(holders) or _unknown(read),
    )  # fmt: skip


def _unknown(read: object) -> Optional[str]:
    return reason(read) if isinstance(read, FAILURES) and not isinstance(read, (Absent, Vanished)) else None


def _mapper(tree: Tree, path: str) -> tuple[str, str]:
    """Name and uuid (Documentation/ABI/testing/sysfs-block-dm); a device that somebody made by hand has no uuid."""
    return _text(tree, f"{path}/dm/name") or "", _text(tree, f"{path}/dm/uuid") or ""


def _text(tree: Tree, path: str) -> Optional[str]:
    read = tree.read(path)
    return read.data.decode("utf-8", "surrogateescape").rstrip("\n") if isinstance(read, Value) else None


def _listed(tree: Tree, path: str) -> tuple[str, ...]:
    listing = tree.names(path)
    return listing.names if isinstance(listing, Names) else ()


def _array(tree: Tree, path: str) -> Optional[Array]:
    level = _text(tree, f"{path}/md/level")
    if not level:
        return None
    degraded = _text(tree, f"{path}/md/degraded")
    members = []
    for name in _listed(tree, f"{path}/md"):
        if name.startswith("dev-"):
            members.append(Member(name[len("dev-") :], _text(tree, f"{path}/md/{name}/state") or ""))
    missing = int(degraded) if degraded is not None and degraded.isdigit() and len(degraded) < 10 else None
    return Array(level, missing, tuple(members))


def _backing(tree: Tree, name: str, path: str) -> Optional[str]:
    if name.startswith("loop"):
        return _text(tree, f"{path}/loop/backing_file")
    if name.startswith("zram"):
        named = _text(tree, f"{path}/backing_dev")
        return None if named in (None, "none") else named
    return None


def _holds(tree: Tree, number: Optional[str]) -> Optional[tuple[str, str]]:
    read = tree.read(f"/run/udev/data/b{number}") if number is not None else None
    if not isinstance(read, Value):
        return None
    properties = udevdb.parse(read.text).properties
    return properties.get("ID_FS_TYPE", ""), properties.get("ID_FS_LABEL", "")


def _caches(tree: Tree) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Cache device of bcache → its set, and the devices that it serves (Documentation/admin-guide/bcache.rst)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    base = "/sys/fs/bcache"
    for uuid in _listed(tree, base):
        if uuid.count("-") != 4:
            continue
        entries = _listed(tree, f"{base}/{uuid}")
        served = tuple(_last(tree, f"{base}/{uuid}/{entry}/dev", 1) for entry in entries if entry.startswith("bdev"))
        for entry in entries:
            if entry.startswith("cache") and entry[len("cache") :].isdigit():
                # …/block/vdc/bcache
                found[_last(tree, f"{base}/{uuid}/{entry}", 2)] = (uuid, tuple(name for name in served if name))
    return found


def _last(tree: Tree, path: str, position: int) -> str:
    link = tree.link(path)
    parts = link.text.split("/") if isinstance(link, Value) else []
    return parts[-position] if len(parts) >= position else ""


def _with_nvme_heads(found: dict[str, Block]) -> Mapping[str, Block]:
    """Paths of NVMe's own multipath name no holder: their disk is told by their names."""
    heads: dict[str, list[str]] = {}
    for name in found:
        match = _NVME_PATH.match(name)
        head = None if match is None else f"nvme{match[1]}n{match[2]}"
        if head is not None and head in found:
            found[name] = found[name]._replace(holders=(*found[name].holders, head))
            heads.setdefault(head, []).append(name)
    for head, paths in heads.items():
        found[head] = found[head]._replace(slaves=tuple(paths))
    return found


def numbers(items: Iterable[Block]) -> Mapping[str, str]:
    """Path in /dev → ``major:minor``, also by the names in /dev/mapper."""
    found: dict[str, str] = {}
    for block in items:
        if block.number is not None:
            found[block.node] = block.number
            if block.dm is not None and block.dm[0]:
                found[f"/dev/mapper/{block.dm[0]}"] = block.number
    return found
