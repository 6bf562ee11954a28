"""What is said of a guest: findings with their evidence, and the verdict."""

from typing import NamedTuple, Optional

SEVERITIES = ("info", "warning", "error")
VERDICTS = ("ready", "limited", "not-ready", "unknown", "not-applicable")


class Evidence(NamedTuple):
    """A value and where it was read: a path as seen from the root, with the line or key after a colon."""

    source: str
    value: str


class Finding(NamedTuple):
    """The outcome of one rule for one subject.

    ``status``: ``fail`` (the fault is there), ``pass``, ``unknown`` (its evidence is missing, ``detail`` says why),
    ``crashed`` (a defect of the rule). ``because`` names the findings that explain this one.
    ``side``: who can mend it, ``guest``, ``host`` or ``image``.
    """

    id: str
    status: str
    severity: str
    subject: Optional[str] = None
    address: Optional[str] = None
    summary: str = ""
    detail: Optional[str] = None
    because: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    remedy: Optional[str] = None
    side: str = "guest"


class Room(NamedTuple):
    """Where a device still fits: one bus. Sizes in bytes are the largest free, naturally aligned block.

    None means unknown, and ``unknown`` says why; ``mechanism`` None means that nothing serves the bus.
    """

    bus: str
    port: Optional[str]
    mechanism: Optional[str]
    slots: int
    free_slots: int
    io_largest: Optional[int]
    mem_largest: Optional[int]
    pref_largest: Optional[int]
    bus_numbers_free: Optional[int]
    unknown: tuple[tuple[str, str], ...]


class Headroom(NamedTuple):
    """All buses, and the sums over those that a mechanism serves; None where the slots could not be listed."""

    free_slots: Optional[int]
    slots: Optional[int]
    rooms: tuple[Room, ...]
    unknown: tuple[tuple[str, str], ...]


class Report(NamedTuple):
    """The answer of ``check``: the verdict, one sentence why, and the findings, root causes first."""

    verdict: str
    why: str
    findings: tuple[Finding, ...]
