"""Median and 95th percentile, against numbers that were worked out by hand."""

from __future__ import annotations

import pytest

from hotplugctl.live.timeline_numbers import Numbers, median, percentile
from hotplugctl.model.timeline import Milestone, Passage, Spread


@pytest.mark.parametrize(
    "values, middle", [([7.0], 7.0), ([1.0, 2.0], 1.5), ([1.0, 2.0, 9.0], 2.0), ([0.0, 1.0, 2.0, 100.0], 1.5)]
)
def test_median(values, middle):
    assert median(values) == middle


@pytest.mark.parametrize(
    "count, rank", [(1, 1), (2, 2), (10, 10), (19, 19), (20, 19), (21, 20), (40, 38), (100, 95), (101, 96)]
)
def test_percentile_by_nearest_rank(count, rank):
    assert percentile([float(value) for value in range(1, count + 1)], 95) == rank


def passage(action: str, **stages: float) -> Passage:
    reached = tuple(Milestone(name, 1.0, after, None) for name, after in stages.items())
    return Passage("0000:00:04.0", None, action, None, None, (), 1.0, reached, (), "ready", None, {})


def test_every_stage_of_each_action_is_counted_for_itself():
    numbers = Numbers()
    for one in (passage("remove", node=5.0), passage("add", node=30.0, enumerated=0.0), passage("add", node=10.0)):
        numbers.add(one)
    assert numbers.spreads() == (Spread("add", "node", 2, 20.0, 30.0),)
