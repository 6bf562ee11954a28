"""Standard output of a command that must not wait for its reader: what cannot be written now is kept, and bounded."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Sequence

from hotplugctl.cli import streams

LIMIT = 32 << 20
"""Bytes that are kept at most. Beyond that nothing more is listened to: the socket's buffer then has to hold it."""

# What poll(2) says is writable takes at least this much of a pipe without waiting (PIPE_BUF, pipe(7)). A terminal
# says so from 256 bytes on.
_PIECE = 4096
_LINE = 256
_FILE = 1 << 20


class Outlet:
    """Lines for stdout, as bytes. The handle stays as it is: it may be shared, so it is not made non-blocking."""

    def __init__(self, handle: int, encoding: str = "utf-8") -> None:
        self.handle = handle
        self.gone = False
        self._encoding = encoding
        self._kept: deque[memoryview] = deque()
        self._size = 0
        mode = os.fstat(handle).st_mode
        # A regular file takes everything, and poll(2) knows nothing of it.
        self._file = not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode))
        self.can_close = not self._file
        self._piece = _FILE if self._file else _LINE if os.isatty(handle) else _PIECE

    @property
    def pending(self) -> bool:
        """There is something that was not written yet."""
        return self._size > 0

    @property
    def full(self) -> bool:
        """As much is kept as may be kept."""
        return self._size >= LIMIT

    def put(self, lines: Sequence[str]) -> None:
        """Keep lines (each with its newline) and write what can be written now."""
        self.keep(lines)
        self.push()

    def keep(self, lines: Sequence[str]) -> None:
        """Keep lines for the next ``push``: one writing for all that were heard together."""
        if self.gone or not lines:
            return
        data = "".join(lines).encode(self._encoding, "backslashreplace")
        self._kept.append(memoryview(data))
        self._size += len(data)

    def push(self) -> None:
        """Write what can be written without waiting. Raises OSError where the output is lost (a full disk)."""
        while self._size and (self._file or self._ready(0)):
            self._write()

    def drain(self, seconds: float) -> bool:
        """Write what is left, waiting for its reader at most that long at a time; False where it did not take all."""
        while self._size:
            if not self._file and not self._ready(seconds):
                return False
            self._write()
        return True

    def hang_up(self) -> None:
        """Nobody reads it any more: what is kept is let go."""
        self.gone = True
        self._kept.clear()
        self._size = 0

    def _ready(self, seconds: float) -> bool:
        poller = select.poll()
        poller.register(self.handle, select.POLLOUT)
        return bool(poller.poll(int(seconds * 1000)))

    def _write(self) -> None:
        piece = self._kept[0]
        if len(piece) < self._piece and len(self._kept) > 1:
            self._join()
            piece = self._kept[0]
        try:
            written = os.write(self.handle, piece[: self._piece])
        except BlockingIOError:
            # Somebody else made it non-blocking, or filled it first.
            self._ready(0.01)
            return
        except BrokenPipeError:
            self.hang_up()
            return
        self._size -= written
        if written == len(piece):
            self._kept.popleft()
        else:
            self._kept[0] = piece[written:]

    def _join(self) -> None:
        """Small pieces as one: a write for each would cost more than they are worth."""
        parts: list[memoryview] = []
        size = 0
        while self._kept and size < _FILE:
            parts.append(self._kept.popleft())
            size += len(parts[-1])
        self._kept.appendleft(memoryview(b"".join(parts)))


def of_stdout() -> Outlet:
    """Standard output, after what was written to it before."""
    sys.stdout.flush()
    return Outlet(sys.stdout.fileno(), sys.stdout.encoding or "utf-8")


def silence(outlet: Outlet) -> None:
    """Its reader has gone: Python must not complain of it when it ends."""
    if outlet.gone:
        streams.let_go()
