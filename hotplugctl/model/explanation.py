"""What ``explain`` says: of one function, of a slot, of an address where nothing is, or of all that came lately."""

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

from hotplugctl.model.devices import Node, PciFunction, Slot
from hotplugctl.model.log import Unread
from hotplugctl.model.names import Names
from hotplugctl.model.reads import Failure
from hotplugctl.model.report import Evidence, Finding, Room
from hotplugctl.model.snapshot import Child
from hotplugctl.model.timeline import Passage

FUNCTION, SLOT, NOWHERE, OVERVIEW, FINDING = "function", "slot", "nowhere", "overview", "finding"
KINDS = (FUNCTION, SLOT, NOWHERE, OVERVIEW, FINDING)


class Standing(NamedTuple):
    """How far a function has come, by what is there now.

    ``last``: the last stage that applies to its class; ``missing``: the first one that it lacks and waits for, with
    the ``reason``; both None where it is settled. A SCSI host without disks is settled, and the reason says so.
    """

    settled: bool
    last: str
    missing: Optional[str]
    reason: Optional[str]


class Stage(NamedTuple):
    """A milestone of a function. ``reached`` None: unknown, or nothing ever says so; ``unknown`` has the reason.

    ``at``: seconds since boot; None where nothing that is left tells when.
    """

    name: str
    applies: bool
    reached: Optional[bool]
    at: Optional[float]
    evidence: tuple[Evidence, ...]
    unknown: Mapping[str, str]


class Said(NamedTuple):
    """A line of the kernel log about the target.

    ``life``: 0 for the latest insertion, 1 for the one before …; None for what was said before the first of them.
    """

    at: Optional[float]
    time: Optional[str]
    level: Optional[str]
    text: str
    life: Optional[int]


class Mark(NamedTuple):
    """When a stage was reached, by a line of the log."""

    at: Optional[float]
    evidence: Evidence


class Log(NamedTuple):
    """The kernel's own lines, the latest life first; ``left_out``: how many more there are.

    ``since``: seconds since boot of the log's first line; ``whole``: it begins with the boot. ``failure``: why there
    is none. ``passages``: insertions and removals that are known of the target, the latest first. ``marks``: stage →
    when, by a line about the function that is there. ``unread``: lines that were read only for the target's name, so
    that insertions and removals of their time are not told.
    """

    source: Optional[str]
    lines: tuple[Said, ...]
    left_out: int
    since: Optional[float]
    whole: bool
    failure: Optional[str]
    passages: tuple[Passage, ...]
    marks: Mapping[str, Mark]
    unread: Optional[Unread] = None


class Use(NamedTuple):
    """Who uses a node right now: ``mount`` (``what``: where), ``swap``, ``holder`` (a device above: dm-0, md0)."""

    node: str
    kind: str
    what: str


class Interface(NamedTuple):
    """The state of a network interface. ``carrier``: the link is up; the kernel tells it of an interface that is up."""

    name: str
    operstate: Optional[str]
    carrier: Optional[bool]
    mac: Optional[str]
    addresses: Optional[tuple[str, ...]]
    unknown: Mapping[str, str]


class BarPlace(NamedTuple):
    """A BAR and where it lies. ``kind``: ``io`` or ``mem``; ``size`` 0 where it could not be told.

    ``within``: the window above that it lies in, as ``kind base-limit``; None: it has no address, or nothing tells.
    """

    index: int  # type: ignore[assignment]
    kind: str
    prefetchable: bool
    is64: bool
    size: int
    start: Optional[int]
    within: Optional[str]


class Port(NamedTuple):
    """A bridge above the target, the nearest to the root first. ``bus``: the bus behind it."""

    address: str
    driver: Optional[str]
    bus: Optional[str]
    slot: Optional[str]
    windows: tuple[tuple[str, Optional[int], Optional[int]], ...]
    unknown: Mapping[str, str]


class Near(NamedTuple):
    """What is read of the target's surroundings beside the snapshot.

    ``module``: the module that its driver is in (None: built in, or no driver). ``claims``: modules of this kernel that
    claim it. ``done``: name of a disk or interface → when udev was done with it (None: it is not, or no time is kept);
    those left out: unknown.
    """

    nodes: tuple[Node, ...]
    module: Optional[str]
    uses: tuple[Use, ...]
    interfaces: tuple[Interface, ...]
    done: Mapping[str, Optional[float]]
    slot_name: Optional[str]
    unknown: Mapping[str, str]


class Lineage(NamedTuple):
    """From the root bus down to what is made of the function. ``children``: virtio devices below it."""

    ports: tuple[Port, ...]
    bars: tuple[BarPlace, ...]
    children: tuple[Child, ...]
    near: Near
    unknown: Mapping[str, str]


class Prospect(NamedTuple):
    """What would happen to a device that is put into a slot. ``comes``: it would be seen and get what it needs.

    ``announced``: how the guest learns of it. ``notes``: what to know, in the order of what happens.
    """

    comes: Optional[bool]
    mechanism: Optional[str]
    announced: Optional[str]
    room: Optional[Room]
    notes: tuple[str, ...]


class Look(NamedTuple):
    """Something that was looked at, and what was there."""

    source: str
    value: str


class Nowhere(NamedTuple):
    """An address where nothing is: what would have announced a device there, and whether a rescan finds one."""

    announced_by: Optional[str]
    rescan: Optional[bool]
    why: str
    looked_at: tuple[Look, ...]


class Arrival(NamedTuple):
    """An insertion of late, and what is of it now. ``here``: the function is there; ``fault``: what ails it."""

    passage: Passage
    here: Optional[bool]
    standing: Optional[Standing]
    fault: Optional[str] = None


class Check(NamedTuple):
    """What cannot be seen from inside, and how to look on the host: what to run there."""

    what: str
    commands: tuple[str, ...]


class Overview(NamedTuple):
    """ "I attached it and nothing came." ``full``: buses with slots, none of which is free."""

    arrivals: tuple[Arrival, ...]
    waiting: tuple[Look, ...]
    announced: tuple[Look, ...]
    unserved: tuple[str, ...]
    full: tuple[str, ...]
    free: Optional[int]
    host: tuple[Check, ...]


class Called(NamedTuple):
    """Words for a function: names of its ids, and the modules of this kernel that claim it (by modalias)."""

    names: Names
    claims: Union[Mapping[str, tuple[str, ...]], Failure]


class Subject(NamedTuple):
    """The function that is explained. ``others``: functions of the same slot."""

    function: PciFunction
    standing: Standing
    stages: tuple[Stage, ...]
    lineage: Lineage
    called: Called
    others: tuple[str, ...]


class Explanation(NamedTuple):
    """All of an answer. What does not apply to its ``kind`` is None.

    ``good``: what was asked for is there and well, or would be; None where that cannot be told, and ``why`` says why.
    ``headline``: the answer in one sentence. ``slot_name``: of the slot at the address, or that was asked for.
    """

    kind: str
    target: Optional[str]
    source: str
    address: Optional[str]
    slot_name: Optional[str]
    good: Optional[bool]
    headline: str
    why: Optional[str]
    subject: Optional[Subject]
    slot: Optional[Slot]
    prospect: Optional[Prospect]
    nowhere: Optional[Nowhere]
    overview: Optional[Overview]
    findings: tuple[Finding, ...]
    log: Log


class Page(NamedTuple):
    """What ``hotplugctl-findings(7)`` says of a finding. ``side``: who can mend it.

    ``causes``: what may explain it; ``effects``: what it may explain.
    """

    id: str
    title: str
    text: str
    source: Optional[str]
    severity: str
    side: str
    remedy: Optional[str]
    causes: tuple[str, ...]
    effects: tuple[str, ...]
