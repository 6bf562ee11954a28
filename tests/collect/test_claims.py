"""Disks that a file system has besides the one that it is mounted by. Made by hand: no guest of the lab has them."""

from __future__ import annotations

import pytest

from hotplugctl.collect import claims

UUID = "5c1d70de-0000-4000-8000-000000000000"
MAP = """Address Layout   : 4096B Block address (# of Segments)
 SB            :      0/1024B

Disk Map for multi devices:
Disk: 0 (zoned=0): 0x0000000000 - 0x000000ffff on /dev/vdb
Disk: 1 (zoned=0): 0x0000010000 - 0x000001ffff on {}
"""


@pytest.fixture
def f2fs(guest):
    guest.file("sys/fs/f2fs/vdb/moved_blocks_foreground", "0\n")
    guest.file("sys/fs/f2fs/features/encryption", "supported\n")
    return guest


def test_further_disks_of_f2fs(f2fs):
    f2fs.file("proc/fs/f2fs/vdb/disk_map", MAP.format("/dev/vdc"))
    found = claims.collect(f2fs.tree())
    assert (found.systems["vdb"], found.systems["vdc"], found.unseen) == ("f2fs", "f2fs", {})


def test_a_kernel_that_tells_none_of_them_is_no_reason_to_say_that_there_are_none(f2fs):
    f2fs.file("proc/fs/f2fs/vdb/segment_info", "")
    assert set(claims.collect(f2fs.tree()).unseen) == {"f2fs"}
    f2fs.file("proc/fs/f2fs/vdb/disk_map", MAP.format("/dev/disk/by-id/x"))
    assert set(claims.collect(f2fs.tree()).unseen) == {"f2fs"}


def test_without_f2fs_nothing_is_missing(guest):
    guest.file("sys/fs/f2fs/features/encryption", "supported\n")
    assert claims.collect(guest.tree()).unseen == {}


def test_disks_of_bcachefs(guest):
    for number, name in enumerate(("vdb", "vdc")):
        link = f"../../../../devices/pci0000:00/0000:00:04.0/virtio1/block/{name}"
        guest.link(f"sys/fs/bcachefs/{UUID}/dev-{number}/block", link)
    assert claims.collect(guest.tree()).systems == {"vdb": f"bcachefs {UUID}", "vdc": f"bcachefs {UUID}"}


def test_where_nobody_looked_for_journals_they_count_with_ext4_alone(guest):
    guest.file("sys/fs/xfs/vda/error/x", "")
    assert claims.collect(guest.tree()).unseen == {}
    guest.file("sys/fs/ext4/vda/errors_count", "0\n")
    assert set(claims.collect(guest.tree()).unseen) == {"journals"}
    guest.file("proc/fs/jbd2/vdc/info", "")
    found = claims.collect(guest.tree())
    assert (found.unseen, found.systems["vdc"]) == ({}, "journal")
