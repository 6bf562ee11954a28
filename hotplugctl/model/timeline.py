"""How long each stage of each insertion and removal took."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.report import Evidence

ADD = "add"
REMOVE = "remove"
ACTIONS = (ADD, REMOVE)

READY = "ready"
STALLED = "stalled"
FAILED = "failed"
REMOVED = "removed"
OUTCOMES = (READY, STALLED, FAILED, REMOVED)


class Milestone(NamedTuple):
    """A stage that was reached. ``at`` seconds since boot, ``after_ms`` since the device's first sign.

    None: the log has no such clock. ``evidence``: what said so, None where that is no longer known.
    """

    name: str
    at: Optional[float]
    after_ms: Optional[float]
    evidence: Optional[Evidence]


class Wait(NamedTuple):
    """A wait that the kernel or the bus makes in any case, and that explains a gap.

    ``nominal_s`` is how long it is by the book, ``took_s`` how long it was here until ``stage`` was reached; both None
    where nothing in the guest shows its end.
    """

    name: str
    stage: Optional[str]
    nominal_s: float
    took_s: Optional[float]
    summary: str


class Passage(NamedTuple):
    """One insertion or removal of a function.

    Its stages are the milestones of an insertion; for a removal the same ones undone: ``announced`` (asked for),
    ``node`` (its last node is gone), ``bound`` (its driver let go), ``enumerated`` (the function is gone). ``address``
    is None where a slot announced what never came. ``outcome`` None: ``unknown`` says why.
    """

    address: Optional[str]
    ids: Optional[str]
    action: str
    slot: Optional[str]
    driver: Optional[str]
    nodes: tuple[str, ...]
    first: Optional[float]
    stages: tuple[Milestone, ...]
    waits: tuple[Wait, ...]
    outcome: Optional[str]
    reason: Optional[str]
    unknown: Mapping[str, str]


class Spread(NamedTuple):
    """Of one stage over all devices that reached it: how many they were, median and 95th percentile of the time."""

    action: str
    stage: str
    devices: int
    median_ms: float
    p95_ms: float


class Timeline(NamedTuple):
    """All passages by their first sign. ``sources``: where was read; ``notes``: what weakens the answer, in words."""

    passages: tuple[Passage, ...]
    spreads: tuple[Spread, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]
