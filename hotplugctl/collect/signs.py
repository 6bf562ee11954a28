"""From what the sources hear (datagrams, records of the kernel log) and from a look at sysfs to signs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Optional, Union

from hotplugctl.collect import details, functions, modules, nodes, slot_names
from hotplugctl.collect.guest import release
from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.live import FunctionFact, Look, NodeFact, RawEvent, RawLine, Sign
from hotplugctl.model.log import NO_HEAD, Head, LogLine
from hotplugctl.model.reads import FAILURES, Value
from hotplugctl.parse import kernel_events
from hotplugctl.parse.uevent import parse_datagram
from hotplugctl.source.tree import Tree

SEQNUM = "/sys/kernel/uevent_seqnum"
# systemd-udevd keeps the one while it is at work, and writes the other when its rules have run (udev_manager.c,
# device_update_db() in sd-device).
_UDEV_BUSY = "/run/udev/queue"
_UDEV_DATA = "/run/udev/data"
_UDEV_KEYS = {"block": ("b", "dev"), "net": ("n", "ifindex")}
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
        at = max(0.0, min(heard, self._at(heard, int(parts[2]) / 1e6)))
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


def look(
    tree: Tree, kind: str, only: Optional[Collection[str]] = None, lost: Optional[str] = None, *, claims: bool = False
) -> Look:
    """A look at a tree: all functions, or those of ``only``, closely. Nothing is read that asks a device.

    ``claims``: which modules claim what has no driver; a close look knows that anyway.
    """
    closely = only is not None
    wanted = frozenset(only or ())
    before = seqnum(tree)
    listed = functions.collect(tree)
    items = [item for item in listed.items if not closely or item.address in wanted]
    found, failure = nodes.bare(tree)
    children = _children(tree)
    slots, _ = slot_names.collect(tree)
    claimed = _claims(tree, items) if closely or claims else None
    done = done_by_udev(tree, [node for item in items for node in found.get(item.address, ())], closely)
    facts = tuple(fact(item, found.get(item.address, ()), done, children, slots, claimed) for item in items)
    after = seqnum(tree)
    numbers = None if before is None or after is None else (before, after)
    complete = listed.failure is None and failure is None
    return Look(kind, facts, slots, None, lost, complete, numbers)


def fact(
    item: PciFunction, below: tuple[Node, ...], done: Mapping[str, bool],
    children: Mapping[str, Mapping[str, Optional[str]]], slots: Mapping[str, str],
    claims: Optional[Mapping[str, tuple[str, ...]]],
) -> FunctionFact:  # fmt: skip
    """What a look holds of one function: its nodes, and for all of them by path or address what is known."""
    return FunctionFact(
        item.address, item.path[_SYS:], item.class_, None if item.vendor is None else f"{item.vendor}:{item.device}",
        item.driver, slots.get(item.slot_address),
        tuple(
            NodeFact(node.subsystem, node.name, node.node, node.path[_SYS:], done.get(node.path)) for node in below
        ),
        children.get(item.address, {}), None if claims is None else claims.get(item.modalias or "", ()),
    )  # fmt: skip


def done_by_udev(tree: Tree, nodes: list[Node], closely: bool) -> Mapping[str, bool]:
    """Path of a disk or interface → udev is done with it; those left out: unknown.

    One without a record is unfinished only while udevd is at work: what it was never told of (before it was started)
    gets none. So, unless one wants it ``closely``, a quiet udevd is not asked.
    """
    busy = isinstance(tree.kind_of(_UDEV_BUSY), str)
    listing = tree.names(_UDEV_DATA) if busy or closely else None
    if not isinstance(listing, Names):
        return {}
    records = frozenset(listing.names)
    found: dict[str, bool] = {}
    for node in nodes:
        letter, attribute = _UDEV_KEYS.get(node.subsystem, ("", ""))
        number = tree.read(f"{node.path}/{attribute}") if letter else None
        if isinstance(number, Value):
            done = f"{letter}{number.text.strip()}" in records
            if done or busy:
                found[node.path] = done
    return found


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


def seqnum(tree: Tree) -> Optional[int]:
    """The number of the last uevent that the kernel sent; None where it cannot be known."""
    read = tree.read(SEQNUM)
    if isinstance(read, FAILURES):
        return None
    text = read.text.strip()
    return int(text) if _is_number(text) else None
