"""``watch`` on a terminal: a line for each device, filled in as its stages arrive; what is over scrolls up and stays.

Lines of devices that are on their way are the last ones on the screen. To change one, all of them are written anew:
the cursor goes up by their number and what is below it is erased (ECMA-48: CUU, ED).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from hotplugctl.model.live import Transition
from hotplugctl.render import watch_text

_OVER = frozenset(("device-ready", "device-stalled", "function-removed"))
_STEPS = frozenset(("function-added", "driver-bound", "node-added", "node-renamed"))
_LEAST_WIDTH = 40


class Board:
    """``size`` gives columns and lines of the terminal. ``put`` gives the text that brings the screen up to date."""

    def __init__(self, size: Callable[[], tuple[int, int]], color: bool) -> None:
        self._size = size
        self._color = color
        self._open: dict[str, tuple[Transition, list[str]]] = {}
        self._shown = 0

    def put(self, transitions: Sequence[Transition]) -> str:
        """Take in transitions."""
        over: list[str] = []
        for one in transitions:
            self._take(one, over)
        columns, lines = self._size()
        while len(self._open) > max(1, lines - 2):
            # More than the screen holds: the oldest goes on as plain lines.
            over.append(self._close(next(iter(self._open))))
        back = f"\033[{self._shown}A\r\033[J" if self._shown else ""
        # A line that wraps would be two when it is to be written anew.
        width = max(_LEAST_WIDTH, columns - 1)
        going = [self._row(*held, color=False)[:width] for held in self._open.values()]
        self._shown = len(going)
        return back + "".join(f"{text}\n" for text in (*over, *going))

    def _take(self, one: Transition, over: list[str]) -> None:
        address = one.address
        if address is None:
            over.append(watch_text.line(one, self._color))
        elif address in self._open and (one.event in _STEPS or one.event in _OVER):
            self._step(address, one)
            if one.event in _OVER:
                over.append(self._close(address))
        elif one.event == "function-added":
            self._open[address] = (one, [_stage(one)])
        else:
            over.append(watch_text.line(one, self._color))

    def _step(self, address: str, one: Transition) -> None:
        before, stages = self._open[address]
        if one.stage is not None and one.event != "device-stalled":
            stage = _stage(one)
            if stage.split(" ")[0] not in {known.split(" ")[0] for known in stages}:
                stages.append(stage)
        keeps = before.name is not None and one.event in ("node-added", "driver-bound")
        named = one._replace(name=before.name, node=before.node) if keeps or one.name is None else one
        self._open[address] = (named._replace(monotonic=before.monotonic), stages)

    def _close(self, address: str) -> str:
        return self._row(*self._open.pop(address), color=self._color)

    def _row(self, one: Transition, stages: list[str], color: bool) -> str:
        """The columns of a line of the log; what came of it stands where the reason stands."""
        said = ", ".join(stages) if one.reason is None else f"{', '.join(stages)}; {one.reason}"
        text = watch_text.line(one._replace(reason=said), color)
        return text.encode("ascii", "backslashreplace").decode("ascii")


def _stage(one: Transition) -> str:
    since = "" if one.since_first_ms is None else f" {one.since_first_ms:.0f} ms"
    return f"{one.stage}{since}"
