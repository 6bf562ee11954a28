"""The serial numbers by which a function is known: its disks', as the kernel and udev keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotplugctl.model.devices import Node
from hotplugctl.model.reads import Value
from hotplugctl.parse import udevdb
from hotplugctl.source.tree import Tree

_DATA = "/run/udev/data"
_OWN_KEYS = ("ID_SERIAL_SHORT", "ID_SCSI_SERIAL", "ID_WWN_WITH_EXTENSION", "ID_WWN")
_KEYS = ("ID_SERIAL_SHORT", "ID_SERIAL", "ID_SCSI_SERIAL")
# Four bytes of head, then the serial number in ASCII (SPC-4, 7.8.15); the kernel keeps the page it read at the probe.
_VPD_HEAD = 4


def collect(tree: Tree, nodes: Iterable[Node]) -> frozenset[str]:
    """Of these nodes (``collect.nodes``); nothing is asked of a device here."""
    found: set[str] = set()
    for node in nodes:
        serial = node.detail.get("serial")
        if isinstance(serial, str):
            found.add(serial.strip())
        if node.subsystem == "block":
            found.update(_of_disk(tree, node.path))
    found.discard("")
    return frozenset(found)


def marks(tree: Tree, node: Node) -> frozenset[str]:
    """What tells a disk from all others, each said with whose word it is: serial numbers, WWNs. Others have none here.

    udev's are spelt by udev (blanks become _), so they are never compared with the kernel's.
    """
    if node.subsystem != "block" or node.detail.get("partition") is not None:
        return frozenset()
    serial = node.detail.get("serial")
    found = {("serial", serial if isinstance(serial, str) else ""), ("serial", _page(tree, node.path))}
    properties = _of_udev(tree, node.path)
    # Of a disk without a serial number, ID_SERIAL is its model (udev's ata_id, scsi_id); virtio disks have no model.
    keys = (*_OWN_KEYS, "ID_SERIAL") if "/virtio" in node.path and len(node.via) == 2 else _OWN_KEYS
    found |= {(key, properties.get(key, "")) for key in keys}
    return frozenset(f"{word}:{value.strip()}" for word, value in found if value.strip())


def evidence(tree: Tree, nodes: Iterable[Node]) -> None:
    """Read what a recording should hold of these nodes."""
    for node in nodes:
        marks(tree, node)


def _of_disk(tree: Tree, path: str) -> Iterable[str]:
    yield _page(tree, path)
    properties = _of_udev(tree, path)
    yield from (properties[key] for key in _KEYS if key in properties)


def _page(tree: Tree, path: str) -> str:
    page = tree.read(f"{path}/device/vpd_pg80")
    return page.data[_VPD_HEAD:].decode("ascii", "backslashreplace").strip(" \0") if isinstance(page, Value) else ""


def _of_udev(tree: Tree, path: str) -> Mapping[str, str]:
    number = tree.read(f"{path}/dev")
    record = tree.read(f"{_DATA}/b{number.text.strip()}") if isinstance(number, Value) else number
    return udevdb.parse(record.text).properties if isinstance(record, Value) else {}
