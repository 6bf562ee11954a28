"""Address ranges: ``/sys/bus/pci/devices/*/resource`` and ``/proc/iomem``, ``/proc/ioports``."""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.model.resource import Range, Ranges, ResourceLine

_MOST_LINES = 64
_LINE = re.compile(r"0x([0-9a-fA-F]{1,16}) 0x([0-9a-fA-F]{1,16}) 0x([0-9a-fA-F]{1,16})[ \t\r]*\Z").match


def parse(text: str) -> Optional[tuple[ResourceLine, ...]]:
    """The lines of a function's ``resource`` (drivers/pci/pci-sysfs.c, ``resource_show``); None where one is not so.

    Three hexadecimal numbers a line: first address, last address, flags.
    """
    lines = text.rstrip("\n").split("\n", _MOST_LINES)
    if len(lines) > _MOST_LINES:
        return None
    resources = []
    for index, line in enumerate(lines):
        found = _LINE(line)
        if found is None:
            return None
        start, end, flags = found.groups()
        resources.append(ResourceLine(index, int(start, 16), int(end, 16), int(flags, 16)))
    return tuple(resources)


def parse_iomem(text: str) -> Ranges:
    """``/proc/iomem`` or ``/proc/ioports`` (kernel/resource.c, ``r_show``): two blanks of indentation a level."""
    ranges: list[Range] = []
    unparsed = 0
    grammar = re.compile(r"( *)([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16}) : ([^\r]*)\r?\Z").match
    for line in text.split("\n"):
        found = grammar(line)
        if found is not None:
            indent, start, end, name = found.groups()
            ranges.append(Range(int(start, 16), int(end, 16), len(indent) // 2, name))
        elif line.strip():
            unparsed += 1
    masked = bool(ranges) and all(entry.start == 0 and entry.end == 0 for entry in ranges)
    return Ranges(tuple(ranges), masked, unparsed)
