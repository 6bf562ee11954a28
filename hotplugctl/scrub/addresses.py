"""Pseudonyms of IP addresses: two that share a network go on sharing it, so that routes still lead where they led."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.scrub import shapes

_LOW64 = (1 << 64) - 1
# 198.18.0.0/15 is for measurements between networks (RFC 2544), 240.0.0.0/4 is given to nobody (RFC 1112).
_PUBLIC = (0xC612, 0xC613, *range(0xF000, 0xFFFF))
LINK_LOCAL = 0xFE80 << 48
"""The upper half of fe80::/64, the network that every interface has."""

_DOCUMENTS = 0x20010DB8 << 32
_LOCAL = 0xFD << 56


def v4(addresses: Iterable[int]) -> dict[int, Optional[int]]:
    """Address → pseudonym. Private stays private, in the same block; the others go where nobody is.

    As many leading bits as two addresses share, their pseudonyms share, in private blocks and within a /16 of others.
    The last octet stays: that of a network, of a broadcast, of a gateway means something.
    """
    blocks: dict[tuple[int, int], set[int]] = {}
    for address in addresses:
        bits = shapes.private(address)
        blocks.setdefault((address >> (32 - bits), bits) if bits else (address >> 16, 16), set()).add(address)
    originals = {address for block in blocks.values() for address in block}
    public = iter(_PUBLIC)
    given: dict[int, Optional[int]] = {}
    for (start, bits), block in sorted(blocks.items()):
        is_private = shapes.private(min(block)) is not None
        given.update(_block(block, start if is_private else next(public, None), bits, originals))
    return given


def _block(block: set[int], start: Optional[int], bits: int, originals: set[int]) -> dict[int, Optional[int]]:
    if start is None:
        return dict.fromkeys(block)
    width = 24 - bits
    middles = _branches({address >> 8 & ((1 << width) - 1) for address in block}, width)
    for turn in range(min(1 << width, 4096)):
        # The highest bits first: the address of a network has zeros below, and ends in them still.
        turned = int(f"{turn:0{width}b}"[::-1], 2)
        given: dict[int, Optional[int]] = {
            address: start << (32 - bits) | (middles[address >> 8 & ((1 << width) - 1)] ^ turned) << 8 | address & 255
            for address in block
        }
        if originals.isdisjoint(given.values()):
            return given
    return dict.fromkeys(block)


def _branches(numbers: set[int], width: int) -> dict[int, int]:
    """Only the bits in which some of them first differ are kept, all others become 0: common prefixes stay common."""
    kept: dict[int, int] = {}
    groups = [(sorted(numbers), width - 1, 0)]
    while groups:
        group, bit, prefix = groups.pop()
        if bit < 0:
            kept[group[0]] = prefix
            continue
        low = [number for number in group if not number >> bit & 1]
        high = [number for number in group if number >> bit & 1]
        for part, value in ((low, 0), (high, int(bool(low)))):
            if part:
                groups.append((part, bit - 1, prefix | value << bit))
    return kept


def v6(addresses: Iterable[int], macs: Mapping[str, Optional[str]]) -> dict[int, Optional[int]]:
    """Address → pseudonym: link-local stays that, ULA becomes fd00::/8, the rest 2001:db8::/32 (RFC 3849).

    Networks of 48 and of 64 bits stay together. An interface identifier made from a MAC address (RFC 4291, appendix A)
    is made from its pseudonym.
    """
    found = sorted(set(addresses))
    originals = set(found)
    sites = _sites(found)
    given: dict[int, Optional[int]] = {}
    taken: set[int] = set()
    next_host = 0
    for address in found:
        low = address & _LOW64
        mac = mac_of(low)
        pseudonym = macs.get(mac) if mac else None
        high = _network(address, sites)
        if high is None:
            given[address] = None
            continue
        candidate = high << 64 | (_low_of(pseudonym) if pseudonym else low if low < 2 else 0)
        while candidate in taken or candidate in originals or (not pseudonym and low > 1 and candidate == high << 64):
            next_host += 1
            candidate = high << 64 | (0x1000 + next_host)
            pseudonym = None
        taken.add(candidate)
        given[address] = candidate
    return given


def _sites(found: list[int]) -> dict[int, Optional[int]]:
    """Network of 48 bits → the number that stands for it, which makes none of those that occur."""
    there = {address >> 80 for address in found}
    free = (n for n in range(1, 1 << 16) if _DOCUMENTS >> 16 | n not in there and _LOCAL >> 16 | n not in there)
    return {site: next(free, None) for site in sorted(there)}


def _network(address: int, sites: Mapping[int, Optional[int]]) -> Optional[int]:
    if address >> 118 == 0xFE80 >> 6:
        return LINK_LOCAL
    if address >> 120 == 0xFF:
        return address >> 64
    start = _LOCAL if address >> 121 == 0xFC >> 1 else _DOCUMENTS
    site = sites[address >> 80]
    return None if site is None else start | site << 16 | address >> 64 & 0xFFFF


def mac_of(low: int) -> Optional[str]:
    """The MAC address that the lower 64 bits of an address are made from, None where they are made otherwise."""
    text = f"{low:016x}"
    return f"{int(text[:2], 16) ^ 2:02x}{text[2:6]}{text[10:]}" if text[6:10] == "fffe" else None


def _low_of(mac: str) -> int:
    return int(f"{int(mac[:2], 16) ^ 2:02x}{mac[2:6]}fffe{mac[6:]}", 16)


def v4_text(address: int) -> str:
    """``192.0.2.1``"""
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def v6_text(address: int, double: bool) -> str:
    """As RFC 5952 writes it, or with all eight groups where not ``double``."""
    groups = [f"{address >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    if not double:
        return ":".join(groups)
    for length in range(8, 0, -1):
        for start in range(9 - length):
            if groups[start : start + length] == ["0"] * length:
                return f"{':'.join(groups[:start])}::{':'.join(groups[start + length :])}"
    return ":".join(groups)
