"""``record --events``: listens for a while, as ``watch --save`` does, and keeps what is heard in memory."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from hotplugctl.cli import exit as status
from hotplugctl.cli import keeping
from hotplugctl.cli.live_facts import explain
from hotplugctl.cli.live_loop import Loop
from hotplugctl.cli.live_open import Hearing, open_ears
from hotplugctl.cli.signals import Signals
from hotplugctl.cli.world import remark
from hotplugctl.model.holdings import Heard
from hotplugctl.model.live import Look, Sign, Transition
from hotplugctl.source import clock
from hotplugctl.source.ears import Raw
from hotplugctl.source.replay import NAMES
from hotplugctl.source.tar import CONTENT_LIMIT
from hotplugctl.source.tree import Tree


class Caught(NamedTuple):
    """``files``: path → lines; ``complete`` is False where events were lost and no look made up for it."""

    files: Mapping[str, bytes]
    heard: Heard
    complete: bool


def listen(tree: Tree, seconds: float) -> Caught:
    """Listen to this machine for so long, or until Ctrl-C. Raises Done where it is told to terminate."""
    with Signals() as signals:
        hearing = open_ears(tree, since_boot=False)
        try:
            unheard = _unheard(hearing)
            for word in unheard:
                remark(word)
            keep = _Keep()
            loop = Loop(tree, hearing, keep, lambda look: explain(tree, look), (signals.fileno(),))
            loop.begin()
            remark(f"listening for {seconds:g} s")
            until = clock.monotonic() + seconds

            def stopped() -> bool:
                if signals.clear():
                    loop.suspect()
                return signals.ended is not None or keep.full

            loop.run(until, stopped)
            if signals.ended == signal.SIGTERM:
                raise status.Done(status.TERMINATED)
            loop.end()
            took = round(clock.monotonic() - until + seconds, 3)
        finally:
            hearing.ears.close()
    return _caught(keep, hearing, unheard, took, loop.recovered)


def _unheard(hearing: Hearing) -> list[str]:
    words = list(hearing.reasons)
    if hearing.log is not None:
        words.append(f"the kernel log is not followed: {hearing.log}")
    return words


def _caught(keep: _Keep, hearing: Hearing, unheard: list[str], took: float, recovered: bool) -> Caught:
    lost = []
    if keep.full:
        lost.append(f"after {CONTENT_LIMIT >> 20} MiB of events nothing more was listened to")
    if not recovered:
        lost.append("events were lost, and no look made up for it")
    for word in lost:
        remark(word)
    return Caught(keep.files(), Heard(hearing.source, took, (*unheard, *lost)), not lost)


class _Keep:
    """The sink: everything as lines, in memory, as many as a recording can hold."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {name: [] for name in NAMES}
        self._sizes = dict.fromkeys(NAMES, 0)
        self.full = False

    def files(self) -> dict[str, bytes]:
        """What goes into the recording, by path."""
        return {f"/events/{name}": "".join(lines).encode("ascii") for name, lines in self._lines.items()}

    def heard(self, raw: Raw, sign: Optional[Sign]) -> None:
        """See ``Sink.heard``."""
        self._put(*keeping.of_raw(raw, sign))

    def looked(self, heard: float, look: Look) -> None:
        """See ``Sink.looked``."""
        self._put(*keeping.of_look(heard, look, clock.realtime()))

    def _put(self, name: str, line: str) -> None:
        if self._sizes[name] + len(line) > CONTENT_LIMIT:
            self.full = True
        else:
            self._lines[name].append(line)
            self._sizes[name] += len(line)

    def handles(self) -> tuple[int, ...]:
        """Nothing is written yet."""
        return ()

    def push(self) -> None:
        """Nothing is written yet."""

    def closing(self) -> tuple[int, ...]:
        """Nobody reads it yet."""
        return ()

    def hang_up(self) -> None:
        """Nobody reads it yet."""

    def tell(self, told: Sequence[Transition]) -> bool:  # noqa: ARG002 - what is heard counts, not what it means
        """It is never enough."""
        return False
