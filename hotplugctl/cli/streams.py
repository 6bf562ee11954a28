"""Standard input, output and error: there whatever the caller has closed, and let go of when their reader has gone."""

from __future__ import annotations

import io
import os
import sys


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
        sys.stdout.reconfigure(errors="backslashreplace")


def let_go() -> None:
    """Stdout's reader has gone (``| head``): what is still to be written goes nowhere, and Python will not complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def can_write(text: str) -> bool:
    """Whether the encoding of stdout has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
