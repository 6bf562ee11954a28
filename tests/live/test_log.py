"""What the kernel log adds: requests at a slot, first signs, and lines that are no news."""

from __future__ import annotations

from hotplugctl.live import reducer
from hotplugctl.live.history import History
from hotplugctl.model.live import Sign
from hotplugctl.model.log import Head, LogLine
from hotplugctl.parse import kernel_events

PORT = "/devices/pci0000:00/0000:00:02.0"
CARD = f"{PORT}/0000:01:00.0"
PRESS = "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed"
ON = "pcieport 0000:00:02.0: pciehp: Slot(1): Powering on due to button press"
OFF = "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press"


def insert(story):
    story.kernel("add", CARD, PCI_CLASS="20000", PCI_ID="8086:10D3")
    story.kernel("add", f"{CARD}/net/eth0", "net", INTERFACE="eth0")
    story.udev("add", f"{CARD}/net/eth0", "net", INTERFACE="eth0")


def test_the_button_is_the_first_sign(story):
    story.log(PRESS)
    story.log(ON)
    insert(story)
    added = story.said[0]
    assert (added.event, added.slot, added.since_first_ms) == ("function-added", "1", 200)
    assert story.state.functions["0000:01:00.0"].stages["announced"] == story.state.functions["0000:01:00.0"].first


def test_all_functions_of_a_slot_come_by_one_press(story):
    story.log(PRESS)
    for number in range(2):
        story.kernel("add", f"{PORT}/0000:01:00.{number}", PCI_CLASS="20000")
    assert [one.since_first_ms for one in story.said] == [100, 200]


def test_a_removal_is_asked_for(story):
    insert(story)
    story.said.clear()
    story.log(PRESS)
    assert story.said == [], "it may be for either"
    story.log(OFF)
    assert [(one.event, one.address) for one in story.said] == [("removal-requested", "0000:01:00.0")]
    story.now += 5
    story.kernel("remove", CARD)
    assert story.last.event == "function-removed" and 5000 < story.last.since_first_ms < 6000


def test_newer_kernels_say_what_for(story):
    insert(story)
    story.said.clear()
    story.log("pcieport 0000:00:02.0: pciehp: Slot(1): Button press: will power off in 5 sec")
    assert [one.event for one in story.said] == ["removal-requested"]


def test_shpchp_asks_in_its_own_words(story):
    story.state.slots["0000:03:03"] = "3"
    bridge = "/devices/pci0000:00/0000:00:05.0"
    story.kernel("add", bridge, PCI_CLASS="60400")
    for device in ("03", "04"):
        story.kernel("add", f"{bridge}/0000:03:{device}.0", PCI_CLASS="20000")
    story.said.clear()
    story.log("shpchp 0000:00:05.0: Button pressed on Slot(3)")
    story.log("shpchp 0000:00:05.0: PCI slot #3 - powering off due to button press")
    assert [(one.event, one.address, one.slot) for one in story.said] == [("removal-requested", "0000:03:03.0", "3")]


def test_a_request_for_an_empty_slot(story):
    story.log(OFF)
    assert (story.last.event, story.last.address, story.last.slot) == ("removal-requested", None, "1")


def test_announced_and_nothing_came(story):
    story.log(PRESS)
    story.log(ON)
    story.wait(60)
    assert (story.last.event, story.last.address, story.last.slot, story.last.stage) == (
        "device-stalled", None, "1", "announced",
    )  # fmt: skip
    assert story.last.reason == "announced, and no function came"


def test_announced_and_the_link_stays_down(story):
    story.log(PRESS)
    story.log("pcieport 0000:00:02.0: pciehp: Slot(1): Cannot train link: status 0x3883")
    story.wait(60)
    assert story.last.reason == "the link does not come up"


def test_a_press_that_was_taken_back(story):
    story.log(PRESS)
    story.log(ON)
    story.log("pcieport 0000:00:02.0: pciehp: Slot(1): Button cancel")
    assert story.wait(60) == [] and story.said == []


def test_what_came_is_not_overdue(story):
    story.log(PRESS)
    story.log(ON)
    insert(story)
    story.said.clear()
    assert story.wait(60) == []


def test_stages_of_the_log(story):
    story.log("pci 0000:01:00.0: [8086:10d3] type 00 class 0x020000")
    story.kernel("add", CARD, PCI_CLASS="20000")
    story.log("pci 0000:01:00.0: BAR 0 [mem 0x00000000-0x0001ffff]")
    story.log("pci 0000:01:00.0: BAR 0 [mem 0xfde80000-0xfde9ffff]: assigned")
    story.log("e1000e 0000:01:00.0: enabling device (0000 -> 0002)")
    journey = story.state.functions["0000:01:00.0"]
    first = journey.first
    assert {name: round(at - first, 1) for name, at in journey.stages.items()} == {
        "enumerated": 0.0, "resources": 0.3, "enabled": 0.4, "bound": 0.4,
    }  # fmt: skip


def test_lines_of_the_time_before_are_no_news(story):
    story.kernel("change", CARD)
    story.log("pci 0000:01:00.0: [8086:10d3] type 00 class 0x020000", at=1.5)
    assert not story.state.functions and story.wait(60) == []


def line(text: str, at: float) -> Sign:
    head, message = Head.split(text)
    event = kernel_events.event_of(message, head)
    return Sign(200.0, at, LogLine(at, None, None, None, None, head.prefix, head.address, message, event))


def test_since_boot_leaves_out_what_the_boot_found():
    history = History(200.0)
    said = []
    for text, at in (
        ("Linux version 6.1.0 (x)", 0.0),
        ("pci 0000:00:01.0: [8086:7010] type 00 class 0x010180", 0.3),
        ("Freeing unused kernel image (initmem) memory: 2796K", 1.0),
        ("pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000", 50.0),
        ("virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)", 50.1),
    ):
        said += history.take(line(text, at))
    assert [(one.event, one.address, one.monotonic) for one in said] == [("function-added", "0000:00:04.0", 50.0)]
    assert history.take(line("pci 0000:00:05.0: [1af4:1001] type 00 class 0x010000", 199.9)) is None


def test_by_the_log_alone():
    state = reducer.start(by_log=True)
    said = []
    for text, at in (
        ("pci 0000:00:04.0: [1000:0012] type 00 class 0x010000", 50.0),
        ("sym0: <895a> rev 0x0 at pci 0000:00:04.0 irq 10", 50.2),
        ("scsi host2: sym-2.2.3", 50.3),
        ("sd 2:0:0:0: [sdb] 65536 512-byte logical blocks: (33.6 MB/32.0 MiB)", 53.4),
    ):
        said += reducer.feed(state, line(text, at))[1]
    assert said[0].event == "function-added" and said[0].address == "0000:00:04.0"


def test_windows_that_move_later_are_no_stage_of_the_bridge(story):
    """What comes behind a bridge has its windows moved, long after the bridge itself was ready."""
    story.log("pci 0000:00:02.0: [1b36:0001] type 01 class 0x060400")
    story.kernel("add", PORT, PCI_CLASS="60400", PCI_ID="1B36:0001")
    story.log("pci 0000:00:02.0: bridge window [mem 0xfe000000-0xfe1fffff]: assigned")
    story.log("pci 0000:00:02.0: bridge window [mem size 0x00200000]: failed to assign")
    reached = story.state.functions["0000:00:02.0"].stages["resources"]
    story.wait(20)
    assert story.events == ["function-added", "device-ready"]
    story.log("shpchp 0000:00:02.0: bridge window [mem 0xfe100000-0xfe1fffff]: assigned")
    assert story.state.functions["0000:00:02.0"].stages["resources"] == reached
