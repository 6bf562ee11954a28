"""What a user names on the command line: a function, a slot, a node, an interface, a serial number."""

from typing import NamedTuple, Optional

from hotplugctl.errors import BadTarget
from hotplugctl.model.address import PciAddress
from hotplugctl.model.devices import Node

ADDRESS, SLOT, NODE, NET, SERIAL = "address", "slot", "node", "net", "serial"
PREFIXES = (SLOT, NODE, NET, SERIAL)
"""What may stand before a name, with a colon, where it would be ambiguous."""

LONGEST = 255
"""Characters of a target: neither a file name nor a serial number is longer."""

FORMS = "an address (0000:00:04.0), a slot (slot:4), a node (/dev/vdb), an interface (ens3) or a serial number"


class Wish(NamedTuple):
    """A target as it was typed. ``kind`` is None where the name alone does not tell; ``name``: without its prefix.

    ``address`` is the canonical spelling of the function that is meant, for the kind ``address`` alone.
    """

    text: str
    kind: Optional[str]
    name: str
    address: Optional[str] = None


class Target(NamedTuple):
    """What a target turned out to be.

    ``kind``: ``address``, ``slot``, ``node`` (something with a file in /dev), ``net`` or ``serial``; None where nothing
    is called so, and no prefix said what was meant.
    ``address``: the function that was asked for, there or not; of a node or serial number the function that it is on.
    ``slot`` and ``slot_address``: name and ``dddd:bb:dd`` of the slot that was asked for, there or not.
    ``functions``: the functions that are there, none where it was not found, or is on no PCI function.
    ``nodes``: the nodes that were named, with nothing read of them; empty for a function and a slot.
    ``unknown``: why it cannot be told whether it is there; None where that is known.
    """

    text: str
    kind: Optional[str]
    address: Optional[str]
    slot: Optional[str]
    slot_address: Optional[str]
    functions: tuple[str, ...]
    nodes: tuple[Node, ...]
    unknown: Optional[str] = None

    @property
    def found(self) -> bool:
        """Whether there is such a thing: a slot counts without a device in it."""
        return bool(self.functions or self.nodes) or (self.kind == SLOT and self.slot_address is not None)


def wish(text: str) -> Wish:
    """Read a target. Raises BadTarget where nothing can be called so."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix in PREFIXES:
        return Wish(text, prefix, _sound(text, rest, prefix))
    address = PciAddress.parse(text)
    if address is not None:
        return Wish(text, ADDRESS, text, str(address))
    return Wish(text, NODE if text.startswith("/dev/") else None, _sound(text, text, None))


def _sound(text: str, name: str, kind: Optional[str]) -> str:
    """``name`` if something can be called so. The / is for nodes (/dev/cciss/c0d0) and serial numbers alone."""
    bad = not name or len(name) > LONGEST or not name.strip() or any(ord(one) < 32 or ord(one) == 127 for one in name)
    if kind in (SLOT, NET) or (kind is None and not name.startswith("/dev/")):
        bad = bad or "/" in name
    if kind == NODE or (kind is None and name.startswith("/")):
        bad = bad or _no_node(name)
    if bad:
        shown = text if len(text) <= LONGEST else text[:LONGEST] + "..."
        raise BadTarget(f"{shown!r}: nothing can be called so", FORMS)
    return name


def _no_node(name: str) -> bool:
    inner = name[len("/dev/") :] if name.startswith("/dev/") else name
    return inner.startswith("/") or any(part in ("", ".", "..") for part in inner.split("/"))
