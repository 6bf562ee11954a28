"""The live half of ``watch``: the loop, what it writes to, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hotplugctl.cli import exit as status
from hotplugctl.cli import outlet as outlets
from hotplugctl.cli.live_facts import explain
from hotplugctl.cli.live_loop import Loop
from hotplugctl.cli.live_open import Hearing, open_ears
from hotplugctl.cli.signals import Signals
from hotplugctl.cli.telling import Teller, Wish
from hotplugctl.cli.world import remark, world
from hotplugctl.model.live import Hello, Look, Sign, Transition
from hotplugctl.source import clock
from hotplugctl.source.ears import Raw
from hotplugctl.source.notify import READY, STOPPING, notify
from hotplugctl.source.saver import Saver

# Somebody who told it to end wants the last lines, and not to wait for a reader that sleeps.
_LAST_SECONDS = 2.0
# The two clocks are read one after the other.
_STEP = 0.01


def run(wish: Wish) -> int:
    """Follow this machine until it is told to end. Exit status as in the contract."""
    saver = None if wish.save is None else Saver(wish.save)
    hearing: Optional[Hearing] = None
    try:
        with Signals() as signals, world(None, None) as tree:
            hearing = open_ears(tree, wish.since_boot)
            screen = Screen(wish, outlets.of_stdout(), saver)
            handles = (signals.fileno(),)
            loop = Loop(tree, hearing, screen, lambda look: explain(tree, look), handles, since_boot=wish.since_boot)
            look = loop.begin()
            _greet(screen.teller, wish, hearing, look, loop.began)
            screen.push()
            notify(READY)
            return _ended(_follow(loop, screen, signals, wish), loop, screen, signals, wish)
    finally:
        if hearing is not None:
            hearing.ears.close()
        if saver is not None:
            saver.close()


def _greet(teller: Teller, wish: Wish, hearing: Hearing, look: Look, began: float) -> None:
    from hotplugctl.render import watch_text

    unknown = {}
    if look.seqnums is None:
        unknown["seqnum"] = "/sys/kernel/uevent_seqnum could not be read"
    words = list(hearing.reasons)
    if hearing.log is not None:
        words.append(f"the kernel log is not followed: {hearing.log}")
    if not wish.as_json:
        for word in words:
            remark(word)
    if hearing.buffer is not None:
        words.append(f"receive buffers of {hearing.buffer} bytes")
    time = watch_text.wall_time(began + (teller.realtime or 0.0))
    seqnum = None if look.seqnums is None else look.seqnums[0]
    teller.hello(Hello(hearing.source, "; ".join(words) or None, seqnum, began, time, unknown))


def _follow(loop: Loop, screen: Screen, signals: Signals, wish: Wish) -> bool:
    """Run to the end; True where that was the end of the time."""
    until = None if wish.timeout is None else clock.monotonic() + wish.timeout

    def stopped() -> bool:
        if signals.clear():
            loop.suspect()
        return signals.ended is not None or screen.outlet.gone

    loop.run(until, stopped)
    return not loop.enough and signals.ended is None and not screen.outlet.gone


def _ended(timed_out: bool, loop: Loop, screen: Screen, signals: Signals, wish: Wish) -> int:
    notify(STOPPING)
    loop.end()
    screen.push()
    # Whoever told it to end may do so once more, and then it ends at once.
    while not screen.outlet.drain(0.1 if signals.ended is None else _LAST_SECONDS):
        signals.clear()
        if signals.ended is not None and (signals.again or not screen.outlet.drain(_LAST_SECONDS)):
            screen.hang_up()
            break
    outlets.silence(screen.outlet)
    if not loop.recovered:
        return status.LOST
    return status.TIMED_OUT if timed_out and wish.most is not None else status.YES


class Screen:
    """The sink of ``watch``: lines go to stdout, and what is heard into the recording."""

    def __init__(self, wish: Wish, outlet: outlets.Outlet, saver: Optional[Saver]) -> None:
        self.outlet = outlet
        self.teller = Teller(wish, outlet.keep, clock.realtime())
        self._saver = saver
        self._dirty = False

    @property
    def full(self) -> bool:
        """So much waits for the reader of stdout that nothing more should come."""
        return self.outlet.full

    def handles(self) -> tuple[int, ...]:
        """Stdout, while something waits for it."""
        return (self.outlet.handle,) if self.outlet.pending else ()

    def closing(self) -> tuple[int, ...]:
        """Stdout."""
        return (self.outlet.handle,) if self.outlet.can_close else ()

    def hang_up(self) -> None:
        """The reader of stdout has gone."""
        self.outlet.hang_up()

    def push(self) -> None:
        """Write what stdout takes; the wall clock may have been set meanwhile."""
        realtime = clock.realtime()
        if abs(realtime - (self.teller.realtime or 0.0)) > _STEP:
            self.teller.realtime = realtime
        self.outlet.push()
        if self._dirty and self._saver is not None:
            self._saver.flush()
            self._dirty = False

    def tell(self, told: Sequence[Transition]) -> bool:
        """As ``Teller.tell``."""
        return self.teller.tell(told)

    def heard(self, raw: Raw, sign: Optional[Sign]) -> None:
        """Save it as it came."""
        if self._saver is not None:
            from hotplugctl.cli import keeping

            self._save(self._saver, *keeping.of_raw(raw, sign))

    def looked(self, heard: float, look: Look) -> None:
        """Save what was found."""
        if self._saver is not None:
            from hotplugctl.cli import keeping

            self._save(self._saver, *keeping.of_look(heard, look, self.teller.realtime))

    def _save(self, saver: Saver, name: str, line: str) -> None:
        self._dirty = True
        saver.write(name, [line])
