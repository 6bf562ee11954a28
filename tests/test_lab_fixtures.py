"""Stories that the lab recorded (fixtures/lab, `make fixtures`), against the host's transcript in them."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).resolve().parents[1] / "fixtures" / "lab"
STORIES = sorted(LAB.glob("*.tar.xz"))


class Story:
    """One story: its archive, QMP's transcript, and what is expected of each stage."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.expected: dict[str, Any] = {}
        with tarfile.open(archive) as members:
            texts = {}
            for member in members:
                name = member.name.partition("/")[2]
                if name.startswith("host/") or name.endswith("/expected.json"):
                    file = members.extractfile(member)
                    texts[name] = file.read().decode("utf-8") if file else ""
        lines = [json.loads(line) for line in texts["host/qmp.jsonl"].splitlines()]
        self.qmp = [line["m"] for line in lines if line["k"] in ("<", ">")]
        self.info_pci = {name[14:-4]: text for name, text in texts.items() if name.startswith("host/info-pci-")}
        for name, text in texts.items():
            if name.endswith("/expected.json"):
                self.expected[name.partition("/")[0]] = json.loads(text)

    @property
    def plugged(self) -> set[str]:
        """Addresses of the functions that were hot-added and seen."""
        return {address for stage in self.expected.values() for address in stage["functions"]}


@pytest.fixture(params=STORIES, ids=lambda path: path.name[: -len(".tar.xz")])
def story(request: pytest.FixtureRequest) -> Story:
    return Story(request.param)


def test_there_are_some() -> None:
    assert len(STORIES) >= 3


def test_it_still_says_what_it_said(story: Story, hotplugctl) -> None:
    done = hotplugctl("validate", "--json", story.archive)
    found = {item["path"]: item["problems"] for item in done.document["recordings"]}
    # One more is the story as such, for its events.
    assert len(found) - 1 == len(story.expected) >= 3
    assert str(story.archive) in found
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_the_host_had_what_is_expected(story: Story) -> None:
    """Each expected function is in QEMU's own listing of that moment, with its ids."""
    assert story.plugged
    for stage, expected in story.expected.items():
        blocks = re.split(r"(?m)^(?=  Bus +\d)", story.info_pci[stage])
        for address, function in expected["functions"].items():
            bus, device, number = int(address[5:7], 16), int(address[8:10], 16), address[11]
            place = re.compile(rf"  Bus +{bus}, device +{device}, function {number}:")
            (block,) = [block for block in blocks if place.match(block)]
            assert f"PCI device {function['vendor']}:{function['device']}" in block


def test_watch_tells_what_the_transcript_says(story: Story, hotplugctl) -> None:
    added = [message for message in story.qmp if message.get("execute") == "device_add"]
    deleted = [m for m in story.qmp if m.get("event") == "DEVICE_DELETED" and "device" in m["data"]]
    done = hotplugctl("watch", "--json", "--replay", story.archive)
    events = [json.loads(line) for line in done.out.splitlines()]
    came = [event["address"] for event in events if event["event"] == "function-added"]
    went = [event["address"] for event in events if event["event"] == "function-removed"]
    assert (len(came), set(came)) == (len(added), story.plugged)
    assert (len(went), set(went)) == (len(deleted), story.plugged)
