"""Routes and addresses: /proc/net/route, ipv6_route, fib_trie and if_inet6 (proc_pid_net(5))."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple, Optional

from hotplugctl.model.users import Address, Route

_UP = 0x0001
_REJECT = 0x0200
_CACHE = 0x01000000
_LOCAL = 0x80000000
_LEAF = re.compile(r"\|-- ([0-9.]{7,15})\Z")
_TABLE = re.compile(r"^Id ([0-9]{1,10}):$", re.M)
_LOCAL_LINE = re.compile(r"/([0-9]{1,2}) host LOCAL\Z")
_HEX32 = re.compile(r"[0-9a-fA-F]{32}\Z")
_HEX8 = re.compile(r"[0-9a-fA-F]{1,8}\Z")
_LINK_LOCAL = "20"


class V6Address(NamedTuple):
    """A line of if_inet6: ``link_local`` are those that every interface gives itself."""

    device: str
    address: str
    prefix: int
    link_local: bool


def ipv4(text: str) -> tuple[Route, ...]:
    """/proc/net/route: the main table alone; addresses in the byte order of a little-endian machine."""
    found = []
    for line in text.split("\n")[1:]:
        fields = line.split()
        if len(fields) >= 8 and all(_HEX8.match(fields[at]) for at in (1, 2, 3, 7)):
            flags = int(fields[3], 16)
            if flags & _UP and not flags & _REJECT:
                metric = int(fields[6]) if fields[6].isdigit() and len(fields[6]) < 11 else 0
                prefix = bin(int(fields[7], 16)).count("1")
                gateway = None if not int(fields[2], 16) else _quad(fields[2])
                found.append(Route(4, f"{_quad(fields[1])}/{prefix}", gateway, fields[0], metric))
    return tuple(found)


def _quad(text: str) -> str:
    return ".".join(str(one) for one in int(text, 16).to_bytes(4, "little"))


def other_tables(text: str) -> tuple[str, ...]:
    """The tables in fib_trie that are neither main nor local, by their numbers; it has none that is empty."""
    return tuple(dict.fromkeys(_TABLE.findall(text)))


def ipv6(text: str) -> tuple[Route, ...]:
    """/proc/net/ipv6_route, without what is local, cached, unreachable or multicast."""
    found = []
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) != 10 or not (_HEX32.match(fields[0]) and _HEX32.match(fields[4])):
            continue
        if not all(_HEX8.match(fields[at]) for at in (1, 5, 8)):
            continue
        flags, prefix = int(fields[8], 16), int(fields[1], 16)
        if not flags & _UP or flags & (_REJECT | _CACHE | _LOCAL) or fields[0][:2] == "ff" or prefix > 128:
            continue
        gateway = _spelt(fields[4]) if fields[4].strip("0") else None
        found.append(Route(6, f"{_spelt(fields[0])}/{prefix}", gateway, fields[9], int(fields[5], 16)))
    return tuple(found)


def _spelt(text: str) -> str:
    return str(ipaddress.IPv6Address(int(text, 16)))


def local_ipv4(text: str) -> tuple[str, ...]:
    """The addresses that are this machine's own, out of fib_trie; each once, without 127/8."""
    found: dict[str, None] = {}
    leaf: Optional[str] = None
    for line in text.split("\n"):
        stripped = line.strip()
        match = _LEAF.match(stripped)
        if match is not None:
            leaf = match[1]
        elif leaf is not None and _LOCAL_LINE.match(stripped) and not leaf.startswith("127."):
            found[leaf] = None
    return tuple(found)


def local_ipv6(text: str) -> tuple[V6Address, ...]:
    """The lines of if_inet6."""
    found = []
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) == 6 and _HEX32.match(fields[0]) and _HEX8.match(fields[2]) and int(fields[2], 16) <= 128:
            found.append(V6Address(fields[5], _spelt(fields[0]), int(fields[2], 16), fields[3] == _LINK_LOCAL))
    return tuple(found)


def placed(own: Iterable[str], routes: Iterable[Route]) -> tuple[Address, ...]:
    """IPv4 addresses with the interfaces whose networks they are in: nothing in /proc tells that straight."""
    networks = []
    for route in routes:
        if route.family == 4 and route.gateway is None and not route.network.endswith("/0"):
            networks.append((ipaddress.IPv4Network(route.network, strict=False), route.device))
    found = []
    for text in own:
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            continue
        fitting = [(network.prefixlen, device) for network, device in networks if address in network]
        longest = max((prefix for prefix, _ in fitting), default=32)
        devices = tuple(sorted({device for prefix, device in fitting if prefix == longest}))
        found.append(Address(4, text, longest, devices))
    return tuple(found)
