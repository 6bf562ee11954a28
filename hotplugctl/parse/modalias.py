"""Modaliases: the ids in one, and the modules whose aliases match it.

A modalias is built by the kernel (drivers/pci/pci-sysfs.c, ``modalias_show``); the patterns of ``modules.alias`` come
from scripts/mod/file2alias.c and are matched with fnmatch(3), no flags, after ``-`` was read as ``_`` (libkmod).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Optional, Union

from hotplugctl.model.modalias import PciIds

_Segment = Union[bytes, re.Pattern[bytes]]
_Ready = tuple[int, str, list[_Segment]]
_Hit = tuple[int, str]
_HEAD = 9
# The kernel's own patterns for PCI and virtio have some 60 bytes, no [ ? or \, and all but a few hundred name a vendor
# or a class. What goes beyond is no file of depmod's, and is passed over: each such pattern is tried on every device.
_LONGEST = 512
_MOST_WIDE = 500
_CLASS_ONLY: list[_Segment] = [b"pci:v", b"d", b"sv", b"sd"]
_CLASS_AT = len("pci:v00001AF4d00001000sv00001AF4sd00000001")
_HEX = "0123456789abcdef"
_CANONICAL_LENGTH = len("pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00")


def split_pci(modalias: str) -> Optional[PciIds]:
    """The ids in ``pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00``; None for any other shape or wider ids."""
    text = modalias.lower().rstrip("\n")
    ids = (text[9:13], text[18:22], text[28:32], text[38:42], text[44:46], text[48:50], text[51:53])
    vendor, device, subsystem_vendor, subsystem_device, base, sub, interface = ids
    shape = f"pci:v0000{vendor}d0000{device}sv0000{subsystem_vendor}sd0000{subsystem_device}bc{base}sc{sub}i{interface}"
    if text != shape or len(text) != _CANONICAL_LENGTH or "".join(ids).strip(_HEX):
        return None
    return PciIds(vendor, device, subsystem_vendor, subsystem_device, base + sub + interface)


def match(alias_data: bytes, modaliases: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each modalias the modules of ``modules.alias`` that match: file order, unique, names with ``_``.

    Every modalias asked for is a key of the answer; the tuple is empty where nothing matches.
    """
    answer: dict[str, tuple[str, ...]] = {}
    buses: dict[bytes, list[tuple[str, bytes]]] = {}
    for modalias in dict.fromkeys(modaliases):
        raw = modalias.strip().encode("utf-8", "backslashreplace").replace(b"-", b"_")
        buses.setdefault(raw.partition(b":")[0], []).append((modalias, raw))
        answer[modalias] = ()
    for bus, asked in buses.items():
        index = _Index(_candidates(alias_data, bus, [raw for _, raw in asked]))
        for modalias, raw in asked:
            answer[modalias] = index.lookup(raw)
    return answer


class _Alias(NamedTuple):
    order: int
    pattern: bytes
    module: str


def _candidates(data: bytes, bus: bytes, asked: list[bytes]) -> list[_Alias]:
    """The lines that can matter: those of the bus whose first letters fit one that is asked for, or hold a glob.

    Most lines are for other vendors; they are dropped by one look at a slice.
    """
    lines: list[tuple[int, bytes]] = []
    lead = b"\nalias " + bus + b":"
    heads = {raw[len(bus) + 1 :][:_HEAD] for raw in asked}
    twice = {raw[len(bus) + 1 :][: 2 * _HEAD] for raw in asked}
    position = 0
    for piece in (b"\n" + data).split(lead):
        head = piece[:_HEAD]
        if position and (head in heads or not head.isalnum()) and _may_fit(piece[: 2 * _HEAD], twice):
            lines.append((position, bus + b":" + piece.partition(b"\n")[0]))
        position += len(piece) + len(lead)
    for found in _globbed_bus(bus).finditer(b"\n" + data):
        lines.append((found.end(), found.group(1)))
    lines.sort()
    return [alias for order, line in lines for alias in _alias(order, line)]


def _may_fit(head: bytes, asked: set[bytes]) -> bool:
    """For PCI these letters are vendor and device."""
    return head in asked or not head.isalnum()


def _globbed_bus(bus: bytes) -> re.Pattern[bytes]:
    """Lines whose pattern holds a glob before the end of the bus name (``alias acpi*:PNP0A03:* x``)."""
    nested = rb"[*?\[\\]"
    for letter in reversed([bus[i : i + 1] for i in range(min(len(bus), 32))]):
        nested = rb"(?:[*?\[\\]|" + re.escape(letter) + nested + rb")"
    return re.compile(rb"\nalias (" + nested + rb"[^\n]*)")


def _alias(order: int, line: bytes) -> list[_Alias]:
    words = line.split() if len(line) <= _LONGEST else ()
    if len(words) != 2:
        return []
    pattern = re.sub(rb"\*+", b"*", words[0])
    return [_Alias(order, pattern, words[1].decode("utf-8", "backslashreplace").replace("-", "_"))]


class _Index:
    """Aliases by the literal text before their first glob, so that a look-up touches few of them."""

    def __init__(self, aliases: list[_Alias]) -> None:
        self._buckets: dict[bytes, list[_Ready]] = {}
        self._by_class: list[_Ready] = []
        self._class_hits: dict[bytes, list[_Hit]] = {}
        wide = 0
        for order, pattern, module in aliases:
            if _is_wide(pattern):
                wide += 1
            segments = _segments(pattern) if wide <= _MOST_WIDE or not _is_wide(pattern) else None
            if segments is None:
                continue
            literal = segments[0] if isinstance(segments[0], bytes) else b""
            if segments[:4] == _CLASS_ONLY and len(segments) > 4 and _starts_class(segments[4]):
                self._by_class.append((order, module, segments[4:]))
            else:
                self._buckets.setdefault(literal, []).append((order, module, segments))
        self._lengths = sorted({len(literal) for literal in self._buckets})

    def lookup(self, raw: bytes) -> tuple[str, ...]:
        hits = list(self._of_class(raw))
        for length in self._lengths:
            for order, module, segments in self._buckets.get(raw[:length], ()):
                if _matches(segments, raw):
                    hits.append((order, module))
        hits.sort()
        return tuple(dict.fromkeys(module for _, module in hits))

    def _of_class(self, raw: bytes) -> list[_Hit]:
        """Hits of patterns that ask for the class alone; functions share classes, so they are kept.

        In the kernel's own spelling no letter of ``bc`` occurs before the class, so its tail decides.
        """
        if not self._by_class:
            return []
        if not _is_canonical(raw):
            return [(order, module) for order, module, rest in self._by_class if _matches(_CLASS_ONLY + rest, raw)]
        tail = raw[_CLASS_AT:]
        hits = self._class_hits.get(tail)
        if hits is None:
            hits = [(order, module) for order, module, rest in self._by_class if _matches([b"", *rest], tail)]
            self._class_hits[tail] = hits
        return hits


def _is_wide(pattern: bytes) -> bool:
    """Whether look-ups cannot be kept away from this pattern by its first letters, nor by its class."""
    if b"[" in pattern or b"?" in pattern or b"\\" in pattern:
        return True
    before, _, rest = pattern.partition(b"*")
    return len(before) < len(b"pci:v0000") and not rest.startswith(b"d*sv*sd*bc")


def _is_canonical(raw: bytes) -> bool:
    """Whether this is as the kernel writes it: upper-case digits, fields where they belong."""
    return (
        len(raw) == _CANONICAL_LENGTH
        and raw.translate(None, b"0123456789ABCDEF") == b"pci:vdsvsdbcsci"
        and raw.startswith(b"pci:v")
        and raw[13:14] == b"d"
        and raw[22:24] == b"sv"
        and raw[32:34] == b"sd"
        and raw[_CLASS_AT : _CLASS_AT + 2] == b"bc"
    )


def _starts_class(segment: _Segment) -> bool:
    return isinstance(segment, bytes) and segment.startswith(b"bc")


def _matches(segments: list[_Segment], raw: bytes) -> bool:
    """Whether the literals stand in ``raw`` in this order, the first at its start and the last at its end.

    Taking the leftmost place for each is enough for globs, and keeps the time linear in the length.
    """
    position = _at_start(segments[0], raw)
    if len(segments) == 1:
        return position == len(raw)
    for segment in segments[1:-1]:
        if position < 0:
            return False
        position = _leftmost(segment, raw, position)
    return position >= 0 and _at_end(segments[-1], raw, position)


def _at_start(segment: _Segment, raw: bytes) -> int:
    if isinstance(segment, bytes):
        return len(segment) if raw.startswith(segment) else -1
    found = segment.match(raw)
    return found.end() if found else -1


def _leftmost(segment: _Segment, raw: bytes, position: int) -> int:
    if isinstance(segment, bytes):
        place = raw.find(segment, position)
        return place + len(segment) if place >= 0 else -1
    found = segment.search(raw, position)
    return found.end() if found else -1


def _at_end(segment: _Segment, raw: bytes, position: int) -> bool:
    if isinstance(segment, bytes):
        return len(raw) - len(segment) >= position and raw.endswith(segment)
    while position <= len(raw):
        if segment.fullmatch(raw, position):
            return True
        position += 1
    return False


def _segments(pattern: bytes) -> Optional[list[_Segment]]:
    """The parts between the stars; None for a pattern that can match nothing."""
    if b"[" not in pattern and b"?" not in pattern and b"\\" not in pattern:
        return list(pattern.replace(b"-", b"_").split(b"*"))
    segments: list[_Segment] = []
    tokens: list[bytes] = []
    position = 0
    while position < len(pattern):
        if pattern[position : position + 1] == b"*":
            segments.append(_segment(tokens))
            tokens = []
            position += 1
            continue
        token, position = _token(pattern, position)
        if token is None:
            return None
        tokens.append(token)
    segments.append(_segment(tokens))
    return segments


def _segment(tokens: list[bytes]) -> _Segment:
    """One byte a token: such an expression cannot backtrack."""
    return re.compile(b"".join(tokens), re.DOTALL)


def _token(pattern: bytes, position: int) -> tuple[Optional[bytes], int]:
    letter = pattern[position : position + 1]
    if letter == b"?":
        return b".", position + 1
    if letter == b"[":
        return _bracket(pattern, position)
    if letter == b"\\":
        position += 1
        letter = pattern[position : position + 1]
        if not letter:
            return None, position
    return re.escape(letter.replace(b"-", b"_")), position + 1


def _bracket(pattern: bytes, start: int) -> tuple[bytes, int]:
    """``[...]``: ``!`` or ``^`` negates, a leading ``]`` is itself. Without an end the bracket is a plain letter."""
    position = start + 1
    negated = pattern[position : position + 1] in (b"!", b"^")
    position += negated
    members = set()
    first = True
    while first or pattern[position : position + 1] != b"]":
        first = False
        if position >= len(pattern):
            return b"\\[", start + 1
        found, position = _member(pattern, position)
        members |= found
    if not members:
        return b"." if negated else b"(?!)", position + 1
    letters = b"".join(b"\\x%02x" % member for member in sorted(members))
    return b"[%s%s]" % (b"^" if negated else b"", letters), position + 1


def _member(pattern: bytes, position: int) -> tuple[set[int], int]:
    for name, members in _NAMED:
        if pattern.startswith(name, position):
            return set(members), position + len(name)
    low, position = _letter(pattern, position)
    if pattern[position : position + 1] == b"-" and pattern[position + 1 : position + 2] not in (b"]", b""):
        high, position = _letter(pattern, position + 1)
        return set(range(low, high + 1)), position
    return {low}, position


def _letter(pattern: bytes, position: int) -> tuple[int, int]:
    if pattern[position : position + 1] == b"\\" and position + 1 < len(pattern):
        position += 1
    return pattern[position], position + 1


_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGIT = b"0123456789"
_NAMED = (
    (b"[:digit:]", _DIGIT),
    (b"[:xdigit:]", _DIGIT + b"ABCDEFabcdef"),
    (b"[:upper:]", _UPPER),
    (b"[:lower:]", _UPPER.lower()),
    (b"[:alpha:]", _UPPER + _UPPER.lower()),
    (b"[:alnum:]", _UPPER + _UPPER.lower() + _DIGIT),
)
