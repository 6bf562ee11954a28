"""Mounts and swap that outlive their disk: the lines are those of the lab's guests and of public machines."""

from __future__ import annotations

import pytest

ROOT = "24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"
HOT = "69 24 254:17 / /mnt/hot rw,relatime shared:32 - ext4 /dev/vdb1 rw"
OF_LVM = "69 24 253:0 / /mnt/hot rw,relatime shared:32 - ext4 /dev/mapper/hot-data rw"
SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.fixture
def disks(pc):
    """syn-: the disk of the root; /sys/dev/block says which numbers there are."""
    pc.folder("sys/dev/block")
    disk(pc, "vda", "254:0")
    return pc


def disk(guest, name, number, virtual=False):
    above = "virtual" if virtual else "pci0000:00/0000:00:09.0/virtio9"
    path = f"sys/devices/{above}/block/{name}"
    guest.file(f"{path}/dev", f"{number}\n")
    guest.link(f"sys/class/block/{name}", f"../../devices/{path[12:]}")
    guest.link(f"sys/dev/block/{number}", f"../../devices/{path[12:]}")
    return path


def mounted(guest, *lines):
    guest.file("proc/self/mountinfo", "".join(f"{line}\n" for line in (ROOT, *lines)))


# --- a mount ----------------------------------------------------------------------------------------------------------


def test_the_disk_of_a_mount_has_gone(disks):
    mounted(disks, HOT)
    said = disks.check()
    finding = said.fires("node.gone-in-use", "error")
    assert (finding.subject, finding.side, finding.remedy) == ("vdb1", "guest", "umount -l /mnt/hot")
    assert [one.source for one in finding.evidence] == ["/proc/self/mountinfo", "/sys/dev/block/254:17"]
    assert said.verdict == "limited"


def test_another_disk_has_its_name_by_now(disks):
    """And another number: the old one is held."""
    mounted(disks, HOT)
    disk(disks, "vdb1", "254:33")
    disks.check().fires("node.gone-in-use")


def test_all_its_places_are_unmounted_at_once(disks):
    mounted(disks, HOT, "70 69 254:17 /a /srv/it\\040is rw - ext4 /dev/vdb1 rw")
    assert disks.check().fires("node.gone-in-use").remedy == "umount -l '/srv/it is' /mnt/hot"


def test_what_cannot_be_typed_is_no_remedy(disks):
    mounted(disks, "69 24 254:17 / /mnt/\\033[2J rw - ext4 /dev/vdb1 rw")
    assert not disks.check().fires("node.gone-in-use").remedy


def test_the_disk_of_the_root_is_not_unmounted(disks):
    disks.remove("sys/class/block/vda")
    disks.remove("sys/dev/block/254:0")
    disk(disks, "loop0", "7:0", virtual=True)
    mounted(disks)
    finding = disks.check().fires("node.gone-in-use")
    assert (finding.subject, finding.remedy) == ("vda", None)
    assert "reboot" in finding.detail


def test_it_is_no_reason_why_nothing_is_served(disks):
    disks.remove("sys/bus/pci/slots")
    disks.folder("sys/bus/pci/slots")
    mounted(disks, HOT)
    said = disks.check()
    said.fires("node.gone-in-use")
    assert said.verdict == "not-ready" and "vdb1" not in said.why


def test_the_disk_below_a_logical_volume_has_gone(disks):
    path = disk(disks, "dm-0", "253:0", virtual=True)
    disks.folder(f"{path}/slaves")
    mounted(disks, OF_LVM)
    finding = disks.check().fires("node.gone-in-use")
    assert (finding.subject, finding.evidence[1].value) == ("dm-0", "empty")


def test_a_link_to_the_disk_that_went_may_be_left(disks):
    """As seen on 6.1."""
    path = disk(disks, "dm-0", "253:0", virtual=True)
    disks.link(f"{path}/slaves/vdb", "../../../../pci0000:00/0000:00:02.0/virtio1/block/vdb")
    mounted(disks, OF_LVM)
    assert disks.check().fires("node.gone-in-use").evidence[1].value == "vdb"


def test_a_volume_in_a_volume(disks):
    above, below = disk(disks, "dm-1", "253:0", virtual=True), disk(disks, "dm-0", "253:1", virtual=True)
    disks.link(f"{above}/slaves/dm-0", "../../dm-0")
    disks.folder(f"{below}/slaves")
    mounted(disks, OF_LVM)
    assert disks.check().fires("node.gone-in-use").evidence[1].source.endswith("dm-0/slaves")


@pytest.mark.parametrize(
    "line",
    [
        "69 24 0:45 / /data rw - btrfs /dev/vdb rw",
        "69 24 0:46 / /data rw - nfs4 10.0.2.2:/export rw",
        "69 24 0:47 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw,lowerdir=/a",
        "69 24 0:48 / /mnt/x rw - fuse.sshfs user@host:/ rw",
        "69 24 0:49 / /tank rw - zfs tank rw",
        "69 24 0:50 / /tmp rw - tmpfs tmpfs rw",
        "69 24 31:3 / /overlay rw - jffs2 /dev/mtdblock3 rw",
        "69 24 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro",
        "69 24 254:0 / /again rw - ext4 /dev/root rw",
        "69 24 254:0 /srv /bound rw - ext4 /dev/disk/by-label/root rw",
        "69 24 253:0 / /mnt/hot rw - ext4 /dev/mapper/hot-data rw",
        "69 24 9:0 / /mnt/hot rw - ext4 /dev/md0 rw",
        "69 24 254:17 / /mnt/hot",
        "nonsense",
        "a b 9999999999:99999999999999999999 / /x rw - ext4",
    ],
)
def test_what_is_mounted_of_something_else(disks, line):
    disk(disks, "loop0", "7:0", virtual=True)
    volume, raid = disk(disks, "dm-0", "253:0", virtual=True), disk(disks, "md0", "9:0", virtual=True)
    disks.link(f"{volume}/slaves/vda", "../../vda")
    disks.folder(f"{raid}/slaves")
    mounted(disks, line)
    disks.check().silent("node.gone-in-use")


def test_a_volume_that_has_lost_one_of_two_disks_may_go_on(disks):
    """A mirror does."""
    path = disk(disks, "dm-0", "253:0", virtual=True)
    disks.link(f"{path}/slaves/vda", "../../vda")
    disks.link(f"{path}/slaves/vdb", "../../vdb")
    mounted(disks, OF_LVM)
    disks.check().silent("node.gone-in-use")


def test_volumes_that_are_made_of_one_another_end(disks):
    one, other = disk(disks, "dm-0", "253:0", virtual=True), disk(disks, "dm-1", "253:1", virtual=True)
    disks.link(f"{one}/slaves/dm-1", "../../dm-1")
    disks.link(f"{other}/slaves/dm-0", "../../dm-0")
    mounted(disks, OF_LVM)
    disks.check().silent("node.gone-in-use")


def test_where_sys_lists_no_disk_nothing_is_said(disks):
    mounted(disks, HOT)
    disks.remove("sys/class/block")
    disks.check().silent("node.gone-in-use")


def test_a_container_has_the_mounts_of_another(disks):
    disks.file("run/systemd/container", "lxc\n")
    mounted(disks, HOT)
    said = disks.check()
    assert said.verdict == "not-applicable"
    said.silent("node.gone-in-use")


# Recordings that do not hold /sys/dev/block.


def test_the_numbers_of_the_disks_that_are_listed_decide(pc):
    disk(pc, "vda", "254:0")
    pc.remove("sys/dev/block")
    mounted(pc, "69 24 254:0 / /again rw - ext4 /dev/root rw")
    pc.check().silent("node.gone-in-use")
    mounted(pc, "69 24 254:17 / /mnt rw - ext4 /dev/disk/by-label/hot rw")
    pc.check().fires("node.gone-in-use")


def test_without_any_number_a_name_that_could_be_anything_is_not_judged(pc):
    path = disk(pc, "vda", "254:0")
    pc.remove("sys/dev/block")
    pc.remove(f"{path}/dev")
    pc.folder(path)
    mounted(pc, "69 24 253:0 / /mnt rw - ext4 /dev/mapper/hot-data rw")
    assert "/dev" in pc.check().unknown("node.gone-in-use")
    mounted(pc, HOT)
    pc.check().fires("node.gone-in-use")


# --- swap -------------------------------------------------------------------------------------------------------------


def test_the_disk_of_the_swap_has_gone(disks):
    disks.file("proc/swaps", f"{SWAPS}/dev/vdb\\040(deleted)                   partition\t65532\t\t0\t\t-2\n")
    finding = disks.check().fires("node.gone-in-use", "error")
    assert (finding.subject, finding.remedy) == ("vdb", None)
    assert [one.value for one in finding.evidence] == ["/dev/vdb (deleted)", "absent"]


@pytest.mark.parametrize(
    "line",
    [
        "/dev/vda                                partition\t65532\t\t0\t\t-2",
        "/dev/vda\\040(deleted)                   partition\t65532\t\t0\t\t-2",
        "/swapfile\\040(deleted)                  file\t\t65532\t\t0\t\t-2",
        "/dev/mapper/vg-swap                     partition\t65532\t\t0\t\t-2",
        "/dev/zram0                              partition\t65532\t\t0\t\t100",
        "garbage",
    ],
)
def test_swap_that_is_there(disks, line):
    disks.file("proc/swaps", f"{SWAPS}{line}\n")
    disks.check().silent("node.gone-in-use")
