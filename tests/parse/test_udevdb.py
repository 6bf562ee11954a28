"""Records of udev's database."""

from __future__ import annotations

from hotplugctl.parse import udevdb


def test_a_disk() -> None:
    record = udevdb.parse(
        "S:disk/by-path/pci-0000:01:00.0\nS:disk/by-id/virtio-AB\nL:10\nW:7\nI:31395636\n"
        "E:ID_PATH=pci-0000:01:00.0\nE:ID_SERIAL=A=B\nG:systemd\nG:seat\nQ:systemd\nV:1\n"
    )
    assert record.links == ("disk/by-path/pci-0000:01:00.0", "disk/by-id/virtio-AB")
    assert record.properties == {"ID_PATH": "pci-0000:01:00.0", "ID_SERIAL": "A=B"}
    assert (record.tags, record.current_tags) == (("systemd", "seat"), ("systemd",))
    assert (record.init_usec, record.node, record.version, record.unparsed) == (31395636, None, 1, 0)


def test_an_old_record() -> None:
    record = udevdb.parse("N:sda\nI:123\nE:ID_BUS=scsi\n")
    assert (record.node, record.version, record.init_usec) == ("sda", None, 123)


def test_nonsense_is_counted() -> None:
    record = udevdb.parse("X:1\nE:novalue\nE:=x\nI:soon\nhello\n\nV:" + "9" * 10000 + "\n")
    assert record.unparsed == 4
    assert record.properties == {} and record.init_usec is None and record.version is None
