"""What holds for any log: nothing raises, nothing is lost, and the fast way and the slow way agree."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.log import Head
from hotplugctl.parse.dmesg import Parser, form_of, iter_lines
from hotplugctl.parse.kernel_events import READER, event_of
from hotplugctl.render.ndjson_log import line_text, unknown_of, write_document

STAMPS = st.sampled_from(
    [
        *("", " ", "> ", "\x1b[32m", "{", '{"', "\r", "               "),
        *("[    1.000000] ", "[   12.345678][   T12] ", "<6>[    1.000000] ", "<30>[    1.000000] ", "<6>"),
        *("kern  :info  : [    1.000000] ", "[Sun Nov 22 20:27:35 2026] ", "2026-11-22T20:27:35,123456+01:00 "),
        *("Nov 22 20:27:35 vm kernel: [    1.5] ", "[    1.000000] vm kernel: ", "6,339,5140900,-;", " SUBSYSTEM="),
        *('         "msg": ', "      },{", '{"MESSAGE": "a", "PRIORITY": "6"}', '{"dmesg": [{"msg": "a"}]}'),
    ]
)
HEADS = st.sampled_from(
    [
        *(
            "",
            "pci 0000:00:04.0: ",
            "pcieport 0000:00:1c.0: pciehp: ",
            "virtio_blk virtio3: ",
            "scsi host2: ",
            " vdb: ",
        ),
        *(
            "sd 2:0:0:0: ",
            "systemd[1]: ",
            "acpiphp: ",
            "RIP: ",
            "Oops: ",
            "e1000e 0000:03:00.0 ens3: ",
            "PCI: ",
            "BUG: ",
        ),
    ]
)
SAID = st.sampled_from(
    [
        *(
            "Slot(4): Link Up",
            "Slot [3] registered",
            "BAR 0 [mem 0x0-0xfff]: assigned",
            "BAR 99: assigned [mem 0x1-0x0]",
        ),
        *(
            "[1af4:1004] type 00 class 0x010000",
            "reg 0x184: [mem 0x0-0xff]",
            "probe of x failed with error -5",
            "renamed from a",
        ),
        *(
            "[vdb] 999999999999999 999999999-byte logical blocks",
            "_OSC: OS now controls []",
            "bridge window [io  disabled]",
        ),
    ]
)
MESSAGES = st.builds("".join, st.tuples(HEADS, st.one_of(SAID, st.text(max_size=60))))
LINES = st.lists(st.builds("".join, st.tuples(STAMPS, MESSAGES, st.sampled_from(["\n", "", "\r\n"]))), max_size=12)


@given(LINES)
def test_any_log_becomes_records_and_a_count(lines: list[str]) -> None:
    parser = Parser(lines, READER)
    records = [parser.line(row) for rows in parser.chunks() for row in rows]
    assert 0 <= parser.unparsed <= sum(line.count("\n") + 1 for line in lines)
    for record in records:
        assert record.at is None or record.at >= 0
        assert record.address is None or Head.split(f"{record.address}: x")[0].address == record.address


@given(LINES)
def test_asking_of_few_messages_finds_what_asking_of_all_finds(lines: list[str]) -> None:
    parser = Parser(lines, READER)
    assert [parser.line(row) for rows in parser.chunks() for row in rows] == list(iter_lines(lines, event_of))


@given(LINES)
def test_the_document_holds_the_records(lines: list[str]) -> None:
    written: list[str] = []
    write_document(Parser(lines, READER), written.append)
    document = json.loads("".join(written))
    assert "".join(written).isascii()
    form = form_of(lines)
    assert document["form"] == form
    records = [json.loads(line_text(line, unknown_of(form))) for line in iter_lines(lines, event_of)]
    assert document["records"] == records


@given(st.lists(MESSAGES.filter(lambda text: not set(text) & set("\n\r\x1b")), max_size=20))
def test_every_stamped_line_is_a_record(messages: list[str]) -> None:
    lines = [f"[{number:5}.000000] {message}\n" for number, message in enumerate(messages)]
    parser = Parser(lines, READER)
    rows = [row for chunk in parser.chunks() for row in chunk]
    assert [float(row[1]) for row in rows] == [float(number) for number in range(len(messages))]
    assert parser.unparsed == 0


@given(st.text())
def test_events_of_any_text(text: str) -> None:
    event = event_of(text)
    assert event is None or event.kind


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    assert isinstance(list(iter_lines(text.splitlines(keepends=True), event_of)), list)
