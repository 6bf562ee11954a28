"""Whatever a log holds, its lines about a target hold together; whatever is typed, there is an answer or one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.errors import BadTarget
from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.target import wish
from hotplugctl.parse import kernel_events
from hotplugctl.rules.explain import page
from hotplugctl.rules.explain.said import LINES_SHOWN, Keeper, Wanted

ADDRESS = "0000:01:00.0"
WORDS = [
    f"pci {ADDRESS}: [1af4:1042] type 00 class 0x010000",
    f"virtio-pci {ADDRESS}: enabling device (0000 -> 0002)",
    "pci 0000:02:00.0: [1af4:1042] type 00 class 0x010000",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Link Up",
    "virtio_blk virtio1: [vdb] 65536 512-byte logical blocks",
    "EXT4-fs (vdb): mounted filesystem",
    "Linux version 6.1.0",
    "\x1b[31m evil vdb",
]
TIMES = st.one_of(st.none(), st.floats(0, 1000), st.sampled_from([0.0, 1e9]))
LINES = st.lists(st.tuples(TIMES, st.one_of(st.sampled_from(WORDS), st.text(max_size=40))), max_size=120)
SLOTS = st.sampled_from([None, "1", "0-2"])
NAMES = st.lists(st.sampled_from(["vdb", "virtio1", "", "a[", "\udcff", ".*"]), max_size=3)


def line(at, text):
    head, message = Head.split(text)
    event = kernel_events.event_of(message, head)
    return LogLine(at, None, None, None, None, head.prefix, head.address, message, event)


@given(LINES, SLOTS, NAMES)
def test_lines_about_a_target(lines, slot, words):
    keeper = Keeper(Wanted(ADDRESS, slot, ("0000:00:02.0",), tuple(words)))
    for at, text in lines:
        keeper.take(line(at, text))
    log = keeper.log("/dev/kmsg", ())
    assert len(log.lines) <= LINES_SHOWN
    assert len(log.lines) + log.left_out <= len(lines)
    shown = [len(lines) + 1 if one.life is None else one.life for one in log.lines]
    assert shown == sorted(shown)
    found = sum(1 for _, text in lines if text == WORDS[0])
    assert {one.life for one in log.lines} <= {None, *range(max(found, 1))}
    assert (found == 0) or any(one.life == 0 for one in log.lines)
    assert all("\n" not in one.text for one in log.lines)


@given(st.text(max_size=300))
def test_what_may_have_been_meant(text):
    assert all(name in page.RULES for name in page.near(text))
    assert page.page(text) is None or text in page.RULES
    try:
        assert wish(text).text == text
    except BadTarget as error:
        assert "\n" not in error.message
