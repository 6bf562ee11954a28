"""The waiting itself: look, listen, look again; on a recording look alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Optional

from hotplugctl.cli import exit as status
from hotplugctl.cli.live_facts import explain
from hotplugctl.cli.live_loop import Loop
from hotplugctl.cli.live_open import open_ears
from hotplugctl.cli.wait_sink import NOTHING_SEEN, Aim, HasSerial, Patience
from hotplugctl.collect import listing as listings
from hotplugctl.collect import nodes, serials, signs, udev
from hotplugctl.collect.listing import Listing
from hotplugctl.live import reducer
from hotplugctl.live.state import State
from hotplugctl.live.wanted import SETTLED, candidates, idle
from hotplugctl.model.devices import Node
from hotplugctl.model.listing import Names
from hotplugctl.model.live import Journey, Sign
from hotplugctl.model.reads import reason
from hotplugctl.source import clock
from hotplugctl.source.tree import Tree

_AGAIN_SECONDS = 0.2
_FUNCTIONS = "/sys/bus/pci/devices"


class Outcome(NamedTuple):
    """``code`` as ``cli.exit`` has it; ``addresses``: the devices to show; ``stage``: the last that was reached."""

    code: int
    addresses: tuple[str, ...]
    waited: float
    stage: Optional[str]
    reason: Optional[str]


def live(tree: Tree, aim: Aim, timeout: float) -> Outcome:
    """Wait on this machine, ``timeout`` seconds at most. It listens before it looks, so nothing comes in between."""
    began = clock.monotonic()
    hearing = open_ears(tree, since_boot=False)
    has_serial = _asks(tree)
    loop = Loop(tree, hearing, Patience(), lambda look: explain(tree, look))
    try:
        look = loop.begin()
        _examine(tree, aim, loop.state)
        if not look.complete and not look.functions:
            return _unknown(tree, began)
        vain = None if aim.fulfilled(loop.state, has_serial) else _in_vain(tree, aim, loop.state)
        if vain is not None:
            return _outcome(status.NO, loop.state, aim, has_serial, began, vain)
        done = _wait(loop, tree, aim, has_serial, began + timeout)
        if not done:
            some = [one for one in candidates(loop.state, aim.wanted) if one.told and not one.settled]
            _explain(tree, loop.state, some)
        if not loop.recovered:
            return _outcome(
                status.LOST, loop.state, aim, has_serial, began, "events were lost, and no look made up for it"
            )
        return _outcome(status.YES if done else status.TIMED_OUT, loop.state, aim, has_serial, began)
    finally:
        hearing.ears.close()


def recorded(tree: Tree, aim: Aim) -> Outcome:
    """What a recording holds is all that there will be: found or not, at once."""
    began = clock.monotonic()
    look = signs.look(tree, "start", _addresses(tree))
    if not look.functions:
        return _unknown(tree, began)
    state = reducer.start(look._replace(udev=udev.collect(tree, udev.mounts(tree)).running))
    has_serial = _asks(tree)
    _examine(tree, aim, state)
    if aim.fulfilled(state, has_serial):
        return _outcome(status.YES, state, aim, has_serial, began)
    return _outcome(status.NO, state, aim, has_serial, began, "nothing changes in a recording")


def listing(tree: Tree, machine: Optional[Tree], addresses: Collection[str]) -> Listing:
    """These functions as ``list`` shows them."""
    found = listings.collect(tree, machine)
    wanted = frozenset(addresses)
    items = tuple(item for item in found.functions.items if item.address in wanted)
    return found._replace(functions=found.functions._replace(items=items, failure=None))


def _wait(loop: Loop, tree: Tree, aim: Aim, has_serial: HasSerial, until: float) -> bool:
    """Run until it is there, and there still; False where the time was up before."""
    while True:
        done = aim.fulfilled(loop.state, has_serial)
        if done and (aim.gone or _stands(tree, aim, loop.state, has_serial)):
            return True
        now = clock.monotonic()
        if now >= until:
            return False
        # What is told to be there and is not has just gone: its event is on the way.
        if done:
            loop.run(min(until, now + _AGAIN_SECONDS), lambda: False)
        else:
            loop.run(until, lambda: aim.fulfilled(loop.state, has_serial))


def _stands(tree: Tree, aim: Aim, state: State, has_serial: HasSerial) -> bool:
    there = [one.address for one in aim.arrived(state, aim.there(state, has_serial))]
    return sum(isinstance(tree.kind_of(f"{_FUNCTIONS}/{address}"), str) for address in there) >= aim.many


def _unknown(tree: Tree, began: float) -> Outcome:
    names = tree.names(_FUNCTIONS)
    why = "no PCI function" if isinstance(names, Names) else reason(names)
    return Outcome(status.CANNOT_TELL, (), _since(began), None, f"what is there cannot be known: {why}")


def _addresses(tree: Tree) -> Sequence[str]:
    names = tree.names(_FUNCTIONS)
    return names.names if isinstance(names, Names) else ()


def _outcome(
    code: int, state: State, aim: Aim, has_serial: HasSerial, began: float, why: Optional[str] = None
) -> Outcome:
    there = aim.there(state, has_serial)
    arrived = there if aim.gone else aim.arrived(state, there)
    stage = None if aim.gone else aim.stage(state, has_serial)
    said = None
    if code != status.YES:
        held = aim.why(state, has_serial)
        said = held if why is None else why if held == NOTHING_SEEN else f"{why}; {held}"
    return Outcome(code, tuple(one.address for one in arrived), _since(began), stage, said)


def _since(began: float) -> float:
    return round(clock.monotonic() - began, 3)


def _in_vain(tree: Tree, aim: Aim, state: State) -> Optional[str]:
    """Why it can never come; None where that is not certain: something that is there may still become it."""
    wanted = aim.wanted
    if aim.gone or (not aim.new and any(True for _ in candidates(state, wanted))):
        return None
    if any(one.first is not None for one in candidates(state, wanted)):
        return None
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.rules import answer, arrival, catalogue

    snapshot = collect(tree)
    said = answer.answer(snapshot, catalogue.select((), ()))
    virtual = any(isinstance(tree.kind_of(f"{item.path}/sriov_totalvfs"), str) for item in snapshot.functions.items)
    why = arrival.impossible(snapshot, said.report, wanted.address, wanted.slot, virtual)
    return None if why is None else f"it can never come by itself: {why}"


def _examine(tree: Tree, aim: Aim, state: State) -> None:
    """Have the rules say whether something is wrong with what would be taken for ready on its looks alone."""
    if aim.wanted.stage == SETTLED and not aim.gone and not aim.new:
        _explain(tree, state, [one for one in candidates(state, aim.wanted) if idle(one) and aim.particular])


def _explain(tree: Tree, state: State, some: Sequence[Journey]) -> None:
    if some:
        now = clock.monotonic()
        look = signs.look(tree, "facts", tuple(one.address for one in some))
        reducer.step(state, Sign(now, now, explain(tree, look)))


def _asks(tree: Tree) -> HasSerial:
    """Whether a function has a disk of this serial number. Read where it or its nodes are new: some disks ask back.

    Another function at the same place may have made nodes of the same names.
    """
    known: dict[str, tuple[Journey, frozenset[str], frozenset[str]]] = {}
    there: Mapping[str, tuple[Node, ...]] = {}

    def has(journey: Journey, serial: str) -> bool:
        nonlocal there
        address, paths = journey.address, frozenset(journey.nodes)
        before = known.get(address)
        if before is None or before[0] is not journey or before[1] != paths:
            if not there or before is not None or journey.first is not None:
                there, _ = nodes.collect(tree)
            known[address] = journey, paths, serials.collect(tree, there.get(address, ()))
        return serial in known[address][2]

    return has
