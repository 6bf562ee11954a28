"""Shell files of mere assignments: ``/etc/default/grub``, ``dracut.conf``, ``mkinitcpio.conf``, ``os-release``.

``NAME=value``, ``NAME="$NAME more"``, ``NAME+=" more"``, ``NAME=(a b)`` (sh(1), bash(1) for the last two). Nothing is
run: what is no assignment is passed over, and one inside an ``if`` counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

VALUE_LIMIT = 16384
"""Characters of one value at most."""

_NAME = re.compile(r"(?:^|(?<=[\n;]))[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,127})(\+?)=", re.ASCII)
_PIECE = re.compile(
    r"""(?P<single>'[^']*(?:'|\Z))|(?P<double>"(?:[^"\\]|\\[\s\S])*(?:"|\\?\Z))|(?P<escape>\\[\s\S]?)"""
    r"""|(?P<plain>[^\s;&|()'"\\]+)|(?P<stop>[\s\S])"""
)
_ITEM = re.compile(r"""(?P<word>[^\s;&|()'"\\]+)|(?P<close>\))|(?P<comment>\#[^\n]*)|(?P<skip>[\s\S])""")
_VARIABLE = re.compile(r"\$(?:\{(\w{1,128})\}|(\w+))", re.ASCII)


def parse(text: str, given: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    """Name → value as it ends; the words of an array are joined by blanks. ``given``: values from files before."""
    found: dict[str, str] = dict(given or {})
    position = 0
    text = text.replace("\r\n", "\n")
    while True:
        name = _NAME.search(text, position)
        if name is None:
            return found
        value, position = _value(text, name.end(), found)
        if name[2]:
            value = found.get(name[1], "") + (" " if text[name.end() : name.end() + 1] == "(" else "") + value
        found[name[1]] = value[:VALUE_LIMIT]


def _value(text: str, position: int, known: Mapping[str, str]) -> tuple[str, int]:
    if text[position : position + 1] == "(":
        return _array(text, position + 1)
    pieces: list[str] = []
    while position < len(text):
        found = _PIECE.match(text, position)
        assert found is not None
        if found.lastgroup == "stop":
            break
        pieces.append(_piece(str(found.lastgroup), found[0], known))
        position = found.end()
    return "".join(pieces), position


def _piece(kind: str, text: str, known: Mapping[str, str]) -> str:
    if kind == "single":
        return text[1:-1] if text.endswith("'") and len(text) > 1 else text[1:]
    if kind == "escape":
        return "" if text == "\\\n" else text[1:]
    if kind == "double":
        inner = text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:]
        text = re.sub(r'\\(["\\$`\n])', lambda found: "" if found[1] == "\n" else found[1], inner)
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2] or "", ""), text)[:VALUE_LIMIT]


def _array(text: str, position: int) -> tuple[str, int]:
    words: list[str] = []
    while position < len(text):
        found = _ITEM.match(text, position)
        assert found is not None
        position = found.end()
        if found.lastgroup == "close":
            break
        if found.lastgroup == "word":
            if found[0][0] == "#":
                newline = text.find("\n", position)
                position = len(text) if newline < 0 else newline
            else:
                words.append(found[0])
    return " ".join(words)[:VALUE_LIMIT], position
