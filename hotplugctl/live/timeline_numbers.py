"""Median and 95th percentile of the stages of many devices."""

from __future__ import annotations

from array import array

from hotplugctl.model.live import STAGES
from hotplugctl.model.timeline import ACTIONS, Passage, Spread


class Numbers:
    """The times of every stage of all passages: eight bytes each, so that a million of them do no harm."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], array[float]] = {}

    def add(self, passage: Passage) -> None:
        """Count a passage. The first sign itself (0 ms) counts where the stage is it."""
        for stage in passage.stages:
            if stage.after_ms is not None:
                self._times.setdefault((passage.action, stage.name), array("d")).append(stage.after_ms)

    def spreads(self) -> tuple[Spread, ...]:
        """Of every stage that at least two devices reached, in the order of the stages; insertions first."""
        found = []
        for action in ACTIONS:
            for name in STAGES:
                values = sorted(self._times.get((action, name), ()))
                if len(values) > 1:
                    found.append(Spread(action, name, len(values), median(values), percentile(values, 95)))
        return tuple(found)


def median(values: list[float]) -> float:
    """The middle of sorted values, the mean of the two in the middle where their number is even."""
    half = len(values) // 2
    return values[half] if len(values) % 2 else round((values[half - 1] + values[half]) / 2, 3)


def percentile(values: list[float], percent: int) -> float:
    """The smallest of sorted values that at least ``percent`` of a hundred do not exceed (nearest rank)."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]
