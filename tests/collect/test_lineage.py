"""Who uses what a function made: mounts, swap, holders, addresses, and udev's word on it."""

from __future__ import annotations

import pytest

from hotplugctl.collect import functions, lineage, nodes
from hotplugctl.model.devices import Node

DISK = "0000:00:03.0"
CARD = "0000:00:04.0"
TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 10.0.2.0/24 2 0 2
        |-- 10.0.2.15
           /32 host LOCAL
        |-- 10.9.9.9
           /32 host LOCAL
"""
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
ens4\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
ens4\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


@pytest.fixture
def busy(pc):
    """syn-busy: a virtio disk with a partition, mounted, and a network card with addresses."""
    path = pc.function(DISK, "1af4", "1001", "010000", driver="virtio-pci")
    pc.link("sys/bus/pci/drivers/virtio-pci/module", "../../../../module/virtio_pci")
    disk = f"{path}/virtio1/block/vdb"
    for where, number in ((disk, "254:16"), (f"{disk}/vdb1", "254:17")):
        pc.file(f"{where}/dev", number + "\n")
        pc.file(f"{where}/size", "2048\n")
        pc.link(f"sys/class/block/{where.rpartition('/')[2]}", f"../../{where[4:]}")
    card = pc.function(CARD, "8086", "100e", "020000", driver="e1000")
    pc.file(f"{card}/net/ens4/ifindex", "3\n")
    pc.file(f"{card}/net/ens4/operstate", "up\n")
    pc.file(f"{card}/net/ens4/address", "52:54:00:12:34:56\n")
    pc.file(f"{card}/net/ens4/carrier", "1\n")
    pc.link("sys/class/net/ens4", f"../../{card[4:]}/net/ens4")
    pc.file("proc/self/mountinfo", "36 25 254:17 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/vdb1 rw\n")
    pc.file("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
    pc.file("proc/net/fib_trie", TRIE)
    pc.file("proc/net/route", ROUTES)
    pc.file("proc/net/if_inet6", "fe800000000000005054000012123456 03 40 20 80     ens4\n")
    pc.file("run/udev/data/b254:16", "S:disk/by-id/x\nI:65731588\nE:ID_FS_TYPE=\n")
    pc.file("run/udev/data/n3", "E:ID_NET_NAME=ens4\n")
    return pc


def near(guest, address):
    tree = guest.tree()
    try:
        found, failure = nodes.collect(tree)
        (function,) = [one for one in functions.collect(tree).items if one.address == address]
        return lineage.collect(tree, function, found.get(address, ()), failure, None)
    finally:
        tree.close()


def test_a_disk_that_is_mounted(busy):
    found = near(busy, DISK)
    assert found.uses == (("vdb1", "mount", "/mnt/a b"),)
    assert found.module == "virtio_pci"
    assert found.done == {"vdb": 65.731588}
    assert found.unknown == {}


def test_swap_and_what_is_built_of_it(busy):
    busy.file("proc/swaps", busy.read("proc/swaps") + b"/dev/vdb1 partition 1048576 0 -2\n/swap file 1024 0 -3\n")
    busy.link("sys/devices/virtual/block/dm-0/slaves/vdb", "../../../../pci0000:00/0000:00:03.0/virtio1/block/vdb")
    busy.folder("sys/devices/virtual/block/loop0/slaves")
    assert set(near(busy, DISK).uses) == {
        ("vdb", "holder", "dm-0"),
        ("vdb1", "mount", "/mnt/a b"),
        ("vdb1", "swap", "/dev/vdb1"),
    }


def test_without_mountinfo_the_table_of_mounts_tells(busy):
    busy.remove("proc/self/mountinfo")
    busy.file("proc/mounts", "/dev/vdb /mnt ext4 rw 0 0\nproc /proc proc rw 0 0\n")
    assert near(busy, DISK).uses == (("vdb", "mount", "/mnt"),)


def test_a_file_system_that_bears_a_number_of_its_own(busy):
    """btrfs: the device number of the mount is no disk's."""
    busy.file("proc/self/mountinfo", "36 25 0:44 / /data rw - btrfs /dev/vdb rw\n")
    assert near(busy, DISK).uses == (("vdb", "mount", "/data"),)


def test_a_file_system_that_was_mounted_by_another_name(busy):
    busy.file(
        "proc/self/mountinfo", "36 25 254:17 / / rw - ext4 /dev/root rw\n37 25 254:99 / /x rw - ext4 /dev/sdz rw\n"
    )
    busy.link("sys/dev/block/254:17", "../../devices/pci0000:00/0000:00:03.0/virtio1/block/vdb/vdb1")
    assert near(busy, DISK).uses == (("vdb1", "mount", "/"),)


def test_an_interface(busy):
    (card,) = near(busy, CARD).interfaces
    assert (card.name, card.operstate, card.carrier, card.mac) == ("ens4", "up", True, "52:54:00:12:34:56")
    # 10.9.9.9 is in no interface's network: whose it is nobody knows.
    assert card.addresses == ("10.0.2.15/24", "fe80::5054:0:1212:3456/64")
    assert near(busy, CARD).done == {"ens4": None}


def test_an_interface_that_is_down_has_no_carrier_to_tell(busy):
    path = f"{busy.paths[CARD]}/net/ens4"
    busy.remove(f"{path}/carrier")
    busy.file(f"{path}/operstate", "down\n")
    (card,) = near(busy, CARD).interfaces
    assert (card.operstate, card.carrier) == ("down", None)
    assert "carrier" in card.unknown


def test_what_cannot_be_read_is_unknown(busy):
    for path in ("proc/self/mountinfo", "proc/mounts", "proc/swaps", "proc/net/fib_trie", "proc/net/if_inet6"):
        busy.remove(path)
    assert set(near(busy, DISK).unknown) == {"mounts", "swap"}
    (card,) = near(busy, CARD).interfaces
    assert card.addresses is None and card.unknown["addresses"]


def test_a_disk_that_was_asked_is_not_asked_again(busy):
    """What the first asking left behind is known: its serial number hung."""
    path = f"{busy.paths[DISK]}/virtio1/block/vdb"
    busy.file(f"{path}/serial", "ASKED TWICE")
    tree = busy.tree()
    hung = Node(
        "block", "vdb", "/dev/vdb", ("virtio1", "block"), f"/{path}", {"serial": None}, {"serial": "hung"}, ("serial",)
    )
    found, failure = nodes.of_function(tree, DISK, {DISK: (hung,)})
    tree.close()
    assert failure is None
    assert [(node.name, node.hung) for node in found] == [("vdb", ("serial",)), ("vdb1", ())]
    assert (found[0].detail["serial"], found[0].detail["size"]) == (None, 2048 * 512)
    assert found[1].detail["partition"] == 1


def test_nothing_is_read_of_mounts_where_there_is_no_disk(busy, monkeypatch):
    from hotplugctl.collect import uses

    monkeypatch.setattr(uses, "_mounts", lambda *_: pytest.fail("no disk, no mounts"))
    assert near(busy, CARD).uses == ()
