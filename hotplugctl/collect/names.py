"""Names for ids: pci.ids of the tree, else of this machine, else udev's database, else the built-in table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.collect.packed import unzip
from hotplugctl.collect.pci_ids_file import FILES
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.names import Names
from hotplugctl.model.reads import Value
from hotplugctl.parse import builtin_names, pci_ids, udevdb
from hotplugctl.source.tree import Tree

# The file has some 1.5 MB, and grows by 50 KB a year.
_LIMIT = 16 << 20


def collect(tree: Tree, reference: Optional[Tree], functions: Iterable[PciFunction]) -> Names:
    """The names of all ids that the functions bear. ``reference`` is this machine, whose pci.ids is no evidence."""
    items = tuple(functions)
    vendors = {item.vendor for item in items if item.vendor is not None}
    devices = {(item.vendor, item.device) for item in items if item.vendor is not None and item.device is not None}
    classes = {item.class_ for item in items if item.class_ is not None}
    fallback = builtin_names.NAMES
    for where in (tree, reference):
        found = _pci_ids(where) if where is not None else None
        if found is not None:
            named = pci_ids.lookup(found.data, vendors, devices, classes)
            return Names(
                {**fallback.vendors, **named.vendors}, {**fallback.devices, **named.devices},
                {**fallback.classes, **named.classes}, found.path,
            )  # fmt: skip
    of_udev = _of_udev(tree, items)
    if of_udev is not None:
        return of_udev
    return Names(fallback.vendors, fallback.devices, fallback.classes, "built-in")


def _pci_ids(tree: Tree) -> Optional[Value]:
    for path in FILES:
        read = tree.read(path, _LIMIT)
        whole = unzip(read, _LIMIT) if path.endswith(".gz") else read
        if isinstance(whole, Value):
            return whole
    return None


def evidence(tree: Tree, items: Iterable[PciFunction]) -> None:
    """Read what a recording should hold of names: udev's words. pci.ids is reference data and stays out."""
    _of_udev(tree, items)


def _of_udev(tree: Tree, items: Iterable[PciFunction]) -> Optional[Names]:
    """udev keeps what its hardware database said: ID_VENDOR_FROM_DATABASE and the like (hwdb(7))."""
    fallback = builtin_names.NAMES
    vendors, devices, classes = dict(fallback.vendors), dict(fallback.devices), dict(fallback.classes)
    found = False
    for item in items:
        read = tree.read(f"/run/udev/data/+pci:{item.address}")
        properties: Mapping[str, str] = udevdb.parse(read.text).properties if isinstance(read, Value) else {}
        vendor, device = properties.get("ID_VENDOR_FROM_DATABASE"), properties.get("ID_MODEL_FROM_DATABASE")
        subclass = properties.get("ID_PCI_SUBCLASS_FROM_DATABASE")
        if vendor and item.vendor:
            found = True
            vendors[item.vendor] = vendor
        if device and item.vendor and item.device:
            devices[(item.vendor, item.device)] = device
        if subclass and item.class_:
            classes[item.class_[:4]] = subclass
    return Names(vendors, devices, classes, "/run/udev/data") if found else None
