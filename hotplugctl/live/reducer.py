"""The one reducer of ``watch``, ``wait`` and ``timeline``: signs in, transitions out.

The state is mutable for speed and owned by its caller: what is given is given back, changed. Nothing here reads
anything or knows a clock; the same signs give the same transitions.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import Optional

from hotplugctl.live import log, resync, uevents
from hotplugctl.live.stages import failed_bars, needs_driver, overdue, ready, wanted_node
from hotplugctl.live.state import LIMIT_S, State, told
from hotplugctl.model.live import DEVICE_STALLED, End, Journey, Look, Sign, Tick, Transition, milliseconds
from hotplugctl.model.uevent import Uevent

_BACKWARDS_S = 1.0


def start(look: Optional[Look] = None, *, by_log: bool = False, udev_only: bool = False) -> State:
    """A state before anything was heard.

    ``by_log``: the kernel log is all there will be, and it alone tells insertions (a log tells no removals).
    ``udev_only``: the kernel's own events are not heard, udev's stand for them.
    """
    state = State(by_log=by_log, udev_only=udev_only)
    if look is not None:
        resync.take(state, look, 0.0)
    return state


def feed(state: State, sign: Sign) -> tuple[State, list[Transition]]:
    """``tick`` up to the sign's ``heard``, then ``step``: what a stream of signs needs (``Tick`` and ``End`` included).

    A look of facts is taken in first: it is asked for (``wanting``) because something is overdue.
    """
    if type(sign.what) is Look and sign.what.kind == "facts":
        _, out = step(state, sign)
        return state, out + tick(state, sign.heard)[1]
    _, out = tick(state, sign.heard)
    _, more = step(state, sign)
    return state, (out + more if out else more)


def step(state: State, sign: Sign) -> tuple[State, list[Transition]]:
    """Take in one sign. Total: whatever comes, in whatever order, gives transitions or none."""
    heard, at, what = sign
    state.steps += 1
    if heard < state.now - _BACKWARDS_S:
        _rebase(state, heard)
    elif heard > state.now:
        state.now = heard
    if state.began is None:
        state.began = heard
    if type(what) is Uevent:
        return state, uevents.take(state, what, at)
    if type(what) is Look:
        return state, resync.take(state, what, at)
    if type(what) is Tick or type(what) is End:
        return state, []
    return state, log.take(state, what, at)  # type: ignore[arg-type]


def tick(state: State, now: float) -> tuple[State, list[Transition]]:
    """Tell what is overdue at ``now``; each transition bears the time at which it fell due."""
    queue = state.queue
    if not queue or queue[0][0] > now:
        return state, []
    out: list[Transition] = []
    while queue and queue[0][0] <= now:
        deadline, address = heappop(queue)
        if not address:
            # An entry that an earlier one has made idle is passed over.
            out += log.overdue(state, deadline) if deadline == state.slots_due else []
            continue
        journey = state.functions.get(address)
        if journey is None or journey.queued != deadline:
            # Left behind by one that was known here before, or was found to be due earlier.
            continue
        journey.queued = None
        if journey.deadline is None:
            continue
        if journey.deadline > deadline:
            journey.queued = journey.deadline
            heappush(queue, (journey.deadline, address))
        else:
            out += _due(state, journey, journey.deadline)
    return state, out


def finish(state: State, at: float) -> tuple[State, list[Transition]]:
    """The stream was cut at ``at``: tell what is overdue, and what was still on its way."""
    _, out = tick(state, at)
    for journey in sorted(state.functions.values(), key=lambda one: one.deadline or 0.0):
        if journey.deadline is not None and not journey.settled:
            out += _due(state, journey, at, "the stream ends here; ")
    return state, out


def next_deadline(state: State) -> Optional[float]:
    """When the next ``tick`` may have something to tell; None where nothing is waited for."""
    return state.queue[0][0] if state.queue else None


def wanting(state: State, now: float) -> tuple[str, ...]:
    """Functions that are overdue at ``now``, of which a look (``Look`` of kind ``facts``) may tell the reason."""
    queue = state.queue
    if not queue or queue[0][0] > now:
        return ()
    # A heap: what is below an entry is due no earlier (heapq). The rest of a long queue is not looked at.
    found = set()
    places = [0]
    while places:
        place = places.pop()
        if place < len(queue) and queue[place][0] <= now:
            places += (2 * place + 1, 2 * place + 2)
            journey = state.functions.get(queue[place][1])
            if journey is not None and journey.deadline is not None and journey.deadline <= now:
                found.add(journey.address)
    return tuple(sorted(found))


def _due(state: State, journey: Journey, at: float, cut: str = "") -> list[Transition]:
    journey.deadline = None
    if journey.settled:
        return []
    if not journey.told:
        # The log spoke of it, no add event came: say so once, and forget it.
        state.functions.pop(journey.address, None)
    elif not (cut or wanted_node(journey) or needs_driver(journey) or failed_bars(journey) or journey.faults):
        return ready(state, journey, at, None, "a function of this class needs no driver")
    stage, reason = overdue(state, journey)
    said = f"{stage}: {reason}"
    if journey.stalled == said:
        return []
    journey.stalled = said
    return [told(state, DEVICE_STALLED, at, journey, None, stage, cut + reason, milliseconds(journey.first, at))]


def _rebase(state: State, now: float) -> None:
    """The clock has jumped back (recordings of two boots, say): what is waited for gets its full time again."""
    state.now = now
    state.began = now
    if state.steps < len(state.functions):
        # A clock that jumps all the time is not followed each time: it would take for ever.
        return
    state.steps = 0
    for journey in state.functions.values():
        if journey.deadline is not None:
            journey.deadline = now + LIMIT_S
    for one in state.announced.values():
        if one.deadline != math.inf:
            one.deadline = now + LIMIT_S
    state.requeue()
