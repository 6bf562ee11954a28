"""Uevents: files, datagrams and texts."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from hotplugctl.parse import uevent

DEVPATH = "/devices/pci0000:00/0000:00:04.0"
KERNEL = f"add@{DEVPATH}\0ACTION=add\0DEVPATH={DEVPATH}\0SUBSYSTEM=pci\0PCI_ID=1AF4:1001\0SEQNUM=1791\0".encode()


def udev_message(body: bytes, order: str = "<", magic: int = 0xFEEDCAFE) -> bytes:
    """As libudev's monitor sends it: prefix, magic (big-endian), sizes in the sender's order, filter hashes."""
    return b"libudev\0" + struct.pack(">I", magic) + struct.pack(order + "7I", 40, 40, len(body), 0, 0, 0, 0) + body


def test_a_file() -> None:
    text = "DRIVER=virtio-pci\nPCI_CLASS=10000\nMODALIAS=a=b\n\njunk\n=x\nEMPTY=\nCR=1\r\n"
    assert uevent.parse_file(text) == {
        "DRIVER": "virtio-pci",
        "PCI_CLASS": "10000",
        "MODALIAS": "a=b",
        "EMPTY": "",
        "CR": "1",
    }


def test_a_message_of_the_kernel() -> None:
    event = uevent.parse_datagram(KERNEL)
    assert event is not None
    assert event[:6] == ("add", DEVPATH, "pci", 1791, None, 1)
    assert event.properties["PCI_ID"] == "1AF4:1001"


def test_a_message_without_properties_still_says_what_and_where() -> None:
    event = uevent.parse_datagram(b"remove@/devices/x\0")
    assert event is not None
    assert event == ("remove", "/devices/x", None, None, None, 1, {})


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_message_of_udev(order: str) -> None:
    body = b"UDEV_DATABASE_VERSION=1\0ACTION=bind\0DEVPATH=/devices/x\0SUBSYSTEM=pci\0SEQNUM=7\0"
    event = uevent.parse_datagram(udev_message(body, order))
    assert event is not None
    assert event[:6] == ("bind", "/devices/x", "pci", 7, None, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"add",
        b"@/devices/x\0",
        b"add@devices/x\0",
        b"libudev\0",
        udev_message(b"ACTION=add\0DEVPATH=/x\0", magic=0xCAFEFEED),
        udev_message(b"ACTION=add\0"),
        udev_message(b"ACTION=add\0DEVPATH=/x\0").replace(struct.pack("<2I", 40, 40), struct.pack("<2I", 40, 4000)),
        udev_message(b"ACTION=add\0DEVPATH=/x\0").replace(struct.pack("<2I", 40, 40), struct.pack("<2I", 40, 0)),
    ],
)
def test_no_message(data: bytes) -> None:
    assert uevent.parse_datagram(data) is None


def test_an_absurd_number_is_no_number() -> None:
    event = uevent.parse_datagram(b"add@/x\0SEQNUM=" + b"9" * 10000)
    assert event is not None
    assert event.seqnum is None


MONITOR = """\
monitor will print the received events for:
UDEV - the event which udev sends out after rule processing
KERNEL - the kernel uevent

KERNEL[31.366685] add      /devices/pci0000:00/0000:01:00.0/virtio1/block/vdb (block)
ACTION=add
DEVPATH=/devices/pci0000:00/0000:01:00.0/virtio1/block/vdb
SUBSYSTEM=block
DEVNAME=/dev/vdb
SEQNUM=1794

UDEV  [31.395636] bind     /devices/pci0000:00/0000:01:00.0 (pci)
ACTION=bind
DRIVER=virtio-pci
ID_MODEL_FROM_DATABASE=Virtio 1.0 block device
SEQNUM=1798
"""


def test_udevadm_monitor_with_properties() -> None:
    text = uevent.parse_text(MONITOR)
    assert (text.form, text.unparsed, len(text.records)) == ("udevadm-monitor", 0, 2)
    disk, function = text.records
    assert disk[:6] == ("add", "/devices/pci0000:00/0000:01:00.0/virtio1/block/vdb", "block", 1794, 31.366685, 1)
    assert disk.properties["DEVNAME"] == "/dev/vdb"
    assert function[:6] == ("bind", "/devices/pci0000:00/0000:01:00.0", "pci", 1798, 31.395636, 2)
    assert function.properties["ID_MODEL_FROM_DATABASE"] == "Virtio 1.0 block device"


def test_udevadm_monitor_without_properties() -> None:
    text = uevent.parse_text("KERNEL[1.5] remove   /devices/x (pci)\r\nUEVENT[2.5] add /module/a (b) (module)\nwhat\n")
    assert [record[:6] for record in text.records] == [
        ("remove", "/devices/x", "pci", None, 1.5, 1),
        ("add", "/module/a (b)", "module", None, 2.5, 1),
    ]
    assert text.unparsed == 1


def test_properties_after_a_blank_line_belong_to_nobody() -> None:
    text = uevent.parse_text("KERNEL[1.5] add /devices/x (pci)\n\nDRIVER=x\n")
    assert text.unparsed == 1 and "DRIVER" not in text.records[0].properties


def test_udevadm_monitor_that_heard_nothing() -> None:
    assert uevent.parse_text(MONITOR.partition("\n\n")[0]).form == "none"


def line(**entry: object) -> str:
    return json.dumps(entry) + "\n"


def test_recorded_messages() -> None:
    props = {"ACTION": "change", "DEVPATH": "/devices/y", "SEQNUM": "9"}
    text = uevent.parse_text(
        line(t=31.25, group=1, b64=base64.b64encode(KERNEL).decode(), props=props)
        + "\n"
        + line(t=32, group=2, b64="!", props=props)
        + line(t=True, group=9, props=props)
        + line(t=-1, group=None, b64=base64.b64encode(KERNEL).decode())
    )
    assert (text.form, text.unparsed) == ("netlink-jsonl", 0)
    assert [record[:6] for record in text.records] == [
        ("add", DEVPATH, "pci", 1791, 31.25, 1),
        ("change", "/devices/y", None, 9, 32.0, 2),
        ("change", "/devices/y", None, 9, None, None),
        ("add", DEVPATH, "pci", 1791, None, 1),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[1]",
        "{}",
        '{"b64": 1, "props": []}',
        '{"props": {"ACTION": "add"}}',
        "[" * 100000,
        '{"t": ' + "9" * 5000 + "}",
    ],
)
def test_recorded_nonsense_is_counted(bad: str) -> None:
    good = line(t=1, group=1, props={"ACTION": "add", "DEVPATH": "/x"})
    text = uevent.parse_text(good + bad + "\n" + good)
    assert (text.form, len(text.records), text.unparsed) == ("netlink-jsonl", 2, 1)


def test_an_absurd_time_is_no_time() -> None:
    text = uevent.parse_text('{"t": 1' + "0" * 400 + ', "props": {"ACTION": "add", "DEVPATH": "/x"}}\n')
    assert [record.at for record in text.records] == [None]


def test_udevadm_info() -> None:
    text = uevent.parse_text(
        "P: /devices/pci0000:00/0000:00:04.0\nM: 0000:00:04.0\nU: pci\nL: 0\n"
        "E: DEVPATH=/devices/pci0000:00/0000:00:04.0\nE: SUBSYSTEM=pci\nE: DRIVER=virtio-pci\n\n"
        "P: /devices/x\nE: bad\n\nE: LOST=1\n"
    )
    assert (text.form, text.unparsed) == ("udevadm-info", 2)
    assert text.records[0][:6] == ("", DEVPATH, "pci", None, None, None)
    assert text.records[0].properties["DRIVER"] == "virtio-pci"
    assert text.records[1].devpath == "/devices/x"


def test_gibberish() -> None:
    assert uevent.parse_text("nothing\n\nat all\x00\n") == ("none", (), 2)
