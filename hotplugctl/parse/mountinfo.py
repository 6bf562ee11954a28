"""The mounts of a namespace: /proc/PID/mountinfo, or /proc/mounts where only that is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.users import Mount

_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_NUMBER = re.compile(r"[0-9]{1,9}:[0-9]{1,9}\Z")


def parse(data: bytes, only: Optional[Iterable[bytes]] = None) -> tuple[Mount, ...]:
    """Lines of mountinfo (proc_pid_mountinfo(5)); what is no such line is passed over.

    ``only``: just the lines that hold one of these. Names may hold anything; bytes that are no UTF-8 are surrogates.
    """
    lines: Iterable[bytes] = data.split(b"\n")
    if only is not None:
        wanted = re.compile(b"|".join(re.escape(one) for one in only) or rb"(?!)")
        lines = (line for line in lines if wanted.search(line))
    found = (_mount(line) for line in lines)
    return tuple([mount for mount in found if mount is not None])


def parse_mounts(data: bytes) -> tuple[Mount, ...]:
    """Lines of /proc/mounts, fstab(5): no numbers, ids or peer groups, and the root of a bind mount is not told."""
    found = []
    for line in data.split(b"\n"):
        fields = line.decode("utf-8", "surrogateescape").split(" ")
        if len(fields) >= 4:
            source, point, kind, options = (_plain(field) for field in fields[:4])
            found.append(Mount(-1, -1, None, "/", point, (), kind, source, options))
    return tuple(found)


def _mount(line: bytes) -> Optional[Mount]:
    # The kernel escapes blanks within fields, so that a blank always parts two of them.
    fields = line.decode("utf-8", "surrogateescape").split(" ")
    try:
        dash = fields.index("-", 6)
        kind, source = fields[dash + 1 : dash + 3]
    except ValueError:
        return None
    number, parent = fields[0], fields[1]
    if not (_short(number) and _short(parent) and _NUMBER.match(fields[2])):
        return None
    options = " ".join(fields[dash + 3 :])
    return Mount(
        int(number), int(parent), fields[2], _plain(fields[3]), _plain(fields[4]), tuple(fields[6:dash]), _plain(kind),
        _plain(source), _plain(options),
    )  # fmt: skip


def _short(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


def _plain(field: str) -> str:
    """Undo what mangle() of fs/seq_file.c does: blank, tab, newline, backslash and # as three octal digits."""
    if "\\" not in field:
        return field
    # Byte by byte, since the octal digits may stand for a part of a character.
    raw = _OCTAL.sub(lambda found: chr(int(found[1], 8)), field) if field.isascii() else None
    if raw is not None:
        return raw.encode("latin-1").decode("utf-8", "surrogateescape")
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)
