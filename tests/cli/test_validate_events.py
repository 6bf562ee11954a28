"""``validate``: events that are damaged, or that the trees and ``expected.json`` of a story do not agree with."""

from __future__ import annotations

import base64
import json
import re
from typing import Callable

import pytest

from tests.cli.stories import (
    DISK,
    LATE,
    NATIVE,
    NIC,
    NVME,
    WHOLE,
    Story,
    everywhere,
    silent,
)


def heard(story: Story, keep: Callable[[bytes], bool]) -> None:
    """Keep the uevents whose datagram ``keep`` wants."""
    path = "/events/netlink-uevent.jsonl"
    lines = story.read(path).splitlines(keepends=True)
    story.write(path, b"".join(line for line in lines if keep(base64.b64decode(json.loads(line)["b64"]))))


def number(data: bytes) -> int:
    """The SEQNUM of a datagram."""
    return int(re.search(rb"SEQNUM=(\d+)", data)[1])


def forget(story: Story, stage: str, address: str) -> None:
    """Take a function out of a stage, and out of all that tells of it there."""
    part = story.stage(stage)
    silent(part)
    everywhere(address)(part)
    for path in [path for path in story.entries if path.startswith(f"/{stage}/")]:
        del story.entries[path]
    story.entries.update({f"/{stage}{path}": entry for path, entry in part.entries.items()})


def bring_back(story: Story) -> None:
    for path, entry in list(story.entries.items()):
        if path.startswith("/added/sys/") and NIC in path and "/firmware" not in path:
            story.entries["/after/" + path[7:]] = entry
    for path in [path for path in story.entries if path.startswith("/after/cmd/")]:
        del story.entries[path]


UEVENTS, RECORDS = "events/netlink-uevent.jsonl", "events/kmsg.jsonl"


def lines(story: Story, path: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a stream, and nothing that is said of it."""
    before = story.read(f"/{path}").splitlines(keepends=True)
    story.write(f"/{path}", b"".join(change(before)))
    assert story.read(f"/{path}").splitlines(keepends=True) != before
    if story.entries.get("/expected.json"):
        story.remove("/expected.json")


EVENTS: dict[str, tuple[Callable[[Story], object], set[tuple[str, str]]]] = {
    "nothing": (lambda it: None, set()),
    "an arrival that the tree lacks": (
        lambda it: forget(it, "added", DISK),
        {("uevent.function-missing", f"added: {DISK}")},
    ),
    "a function that nothing brought": (
        lambda it: (heard(it, lambda data: NVME.encode() not in data), it.remove("/expected.json")),
        {("uevent.function-extra", f"added: {NVME}")},
    ),
    "a removal that was not heard": (
        lambda it: heard(it, lambda data: not (data.startswith(b"remove@") and NVME.encode() in data)),
        {("uevent.function-missing", f"after: {NVME}")},
    ),
    "a driver that nothing bound": (
        lambda it: heard(it, lambda data: not (data.startswith(b"bind@") and f"{NIC}\0".encode() in data)),
        {("uevent.driver-extra", f"added: {NIC} driver")},
    ),
    "a disk that was not heard": (
        lambda it: heard(it, lambda data: b"/block/vdb" not in data),
        {("uevent.node-extra", f"added: {DISK} node")},
    ),
    "a child that was not heard, and udev's answer": (
        lambda it: heard(it, lambda data: not (data[:4] == b"add@" and data.split(b"\0")[0].endswith(b"/virtio1"))),
        {("events.lost", f"{UEVENTS}:10")},
    ),
    "a line twice": (lambda it: lines(it, UEVENTS, lambda of: [of[0], *of]), {("events.doubled", f"{UEVENTS}:2")}),
    "lines that change places": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:7], of[9], of[8], of[7], *of[10:]]),
        {("events.disordered", f"{UEVENTS}:9")},
    ),
    "upside down": (lambda it: lines(it, UEVENTS, lambda of: of[::-1]), {("events.disordered", f"{UEVENTS}:2")}),
    "torn": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:50], of[50][:99]]),
        {("events.cut-off", f"{UEVENTS}:51")},
    ),
    "no line of a stream": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:5], b"<<<<<<< HEAD\n", *of[5:]]),
        {("events.malformed", f"{UEVENTS}:6")},
    ),
    "a datagram that is no base64": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:-1], of[-1].replace(b'"b64": "', b'"b64": "!')]),
        {("events.malformed", f"{UEVENTS}:160")},
    ),
    "events from a checkout": (
        lambda it: lines(it, UEVENTS, lambda of: [line.replace(b"\n", b"\r\n") for line in of]),
        {("text.carriage-return", f"{UEVENTS}:1")},
    ),
    "props of another action": (
        lambda it: lines(it, UEVENTS, lambda of: [of[0].replace(b'"b64"', b'"props": {"A": "b"}, "b64"'), *of[1:]]),
        {("events.props-differ", f"{UEVENTS}:1")},
    ),
    "a record of the log that was not heard": (
        lambda it: lines(it, RECORDS, lambda of: [*of[:300], *of[301:]]),
        {("events.lost", RECORDS)},
    ),
    "a record with other words": (
        lambda it: lines(it, RECORDS, lambda of: [of[0].replace(b"Linux version 6", b"Linux version 5"), *of[1:]]),
        {("events.log-differs", f"{RECORDS}:1")},
    ),
    "a record twice": (
        lambda it: lines(it, RECORDS, lambda of: [*of, of[-1]]),
        {("events.doubled", f"{RECORDS}:651")},
    ),
    "after for added": (
        lambda it: (it.move("/added", "/x"), it.move("/after", "/added"), it.move("/x", "/after")),
        {("story.stages-disordered", "after/sys/kernel/uevent_seqnum")},
    ),
    "events that begin late": (
        lambda it: (heard(it, lambda data: number(data) > LATE), it.remove("/expected.json")),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_events_and_trees_that_do_not_agree(name, stories, problems):
    do, expected = EVENTS[name]
    story = stories[NATIVE].copy()
    do(story)
    assert problems(story) == expected


def test_the_whole_stories_are_sound(hotplugctl):
    for archive in sorted(WHOLE.glob("*.tar.xz")):
        done = hotplugctl("validate", archive)
        assert (done.status, done.err) == (0, ""), done.out
        assert [line.rpartition(":")[2] for line in done.out.splitlines()[:3]] == ["before", "added", "after"]
        assert done.out.splitlines()[3:] == [f"ok {archive}", "4 recordings, all valid"]


# --- what is expected of a story --------------------------------------------------------------------------------------

ADDED = [{"event": "function-added", "address": address} for address in (DISK, NVME, NIC)]
OF_STORIES = [
    ({}, set()),
    ({"events": []}, set()),
    ({"events": ADDED}, set()),
    ({"events": [ADDED[0], {"event": "driver-bound", "driver": "nvme"}, {"event": "function-removed"}]}, set()),
    ({"events": [ADDED[1], ADDED[0], ADDED[2]]}, {("expected.event-missing", "events[1]")}),
    ({"events": [*ADDED, ADDED[2]]}, {("expected.event-missing", "events[3]")}),
    ({"events": [{"event": "function-added", "address": "0000:09:00.0"}]}, {("expected.event-missing", "events[0]")}),
    ({"events": [{"evnt": "function-added"}]}, {("expected.unknown-key", "expected.json")}),
    ({"events": {}}, {("expected.malformed", "expected.json: events")}),
    ({"events": ["function-added"]}, {("expected.malformed", "expected.json: events")}),
    ({"verdict": "ready"}, {("expected.unknown-key", "expected.json")}),
    ([], {("expected.malformed", "expected.json")}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "found"), OF_STORIES)
def test_what_is_expected_of_a_story(document, found, stories, problems):
    story = stories[NATIVE].copy()
    story.write("/expected.json", json.dumps(document).encode())
    assert problems(story) == found


def test_events_are_expected_and_there_are_none(stories, problems):
    story = stories[NATIVE].copy()
    story.remove("/events")
    assert problems(story) == {("expected.event-missing", "events")}


def test_what_is_expected_of_a_recording_with_events_of_its_own(stories, problems):
    story = stories[NATIVE].stage("before")
    for name in ("kmsg", "netlink-uevent"):
        story.write(f"/events/{name}.jsonl", stories[NATIVE].read(f"/events/{name}.jsonl"))
    story.write("/expected.json", json.dumps({"events": ADDED}).encode())
    assert problems(story) == set()
    story.write("/expected.json", json.dumps({"events": [*ADDED, {"event": "lost"}]}).encode())
    assert problems(story) == {("expected.event-missing", "events[3]")}
