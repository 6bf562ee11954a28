"""What /proc tells of one process: its parent, its service, what it has mapped."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|\Z)")


def parent(text: str) -> Optional[int]:
    """The fourth field of /proc/PID/stat; the second, the name, may hold anything, also blanks and brackets."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() and len(fields[1]) < 10 else None


def is_root(text: str) -> bool:
    """Whether /proc/PID/status is of a process of root: the effective user of ``Uid:`` (proc_pid_status(5))."""
    for line in text.split("\n"):
        words = line.split()
        if words[:1] == ["Uid:"]:
            return len(words) > 2 and words[2] == "0"
    return False


def unit(text: str) -> Optional[str]:
    """The innermost systemd service of /proc/PID/cgroup (cgroups(7)); None for what belongs to a login or a machine."""
    for line in text.split("\n"):
        parts = line.split(":", 2)
        # The unified hierarchy, or systemd's own of the old ones.
        if len(parts) == 3 and (parts[1] == "" or parts[1] == "name=systemd"):
            found = _UNIT.findall(parts[2])
            if found:
                last: str = found[-1]
                return last if last.endswith(".service") and not last.startswith("user@") else None
    return None


def mapped(data: bytes, devices: frozenset[bytes]) -> tuple[str, ...]:
    """The paths in /proc/PID/maps (proc_pid_maps(5)) that are on one of these devices, ``MAJ:MIN `` in hex; each once.

    ``devices``: see ``device_mark``.
    """
    if not any(mark in data for mark in devices):
        return ()
    found: dict[str, None] = {}
    for line in data.split(b"\n"):
        fields = line.split(None, 5)
        if len(fields) == 6 and b" " + fields[3] + b" " in devices:
            found[fields[5].decode("utf-8", "surrogateescape")] = None
    return tuple(found)


def device_mark(number: str) -> bytes:
    """``major:minor`` as maps writes it, with the blanks around it: two hex digits at least."""
    major, _, minor = number.partition(":")
    return b" %02x:%02x " % (int(major), int(minor))


class Behind(NamedTuple):
    """What stat(2) says of an open file: its kind, the device that it is on, and its own number where it is a node."""

    kind: str
    on: str
    number: Optional[str]


def behind(text: str) -> Optional[Behind]:
    """``block 0:6 254:16`` (``source.tree.Tree.behind``)."""
    words = text.split(" ")
    return Behind(words[0], words[1], words[2] if len(words) > 2 else None) if len(words) in (2, 3) else None
