"""The kernel log in every form."""

from __future__ import annotations

import json

import pytest

from hotplugctl.model.log import Head, LogLine
from hotplugctl.parse.dmesg import Parser, form_of, iter_lines
from hotplugctl.parse.kernel_events import READER, event_of

# One log in the forms of dmesg(1) 2.38, /dev/kmsg of 6.1 and journalctl(1) of systemd 252, as a guest prints it.
PLAIN = """\
[    0.000000] Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
[    5.048483] Unstable clock detected, switching default tracing clock to "global"
               If you want to keep using the local clock, then add:
                 "trace_clock=local"
[   14.840479] systemd[1]: Reached target paths.target - Path Units.
[   31.126301] pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""
RAW = """\
<5>[    0.000000] Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
<4>[    5.048483] Unstable clock detected, switching default tracing clock to "global"
                  If you want to keep using the local clock, then add:
                    "trace_clock=local"
<7>[   14.840479] systemd[1]: Reached target paths.target - Path Units.
<6>[   31.126301] pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""
DECODED = """\
kern  :notice: [    0.000000] Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
kern  :warn  : [    5.048483] Unstable clock detected, switching default tracing clock to "global"
                              If you want to keep using the local clock, then add:
                                "trace_clock=local"
daemon:info  : [   14.840479] systemd[1]: Reached target paths.target - Path Units.
kern  :info  : [   31.126301] pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""
CTIME = """\
[Sun Nov 22 20:27:04 2026] Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
[Sun Nov 22 20:27:09 2026] Unstable clock detected, switching default tracing clock to "global"
                           If you want to keep using the local clock, then add:
                             "trace_clock=local"
[Sun Nov 22 20:27:18 2026] systemd[1]: Reached target paths.target - Path Units.
[Sun Nov 22 20:27:35 2026] pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""
KMSG = """\
5,0,0,-;Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
4,347,5048483,-;Unstable clock detected, switching default tracing clock to "global"\\x0a\
If you want to keep using the local clock, then add:\\x0a  "trace_clock=local"
30,410,14840479,-;systemd[1]: Reached target paths.target - Path Units.
6,520,31126301,-;pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
 SUBSYSTEM=pci
 DEVICE=+pci:0000:00:02.0
"""
DOCUMENT = """\
{
   "dmesg": [
      {
         "pri": 5,
         "time":     0.000000,
         "msg": "Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP"
      },{
         "pri": 4,
         "time":     5.048483,
         "msg": "Unstable clock detected, switching default tracing clock to \\"global\\"\\nIf you want to keep \
using the local clock, then add:\\n  \\"trace_clock=local\\""
      },{
         "pri": 7,
         "time":    14.840479,
         "msg": "systemd[1]: Reached target paths.target - Path Units."
      },{
         "pri": 6,
         "time":    31.126301,
         "msg": "pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press"
      }
   ]
}
"""
MONOTONIC = """\
[    0.000000] vm kernel: Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
[    5.048483] vm kernel: Unstable clock detected, switching default tracing clock to "global"
                          If you want to keep using the local clock, then add:
                            "trace_clock=local"
[   14.840479] vm systemd[1]: Reached target paths.target - Path Units.
[   31.126301] vm kernel: pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""
SYSLOG = """\
Nov 22 20:27:04 vm kernel: [    0.000000] Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP
Nov 22 20:27:09 vm kernel: [    5.048483] Unstable clock detected, switching default tracing clock to "global"
                                          If you want to keep using the local clock, then add:
                                            "trace_clock=local"
Nov 22 20:27:18 vm systemd[1]: Reached target paths.target - Path Units.
Nov 22 20:27:35 vm kernel: [   31.126301] pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press
"""


def journal_json(**fields: object) -> str:
    return json.dumps({"_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel", "SYSLOG_FACILITY": "0", **fields}) + "\n"


JOURNAL = (
    journal_json(MESSAGE="Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP", PRIORITY="5", _SOURCE_MONOTONIC_TIMESTAMP="0")
    + journal_json(
        MESSAGE=list(
            b'Unstable clock detected, switching default tracing clock to "global"\nIf you want to keep using the local'
            b' clock, then add:\n  "trace_clock=local"'
        ),
        PRIORITY="4",
        _SOURCE_MONOTONIC_TIMESTAMP="5048483",
    )
    + journal_json(
        MESSAGE="Reached target paths.target - Path Units.",
        PRIORITY="6",
        SYSLOG_IDENTIFIER="systemd",
        SYSLOG_PID="1",
        SYSLOG_FACILITY="3",
        _SOURCE_MONOTONIC_TIMESTAMP="14840479",
    )
    + journal_json(
        MESSAGE="pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press",
        PRIORITY="6",
        _SOURCE_MONOTONIC_TIMESTAMP="31126301",
        __MONOTONIC_TIMESTAMP="31126401",
        __REALTIME_TIMESTAMP="1795379395985856",
    )
)

SAME = {
    "plain": PLAIN,
    "raw": RAW,
    "decoded": DECODED,
    "ctime": CTIME,
    "kmsg": KMSG,
    "json": DOCUMENT,
    "journal-monotonic": MONOTONIC,
    "syslog": SYSLOG,
    "journal-json": JOURNAL,
}


def read(text: str) -> tuple[Parser, list[LogLine]]:
    parser = Parser(text.splitlines(keepends=True), READER)
    return parser, [parser.line(row) for rows in parser.chunks() for row in rows]


def one(text: str) -> LogLine:
    parser, lines = read(text)
    assert parser.unparsed == 0
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("form", SAME)
def test_the_same_log_says_the_same_in_every_form(form: str) -> None:
    parser, lines = read(SAME[form])
    assert parser.form == form
    assert parser.unparsed == 0
    assert [(line.prefix, line.address, line.message) for line in lines] == [
        (None, None, "Linux version 6.1.0-50-amd64 (gcc-12) #1 SMP"),
        (
            None,
            None,
            'Unstable clock detected, switching default tracing clock to "global"\n'
            'If you want to keep using the local clock, then add:\n  "trace_clock=local"',
        ),
        ("systemd[1]", None, "Reached target paths.target - Path Units."),
        ("pcieport", "0000:00:02.0", "pciehp: Slot(1) Powering on due to button press"),
    ]
    event = lines[3].event
    assert event is not None
    assert (event.kind, event.address, event.slot) == ("powering-on", "0000:00:02.0", "1")


@pytest.mark.parametrize("form", [form for form in SAME if form not in ("ctime", "syslog")])
def test_seconds_since_boot(form: str) -> None:
    assert [line.at for line in read(SAME[form])[1]] == [0.0, 5.048483, 14.840479, 31.126301]


@pytest.mark.parametrize("form", ["decoded", "kmsg", "journal-json"])
def test_levels_and_facilities(form: str) -> None:
    assert [(line.level, line.facility) for line in read(SAME[form])[1]] == [
        ("notice", "kern"),
        ("warn", "kern"),
        ("info", "daemon"),
        ("info", "kern"),
    ]


@pytest.mark.parametrize("form", ["raw", "json"])
def test_old_dmesg_confuses_level_and_facility_of_what_processes_wrote(form: str) -> None:
    # util-linux 2.38 prints daemon.info as 3 | 6 = 7.
    assert [(line.level, line.facility) for line in read(SAME[form])[1]] == [
        ("notice", "kern"),
        ("warn", "kern"),
        (None, None),
        ("info", "kern"),
    ]


def test_newer_dmesg_prints_the_facility() -> None:
    line = one("<30>[   14.840479] systemd[1]: Reached target paths.target.\n")
    assert (line.level, line.facility, line.prefix) == ("info", "daemon", "systemd[1]")


def test_local_time_without_zone_is_no_time() -> None:
    for form in ("ctime", "syslog"):
        assert {line.time for line in read(SAME[form])[1]} == {None}
    assert [line.at for line in read(CTIME)[1]] == [None] * 4


def test_the_journals_time_is_when_the_kernel_wrote_it() -> None:
    # Taken 100 microseconds after it was written.
    assert read(JOURNAL)[1][3].time == "2026-11-22T20:29:55.985756Z"


@pytest.mark.parametrize(
    ("line", "form", "at", "time", "message"),
    [
        ("2026-11-22T20:27:35,123456+01:00 a", "iso", None, "2026-11-22T19:27:35.123456Z", "a"),
        ("2026-01-01T00:10:00,000000+05:30 a", "iso", None, "2025-12-31T18:40:00.000000Z", "a"),
        ("2026-11-22T20:27:35+0100 vm kernel: a", "journal-iso", None, "2026-11-22T19:27:35Z", "a"),
        ("2026-11-22T20:27:35.1+0000 vm kernel: [ 1.5] a", "journal-iso", 1.5, "2026-11-22T20:27:35.1Z", "a"),
        ("Sun 2026-11-22 20:27:35 UTC vm kernel: a", "journal-full", None, "2026-11-22T20:27:35Z", "a"),
        ("Sun 2026-11-22 20:27:35 CET vm kernel: a", "journal-full", None, None, "a"),
        ("1795379395.985856 vm kernel: a", "journal-unix", None, "2026-11-22T20:29:55.985856Z", "a"),
        ("Nov 22 20:27:35.123456 vm kernel: a", "syslog", None, None, "a"),
        ("[    5.048483 <    0.000012>] a", "delta", 5.048483, None, "a"),
        ("[<    0.000012>] a", "delta", None, None, "a"),
        ("[Nov22 20:27] a", "reltime", None, None, "a"),
        ("[  +0.000012] a", "reltime", None, None, "a"),
        ("kern  :info  : [Sun Nov 22 20:27:35 2026] a", "decoded-ctime", None, None, "a"),
        ("<6>a", "raw", None, None, "a"),
        ('{"dmesg": [{"pri":5,"time":0.5,"msg":"a"}]}', "json", 0.5, None, "a"),
        ('{"t": 5.2, "raw": "6,339,5140900,-;a\\n SUBSYSTEM=pci\\n"}', "kmsg-json", 5.1409, None, "a"),
        ("a", "bare", None, None, "a"),
    ],
)
def test_other_forms(line: str, form: str, at: float, time: str, message: str) -> None:
    assert form_of([line]) == form
    found = one(line)
    assert (found.at, found.time, found.message) == (at, time, message)


def test_impossible_times_are_none() -> None:
    for line in (
        "2026-02-30T20:27:35,000000+01:00 a",
        "2026-11-22T20:27:99,000000+01:00 a",
        "0000-01-01T00:00:00,0Z a",
    ):
        assert one(line).time is None


@pytest.mark.parametrize(
    "line",
    [
        "[   17.894008][  T215] a",
        "[   17.894008] [T215] a",
        "6,1,17894008,-,caller=T215;a",
        "<6>[   17.894008][ T215] a",
    ],
)
def test_caller(line: str) -> None:
    found = one(line)
    assert (found.at, found.caller, found.message) == (17.894008, "T215", "a")


def test_util_linux_names_level_and_facility_when_asked() -> None:
    line = one('{\n "dmesg": [\n {\n  "fac": "daemon",\n  "pri": "err",\n  "time": 1.5,\n  "msg": "a"\n }\n ]\n}\n')
    assert (line.at, line.level, line.facility) == (1.5, "err", "daemon")


def test_kmsg_escapes_are_bytes() -> None:
    assert one("6,1,2,-;caf\\xc3\\xa9 \\x5c \\x1b[0m \\xff").message == "café \\ \x1b[0m \\xff"


def test_serial_console() -> None:
    parser, lines = read(
        "\x1b[0m\x1b[32m[    1.250000] \x1b[33mpci 0000:00:04.0\x1b[0m: enabling device (0000 -> 0003)\r\r\n"
    )
    assert parser.form == "plain"
    assert (lines[0].at, lines[0].address, lines[0].message) == (1.25, "0000:00:04.0", "enabling device (0000 -> 0003)")


def test_quoted_by_a_mailer() -> None:
    parser, lines = read(
        "> Dec 11 13:07:32 host kernel: shpchp 0000:01:05.0: Latch close on Slot(2-1)\n> > [    1.5] a\n"
    )
    assert [(line.prefix, line.message) for line in lines] == [("shpchp", "Latch close on Slot(2-1)"), (None, "a")]
    assert parser.unparsed == 0


def test_wrapped_by_a_mailer() -> None:
    parser, lines = read(
        "Feb 10 23:36:59 host kernel: [   28.729523] pcieport 0000:00:01.1: \n"
        "pciehp: Slot(0): Card present\n"
        "Feb 10 23:36:59 host kernel: [   28.735552] pci 0000:3c:00.0: 8.000 limited\n"
        "by 2.5 GT/s PCIe x4 link\n"
        "\n"
        "Step 5) unplug\n"
    )
    assert [line.message for line in lines] == [
        "pciehp: Slot(0): Card present",
        "8.000 limited by 2.5 GT/s PCIe x4 link",
    ]
    assert lines[0].event is not None
    assert lines[0].event.kind == "card-present"
    assert parser.unparsed == 1


def test_nothing_is_joined_that_would_have_fitted_or_in_a_log_of_long_lines() -> None:
    assert read("[    1.000000] short\nand now\n")[0].unparsed == 1
    wide = f"[    1.000000] {'x' * 90}\n[    2.000000] {'y' * 60}\nanother\n"
    parser, lines = read(wide)
    assert (len(lines), parser.unparsed) == (2, 1)


def test_foreign_lines_are_counted_not_read() -> None:
    parser, lines = read("$ dmesg\n[    1.000000] a\n\nvm login: root\n[    2.000000] b\n-- Boot 36cd --\n")
    assert [line.message for line in lines] == ["a", "b"]
    assert parser.unparsed == 2


def test_a_log_without_stamps_is_messages_but_not_binary() -> None:
    parser, lines = read("Linux version 2.6.32\n  DMA  0x10 -> 0x1000\n\x00\x01\x02\n")
    assert parser.form == "bare"
    assert [line.message for line in lines] == ["Linux version 2.6.32", "  DMA  0x10 -> 0x1000"]
    assert parser.unparsed == 1


def test_lines_need_no_line_end_and_join_over_blocks() -> None:
    lines = [f"[{number:5}.000000] a" for number in range(700)]
    lines.insert(513, " " * 15 + "b")
    found = list(iter_lines(lines))
    assert len(found) == 700
    assert [line.at for line in found if line.message != "a"] == [512.0]
    assert found[512].message == "a\nb"


def test_empty() -> None:
    assert form_of([]) == form_of(["\n", " \n"]) == "empty"
    assert list(iter_lines([])) == []


def test_it_is_a_stream() -> None:
    taken = []

    def endless() -> object:
        number = 0
        while True:
            taken.append(number)
            yield f"[{number}.000000] a\n"
            number += 1

    lines = iter_lines(endless(), event_of)  # type: ignore[arg-type]
    assert next(lines).at == 0.0
    assert len(taken) < 2000


@pytest.mark.parametrize(
    ("text", "head", "rest"),
    [
        ("pci 0000:00:1C.0: a", Head("pci", "0000:00:1c.0", None), "a"),
        ("nvme 10000:e1:00.0: a", Head("nvme", "10000:e1:00.0", None), "a"),
        ("pciehp 0000:00:1c.0:pcie004: a", Head("pciehp", "0000:00:1c.0", None), "a"),
        ("e1000e 0000:03:00.0 ens3: a", Head("e1000e", "0000:03:00.0", "ens3"), "a"),
        ("e1000e 0000:03:00.0 eth0 (uninitialized): a", Head("e1000e", "0000:03:00.0", "eth0 (uninitialized)"), "a"),
        ("0000:00:19.0: a", Head(None, "0000:00:19.0", None), "a"),
        ("virtio_net virtio3 ens6: a", Head("virtio_net virtio3", None, "ens6"), "a"),
        ("sd 2:0:0:0: [sdb] a", Head("sd 2:0:0:0", None, None), "[sdb] a"),
        (" pci0000:00: a", Head("pci0000:00", None, None), "a"),
        ("acpi PNP0A08:00: _OSC: a", Head("acpi PNP0A08:00", None, None), "_OSC: a"),
        ("Kernel command line: a", Head(None, None, None), "Kernel command line: a"),
        ("no colon", Head(None, None, None), "no colon"),
        ("pci 0000:00:3f.0: a", Head("pci 0000:00:3f.0", None, None), "a"),
    ],
)
def test_heads(text: str, head: Head, rest: str) -> None:
    assert Head.split(text) == (head, rest)


def test_an_interface_stays_in_the_message() -> None:
    line = one("[   50.954900] e1000e 0000:03:00.0 ens3: renamed from eth0")
    assert (line.prefix, line.address, line.message) == ("e1000e", "0000:03:00.0", "ens3: renamed from eth0")


def test_an_address_in_the_text_counts() -> None:
    line = one("[   93.537031] sym0: <895a> rev 0x0 at pci 0000:00:04.0 irq 10")
    assert (line.prefix, line.address) == ("sym0", "0000:00:04.0")
