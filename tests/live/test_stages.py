"""Ready once the last stage that applies is reached; overdue with the reason that is known."""

from __future__ import annotations

import pytest

from hotplugctl.live import reducer
from hotplugctl.model.live import FunctionFact, Look

PATH = "/devices/pci0000:00/0000:00:04.0"
VIRTIO = f"{PATH}/virtio1"


def insert(story, class_, ids="8086:1234"):
    story.kernel("add", PATH, PCI_CLASS=class_, PCI_ID=ids)


@pytest.mark.parametrize(
    "class_, ids", [("30000", "1234:1111"), ("c0330", "1b36:000d"), ("70002", "1b36:0002"), ("40300", "8086:2668")]
)
def test_other_classes_are_ready_with_their_driver(story, class_, ids):
    insert(story, class_, ids)
    story.kernel("bind", PATH, DRIVER="some")
    assert story.events == ["function-added", "driver-bound", "device-ready"]
    assert story.last.stage == "bound"


@pytest.mark.parametrize("class_", ["50000", "60100", "88000"])
def test_some_classes_need_no_driver(story, class_):
    insert(story, class_)
    story.udev("add", PATH)
    assert (story.last.event, story.last.stage) == ("device-ready", "enumerated")


def test_without_udev_these_are_ready_after_a_while(story):
    story.state.udev = False
    insert(story, "50000")
    story.wait(60)
    assert story.events == ["function-added", "device-ready"] and "no driver" in story.last.reason


def test_a_bridge_whose_driver_has_spoken_is_ready_with_it(story):
    insert(story, "60400")
    story.log("shpchp 0000:00:04.0: enabling device (0000 -> 0002)")
    story.udev("add", PATH)
    assert story.events == ["function-added"]
    story.kernel("bind", PATH, DRIVER="shpchp")
    assert story.events == ["function-added", "driver-bound", "device-ready"]


def test_a_virtio_device_without_a_node_is_ready_with_its_child_bound(story):
    insert(story, "ff00", "1af4:1005")
    story.kernel("add", VIRTIO, "virtio")
    assert "device-ready" not in story.events
    story.kernel("bind", VIRTIO, "virtio", DRIVER="virtio_rng")
    assert (story.last.event, story.last.stage) == ("device-ready", "child")


def test_a_partition_is_no_disk(story):
    insert(story, "10000")
    story.kernel("add", f"{PATH}/block/sdb", "block", DEVNAME="sdb")
    story.kernel("add", f"{PATH}/block/sdb/sdb1", "block", DEVNAME="sdb1")
    story.udev("add", f"{PATH}/block/sdb/sdb1", "block", DEVNAME="/dev/sdb1")
    assert "device-ready" not in story.events
    story.udev("add", f"{PATH}/block/sdb", "block", DEVNAME="/dev/sdb")
    assert story.last.event == "device-ready" and story.last.name == "sdb"


def stalled(story, seconds=60):
    """The one stall, and when it was told."""
    story.wait(seconds)
    found = [one for one in story.said if one.event == "device-stalled"]
    assert len(found) == 1
    return found[0]


def test_no_driver(story):
    insert(story, "20000")
    one = stalled(story)
    assert (one.stage, one.reason) == ("bound", "no driver bound")
    # Not when it was looked at: when it fell due, 10 s after the last sign.
    assert one.monotonic == pytest.approx(110.1) and one.since_first_ms == pytest.approx(10_000)


@pytest.mark.parametrize(
    "modules, reason",
    [
        ((), "no driver: no module of this kernel claims it"),
        (("e1000",), "no driver bound; e1000 would claim it"),
        (None, "no driver bound"),
    ],
)
def test_the_reason_is_asked_for(story, modules, reason):
    insert(story, "20000")
    story.now += 60
    assert reducer.wanting(story.state, story.now) == ("0000:00:04.0",)
    fact = FunctionFact("0000:00:04.0", PATH, modules=modules)
    story.sign(Look("facts", (fact,), {}))
    assert (story.last.event, story.last.reason) == ("device-stalled", reason)


def test_the_rules_know_better(story):
    insert(story, "20000")
    story.sign(Look("facts", (FunctionFact("0000:00:04.0", PATH, trouble="e1000 is blacklisted"),), {}))
    assert stalled(story).reason == "e1000 is blacklisted"


def test_a_bar_without_an_address(story):
    insert(story, "50000", "1af4:1110")
    story.log("pci 0000:00:04.0: BAR 2 [mem size 0x100000000 64bit pref]: can't assign; no space")
    story.log("pci 0000:00:04.0: BAR 2 [mem size 0x100000000 64bit pref]: failed to assign")
    story.udev("add", PATH)
    one = stalled(story)
    assert one.stage == "resources" and "BAR 2 not assigned" in one.reason


def test_what_went_wrong_is_told_before_what_comes_later(story):
    """The first sign gave it more time than it has once the log says what is wrong."""
    insert(story, "50000", "1af4:1110")
    story.log("pci 0000:00:04.0: BAR 2 [mem size 0x100000000 64bit pref]: failed to assign")
    assert reducer.next_deadline(story.state) == pytest.approx(story.now + 3)
    story.now += 5
    story.kernel("add", "/devices/pci0000:00/0000:00:05.0", PCI_CLASS="50000", PCI_ID="1af4:1110")
    assert [(one.event, one.address) for one in story.said[1:]] == [
        ("device-stalled", "0000:00:04.0"),
        ("function-added", "0000:00:05.0"),
    ]
    # The entry of the queue that this left behind tells nothing of the first.
    assert [(one.event, one.address) for one in story.wait(60)] == [("device-ready", "0000:00:05.0")]
    assert story.state.queue == []


def test_the_kernel_tries_again(story):
    """Only the last message about a BAR counts."""
    insert(story, "50000", "1af4:1110")
    story.log("pci 0000:00:04.0: BAR 2 [mem size 0x1000]: failed to assign")
    story.log("pci 0000:00:04.0: BAR 2 [mem 0xfe000000-0xfe000fff]: assigned")
    story.udev("add", PATH)
    assert story.last.event == "device-ready"
    assert story.wait(60) == []


def test_a_probe_that_failed(story):
    insert(story, "10000", "1af4:1042")
    story.log("virtio-pci 0000:00:04.0: probe with driver virtio-pci failed with error -5")
    one = stalled(story)
    assert (one.stage, one.reason) == ("bound", "virtio-pci: probe with driver virtio-pci failed with error -5")


def test_a_probe_of_the_child_that_failed(story):
    insert(story, "10000", "1af4:1042")
    story.kernel("add", VIRTIO, "virtio")
    story.kernel("bind", PATH, DRIVER="virtio-pci")
    story.log("virtio_blk: probe of virtio1 failed with error -2")
    one = stalled(story)
    assert (one.stage, one.reason) == ("child", "virtio_blk: probe of virtio1 failed with error -2")


def test_a_child_without_a_driver(story):
    insert(story, "20000", "1af4:1041")
    story.kernel("add", VIRTIO, "virtio")
    story.kernel("bind", PATH, DRIVER="virtio-pci")
    one = stalled(story)
    assert (one.stage, one.reason) == ("child", "virtio1: no driver bound")
    # Somebody loads the module: it goes on.
    story.kernel("add", f"{VIRTIO}/net/eth0", "net", INTERFACE="eth0")
    story.udev("add", f"{VIRTIO}/net/eth0", "net", INTERFACE="eth0")
    assert story.events[-2:] == ["node-added", "device-ready"]


def test_a_scsi_host_without_a_disk(story):
    insert(story, "10000", "1000:0012")
    story.kernel("add", f"{PATH}/host2", "scsi")
    story.kernel("add", f"{PATH}/host2/scsi_host/host2", "scsi_host")
    story.kernel("bind", PATH, DRIVER="sym53c8xx")
    assert story.wait(4) == [], "the bus reset takes 3 s"
    one = stalled(story)
    assert (one.stage, one.reason) == ("node", "SCSI host2: no disk behind it")


def test_udev_that_is_busy(story):
    insert(story, "10000")
    story.kernel("add", f"{PATH}/block/sdb", "block", DEVNAME="sdb")
    story.kernel("bind", PATH, DRIVER="ahci")
    one = stalled(story)
    assert (one.stage, one.reason) == ("udev", "udev is not done with sdb")
    story.udev("add", f"{PATH}/block/sdb", "block", DEVNAME="/dev/sdb")
    assert story.last.event == "device-ready"


def test_a_stall_is_told_once(story):
    insert(story, "20000")
    story.wait(60)
    story.udev("add", PATH)
    story.wait(60)
    assert story.events == ["function-added", "device-stalled"]


def test_found_by_the_kernel_and_never_announced(story):
    """An oops on the way: the log is all there will ever be."""
    story.log("pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000")
    one = stalled(story)
    assert (one.stage, one.reason) == ("enumerated", "the kernel found it, and no add event came")
    assert not story.state.functions


def test_progress_is_time_won(story):
    insert(story, "10000")
    for _ in range(5):
        story.wait(9)
        story.kernel("add", f"{PATH}/host2/target2:0:0", "scsi")
    assert "device-stalled" not in story.events


def test_a_clock_that_jumps_back(story):
    """Two boots in one recording: what was waited for gets its time again, and nothing fails."""
    insert(story, "20000")
    story.now = 5.0
    story.kernel("add", "/devices/pci0000:00/0000:00:05.0", PCI_CLASS="20000")
    assert story.wait(9) == []
    story.wait(3)
    stalls = [one.address for one in story.said if one.event == "device-stalled"]
    assert sorted(stalls) == ["0000:00:04.0", "0000:00:05.0"]


def test_a_clock_that_jumps_ahead(story):
    insert(story, "20000")
    story.now = 1e9
    story.kernel("remove", PATH)
    assert [one.event for one in story.said] == ["function-added", "device-stalled", "function-removed"]
    assert story.said[1].monotonic == pytest.approx(110.1)


def test_a_stream_that_is_cut(story):
    insert(story, "20000")
    _, out = reducer.finish(story.state, story.now)
    assert [(one.event, one.stage) for one in out] == [("device-stalled", "bound")]
    assert "ends here" in out[0].reason
