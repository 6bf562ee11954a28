"""The second pass finds by itself what the first would have missed: originals are put back, one place at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from hotplugctl.model.holdings import Holdings
from hotplugctl.model.reads import Denied
from hotplugctl.scrub.find import find
from hotplugctl.scrub.second import Second
from hotplugctl.scrub.vocabulary import Vocabulary

MAC = "00:1b:21:a0:b0:c1"
UUID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SERIAL = "WX12A345678"
# syn-before: a guest with one identity of each kind.
BEFORE = {
    "/sys/class/net/eth0/address": f"{MAC}\n".encode(),
    "/proc/cmdline": f"root=UUID={UUID} rd.iscsi.password=Sup3rS3cret quiet\n".encode(),
    "/sys/block/vda/serial": SERIAL.encode(),
    "/sys/block/vdb/serial": b"OUT",
    "/sys/block/sda/device/wwid": b"naa.5000c500a1b2c3d4\n",
    "/cmd/ip": b"inet 10.20.30.40/24 inet 93.184.216.34/24 inet6 2a01:4f8:c17:b8f::2/64\n",
    "/proc/sys/kernel/hostname": b"db-7.corp.example.com\n",
}


def _b64(data: bytes) -> bytes:
    return json.dumps({"t": 1, "group": 2, "b64": base64.b64encode(data).decode()}).encode()


def _config(at: int, data: bytes) -> bytes:
    return bytes(at) + data + bytes(4096 - at - len(data))


# Where it is put, what is put there, and as what it must be found.
CONTENTS = [
    ("/cmd/x", MAC, "mac"),
    ("/cmd/x", MAC.upper(), "mac"),
    ("/cmd/x", "00-1B-21-a0-b0-c1", "mac"),
    ("/cmd/x", "001b.21a0.b0c1", "mac"),
    ("/cmd/x", "001b:21a0:b0c1", "mac"),
    ("/cmd/x", "001B21-A0B0C1", "mac"),
    ("/cmd/x", "5000:c500:a1b2:c3d4", "wwn"),
    ("/cmd/x", "nameserver=93.184.216.34", "ipv4"),
    ("/cmd/x", "rename3: enx001b21a0b0c1", "mac"),
    ("/cmd/x", "00\\x3a1b\\x3a21\\x3aa0\\x3ab0\\x3ac1", "mac"),
    ("/cmd/x", "00%3A1b%3A21%3Aa0%3Ab0%3Ac1", "mac"),
    ("/cmd/x", "140: 00 1b 21 a0 b0 c1", "mac"),
    ("/cmd/x", UUID.upper(), "uuid"),
    ("/cmd/x", UUID.replace("-", ""), "uuid"),
    ("/cmd/x", "x" + UUID.replace("-", "") + "y", "uuid"),
    ("/cmd/x", UUID.replace("-", "\\x2d"), "uuid"),
    ("/cmd/x", UUID.replace("-", "_"), "uuid"),
    ("/cmd/x", f"virtio-{SERIAL}-part1", "serial"),
    ("/cmd/x", SERIAL.lower(), "serial"),
    ("/cmd/x", SERIAL.encode().hex(), "serial"),
    ("/run/udev/data/b254:16", "E:ID_SERIAL=OUT", "serial"),
    ("/run/udev/data/b254:16", "S:disk/by-id/virtio-OUT", "serial"),
    ("/sys/block/sdb/device/vpd_pg80", "\0\x80\0\x14OUT   ", "serial"),
    ("/cmd/x", "wwn-0x5000c500a1b2c3d4", "wwn"),
    ("/cmd/x", "35000C500A1B2C3D4", "wwn"),
    ("/cmd/x", "from 10.20.30.40.", "ipv4"),
    ("/cmd/x", "ip-10-20-30-40", "ipv4"),
    ("/proc/net/route", "Iface\tDestination\tGateway\neth0\t281E140A\t00000000", "ipv4"),
    ("/cmd/x", "2a01:04f8:0c17:0b8f:0:0:0:2", "ipv6"),
    ("/cmd/x", "db-7.corp.example.com", "hostname"),
    ("/cmd/x", "mail.corp.example.com", "hostname"),
    ("/cmd/x", "pw is Sup3rS3cret!", "secret"),
    # By their shape alone: these were never seen before.
    ("/cmd/x", "00:25:90:12:34:56", "mac"),
    ("/cmd/x", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "uuid"),
    ("/cmd/x", "peer 81.2.69.142", "ipv4"),
]


@pytest.fixture(scope="module")
def second(make: Callable[..., Holdings]) -> Second:
    finds = find(make(BEFORE))
    return Second(finds, Vocabulary(finds))


@pytest.mark.parametrize(("path", "planted", "kind"), CONTENTS)
def test_it_is_found_in_a_text(make, second: Second, path: str, planted: str, kind: str) -> None:
    found = list(second.leftovers(make({path: f"{planted}\n".encode("latin-1")})))
    assert (path, "content", kind) in found
    assert {leftover.kind for leftover in found} == {kind}


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("events/netlink-uevent.jsonl", _b64(b"add@/x\0ID_SERIAL_SHORT=" + SERIAL.encode() + b"\0"), "serial"),
        ("events/netlink-uevent.jsonl", _b64(b"add@/x\0ID_NET_NAME_MAC=enx001b21a0b0c1\0"), "mac"),
        ("events/kmsg.jsonl", b'{"t": 1, "raw": "6,1,0,-;x \\u0057X12A345678\\n"}\n', "serial"),
        ("events/kmsg.jsonl", b'{"t": 1, "raw": "6,1,0,-;\\nE:ID_SERIAL=OUT\\n"}\n', "serial"),
        ("sys/devices/a/config", _config(0x104, bytes.fromhex("001b21a0b0c1")), "mac"),
        ("sys/devices/a/config", _config(0x104, bytes.fromhex("001b21a0b0c1")[::-1]), "mac"),
        ("sys/firmware/dmi/tables/DMI", b"\x01\x1b" + bytes.fromhex("ba284e1ba12fd241883f0016d3cca427"), "uuid"),
        ("sys/firmware/dmi/tables/DMI", b"\x01\x1b" + bytes.fromhex("1b4e28ba2fa141d2883f0016d3cca427"), "uuid"),
        ("sys/block/sda/device/vpd_pg83", bytes.fromhex("010300085000c500a1b2c3d4"), "wwn"),
        ("sys/block/sdb/device/vpd_pg83", b"\0\x83\0\x0c\2\1\0\x08ATA     OUT  ", "serial"),
        ("sys/block/sdb/device/vpd_pg89", bytes(80) + b"UO T" + b" " * 16, "serial"),
        ("sys/block/sda/device/vpd_pg89", bytes(80) + b"XW213A5476 8", "serial"),
    ],
)
def test_it_is_found_in_bytes(make, second: Second, name: str, data: bytes, kind: str) -> None:
    assert (f"/{name}", "content", kind) in list(second.leftovers(make({f"/{name}": data})))


def test_it_is_found_in_names_and_tables(make, second: Second) -> None:
    name = f"/dev/disk/by-uuid/{UUID}"
    cases = [
        (make({name: b""}), (name, "name", "uuid")),
        (make({}, modes={name: 0o444}), (name, "name", "uuid")),
        (make({}, links={name: "../../vda"}), (name, "name", "uuid")),
        (make({}, links={"/a": f"b/enx{MAC.replace(':', '')}"}), ("/a", "link target", "mac")),
        (make({}, links={"/a": "disk/by-id/virtio-OUT"}), ("/a", "link target", "serial")),
        (make({}, listed={"/a": ("b", UUID)}), ("/a", "listing", "uuid")),
        (make({}, listed={"/dev/disk/by-id": ("virtio-OUT",)}), ("/dev/disk/by-id", "listing", "serial")),
        (make({}, listed={name: ()}), (name, "directories", "uuid")),
        (make({}, kinds={name: "block"}), (name, "kinds", "uuid")),
        (make({}, failed={"/a": Denied(f"/x/{UUID}", 13)}), ("/a", "failed", "uuid")),
        (make({}, absent=frozenset([name])), (name, "absent", "uuid")),
    ]
    for after, leftover in cases:
        assert list(second.leftovers(after)) == [leftover]


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:04.0 5.10.0-32-amd64 12:34:56 OUT of memory, out, WX12, 1b4e28ba, 192.168.7.1",
        "Linux version 6.1.0 driver version 3.2.6.4 ff:ff:ff:ff:ff:ff 127.0.0.1 255.255.255.0",
        "parttype 0fc63daf-8483-4772-8e79-3d69d8477de4",
    ],
)
def test_it_is_silent_where_there_is_nothing(make, second: Second, text: str) -> None:
    assert list(second.leftovers(make({"/cmd/x": text.encode()}))) == []


def test_a_pseudonym_is_none(make, second: Second) -> None:
    finds = find(make(BEFORE))
    given = Vocabulary(finds)
    mac = given.digits["mac"][MAC.replace(":", "")]
    assert mac is not None
    text = ":".join(mac[at : at + 2] for at in range(0, 12, 2))
    assert list(second.leftovers(make({"/cmd/x": text.encode()}))) == []


def test_an_original_without_a_pseudonym_is_left_over(make) -> None:
    """syn-many: more one-digit names of machines than there are digits; the recording must not be delivered."""
    from hotplugctl.scrub import scrub

    files = {f"/{number}/proc/sys/kernel/hostname": str(number).encode() for number in range(10)}
    done = scrub(make(files))
    assert {leftover.kind for leftover in done.leftovers} == {"hostname"}


def test_a_leftover_does_not_tell_what_it_is(second: Second, make) -> None:
    """It is printed: its path may hold the original, the rest must not."""
    for leftover in second.leftovers(make({"/cmd/x": f"{MAC} {UUID} {SERIAL}".encode()})):
        assert leftover.path == "/cmd/x"
        assert leftover.where == "content"
