"""What is heard while devices come and go, and what is told of it.

A *sign* is one thing heard; ``live.reducer.step`` turns signs into *transitions*. All times are seconds of
CLOCK_MONOTONIC (since boot, without the time that the machine was suspended).
"""

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

from hotplugctl.model.log import LogLine
from hotplugctl.model.uevent import Uevent

FUNCTION_ADDED = "function-added"
FUNCTION_REMOVED = "function-removed"
DRIVER_BOUND = "driver-bound"
DRIVER_UNBOUND = "driver-unbound"
NODE_ADDED = "node-added"
NODE_REMOVED = "node-removed"
NODE_RENAMED = "node-renamed"
DEVICE_READY = "device-ready"
DEVICE_STALLED = "device-stalled"
REMOVAL_REQUESTED = "removal-requested"
LOST = "lost"
RESYNC = "resync"
EVENTS = (
    FUNCTION_ADDED, FUNCTION_REMOVED, DRIVER_BOUND, DRIVER_UNBOUND, NODE_ADDED, NODE_REMOVED, NODE_RENAMED,
    DEVICE_READY, DEVICE_STALLED, REMOVAL_REQUESTED, LOST, RESYNC,
)  # fmt: skip

ANNOUNCED = "announced"
ENUMERATED = "enumerated"
RESOURCES = "resources"
ENABLED = "enabled"
BOUND = "bound"
CHILD = "child"
NODE = "node"
UDEV = "udev"
STAGES = (ANNOUNCED, ENUMERATED, RESOURCES, ENABLED, BOUND, CHILD, NODE, UDEV)
"""The milestones of an insertion, in the order in which they are listed (not always reached in it)."""


class RawEvent(NamedTuple):
    """A datagram of NETLINK_KOBJECT_UEVENT as received: ``group`` 1 of the kernel, 2 of udev."""

    heard: float
    group: Optional[int]
    data: bytes


class RawLine(NamedTuple):
    """A record of /dev/kmsg as read (``6,339,5140900,-;message``); ``heard`` is when, not when it was printed."""

    heard: float
    raw: str


class NodeFact(NamedTuple):
    """A node that is there: ``path`` is its devpath (begins with ``/devices``), ``node`` its file in /dev or None.

    ``udev``: udev is done with it (None: unknown).
    """

    subsystem: str
    name: str
    node: Optional[str]
    path: str
    udev: Optional[bool] = None


class FunctionFact(NamedTuple):
    """A PCI function that is there, as a look at sysfs finds it. None: there is none, or it was not looked for.

    ``path`` is its devpath, ``ids`` ``vvvv:dddd``, ``class_`` six hex digits. ``children``: virtio and other bus
    devices below it, devpath → driver (None: none bound). ``modules``: modules of this kernel that claim it, None where
    that is unknown. ``trouble``: what the rules of ``check`` find wrong with it, in one line.
    """

    address: str
    path: str
    class_: Optional[str] = None
    ids: Optional[str] = None
    driver: Optional[str] = None
    slot: Optional[str] = None
    nodes: tuple[NodeFact, ...] = ()
    children: Mapping[str, Optional[str]] = {}
    modules: Optional[tuple[str, ...]] = None
    trouble: Optional[str] = None


class Look(NamedTuple):
    """A look at sysfs. ``slots``: slot address (``dddd:bb:dd``) → the slot's name.

    ``kind``: ``start`` (what is there before anything was heard: nothing is told of it), ``resync`` (what differs
    from what was told is told, and marked), ``scan`` (the same, where looks are all that there is: not marked),
    ``end`` (the last line of what was saved: the stream ends), ``facts`` (more about the functions in it alone; those
    that it lacks stay). ``lost``: why the look was taken, where events are known to be lost (ENOBUFS); None for a
    mere suspicion. ``udev``: udevd runs (None: unknown). ``complete`` False: the bus could not be listed, so what is
    missing proves nothing. ``seqnums``: /sys/kernel/uevent_seqnum right before and right after the look: kernel
    events up to the first are in it, those up to the second may be.
    """

    kind: str
    functions: tuple[FunctionFact, ...]
    slots: Mapping[str, str]
    udev: Optional[bool] = None
    lost: Optional[str] = None
    complete: bool = True
    seqnums: Optional[tuple[int, int]] = None


class End(NamedTuple):
    """The stream ends: what is overdue until then is told, nothing after it."""


class Tick(NamedTuple):
    """Nothing was heard up to ``heard``: a live stream has such, so that what is overdue is told in time."""


What = Union[Uevent, LogLine, Look, Tick, End]


class Sign(NamedTuple):
    """One thing heard. ``heard``: when; the order of signs. ``at``: when it happened, as far as it can be told (a log
    line bears its own stamp); never after ``heard``.
    """

    heard: float
    at: float
    what: What


class Hello(NamedTuple):
    """How it is heard: what ``watch`` says first. ``source``: kernel, udev, both, scan or replay; ``reason``: why.

    ``seqnum``: SEQNUM of the last event before the first that is heard. ``monotonic``: when it began, ``time`` the same
    in RFC 3339 UTC. What is not known is None, and ``unknown`` says why.
    """

    source: str
    reason: Optional[str]
    seqnum: Optional[int]
    monotonic: Optional[float]
    time: Optional[str]
    unknown: Mapping[str, str]


class Transition(NamedTuple):
    """One told event: the keys of ``watch`` (the contract of the command line).

    ``time`` is RFC 3339 UTC, filled in by who tells it (reducers know no wall clock). ``monotonic`` is when that which
    made us tell it happened; ``since_first_ms`` how long after the first sign of the device ``stage`` was reached,
    which may have been earlier: a driver's first message in the log, say, before its bind event.
    """

    event: str
    time: Optional[str]
    monotonic: float
    address: Optional[str]
    slot: Optional[str]
    subsystem: Optional[str]
    name: Optional[str]
    node: Optional[str]
    driver: Optional[str]
    stage: Optional[str]
    since_first_ms: Optional[float]
    reason: Optional[str]
    unknown: Mapping[str, str]


def milliseconds(since: Optional[float], at: float) -> Optional[float]:
    """From one time to another, to the microsecond and never below 0; None where the first is not known."""
    return None if since is None else max(0.0, round((at - since) * 1000, 3))


class NodeState:
    """A node below a function, as told. ``at``: when it came, None for one that was there. ``seq``: SEQNUM of its add.

    ``ready``: udev is done with it. ``parts``: how many nodes are right below it (partitions).
    """

    __slots__ = ("at", "name", "node", "parts", "path", "ready", "seq", "subsystem")

    def __init__(self, fact: NodeFact, at: Optional[float], seq: Optional[int] = None) -> None:
        self.subsystem = fact.subsystem
        self.name = fact.name
        self.node = fact.node
        self.path = fact.path
        self.at = at
        self.seq = seq
        self.ready = bool(fact.udev)
        self.parts = 0


class Journey:
    """A PCI function as far as it is known: from the first sign of it to its removal.

    ``first``: the first sign, None for a function that was there before anything was heard. ``told``: its
    function-added was told, or it was there. ``settled``: device-ready was told, or it was there. ``stages``:
    milestone → when it was reached. ``children``: bus devices below it (virtio …), devpath → driver. ``log_driver``:
    the prefix of its messages. ``bars``: BAR → its last state in the log. ``faults``: what the log says is wrong,
    few. ``leaving``: when its removal was asked for. ``deadline``: when it is overdue, None where nothing is waited
    for. ``stalled``: the reason told. ``seq``: SEQNUM of its add. ``udev_done``: udev has announced the function
    itself.
    """

    __slots__ = (
        "address", "bars", "children", "class_", "deadline", "driver", "faults", "first", "ids", "leaving",
        "log_driver", "modules", "nodes", "path", "queued", "seq", "settled", "slot", "stages", "stalled", "told",
        "trouble", "udev_done",
    )  # fmt: skip

    def __init__(self, address: str, first: Optional[float]) -> None:
        self.address = address
        self.first = first
        self.path: Optional[str] = None
        self.class_: Optional[str] = None
        self.ids: Optional[str] = None
        self.driver: Optional[str] = None
        self.log_driver: Optional[str] = None
        self.slot: Optional[str] = None
        self.stages: dict[str, float] = {}
        self.nodes: dict[str, NodeState] = {}
        self.children: dict[str, Optional[str]] = {}
        self.bars: dict[str, str] = {}
        self.faults: list[str] = []
        self.modules: Optional[tuple[str, ...]] = None
        self.trouble: Optional[str] = None
        self.seq: Optional[int] = None
        self.deadline: Optional[float] = None
        self.queued: Optional[float] = None
        self.told = False
        self.settled = False
        self.udev_done = False
        self.stalled: Optional[str] = None
        self.leaving: Optional[float] = None

    def add_node(self, node: NodeState) -> None:
        """Take in a node of it; whoever has the path already is replaced."""
        self.pop_node(node.path)
        above = self.nodes.get(node.path.rpartition("/")[0])
        if above is not None:
            above.parts += 1
        self.nodes[node.path] = node

    def pop_node(self, path: str) -> Optional[NodeState]:
        """Forget a node."""
        node = self.nodes.pop(path, None)
        above = None if node is None else self.nodes.get(path.rpartition("/")[0])
        if above is not None:
            above.parts -= 1
        return node

    def since_first(self, stage: str) -> Optional[float]:
        """Milliseconds from the first sign to ``stage``; None where either is unknown."""
        at = self.stages.get(stage)
        return None if at is None else milliseconds(self.first, at)

    def reach(self, stage: str, at: float) -> None:
        """Note a milestone; the earliest evidence of it counts."""
        known = self.stages.get(stage)
        if known is None or at < known:
            self.stages[stage] = at
