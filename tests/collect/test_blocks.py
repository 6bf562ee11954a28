"""Who holds whom, where no recorded guest has it: btrfs, bcache, NVMe's own multipath, zram. Guests made by hand."""

from __future__ import annotations

import pytest

from hotplugctl.collect import blocks, exports, mounts, users
from hotplugctl.model.users import Export, Member


def disk(guest, name, number="8:0", **files):
    path = f"sys/devices/virtual/block/{name}"
    guest.file(f"{path}/dev", f"{number}\n")
    guest.folder(f"{path}/holders")
    guest.link(f"sys/class/block/{name}", f"../../devices/virtual/block/{name}")
    for key, content in files.items():
        guest.file(f"{path}/{key.replace('__', '/')}", content)
    return path


def collect(guest):
    return blocks.collect(guest.tree())


def test_an_array_and_its_members(guest):
    path = disk(guest, "md0", "9:0", md__level="raid1\n", md__degraded="1\n")
    guest.file(f"{path}/md/dev-vdb/state", "in_sync\n")
    guest.file(f"{path}/md/dev-vdc1/state", "faulty,write_error\n")
    found = collect(guest).items["md0"].md
    assert (found.level, found.degraded) == ("raid1", 1)
    assert found.members == (Member("vdb", "in_sync"), Member("vdc1", "faulty,write_error"))


def test_all_devices_of_a_btrfs(guest):
    uuid = "0a1b2c3d-0000-4000-8000-000000000001"
    for name in ("vdb", "vdc"):
        disk(guest, name)
        guest.link(f"sys/fs/btrfs/{uuid}/devices/{name}", f"../../../../devices/virtual/block/{name}")
    guest.folder("sys/fs/btrfs/features")
    found = collect(guest)
    assert found.btrfs == {uuid: ("vdb", "vdc")}
    assert found.items["vdb"].system == f"btrfs {uuid}"


def test_a_file_system_that_the_kernel_has_open(guest):
    disk(guest, "vdb1")
    guest.folder("sys/fs/ext4/vdb1")
    guest.folder("sys/fs/ext4/features")
    assert collect(guest).items["vdb1"].system == "ext4"


def test_the_cache_of_a_bcache_set_holds_what_it_serves(guest):
    uuid = "0a1b2c3d-0000-4000-8000-000000000002"
    cache, backing = disk(guest, "vdc"), disk(guest, "vdb")
    disk(guest, "bcache0")
    guest.folder(f"{cache}/bcache")
    guest.folder(f"{backing}/bcache")
    guest.link(f"sys/fs/bcache/{uuid}/cache0", "../../../devices/virtual/block/vdc/bcache")
    guest.link(f"sys/fs/bcache/{uuid}/bdev0", "../../../devices/virtual/block/vdb/bcache")
    guest.link(f"{backing}/bcache/dev", "../../bcache0")
    found = collect(guest).items
    assert (found["vdc"].bcache, found["vdc"].holders) == (uuid, ("bcache0",))
    assert found["vdb"].bcache is None


def test_paths_of_nvme_are_held_by_their_disk(guest):
    for name in ("nvme0n1", "nvme0c0n1", "nvme0c1n1", "nvme1n1"):
        disk(guest, name)
    found = collect(guest).items
    assert found["nvme0c0n1"].holders == ("nvme0n1",)
    assert found["nvme0n1"].slaves == ("nvme0c0n1", "nvme0c1n1")
    assert found["nvme1n1"].slaves == ()


@pytest.mark.parametrize("said, backing", [("none\n", None), ("/dev/vdb\n", "/dev/vdb")])
def test_where_zram_writes_to(guest, said, backing):
    disk(guest, "zram0", backing_dev=said)
    assert collect(guest).items["zram0"].backing == backing


def test_a_disk_that_the_scsi_layer_has_given_up(guest):
    disk(guest, "sda", device__state="running\n")
    disk(guest, "sdb", device__state="offline\n")
    found = collect(guest).items
    assert (found["sda"].alive, found["sdb"].alive) == (True, False)


def test_a_member_of_a_pool_is_told_by_udev(guest):
    disk(guest, "vdb", "254:16")
    guest.file("run/udev/data/b254:16", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n")
    disk(guest, "vdc", "254:32")
    guest.file("proc/spl/kstat/zfs/tank/state", "ONLINE\n")
    found = collect(guest)
    assert found.items["vdb"].holds == ("zfs_member", "tank")
    assert found.items["vdc"].holds is None
    assert found.pools == {"tank"}


def test_holders_that_cannot_be_listed_are_unknown_and_not_none(guest):
    path = disk(guest, "vdb")
    guest.remove(f"{path}/holders")
    guest.file(f"{path}/holders", "no folder")
    assert "holders" in collect(guest).items["vdb"].unknown


def test_what_the_kernel_gives_to_others(guest):
    guest.file("sys/kernel/config/target/core/iblock_0/disk0/udev_path", "/dev/vdb\n")
    guest.file("sys/kernel/config/target/core/alua/x", "")
    base = "sys/kernel/config/nvmet/subsystems/nqn/namespaces"
    for number, enabled in (("1", "1\n"), ("2", "0\n")):
        guest.file(f"{base}/{number}/device_path", "/dev/vdc\n")
        guest.file(f"{base}/{number}/enable", enabled)
    guest.file("proc/fs/nfsd/exports", "# Version 1.1\n/srv\t*(ro)\n")
    assert exports.collect(guest.tree()) == (
        Export("lio", "disk0", "/dev/vdb", "/backstores/block"),
        Export("nvmet", "nqn/1", "/dev/vdc", f"/{base}/1/enable"),
        Export("nfs", "*:/srv", "/srv", None),
    )


def test_mounts_of_a_recording_without_mountinfo_have_the_numbers_of_their_disks(guest):
    guest.file("proc/mounts", "/dev/mapper/hot-data /mnt ext4 rw 0 0\n/dev/gone /old ext4 rw 0 0\n")
    found = mounts.own(guest.tree(), {"/dev/mapper/hot-data": "253:0"})
    assert [(mount.point, mount.number) for mount in found.items] == [("/mnt", "253:0"), ("/old", None)]


def test_what_a_tree_does_not_hold_is_told(guest):
    guest.file("proc/cmdline", "quiet\n")
    found = users.collect(guest.tree())
    assert set(found.unseen) == {"blocks", "mounts", "network", "routes"}
    guest.remove("proc/cmdline")
    guest.file("sys/kernel/x", "")
    assert set(users.collect(guest.tree()).unseen) == {"blocks", "mounts", "swaps", "network", "routes", "listeners"}


def test_the_journal_of_a_file_system_on_another_disk(guest):
    disk(guest, "vdb", "254:16")
    disk(guest, "vdc", "254:32")
    # One within its file system is called vdb-8.
    guest.folder("proc/fs/jbd2/vdb-8")
    guest.folder("proc/fs/jbd2/vdc")
    guest.folder("sys/fs/ext4/vdb")
    assert [collect(guest).items[name].system for name in ("vdb", "vdc")] == ["ext4", "journal"]
