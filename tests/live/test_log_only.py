"""Whose lines those of a log are that name no function."""

from __future__ import annotations

import pytest

from hotplugctl.live.reducer import start
from hotplugctl.live.timeline import Fold
from hotplugctl.model.live import Sign
from hotplugctl.parse import dmesg, kernel_events

BLK = "[1af4:1042] type 00 class 0x010000"
NET = "[1af4:1041] type 00 class 0x020000"
SIZE = "65536 512-byte logical blocks"


def nodes(*messages: str) -> dict[str, tuple[str, ...]]:
    """Messages a tenth of a second apart; function → nodes of its last insertion."""
    lines = (f"[{100 + number / 10:12.6f}] {message}\n" for number, message in enumerate(messages))
    fold = Fold(start(by_log=True))
    for line in dmesg.iter_lines(lines, kernel_events.event_of):
        assert line.at is not None
        fold.take(Sign(line.at, line.at, line), "log")
    return {one.address or "": one.nodes for one in fold.close((), ()).passages if one.action == "add"}


def test_virtio_devices_are_numbered_in_the_order_in_which_they_were_enabled():
    assert nodes(
        f"pci 0000:00:04.0: {BLK}",
        f"pci 0000:00:05.0: {BLK}",
        f"pci 0000:00:06.0: {NET}",
        "virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)",
        "virtio-pci 0000:00:05.0: enabling device (0000 -> 0003)",
        "virtio-pci 0000:00:06.0: enabling device (0000 -> 0003)",
        "virtio_net virtio7 ens6: renamed from eth0",
        f"virtio_blk virtio6: [vdc] {SIZE}",
        f"virtio_blk virtio5: [vdb] {SIZE}",
    ) == {"0000:00:04.0": ("vdb",), "0000:00:05.0": ("vdc",), "0000:00:06.0": ("ens6",)}


def test_a_number_that_is_given_out_again_is_another_device():
    assert nodes(
        f"pci 0000:00:04.0: {BLK}",
        f"virtio_blk virtio1: [vdb] {SIZE}",
        f"pci 0000:00:05.0: {NET}",
        "virtio_net virtio1 ens5: renamed from eth0",
        f"pci 0000:00:06.0: {BLK}",
        f"virtio_blk virtio1: [vdb] {SIZE}",
    ) == {"0000:00:04.0": ("vdb",), "0000:00:05.0": ("ens5",), "0000:00:06.0": ("vdb",)}


def test_an_interface_that_is_renamed_twice_is_one():
    assert nodes(
        f"pci 0000:00:05.0: {NET}",
        "virtio_net virtio1 ens5: renamed from eth0",
        f"pci 0000:00:06.0: {NET}",
        "virtio_net virtio1 lan0: renamed from ens5",
    ) == {"0000:00:05.0": ("lan0",), "0000:00:06.0": ()}


def test_a_disk_of_a_virtio_adapter_and_one_of_another():
    assert nodes(
        "pci 0000:00:04.0: [1af4:1048] type 00 class 0x010000",
        "pci 0000:00:05.0: [1000:0012] type 00 class 0x010000",
        "sym0: <895a> rev 0x0 at pci 0000:00:05.0 irq 10",
        "scsi host3: sym-2.2.3",
        "scsi host2: Virtio SCSI HBA",
        f"sd 2:0:0:0: [sdb] {SIZE}",
        f"sd 3:0:0:0: [sdc] {SIZE}",
    ) == {"0000:00:04.0": ("sdb",), "0000:00:05.0": ("sdc",)}


def test_an_nvme_disk_is_known_by_its_partitions():
    assert nodes(
        "pci 0000:02:00.0: [1b36:0010] type 00 class 0x010802",
        "nvme nvme3: pci function 0000:02:00.0",
        " nvme3n1: p1 p2",
    ) == {"0000:02:00.0": ("nvme3n1",)}


@pytest.mark.parametrize(
    "message",
    [
        "sym53c8xx 0000:00:04.0: PCI INT A -> Link[LNKD] -> GSI 10 (level, high) -> IRQ 10",
        "sym0: <895a> rev 0x0 at pci 0000:00:04.0 irq 10",
        "sym53c8xx 0000:00:04.0: enabling device (0000 -> 0003)",
        "pci 0000:00:04.0: reg 10: [io  0x0000-0x00ff]",
    ],
)
def test_old_kernels_name_no_ids_of_an_arrival(message):
    assert nodes(message) == {"0000:00:04.0": ()}


@pytest.mark.parametrize(
    "message",
    [
        "e1000 0000:00:04.0 ens4: NIC Link is Up 1000 Mbps Full Duplex",
        "pcieport 0000:00:1c.0: AER: Corrected error received: 0000:00:1c.0",
        "pcieport 0000:00:02.0: bridge window [mem 0xfe000000-0xfe1fffff]",
        f"virtio_blk virtio9: [vdx] {SIZE}",
        f"sd 9:0:0:0: [sdx] {SIZE}",
        "0000:00:04.0",
    ],
)
def test_a_line_about_a_device_that_is_there_is_no_arrival(message):
    assert nodes(message) == {}
