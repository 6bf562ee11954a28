"""The serial numbers by which a function is known: its disks', as the kernel and udev keep them."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.devices import Node
from hotplugctl.model.reads import Value
from hotplugctl.parse import udevdb
from hotplugctl.source.tree import Tree

_DATA = "/run/udev/data"
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


def _of_disk(tree: Tree, path: str) -> Iterable[str]:
    page = tree.read(f"{path}/device/vpd_pg80")
    if isinstance(page, Value):
        yield page.data[_VPD_HEAD:].decode("ascii", "backslashreplace").strip(" \0")
    number = tree.read(f"{path}/dev")
    if isinstance(number, Value):
        record = tree.read(f"{_DATA}/b{number.text.strip()}")
        if isinstance(record, Value):
            properties = udevdb.parse(record.text).properties
            yield from (properties[key] for key in _KEYS if key in properties)
