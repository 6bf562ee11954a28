"""Other network namespaces: a macvlan or VLAN in one of them lies on an interface here, and sysfs does not show it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Optional

from hotplugctl.collect.mounts import LIMIT, OWN
from hotplugctl.collect.processes import gone, hint, pids
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Failure, Value, reason
from hotplugctl.model.users import NetSpace, Seen
from hotplugctl.parse import mountinfo, net_dev
from hotplugctl.source.tree import Tree

_LIMIT = 1 << 20
_INSIDE = "ip -d link, in that namespace"
# What a kernel gives to every namespace.
_EVERYWHERE = ("lo", "sit0", "tunl0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0")


class NetSpaces(NamedTuple):
    """Those in which a process lives and which have interfaces of their own; and where that could not be told."""

    items: tuple[NetSpace, ...]
    unseen: tuple[Seen, ...]


def collect(tree: Tree) -> NetSpaces:
    """All but the one of whoever asks."""
    listing = tree.names("/proc")
    own = tree.link("/proc/self/ns/net")
    known = {own.text} if isinstance(own, Value) else set()
    found = []
    missed: dict[str, Failure] = {}
    for pid in pids(listing.names) if isinstance(listing, Names) else ():
        link = tree.link(f"/proc/{pid}/ns/net")
        if not isinstance(link, Value):
            if not gone(link):
                missed[pid] = link
        elif link.text not in known:
            known.add(link.text)
            read = tree.read(f"/proc/{pid}/net/dev", _LIMIT)
            names = net_dev.names(read.text) if isinstance(read, Value) else ()
            of_it = tuple(name for name in names if name not in _EVERYWHERE)
            found += [NetSpace(int(pid), of_it)] if of_it else []
    return NetSpaces(tuple(found), (*_unseen(tree, missed, listing), *_kept(tree, known)))


def _unseen(tree: Tree, missed: dict[str, Failure], listing: object) -> tuple[Seen, ...]:
    if not isinstance(listing, Names):
        # Without any process, ``collect.processes`` has said so.
        return ()
    first: Optional[Failure] = next(iter(missed.values()), None)
    if first is None:
        return ()
    count = f"{len(missed)} process{'es' if len(missed) > 1 else ''}"
    return (Seen("interfaces", f"the network namespace of {count} is not known ({reason(first)})", hint(tree, first)),)


def _kept(tree: Tree, known: Collection[str]) -> Iterator[Seen]:
    """Namespaces that a mount keeps (ip-netns(8)) and in which no process lives: nothing in /proc looks into them."""
    read = tree.read(OWN, LIMIT)
    told: set[str] = set()
    for mount in mountinfo.parse(read.data, (b" - nsfs ",)) if isinstance(read, Value) else ():
        if mount.type == "nsfs" and mount.root.startswith("net:[") and mount.root not in (*known, *told):
            told.add(mount.root)
            yield Seen("interfaces", f"no process lives in the network namespace that {mount.point} keeps", _INSIDE)
