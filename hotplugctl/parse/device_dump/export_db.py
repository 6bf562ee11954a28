"""``udevadm info --export-db`` (udevadm(8)), and ``udevadm info DEVICE``, which prints one record of it.

``P:`` devpath, ``N:`` node, ``S:`` links, ``E:`` properties; since systemd 249 what these say anew: ``U:`` subsystem,
``V:`` driver, ``D:`` numbers of the node, ``I:`` index of the interface. ``L:`` is a priority of links.
"""

from __future__ import annotations

import re

from .entry import Entry, text

_SAID = {b"U": "SUBSYSTEM", b"V": "DRIVER", b"I": "IFINDEX"}
_NUMBERS = re.compile(rb"[bc] ([0-9]{1,9}):([0-9]{1,9})\Z")


def line(entry: Entry, letter: bytes, value: bytes) -> bool:
    """Take in a line; False where it says nothing that is known. A letter of a later systemd tells us nothing."""
    if letter in b"NSE":
        return entry.common(letter, value)
    key = _SAID.get(letter)
    if key is not None:
        entry.properties.setdefault(key, text(value))
    elif letter == b"D":
        numbers = _NUMBERS.match(value)
        if numbers is None:
            return False
        entry.properties.setdefault("MAJOR", numbers[1].decode())
        entry.properties.setdefault("MINOR", numbers[2].decode())
    return True
