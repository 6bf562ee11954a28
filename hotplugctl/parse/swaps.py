"""What the kernel swaps to: /proc/swaps (proc_swaps(5))."""

from __future__ import annotations

import re

from hotplugctl.model.users import Swap

_LINE = re.compile(r"(/.*?)[ \t]+(partition|file)[ \t]+-?[0-9]+[ \t]", re.S)
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_DELETED = " (deleted)"


def parse(data: bytes) -> tuple[Swap, ...]:
    """The lines below the heading. The kernel escapes blanks in the path, also that of `` (deleted)``."""
    found = []
    for line in data.decode("utf-8", "surrogateescape").split("\n")[1:]:
        match = _LINE.match(line)
        if match is not None:
            path = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), match[1])
            gone = path.endswith(_DELETED)
            found.append(Swap(path[: -len(_DELETED)] if gone else path, match[2], gone))
    return tuple(found)
