"""IP addresses as the tables in /proc/net write them: hexadecimal digits (proc_net(5))."""

from __future__ import annotations

import re

_SOCKETS = re.compile(r"/net/(?:route|tcp|udp|udplite|raw)\Z")
_SOCKETS6 = re.compile(r"/net/(?:if_inet6|ipv6_route|tcp6|udp6|raw6)\Z")
HEX_V4 = re.compile(r"(?<![0-9A-Za-z])[0-9A-F]{8}(?=[\t:])")
HEX_V6 = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32}(?![0-9A-Za-z])")


def little_v4(digits: str) -> int:
    """The address that /proc/net/route writes so: as its bytes lie in memory, those of a PC."""
    return int.from_bytes(bytes.fromhex(digits), "little")


def holds_v4(path: str) -> bool:
    """Whether the file holds IPv4 addresses as hexadecimal digits (proc_net(5))."""
    return _SOCKETS.search(path) is not None


def holds_v6(path: str) -> bool:
    """Whether the file holds IPv6 addresses as 32 hexadecimal digits."""
    return _SOCKETS6.search(path) is not None
