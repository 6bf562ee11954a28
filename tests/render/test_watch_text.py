"""The text of ``watch``: columns that stay put, colours only where asked for, lines that fill in on a terminal."""

from __future__ import annotations

import re

import pytest

from hotplugctl.model.live import Transition
from hotplugctl.render import watch_text
from hotplugctl.render.watch_board import Board


def told(event: str, at: float = 1.0, address="0000:00:04.0", **more) -> Transition:
    fields = {
        "time": None, "slot": "4", "subsystem": "pci", "name": None, "node": None, "driver": None, "stage": None,
        "since_first_ms": None, "reason": None, "unknown": {}, **more,
    }  # fmt: skip
    return Transition(event=event, monotonic=at, address=address, **fields)


def test_columns_stay_where_they_are():
    lines = [
        watch_text.heading(),
        watch_text.line(told("function-added", 12.5, stage="enumerated", since_first_ms=0.0), False),
        watch_text.line(told("removal-requested", 123456.123456, driver="virtio-pci", reason="x"), False),
        watch_text.line(told("lost", address=None, slot=None, subsystem=None, reason="y"), False),
    ]
    place = lines[0].index("ADDRESS")
    assert [line[place : place + 12].strip() for line in lines] == ["ADDRESS", "0000:00:04.0", "0000:00:04.0", "-"]
    assert lines[2].endswith("x") and lines[2].index(" x") == lines[3].index(" y")


def test_unknown_is_no_none():
    assert "  ?  " in watch_text.line(told("function-added", slot=None, unknown={"slot": "why"}), False)


def test_colours_change_nothing_but_the_colour():
    one = told("device-ready", stage="udev", since_first_ms=12.34)
    painted = watch_text.line(one, True)
    assert "\033[32m" in painted
    assert re.sub(r"\033\[\d*m", "", painted) == watch_text.line(one, False)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1795392000.5, "2026-11-23T00:00:00.500000Z"),
        (1e30, "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_wall_time(seconds, text):
    assert watch_text.wall_time(seconds) == text


class Screen:
    """A terminal that knows what the board uses: lines, cursor up, return, erase below."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, text: str) -> None:
        found = re.match(r"\033\[(\d+)A\r\033\[J", text)
        if found is not None:
            del self.lines[-int(found[1]) :]
            text = text[found.end() :]
        assert "\033" not in text
        self.lines += text.split("\n")[:-1]


@pytest.fixture
def screen():
    return Screen()


def board(columns=200, lines=24):
    return Board(lambda: (columns, lines), False)


def test_a_line_fills_in(screen):
    shown = board()
    screen.show(shown.put([told("function-added", 1.0, stage="enumerated", since_first_ms=0.0)]))
    assert len(screen.lines) == 1 and "function-added" in screen.lines[0]
    screen.show(shown.put([told("driver-bound", 1.1, stage="bound", since_first_ms=100.0, driver="virtio-pci")]))
    node = {"subsystem": "block", "name": "vdb", "node": "/dev/vdb", "driver": "virtio-pci"}
    screen.show(shown.put([told("node-added", 1.2, stage="node", since_first_ms=200.0, **node)]))
    screen.show(
        shown.put([told("node-added", 1.2, stage="node", since_first_ms=201.0, **{**node, "node": "/dev/vdb1"})])
    )
    screen.show(shown.put([told("device-ready", 1.3, stage="udev", since_first_ms=300.0, **node)]))
    (line,) = screen.lines
    assert "device-ready" in line and "/dev/vdb " in line
    assert line.endswith("enumerated 0 ms, bound 100 ms, node 200 ms, udev 300 ms")


def test_two_at_a_time(screen):
    shown = board()
    screen.show(shown.put([told("function-added", 1.0), told("function-added", 1.1, "0000:00:05.0")]))
    screen.show(shown.put([told("device-ready", 1.3, "0000:00:05.0")]))
    assert [line.split()[1:3] for line in screen.lines] == [
        ["device-ready", "0000:00:05.0"], ["function-added", "0000:00:04.0"],
    ]  # fmt: skip


def test_what_is_no_insertion_is_a_line_of_its_own(screen):
    shown = board()
    screen.show(shown.put([told("function-added", 1.0)]))
    screen.show(shown.put([told("node-removed", 1.1, "0000:00:09.0"), told("lost", 1.2, None, reason="x")]))
    assert [line.split()[1] for line in screen.lines] == ["node-removed", "lost", "function-added"]


def test_no_line_is_wider_than_the_screen_while_it_may_change(screen):
    shown = board(columns=60)
    screen.show(shown.put([told("function-added", 1.0, reason="x" * 300)]))
    assert len(screen.lines[0]) == 59
    screen.show(shown.put([told("device-ready", 1.0, reason="x" * 300)]))
    assert len(screen.lines[0]) > 300


def test_more_than_the_screen_holds(screen):
    shown = board(lines=5)
    for number in range(30):
        screen.show(shown.put([told("function-added", 1.0, f"0000:00:{number:02x}.0")]))
        assert shown._shown <= 3
    assert len(screen.lines) == 30
    assert [line.split()[2] for line in screen.lines] == [f"0000:00:{number:02x}.0" for number in range(30)]
