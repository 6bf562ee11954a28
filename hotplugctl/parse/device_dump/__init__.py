"""Dumps of devices: what ``umockdev-record`` writes, and ``udevadm info --export-db``."""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.model.device_dump import DeviceDump

from . import export_db, umockdev
from .entry import Entry, is_devpath, text

# What udevadm never prints; its L: is a number, the priority of the node's links.
_OF_UMOCKDEV = re.compile(rb"^(?:[AH]: |L: [^\r\n=]*=)", re.MULTILINE)


# udevadm prints colours to a terminal (systemd 254 and newer), and script(1) keeps them.
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_COLOURED = re.compile(rb"^(?:\x1b\[[0-9;]*m)*P:(?:\x1b\[[0-9;]*m| )*\x1b|^\x1b\[[0-9;]*m[ ]*P:", re.MULTILINE)


def _plain(data: bytes) -> bytes:
    return _COLOUR.sub(b"", data) if _COLOURED.search(data) else data


def parse(data: bytes) -> DeviceDump:
    """Read either form; never raises, and takes time in proportion to the text.

    A record begins with ``P:``, its lines are a letter and a value. What is not below /devices (modules, buses), or has
    a path that no device has, is passed over.
    """
    data = _plain(data)
    form, read = ("umockdev", umockdev.line) if _OF_UMOCKDEV.search(data) else ("export-db", export_db.line)
    found: dict[str, Entry] = {}
    entry: Optional[Entry] = None
    passing = False
    unparsed = 0
    for raw in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.rstrip(b"\r")
        if line.startswith(b"P: "):
            path = text(line[3:])
            entry = Entry(path) if is_devpath(path) else None
            passing = entry is None and path.startswith("/")
            if entry is not None:
                # Of two records of one device the later one counts, where it stands.
                found.pop(path, None)
                found[path] = entry
                continue
        elif entry is not None and line[1:3] == b": ":
            unparsed += not read(entry, line[:1], line[3:])
            continue
        unparsed += bool(line.strip()) and not passing
    devices = tuple(each.device() for each in found.values())
    return DeviceDump(form if devices else "none", devices, unparsed)
