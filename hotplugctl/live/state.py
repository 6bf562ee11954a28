"""What a reducer knows: the functions that are there, the slots' names, what is waited for."""

from __future__ import annotations

import math
from heapq import heapify, heappush
from typing import Optional

from hotplugctl.model.address import parent
from hotplugctl.model.live import Journey, NodeState, Transition

LIMIT_S = 10.0
"""How long a device may rest before its next stage is overdue: pciehp's button window is 5 s, shpchp's way 6 s, a SCSI
bus reset 3 s (all seen on kernels 5.10 to 7.2), and a loaded guest is slow.
"""
FAULT_LIMIT_S = 3.0
"""The same where the log has said already what is wrong: the kernel tries some things again at once."""

FUNCTIONS_LIMIT = 250_000
"""Functions that are known at a time: beyond, the one known longest is forgotten."""
NODES_LIMIT = 50_000
"""Nodes of one function that are known at a time."""

_KEPT = 4096
_OWNERS_KEPT = 500_000
_NOTHING: dict[str, str] = {}


class Announcement:
    """A button press at a slot, while its function has not come. ``port``: the bridge whose driver said so."""

    __slots__ = ("action", "at", "deadline", "fault", "port", "slot")

    def __init__(self, port: str, slot: Optional[str], at: float) -> None:
        self.port = port
        self.slot = slot
        self.at = at
        self.action: Optional[str] = None
        self.deadline = 0.0
        self.fault: Optional[str] = None


class State:
    """``functions``: address → journey of each function that is there or coming. ``slots``: slot address → name.

    ``udev``: udevd runs (None: unknown). ``by_log``: insertions are told by the kernel log alone. ``udev_only``: the
    kernel's own events are not heard. ``blind``: no look at sysfs was ever taken: nothing is known to be absent.
    ``now``: the clock of the stream. ``owners``: name of a virtio device or SCSI host → its function. ``window``: the
    SEQNUMs between which the last look was taken; ``starting``: that was the first one. ``booting``: the log tells of
    the boot, which inserts nothing. ``behind``: bridge → the functions right behind it. ``queue``: when who is overdue,
    the earliest first; no address: a slot.
    """

    __slots__ = (
        "announced", "began", "behind", "blind", "booting", "by_log", "early", "functions", "gone", "now", "owners",
        "queue", "slots", "slots_due", "starting", "steps", "udev", "udev_only", "window",
    )  # fmt: skip

    def __init__(self, *, by_log: bool = False, udev_only: bool = False) -> None:
        self.functions: dict[str, Journey] = {}
        self.slots: dict[str, str] = {}
        self.udev: Optional[bool] = None
        self.by_log = by_log
        self.udev_only = udev_only
        self.blind = True
        self.booting = False
        self.now = 0.0
        self.began: Optional[float] = None
        self.owners: dict[str, str] = {}
        self.behind: dict[str, dict[str, None]] = {}
        self.steps = 0
        self.slots_due = math.inf
        self.window: Optional[tuple[int, int]] = None
        self.starting = False
        self.queue: list[tuple[float, str]] = []
        self.announced: dict[tuple[str, Optional[str]], Announcement] = {}
        # What removed a device, and what udev was done with before the kernel's event was heard: devpath → SEQNUM.
        self.gone: dict[str, int] = {}
        self.early: dict[str, int] = {}

    def slot_of(self, address: str) -> Optional[str]:
        """The name of the slot that a function is in."""
        return self.slots.get(address[:-2])

    def arm(self, journey: Journey, limit: float = LIMIT_S) -> None:
        """Something has come of it: it is overdue ``limit`` from now, unless all is there already."""
        if journey.settled:
            return
        if journey.faults or "failed" in journey.bars.values():
            limit = min(limit, FAULT_LIMIT_S)
        journey.deadline = self.now + limit
        # Something that went wrong makes it due earlier than its entry in the queue says.
        if journey.queued is None or journey.deadline < journey.queued:
            journey.queued = journey.deadline
            heappush(self.queue, (journey.deadline, journey.address))
            if len(self.queue) > 2 * len(self.functions) + _KEPT:
                self.requeue()

    def requeue(self) -> None:
        """Make the queue anew: functions that came and went at one address have left entries in it."""
        for one in self.functions.values():
            one.queued = None if one.queued is None else one.deadline
        self.queue = [(one.queued, one.address) for one in self.functions.values() if one.queued is not None]
        heapify(self.queue)
        self.queue_slots()

    def arm_slot(self, one: Announcement, limit: float = LIMIT_S) -> None:
        """The same for what was announced at a slot; one entry in the queue stands for all of them."""
        one.deadline = self.now + limit
        if one.deadline < self.slots_due:
            self.slots_due = one.deadline
            heappush(self.queue, (one.deadline, ""))

    def queue_slots(self) -> None:
        """The entry for the slots was taken out of the queue: put the next one in, while something is announced."""
        self.slots_due = min((one.deadline for one in self.announced.values()), default=math.inf)
        if self.slots_due != math.inf:
            heappush(self.queue, (self.slots_due, ""))

    def know(self, journey: Journey, path: Optional[str] = None) -> None:
        """Take in a function, or where it is."""
        functions = self.functions
        if journey.address not in functions and len(functions) >= FUNCTIONS_LIMIT:
            self.drop(next(iter(functions.values())))
        functions[journey.address] = journey
        if path is not None and path != journey.path:
            self._unplace(journey)
            journey.path = path
            port = parent(path)
            if port is not None:
                self.behind.setdefault(port, {})[journey.address] = None

    def _unplace(self, journey: Journey) -> None:
        port = None if journey.path is None else parent(journey.path)
        if port is not None and port in self.behind:
            self.behind[port].pop(journey.address, None)
            if not self.behind[port]:
                del self.behind[port]

    def own(self, name: str, address: str) -> None:
        """A virtio device or SCSI host belongs to a function."""
        if len(self.owners) >= _OWNERS_KEPT:
            self.owners.clear()
        self.owners[name] = address

    def announce(self, journey: Journey, port: Optional[str]) -> None:
        """Give a function the announcement that its port made; the functions of one slot come by the same one."""
        found = None if port is None else self._announcement(port, self.slots.get(journey.address[:-2]))
        if found is not None:
            journey.slot = journey.slot or found.slot
            journey.reach("announced", found.at)
            journey.first = found.at if journey.first is None else min(found.at, journey.first)
            found.deadline = math.inf

    def _announcement(self, port: str, slot: Optional[str]) -> Optional[Announcement]:
        exact = self.announced.get((port, slot))
        if exact is not None or slot is not None:
            return exact
        return next((one for key, one in reversed(self.announced.items()) if key[0] == port), None)

    def remember(self, known: dict[str, int], path: str, seq: Optional[int]) -> None:
        """Keep a SEQNUM for a devpath, of the last few thousand."""
        if seq is not None:
            known.pop(path, None)
            known[path] = seq
            if len(known) > _KEPT:
                del known[next(iter(known))]

    def drop(self, journey: Journey) -> None:
        """Forget a function and whose children they were."""
        self.functions.pop(journey.address, None)
        self._unplace(journey)
        for child in journey.children:
            self.owners.pop(child.rpartition("/")[2], None)


def told(
    state: State, event: str, at: float, journey: Journey, node: Optional[NodeState] = None,
    stage: Optional[str] = None, reason: Optional[str] = None, since: Optional[float] = None,
) -> Transition:  # fmt: skip
    """What is told of a function, or of a node of it."""
    address = journey.address
    return Transition(
        event, None, at, address, state.slots.get(address[:-2]) or journey.slot,
        "pci" if node is None else node.subsystem, None if node is None else node.name,
        None if node is None else node.node, journey.driver, stage,
        journey.since_first(stage) if since is None and stage is not None else since, reason, _unknown(state, journey),
    )  # fmt: skip


def general(
    event: str, at: float, slot: Optional[str], reason: str, address: Optional[str] = None, stage: Optional[str] = None
) -> Transition:
    """What is told of no function: a slot, or the stream of events itself."""
    subsystem = None if slot is None and address is None else "pci"
    return Transition(event, None, at, address, slot, subsystem, None, None, None, stage, None, reason, _NOTHING)


_SLOTS_UNKNOWN = {"slot": "no look at /sys/bus/pci/slots was taken"}


def _unknown(state: State, journey: Journey) -> dict[str, str]:
    return _SLOTS_UNKNOWN if state.blind and journey.slot is None else _NOTHING
