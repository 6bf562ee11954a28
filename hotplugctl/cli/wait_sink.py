"""What ``wait`` does with what it hears: after each thing told it looks whether that is what is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from hotplugctl.live.state import State
from hotplugctl.live.wanted import Wanted, candidates, furthest, held_up, reached
from hotplugctl.model.live import STAGES, Journey, Look, Sign, Transition
from hotplugctl.source.ears import Raw

HasSerial = Callable[[Journey, str], bool]
NOTHING_SEEN = "nothing that fits was seen"


class Aim(NamedTuple):
    """``gone``: until none is there; ``new``: what was there at the start does not count; ``many``: of them."""

    wanted: Wanted
    serial: Optional[str]
    gone: bool
    new: bool
    many: int

    @property
    def particular(self) -> bool:
        """Whether it asks for a place, ids or a class: what a function is, and not what came of it."""
        return any(part is not None for part in self.wanted[:4])

    def there(self, state: State, has_serial: HasSerial) -> list[Journey]:
        """The functions that fit, however far they have come."""
        found = [one for one in candidates(state, self.wanted) if self._counts(one) and self.wanted.fits(state, one)]
        return found if self.serial is None else [one for one in found if has_serial(one, self.serial)]

    def arrived(self, state: State, there: Sequence[Journey]) -> list[Journey]:
        """Those of them that have reached the stage."""
        return [one for one in there if reached(state, one, self.wanted.stage)]

    def _counts(self, journey: Journey) -> bool:
        return not self.new or journey.first is not None

    def fulfilled(self, state: State, has_serial: HasSerial) -> bool:
        """Whether the waiting is over."""
        there = self.there(state, has_serial)
        return not there if self.gone else len(self.arrived(state, there)) >= self.many

    def stage(self, state: State, has_serial: HasSerial) -> Optional[str]:
        """How far the one that came furthest has come; None where none is there."""
        stages = [furthest(state, one) for one in self._nearest(state, has_serial)]
        return max(stages, key=STAGES.index, default=None)

    def why(self, state: State, has_serial: HasSerial) -> str:
        """Why the waiting is not over."""
        there = self.there(state, has_serial)
        if self.gone:
            return "still there: " + _named([one.address for one in there])
        arrived = self.arrived(state, there)
        if arrived:
            return f"{len(arrived)} of {self.many} came" + self._held_up(state, there, arrived)
        said = self._held_up(state, self._nearest(state, has_serial), ())
        return said[2:] if said else NOTHING_SEEN

    def _held_up(self, state: State, there: Sequence[Journey], arrived: Sequence[Journey]) -> str:
        done = {one.address for one in arrived}
        rest = [one for one in there if one.address not in done]
        words = [f"{one.address} {held_up(state, one)}" for one in rest[:_NAMED]]
        more = f"; and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        return "".join(f"; {word}" for word in words) + more

    def _nearest(self, state: State, has_serial: HasSerial) -> list[Journey]:
        """Those that fit; where none does, those that are new and may yet."""
        there = self.there(state, has_serial)
        if there:
            return there
        some = [one for one in candidates(state, self.wanted) if self._counts(one)]
        return [one for one in some if self.particular or one.first is not None]


_NAMED = 4


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


class Patience:
    """The sink of who waits: it writes nothing. ``stirred``: something was told since it was last set to False."""

    full = False

    def __init__(self) -> None:
        self.stirred = False

    def handles(self) -> tuple[int, ...]:
        """It has nothing to write."""
        return ()

    def push(self) -> None:
        """It has nothing to write."""

    def closing(self) -> tuple[int, ...]:
        """It has no reader."""
        return ()

    def hang_up(self) -> None:
        """It has no reader."""

    def tell(self, told: Sequence[Transition]) -> bool:
        """Something happened. It is never enough: what is left of a batch would be dropped."""
        self.stirred = self.stirred or bool(told)
        return False

    def heard(self, raw: Raw, sign: Optional[Sign]) -> None:
        """Nothing is kept."""

    def looked(self, heard: float, look: Look) -> None:
        """Nothing is kept."""
