"""From what the sources hear (datagrams, records of the kernel log) and from a look at sysfs to signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

from hotplugctl.collect import details, functions, modules, nodes
from hotplugctl.collect.guest import release
from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.live import FunctionFact, Look, NodeFact, RawEvent, RawLine, Sign
from hotplugctl.model.log import NO_HEAD, Head, LogLine
from hotplugctl.model.reads import FAILURES, Value
from hotplugctl.parse import kernel_events
from hotplugctl.parse.uevent import parse_datagram
from hotplugctl.source.tree import Tree

_SEQNUM = "/sys/kernel/uevent_seqnum"
_SLOTS = "/sys/bus/pci/slots"
_SYS = len("/sys")
# Lines that are there when the listening begins come all at once, and were printed long before.
_BACKLOG_S = 1.0
# How long a distance between the two clocks is believed: they drift apart by some seconds a day.
_BELIEVED_S = 600.0
_FACILITY = 8


class Hearing:
    """Reads raw records. Remembers how far the stamps of the log lie from CLOCK_MONOTONIC, for they are another clock.

    printk stamps with the scheduler's clock (kernel/printk/printk.c, ``local_clock()``). A line is read a moment after
    it was printed, so the shortest way that a line took lately is the distance of the clocks.
    """

    def __init__(self) -> None:
        self._first: Optional[float] = None
        self._since = 0.0
        self._lately: Optional[float] = None
        self._before: Optional[float] = None

    def sign(self, raw: Union[RawEvent, RawLine]) -> Optional[Sign]:
        """The sign of a raw record; None where it is none (malformed, or written to the log by a process)."""
        if isinstance(raw, RawEvent):
            event = parse_datagram(raw.data)
            return None if event is None else Sign(raw.heard, raw.heard, event)
        return self._line(raw.heard, raw.raw)

    def _line(self, heard: float, raw: str) -> Optional[Sign]:
        """``6,339,5140900,-;message``: priority, number, microseconds, flags (Documentation/ABI/testing/dev-kmsg)."""
        stamp, semicolon, text = raw.partition(";")
        parts = stamp.split(",")
        if not semicolon or len(parts) < 3 or not _is_number(parts[0]) or not _is_number(parts[2]):
            return None
        if int(parts[0]) >= _FACILITY:
            return None
        body = text.partition("\n")[0]
        at = min(heard, self._at(heard, int(parts[2]) / 1e6))
        head, message = Head.split(body)
        event = None
        if message[:4] in kernel_events.STARTS or kernel_events.worth(head):
            event = kernel_events.event_of(message, head)
        prefix, address, _ = head if head is not NO_HEAD else NO_HEAD
        return Sign(heard, at, LogLine(at, None, None, None, None, prefix, address, message, event))

    def _at(self, heard: float, stamp: float) -> float:
        """The time of a stamp on the other clock."""
        if self._first is None:
            self._first = heard
        distance = heard - stamp
        if heard - self._first < _BACKLOG_S and distance > _BACKLOG_S:
            return stamp
        if self._lately is None or distance < self._lately:
            self._lately = distance
        age = abs(heard - self._since)
        if age > _BELIEVED_S:
            self._before = self._lately if age <= 2 * _BELIEVED_S else None
            self._since, self._lately = heard, distance
        return stamp + (self._lately if self._before is None else min(self._lately, self._before))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def look(tree: Tree, kind: str, only: Optional[tuple[str, ...]] = None, lost: Optional[str] = None) -> Look:
    """A look at a tree: all functions, or those of ``only``. Nothing is read that asks a device."""
    before = _seqnum(tree)
    listed = functions.collect(tree)
    items = [item for item in listed.items if only is None or item.address in only]
    found, failure = nodes.bare(tree)
    children = _children(tree)
    slots = _slots(tree)
    claims = _claims(tree, items) if only is not None else None
    facts = tuple(_fact(item, found.get(item.address, ()), children, slots, claims) for item in items)
    after = _seqnum(tree)
    numbers = None if before is None or after is None else (before, after)
    complete = listed.failure is None and failure is None
    return Look(kind, facts, slots, None, lost, complete, numbers)


def _fact(
    item: PciFunction, below: tuple[Node, ...], children: Mapping[str, Mapping[str, Optional[str]]],
    slots: Mapping[str, str], claims: Optional[Mapping[str, tuple[str, ...]]],
) -> FunctionFact:  # fmt: skip
    return FunctionFact(
        item.address, item.path[_SYS:], item.class_, None if item.vendor is None else f"{item.vendor}:{item.device}",
        item.driver, slots.get(item.slot_address),
        tuple(NodeFact(node.subsystem, node.name, node.node, node.path[_SYS:]) for node in below),
        children.get(item.address, {}), None if claims is None else claims.get(item.modalias or "", ()),
    )  # fmt: skip


def _claims(tree: Tree, items: list[PciFunction]) -> Optional[Mapping[str, tuple[str, ...]]]:
    aliases = {item.modalias for item in items if item.modalias is not None and item.driver is None}
    if not aliases:
        return None
    claims, failure = modules.matches(tree, release(tree)[0], aliases)
    return claims if failure is None else None


def _children(tree: Tree) -> Mapping[str, Mapping[str, Optional[str]]]:
    found: dict[str, dict[str, Optional[str]]] = {}
    for child in details.virtio_children(tree):
        found.setdefault(child.address, {})[child.path[_SYS:]] = child.driver
    return found


def _slots(tree: Tree) -> Mapping[str, str]:
    """Slot address → name: names repeat with suffixes, addresses do not."""
    listing = tree.names(_SLOTS)
    found: dict[str, str] = {}
    for name in listing.names if isinstance(listing, Names) else ():
        address = tree.read(f"{_SLOTS}/{name}/address")
        if isinstance(address, Value):
            found[address.text] = name
    return found


def _seqnum(tree: Tree) -> Optional[int]:
    read = tree.read(_SEQNUM)
    if isinstance(read, FAILURES):
        return None
    text = read.text.strip()
    return int(text) if _is_number(text) else None
