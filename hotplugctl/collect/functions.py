"""PCI functions out of /sys/bus/pci/devices."""

from __future__ import annotations

import re
from typing import Optional, Union

from hotplugctl.model.devices import Functions, PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Failure, Malformed, Value, Vanished, reason
from hotplugctl.parse import modalias
from hotplugctl.source.tree import Directory, Tree

DEVICES = "/sys/bus/pci/devices"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z")
_HEX_ID = re.compile(rb"0x([0-9a-fA-F]{4}|[0-9a-fA-F]{6})\s*\Z")
_IDS = ("class", "vendor", "device", "subsystem_vendor", "subsystem_device")


def collect(tree: Tree) -> Functions:
    """Every function of the tree, ordered by address. One that cannot be read is there with its reasons."""
    listing = tree.names(DEVICES)
    if not isinstance(listing, Names):
        return Functions((), listing)
    names = [name for name in listing.names if _ADDRESS.match(name)]
    # Domains are at least four digits and unpadded beyond: length first keeps 10000: behind ffff:.
    names.sort(key=lambda name: (len(name), name))
    return Functions(tuple([_function(tree, name) for name in names]), None)


def _function(tree: Tree, name: str) -> PciFunction:
    path = f"{DEVICES}/{name}"
    directory = tree.directory(path)
    if isinstance(directory, FAILURES):
        return _unreadable(name, path, Vanished(path) if isinstance(directory, Absent) else directory)
    with directory:
        return _read_function(directory, name, directory.real)


def device_path(tree: Tree, link_path: str) -> Union[str, Failure]:
    """Where a link of /sys/bus or /sys/class leads, as a path from the root; a plain directory stays itself."""
    link = tree.link(link_path)
    if isinstance(link, Value):
        target = link.text
        if target.startswith("../../../devices/") and "/.." not in target[9:]:
            return "/sys" + target[8:]
        return tree.resolve(link_path)
    if isinstance(link, (Absent, Vanished)):
        return Vanished(link_path)
    return link_path


def _read_function(directory: Directory, name: str, path: str) -> PciFunction:
    unknown: dict[str, str] = {}
    alias = directory.read("modalias")
    ids = modalias.split_pci(alias.text) if isinstance(alias, Value) else None
    if ids is None:
        class_, vendor, device, sub_vendor, sub_device = (_id(directory, key, unknown) for key in _IDS)
    else:
        vendor, device, sub_vendor, sub_device, class_ = ids
    return PciFunction(
        name, path, class_, vendor, device, sub_vendor, sub_device,
        _revision(directory, unknown),
        _driver(directory, unknown),
        _enabled(directory, unknown),
        alias.text if isinstance(alias, Value) else None,
        parent_of(path),
        unknown,
    )  # fmt: skip


def _id(directory: Directory, key: str, unknown: dict[str, str]) -> Optional[str]:
    read = directory.read(key)
    if isinstance(read, Value):
        found = _HEX_ID.match(read.data)
        if found is not None and len(found[1]) == (6 if key == "class" else 4):
            return found[1].decode().lower()
        read = Malformed(read.path, "not an id")
    unknown[key] = reason(read)
    return None


def _revision(directory: Directory, unknown: dict[str, str]) -> Optional[str]:
    read = directory.read("revision")
    if isinstance(read, Value) and len(read.data) == 5 and read.data[:2] == b"0x":
        digits = read.data[2:4].lower()
        if not digits.strip(b"0123456789abcdef"):
            return digits.decode()
    # Kernels before 4.10 have no such file; byte 8 of the config space says the same.
    config = directory.read("config")
    if isinstance(config, Value) and len(config.data) > 8:
        return f"{config.data[8]:02x}"
    unknown["revision"] = reason(Malformed(read.path, "not a revision") if isinstance(read, Value) else read)
    return None


def _driver(directory: Directory, unknown: dict[str, str]) -> Optional[str]:
    read = directory.link("driver")
    if isinstance(read, Value):
        return read.text.rpartition("/")[2]
    if not isinstance(read, Absent):
        unknown["driver"] = reason(read)
    return None


def _enabled(directory: Directory, unknown: dict[str, str]) -> Optional[bool]:
    read = directory.read("enable")
    if isinstance(read, Value):
        count = read.data.strip()
        if count.lstrip(b"-").isdigit():
            return count[:1] != b"-" and count.strip(b"0") != b""
        read = Malformed(read.path, "not a number")
    unknown["enabled"] = reason(read)
    return None


def parent_of(path: str) -> Optional[str]:
    """The bridge above a device directory: the nearest part of its path that is a PCI address."""
    above = path.rsplit("/", 2)
    if len(above) == 3 and _ADDRESS.match(above[1]):
        return above[1]
    # VMD and Hyper-V put a host bridge of their own (pci10000:e0) between a function and its parent.
    for part in reversed(path.split("/")[:-1]):
        if _ADDRESS.match(part):
            return part
    return None


def _unreadable(name: str, path: str, failure: Failure) -> PciFunction:
    why = reason(failure)
    keys = (*_IDS, "revision", "driver", "enabled", "parent")
    return PciFunction(name, path, None, None, None, None, None, None, None, None, None, None, dict.fromkeys(keys, why))
