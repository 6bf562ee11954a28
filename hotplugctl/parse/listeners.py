"""What uses an interface below IP: /proc/net/packet (packet(7)) and /proc/net/pppoe (drivers/net/ppp/pppoe.c)."""

from __future__ import annotations


def packet(text: str) -> frozenset[int]:
    """The numbers of the interfaces that a packet socket is bound to; 0, which is any of them, is left out."""
    fields = (line.split() for line in text.split("\n")[1:])
    numbers = (one[4] for one in fields if len(one) == 9)
    return frozenset(int(one) for one in numbers if one.isascii() and one.isdigit() and len(one) < 11) - {0}


def pppoe(text: str) -> frozenset[str]:
    """The interfaces that a PPPoE session runs over."""
    fields = (line.split() for line in text.split("\n")[1:])
    return frozenset(one[2] for one in fields if len(one) == 3)
