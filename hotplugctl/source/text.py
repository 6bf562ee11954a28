"""Texts that a user names on the command line: files, pipes, standard input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import IO, BinaryIO

from hotplugctl.errors import UnusableRoot

WHOLE_LIMIT = 16 << 20
"""Bytes of a text that is read as a whole: a hundred times the longest that is known."""

_LINE_LIMIT = 1 << 16


def open_text(name: str, stdin: BinaryIO) -> BinaryIO:
    """Open a file or pipe, ``-`` is ``stdin``. Devices are not opened: some act when they are. Raises UnusableRoot."""
    if name == "-":
        return stdin
    if not name:
        raise UnusableRoot("FILE names nothing", "name a text file, or - for standard input")
    try:
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            raise UnusableRoot(f"{name}: not a file", "name a text file, or - for standard input")
        return open(name, "rb")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UnusableRoot(f"{name}: {why}", "name a text file, or - for standard input") from error


def whole(file: BinaryIO, name: str) -> str:
    """All of a text of at most ``WHOLE_LIMIT`` bytes; bytes that are no UTF-8 as ``\\xNN``. Raises UnusableRoot."""
    try:
        data = file.read(WHOLE_LIMIT + 1)
    except OSError as error:
        raise UnusableRoot(f"{name}: {error.strerror}") from error
    if len(data) > WHOLE_LIMIT:
        raise UnusableRoot(f"{name}: larger than {WHOLE_LIMIT >> 20} MiB", "cut the text down to what matters")
    return data.decode("utf-8", "backslashreplace")


def lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a text as it comes, each at most 64 KiB: what is longer comes in pieces. Raises UnusableRoot."""
    import io

    try:
        text: IO[str] = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="\n")
        yield from iter(partial(text.readline, _LINE_LIMIT), "")
    except OSError as error:
        # Left as it is, it would pass for one of the output.
        raise UnusableRoot(f"{_name_of(file)}: {error.strerror or error}") from error


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", "")
    return name if isinstance(name, str) and name != "<stdin>" else "standard input"
