"""One insertion or removal while it is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hotplugctl.model.live import ANNOUNCED, Journey
from hotplugctl.model.report import Evidence

# Signs of a removal that lie further apart belong to different ones: a partition table read anew, a driver changed. A
# disk may go long before the host that it was behind.
APART_S = 60.0
_APART_AT_HOST_S = 3.0
CUT: Mapping[str, str] = {"outcome": "the record ends before the device was ready"}


class Going:
    """A passage that is under way. ``stages``: milestone → when, and what said so.

    ``node_at``: when its last node came. ``nodes``: all that came or went with it; ``own``: of those that went the
    disks and interfaces. ``function``: it is one of a function; False: of a node behind one that stays.
    """

    __slots__ = (
        "driver", "evidence", "first", "function", "journey", "node_at", "nodes", "outcome", "own", "patience",
        "reason", "slot", "stages", "unknown",
    )  # fmt: skip

    def __init__(self, journey: Optional[Journey], first: float) -> None:
        self.journey = journey
        self.function = True
        self.first = first
        self.stages: dict[str, float] = {}
        self.evidence: dict[str, Optional[Evidence]] = {}
        self.nodes: dict[str, None] = {}
        self.node_at = first
        self.own: dict[str, None] = {}
        self.slot: Optional[str] = None
        self.driver: Optional[str] = None
        self.unknown: Mapping[str, str] = CUT
        self.patience = APART_S
        self.outcome: Optional[str] = None
        self.reason: Optional[str] = None

    def reach(self, stage: str, at: float, evidence: Optional[Evidence]) -> None:
        """Note when a stage was reached; the evidence stays with the time that it is for."""
        if self.stages.get(stage) != at or self.evidence.get(stage) is None:
            self.stages[stage] = at
            self.evidence[stage] = evidence

    def be_patient(self) -> None:
        """How long after its last sign another may still be of the same removal."""
        hosts = self.journey is not None and any(node.subsystem == "scsi_host" for node in self.journey.nodes.values())
        self.patience = _APART_AT_HOST_S if hosts and ANNOUNCED not in self.stages else APART_S
