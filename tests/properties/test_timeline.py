"""Whatever a log or a stream holds, there is a timeline, and it holds together."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.collect.log_signs import BOOT, NONE, LogSigns
from hotplugctl.live.reducer import start
from hotplugctl.live.timeline import Fold
from hotplugctl.model.live import STAGES, Sign
from hotplugctl.model.timeline import ACTIONS, OUTCOMES, Timeline
from hotplugctl.model.uevent import Uevent
from hotplugctl.render import document_timeline, jsontext, timeline_text

ADDRESSES = st.sampled_from(["0000:00:02.0", "0000:01:00.0", "0000:01:00.1", "10000:00:00.0"])
NAMES = st.sampled_from(["vdb", "sdb", "nvme0n1", "ens4", "eth0", "\x1b[31m", "host2", "virtio1"])
WORDS = [
    "pci {a}: [1af4:1042] type 00 class 0x010000",
    "pci {a}: [1af4:1041] type 00 class 0x020000",
    "pci {a}: [1000:0012] type 00 class 0x010000",
    "pci {a}: BAR 0: assigned [mem 0xfe800000-0xfe800fff]",
    "pci {a}: BAR 0: no space for [mem size 0x00001000]",
    "pci {a}: PCI bridge to [bus 01]",
    "virtio-pci {a}: enabling device (0000 -> 0003)",
    "virtio_blk virtio1: [{n}] 65536 512-byte logical blocks",
    "virtio_net virtio1 {n}: renamed from eth0",
    "e1000e {a} {n}: removed PHC",
    "e1000: probe of {a} failed with error -5",
    "pcieport {a}: pciehp: Slot(1): Attention button pressed",
    "pcieport {a}: pciehp: Slot(1): Powering off due to button press",
    "pcieport {a}: pciehp: Slot(1): Button cancel",
    "shpchp {a}: Button pressed on Slot(1)",
    "sym0: <895a> rev 0x0 at pci {a} irq 10",
    "sym0: SCSI BUS has been reset.",
    "scsi host2: sym-2.2.3",
    "sd 2:0:0:0: [{n}] Attached SCSI disk",
    "sd 2:0:0:0: [{n}] Synchronizing SCSI cache",
    " {n}: p1 p2",
    "Linux version 6.1.0",
    "PCI host bridge to bus 0000:00",
    "Run /init as init process",
]
MESSAGES = st.builds(lambda form, a, n: form.format(a=a, n=n), st.sampled_from(WORDS), ADDRESSES, NAMES)
# Clocks that jump, stand still, and run backwards.
TIMES = st.one_of(st.floats(0, 100), st.sampled_from([0.0, 5.0, 1e9, 99999999.999999]))
STAMPED = st.builds(lambda at, text: f"[{at:12.6f}] {text}\n", TIMES, MESSAGES)
PATHS = st.builds(
    lambda a, below: f"/devices/pci0000:00/{a}{below}",
    ADDRESSES,
    st.sampled_from(
        ["", "/virtio1", "/virtio1/block/vdb", "/virtio1/block/vdb/vdb1", "/net/eth0", "/host2/scsi_host/host2"]
    ),
)
SUBSYSTEMS = st.sampled_from(["pci", "virtio", "block", "net", "scsi_host", None, "\0"])
PROPERTIES = st.dictionaries(
    st.sampled_from(["DRIVER", "PCI_ID", "PCI_CLASS", "DEVNAME", "INTERFACE", "SYNTH_UUID", "DEVPATH_OLD"]),
    st.sampled_from(["1AF4:1042", "10000", "20000", "60400", "vdb", "x", ""]),
)
UEVENTS = st.builds(
    lambda action, path, subsystem, seq, group, more: Uevent(action, path, subsystem, seq, None, group, more),
    st.sampled_from(["add", "remove", "bind", "unbind", "move", "change", "x"]),
    PATHS, SUBSYSTEMS, st.one_of(st.none(), st.integers(0, 40)), st.sampled_from([1, 2]), PROPERTIES,
)  # fmt: skip


def holds_together(found: Timeline, timed: bool) -> None:
    for one in found.passages:
        assert one.action in ACTIONS
        assert one.outcome in OUTCOMES or ("outcome" in one.unknown and one.outcome is None)
        names = [stage.name for stage in one.stages]
        assert names == [name for name in STAGES if name in names]
        for stage in one.stages:
            assert (stage.after_ms is None) == (not timed)
            assert stage.after_ms is None or (stage.after_ms >= 0 and math.isfinite(stage.after_ms))
        assert {wait.stage for wait in one.waits} <= {*names, None}
    text = timeline_text.rows(timeline_text.COLUMNS, found, True, True) + timeline_text.below(found)
    assert text.replace("\n", "").isprintable()
    jsontext.dumps(document_timeline.timeline(found))


def of_log(lines: list[str]) -> tuple[Timeline, str]:
    signs, fold = LogSigns(lines), Fold(start(by_log=True))
    for sign in signs:
        fold.take(sign, "log")
    return fold.close(("log",), (), since_boot=signs.clock == BOOT, timed=signs.clock != NONE), signs.clock


@given(st.lists(STAMPED, max_size=30))
def test_any_log(lines):
    found, clock = of_log(lines)
    holds_together(found, clock != NONE)


@given(st.lists(MESSAGES.map(lambda text: f"{text}\n"), max_size=20))
def test_any_log_without_a_clock(lines):
    found, clock = of_log(lines)
    holds_together(found, clock != NONE)


@given(st.text(max_size=400))
def test_any_text(text):
    found, clock = of_log(text.splitlines(keepends=True))
    holds_together(found, clock != NONE)


@given(st.lists(st.tuples(TIMES, UEVENTS), max_size=30))
def test_any_events_in_any_order(events):
    fold = Fold(start())
    for at, event in events:
        fold.take(Sign(at, at, event), "events")
    holds_together(fold.close((), ()), True)


@given(st.lists(STAMPED, max_size=30), st.integers(0, 2000))
def test_a_log_that_is_cut_off(lines, cut):
    found, clock = of_log("".join(lines)[:cut].splitlines(keepends=True))
    holds_together(found, clock != NONE)
