"""Uevents of the kernel and of udev: what they change, and what is told of it.

The kernel's event gives the time, udev's says that a node is ready; each may be heard twice, late, or not at all. An
event that announces what is known (SYNTH_UUID: somebody wrote to a ``uevent`` file, as ``udevadm trigger`` does; see
Documentation/ABI/testing/sysfs-uevent) changes nothing.
"""

from __future__ import annotations

from typing import Optional

from hotplugctl.live.paths import CHILD_BUSES, device_file
from hotplugctl.live.stages import bound, node_added, settle
from hotplugctl.live.state import NODES_LIMIT, State, told
from hotplugctl.model.address import owner, parent
from hotplugctl.model.devices import NODE_CLASSES
from hotplugctl.model.live import (
    CHILD,
    DRIVER_UNBOUND,
    ENUMERATED,
    FUNCTION_ADDED,
    FUNCTION_REMOVED,
    NODE_REMOVED,
    NODE_RENAMED,
    Journey,
    NodeFact,
    NodeState,
    Transition,
    milliseconds,
)  # fmt: skip
from hotplugctl.model.uevent import UDEV_GROUP, Uevent

_UNHEARD_ADD = "its own add event was not heard"
_UNHEARD_REMOVE = "its remove event was not heard"
# A function whose first sign in the log is older than this has come anew.
_SIGN_KEPT_S = 60.0


def take(state: State, event: Uevent, at: float) -> list[Transition]:
    """Take in one uevent."""
    found = owner(event.devpath)
    if found is None:
        return []
    if event.group == UDEV_GROUP and not state.udev_only:
        state.udev = True
        return _from_udev(state, event, at, *found)
    seq, window = event.seqnum, state.window
    if window is not None and seq is not None and seq <= window[0]:
        return []
    address, path = found
    if event.group == UDEV_GROUP:
        state.udev = True
    out = _of_function(state, event, at, address) if path == event.devpath else _below(state, event, at, address, path)
    if event.group == UDEV_GROUP:
        out += _from_udev(state, event, at, address, path)
    return out


def _of_function(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    if event.subsystem not in ("pci", None):
        return []
    handler = {"add": _added, "remove": _removed, "bind": _bound, "unbind": _unbound}.get(event.action)
    return [] if handler is None else handler(state, event, at, address)


def _added(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    seq, path = event.seqnum, event.devpath
    journey = state.functions.get(address)
    if seq is not None and state.gone.get(path, -1) >= seq:
        return []
    known = "SYNTH_UUID" in event.properties or "DRIVER" in event.properties
    out: list[Transition] = []
    if journey is not None and journey.told:
        if known or not _is_new_life(state, journey, seq):
            state.know(journey, event.devpath)
            _learn(state, journey, event)
            return []
        if journey.first is not None or (journey.driver is not None and not _in_window(state, seq)):
            out = removed(state, journey, at, _UNHEARD_REMOVE)
            journey = None
        else:
            journey.first, journey.settled = at, False
    if known and state.blind:
        _learn(state, _present(state, address, event.devpath), event)
        return out
    return out + _inserted(state, event, at, address, journey, _UNHEARD_ADD if known else None)


def _is_new_life(state: State, journey: Journey, seq: Optional[int]) -> bool:
    """Whether an add of a known function is another insertion: the kernel announces a device before it has a driver.

    One in the window of the first look was seen by it already, yet is new.
    """
    if _in_window(state, seq):
        return journey.first is None and state.starting
    if seq is not None and journey.seq is not None and seq <= journey.seq:
        return False
    return journey.driver is not None


def _in_window(state: State, seq: Optional[int]) -> bool:
    return state.window is not None and seq is not None and state.window[0] < seq <= state.window[1]


def _inserted(
    state: State, event: Uevent, at: float, address: str, journey: Optional[Journey], reason: Optional[str]
) -> list[Transition]:
    if journey is None or (journey.first is not None and not 0 <= at - journey.first < _SIGN_KEPT_S):
        journey = Journey(address, at)
    state.know(journey, event.devpath)
    journey.first = at if journey.first is None else min(journey.first, at)
    journey.told = True
    journey.seq = event.seqnum
    _learn(state, journey, event)
    state.announce(journey, parent(event.devpath))
    journey.reach(ENUMERATED, at)
    state.arm(journey)
    return [told(state, FUNCTION_ADDED, at, journey, None, ENUMERATED, reason), *settle(state, journey, at)]


def _learn(state: State, journey: Journey, event: Uevent) -> None:
    """Facts that the event carries: PCI_CLASS (hex without zeros in front), PCI_ID (``1AF4:1001``)."""
    properties = event.properties
    class_ = properties.get("PCI_CLASS")
    if class_ is not None:
        journey.class_ = class_.lower().zfill(6)
    ids = properties.get("PCI_ID")
    if ids is not None:
        journey.ids = ids.lower()
    if state.blind and journey.first is None:
        journey.driver = properties.get("DRIVER", journey.driver)


def _present(state: State, address: str, path: str) -> Journey:
    """A function that was there before anything was heard, and of which nothing is known yet."""
    journey = state.functions.get(address) or Journey(address, None)
    state.know(journey, path)
    journey.told = journey.settled = True
    return journey


def _removed(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    if "SYNTH_UUID" in event.properties:
        return []
    journey = state.functions.get(address)
    seq = event.seqnum
    if journey is not None and seq is not None and journey.seq is not None and seq < journey.seq:
        return []
    state.remember(state.gone, event.devpath, seq)
    if journey is None or not journey.told:
        if journey is not None:
            state.drop(journey)
        if not state.blind:
            return []
        journey = Journey(address, None)
        journey.settled = True
        _learn(state, journey, event)
        return [told(state, FUNCTION_REMOVED, at, journey)]
    reason = None if journey.settled else f"removed before it was ready ({_furthest(journey)} was reached)"
    return removed(state, journey, at, reason)


def removed(state: State, journey: Journey, at: float, reason: Optional[str]) -> list[Transition]:
    """A function has gone, and with it what was behind it and its nodes; those whose own events are missing say so."""
    going, gone = [journey], []
    # No recursion: bridges behind bridges may be as many as a recording cares to tell.
    while going:
        one = going.pop()
        gone.append(one)
        behind = sorted(state.behind.pop(one.address, ()))
        state.drop(one)
        going += [state.functions[address] for address in behind if address in state.functions]
    out: list[Transition] = []
    for one in reversed(gone):
        out += _farewell(state, one, at, reason if one is journey else _UNHEARD_REMOVE)
    return out


def _farewell(state: State, journey: Journey, at: float, reason: Optional[str]) -> list[Transition]:
    out = [
        told(state, NODE_REMOVED, at, journey, node, None, _UNHEARD_REMOVE)
        for node in sorted(journey.nodes.values(), key=lambda one: -len(one.path))
    ]
    if journey.told:
        out.append(told(state, FUNCTION_REMOVED, at, journey, None, None, reason, milliseconds(journey.leaving, at)))
    return out


def _furthest(journey: Journey) -> str:
    return max(journey.stages, key=lambda stage: journey.stages[stage], default="nothing")


def _bound(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    driver = event.properties.get("DRIVER")
    journey, out = _there(state, event, at, address, event.devpath)
    if driver is None:
        return out
    if "SYNTH_UUID" in event.properties:
        journey.driver = journey.driver or driver
        return out
    state.arm(journey)
    return [*out, *bound(state, journey, at, driver), *settle(state, journey, at)]


def _unbound(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    journey = state.functions.get(address)
    if journey is None or not journey.told or "SYNTH_UUID" in event.properties:
        return []
    if journey.driver is None and not state.blind:
        return []
    out = [told(state, DRIVER_UNBOUND, at, journey)]
    journey.driver = journey.log_driver = None
    journey.stages.pop("bound", None)
    return out


def _there(state: State, event: Uevent, at: float, address: str, path: str) -> tuple[Journey, list[Transition]]:
    """The function that an event is about; one that was never heard of is there all the same."""
    journey = state.functions.get(address)
    if journey is not None and journey.told:
        return journey, []
    if state.blind and journey is None:
        return _present(state, address, path), []
    bare = Uevent("add", path, "pci", None, event.at, event.group, {} if path != event.devpath else event.properties)
    out = _inserted(state, bare, at, address, journey, _UNHEARD_ADD)
    return state.functions[address], out


def _below(state: State, event: Uevent, at: float, address: str, path: str) -> list[Transition]:
    """A device below a function: its nodes, and what its driver made on other buses."""
    subsystem = event.subsystem or ""
    if subsystem not in NODE_CLASSES and subsystem not in CHILD_BUSES:
        return []
    if event.action == "remove":
        return _lost_child(state, event, at, address)
    if event.action not in ("add", "bind", "unbind", "move"):
        return []
    if event.action == "add" and event.seqnum is not None and state.gone.get(event.devpath, -1) >= event.seqnum:
        return []
    journey, out = _there(state, event, at, address, path)
    state.arm(journey)
    if subsystem in CHILD_BUSES:
        _child(state, journey, event, at)
    if journey.driver is None and event.action == "add":
        # What is below a function was made by its driver; who that is the log may have said, else its bind event will.
        out += bound(state, journey, at, journey.log_driver)
    if subsystem in NODE_CLASSES:
        out += _moved(state, journey, event, at) if event.action == "move" else _node(state, journey, event, at)
    return out + settle(state, journey, at, None, journey.nodes.get(event.devpath))


def _child(state: State, journey: Journey, event: Uevent, at: float) -> None:
    path = event.devpath
    if event.action == "add":
        journey.reach(CHILD, at)
    if event.subsystem == "virtio":
        driver = None if event.action == "unbind" else event.properties.get("DRIVER", journey.children.get(path))
        journey.children[path] = driver
        state.own(path.rpartition("/")[2], journey.address)


def _node(state: State, journey: Journey, event: Uevent, at: float) -> list[Transition]:
    path = event.devpath
    known = journey.nodes.get(path)
    if event.action != "add":
        return []
    if known is not None:
        if known.at is not None or not state.starting or not _in_window(state, event.seqnum):
            return []
        known.at = at
    else:
        if len(journey.nodes) >= NODES_LIMIT:
            journey.pop_node(next(iter(journey.nodes)))
        known = NodeState(fact(event), at, event.seqnum)
        journey.add_node(known)
    early = state.early.pop(path, None)
    known.ready = known.ready or (early is not None and early == event.seqnum)
    if known.subsystem == "scsi_host":
        state.own(known.name, journey.address)
    return [node_added(state, journey, known, at)]


def fact(event: Uevent) -> NodeFact:
    """The node that an event is about."""
    subsystem = event.subsystem or ""
    name = event.properties.get("INTERFACE") or event.devpath.rpartition("/")[2].replace("!", "/")
    return NodeFact(subsystem, name, device_file(subsystem, name, event.properties.get("DEVNAME")), event.devpath)


def _moved(state: State, journey: Journey, event: Uevent, at: float) -> list[Transition]:
    """A new name: the devpath changes with it (net/core/dev.c, ``dev_change_name``)."""
    there = journey.nodes.get(event.devpath)
    before = journey.pop_node(event.properties.get("DEVPATH_OLD", ""))
    if there is not None and (before is None or before is there):
        journey.add_node(there)
        return []
    after = NodeState(fact(event), at, event.seqnum if before is None else before.seq)
    out = [] if there is None else [told(state, NODE_REMOVED, at, journey, there, None, _UNHEARD_REMOVE)]
    journey.add_node(after)
    after.ready = event.devpath in state.early
    if before is None:
        return [node_added(state, journey, after, at, "renamed, and what it was is not known")]
    return [*out, told(state, NODE_RENAMED, at, journey, after, None, f"was {before.name}")]


def _lost_child(state: State, event: Uevent, at: float, address: str) -> list[Transition]:
    journey = state.functions.get(address)
    path, seq = event.devpath, event.seqnum
    if "SYNTH_UUID" in event.properties:
        return []
    node = None if journey is None else journey.nodes.get(path)
    if node is not None and seq is not None and node.seq is not None and seq < node.seq:
        return []
    state.remember(state.gone, path, seq)
    if journey is None or not journey.told:
        return []
    if journey.children.pop(path, None) is not None or event.subsystem == "virtio":
        state.owners.pop(path.rpartition("/")[2], None)
    if node is None:
        if not state.blind or event.subsystem not in NODE_CLASSES:
            return []
        return [told(state, NODE_REMOVED, at, journey, NodeState(fact(event), None))]
    if node.subsystem == "scsi_host":
        state.owners.pop(node.name, None)
    parts = [one for one in journey.nodes.values() if one.path.startswith(path + "/")] if node.parts else []
    out = [told(state, NODE_REMOVED, at, journey, part, None, _UNHEARD_REMOVE) for part in parts]
    for part in (*parts, node):
        journey.pop_node(part.path)
    return [*out, told(state, NODE_REMOVED, at, journey, node)]


def _from_udev(state: State, event: Uevent, at: float, address: str, path: str) -> list[Transition]:
    """udev is done with a device. Its rules may have renamed the interface, so the name of now counts."""
    journey = state.functions.get(address)
    if event.action not in ("add", "bind", "change", "move") or journey is None or not journey.told:
        return []
    if event.devpath == path:
        if event.action != "add" and event.action != "bind":
            return []
        journey.udev_done = True
        state.arm(journey)
        return settle(state, journey, at)
    node = journey.nodes.get(event.devpath)
    if node is None:
        if event.subsystem in NODE_CLASSES and event.action == "add":
            state.remember(state.early, event.devpath, event.seqnum)
        return []
    if event.action == "add" and not node.ready:
        node.ready = True
        state.arm(journey)
        return settle(state, journey, at, None, node)
    return []
