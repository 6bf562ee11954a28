"""Disks under other names: what a loop device, an export or swap lies on, as somebody typed it or a container has it.

Asked for are paths in /dev, and nodes of devices that are mounted or made on a tmpfs: looking at these cannot hang.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hotplugctl.collect import opened
from hotplugctl.model.reads import Absent, Failure, Unrecorded, Value, reason
from hotplugctl.model.users import Block, Export, Mount, Seen, Swap
from hotplugctl.parse import process as grammar
from hotplugctl.parse import udevdb
from hotplugctl.source.tree import Tree

_MEMORY = ("devtmpfs", "tmpfs")
# Files of memory, which are no disks whatever they are called.
_SHM = "/dev/shm/"


class Aliases(NamedTuple):
    """Path → name of the block device, of paths that are not called after one; and of which that is not known."""

    names: Mapping[str, str]
    unseen: tuple[Seen, ...]


class Table(NamedTuple):
    """What names disks: see ``Users``."""

    blocks: Mapping[str, Block]
    mounts: Sequence[Mount]
    swaps: Sequence[Swap]
    exports: Sequence[Export]


def collect(tree: Tree, table: Table) -> Aliases:
    """Every path that something lies in, and that is no file of a disk as the kernel calls it."""
    known = {block.node for block in table.blocks.values()}
    known |= {f"/dev/mapper/{block.dm[0]}" for block in table.blocks.values() if block.dm is not None}
    paths = {path: what for what, path in _named(table) if path not in known and _is_asked(path, table.mounts)}
    if not paths:
        return Aliases({}, ())
    said = tree.behind(list(paths), opened.SECONDS)
    noted = _noted(tree, table) if any(isinstance(read, Unrecorded) for read in said.values()) else {}
    numbers = {block.number: name for name, block in table.blocks.items() if block.number is not None}
    found: dict[str, str] = {}
    unseen = []
    for path, what in paths.items():
        read = said[path]
        behind = grammar.behind(read.text) if isinstance(read, Value) else None
        is_disk = behind is not None and behind.kind == "block"
        name = numbers.get(behind.number or "") if behind is not None and is_disk else noted.get(path)
        if name is not None:
            found[path] = name
        elif not isinstance(read, Value) and path.startswith("/dev/") and not path.startswith(_SHM):
            unseen.append(
                Seen("blocks", f"{what} lies on {path}, and which disk that is is not known ({_why(read)})", None)
            )
    return Aliases(found, tuple(unseen))


def _why(read: Failure) -> str:
    # In a container it may have that name.
    return f"{reason(read)}; another namespace may have it" if isinstance(read, Absent) else reason(read)


def _noted(tree: Tree, table: Table) -> Mapping[str, str]:
    """By the links that udev has made, and by what is mounted: for recordings that say nothing of the nodes."""
    found: dict[str, str] = {}
    by_file = {block.node: name for name, block in table.blocks.items()}
    for mount in table.mounts:
        if mount.type == "devtmpfs" and f"/dev{mount.root}" in by_file:
            found[mount.point] = by_file[f"/dev{mount.root}"]
    for name, block in table.blocks.items():
        read = tree.read(f"/run/udev/data/b{block.number}") if block.number is not None else None
        for link in udevdb.parse(read.text).links if isinstance(read, Value) else ():
            found[f"/dev/{link}"] = name
    return found


def _named(table: Table) -> Iterator[tuple[str, str]]:
    """What lies on something, and on which path."""
    for block in table.blocks.values():
        if block.backing is not None:
            yield block.node, block.backing.partition(opened.DELETED)[0]
    for export in table.exports:
        yield f"the export {export.name}", export.path
    for swap in table.swaps:
        if swap.kind == "partition" and not swap.gone:
            yield "swap", swap.path
    for mount in table.mounts:
        for path in mount.beside:
            yield mount.point, path


def _is_asked(path: str, mounts: Sequence[Mount]) -> bool:
    if path.startswith("/dev/"):
        return True
    above = max(
        (mount for mount in mounts if _is_above(mount.point, path)), key=lambda one: len(one.point), default=None
    )
    return above is not None and above.type in _MEMORY


def _is_above(point: str, path: str) -> bool:
    return point == "/" or path == point or path.startswith(point + "/")
