"""Who uses a node, as far as it shows at once: mounts, swap, devices above; the addresses of an interface."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Optional

from hotplugctl.model.devices import Node
from hotplugctl.model.explanation import Use
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Read, Value, reason
from hotplugctl.model.users import Mount
from hotplugctl.source.tree import Tree

_LIMIT = 16 << 20
_NET = "/proc/net"
_DEV = "/dev/"
_NUMBERS = "/sys/dev/block"
_VIRTUAL = "/sys/devices/virtual/block"
# File systems of no single device (btrfs, tmpfs, nfs) bear major number 0.
_NO_DEVICE = "0:"


def collect(tree: Tree, nodes: Iterable[Node], unknown: dict[str, str]) -> tuple[Use, ...]:
    """Of the disks and partitions among ``nodes``; ``unknown`` takes up why mounts or swap are not known.

    Nothing is read for each of them: a disk may have thousands of partitions.
    """
    by_file = {node.node: node.name for node in nodes if node.subsystem == "block" and node.node is not None}
    if not by_file:
        return ()
    names = frozenset(by_file.values())
    used: dict[str, list[Use]] = {}
    for name, point in _mounted(tree, by_file, names, unknown):
        used.setdefault(name, []).append(Use(name, "mount", point))
    for path in _swaps(tree, unknown):
        if path in by_file:
            used.setdefault(by_file[path], []).append(Use(by_file[path], "swap", path))
    for name, holder in _held(tree):
        if name in names:
            used.setdefault(name, []).append(Use(name, "holder", holder))
    return tuple(use for name in by_file.values() for use in dict.fromkeys(used.get(name, ())))


def _mounted(
    tree: Tree, by_file: Mapping[str, str], names: Collection[str], unknown: dict[str, str]
) -> Iterable[tuple[str, str]]:
    """Node and mount point: by the file that was mounted, else (/dev/root) by the number of the device."""
    numbered: dict[str, Optional[str]] = {}
    for mount in _mounts(tree, unknown):
        name = by_file.get(mount.source)
        number = mount.number
        if name is None and number is not None and not number.startswith(_NO_DEVICE):
            if number not in numbered:
                link = tree.link(f"{_NUMBERS}/{number}")
                numbered[number] = link.text.rpartition("/")[2] if isinstance(link, Value) else None
            name = numbered[number]
        if name is not None and name in names:
            yield name, mount.point


def _held(tree: Tree) -> Iterable[tuple[str, str]]:
    """A disk or partition, and what is built of it (dm, md, bcache): all of these are virtual and name their slaves."""
    above = tree.names(_VIRTUAL)
    for holder in above.names if isinstance(above, Names) else ():
        slaves = tree.names(f"{_VIRTUAL}/{holder}/slaves")
        yield from ((name, holder) for name in slaves.names) if isinstance(slaves, Names) else ()


def points(tree: Tree, file: str) -> tuple[str, ...]:
    """Where a file of /dev is mounted, whether or not the disk is there still: a mount can outlive it."""
    return tuple(mount.point for mount in _mounts(tree, {}) if mount.source == file)


def _mounts(tree: Tree, unknown: dict[str, str]) -> tuple[Mount, ...]:
    from hotplugctl.collect import mounts

    found = mounts.table(tree)
    if found.failure is not None:
        unknown["mounts"] = reason(found.failure)
    return found.items


def _swaps(tree: Tree, unknown: dict[str, str]) -> Iterable[str]:
    from hotplugctl.parse import swaps

    read = tree.read("/proc/swaps", _LIMIT)
    if isinstance(read, Value):
        return [swap.path for swap in swaps.parse(read.data) if swap.kind == "partition"]
    unknown["swap"] = reason(read)
    return ()


def addresses(tree: Tree, names: Iterable[str], unknown: dict[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Interface → its addresses with their prefixes, as far as /proc tells; ``unknown`` takes up what it does not.

    IPv4 addresses are told by the networks that they are in: nothing in /proc says straight which interface has which.
    """
    wanted = list(names)
    if not wanted:
        return {}
    from hotplugctl.parse import routes

    found: dict[str, list[str]] = {name: [] for name in wanted}
    reads: dict[str, Read] = {key: tree.read(f"{_NET}/{key}", _LIMIT) for key in ("fib_trie", "route", "if_inet6")}
    trie, table, six = reads["fib_trie"], reads["route"], reads["if_inet6"]
    if isinstance(trie, Value) and isinstance(table, Value):
        for own in routes.placed(routes.local_ipv4(trie.text), routes.ipv4(table.text)):
            # Two interfaces in one network: whose it is cannot be told.
            if len(own.devices) == 1 and own.devices[0] in found:
                found[own.devices[0]].append(f"{own.address}/{own.prefix}")
    for address in routes.local_ipv6(six.text) if isinstance(six, Value) else ():
        if address.device in found:
            found[address.device].append(f"{address.address}/{address.prefix}")
    missing = [reason(read) for read in (trie, six) if not isinstance(read, Value)]
    if missing:
        unknown["addresses"] = "; ".join(missing)
    return {name: tuple(items) for name, items in found.items()}
