"""What is put together of transitions: insertions, removals, their stages and how they ended."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.live import timeline
from hotplugctl.live.reducer import start
from hotplugctl.live.timeline import Fold
from hotplugctl.model.live import FunctionFact, Look, NodeFact, Sign
from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.timeline import Passage, Timeline
from hotplugctl.model.uevent import Uevent
from hotplugctl.parse import kernel_events

PORT = "/devices/pci0000:00/0000:00:02.0"
DISK = f"{PORT}/0000:01:00.0"
VIRTIO = f"{DISK}/virtio1"
VDB = f"{VIRTIO}/block/vdb"
HBA = "/devices/pci0000:00/0000:00:05.0"


def line_of(text: str) -> LogLine:
    head, message = Head.split(text)
    event = kernel_events.event_of(message, head)
    address = head.address or (None if event is None else event.address)
    return LogLine(None, None, None, None, None, head.prefix, address, message, event)


class Guest:
    """Signs by hand, for what no recording holds. ``there``: functions that were there before."""

    def __init__(self, *there: FunctionFact, by_log: bool = False) -> None:
        slots = {"0000:01:00": "1", "0000:00:05": "5"}
        look = None if by_log else Look("start", there, slots)
        self.fold = Fold(start(look, by_log=by_log))
        self.seq = 100

    def kernel(self, at: float, action: str, path: str, subsystem: str = "pci", **more: str) -> None:
        self.seq += 1
        event = Uevent(action, path, subsystem, self.seq, None, 1, more)
        self.fold.take(Sign(at, at, event), f"events:{self.seq}")

    def udev(self, at: float, action: str, path: str) -> None:
        self.fold.take(Sign(at, at, Uevent(action, path, "block", self.seq, None, 2, {})), f"events:{self.seq}")

    def log(self, at: float, text: str) -> None:
        self.fold.take(Sign(at, at, line_of(text)), "log")

    def add_disk(self, at: float) -> None:
        self.kernel(at, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
        self.kernel(at + 0.1, "add", VIRTIO, "virtio")
        self.kernel(at + 0.2, "add", VDB, "block", DEVNAME="vdb", DEVTYPE="disk")
        self.kernel(at + 0.3, "bind", DISK, DRIVER="virtio-pci")

    def remove_disk(self, at: float) -> None:
        self.kernel(at, "remove", VDB, "block", DEVNAME="vdb", DEVTYPE="disk")
        self.kernel(at + 0.1, "unbind", DISK)
        self.kernel(at + 0.2, "remove", DISK)

    def close(self) -> Timeline:
        return self.fold.close(("events",), ())


def brief(one: Passage) -> tuple[str, Optional[str], Optional[str], dict[str, Optional[float]]]:
    return one.action, one.outcome, one.reason, {stage.name: stage.after_ms for stage in one.stages}


def test_a_disk_comes_and_goes():
    guest = Guest()
    guest.add_disk(10.0)
    guest.remove_disk(50.0)
    added, removed = guest.close().passages
    assert brief(added) == ("add", "ready", None, {"enumerated": 0.0, "bound": 100.0, "child": 100.0, "node": 200.0})
    assert brief(removed) == ("remove", "removed", None, {"enumerated": 200.0, "bound": 100.0, "node": 0.0})
    for one in (added, removed):
        assert (one.address, one.ids, one.driver, one.slot) == ("0000:01:00.0", "1af4:1042", "virtio-pci", "1")
        assert one.nodes == ("vdb",)
    assert [stage.at for stage in removed.stages] == [50.2, 50.1, 50.0]


def test_every_stage_names_the_sign_that_it_was_reached_by():
    guest = Guest()
    guest.add_disk(10.0)
    said = {stage.name: stage.evidence for stage in guest.close().passages[0].stages}
    assert {name: None if one is None else one.source for name, one in said.items()} == {
        "enumerated": "events:101",
        "bound": "events:102",
        "child": "events:102",
        "node": "events:103",
    }
    assert said["node"] is not None
    assert said["node"].value == f"KERNEL add {VDB}"


def test_what_was_there_is_no_insertion_and_goes_all_the_same():
    disk = NodeFact("block", "vdb", "/dev/vdb", VDB)
    guest = Guest(FunctionFact("0000:01:00.0", DISK, "010000", "1af4:1042", "virtio-pci", "1", (disk,)))
    guest.remove_disk(50.0)
    (removed,) = guest.close().passages
    assert (removed.action, removed.ids, removed.driver) == ("remove", "1af4:1042", "virtio-pci")


def test_a_removal_in_mid_insertion():
    guest = Guest()
    guest.kernel(10.0, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
    guest.kernel(10.4, "remove", DISK)
    added, removed = guest.close().passages
    assert (added.outcome, removed.outcome) == ("removed", "removed")
    assert added.reason is not None
    assert "before it was ready" in added.reason


def test_one_that_stalls_says_at_what():
    guest = Guest()
    guest.kernel(10.0, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
    guest.kernel(60.0, "add", HBA, PCI_CLASS="50000", PCI_ID="1AF4:1110")
    stalled = guest.close().passages[0]
    assert (stalled.outcome, stalled.reason) == ("stalled", "no driver bound")


def test_one_that_comes_late_keeps_the_reason():
    guest = Guest()
    guest.kernel(10.0, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
    guest.kernel(40.0, "bind", DISK, DRIVER="virtio-pci")
    guest.kernel(40.1, "add", VIRTIO, "virtio")
    guest.kernel(40.2, "add", VDB, "block", DEVNAME="vdb", DEVTYPE="disk")
    (late,) = guest.close().passages
    assert (late.outcome, late.reason) == ("ready", "was overdue: no driver bound")


def test_one_that_the_log_condemns_has_failed():
    guest = Guest()
    guest.kernel(10.0, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
    guest.log(10.1, "virtio-pci: probe of 0000:01:00.0 failed with error -5")
    guest.kernel(60.0, "add", HBA, PCI_CLASS="50000", PCI_ID="1AF4:1110")
    failed = guest.close().passages[0]
    assert failed.outcome == "failed"
    assert failed.reason is not None
    assert "error -5" in failed.reason


def test_a_record_that_ends_too_soon_does_not_judge():
    guest = Guest()
    guest.kernel(10.0, "add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1042")
    (cut,) = guest.close().passages
    assert (cut.outcome, cut.reason) == (None, None)
    assert "ends before" in cut.unknown["outcome"]


def button(at: float, guest: Guest, action: str) -> None:
    guest.log(at, "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed")
    colon = ":" if action == "off" else ""
    guest.log(at, f"pcieport 0000:00:02.0: pciehp: Slot(1){colon} Powering {action} due to button press")


def test_asked_to_go_and_still_there():
    guest = Guest()
    guest.add_disk(10.0)
    button(20.0, guest, "off")
    asked = guest.close().passages[1]
    assert brief(asked)[:2] == ("remove", "stalled")
    assert [stage.name for stage in asked.stages] == ["announced"]


def test_asked_to_go_and_asked_to_stay():
    guest = Guest()
    guest.add_disk(10.0)
    button(20.0, guest, "off")
    guest.log(22.0, "pcieport 0000:00:02.0: pciehp: Slot(1): Button cancel")
    guest.remove_disk(90.0)
    _, canceled, removed = guest.close().passages
    assert (canceled.outcome, canceled.reason) == ("stalled", "canceled: the button was pressed again")
    assert (removed.outcome, removed.first) == ("removed", 90.0)


def test_an_announcement_that_nothing_comes_of_has_no_address():
    guest = Guest()
    button(20.0, guest, "on")
    guest.kernel(60.0, "add", HBA, PCI_CLASS="50000", PCI_ID="1AF4:1110")
    nobody = guest.close().passages[0]
    assert (nobody.address, nobody.slot, nobody.action, nobody.outcome) == (None, "1", "add", "stalled")
    assert [(stage.name, stage.at) for stage in nobody.stages] == [("announced", 20.0)]


def test_a_disk_that_goes_long_before_its_host_is_no_part_of_that():
    guest = Guest()
    guest.kernel(10.0, "add", HBA, PCI_CLASS="10000", PCI_ID="1000:0012")
    guest.kernel(10.1, "add", f"{HBA}/host2", "scsi")
    guest.kernel(10.1, "add", f"{HBA}/host2/scsi_host/host2", "scsi_host")
    guest.kernel(10.2, "bind", HBA, DRIVER="sym53c8xx")
    disk = f"{HBA}/host2/target2:0:0/2:0:0:0/block/sdb"
    guest.kernel(10.3, "add", disk, "block", DEVNAME="sdb", DEVTYPE="disk")
    guest.kernel(40.0, "remove", disk, "block", DEVNAME="sdb", DEVTYPE="disk")
    guest.kernel(50.0, "remove", f"{HBA}/host2/scsi_host/host2", "scsi_host")
    guest.kernel(50.1, "unbind", HBA)
    guest.kernel(50.2, "remove", HBA)
    alone, removed = guest.close().passages[1:]
    assert brief(alone) == ("remove", "removed", "sdb: behind a function that stays", {"node": 0.0})
    assert (alone.first, alone.address, alone.nodes) == (40.0, "0000:00:05.0", ("sdb",))
    assert (removed.first, removed.nodes) == (50.0, ("host2",))


ADAPTER = FunctionFact("0000:00:05.0", HBA, "010000", "1000:0012", "sym53c8xx", "5")
SDB = f"{HBA}/host2/target2:0:1/2:0:1:0/block/sdb"


def test_a_disk_behind_a_controller_that_was_there():
    guest = Guest(ADAPTER)
    guest.fold._state.udev = True
    guest.kernel(10.0, "add", SDB, "block", DEVNAME="sdb", DEVTYPE="disk")
    guest.kernel(10.1, "add", f"{SDB}/sdb1", "block", DEVNAME="sdb1", DEVTYPE="partition")
    guest.udev(10.5, "add", SDB)
    guest.kernel(30.0, "remove", f"{SDB}/sdb1", "block", DEVNAME="sdb1", DEVTYPE="partition")
    guest.kernel(30.1, "remove", SDB, "block", DEVNAME="sdb", DEVTYPE="disk")
    added, removed = guest.close().passages
    assert brief(added) == ("add", "ready", "sdb: behind a function that was there", {"node": 0.0, "udev": 500.0})
    assert brief(removed) == ("remove", "removed", "sdb: behind a function that stays", {"node": 100.0})
    assert added.nodes == ("sdb", "sdb1")
    assert {(one.address, one.driver) for one in (added, removed)} == {("0000:00:05.0", "sym53c8xx")}


def test_a_disk_behind_it_that_is_pulled_before_udev_is_done():
    guest = Guest(ADAPTER)
    guest.fold._state.udev = True
    guest.kernel(10.0, "add", SDB, "block", DEVNAME="sdb", DEVTYPE="disk")
    guest.kernel(10.1, "remove", SDB, "block", DEVNAME="sdb", DEVTYPE="disk")
    guest.kernel(80.0, "add", SDB, "block", DEVNAME="sdb", DEVTYPE="disk")
    first, removed, last = guest.close().passages
    assert (first.outcome, first.reason) == ("removed", "sdb: gone before udev was done with it")
    assert removed.action == "remove"
    assert last.outcome is None and "ends before" in last.unknown["outcome"]


def test_partitions_that_are_read_anew_are_no_device():
    guest = Guest(ADAPTER._replace(nodes=(NodeFact("block", "sdb", "/dev/sdb", SDB),)))
    for at in (10.0, 100.0):
        guest.kernel(at, "add", f"{SDB}/sdb1", "block", DEVNAME="sdb1", DEVTYPE="partition")
        guest.kernel(at + 1, "remove", f"{SDB}/sdb1", "block", DEVNAME="sdb1", DEVTYPE="partition")
    assert guest.close().passages == ()


def test_numbers_count_what_is_no_longer_told_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timeline, "PASSAGES_KEPT", 3)
    guest = Guest()
    for round_ in range(4):
        guest.add_disk(10.0 + 20 * round_)
        guest.remove_disk(20.0 + 20 * round_)
    found = guest.close()
    assert len(found.passages) == 3
    assert {(one.action, one.stage): one.devices for one in found.spreads}["add", "node"] == 4
    assert found.notes == ("5 more insertions and removals are counted in the numbers alone",)


# --- a log alone ------------------------------------------------------------------------------------------------------

BOOT = (
    (0.0, "Linux version 6.1.0 (builder)"),
    (0.3, "PCI host bridge to bus 0000:00"),
    (0.4, "pci 0000:00:02.0: [1b36:000c] type 01 class 0x060400"),
    (0.5, "pci 0000:00:02.0: PCI bridge to [bus 01]"),
    (0.6, "pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000"),
    (2.0, "Run /init as init process"),
    (2.5, "virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)"),
    (2.6, "virtio_blk virtio0: [vda] 65536 512-byte logical blocks (33.6 MB/32.0 MiB)"),
)
ARRIVAL = (
    (30.0, "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed"),
    (30.0, "pcieport 0000:00:02.0: pciehp: Slot(1) Powering on due to button press"),
    (30.1, "pci 0000:01:00.0: [1af4:1042] type 00 class 0x010000"),
    (30.2, "virtio-pci 0000:01:00.0: enabling device (0000 -> 0002)"),
    (30.3, "virtio_blk virtio1: [vdb] 65536 512-byte logical blocks (33.6 MB/32.0 MiB)"),
)


def of_log(*lines: tuple[float, str]) -> tuple[Passage, ...]:
    guest = Guest(by_log=True)
    for at, text in lines:
        guest.log(at, text)
    return guest.close().passages


def test_the_devices_of_the_boot_are_no_insertions():
    assert of_log(*BOOT) == ()


def test_a_log_ties_slot_function_and_disk_together():
    (one,) = of_log(*BOOT, *ARRIVAL)
    assert (one.address, one.slot, one.nodes, one.outcome) == ("0000:01:00.0", "1", ("vdb",), "ready")
    assert {stage.name: stage.at for stage in one.stages} == {
        "announced": 30.0,
        "enumerated": 30.1,
        "enabled": 30.2,
        "bound": 30.2,
        "child": 30.3,
        "node": 30.3,
    }


def test_a_log_that_says_no_more_does_not_judge():
    (one,) = of_log(*BOOT, *ARRIVAL[:4])
    assert one.outcome is None
    assert one.unknown == {"outcome": "the kernel log says no more of it"}


def test_a_log_that_says_what_failed_does():
    failure = "virtio_blk: probe of 0000:01:00.0 failed with error -12"
    (one,) = of_log(*BOOT, *ARRIVAL[:4], (30.4, failure))
    assert one.outcome == "failed"


def test_a_log_does_not_say_that_a_function_went():
    asked = (60.0, "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press")
    _, one = of_log(*BOOT, *ARRIVAL, asked)
    assert (one.action, one.address, one.outcome) == ("remove", "0000:01:00.0", None)
    assert one.unknown == {"outcome": "a kernel log does not say that a function has gone"}


def test_what_comes_anew_must_have_gone():
    asked = (60.0, "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press")
    again = tuple((at + 60, text) for at, text in ARRIVAL)
    first, removed, second = of_log(*BOOT, *ARRIVAL, asked, *again)
    assert (first.action, removed.action, second.action) == ("add", "remove", "add")
    assert (removed.outcome, removed.reason) == ("removed", "something came anew at its address")
    assert second.first == 90.0
    assert second.nodes == ("vdb",)


def test_another_kind_at_the_same_address_leaves_the_first_as_it_was():
    """acpiphp says nothing of a removal."""
    first = (30.1, "pci 0000:01:00.0: [8086:100e] type 00 class 0x020000")
    second = (60.1, "pci 0000:01:00.0: [1af4:1042] type 00 class 0x010000")
    found = of_log(*BOOT, first, (30.2, "e1000 0000:01:00.0: enabling device (0000 -> 0002)"), second)
    assert [(one.ids, one.driver, one.first) for one in found] == [
        ("8086:100e", "e1000", 30.1),
        ("1af4:1042", None, 60.1),
    ]


def test_two_boots_in_one_log_have_nothing_to_do_with_each_other():
    found = of_log(*BOOT, *ARRIVAL, *BOOT, *ARRIVAL)
    assert [(one.first, one.outcome) for one in found] == [(30.0, "ready"), (30.0, "ready")]


def test_a_card_that_is_pulled_later_had_come():
    pulled = ((60.0, "pcieport 0000:00:02.0: pciehp: Slot(1): Link Down"),
              (60.1, "pcieport 0000:00:02.0: pciehp: Slot(1): Card not present"))  # fmt: skip
    (one,) = of_log(*BOOT, *ARRIVAL, *pulled)
    assert (one.address, one.outcome) == ("0000:01:00.0", "ready")


def with_gap(*before: tuple[float, str], after: tuple[tuple[float, str], ...], rebooted: bool = False):
    guest = Guest(by_log=True)
    for at, text in before:
        guest.log(at, text)
    guest.fold.gap(rebooted=rebooted, booting=None)
    for at, text in after:
        guest.log(at, text)
    return guest.close().passages


def later(lines: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    return tuple((at + 600, text) for at, text in lines)


def test_where_lines_are_left_out_nothing_is_claimed_of_what_was_under_way():
    pressed = (40.0, "pcieport 0000:00:03.0: pciehp: Slot(2): Attention button pressed")
    first, second = with_gap(*BOOT, *ARRIVAL[:4], pressed, after=later(ARRIVAL))
    assert first.outcome is None
    assert first.unknown == {"outcome": "the lines of the kernel log that follow were not read"}
    assert (second.address, second.slot, second.outcome) == ("0000:01:00.0", "1", "ready")


def test_after_lines_that_are_left_out_the_functions_of_the_boot_are_known():
    spoken = (600.0, "virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)")
    assert with_gap(*BOOT, after=(spoken,)) == ()
    (one,) = with_gap(*BOOT, after=(spoken,), rebooted=True)
    assert one.address == "0000:00:04.0"


def test_a_gap_in_the_boot_does_not_end_it():
    found = (600.0, "pci 0000:00:05.0: [1af4:1001] type 00 class 0x010000")
    assert with_gap(*BOOT[:3], after=(found,)) == ()


def test_functions_of_an_endless_log_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timeline, "_FUNCTIONS_KEPT", 4)
    lines = [(10.0 + n, f"pci 0000:00:{n:02x}.0: [1af4:1042] type 00 class 0x010000") for n in range(10)]
    guest = Guest(by_log=True)
    for at, text in lines:
        guest.log(at, text)
        assert len(guest.fold._state.functions) <= 4
    assert len(guest.close().passages) == 10
