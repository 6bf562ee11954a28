"""What ``wait`` waits for: which functions are meant, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from hotplugctl.live.stages import complete, last_stage, needs_driver, overdue
from hotplugctl.live.state import State
from hotplugctl.model.live import (
    ANNOUNCED,
    BOUND,
    CHILD,
    ENABLED,
    ENUMERATED,
    NODE,
    RESOURCES,
    STAGES,
    UDEV,
    Journey,
)  # fmt: skip

SETTLED = "settled"
CLASSES = {"storage": "01", "network": "02"}


class Wanted(NamedTuple):
    """Conditions that must all hold; None: any. ``class_``: the first hex digits. ``node``: name, or path in /dev.

    ``slot`` is the name of a slot, ``ids`` ``vvvv:dddd``. ``stage``: one of the milestones, or ``settled``.
    """

    address: Optional[str] = None
    slot: Optional[str] = None
    ids: Optional[str] = None
    class_: Optional[str] = None
    node: Optional[str] = None
    driver: Optional[str] = None
    stage: str = SETTLED

    def lasting(self, state: State, journey: Journey) -> bool:
        """Whether what a function cannot change fits: its place, its ids, its class."""
        return (
            (self.address is None or journey.address == self.address)
            and (self.slot is None or (state.slot_of(journey.address) or journey.slot) == self.slot)
            and (self.ids is None or journey.ids == self.ids)
            and (self.class_ is None or (journey.class_ or "").startswith(self.class_))
        )

    def fits(self, state: State, journey: Journey) -> bool:
        """Whether all fits, as far as the function has come."""
        if not journey.told or not self.lasting(state, journey):
            return False
        if self.driver is not None and self.driver != journey.driver and not self._by_child(journey):
            return False
        return self.node is None or any(self.node in (node.name, node.node) for node in journey.nodes.values())

    def _by_child(self, journey: Journey) -> bool:
        """The driver of a virtio device is the one that people mean: virtio_blk, not virtio-pci."""
        return self.driver in journey.children.values()


def reached(state: State, journey: Journey, stage: str) -> bool:
    """Whether a function has reached a stage. A later one stands for an earlier that left no trace.

    Most of these of a function that was there before are not known by their time, but by what they left behind.
    """
    if not journey.told:
        return stage == ANNOUNCED and ANNOUNCED in journey.stages
    if stage in (ANNOUNCED, ENUMERATED) or stage in journey.stages:
        return True
    if stage in (RESOURCES, ENABLED, BOUND):
        return journey.driver is not None
    if stage == CHILD:
        return bool(journey.nodes) or any(driver is not None for driver in journey.children.values())
    if stage == NODE:
        return bool(journey.nodes)
    if stage == UDEV and state.udev:
        return any(node.ready for node in journey.nodes.values())
    return complete(state, journey) or (idle(journey) and journey.trouble is None)


def idle(journey: Journey) -> bool:
    """Whether a function was there before and does without a driver, so that nothing of it shows whether it works."""
    return journey.settled and journey.first is None and not needs_driver(journey)


def furthest(state: State, journey: Journey) -> str:
    """The last milestone, in their order, that a function has reached and that applies to it."""
    known = STAGES if state.udev else STAGES[: STAGES.index(UDEV)]
    if not journey.told:
        return ANNOUNCED
    return next(
        stage for stage in reversed(known) if reached(state, journey, stage) and _applies(state, journey, stage)
    )


def _applies(state: State, journey: Journey, stage: str) -> bool:
    return STAGES.index(stage) <= STAGES.index(last_stage(state, journey)) or stage in journey.stages


def held_up(state: State, journey: Journey) -> str:
    """Why a function has not come further: what a stall was told with, or what is missing now."""
    stage, why = overdue(state, journey)
    return journey.stalled or f"{stage}: {why}"


def candidates(state: State, wanted: Wanted) -> Iterator[Journey]:
    """The functions that may yet fit: what they cannot change does."""
    for address in sorted(state.functions, key=lambda one: (len(one), one)):
        journey = state.functions[address]
        if wanted.lasting(state, journey):
            yield journey
