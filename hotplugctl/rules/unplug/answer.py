"""The answer: what stands against it, in the order in which to end it, and what may have been missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.snapshot import Child, Detail
from hotplugctl.model.users import Answer, Blocker, Going, Interest, NetSpace, Processes, Seen, Users
from hotplugctl.rules.unplug import hardware, programs, storage
from hotplugctl.rules.unplug import network as over
from hotplugctl.rules.unplug.command import line
from hotplugctl.rules.unplug.stake import Stake, has_files, in_user_space

GRAVE = ("root-filesystem", "connection", "slot-busy", "boot-filesystem", "efi-filesystem")
"""Kinds that are told first: most of them nothing undoes."""


_SHOWN = 8
# Displays, coprocessors, encryption, accelerators (PCI Code and ID Assignment 1.11). nvidia and the like make files in
# /dev without a device in sysfs.
_COMPUTES = ("03", "0b40", "10", "12")
_SHARES = {"virtiofs": "virtiofs", "9p": "9pnet_virtio"}
_VSOCK = "vmw_vsock_virtio_transport"


class Evidence(NamedTuple):
    """What an answer stands on. ``ports``: port above a slot that goes → its registers.

    ``spaces``: other network namespaces that have interfaces.
    """

    going: Going
    users: Users
    children: tuple[Child, ...]
    ports: Mapping[str, Detail]
    nodes_unknown: Optional[str]
    spaces: tuple[NetSpace, ...] = ()
    spaces_unseen: tuple[Seen, ...] = ()


def answer(found: Evidence, at_stake: Stake, wanted: Interest, processes: Processes) -> Answer:
    """May it be pulled?"""
    blockers = sorted(
        _once(_blockers(found, at_stake, wanted, processes)),
        key=lambda one: GRAVE.index(one.kind) if one.kind in GRAVE else len(GRAVE),
    )
    unseen = tuple(_unseen(found, at_stake, processes))
    if blockers:
        return Answer(False, None, tuple(blockers), unseen, tuple(hardware.notes(found.going)))
    safe = None if unseen else True
    reason = "; ".join(dict.fromkeys(f"{one.what}: {one.reason}" for one in unseen)) or None
    return Answer(safe, reason, (), unseen, tuple(hardware.notes(found.going)))


def _once(blockers: Iterable[Blocker]) -> Iterator[Blocker]:
    """Each once. What is mounted more than once at one place has to be unmounted as often."""
    times: dict[Blocker, int] = {}
    for one in blockers:
        times[one] = times.get(one, 0) + 1
    for one, count in times.items():
        if count == 1 or one.kind != "mount":
            yield one
            continue
        remedy = None if one.remedy is None else f"for i in $(seq {count}); do {one.remedy}; done"
        yield one._replace(summary=f"{one.summary}, {count} times", remedy=remedy)


def _blockers(found: Evidence, at_stake: Stake, wanted: Interest, processes: Processes) -> Iterator[Blocker]:
    going, users = found.going, found.users
    nets = over.nets(going, users.network)
    yield from storage.system(at_stake)
    yield from over.connections(nets, users.network)
    yield from hardware.slots(going, found.ports)
    yield from programs.programs(processes.items, going, wanted)
    yield from storage.elsewhere(processes.spaces, users, at_stake)
    yield from storage.storage(at_stake, users, processes.spaces)
    yield from over.network(nets, users)
    yield from hardware.functions(going, users, found.children)


def _unseen(found: Evidence, at_stake: Stake, processes: Processes) -> Iterator[Seen]:
    """Where something that uses it may have been missed: only what concerns what goes."""
    going, users = found.going, found.users
    if found.nodes_unknown is not None:
        yield Seen("nodes", found.nodes_unknown, None)
    if at_stake.own or any(node.subsystem == "block" for node in going.nodes):
        yield from _of_disks(at_stake, users)
    if any(node.subsystem == "net" for node in going.nodes) and "network" in users.unseen:
        yield users.unseen["network"]
    if needs_processes(going, users):
        yield from processes.unseen
    yield from found.spaces_unseen
    for item in _up(going, users):
        yield from _of_card(item, found)
    yield from _pooled(at_stake, users)
    yield from _shared(found)
    yield from _connected(found)
    yield from _other_network(found)
    yield from _untold(found)


def _untold(found: Evidence) -> Iterator[Seen]:
    """Files in /dev that a driver made past sysfs: no file tells of them."""
    paths = {node.path for node in found.going.nodes}
    for function in found.going.functions:
        made = any(path.startswith(function.path + "/") for path in paths)
        driven = function.driver is not None and not in_user_space(function.driver)
        if driven and not made and (function.class_ or "").startswith(_COMPUTES):
            why = f"what files in /dev {function.driver} gave {function.address} is not told, nor who has them open"
            yield Seen("files", why, "lsof, for the files of that driver")


def _of_disks(at_stake: Stake, users: Users) -> Iterator[Seen]:
    hidden = next((block.unknown for block in at_stake.blocks.values() if block.unknown is not None), None)
    if hidden is not None:
        yield Seen("holders", hidden, None)
    yield from (users.unseen[key] for key in ("blocks", "mounts", "swaps") if key in users.unseen)
    yield from users.unnamed
    yield from _claimed(at_stake, users)


def _of_card(item: str, found: Evidence) -> Iterator[Seen]:
    """Of an interface that is up."""
    users = found.users
    if "network" not in users.unseen:
        # What has no routes at all needs not be told of what else it lacks.
        key = "routes" if "routes" in users.unseen else "listeners"
        yield from (users.unseen[one] for one in (key, "tables") if one in users.unseen)
    if found.spaces:
        numbers = ", ".join(str(one.pid) for one in found.spaces[:_SHOWN])
        why = f"{item} is up, and one on it (macvlan, VLAN) may be in the network namespace of process {numbers}"
        yield Seen("interfaces", why, "ip -d link, in that namespace")
    loose = [address.address for address in users.network.addresses if not address.devices]
    if loose:
        shown = ", ".join(loose[:_SHOWN]) + (", …" if len(loose) > _SHOWN else "")
        why = f"{item} is up, and no route tells which interface has {shown}"
        yield Seen("addresses", why, f"ip address show dev {item}" if item.isprintable() else None)


def _claimed(at_stake: Stake, users: Users) -> Iterator[Seen]:
    """File systems of another disk that may have this one too, and do not tell."""
    parted = {block.disk for block in users.blocks.values()}
    used = {mount.number for mount in users.mounts}
    for name in at_stake.own:
        block = users.blocks[name]
        if block.system is not None or block.holders or block.number in used or name in parted:
            continue
        # udev knows a journal; what a further disk of f2fs has on it, it does not.
        if "journals" in users.unseen and (block.holds is None or block.holds[0] == "jbd"):
            yield users.unseen["journals"]
        if "f2fs" in users.unseen and (block.holds is None or not block.holds[0]):
            yield users.unseen["f2fs"]


def _pooled(at_stake: Stake, users: Users) -> Iterator[Seen]:
    """Of which devices a ZFS pool is made, udev alone tells."""
    names = [name for name in at_stake.own if at_stake.blocks[name].holds is None]
    if users.pools and names:
        pools = ", ".join(sorted(users.pools)[:_SHOWN])
        why = f"udev has noted nothing of {names[0]}, so it may be in a ZFS pool that is imported ({pools})"
        yield Seen("blocks", why, "zpool status -P")


def _drivers(found: Evidence) -> set[Optional[str]]:
    """The drivers of what is below the functions that go."""
    going = {function.address for function in found.going.functions}
    return {child.driver for child in found.children if child.address in going}


def _connected(found: Evidence) -> Iterator[Seen]:
    """Who talks to the host by vsock, netlink alone tells (net/vmw_vsock/diag.c)."""
    if _VSOCK in _drivers(found):
        yield Seen("connections", "no file tells which connections by vsock there are", "ss --vsock")


def _shared(found: Evidence) -> Iterator[Seen]:
    """A directory that the host shares is mounted by a tag, which kernels before 6.9 do not tell of virtiofs."""
    drivers = _drivers(found)
    for mount in found.users.mounts:
        if _SHARES.get(mount.type) in drivers and mount.source not in found.users.tags:
            why = f"which device the {mount.type} {mount.source} on {mount.point} comes over is not told"
            yield Seen("mounts", why, None)


def needs_processes(going: Going, users: Users) -> bool:
    """Whether a program can use it by a file, or another network namespace by an interface of its own."""
    in_user = any(in_user_space(function.driver) for function in going.functions)
    return has_files(going.nodes) or in_user or bool(_up(going, users))


def _up(going: Going, users: Users) -> list[str]:
    """The interfaces that go and are up: one that is down serves nobody."""
    names = [node.name for node in going.nodes if node.subsystem == "net" and node.name in users.network.interfaces]
    return [name for name in names if users.network.interfaces[name].up is not False]


def _other_network(found: Evidence) -> Iterator[Seen]:
    """A network card that has a driver and no interface here: it was given to another network namespace, perhaps."""
    named = {node.path for node in found.going.nodes if node.subsystem == "net"}
    for function in found.going.functions:
        driver = function.driver
        of_child = [child.driver for child in found.children if child.address == function.address]
        drives = driver is not None and not in_user_space(driver) and (not of_child or of_child[0] is not None)
        shown = any(path.startswith(function.path + "/") for path in named)
        if (function.class_ or "").startswith("02") and drives and not shown:
            why = f"{function.address} has a driver and no interface: it may be in another network namespace"
            yield Seen("interfaces", why, "root, in that namespace (lsns -t net)")


def left_behind(name: str, users: Users) -> tuple[Blocker, ...]:
    """What still uses a disk that has gone: a mount outlives its device, and so does swap."""
    file = name if name.startswith("/dev/") else f"/dev/{name}"
    there = {block.node for block in users.blocks.values()}
    found = []
    for swap in users.swaps:
        if _is_of(swap.path, file) and (swap.gone or swap.path not in there):
            found.append(Blocker("swap", swap.path, f"the kernel still swaps to {swap.path}, which is gone", None))
    for mount in users.mounts:
        if _is_of(mount.source, file) and mount.source not in there:
            summary = f"{mount.source} is gone, and still mounted on {mount.point}"
            found.append(Blocker("mount", mount.point, summary, line("umount", mount.point)))
    return tuple(reversed(found))


def _is_of(path: str, file: str) -> bool:
    """The file itself, or a partition of it."""
    rest = path[len(file) :]
    return path.startswith(file) and (not rest or rest.lstrip("p").isdigit())
