"""When it is certain that nothing comes, and when it only looks so."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.collect.snapshot import collect
from hotplugctl.rules import answer, arrival, catalogue
from hotplugctl.source.door import open_tree


def asked(recordings, story: str, stage: str, address: Optional[str] = None, slot: Optional[str] = None, virtual=False):
    tree = open_tree(str(recordings.stage(story, stage)), None, None)
    try:
        snapshot = collect(tree)
    finally:
        tree.close()
    report = answer.answer(snapshot, catalogue.select()).report
    return arrival.impossible(snapshot, report, address, slot, virtual)


@pytest.mark.parametrize("story", ["pc-virtio", "q35-rootport-acpi", "q35-rootport-native", "pc-nobar", "q35-nodriver"])
def test_where_hot_plug_works_anything_may_come(recordings, story: str) -> None:
    assert asked(recordings, story, "before") is None


def test_nobody_serves_any_bus(recordings) -> None:
    said = asked(recordings, "pc-noacpi", "before")
    assert said is not None and said == asked(recordings, "pc-noacpi", "before", "0000:00:09.0")


def test_what_was_announced_may_be_found_by_hand(recordings) -> None:
    """The guest is deaf, but something waits: whoever rescans will find it."""
    assert asked(recordings, "pc-acpiphp-disable", "added") is None


def test_a_card_waits_at_a_dead_port(recordings) -> None:
    assert asked(recordings, "q35-native-nohp", "before") is not None
    assert asked(recordings, "q35-native-nohp", "added") is None


def test_the_root_bus_of_q35_takes_nothing(recordings) -> None:
    said = asked(recordings, "q35-rootport-native", "before", "0000:00:1d.0")
    assert said == "no slot of bus 0000:00 takes hot-plugged devices"


def test_unless_functions_can_make_others(recordings) -> None:
    assert asked(recordings, "q35-rootport-native", "before", "0000:00:1d.0", virtual=True) is None


@pytest.mark.parametrize("address", ["0000:01:00.0", "0000:01:1f.7", "0000:7f:00.0", "0001:00:00.0"])
def test_a_bus_with_slots_or_one_that_may_come(recordings, address: str) -> None:
    assert asked(recordings, "q35-rootport-native", "before", address) is None


def test_a_slot_that_is_not_there_may_come(recordings) -> None:
    assert asked(recordings, "q35-rootport-native", "before", slot="77") is None
