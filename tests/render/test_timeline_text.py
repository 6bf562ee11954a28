"""The table of ``timeline``, whole against goldens and cell by cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotplugctl.model.timeline import Milestone, Passage, Spread, Timeline, Wait
from hotplugctl.render import timeline_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GOLDENS = FIXTURES / "goldens" / "timeline"
STORIES = ["pc-scsi", "q35-rootport-native", "q35-hotbridge-short", "q35-nodriver", "pc-nobar"]


@pytest.mark.parametrize("story", STORIES)
def test_golden_of_a_story(hotplugctl, recordings, golden, story):
    golden(GOLDENS / f"{story}.txt", hotplugctl("timeline", "--root", recordings.story(story)).out)


def test_golden_of_a_log(hotplugctl, golden):
    log = FIXTURES / "texts/dmesg/sym53c8xx.txt"
    golden(GOLDENS / "log.txt", hotplugctl("timeline", "-", stdin=log.read_bytes()).out)
    golden(GOLDENS / "log.json", hotplugctl("timeline", "--json", "-", stdin=log.read_bytes()).out)


def test_golden_of_a_story_as_json(hotplugctl, recordings, golden):
    done = hotplugctl("timeline", "--json", "--root", recordings.story("q35-hotbridge-short"))
    golden(GOLDENS / "q35-hotbridge-short.json", done.out)


def test_golden_of_the_columns(hotplugctl, golden):
    golden(GOLDENS / "legend.txt", hotplugctl("timeline", "--list-columns").out)


def passage(**other) -> Passage:
    whole = Passage("0000:00:04.0", "1af4:1042", "add", "4", "virtio-pci", ("vdb",), 10.0, (), (), "ready", None, {})
    return whole._replace(**other)


def cells(one: Passage) -> dict[str, str]:
    return {column.heading: column.show(one) for column in timeline_text.COLUMNS}


def test_what_was_not_reached_and_what_is_not_known():
    shown = cells(
        passage(first=None, stages=(Milestone("node", None, None, None),), outcome=None, unknown={"outcome": "x"})
    )
    assert (shown["AT"], shown["NODE"], shown["UDEV"], shown["OUTCOME"]) == ("?", "?", "-", "?")


def test_the_usual_columns_fit_a_terminal():
    """Ten days after the boot, with stages of some seconds."""
    stages = tuple(Milestone(name, 1.0, 9999.4, None) for name, *_ in timeline_text._COLUMNS)
    usual = [column for column in timeline_text.COLUMNS if column.usual]
    spread = tuple(Spread("add", stage.name, 30, 9999.4, 9999.4) for stage in stages)
    found = Timeline((passage(first=864000.0, stages=stages),), spread, (), ())
    assert max(map(len, timeline_text.rows(usual, found, True, True).splitlines())) <= 80


def test_below_stands_every_kind_of_wait_once_and_every_reason():
    wait = Wait("pciehp-button", "node", 5.0, 5.1, "5 s for a second thought")
    many = tuple(
        passage(address=f"0000:0{n}:00.0", action="remove", waits=(wait,), outcome="removed") for n in range(6)
    )
    lost = passage(address=None, slot="7", outcome="stalled", reason="announced, and \x1b nothing came")
    assert timeline_text.below(Timeline((*many, lost), (), (), ())).splitlines() == [
        "slot 7: add: announced, and \\x1b nothing came",
        "pciehp-button: 5 s for a second thought: 0000:00:00.0 5.1 s, 0000:01:00.0 5.1 s, 0000:02:00.0 5.1 s, "
        "0000:03:00.0 5.1 s and 2 more",
    ]
