"""What ``umockdev-record`` writes (umockdev's reference, ``umockdev_testbed_add_from_string``).

``P:`` devpath, ``N:`` node, and after ``=`` what was read of it in hexadecimal; ``S:`` links, ``E:`` properties; of the
device's folder ``A:`` files with backslash escapes, ``H:`` files in hexadecimal, ``L:`` links.
"""

from __future__ import annotations

import re

from .entry import Entry, text

_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
# As GLib's g_strcompress has them; any other escaped character stands for itself.
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})*\Z")


def line(entry: Entry, letter: bytes, value: bytes) -> bool:
    """Take in a line; False where it fits nothing."""
    if letter in b"SE":
        return entry.common(letter, value)
    key, equals, rest = value.partition(b"=")
    if letter == b"N":
        return entry.common(letter, key)
    if letter not in b"AHL" or not equals or not _is_inside(key):
        return False
    if letter == b"L":
        entry.targets[text(key)] = text(rest)
    elif letter == b"A":
        entry.attributes[text(key)] = _ESCAPED.sub(_escape, rest)
    elif _HEX.match(rest):
        entry.attributes[text(key)] = bytes.fromhex(rest.decode("ascii"))
    else:
        return False
    return True


def _escape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1].isdigit() and code not in (b"8", b"9"):
        return bytes((int(code, 8) & 0xFF,))
    return _ESCAPES.get(code, code)


def _is_inside(name: bytes) -> bool:
    """The name of a file in the device's folder, or in one below."""
    return b"\0" not in name and not any(part in (b"", b".", b"..") for part in name.split(b"/"))
