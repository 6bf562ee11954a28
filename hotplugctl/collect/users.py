"""Puts together what may use a device, but for what processes do (``collect.processes``)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.collect import aliases, blocks, exports, mounts, network
from hotplugctl.model.reads import Denied, Failure, Unrecorded, Value, reason
from hotplugctl.model.users import RECORD_ANEW, Seen, Users
from hotplugctl.source.tree import Tree

_SHOWN = 8


def collect(tree: Tree) -> Users:
    """All of the machine: what is at stake is known only when all is."""
    of_blocks = blocks.collect(tree)
    of_mounts = mounts.own(tree, blocks.numbers(of_blocks.items.values()))
    of_swaps = mounts.swapped(tree)
    of_network = network.collect(tree)
    given = exports.collect(tree)
    named = aliases.collect(tree, aliases.Table(of_blocks.items, of_mounts.items, of_swaps.items, given))
    failures = {
        "blocks": of_blocks.failure,
        "mounts": of_mounts.failure,
        "swaps": of_swaps.failure,
        "network": of_network.failure,
        "routes": _no_routes(tree),
        "listeners": of_network.listeners,
    }
    unseen = {key: _seen(key, failure) for key, failure in failures.items() if failure is not None}
    return Users(
        of_blocks.items,
        of_mounts.items,
        of_swaps.items,
        given,
        of_network.network._replace(connections=network.connections(tree)),
        of_blocks.btrfs,
        mounts.shared(tree),
        _resume(tree),
        _consoles(tree),
        of_blocks.pools,
        {**unseen, **of_blocks.unseen, **_tables(of_network.tables)},
        named.names,
        named.unseen,
    )


def _tables(tables: tuple[str, ...]) -> dict[str, Seen]:
    """Which interface the routes of other tables go over is told to netlink alone (ip-rule(8))."""
    if not tables:
        return {}
    why = f"there are IPv4 routes in other tables than main ({', '.join(tables[:_SHOWN])}), and over what is not told"
    return {"tables": Seen("routes", why, "ip route show table all")}


def _no_routes(tree: Tree) -> Optional[Failure]:
    """A kernel with IPv4 has this file. A copy without it was not made to tell what an interface is used for."""
    found = tree.kind_of("/proc/net/route")
    return None if isinstance(found, str) else found


def _seen(what: str, failure: Failure) -> Seen:
    again = RECORD_ANEW if isinstance(failure, Unrecorded) else None
    return Seen(what, reason(failure), "root" if isinstance(failure, Denied) else again)


def _resume(tree: Tree) -> Optional[str]:
    """Where hibernation writes to (Documentation/ABI/testing/sysfs-power); None where that is nowhere."""
    read = tree.read("/sys/power/resume")
    number = read.text.strip() if isinstance(read, Value) else ""
    return None if number in ("", "0:0") else number


def _consoles(tree: Tree) -> frozenset[str]:
    """The ttys of /proc/consoles (proc_consoles(5))."""
    read = tree.read("/proc/consoles")
    lines = read.text.split("\n") if isinstance(read, Value) else []
    return frozenset(line.split()[0] for line in lines if line.split())


def processes_too(tree: Tree) -> None:
    """What is read of any process, for a tree that takes notes."""
    from hotplugctl.collect import netns, processes

    netns.collect(tree)
    processes.record(tree)


def evidence(tree: Tree) -> None:
    """All that is read of any target, for a tree that takes notes. Who asks is nobody's business there."""
    from hotplugctl.collect import functions, going, nodes, serials

    of_blocks = blocks.collect(tree)
    of_mounts = mounts.own(tree, blocks.numbers(of_blocks.items.values()))
    of_swaps = mounts.swapped(tree)
    network.collect(tree)
    aliases.collect(tree, aliases.Table(of_blocks.items, of_mounts.items, of_swaps.items, exports.collect(tree)))
    mounts.shared(tree)
    _resume(tree)
    _consoles(tree)
    for found in nodes.bare(tree)[0].values():
        # By these, too, a target is known.
        serials.collect(tree, found)
    for item in functions.collect(tree).items:
        going.virtual(tree, item)
        going.groups(tree, item)
