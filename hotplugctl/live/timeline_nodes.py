"""Disks and interfaces that come and go behind a function that stays: no PCI event tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from hotplugctl.live.stages import is_part
from hotplugctl.model.live import Journey, NodeState, Transition

OWN = frozenset(("block", "net"))
"""Classes whose nodes are devices of their own; what else comes behind a function mirrors one, or holds some."""

_DIGITS = "0123456789"


def arrived(journey: Optional[Journey], told: Transition) -> Optional[NodeState]:
    """The node of a node-added, where it is a disk, a partition or an interface: no mirror of another node."""
    if journey is None or told.subsystem not in OWN:
        return None
    # What came last stands last: of a thousand disks the last is not looked for among all.
    for node in reversed(journey.nodes.values()):
        if node.name == told.name and node.subsystem == told.subsystem:
            return node
    return None


def disk_of(journey: Journey, node: NodeState) -> Optional[NodeState]:
    """The disk that a node is a partition of; None where it is none."""
    return journey.nodes[node.path.rpartition("/")[0]] if is_part(journey, node) else None


def whole(names: Iterable[str], journey: Optional[Journey]) -> list[str]:
    """Of names of disks and interfaces that have gone those that are no partitions (sdb1, nvme0n1p1 of nvme0n1)."""
    gone = list(names)
    known = set(gone)
    if journey is not None:
        known.update(node.name for node in journey.nodes.values())
    return [name for name in gone if _disk_of(name) == name or _disk_of(name) not in known]


def _disk_of(name: str) -> str:
    base = name.rstrip(_DIGITS)
    return base[:-1] if base.endswith("p") and base[-2:-1].isdigit() else base
