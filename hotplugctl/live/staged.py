"""A story's uevents against its trees: what came and went between two stages must be what the trees differ in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Optional

from hotplugctl.live import reducer
from hotplugctl.live.compare import Difference, sides
from hotplugctl.live.state import State
from hotplugctl.model.live import Look, Sign
from hotplugctl.model.uevent import UDEV_GROUP, Uevent

_WORK_LIMIT = 20_000_000
_BACKWARDS_S = 1.0


class Station(NamedTuple):
    """A stage: its name, what its tree shows, and between which times of the stream it was recorded, where known.

    A look with ``seqnums`` tells that better. ``blind``: classes that its tree does not list, so that it shows nothing
    of them.
    """

    name: str
    look: Look
    since: Optional[float]
    until: Optional[float]
    blind: frozenset[str]


class Apart(NamedTuple):
    """In what a stage differs from the uevents up to it: ``missing`` in its tree, and ``extra`` there."""

    name: str
    missing: frozenset[Difference]
    extra: frozenset[Difference]


def compare(stations: list[Station], signs: Iterable[Sign], *, udev_only: bool) -> list[Apart]:
    """What does not agree, stage by stage; nothing where it cannot be told (two boots, events that begin too late).

    The first stage says what was there before. A stage agrees if it does at some moment at which it may have been
    recorded: a device that comes at that very time may be in it or not.
    """
    if len(stations) < 2 or not all(one.look.complete for one in stations):
        return []
    walk = _Walk(stations, udev_only=udev_only)
    if walk.blind:
        return []
    before = -math.inf
    for sign in signs:
        if sign.heard < before - _BACKWARDS_S or not walk.take(sign):
            return []
        before = max(before, sign.heard)
    return walk.finish()


class _Wait:
    """A stage that is waited for: the best moment so far."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.best: Optional[Apart] = None
        self.over = False

    @property
    def agrees(self) -> bool:
        return self.best is not None and not self.best.missing and not self.best.extra

    def look(self, state: State) -> int:
        """Compare with the stage now; how much work that was."""
        if self.agrees:
            return 0
        station = self.station
        missing, extra = sides(state, station.look)
        missing = {one for one in missing if not _is_hidden(one, station.blind)}
        if self.best is None or len(missing) + len(extra) < len(self.best.missing) + len(self.best.extra):
            self.best = Apart(station.name, frozenset(missing), frozenset(extra))
        return len(state.functions) + len(station.look.functions)


class _Walk:
    def __init__(self, stations: list[Station], *, udev_only: bool) -> None:
        self._first = stations[0]
        # Where it is not known that the stream begins in time, what it does not tell says nothing.
        self.blind = self._first.look.seqnums is None and self._first.since is None
        self._waits = [_Wait(station) for station in stations[1:]]
        self._state: State = reducer.start(self._first.look, udev_only=udev_only)
        self._work = 0
        self._begun = False

    def take(self, sign: Sign) -> bool:
        """Take in a sign; False where nothing can be told."""
        what = sign.what
        if not isinstance(what, Uevent):
            return True
        number = what.seqnum if what.group != UDEV_GROUP else None
        if not self._begun and number is not None:
            self._begun = True
            if self._starts_late(number):
                return False
        if self._first.since is not None and self._first.look.seqnums is None and sign.heard <= self._first.since:
            # It is in the first tree already.
            return True
        for wait in self._waits:
            if not wait.over and _has_begun(wait.station, sign.heard, number):
                self._work += wait.look(self._state)
                wait.over = wait.agrees or _is_over(wait.station, sign.heard, number)
        reducer.feed(self._state, sign)
        return self._work < _WORK_LIMIT

    def finish(self) -> list[Apart]:
        """The stream ends: what is left was recorded after it."""
        for wait in self._waits:
            if not wait.over:
                wait.look(self._state)
        return [wait.best for wait in self._waits if wait.best is not None and not wait.agrees]

    def _starts_late(self, number: int) -> bool:
        numbers = self._first.look.seqnums
        return numbers is not None and number > numbers[1] + 1


def _is_hidden(one: Difference, blind: frozenset[str]) -> bool:
    """Whether it is a node of a class that the tree does not list."""
    kind, _, what = one
    return kind == "node" and not blind.isdisjoint(what.rpartition(" ")[0].split("/"))


def _has_begun(station: Station, heard: float, number: Optional[int]) -> bool:
    """Whether the stage may have been recorded before this sign."""
    if station.look.seqnums is not None:
        return number is not None and number > station.look.seqnums[0]
    return station.since is None or heard > station.since


def _is_over(station: Station, heard: float, number: Optional[int]) -> bool:
    """Whether it was recorded before this sign, for sure."""
    if station.look.seqnums is not None:
        return number is not None and number > station.look.seqnums[1]
    return station.until is not None and heard >= station.until
