"""Looks at sysfs: what is there at the start, what a fresh look shows that was never heard, and facts asked for."""

from __future__ import annotations

from typing import Optional

from hotplugctl.live.stages import bound, node_added, settle
from hotplugctl.live.state import State, general, told
from hotplugctl.live.uevents import removed
from hotplugctl.model.live import (
    DRIVER_UNBOUND,
    ENUMERATED,
    FUNCTION_ADDED,
    LOST,
    NODE_REMOVED,
    RESYNC,
    FunctionFact,
    Journey,
    Look,
    NodeFact,
    NodeState,
    Transition,
)  # fmt: skip

_MARK = "resync: found by a fresh look"
_GONE = "resync: gone in a fresh look"


def take(state: State, look: Look, at: float) -> list[Transition]:
    """Take in a look."""
    if look.kind == "facts":
        state.slots.update(look.slots)
        return [one for fact in look.functions for one in _facts(state, fact, at)]
    state.slots = dict(look.slots)
    state.blind = state.blind and not look.complete
    state.udev = look.udev if look.udev is not None else state.udev
    state.window = look.seqnums
    state.starting = look.kind == "start"
    if look.kind == "start":
        for fact in look.functions:
            _settle_in(state, fact)
        return []
    return _resync(state, look, at)


def _facts(state: State, fact: FunctionFact, at: float) -> list[Transition]:
    """More about a function that is known; what it is not known to be does not change by it.

    It may be ready after all: udev's word on its node can be lost.
    """
    journey = state.functions.get(fact.address)
    if journey is None:
        return []
    journey.class_ = journey.class_ or fact.class_
    journey.ids = journey.ids or fact.ids
    journey.modules = fact.modules if fact.modules is not None else journey.modules
    journey.trouble = fact.trouble or journey.trouble
    journey.slot = journey.slot or fact.slot
    out: list[Transition] = []
    for node in fact.nodes:
        known = journey.nodes.get(node.path)
        if known is not None and node.udev and not known.ready:
            known.ready = True
            out += settle(state, journey, at, None, known)
    return out


def _settle_in(state: State, fact: FunctionFact) -> Journey:
    """A function that was there before anything was heard."""
    journey = Journey(fact.address, None)
    journey.told = journey.settled = True
    state.know(journey, fact.path)
    _take_facts(state, journey, fact)
    for node in fact.nodes:
        journey.add_node(_node(state, journey, node, None))
    return journey


def _take_facts(state: State, journey: Journey, fact: FunctionFact) -> None:
    state.know(journey, fact.path)
    journey.class_ = fact.class_ or journey.class_
    journey.ids = fact.ids or journey.ids
    journey.driver = fact.driver
    journey.slot = fact.slot or journey.slot
    journey.modules = fact.modules
    journey.trouble = fact.trouble
    journey.children = dict(fact.children)
    for path in fact.children:
        state.own(path.rpartition("/")[2], fact.address)


def _node(state: State, journey: Journey, fact: NodeFact, at: Optional[float]) -> NodeState:
    node = NodeState(fact, at)
    node.ready = fact.udev is not False
    if fact.subsystem == "scsi_host":
        state.own(fact.name, journey.address)
    return node


def _resync(state: State, look: Look, at: float) -> list[Transition]:
    there = {fact.address: fact for fact in look.functions}
    out: list[Transition] = []
    if look.complete:
        for journey in sorted(state.functions.values(), key=lambda one: -len(one.path or "")):
            if journey.address not in there and journey.address in state.functions:
                out += _vanished(state, journey, at)
    for fact in look.functions:
        out += _differences(state, fact, at)
    state.gone.clear()
    state.early.clear()
    if look.kind == "scan":
        return [one if one.reason not in (_MARK, _GONE) else one._replace(reason=None) for one in out]
    if not out and look.lost is None:
        return []
    why = look.lost or "a fresh look differs from what was told"
    known = f"{why}; {len(there)} functions are there"
    summary = f"{len(out)} differences" if out else "no difference: what was told is what is there"
    if not look.complete:
        summary += "; the bus could not be listed whole"
    return [general(LOST, at, None, known), *out, general(RESYNC, at, None, summary)]


def _vanished(state: State, journey: Journey, at: float) -> list[Transition]:
    return [one._replace(reason=_GONE) for one in removed(state, journey, at, _GONE)]


def _differences(state: State, fact: FunctionFact, at: float) -> list[Transition]:
    journey = state.functions.get(fact.address)
    out: list[Transition] = []
    if journey is None or not journey.told:
        journey = journey or Journey(fact.address, at)
        state.know(journey, fact.path)
        journey.told = True
        journey.class_, journey.ids, journey.slot = fact.class_, fact.ids, fact.slot
        journey.reach(ENUMERATED, at)
        out.append(told(state, FUNCTION_ADDED, at, journey, None, ENUMERATED, _MARK))
    before = journey.driver
    if before is not None and before != fact.driver:
        out.append(told(state, DRIVER_UNBOUND, at, journey, None, None, _MARK))
        journey.driver = None
    if fact.driver is not None and fact.driver != before:
        out += bound(state, journey, at, fact.driver, _MARK)
    _take_facts(state, journey, fact)
    out += _node_differences(state, journey, fact, at)
    settled = settle(state, journey, at, _MARK)
    if not journey.settled:
        state.arm(journey)
    return out + settled


def _node_differences(state: State, journey: Journey, fact: FunctionFact, at: float) -> list[Transition]:
    there = {node.path: node for node in fact.nodes}
    out = []
    for path in sorted(set(journey.nodes) - set(there), reverse=True):
        out.append(told(state, NODE_REMOVED, at, journey, journey.nodes[path], None, _GONE))
        journey.pop_node(path)
    for path, node in there.items():
        known = journey.nodes.get(path)
        if known is not None:
            known.ready = known.ready or bool(node.udev)
            continue
        journey.add_node(_node(state, journey, node, at))
        out.append(node_added(state, journey, journey.nodes[path], at, _MARK))
    return out
