"""The grammars of what uses a device: mounts, swap, routes, connections, processes, as kernels write them."""

from __future__ import annotations

from hotplugctl.model.users import Address, Route, Swap
from hotplugctl.parse import exports, mountinfo, process, routes, swaps, tcp

MOUNTINFO = rb"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
36 22 254:17 / /mnt/with\040blank\011tab\012line\134back\043hash rw shared:9 master:2 unbindable - ext4 /dev/vdb1 rw
40 22 0:44 /sub /srv rw - btrfs /dev/vdb rw,space_cache=v2,subvol=/sub
41 22 0:45 / /merged rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c
"""


def test_mountinfo_with_all_that_is_escaped():
    root, odd, subvolume, overlay = mountinfo.parse(MOUNTINFO)
    assert (root.id, root.parent, root.number, root.point, root.peers) == (22, 1, "254:0", "/", ("shared:1",))
    assert odd.point == "/mnt/with blank\ttab\nline\\back#hash"
    assert odd.peers == ("shared:9", "master:2", "unbindable")
    assert (subvolume.root, subvolume.type, subvolume.source) == ("/sub", "btrfs", "/dev/vdb")
    assert (overlay.peers, overlay.options) == ((), "rw,lowerdir=/a:/b,upperdir=/c")


def test_mountinfo_of_bytes_that_are_no_text():
    data = b"36 22 254:17 / /mnt/\xff\\303\\274 rw - ext4 /dev/vdb1 rw\n"
    assert mountinfo.parse(data)[0].point == "/mnt/\udcff\xc3\xbc"
    assert mountinfo.parse(data.replace(b"\xff", b""))[0].point == "/mnt/\xfc"


def test_mountinfo_of_some_devices_alone():
    assert [mount.id for mount in mountinfo.parse(MOUNTINFO, (b" 254:17 ", b" 0:44 "))] == [36, 40]
    assert mountinfo.parse(MOUNTINFO, ()) == ()


def test_what_is_no_line_of_mountinfo_is_passed_over():
    for line in (
        b"",
        b"a b c",
        b"1 2 x / / rw - t s o",
        b"1 2 3:4 / / rw ext4 s o",
        b"x 2 3:4 / / rw - t s o",
        b"\0" * 40,
    ):
        assert mountinfo.parse(line) == ()


def test_proc_mounts_has_no_numbers():
    found = mountinfo.parse_mounts(b"/dev/vdb1 /mnt/a\\040b ext4 rw,relatime 0 0\nshort line\n")
    assert [(mount.source, mount.point, mount.type, mount.number) for mount in found] == [
        ("/dev/vdb1", "/mnt/a b", "ext4", None)
    ]


def test_swaps_and_one_whose_disk_is_gone():
    text = (
        b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        b"/dev/vdb\\040(deleted)                    partition\t65532\t\t0\t\t-2\n"
        b"/srv/a\\040b                               file\t\t8188\t\t12\t\t-3\n"
    )
    assert swaps.parse(text) == (Swap("/dev/vdb", "partition", True), Swap("/srv/a b", "file", False))
    assert swaps.parse(b"") == ()


ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
ens3\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
ens3\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t0009000A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0
down\t0009000A\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_routes_of_ipv4_without_what_rejects():
    assert routes.ipv4(ROUTE) == (
        Route(4, "0.0.0.0/0", "10.0.2.2", "ens3", 100),
        Route(4, "10.0.2.0/24", None, "ens3", 0),
    )


def test_routes_of_ipv6_without_local_ones_and_multicast():
    none, own = "0" * 32, "fd" + "0" * 29
    rows = (
        (none, "00", f"{own}1", "00000400", "00000003", "ens3"),
        (f"{own}0", "40", none, "00000100", "00000001", "ens3"),
        (f"{own}2", "80", none, "00000000", "80200001", "ens3"),
        ("ff" + "0" * 30, "08", none, "00000100", "00000001", "ens3"),
        (none, "00", none, "ffffffff", "00200200", "lo"),
    )
    text = "".join(
        f"{to} {bits} {none} 00 {via} {metric} 1 0 {flags} {dev}\n" for to, bits, via, metric, flags, dev in rows
    )
    assert routes.ipv6(text) == (
        Route(6, "::/0", "fd00::1", "ens3", 1024),
        Route(6, "fd00::/64", None, "ens3", 256),
    )


TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 10.0.2.0
        /24 link UNICAST
     |-- 10.0.2.15
        /32 host LOCAL
     |-- 10.0.2.255
        /32 link BROADCAST
Local:
     |-- 10.0.2.15
        /32 host LOCAL
     |-- 192.0.2.9
        /32 host LOCAL
"""


def test_addresses_of_ipv4_are_told_by_their_networks():
    own = routes.local_ipv4(TRIE)
    assert own == ("10.0.2.15", "192.0.2.9")
    twin = Route(4, "10.0.2.0/24", None, "ens4", 0)
    wide = Route(4, "10.0.0.0/8", None, "ens5", 0)
    found = routes.placed(own, (*routes.ipv4(ROUTE), twin, wide))
    assert found == (Address(4, "10.0.2.15", 24, ("ens3", "ens4")), Address(4, "192.0.2.9", 32, ()))


def test_tables_of_ipv4_other_than_main():
    assert routes.other_tables(TRIE) == ()
    assert routes.other_tables(f"Main:\n  +-- 0.0.0.0/0\nId 100:\n{TRIE}Id 4294967295:\nId 100:\n Id 7:\n") == (
        "100",
        "4294967295",
    )


def test_addresses_of_ipv6():
    text = (
        "fe80000000000000505400fffe123456 02 40 20 80     ens3\nfd000000000000000000000000000002 02 40 00 82     ens3\n"
    )
    first, second = routes.local_ipv6(text)
    assert (first.link_local, second) == (True, ("ens3", "fd00::2", 64, False))


def test_established_connections_alone():
    text = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0 100 0 0 10 0
   1: 0F02000A:0016 0902000A:D431 01 00000000:00000000 02:000A 00000000     0        0 1002 2 0 20 4 30 10 -1
   2: 0000000000000000FFFF00000F02000A:0016 0000000000000000FFFF00000902000A:D432 01 0:0 0:0 0 0 0 1003 1
"""
    found = tcp.parse(text)
    assert [(one.local, one.local_port, one.remote, one.inode) for one in found] == [
        ("10.0.2.15", 22, "10.0.2.9", "1002"),
        ("10.0.2.15", 22, "10.0.2.9", "1003"),
    ]


def test_the_parent_of_a_process_whatever_it_is_called():
    assert process.parent("7 (sshd: a) R 1 (x) S 3 7 7") == 3
    assert process.parent("7 (bash) S 12 7 7 0") == 12
    assert process.parent("") is None and process.parent("7 (x") is None


def test_the_service_of_a_process():
    assert process.unit("0::/system.slice/nginx.service\n") == "nginx.service"
    assert process.unit("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n") == "cron.service"
    assert process.unit("0::/user.slice/user-0.slice/session-3.scope\n") is None
    assert process.unit("0::/user.slice/user-0.slice/user@0.service/app.slice/tracker.service\n") == "tracker.service"
    assert process.unit("0::/user.slice/user-0.slice/user@0.service/init.scope\n") is None
    assert process.unit("") is None


def test_what_a_process_has_mapped_of_a_device():
    maps = (
        b"55d0-55d1 r-xp 00000000 fe:10 12                         /mnt/hot/na ps\n"
        b"7f00-7f01 r--p 00000000 fe:00 34                         /usr/lib/libc.so.6\n"
        b"7f02-7f03 rw-p 00000000 00:00 0 \n"
        b"7ffc-7ffd rw-p 00000000 00:00 0                          [stack]\n"
    )
    assert process.mapped(maps, frozenset({process.device_mark("254:16")})) == ("/mnt/hot/na ps",)
    assert process.mapped(maps, frozenset({process.device_mark("254:17")})) == ()
    assert process.device_mark("259:300") == b" 103:12c "


def test_exports_of_nfs():
    text = b"# Version 1.1\n# Path Client(Flags) # IPs\n/srv/a\\040b\t192.0.2.0/24(rw,root_squash)\n"
    assert exports.parse(text) == (("/srv/a b", "192.0.2.0/24"),)
