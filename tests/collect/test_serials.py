"""Serial numbers of disks, from where the kernel and udev keep them."""

from __future__ import annotations

from pathlib import Path

from hotplugctl.collect import nodes, serials
from hotplugctl.model.devices import Node
from hotplugctl.source.door import open_tree


def test_of_a_virtio_disk(recordings) -> None:
    tree = open_tree(str(recordings.stage("pc-virtio", "added")), None, None)
    try:
        found, _ = nodes.collect(tree)
        by_disk = {node.name: serials.collect(tree, [node]) for nodes_ in found.values() for node in nodes_}
    finally:
        tree.close()
    told = {
        node.name: node.detail["serial"] for nodes_ in found.values() for node in nodes_ if node.detail.get("serial")
    }
    assert told
    assert all(serial in by_disk[name] for name, serial in told.items())


def test_of_a_scsi_disk(tmp_path: Path) -> None:
    """syn-: no recording keeps a vital product page."""
    disk = tmp_path / "sys/devices/pci0000:00/0000:00:05.0/host0/target0:0:0/0:0:0:0/block/sda"
    disk.mkdir(parents=True)
    (disk / "dev").write_text("8:0\n")
    (disk / "device").symlink_to("../..")
    (disk.parents[1] / "vpd_pg80").write_bytes(b"\0\x80\0\x08  SN-42 ")
    data = tmp_path / "run/udev/data"
    data.mkdir(parents=True)
    (data / "b8:0").write_text("E:ID_SERIAL=QEMU_HARDDISK_SN-42\nE:ID_SERIAL_SHORT=SN-42s\nE:ID_MODEL=SN\n")
    tree = open_tree(str(tmp_path), None, None)
    node = Node("block", "sda", "/dev/sda", (), "/" + str(disk.relative_to(tmp_path)), {}, {})
    try:
        assert serials.collect(tree, [node]) == {"SN-42", "SN-42s", "QEMU_HARDDISK_SN-42"}
        assert serials.collect(tree, [node._replace(subsystem="net")]) == frozenset()
    finally:
        tree.close()
