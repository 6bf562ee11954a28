"""Dumps of umockdev-record and udevadm: what each line says, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotplugctl.parse.device_dump import parse

TEXTS = Path(__file__).resolve().parents[2] / "fixtures/texts"
DISK = b"""\
P: /devices/pci0000:00/0000:00:02.0/virtio1/block/vdb
M: vdb
U: block
T: disk
D: b 254:16
N: vdb
L: 0
S: disk/by-id/virtio-HOT
S: disk/by-path/pci-0000:00:02.0
Q: 20
V: sd
E: DEVNAME=/dev/vdb
E: ID_SERIAL=HOT=1

"""


def only(data):
    (device,) = parse(data).devices
    return device


def test_a_record_of_udevadm():
    device = only(DISK)
    assert device.devpath == "/devices/pci0000:00/0000:00:02.0/virtio1/block/vdb"
    assert (device.node, device.links) == ("vdb", ("disk/by-id/virtio-HOT", "disk/by-path/pci-0000:00:02.0"))
    assert device.properties == {
        "DEVNAME": "/dev/vdb", "ID_SERIAL": "HOT=1", "SUBSYSTEM": "block", "DRIVER": "sd",
        "MAJOR": "254", "MINOR": "16",
    }  # fmt: skip
    assert (device.attributes, device.targets) == ({}, {})
    assert parse(DISK)[0::2] == ("export-db", 0)


def test_what_the_kernel_says_counts_before_the_summary():
    assert only(DISK + b"E: X=1\n").properties["SUBSYSTEM"] == "block"
    assert only(b"P: /devices/a\nU: summary\nE: SUBSYSTEM=kernel\n").properties == {"SUBSYSTEM": "kernel"}


def test_letters_of_a_later_systemd_say_nothing():
    dump = parse(b"P: /devices/a\nJ: b254:16\nB: pci\nX: what\nE: SUBSYSTEM=pci\n")
    assert (dump.devices[0].properties, dump.unparsed) == ({"SUBSYSTEM": "pci"}, 0)


def test_a_record_of_umockdev():
    dump = parse(
        b"P: /devices/pci0000:00/0000:00:02.0\nN: bus/usb/001=0AFF\nS: disk/x\nE: SUBSYSTEM=pci\n"
        b"A: power/control=on\\n\nH: config=F41A0a\nL: driver=../bus/pci/drivers/virtio-pci\nA: empty=\nH: none=\n"
    )
    (device,) = dump.devices
    assert dump[0::2] == ("umockdev", 0)
    assert device.node == "bus/usb/001"
    assert device.attributes == {"power/control": b"on\n", "config": b"\xf4\x1a\x0a", "empty": b"", "none": b""}
    assert device.targets == {"driver": "../bus/pci/drivers/virtio-pci"}


@pytest.mark.parametrize(
    "written, meant",
    [
        (rb"a\nb\\c\"d", b'a\nb\\c"d'),
        (rb"\001\377\7z", b"\x01\xff\x07z"),
        (rb"\b\f\r\t\v", b"\b\f\r\t\v"),
        (rb"\8\x41", b"8x41"),
        (b"trailing\\", b"trailing\\"),
        (b"key=value=", b"key=value="),
        (b"\xff raw", b"\xff raw"),
    ],
)
def test_escapes(written, meant):
    assert only(b"P: /devices/a\nA: name=" + written + b"\n").attributes == {"name": meant}


@pytest.mark.parametrize(
    "line",
    [b"H: config=F4 1A", b"H: config=F41", b"A: novalue", b"A: ../../etc/passwd=x", b"L: /abs=x", b"A: a//b=x",
     b"Z: x=y", b"A: a\0b=x", b"L: =x", b"E: novalue", b"no line at all"],
)  # fmt: skip
def test_lines_of_umockdev_that_fit_nothing(line):
    dump = parse(b"P: /devices/a\nA: good=1\n" + line + b"\n")
    assert (dump.devices[0].attributes, dump.devices[0].targets, dump.unparsed) == ({"good": b"1"}, {}, 1)


@pytest.mark.parametrize(
    "path",
    ["/devices/../etc", "/devices/a/../../b", "/devices//a", "/devices/a/", "/devices/./a", "/devices/", "/etc/passwd",
     "/devices/" + "a/" * 70 + "a", "/devices/" + "a" * 5000, "/devices/a\0b", "devices/a", "/module/acpiphp"],
)  # fmt: skip
def test_paths_that_no_device_has(path):
    """They are passed over with all that is said of them."""
    dump = parse(f"P: {path}\nE: SUBSYSTEM=pci\n\nP: /devices/good\nE: SUBSYSTEM=pci\n".encode())
    assert [device.devpath for device in dump.devices] == ["/devices/good"]


def test_the_later_of_two_records_counts():
    dump = parse(b"P: /devices/a\nE: X=1\nE: Y=1\n\nP: /devices/b\n\nP: /devices/a\nE: X=2\n")
    assert [(device.devpath, device.properties) for device in dump.devices] == [
        ("/devices/b", {}), ("/devices/a", {"X": "2"}),
    ]  # fmt: skip


def test_other_line_ends_and_bytes():
    device = only(b"\xef\xbb\xbfP: /devices/\xffa\r\nE: NAME=\xfe\r\n")
    assert device.devpath == "/devices/\udcffa" and device.properties == {"NAME": "\udcfe"}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"E: X=1\n", b"nothing", b"P:\n", b"P: \n", bytes(100)])
def test_no_dump(data):
    dump = parse(data)
    assert (dump.form, dump.devices, dump.whole) == ("none", (), False)


@pytest.mark.parametrize("path", sorted(TEXTS.glob("u[dm]*/*")), ids=lambda path: path.name)
def test_real_texts_are_read_to_the_last_line(path):
    dump = parse(path.read_bytes())
    assert dump.form == path.suffix[1:]
    assert dump.unparsed == 0 and dump.whole
    assert len(dump.devices) == path.read_text().count("P: ")


def test_a_dump_of_one_device_is_not_whole():
    data = (TEXTS / "umockdev/virtio.umockdev").read_bytes()
    assert not parse(data[: data.index(b"P: /devices/virtual/mem/null")]).whole
