"""Address ranges: ``/sys/bus/pci/devices/*/resource`` and ``/proc/iomem``, ``/proc/ioports``."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.resource import Range, Ranges, ResourceLine

_MOST_LINES = 64
# 64 bits.
_MOST_DIGITS = 16
_HEX = "0123456789abcdefABCDEF"


def parse(text: str) -> Optional[tuple[ResourceLine, ...]]:
    """The lines of a function's ``resource`` (drivers/pci/pci-sysfs.c, ``resource_show``); None where one is not so.

    Three hexadecimal numbers a line: first address, last address, flags.
    """
    lines = text.rstrip("\n").split("\n", _MOST_LINES)
    if len(lines) > _MOST_LINES:
        return None
    resources = []
    for index, line in enumerate(lines):
        words = line.rstrip(" \t\r").split(" ")
        if len(words) != 3 or not all(word.startswith("0x") and _is_hex(word[2:]) for word in words):
            return None
        start, end, flags = words
        resources.append(ResourceLine(index, int(start, 16), int(end, 16), int(flags, 16)))
    return tuple(resources)


def _is_hex(digits: str) -> bool:
    """Without regular expressions: their compilation would be a part of every command's start."""
    return 0 < len(digits) <= _MOST_DIGITS and not digits.strip(_HEX)


def parse_iomem(text: str) -> Ranges:
    """``/proc/iomem`` or ``/proc/ioports`` (kernel/resource.c, ``r_show``): two blanks of indentation a level."""
    ranges: list[Range] = []
    unparsed = 0
    for line in text.split("\n"):
        span, colon, name = line.partition(" : ")
        start, _, end = span.lstrip(" ").partition("-")
        name = name[:-1] if name.endswith("\r") else name
        if colon and _is_hex(start) and _is_hex(end) and "\r" not in name:
            indent = len(span) - len(span.lstrip(" "))
            ranges.append(Range(int(start, 16), int(end, 16), indent // 2, name))
        elif line.strip():
            unparsed += 1
    masked = bool(ranges) and all(entry.start == 0 and entry.end == 0 for entry in ranges)
    return Ranges(tuple(ranges), masked, unparsed)
