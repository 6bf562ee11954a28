"""What the kernel log still knows of the time before the listening began (``watch --since-boot``)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.live import reducer
from hotplugctl.live.log_only import LogReader
from hotplugctl.model.live import Sign, Transition
from hotplugctl.model.log import LogLine

_BEFORE_S = 0.5


class History:
    """Tells insertions by the log alone, up to ``began`` (seconds of CLOCK_MONOTONIC): a log tells no removals.

    Its state is its own: what is there when the listening begins is known by a look.
    """

    def __init__(self, began: float) -> None:
        self._until = began - _BEFORE_S
        self._state = reducer.start(by_log=True)
        self._reader = LogReader()

    def take(self, sign: Sign) -> Optional[list[Transition]]:
        """What a line of the past tells; None where the sign is none of the past."""
        if type(sign.what) is not LogLine or sign.at >= self._until:
            return None
        line = Sign(sign.at, sign.at, sign.what)
        inferred = self._reader.before(self._state, line)
        _, told = reducer.step(self._state, line)
        return inferred + self._reader.after(self._state, line, told)
