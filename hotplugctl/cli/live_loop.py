"""The loop of ``watch`` and ``wait``: what is heard goes to the reducer, what it tells goes to the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional, Protocol

from hotplugctl.cli.live_open import Hearing
from hotplugctl.collect import signs
from hotplugctl.live import reducer
from hotplugctl.live.compare import Difference, differences
from hotplugctl.live.history import History
from hotplugctl.live.state import State
from hotplugctl.model.live import End, Look, Sign, Transition
from hotplugctl.model.uevent import KERNEL_GROUP, Uevent
from hotplugctl.source import clock
from hotplugctl.source.ears import Heard, Raw, wait
from hotplugctl.source.tree import Tree

SCAN_SECONDS = 1.0
# A gap in SEQNUM is often one of several, and nothing is lost by looking a little later.
_SUSPECT_SECONDS = 0.25
_AGAIN_SECONDS = 0.05
# A flood must not keep signals and the clock waiting.
_READS_AT_ONCE = 16
_AGAIN_TIMES = 20
_DOUBT_SECONDS = 0.4
_DOUBT_TIMES = 5
# Clocks are read one after the other: less than this is no sleep.
_NAP = 0.5


class Sink(Protocol):
    """Who is told. ``handles`` become writable when it can take more; while it is ``full``, nothing is listened to."""

    @property
    def full(self) -> bool: ...

    def handles(self) -> tuple[int, ...]:
        """What to wait on before ``push``; none where it has nothing to write."""

    def push(self) -> None:
        """Write what can be written."""

    def closing(self) -> tuple[int, ...]:
        """What to watch for its reader to go; ``hang_up`` is then called."""

    def hang_up(self) -> None:
        """Nobody reads any more."""

    def tell(self, told: Sequence[Transition]) -> bool:
        """Take transitions; True where that was enough, and nothing more is wanted."""

    def heard(self, raw: Raw, sign: Optional[Sign]) -> None:
        """What came in, as it came."""

    def looked(self, heard: float, look: Look) -> None:
        """What a look found that the reducer was given."""


class Loop:
    """Owns the reducer's state. ``woken``: handles that end a waiting (a signal); ``stopped`` says whether to end.

    ``recovered`` is False while events are known to be lost and no look could make up for it.
    """

    def __init__(
        self, tree: Tree, hearing: Hearing, sink: Sink, explain: Callable[[Look], Look], woken: tuple[int, ...] = (),
        *, since_boot: bool = False,
    ) -> None:  # fmt: skip
        self.recovered = True
        self.enough = False
        self.began = 0.0
        self.state: State
        self._tree = tree
        self._hearing = hearing
        self._ears = hearing.ears
        self._sink = sink
        self._explain = explain
        self._woken = woken
        self._reads = signs.Hearing()
        self._since_boot = since_boot
        self._history: Optional[History] = None
        self._asleep = clock.asleep()
        self._suspect: Optional[float] = None
        self._lost: list[str] = []
        self._number: Optional[int] = None
        self._dropped: dict[int, int] = {}
        self._stirred = False
        self._doubts: frozenset[Difference] = frozenset()
        self._doubted = 0
        every_second = hearing.source == "scan" or hearing.doubtful
        self._scan: Optional[float] = clock.monotonic() if every_second else None

    def begin(self) -> Look:
        """Look at what is there. Listening began before: the numbers of the look tell what of it is in it."""
        look = self._look("start")
        heard = self.began = self._ears.moment(clock.monotonic())
        self.state = reducer.start(look)
        self._history = History(heard) if self._since_boot else None
        self._sink.looked(heard, look)
        self._number = None if look.seqnums is None else look.seqnums[0]
        if self._scan is not None:
            self._scan = heard + SCAN_SECONDS
        return look

    def suspect(self, seconds: float = 0.0) -> None:
        """Something may have been missed (SIGCONT): look again soon, and say nothing if nothing was."""
        due = clock.monotonic() + seconds
        self._suspect = due if self._suspect is None else min(due, self._suspect)

    def run(self, until: Optional[float], stopped: Callable[[], bool]) -> None:
        """Listen until ``until`` (CLOCK_MONOTONIC), until enough was told, or until ``stopped``."""
        while not self.enough and not stopped():
            now = clock.monotonic()
            if until is not None and now >= until:
                return
            self._wait(now, until)
            if not self._sink.full:
                self._listen()
            self._look_after(clock.monotonic())
            self._sink.push()

    def end(self) -> None:
        """The stream ends: what is lost is looked for once more, what is overdue is told."""
        if self._lost and not self.enough:
            self._recover()
        heard = self._ears.moment(clock.monotonic())
        self._sink.looked(heard, Look("end", (), {}))
        self._feed(Sign(heard, heard, End()))

    def _wait(self, now: float, until: Optional[float]) -> None:
        full = self._sink.full
        due = [until, self._suspect, self._scan, reducer.next_deadline(self.state)]
        soonest = min((when for when in due if when is not None), default=None)
        seconds = None if soonest is None else max(0.0, soonest - now)
        closing = self._sink.closing()
        ready = wait((*self._woken, *(() if full else self._ears.filenos())), self._sink.handles(), seconds, closing)
        if not ready.isdisjoint(closing):
            self._sink.hang_up()

    def _listen(self) -> bool:
        """Take in all that is there; True where anything in it may be about a PCI device."""
        self._stirred = False
        for _ in range(_READS_AT_ONCE):
            heard = self._ears.read()
            self._take(heard)
            self._sink.push()
            if heard.drained or self._sink.full or self.enough:
                return self._stirred
        return True

    def _take(self, heard: Heard) -> None:
        for group in heard.overflow:
            self._overflow(group)
        for raw in heard.items:
            sign = self._reads.sign(raw)
            self._sink.heard(raw, sign)
            if sign is not None:
                if type(sign.what) is Uevent:
                    self._follow(sign.what)
                past = None if self._history is None else self._history.take(sign)
                if past is None:
                    self._feed(sign)
                elif past:
                    self._tell(past)
            if self.enough:
                return

    def _follow(self, event: Uevent) -> None:
        """Keep an eye on the numbers: a gap (every new network namespace makes one) has us look, and no more."""
        number = event.seqnum
        if event.group == KERNEL_GROUP and number is not None:
            if self._number is not None and number > self._number + 1:
                self.suspect(_SUSPECT_SECONDS)
            self._number = max(number, self._number or 0)
        self._stirred = self._stirred or "/pci" in event.devpath

    def _feed(self, sign: Sign) -> None:
        self.state, told = reducer.feed(self.state, sign)
        if told:
            self._tell(told)

    def _tell(self, told: Sequence[Transition]) -> None:
        if not self.enough:
            self.enough = self._sink.tell(told)

    def _look_after(self, now: float) -> None:
        """What time brings: overdue devices, looks that are due, a machine that was asleep."""
        if self.enough:
            return
        self._explain_stalls(now)
        self.state, told = reducer.tick(self.state, now)
        if told:
            self._tell(told)
        asleep = clock.asleep()
        if abs(asleep - self._asleep) > _NAP:
            self.suspect()
        self._asleep = asleep
        if self._lost:
            self._recover()
        elif self._suspect is not None and now >= self._suspect:
            self._compare()
        if self._scan is not None and now >= self._scan:
            self._scan = now + SCAN_SECONDS
            self._give(self._look("scan"))

    def _explain_stalls(self, now: float) -> None:
        wanted = reducer.wanting(self.state, now)
        if wanted:
            look = self._explain(signs.look(self._tree, "facts", wanted)._replace(udev=self._hearing.udev))
            self._give(look)

    def _overflow(self, group: int) -> None:
        """Messages are lost: the one thing that proves it (ENOBUFS, netlink(7))."""
        monitor = self._ears.kernel if group == KERNEL_GROUP else self._ears.udev
        if monitor is None:
            return
        name = "kernel" if group == KERNEL_GROUP else "udev"
        dropped = monitor.dropped()
        count = "messages were lost"
        if dropped is not None:
            fresh = (dropped - self._dropped.get(group, 0)) % (1 << 32)
            self._dropped[group] = dropped
            count = f"{fresh} messages were lost" if fresh != 1 else "1 message was lost"
        self._lost.append(f"the receive buffer of the {name} monitor ({monitor.buffer} bytes) ran over: {count}")

    def _recover(self) -> None:
        """Events are lost: look again, and have told what came of it.

        A difference counts when two looks in a row have it and nothing was heard in between, for sysfs changes a
        moment before an event says so. Where that never comes to rest, the last look counts.
        """
        before: Optional[frozenset[Difference]] = None
        for _ in range(_AGAIN_TIMES):
            self._listen()
            known = len(self._lost)
            look = self._look("resync", "; ".join(self._lost))
            stirred = self._listen() or len(self._lost) != known
            if self.enough:
                return
            found = differences(self.state, look)
            if not stirred and (not found or found == before):
                break
            before = None if stirred else found
            wait(self._woken, (), _AGAIN_SECONDS)
        self._give(look)
        del self._lost[:known]
        self.recovered = look.complete and not self._lost

    def _compare(self) -> None:
        """Something may be lost: look, and have it told only where the same difference stays for a while.

        A disk is in sysfs long before it is announced (its partitions are read first), a driver while it probes.
        """
        self._suspect = None
        look = self._look("resync")
        self._listen()
        found = differences(self.state, look)
        self._doubts = found if self._doubted == 0 else found & self._doubts
        self._doubted = self._doubted + 1 if self._doubts else 0
        if self._doubted >= _DOUBT_TIMES:
            self._doubted = 0
            self._give(look)
        elif self._doubted:
            self.suspect(_DOUBT_SECONDS)

    def _look(self, kind: str, lost: Optional[str] = None) -> Look:
        return signs.look(self._tree, kind, None, lost)._replace(udev=self._hearing.udev)

    def _give(self, look: Look) -> None:
        heard = self._ears.moment(clock.monotonic())
        self._sink.looked(heard, look)
        self._feed(Sign(heard, heard, look))
