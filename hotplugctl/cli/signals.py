"""Signals of a command that runs until it is told to end: they wake its loop, and nothing is torn in the middle."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Callable, Optional, Union

_Handler = Union[Callable[[int, Optional[FrameType]], object], int, None]


class Signals:
    """Between ``with`` and its end SIGINT and SIGTERM set ``ended``, and SIGCONT sets ``continued``.

    ``fileno`` can be waited on for them. A signal that was ignored at the start stays so (``nohup``, ``&`` of a shell).
    ``again``: somebody asked a second time and wants no more of it.
    """

    def __init__(self) -> None:
        self.ended: Optional[int] = None
        self.again = False
        self.continued = False
        self._before: dict[int, _Handler] = {}
        self._reader, self._writer = -1, -1
        self._wakeup = -1

    def fileno(self) -> int:
        """Readable once a signal came; ``clear`` makes it quiet."""
        return self._reader

    def clear(self) -> bool:
        """Make ``fileno`` quiet; True if the process was continued since the last time."""
        with suppress(BlockingIOError):
            while os.read(self._reader, 512):
                pass
        continued, self.continued = self.continued, False
        return continued

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number, handler in ((signal.SIGINT, self._end), (signal.SIGTERM, self._end), (signal.SIGCONT, self._go_on)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def _end(self, number: int, _frame: Optional[FrameType]) -> None:
        self.again = self.ended is not None
        self.ended = number

    def _go_on(self, _number: int, _frame: Optional[FrameType]) -> None:
        self.continued = True
