"""Originals disappear wherever they are and however they are written; the rest stays as it was."""

from __future__ import annotations

import base64
import json
import re

import pytest

from hotplugctl.model.reads import Denied
from hotplugctl.scrub import scrub

MAC = "00:1b:21:a0:b0:c1"
UUID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SERIAL = "WX12A345678"

# syn-identities: a text, what in it is an original, and of which kind. No fixture has all of these: no guest does.
FIELDS = [
    ("/sys/class/net/eth0/address", f"{MAC}\n", MAC, "mac"),
    ("/cmd/ip", f"    link/ether {MAC.upper()} brd ff:ff:ff:ff:ff:ff\n", MAC.upper(), "mac"),
    ("/cmd/arp", "? (10.1.2.3) at 00-1b-21-a0-b0-c1\n", "00-1b-21-a0-b0-c1", "mac"),
    ("/proc/cmdline", "BOOTIF=01-00-1b-21-a0-b0-c1 quiet\n", "00-1b-21-a0-b0-c1", "mac"),
    ("/run/udev/data/n2", "E:ID_NET_NAME_MAC=enx001b21a0b0c1\n", "001b21a0b0c1", "mac"),
    ("/cmd/ip", "    inet 10.20.30.40/24 scope global\n", "10.20.30.40", "ipv4"),
    ("/cmd/ip", "    inet 93.184.216.34/24 scope global\n", "93.184.216.34", "ipv4"),
    ("/proc/net/route", "Iface\tDestination\tGateway\neth0\t281E140A\t00000000\t0001\n", "281E140A", "ipv4"),
    ("/cmd/ip", "    inet6 2a01:4f8:c17:b8f::2/64 scope global\n", "2a01:4f8:c17:b8f::2", "ipv6"),
    ("/cmd/ip", "    inet6 fe80::21b:21ff:fea0:b0c1/64 scope link\n", "fe80::21b:21ff:fea0:b0c1", "ipv6"),
    ("/proc/net/if_inet6", "2a0104f80c170b8f0000000000000002 02 40 00 80 eth0\n", "2a0104f80c17", "ipv6"),
    ("/sys/block/vda/serial", "WX12A345678", SERIAL, "serial"),
    ("/sys/block/vda/serial", "disk", "disk", "serial"),
    ("/run/udev/data/b8:0", f"E:ID_SERIAL=WD_Disk_{SERIAL}\n", SERIAL, "serial"),
    ("/cmd/lsblk_J", '{"serial": "OUT", "name": "sda"}\n', "OUT", "serial"),
    ("/cmd/dmidecode", "\tSerial Number: VMware-42 1f 8c\n", "VMware-42 1f 8c", "serial"),
    ("/cmd/dmesg", "[    3.0] usb 1-1: SerialNumber: 4C530001230456\n", "4C530001230456", "serial"),
    ("/cmd/lspci", "\tCapabilities: [140] Device Serial Number 00-1b-21-ff-ff-a0-b0-c1\n", "a0-b0-c1", "serial"),
    ("/sys/block/sda/device/wwid", "naa.5000c500a1b2c3d4\n", "5000c500a1b2c3d4", "wwn"),
    ("/sys/class/fc_host/host1/port_name", "0x5001438002a30012\n", "5001438002a30012", "wwn"),
    ("/cmd/fc", "WWPN 50:01:43:80:02:a3:00:12\n", "50:01:43:80:02:a3:00:12", "wwn"),
    ("/sys/block/nvme0n1/eui", "52 54 00 12 ab cd ef 77\n", "12 ab cd ef 77", "wwn"),
    ("/sys/block/nvme0n1/wwid", "nvme.1b36-484f544e5631-51454d55-00000001\n", "484f544e5631", "wwn"),
    ("/sys/class/nvme/nvme0/subsysnqn", "nqn.2024-01.com.example:disk-77aa\n", "disk-77aa", "nqn"),
    ("/cmd/iscsi", "iqn.2004-10.com.ubuntu:01:abcdef123456\n", "abcdef123456", "nqn"),
    ("/proc/cmdline", f"root=UUID={UUID} ro\n", UUID, "uuid"),
    ("/cmd/units", "by\\x2duuid-1b4e28ba\\x2d2fa1\\x2d41d2\\x2d883f\\x2d0016d3cca427.device\n", "28ba", "uuid"),
    ("/run/udev/data/b8:1", "E:ID_FS_UUID=1A2B-3C4D\n", "1A2B-3C4D", "uuid"),
    ("/run/udev/data/b8:1", "E:ID_PART_ENTRY_UUID=deadbeef-01\n", "deadbeef", "uuid"),
    ("/sys/block/dm-0/dm/uuid", "LVM-" + "aB3" * 20 + "aB3x\n", "aB3" * 5, "uuid"),
    ("/cmd/mdadm", "UUID : 2fa141d2:883f0016:d3cca427:1b4e28ba\n", "883f0016", "uuid"),
    ("/proc/sys/kernel/random/boot_id", f"{UUID}\n", UUID, "uuid"),
    ("/etc/machine-id", "fedcba9876543210fedcba9876543211\n", "9876543210fedcba", "machine-id"),
    ("/proc/cmdline", "systemd.machine_id=0123456789abcdef0123456789abcdee\n", "456789abcdef0123", "machine-id"),
    ("/proc/sys/kernel/hostname", "db-7.corp.example.com\n", "corp", "hostname"),
    ("/etc/hosts", "127.0.1.1\tzeus zeus.local\n", "zeus", "hostname"),
    ("/cmd/dmesg", "[    2.0] systemd[1]: Hostname set to <zeus>.\n", "zeus", "hostname"),
    ("/cmd/uname_a", "Linux zeus 6.1.0-50-amd64 #1 SMP\n", "zeus", "hostname"),
    ("/cmd/journal", "[    1.000000] zeus kernel: one\n[    2.000000] zeus systemd[1]: two\n", "zeus", "hostname"),
    ("/cmd/journal_json", '{"_HOSTNAME":"zeus","MESSAGE":"x"}\n', "zeus", "hostname"),
    ("/proc/mounts", "nas.example.org:/export /home nfs4 rw 0 0\n", "nas", "hostname"),
    ("/proc/cmdline", "ip=10.1.2.3::10.1.2.1:255.255.255.0:zeus:ens3:none\n", "zeus", "hostname"),
    ("/sys/class/dmi/id/product_serial", "J8KX2M3\n", "J8KX2M3", "dmi"),
    ("/sys/class/dmi/id/chassis_asset_tag", "ASSET-00731\n", "00731", "dmi"),
    ("/etc/passwd", "alice:x:1000:1000:Alice Doe,,,:/home/alice:/bin/sh\n", "alice", "user"),
    ("/cmd/dmesg", "[ 4.0] systemd[1]: Started session-3.scope - Session 3 of User alice.\n", "alice", "user"),
    ("/proc/mounts", "//server/share /mnt cifs rw,username=carol 0 0\n", "carol", "user"),
    ("/proc/cmdline", "rd.iscsi.password=Sup3rS3cret quiet\n", "Sup3rS3cret", "secret"),
    ("/cmd/dmesg", "[    0.0] Kernel command line: luks.key=Sup3rS3cret quiet\n", "Sup3rS3cret", "secret"),
    ("/proc/cmdline", "inst.ks=http://joe:pa55w0rd@ks.example.org/a/b.cfg\n", "pa55w0rd", "secret"),
    ("/proc/cmdline", "netroot=iscsi:bob:hunter2@192.168.7.9::3260::iqn.2004-10.com.ubuntu:x\n", "hunter2", "secret"),
    ("/proc/cmdline", 'x.password="two words" quiet\n', "two words", "secret"),
    ("/root/keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0k root@zeus\n", "C3NzaC1lZDI1NTE5", "secret"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "original", "kind"), FIELDS)
def test_an_original_gives_way_to_something_of_its_shape(make, holds, path, text, original, kind) -> None:
    done = scrub(make({path: text.encode()}))
    assert not holds(done.holdings, original.encode())
    assert done.leftovers == ()
    assert done.counts[kind] >= 1
    after = done.holdings.files[path].decode()
    one = "[0-9A-Fa-f:.]+" if kind in ("ipv4", "ipv6") else "[0-9A-Za-z]"
    assert re.sub(one, "x", after) == re.sub(one, "x", text)


# syn-evidence: what looks like an identity and is none.
KEPT = [
    ("/sys/bus/pci/slots/1/address", "0000:00:04\n"),
    ("/cmd/dmesg", "[    1.234567] pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000\n"),
    ("/cmd/dmesg", "[    1.0] Linux version 6.1.0-50-amd64 (gcc 12.2.0) #1 SMP Debian 6.1.176-1 (2026-07-02)\n"),
    ("/cmd/dmesg", "[    1.0] e1000e: Intel(R) PRO/1000 Network Driver - version 3.2.6.4\n"),
    ("/sys/module/vsock/version", "1.0.2.0\n"),
    ("/sys/devices/x/resource", "0x00000000fea40000 0x00000000fea5ffff 0x0000000000040200\n"),
    ("/sys/devices/x/modalias", "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\n"),
    ("/sys/devices/x/net/eth0/broadcast", "ff:ff:ff:ff:ff:ff\n"),
    ("/sys/devices/x/net/lo/address", "00:00:00:00:00:00\n"),
    ("/cmd/ip", "inet 127.0.0.1/8 brd 255.255.255.255 inet6 ::1/128 ff02::1\n"),
    ("/cmd/ip", "fe80::/64 dev eth0 proto kernel metric 256 pref medium\n"),
    ("/proc/0/net/ipv6_route", f"fe80{'0' * 28} 40 {'0' * 32} 00 {'0' * 32} 00000100 00000002 00000000 00000001 lo\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
    ("/run/udev/data/b8:1", "E:ID_PART_ENTRY_TYPE=0fc63daf-8483-4772-8e79-3d69d8477de4\n"),
    ("/cmd/dmesg", "[    1.0] acpi PNP0A08:00: _OSC: platform 33db4d5b-1ff7-401c-9657-7441c03dd766\n"),
    ("/sys/bus/vmbus/devices/a/class_id", "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n"),
    ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
    ("/sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n"),
    ("/sys/class/dmi/id/product_serial", "Not Specified\n"),
    ("/sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n"),
    ("/sys/block/sda/serial", "0\n"),
    ("/sys/class/scsi_host/host0/unique_id", "4096\n"),
    ("/sys/bus/usb/devices/usb1/serial", "0000:00:14.0\n"),
    ("/run/udev/data/c189:0", "E:ID_SERIAL=Linux_6.1.0-50-amd64_xhci-hcd_xHCI_Host_Controller_0000:00:14.0\n"),
    ("/cmd/x_json", '{"version": "4.6.5.1"}\n'),
    ("/proc/cmdline", "root=/dev/vda1 quiet module.sig_enforce=1 rd.vconsole.keymap=de console=ttyS0,115200\n"),
    ("/boot/config-6.1", 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n'),
    ("/sys/class/input/input0/uevent", "KEY=402000000 3803078f800d001 feffffdfffefffff\n"),
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
    ("/cmd/dmesg", "[    1.0] systemd[1]: Listening on dbus.socket - see https://systemd.io/\n"),
    ("/cmd/dmesg", "[    0.000000] version one\n[    1.000000] Command two\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), KEPT)
def test_evidence_stays(make, path: str, text: str) -> None:
    done = scrub(make({path: text.encode()}))
    assert done.holdings.files[path].decode() == text
    assert (done.counts, done.leftovers) == ({}, ())


def test_common_words_are_replaced_in_their_place_only(make) -> None:
    """syn-root: a disk with the serial ``root`` must not rename everything that is called so."""
    text = b"E:ID_SERIAL=root\nS:disk/by-id/virtio-root\nE:DEVLINKS=/dev/root /dev/disk/by-id/virtio-root-part1\n"
    done = scrub(make({"/run/udev/data/b254:0": text, "/proc/cmdline": b"root=/dev/vda1 rootwait\n"}))
    lines = done.holdings.files["/run/udev/data/b254:0"].decode().splitlines()
    pseudonym = lines[0].partition("=")[2]
    assert pseudonym != "root"
    assert lines[1:] == [
        f"S:disk/by-id/virtio-{pseudonym}",
        f"E:DEVLINKS=/dev/root /dev/disk/by-id/virtio-{pseudonym}-part1",
    ]
    assert done.holdings.files["/proc/cmdline"] == b"root=/dev/vda1 rootwait\n"
    assert done.leftovers == ()


def test_what_belongs_together_still_does(make) -> None:
    """syn-nic: one MAC address in all its forms leads to one pseudonym."""
    config = bytearray(4096)
    config[0x100:0x10C] = (0x00010003).to_bytes(4, "little") + bytes.fromhex("001b21ffffa0b0c1")[::-1]
    datagram = b"add@/devices/x\0ID_NET_NAME_MAC=enx001b21a0b0c1\0"
    event = json.dumps({"t": 1.5, "group": 2, "b64": base64.b64encode(datagram).decode(), "props": {"A": f"x\n{MAC}"}})
    device = "/sys/devices/pci0000:00/0000:00:03.0"
    done = scrub(
        make(
            {
                f"{device}/net/enx001b21a0b0c1/address": f"{MAC}\n".encode(),
                f"{device}/config": bytes(config),
                "/cmd/lspci_vvv": b"Device Serial Number 00-1b-21-ff-ff-a0-b0-c1\n",
                "/cmd/ip": b"inet6 fe80::21b:21ff:fea0:b0c1/64\n",
                "/proc/net/if_inet6": b"fe80000000000000021b21fffea0b0c1 02 40 20 80 eth0\n",
                "/events/netlink-uevent.jsonl": f"{event}\n".encode(),
            },
            links={"/sys/class/net/enx001b21a0b0c1": "../../devices/pci0000:00/0000:00:03.0/net/enx001b21a0b0c1"},
            listed={"/sys/class/net": ("enx001b21a0b0c1", "lo")},
            absent=frozenset(["/sys/class/net/enx001b21a0b0c1/phy"]),
            failed={f"{device}/net/enx001b21a0b0c1/speed": Denied(f"{device}/net/enx001b21a0b0c1/speed", 13)},
        )
    )
    after = done.holdings
    interface = after.listed["/sys/class/net"][0]
    octets = interface[3:]
    address = ":".join(octets[at : at + 2] for at in range(0, 12, 2))
    assert int(octets[:2], 16) & 3 == 2, "no unicast address of local making"
    assert after.files[f"{device}/net/{interface}/address"].decode() == f"{address}\n"
    assert after.files[f"{device}/config"][0x104:0x10C][::-1].hex() == f"{octets[:6]}ffff{octets[6:]}"
    assert after.files["/cmd/lspci_vvv"].decode().replace("-", "").endswith(f"{octets[:6]}ffff{octets[6:]}\n")
    made = f"{int(octets[:2], 16) ^ 2:02x}{octets[2:6]}fffe{octets[6:]}"
    assert after.files["/proc/net/if_inet6"].decode().startswith(f"fe80{'0' * 12}{made} ")
    line = json.loads(after.files["/events/netlink-uevent.jsonl"])
    assert base64.b64decode(line["b64"]) == datagram.replace(b"001b21a0b0c1", octets.encode())
    assert line["props"] == {"A": f"x\n{address}"}
    assert after.links == {f"/sys/class/net/{interface}": f"../../devices/pci0000:00/0000:00:03.0/net/{interface}"}
    assert after.absent == {f"/sys/class/net/{interface}/phy"}
    assert list(after.failed) == [failure.path for failure in after.failed.values()]
    assert done.leftovers == ()


def test_a_hypervisors_octets_stay(make) -> None:
    done = scrub(make({"/sys/class/net/eth0/address": b"52:54:00:aa:bb:cc\n"}))
    assert re.fullmatch(rb"52:54:00:(?!aa:bb:cc)[0-9a-f:]{8}\n", done.holdings.files["/sys/class/net/eth0/address"])


def test_a_dump_across_two_lines_is_seen_whole(make) -> None:
    """syn-dump: ``lspci -xxxx`` of a function whose serial number begins at 0x10c, so that a line ends in it."""
    config = bytearray(4096)
    config[0x100:0x104] = (0x10800019).to_bytes(4, "little")
    config[0x108:0x114] = (0x00010003).to_bytes(4, "little") + bytes.fromhex("001b21ffffa0b0c1")[::-1]
    lines = [f"{at:02x}: {config[at : at + 16].hex(' ')}" for at in range(0, 4096, 16)]
    done = scrub(make({"/cmd/lspci_xxxx": ("00:03.0 Ethernet controller\n" + "\n".join(lines) + "\n\n").encode()}))
    after = done.holdings.files["/cmd/lspci_xxxx"].decode().splitlines()
    changed = [number for number, line in enumerate(after[1:-1]) if line != lines[number]]
    assert changed == [0x10, 0x11]
    assert done.counts["serial"] == 1
    assert done.leftovers == ()


def test_ata_identity_is_scrubbed_in_its_words(make) -> None:
    """syn-ata: page 89h holds the serial with the bytes of each word swapped."""
    page = bytearray(572)
    page[80:100] = b"UO T                "
    files = {
        "/sys/block/sda/device/vpd_pg89": bytes(page),
        "/sys/block/sda/device/vpd_pg80": b"\0\x80\0\x14OUT" + b" " * 17,
    }
    after = scrub(make(files)).holdings.files
    serial = after["/sys/block/sda/device/vpd_pg80"][4:].strip()
    assert serial != b"OUT"
    swapped = after["/sys/block/sda/device/vpd_pg89"][80:100]
    assert b"".join(swapped[at : at + 2][::-1] for at in range(0, 20, 2)).strip() == serial


def test_routes_still_lead_where_they_led(make) -> None:
    text = "default via 10.1.16.1\n10.1.16.0/20 src 10.1.20.5\n10.1.32.0/20 src 10.1.33.7\n"
    text += "93.184.216.0/24 src 93.184.216.34\n"
    after = scrub(make({"/cmd/ip_route": text.encode()})).holdings.files["/cmd/ip_route"].decode()
    one = [
        int.from_bytes(bytes(map(int, found.split("."))), "big") for found in re.findall(r"\d+\.\d+\.\d+\.\d+", text)
    ]
    other = [
        int.from_bytes(bytes(map(int, found.split("."))), "big") for found in re.findall(r"\d+\.\d+\.\d+\.\d+", after)
    ]
    for left, left_after in zip(one[:5], other[:5]):
        for right, right_after in zip(one[:5], other[:5]):
            assert (left ^ right).bit_length() == (left_after ^ right_after).bit_length()
    assert {address >> 24 for address in other[:5]} == {10}
    assert other[5] >> 8 == other[6] >> 8
    assert other[5] >> 17 == (198 << 24 | 18 << 16) >> 17


def test_scrubbing_again_works_and_counts_the_same(make) -> None:
    first = scrub(make({path: text.encode() for path, text, _, _ in FIELDS}))
    second = scrub(first.holdings)
    assert second.leftovers == ()
    assert second.counts == first.counts


def test_the_same_holdings_give_the_same_pseudonyms(make) -> None:
    files = {path: text.encode() for path, text, _, _ in FIELDS}
    assert scrub(make(files)) == scrub(make(dict(reversed(files.items()))))


def test_a_pseudonym_says_nothing_of_its_original(make) -> None:
    """Two machines with other addresses in the same order get the same pseudonyms: no function of the original."""
    one = scrub(make({"/sys/class/net/eth0/address": b"00:1b:21:a0:b0:c1\n"}))
    other = scrub(make({"/sys/class/net/eth0/address": b"00:25:90:12:34:56\n"}))
    assert one.holdings == other.holdings


def test_what_is_packed_keeps_its_bytes(make) -> None:
    """syn-packed: the serial number within it is there by chance, and then it is said rather than changed."""
    files = {"/proc/config.gz": b"\x1f\x8b" + SERIAL.encode(), "/sys/block/vda/serial": SERIAL.encode()}
    done = scrub(make(files))
    assert done.holdings.files["/proc/config.gz"] == files["/proc/config.gz"]
    assert done.leftovers == (("/proc/config.gz", "content", "serial"),)


def test_datagrams_stay_in_their_lines_beside_strings_that_are_escaped(make) -> None:
    """udev writes ``\\x20`` into properties, and JSON doubles the backslash: two texts within the text of one line."""
    datagrams = [f"add@/devices/x{number}\0ID_SERIAL={SERIAL}{number}\0" for number in range(3)]
    lines = [
        {"t": 1.0, "b64": base64.b64encode(datagram.encode()).decode(), "props": {"ID_MODEL_ENC": f"a\\x20{number}"}}
        for number, datagram in enumerate(datagrams)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = scrub(make({"/events/netlink-uevent.jsonl": text.encode()}))
    after = [json.loads(line) for line in done.holdings.files["/events/netlink-uevent.jsonl"].splitlines()]
    assert [line["props"] for line in after] == [line["props"] for line in lines]
    plain = [base64.b64decode(line["b64"]).decode() for line in after]
    assert [text.partition("\0")[0] for text in plain] == [text.partition("\0")[0] for text in datagrams]
    assert SERIAL not in "".join(plain)
