"""A kernel log as signs, in whatever form and with whatever clock it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.live import Sign
from hotplugctl.model.log import LogLine
from hotplugctl.parse import dmesg, kernel_events

BOOT = "boot"
WALL = "wall"
NONE = "none"


class LogSigns:
    """The signs of a log's lines; iterate once, then ask.

    ``clock``: seconds since ``boot``, a ``wall`` clock, or ``none``: the order of the lines is known then, and all have
    the time 0. A line without a time was when the one before it was. ``is_log``: a line is one of a kernel log.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._parser = dmesg.Parser(lines, kernel_events.READER)
        self.clock = NONE
        self.is_log = False
        self._last = 0.0
        self._heard = 0.0

    def __iter__(self) -> Iterator[Sign]:
        for rows in self._parser.chunks():
            for line in map(self._parser.line, rows):
                yield self.sign(line)

    def sign(self, line: LogLine) -> Sign:
        """The next line of the log; a caller may leave some out."""
        at = self._at(line)
        if line.event is not None:
            self.is_log = True
            # The next boot: its clock begins anew.
            self._heard = at if line.event.kind == "boot" else self._heard
        self._heard = max(self._heard, at)
        return Sign(self._heard, at, line)

    def _at(self, line: LogLine) -> float:
        if line.at is not None:
            self.clock, self._last, self.is_log = BOOT, line.at, True
        elif self.clock != BOOT and line.time is not None:
            seconds = _seconds(line.time)
            if seconds is not None:
                self.clock, self._last, self.is_log = WALL, seconds, True
        return self._last


def _seconds(time: str) -> Optional[float]:
    from datetime import datetime

    try:
        return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
