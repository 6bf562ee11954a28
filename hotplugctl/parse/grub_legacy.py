"""The menu of GRUB 0.97, ``menu.lst`` or ``grub.conf`` (GNU GRUB Manual 0.97, "Configuration"); pv-grub reads it too.

A line is a command and what follows it after a blank or ``=``; a backslash at its end goes on with the next one.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

LINE_LIMIT = 4096
"""Characters of a command line at most."""

ENTRIES_LIMIT = 4096
"""Titles of one menu at most; the rest is passed over."""

_COMMAND = re.compile(r"[ \t]*([a-z]+)(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)")
_DEVICE = re.compile(r"\([^()]*\)")


class Entry(NamedTuple):
    """A title; ``kernel`` is empty where it boots none (another boot loader, say)."""

    title: str
    kernel: str
    text: str


class Menu(NamedTuple):
    """Every title in order, since ``default`` is the number of one, or ``saved``; None where none is named."""

    entries: tuple[Entry, ...]
    default: Optional[str]


def parse(text: str) -> Menu:
    """A whole menu; never raises. Lines that fit nothing are passed over."""
    entries: list[Entry] = []
    default: Optional[str] = None
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        found = _COMMAND.match(line)
        if found is None:
            continue
        command, rest = found[1], found[2].strip()
        if command == "title":
            if len(entries) == ENTRIES_LIMIT:
                break
            entries.append(Entry(rest, "", ""))
        elif command == "default" and not entries:
            default = rest or default
        elif command == "kernel" and entries:
            entries[-1] = _with_kernel(entries[-1], rest)
    return Menu(tuple(entries), default)


def saved(text: str) -> Optional[str]:
    """The number that ``savedefault`` wrote into the file ``default``, which has nothing but comments beside it."""
    found = re.match(r"\s*([0-9]{1,4})\s", text)
    return None if found is None else found[1]


def _with_kernel(entry: Entry, rest: str) -> Entry:
    """``kernel [--type=TYPE] [--no-mem-option] (DEVICE)/FILE ARGUMENTS``; the last such line of a title counts."""
    words = rest.split()
    while words and words[0].startswith("--"):
        del words[0]
    if not words:
        return entry
    return entry._replace(kernel=_DEVICE.sub("", words[0], count=1), text=" ".join(words[1:])[:LINE_LIMIT])
