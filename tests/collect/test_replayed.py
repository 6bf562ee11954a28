"""Recorded lines become signs in the order in which they were heard, each with the time at which it happened."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from hotplugctl.collect.replayed import Replay
from hotplugctl.collect.signs import Hearing
from hotplugctl.model.live import End, Look, RawEvent, RawLine
from hotplugctl.model.log import LogLine
from hotplugctl.model.uevent import Uevent
from hotplugctl.source.replay import EVENTS, LOG, LOOKS, Stream

DATAGRAM = b"add@/devices/pci0000:00/0000:00:04.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:04.0\0SEQNUM=7\0"


def event(at: float, group: int = 1) -> bytes:
    return json.dumps({"t": at, "group": group, "b64": b64encode(DATAGRAM).decode()}).encode() + b"\n"


def line(heard: float, stamp: float, text: str = "pci 0000:00:04.0: hello", level: int = 6) -> bytes:
    return json.dumps({"t": heard, "raw": f"{level},1,{round(stamp * 1e6)},-;{text}\n"}).encode() + b"\n"


def replay(**files: list[bytes]) -> Replay:
    names = {"events": EVENTS, "log": LOG, "looks": LOOKS, "mixed": ""}
    return Replay(Stream("syn-stream", {names[key]: iter(lines) for key, lines in files.items()}))


def test_files_are_merged_by_time():
    signs = list(replay(events=[event(2.0), event(4.0)], log=[line(1.0, 1.0), line(3.0, 3.0)]))
    assert [type(sign.what) for sign in signs] == [LogLine, Uevent, LogLine, Uevent]
    assert [sign.heard for sign in signs] == [1.0, 2.0, 3.0, 4.0]


def test_times_out_of_order_stay_in_the_order_of_their_file():
    assert [sign.heard for sign in replay(events=[event(5.0), event(1.0), event(6.0)])] == [5.0, 1.0, 6.0]


def test_one_file_of_mixed_lines():
    found = replay(mixed=[event(1.0), line(2.0, 2.0), b'{"t": 3, "kind": "start", "functions": [], "slots": {}}\n'])
    assert [type(sign.what) for sign in found] == [Uevent, LogLine, Look]
    assert found.unparsed == 0


def test_the_end_is_a_sign():
    found = list(replay(looks=[b'{"t": 3, "kind": "end", "functions": [], "slots": {}}\n']))
    assert [type(sign.what) for sign in found] == [End]


def test_properties_stand_in_for_a_datagram():
    entry = {"t": 1.0, "group": 2, "props": {"ACTION": "add", "DEVPATH": "/devices/x", "SEQNUM": "3"}}
    (sign,) = replay(events=[json.dumps(entry).encode() + b"\n"])
    assert (sign.what.action, sign.what.devpath, sign.what.group, sign.what.seqnum) == ("add", "/devices/x", 2, 3)


def test_who_is_heard():
    for groups, udev, kernel in (((1, 2), True, True), ((1,), False, True), ((2,), True, False), ((), None, None)):
        found = replay(events=[event(1.0, group) for group in groups])
        assert (found.udev, found.kernel, found.log_only) == (udev, kernel, False)
    assert replay(log=[]).log_only


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense\n", b"[1, 2]\n", b"{}\n", b'{"t": "x", "raw": "6,1,2,-;x"}\n', b'{"t": -1, "raw": "6,1,2,-;x"}\n',
        b'{"t": 1e400, "raw": "6,1,2,-;x"}\n', b'{"t": NaN, "raw": "6,1,2,-;x"}\n', b'{"t": true, "group": 1}\n',
        b'{"t": 1, "b64": "AAAA"}\n', b'{"t": 1, "b64": 7, "props": []}\n', b"\xff\xfe{\n",
        b'{"t":' + b"9" * 5000 + b"}\n", b"[" * 9000 + b"\n",
    ],
)  # fmt: skip
def test_lines_that_fit_no_grammar_are_counted(bad):
    found = replay(events=[event(1.0), bad, event(2.0)])
    assert len(list(found)) == 2
    assert (found.unparsed, found.cut) == (1, False)


def test_a_torn_tail_is_told():
    found = replay(events=[event(1.0), event(2.0)[:40]])
    assert len(list(found)) == 1
    assert (found.unparsed, found.cut) == (0, True)


def test_a_last_line_without_its_newline_counts():
    found = replay(events=[event(1.0), event(2.0)[:-1]])
    assert len(list(found)) == 2 and not found.cut


def test_lines_of_processes_are_no_signs_and_no_faults():
    found = replay(log=[line(1.0, 1.0, "systemd[1]: started", level=30), line(2.0, 2.0)])
    assert len(list(found)) == 1 and found.unparsed == 0


def heard(pairs):
    """Seconds at which lines of these (heard, stamp) are taken to have been printed."""
    hearing = Hearing()
    found = []
    for when, stamp in pairs:
        sign = hearing.sign(RawLine(when, f"6,1,{round(stamp * 1e6)},-;x"))
        assert sign is not None and sign.heard == when
        found.append(round(sign.at, 3))
    return found


def test_the_stamp_is_on_another_clock():
    """The shortest way that a line took is the distance of the clocks; longer ones were read late."""
    assert heard([(10.0, 9.95), (20.0, 19.96), (30.5, 29.96), (40.0, 39.9)]) == [10.0, 20.0, 30.0, 39.94]


def test_the_backlog_bears_its_own_stamps():
    assert heard([(60.0, 0.0), (60.0, 3.5), (60.1, 31.0), (65.0, 64.96)]) == [0.0, 3.5, 31.0, 65.0]


def test_nothing_happens_after_it_was_heard():
    assert heard([(10.0, 9.9), (20.0, 25.0)]) == [10.0, 20.0]


def test_clocks_that_drift_apart():
    """An hour later the old distance is forgotten."""
    assert (
        heard([(10.0, 10.0), (5000.0, 4999.0), (10000.0, 9998.0), (15000.0, 14997.0), (15001.0, 14998.0)])[-1]
        == 15001.0
    )


@pytest.mark.parametrize(
    "raw", ["", ";", "x,1,2,-;y", "6;x", "6,1,-5,-;x", "6,1,2", "9" * 99 + ",1,2,-;x", "14,1,2,-;x"]
)
def test_records_that_are_none(raw):
    assert Hearing().sign(RawLine(1.0, raw)) is None


def test_datagrams_that_are_none():
    assert Hearing().sign(RawEvent(1.0, 1, b"\0\xff")) is None
