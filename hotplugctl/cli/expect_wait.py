"""The waiting of ``expect``: until what a monitor command brings is there and ready, or what it takes away is gone."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hotplugctl.cli import exit as status
from hotplugctl.cli.live_facts import explain
from hotplugctl.cli.live_loop import Loop
from hotplugctl.cli.live_open import open_ears
from hotplugctl.cli.wait_sink import Patience
from hotplugctl.cli.world import remark
from hotplugctl.collect import view
from hotplugctl.live.wanted import SETTLED, held_up, reached
from hotplugctl.model.monitor import Expectation, Sighting, View
from hotplugctl.rules import expectation
from hotplugctl.source import clock
from hotplugctl.source.tree import Tree


class Waited(NamedTuple):
    """``code`` as ``cli.exit`` has it; ``seconds`` that it took."""

    sighting: Sighting
    code: int
    seconds: float


def wait(tree: Tree, expected: Expectation, before: View, timeout: float) -> Waited:
    """Wait on this machine, ``timeout`` seconds at most. ``before`` was seen first: what came since then is new.

    It listens before it looks again, so that nothing comes in between, and says on stderr when it does. What the
    command names (a place, a serial number, a MAC address) counts where it is there already.
    """
    began = clock.monotonic()
    hearing = open_ears(tree, since_boot=False)
    sink = Patience()
    loop = Loop(tree, hearing, sink, lambda look: explain(tree, look))
    try:
        loop.begin()
        sighting, done = _look(tree, expected, before, loop)
        if not done:
            # What came before the first look is nothing new: now is the time.
            remark("listening")
        while not done and clock.monotonic() < began + timeout:
            # What is heard is only the reason to look again.
            sink.stirred = False
            loop.run(began + timeout, lambda: sink.stirred)
            sighting, done = _look(tree, expected, before, loop)
        recovered = loop.recovered
    finally:
        hearing.ears.close()
    code = status.YES if done else status.TIMED_OUT if recovered else status.LOST
    return Waited(sighting, code, round(clock.monotonic() - began, 3))


def _look(tree: Tree, expected: Expectation, before: View, loop: Loop) -> tuple[Sighting, bool]:
    """What is there now, and whether that is all that was waited for."""
    after = view.collect(tree)
    sighting = expectation.now(expected, after)
    if not sighting.seen:
        # Of what it names nothing has to be there already; what is new may tell no serial number, or not yet.
        sighting = expectation.between(expected, before, after)
    if not sighting.seen:
        return sighting, False
    why = _unready(expected, sighting.address, loop)
    return (sighting, True) if why is None else (sighting._replace(remarks=(*sighting.remarks, why)), False)


def _unready(expected: Expectation, address: Optional[str], loop: Loop) -> Optional[str]:
    """Why a function that came is of no use yet; None where it is, or where there is no function to ask."""
    journey = loop.state.functions.get(address or "")
    if expected.action == "remove" or not expected.clues.function or address is None:
        return None
    if journey is None:
        return f"{address} is not announced yet"
    return None if reached(loop.state, journey, SETTLED) else f"{address} {held_up(loop.state, journey)}"
