"""TCP connections: /proc/net/tcp and tcp6 (Documentation/networking/proc_net_tcp.rst)."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, Optional

_END = re.compile(r"([0-9A-Fa-f]{8}|[0-9A-Fa-f]{32}):([0-9A-Fa-f]{1,4})\Z")
_ESTABLISHED = "01"


class Socket(NamedTuple):
    """An established connection; ``inode`` is the number in the link texts of /proc/PID/fd."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    inode: str


def parse(text: str) -> tuple[Socket, ...]:
    """The established connections. IPv4 in IPv6 (::ffff:a.b.c.d) is spelt as IPv4."""
    found = []
    for line in text.split("\n")[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _ESTABLISHED:
            continue
        local, remote = _end(fields[1]), _end(fields[2])
        if local is not None and remote is not None:
            found.append(Socket(*local, *remote, fields[9]))
    return tuple(found)


def _end(text: str) -> Optional[tuple[str, int]]:
    match = _END.match(text)
    if match is None:
        return None
    # Each group of four bytes is in the byte order of a little-endian machine.
    raw = bytes.fromhex(match[1])
    data = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(data)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(match[2], 16)
