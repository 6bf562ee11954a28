"""The nodes that PCI functions made: disks, partitions, interfaces, hosts, out of /sys/class."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping
from typing import Callable, Optional

from hotplugctl.collect.functions import device_path
from hotplugctl.model.address import owner
from hotplugctl.model.devices import FILELESS, NODE_CLASSES, Detail, Node
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Denied, Failed, Failure, Hung, Read, Unrecorded, Value, reason
from hotplugctl.source.tree import Directory, Tree

RISKY_SECONDS = 2.0
"""How long an attribute may take that can wait for a device, or for a lock, for ever."""


def collect(tree: Tree) -> tuple[Mapping[str, tuple[Node, ...]], Optional[Failure]]:
    """Address of a function → its nodes, ordered by class and name. Nodes of no PCI function are left out.

    The failure is the first that may hide nodes: a class that is there and could not be listed, or a member of one.
    """
    found: dict[str, list[Node]] = {}
    failures: list[Failure] = []
    for subsystem in NODE_CLASSES:
        for address, via, path in _owned(tree, subsystem, failures):
            found.setdefault(address, []).append(_node(tree, subsystem, path, via))
    _add_serials(tree, found)
    return _ordered(found), _first(tree, failures)


def of_function(
    tree: Tree, address: str, known: Mapping[str, tuple[Node, ...]]
) -> tuple[tuple[Node, ...], Optional[Failure]]:
    """As ``collect``, of one function alone. ``known``: ``serials`` of the same tree: what they asked is known.

    Of virtio disks that is all that is known of the serial number here, so that no disk is asked twice.
    """
    failures: list[Failure] = []
    asked = {node.path: node for node in known.get(address, ())}
    found = [
        _as_asked(_node(tree, subsystem, path, via), asked.get(path))
        for subsystem in NODE_CLASSES
        for owned_by, via, path in _owned(tree, subsystem, failures)
        if owned_by == address
    ]
    return tuple(sorted(found, key=_order)), failures[0] if failures else None


def _as_asked(node: Node, asked: Optional[Node]) -> Node:
    if asked is None or "serial" not in asked.detail:
        return node
    return node._replace(
        detail={**node.detail, "serial": asked.detail["serial"]}, unknown={**node.unknown, **asked.unknown},
        hung=asked.hung,
    )  # fmt: skip


def bare(tree: Tree) -> tuple[Mapping[str, tuple[Node, ...]], Optional[Failure]]:
    """As ``collect``, and nothing is read of the nodes: what they are called and where they are."""
    found: dict[str, list[Node]] = {}
    failures: list[Failure] = []
    for subsystem in NODE_CLASSES:
        for address, via, path in _owned(tree, subsystem, failures):
            found.setdefault(address, []).append(_bare(subsystem, path, via))
    return _ordered(found), _first(tree, failures)


def _first(tree: Tree, failures: list[Failure]) -> Optional[Failure]:
    """What may hide nodes, if anything does: a tree that is not whole hides some, too."""
    if not failures and not tree.whole:
        return Unrecorded("/sys/class")
    return failures[0] if failures else None


def serials(tree: Tree) -> Mapping[str, tuple[Node, ...]]:
    """Only the virtio disks, with nothing read of them but the serial number: does the device still answer?"""
    found: dict[str, list[Node]] = {}
    for address, via, path in _owned(tree, "block", []):
        if "/virtio" in path:
            found.setdefault(address, []).append(_bare("block", path, via))
    _add_serials(tree, found)
    return {address: tuple(nodes) for address, nodes in found.items()}


def named(subsystem: str, path: str) -> Node:
    """One member of a class by its devpath, with nothing read of it; no ``via`` where no PCI function is above."""
    above = owner(path)
    return _bare(subsystem, path, () if above is None else tuple(path[len(above[1]) + 1 :].split("/")[:-1]))


def _bare(subsystem: str, path: str, via: tuple[str, ...]) -> Node:
    name = path.rpartition("/")[2]
    return Node(subsystem, name, _device_file(subsystem, name), via, path, {}, {})


def _ordered(found: Mapping[str, list[Node]]) -> Mapping[str, tuple[Node, ...]]:
    return {address: tuple(sorted(nodes, key=_order)) for address, nodes in found.items()}


def _order(node: Node) -> tuple[str, list[tuple[int, str]]]:
    """Numbers in a name count as numbers: sda2 before sda10."""
    parts = re.findall(r"\d+|\D+", node.name)
    return node.subsystem, [(int(part[:9]) if part.isdecimal() else -1, part) for part in parts]


def _owned(tree: Tree, subsystem: str, failures: list[Failure]) -> Iterable[tuple[str, tuple[str, ...], str]]:
    """Of each member below a PCI function: that function, the parts between them, its path."""
    for path in _members(tree, subsystem, failures):
        above = owner(path)
        if above is not None:
            yield above[0], tuple(path[len(above[1]) + 1 :].split("/")[:-1]), path


def _members(tree: Tree, subsystem: str, failures: list[Failure]) -> Iterable[str]:
    base = f"/sys/class/{subsystem}"
    directory = tree.directory(base)
    if not isinstance(directory, FAILURES):
        with directory:
            listing = directory.names()
            if isinstance(listing, FAILURES):
                failures.append(listing)
            for name in listing.names if isinstance(listing, Names) else ():
                link = directory.link(name)
                if isinstance(link, FAILURES) and _hides(link):
                    failures.append(link)
                path = _linked(tree, f"{base}/{name}", link)
                if path is not None:
                    yield path
        return
    if not isinstance(directory, (Absent, Unrecorded)):
        failures.append(directory)
    if subsystem == "scsi_generic":
        # A recording may hold /sys/bus/scsi without this class; the device itself names its generic node.
        yield from _generic_of_scsi_devices(tree)


def _hides(link: Failure) -> bool:
    """Whether a node may be behind it: what is no link at all (net/bonding_masters) or has gone meanwhile is none."""
    return isinstance(link, Denied) or (isinstance(link, Failed) and link.errno != errno.EINVAL)


def _generic_of_scsi_devices(tree: Tree) -> Iterable[str]:
    base = "/sys/bus/scsi/devices"
    listing = tree.names(base)
    for name in listing.names if isinstance(listing, Names) else ():
        if name[:1].isdigit():
            device = device_path(tree, f"{base}/{name}")
            below = tree.names(f"{device}/scsi_generic") if isinstance(device, str) else None
            if isinstance(below, Names):
                yield from (f"{device}/scsi_generic/{generic}" for generic in below.names)


def _linked(tree: Tree, link_path: str, link: Read) -> Optional[str]:
    if not isinstance(link, Value):
        return None
    target = link.text
    if target.startswith("../../devices/") and "/.." not in target[6:]:
        return "/sys" + target[5:]
    resolved = tree.resolve(link_path)
    return resolved if isinstance(resolved, str) else None


def _node(tree: Tree, subsystem: str, path: str, via: tuple[str, ...]) -> Node:
    name = path.rpartition("/")[2]
    detail: dict[str, Detail] = {}
    unknown: dict[str, str] = {}
    readers = _DETAILS.get(subsystem, ())
    directory = tree.directory(path) if readers else None
    if isinstance(directory, FAILURES):
        detail, unknown = _all_unknown(readers, reason(directory))
    elif directory is not None:
        with directory:
            for key, kind in readers:
                _read_detail(directory, key, kind, detail, unknown)
    if subsystem == "block":
        detail["partition"] = _partition(name, via)
    return Node(subsystem, name, _device_file(subsystem, name), via, path, detail, unknown)


def _all_unknown(readers: Iterable[tuple[str, str]], why: str) -> tuple[dict[str, Detail], dict[str, str]]:
    return {key: None for key, _ in readers}, {key: why for key, _ in readers}


def _partition(name: str, via: tuple[str, ...]) -> Optional[int]:
    """The number of a partition: its directory lies in that of its disk (block/vdb/vdb1, nvme0n1/nvme0n1p1)."""
    disk = via[-1] if via else ""
    number = name[len(disk) :].lstrip("p") if disk and name.startswith(disk) else ""
    return int(number) if number.isdecimal() and len(number) < 5 else None


def _device_file(subsystem: str, name: str) -> Optional[str]:
    if subsystem in FILELESS:
        return None
    if subsystem == "sound":
        return f"/dev/snd/{name}"
    if subsystem == "drm":
        return f"/dev/dri/{name}"
    # The kernel writes ! for the / of a name such as cciss/c0d0.
    return "/dev/" + name.replace("!", "/")


# What is read of a node: attribute and kind. All of these are kept by the kernel; none asks the device.
_DETAILS: dict[str, tuple[tuple[str, str], ...]] = {
    "block": (("size", "sectors"), ("ro", "flag")),
    "net": (("address", "text"), ("operstate", "text")),
    "scsi_host": (("proc_name", "text"),),
    "nvme": (("model", "text"), ("serial", "text"), ("state", "text")),
}
_OPTIONAL = frozenset({"state"})
# lib/vsprintf.c writes this where a driver has given its host no name (drivers/scsi/scsi_sysfs.c).
_NULL = "(null)"


def _read_detail(directory: Directory, key: str, kind: str, detail: dict[str, Detail], unknown: dict[str, str]) -> None:
    read = directory.read(key)
    if key == "proc_name" and isinstance(read, Value) and read.text.strip() == _NULL:
        detail[key] = None
        return
    if isinstance(read, Value):
        value = _CONVERT[kind](read.text.strip())
        if value is not None:
            detail[key] = value
            return
        unknown[key] = f"{read.path}: not a {kind}"
    elif key not in _OPTIONAL or not isinstance(read, Absent):
        unknown[key] = reason(read)
    detail[key] = None


def _number(text: str) -> Optional[int]:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _sectors(text: str) -> Optional[int]:
    """``size`` counts sectors of 512 bytes whatever the device's block size (Documentation/ABI/stable/sysfs-block)."""
    count = _number(text)
    return None if count is None else count * 512


_CONVERT: dict[str, Callable[[str], Detail]] = {
    "text": lambda text: text,
    "number": _number,
    "sectors": _sectors,
    "flag": lambda text: {"0": False, "1": True}.get(text),
}


def _add_serials(tree: Tree, found: dict[str, list[Node]]) -> None:
    """``serial`` of a virtio disk asks the host and may never return: read where it can be left behind."""
    wanted = {
        f"{node.path}/serial": (nodes, position)
        for nodes in found.values()
        for position, node in enumerate(nodes)
        if node.subsystem == "block" and len(node.via) == 2 and node.via[0].startswith("virtio")
    }
    if not wanted:
        return
    for path, read in tree.read_risky(tuple(wanted), RISKY_SECONDS).items():
        nodes, position = wanted[path]
        nodes[position] = _with_serial(nodes[position], read)


def _with_serial(node: Node, read: Read) -> Node:
    if isinstance(read, (Value, Absent)):
        serial = read.text or None if isinstance(read, Value) else None
        return node._replace(detail={**node.detail, "serial": serial})
    return node._replace(
        detail={**node.detail, "serial": None},
        unknown={**node.unknown, "serial": reason(read)},
        hung=node.hung + (("serial",) if isinstance(read, Hung) else ()),
    )
