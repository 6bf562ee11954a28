"""Kernel messages as JSON."""

from __future__ import annotations

import json

from hotplugctl.model.log import KernelEvent, LogLine
from hotplugctl.parse.dmesg import Parser
from hotplugctl.parse.kernel_events import READER
from hotplugctl.render.ndjson_log import event_text, line_text, write_document

LOG = (
    "[    1.500000] pcieport 0000:00:02.0: pciehp: Slot(1): Card present\n"
    "[    2.500000] virtio_blk virtio1: [vdb] 65536 512-byte logical blocks (33.6 MB/32.0 MiB)\n"
    '[    3.500000] model "\x1b[31mred\u202e" \\\n'
    "not of this log\n"
)
KEYS = ["at", "time", "level", "facility", "caller", "prefix", "address", "message", "event", "unknown"]


def document(text: str) -> tuple[dict[str, object], list[str]]:
    written: list[str] = []
    write_document(Parser(text.splitlines(keepends=True), READER), written.append)
    return json.loads("".join(written)), "".join(written).splitlines()


def test_a_document() -> None:
    found, lines = document(LOG)
    assert (found["schema"], found["form"], found["unparsed"]) == ("hotplugctl.parse/1", "plain", 1)
    records = found["records"]
    assert isinstance(records, list)
    assert [list(record) for record in records] == [KEYS] * 3
    assert records[0]["event"] == {"kind": "card-present", "address": "0000:00:02.0", "slot": "1", "fields": {}}
    assert records[0]["address"] == "0000:00:02.0"
    assert records[1]["event"]["fields"]["size"] == 33554432
    assert records[2]["message"] == 'model "\x1b[31mred\u202e" \\'
    assert len(lines) == 5


def test_nothing_but_ascii_is_written() -> None:
    assert all(32 <= ord(character) < 127 for line in document(LOG)[1] for character in line)


def test_an_empty_log_is_a_document() -> None:
    assert document("")[0] == {"schema": "hotplugctl.parse/1", "form": "empty", "records": [], "unparsed": 0}


def test_local_time_is_named_unknown() -> None:
    records = document("[Sun Nov 22 20:27:35 2026] a\n")[0]["records"]
    assert isinstance(records, list)
    assert records[0]["time"] is None
    assert list(records[0]["unknown"]) == ["time", "at"]
    assert document(LOG)[0]["records"][0]["unknown"] == {}  # type: ignore[index]


def test_it_writes_while_it_reads() -> None:
    written: list[str] = []
    seen: list[int] = []

    def lines() -> object:
        for number in range(5000):
            seen.append(len(written))
            yield f"[{number}.000000] message {number}\n"

    write_document(Parser(lines(), READER), written.append)  # type: ignore[arg-type]
    assert max(seen) > 5
    assert max(map(len, written)) < 100_000
    assert len(json.loads("".join(written))["records"]) == 5000


def test_every_kind_of_field() -> None:
    event = KernelEvent("osc", None, "3-2", {"a": 'x"', "b": 5, "c": True, "d": False, "e": None, "f": ("p", "q")})
    assert json.loads(event_text(event)) == {
        "kind": "osc",
        "address": None,
        "slot": "3-2",
        "fields": {"a": 'x"', "b": 5, "c": True, "d": False, "e": None, "f": ["p", "q"]},
    }


def test_a_line() -> None:
    line = LogLine(1e-06, "2026-11-22T19:27:35Z", "info", "kern", "T1", "pci", "0000:00:04.0", "a\nb", None)
    assert json.loads(line_text(line)) == {**line._asdict(), "unknown": {}}
