"""syn-plants: identities as people, firmware and programs write them; no fixture has these. None may stay."""

from __future__ import annotations

import pytest

from hotplugctl.scrub import scrub

GUID = "0002:c903:00ab:cdef"
# What is told by its place, in one file: path, text, and what must not be in the result.
PLANTED = [
    # A secret is replaced whole, whatever else is in it.
    ("/proc/cmdline", "user=joe password=correct-joe-horsestaple77 quiet\n", ["correct", "horsestaple77"]),
    ("/proc/cmdline", 'sshkey="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPpq joe@zebra" user=joe\n', ["C3Nza", "joe@"]),
    ("/proc/cmdline", "password=00:1b:21:a0:b0:c1 quiet\n", ["a0:b0:c1"]),
    ("/proc/cmdline", "password=zebra-10.20.30.40-lion ip=10.20.30.40\n", ["zebra", "lion", "10.20.30.40"]),
    ("/proc/cmdline", "rootpw=PlainPw77 vncpassword=VncPw778 inst.vncpassword=VncXX99\n", ["77", "VncXX99"]),
    ("/proc/cmdline", "apitoken=Zulu92zulu my_token=Zulu93zulu userpw='two words'\n", ["Zulu9", "two", "words"]),
    ("/proc/cmdline", "password_pbkdf2=grub.pbkdf2.sha512.10000.ABCDEF0123456789.FEDCBA\n", ["ABCDEF0123456789"]),
    ("/boot/grub/grub.cfg", 'set superusers="root mallory, trudy"\n', ["mallory", "trudy"]),
    ("/boot/grub/grub.cfg", "  password mallory Zulu96zulu\n", ["mallory", "Zulu96"]),
    (
        "/boot/grub/grub.cfg",
        "password_pbkdf2 mallory grub.pbkdf2.sha512.10000.ABCDEF0123456789.FEDCBA\n",
        ["mallory", "ABCDEF", "FEDCBA"],
    ),
    ("/cmd/x", "admin: grub.pbkdf2.sha512.10000.ABCDEF0123456789.FEDCBA\n", ["ABCDEF0123456789"]),
    ("/cmd/journal", '{"_CMDLINE":"/bin/x --password Zulu99zulu"}\n', ["Zulu99"]),
    ("/cmd/journal", "sudo[7]: COMMAND=/usr/bin/sshpass -p Zulu98zulu ssh x\n", ["Zulu98"]),
    ("/cmd/journal", "mysql[7]: mysql -u bob -pZulu97zulu db\n", ["Zulu97"]),
    ("/cmd/journal", "x: curl -s -u carol:Zulu95zulu https://x/\n", ["Zulu95"]),
    ("/cmd/journal", "x: wget --http-password Zulu94zulu x\n", ["Zulu94"]),
    # What an owner called it: file systems, partitions, volumes, wireless networks.
    ("/run/udev/data/b8:1", "S:disk/by-label/kilimanjaro\nE:ID_FS_LABEL=kilimanjaro\n", ["kilimanjaro"]),
    ("/run/udev/data/b8:1", "E:ID_FS_LABEL=acme_disk\nE:ID_FS_LABEL_ENC=acme\\x20disk\n", ["acme", "disk"]),
    ("/run/udev/data/b8:1", "E:ID_PART_ENTRY_NAME=acme\\x20backup\n", ["acme", "backup"]),
    ("/proc/cmdline", "root=LABEL=kilimanjaro ro\n", ["kilimanjaro"]),
    ("/cmd/lsblk_J_O", '{"blockdevices": [{"name":"sda1", "label":"kilimanjaro"}]}\n', ["kilimanjaro"]),
    ("/sys/devices/virtual/block/dm-0/dm/name", "acme--corp-payroll\n", ["acme", "corp", "payroll"]),
    ("/proc/mounts", "/dev/mapper/acme-payroll /srv ext4 rw 0 0\n", ["acme", "payroll"]),
    ("/proc/cmdline", "rd.lvm.lv=acme/payroll root=/dev/mapper/acme-payroll\n", ["acme-"]),
    (
        "/run/udev/data/b253:0",
        "S:acme/payroll\nE:DM_VG_NAME=acme\nE:DM_LV_NAME=payroll\nE:DM_NAME=acme-payroll\n",
        ["acme", "payroll"],
    ),
    ("/cmd/journal", "wpa_supplicant[5]: wlan0: Trying to associate with SSID 'kilimanjaro'\n", ["kilimanjaro"]),
    ("/cmd/dmesg", "[ 9.0] switch port of 0011.22ab.cdef is up\n", ["0011.22ab", "22ab.cdef"]),
    ("/cmd/dmesg", f"cloud-init[4]: SHA256:{'aB3' * 14}x root@kilimanjaro (RSA)\n", ["aB3aB3", "kilimanjaro"]),
    # Labels and volumes by the words around them, escaped as udev, systemd and the kernel do it.
    ("/cmd/dmesg", "[ 3.0] BTRFS: device label kilimanjaro devid 1 transid 7 /dev/sda\n", ["kilimanjaro"]),
    ("/cmd/dmesg", "systemd[1]: Found device dev-disk-by\\x2dlabel-kilimanjaro.device\n", ["kilimanjaro"]),
    ("/boot/grub/grub.cfg", "\tsearch --no-floppy --label kilimanjaro --set root\n", ["kilimanjaro"]),
    ("/proc/mounts", "/dev/sdb1 /media/joe/ACME\\040STICK vfat rw 0 0\n", ["ACME", "STICK", "joe"]),
    ("/run/udev/data/b8:1", "E:ID_FS_LABEL_ENC=\\x2facme\n", ["acme"]),
    ("/proc/cmdline", "rd.luks.name=1b4e28ba-2fa1-41d2-883f-0016d3cca427=payroll quiet\n", ["payroll"]),
    ("/proc/cmdline", "cryptdevice=UUID=1b4e28ba-2fa1-41d2-883f-0016d3cca427:payroll quiet\n", ["payroll"]),
    ("/etc/crypttab", "payroll UUID=1b4e28ba-2fa1-41d2-883f-0016d3cca427 none luks\n", ["payroll"]),
    # As a stream of uevents has them, beside their datagrams.
    ("/events/netlink-uevent.jsonl", '{"props": {"ID_FS_LABEL": "kilimanjaro"}}\n', ["kilimanjaro"]),
    ("/events/netlink-uevent.jsonl", '{"props": {"ID_FS_LABEL_ENC": "acme\\\\x20disk"}}\n', ["acme", "disk"]),
    ("/events/netlink-uevent.jsonl", '{"props": {"DM_VG_NAME": "payroll"}}\n', ["payroll"]),
    # A MAC address behind a name, in brackets and escaped; what a command line of each kind of guest says.
    ("/proc/cmdline", "ifname=lan0:00:1b:21:a0:b0:c1 quiet\n", ["a0:b0:c1"]),
    ("/proc/cmdline", "ip=[2a01:4f8:c17:b8f::2]::[fe80::1]:64:kilimanjaro:eth0:none\n", ["c17:b8f", "kiliman"]),
    ("/proc/cmdline", "ds=nocloud;h=kilimanjaro;i=i-0abcdef1234567890\n", ["kiliman", "abcdef12345"]),
    ("/proc/cmdline", "netcfg/get_hostname=kilimanjaro netcfg/get_domain=corp.acme\n", ["kiliman", "acme"]),
    ("/proc/cmdline", "live-config.hostname=kilimanjaro live-config.user-fullname=Mallory\n", ["kiliman", "Mallory"]),
    ("/proc/cmdline", "root=nfs4:filer.acme.example:/export quiet\n", ["filer", "acme"]),
    ("/proc/cmdline", "nfsroot=filer:/export,v3 quiet\n", ["filer"]),
    ("/proc/cmdline", "aws_access_key_id=AKIAIOSFODNN7EXAMPLE quiet\n", ["IOSFODNN7"]),
    ("/proc/1/environ", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7\0HOSTNAME=kilimanjaro\0", ["wJalrX", "kiliman"]),
    # Who exports what is mounted, in each table and log that says it.
    ("/proc/self/mountinfo", "38 25 0:35 / /m rw - nfs4 filer.acme.example:/x rw\n", ["filer", "acme"]),
    (
        "/proc/self/mountinfo",
        "39 25 0:36 / /m rw - cifs //filer/x rw,username=mallory,domain=ACME\n",
        ["filer", "mallory", "ACME"],
    ),
    ("/proc/self/mountinfo", "40 1 0:37 / /m rw - fuse.sshfs mallory@filer:/x rw\n", ["filer", "mallory"]),
    ("/proc/mounts", "filer:/gv0 /m fuse.glusterfs rw 0 0\n", ["filer"]),
    ("/cmd/dmesg", "[ 3.0] CIFS: Attempting to mount //filer/x\n", ["filer"]),
    ("/etc/resolv.conf", "nameserver 8.8.4.4\nsearch corp.acme.example\n", ["corp", "acme", "8.8.4.4"]),
    ("/run/udev/data/b9:0", "E:MD_NAME=kilimanjaro:0\n", ["kilimanjaro"]),
    ("/proc/mdstat", "md127 : active raid1 vdb[0]\n      super 1.2 name kilimanjaro:0\n", ["kilimanjaro"]),
    # Files that hold one value.
    ("/sys/class/nvme/nvme0/dhchap_secret", "DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wq:\n", ["ia6zGod"]),
    ("/cmd/dmesg", "[ 3.0] nvme: key DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wq: x\n", ["ia6zGod"]),
    ("/sys/class/iscsi_session/session1/username", "mallory\n", ["mallory"]),
    ("/sys/class/iscsi_session/session1/password", "kilimanjaro\n", ["kilimanjaro"]),
    ("/sys/firmware/devicetree/base/serial-number", "ZEBRADT77\0", ["ZEBRADT77"]),
    ("/proc/cpuinfo", "processor\t: 0\nSerial\t\t: 00000000deadbee1\n", ["deadbee1"]),
    ("/run/udev/data/+dmi:id", "E:MEMORY_DEVICE_0_ASSET_TAG=ZEBTAG\n", ["ZEBTAG"]),
    # Plain words, where only a key tells what they are.
    ("/cmd/dmesg", "[    1.3]      host=kilimanjaro, domain=corp.acme, nis-domain=(none)\n", ["kiliman", "acme"]),
    ("/cmd/dmesg", "[    1.3]      host=kilimanjaro, domain=, nis-domain=(none)\n", ["kilimanjaro"]),
    ("/cmd/dmesg", "[    3.0] nfs: server filer not responding, timed out\n", ["filer"]),
    ("/cmd/dmesg", "[    3.0] lockd: server filer.acme.example OK\n", ["filer", "acme"]),
    ("/cmd/dmesg", '[    2.5] audit: op=PAM acct="mallory" exe="/usr/sbin/sshd"\n', ["mallory"]),
    ("/cmd/dmesg", "[    3.1] login[300]: LOGIN ON ttyS0 BY mallory\n", ["mallory"]),
    ("/proc/cmdline", "autologin_user=kenobi quiet\n", ["kenobi"]),
    # ``ver`` is the end of ``server`` too.
    ("/proc/cmdline", "nameserver=8.8.4.4 bootserver=203.0.114.78\n", ["8.8.4.4", "203.0.114.78"]),
    ("/cmd/dmesg", "[    3.0] nfs: server 203.0.114.77 not responding\n", ["203.0.114.77"]),
    # InfiniBand, and file systems with short names.
    ("/sys/class/infiniband/mlx5_0/node_guid", f"{GUID}\n", [GUID, "c903"]),
    ("/sys/class/infiniband/mlx5_0/sys_image_guid", f"{GUID}\n", [GUID, "c903"]),
    ("/cmd/dmesg", f"[    3.4] mlx5_core: node_guid {GUID}\n", [GUID, "c903"]),
    ("/cmd/ibstat", "\tNode GUID: 0x0002c90300abcdef\n", ["c90300abcdef"]),
    ("/cmd/dmesg", "systemd[1]: Expecting dev-disk-by\\x2duuid-38EF\\x2d253B.device...\n", ["38EF", "253B"]),
    ("/etc/fstab", "/dev/disk/by-uuid/1234-ABCD /boot vfat\n", ["1234-ABCD"]),
    ("/etc/fstab", "/dev/disk/by-id/ata-WDC_WD40EFRX_WD-WCC7K1234567-part1 /q ext4\n", ["WCC7K", "1234567"]),
]


@pytest.mark.parametrize(("path", "text", "originals"), PLANTED)
def test_nothing_of_it_stays(make, holds, path: str, text: str, originals: list[str]) -> None:
    done = scrub(make({path: text.encode()}))
    assert [original for original in originals if holds(done.holdings, original.encode())] == []
    assert done.leftovers == ()
    assert len(done.holdings.files[path]) >= len(text) - 24
    assert done.counts


def test_the_name_of_a_machine_made_of_its_address_loses_its_zone_too(make, holds) -> None:
    name = "ip-10-20-30-40.zebra77.corp"
    done = scrub(
        make({"/proc/sys/kernel/hostname": name.encode(), "/cmd/dmesg": f"at {name} zebra77.corp 10.20.30.40".encode()})
    )
    assert not holds(done.holdings, b"zebra77")
    assert done.leftovers == ()
    after = done.holdings.files["/proc/sys/kernel/hostname"].decode()
    assert after.startswith("ip-10-")
    head, _, zone = after.partition(".")
    assert done.holdings.files["/cmd/dmesg"].decode() == f"at {after} {zone} {head[3:].replace('-', '.')}"


@pytest.mark.parametrize(
    ("path", "before", "middle", "after"),
    [
        ("/sys/block/sda/serial", "QM", "525400123456", "SECRET99"),
        ("/sys/block/sda/serial", "", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "-SECRET99"),
        ("/sys/block/sda/device/wwid", "t10.ATA     QM", "525400123456", "SECRET99"),
        ("/proc/sys/kernel/hostname", "zebra-", "525400123456", "-lion"),
        ("/sys/class/nvme/nvme0/subsysnqn", "nqn.2014-08.com.acme:zebra-", "525400123456", "-SECRET99"),
    ],
)
def test_the_rest_around_an_address_goes_as_well(make, holds, path, before, middle, after) -> None:
    files = {path: f"{before}{middle}{after}\n".encode(), "/sys/class/net/eth0/address": b"52:54:00:12:34:56\n"}
    done = scrub(make(files))
    assert not holds(done.holdings, after.strip("-").encode())
    assert not holds(done.holdings, b"zebra")
    assert not holds(done.holdings, middle.encode())
    assert done.leftovers == ()
    if middle == "525400123456":
        mac = done.holdings.files["/sys/class/net/eth0/address"].decode().strip().replace(":", "")
        assert mac in done.holdings.files[path].decode()


def test_all_spellings_of_a_mac_address_lead_to_one(make, holds) -> None:
    written = ["aabbcc-112233", "aabbcc:112233", "aabb:cc11:2233", "aabb-cc11-2233", "aabb.cc11.2233", "aabb_cc11_2233"]
    for spelled in (*written, *(text.upper() for text in written)):
        done = scrub(make({"/sys/class/net/eth0/address": b"aa:bb:cc:11:22:33\n", "/cmd/x": f"({spelled})".encode()}))
        octets = done.holdings.files["/sys/class/net/eth0/address"].decode().strip().replace(":", "")
        assert octets != "aabbcc112233"
        assert "".join(filter(str.isalnum, done.holdings.files["/cmd/x"].decode())).lower() == octets
        assert done.leftovers == ()


def test_what_a_disk_is_called_by_its_links_alone(make, holds) -> None:
    links = {
        "/dev/disk/by-id/ata-WDC_WD40-WX71A1234567": "../../sda",
        "/dev/disk/by-id/usb-Acme_Stick_AA00BB11CC-0:0-part1": "../../sdb1",
        "/dev/disk/by-uuid/1234-ABCD": "../../sda1",
    }
    listed = {"/dev/disk/by-uuid": ("1234-ABCD", "5678-EF01")}
    done = scrub(make({}, links=links, listed=listed))
    for original in (b"WX71A1234567", b"AA00BB11CC", b"1234-ABCD", b"5678-EF01"):
        assert not holds(done.holdings, original)
    assert done.leftovers == ()
    assert list(done.holdings.links.values()) == list(links.values())
    assert any(path.startswith("/dev/disk/by-id/usb-Acme_Stick_") for path in done.holdings.links)


# syn-evidence: next to what is replaced, and no identity.
KEPT = [
    ("/cmd/x", "FirmwareVersion: 8.8.4.4, fwver=8.8.4.5, v8.8.4.6, fw 8.8.4.7, rev 8.8.4.8, ver 8.8.4.9\n"),
    ("/cmd/dmesg", "[ 1.0] pcieport 0000:00:02.0: 8086:1234:1af4:1100 [1af4:1000] root@localhost\n"),
    ("/cmd/dmesg", "[ 1.0] AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000e address=0xfe00]\n"),
    ("/cmd/dmesg", "[ 1.0] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc 12.2.0)\n"),
    ("/cmd/dmesg", "[ 1.0] NFS: server and client; nfs: server 127.0.0.1 OK\n"),
    ("/cmd/dmesg", "[ 1.0] password for the user is wanted, a token too\n"),
    ("/boot/grub/grub.cfg", "set superusers=root\n"),
    ("/cmd/journal", "x: mkdir -p /srv/data; ssh -p 2222 x; curl -o x; mysql -P 22\n"),
    ("/run/udev/data/b8:1", "E:ID_FS_LABEL=cloudimg-rootfs\nE:ID_PART_ENTRY_NAME=EFI\\x20System\\x20Partition\n"),
    ("/run/udev/data/b8:1", "E:ID_FS_LABEL=kilimanjaro\nE:ID_FS_TYPE=zfs_member\n"),
    ("/proc/mounts", "/dev/mapper/ubuntu--vg-root / ext4 rw 0 0\n/dev/mapper/mpatha /x ext4 rw 0 0\n"),
    ("/cmd/x", "versions 1234.5678.9012, a.1234.5678.abcd and 1234.5678.abcd.ef01\n"),
    ("/sys/class/infiniband/mlx5_0/node_guid", "0000:0000:0000:0000\n"),
    ("/cmd/x", "/dev/disk/by-id/ata-QEMU_DVD-ROM /dev/disk/by-id/usb-QEMU_USB_DRIVE_1-0000:00:05.7-1-0:0\n"),
]


@pytest.mark.parametrize(("path", "text"), KEPT)
def test_evidence_stays(make, path: str, text: str) -> None:
    done = scrub(make({path: text.encode()}))
    assert done.holdings.files[path].decode() == text
    assert (done.counts, done.leftovers) == ({}, ())
