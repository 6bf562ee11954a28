"""Standard input, output and error: there whatever the caller has closed, and let go of when their reader has gone."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import cast


def prepare() -> None:
    """Give every closed stream a stand-in, and make no text impossible to write.

    Python has None for a stream that was closed (``>&-``). Nothing can be written to the stand-in of stdout: an answer
    that nobody gets is told by the exit status.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - open to the end
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        if isinstance(sys.stdout.buffer, io.RawIOBase):
            sys.stdout = _buffered(sys.stdout)
        sys.stdout.reconfigure(errors="backslashreplace")


# What a stand-in was made of: forgotten, it would be closed.
_kept: list[io.TextIOWrapper] = []


def _buffered(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """A stream that writes all or fails: an unbuffered one (PYTHONUNBUFFERED) drops what a full disk did not take."""
    _kept.append(stream)
    raw = cast("io.RawIOBase", stream.buffer)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding, write_through=True)


def let_go() -> None:
    """Stdout's reader has gone (``| head``): what is still to be written goes nowhere, and Python will not complain."""
    _to_nowhere(sys.stdout.fileno())


def _to_nowhere(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def tell(text: str) -> None:
    """Write to stderr. Where that is impossible nobody is left to be told: the status says it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        # What is left in its buffer would fail once more when Python ends, and spoil the status.
        with suppress(OSError, ValueError):
            _to_nowhere(sys.stderr.fileno())


def can_write(text: str) -> bool:
    """Whether the encoding of stdout has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
