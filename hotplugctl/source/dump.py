"""The tree that a dump of devices is: made up in memory, with the links that the kernel has for what it tells.

What it does not tell is unknown, not absent. Two absences follow from it: a device of a bus whose driver is not named
has none (the kernel names it in every ``uevent``), and in a dump of all devices a class without members is not there.
Limits: ``SIZE_LIMIT``, ``LINES_LIMIT``, ``FOLDERS_LIMIT``, and those that the parser sets on a devpath.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from typing import BinaryIO, Callable, Optional, Union

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.device_dump import DeviceDump, DumpedDevice
from hotplugctl.model.devices import NODE_CLASSES
from hotplugctl.source.archive import ArchiveTree, File, Folder
from hotplugctl.source.gaps import Gaps

FOLDERS_LIMIT = 200_000
"""Folders in the tree at most: few bytes of a dump can be many of them."""

SIZE_LIMIT = 32 << 20
"""Bytes of a dump at most: one of a large host with all attributes has a few."""

LINES_LIMIT = 500_000
"""Lines of it at most: each may take some 200 bytes of memory, and a large host has a third of these."""

DumpReader = Callable[[bytes], DeviceDump]
HEAD = 512
_BUSES = frozenset({"pci", "pci_express", "scsi", "virtio"})
_CLASSES = frozenset({*NODE_CLASSES, "pci_bus"})
_DRESSED = re.compile(rb"\x1b\[[0-9;]*m|\A\xef\xbb\xbf|\A[ \t]+")
_MODE = stat.S_IFREG | 0o444
# Who writes these is udev, whatever the kernel's own properties are.
_OF_UDEV = ("ID_", "TAGS", "CURRENT_TAGS", "DEVLINKS", "USEC_INITIALIZED", "SYSTEMD_")


def looks_like(head: bytes) -> bool:
    """Whether a text that begins so is a dump: what was typed may be before it, and the colours of a terminal in it."""
    if b"P:" not in head or b"\0" in head:
        return False
    lines = (_DRESSED.sub(b"", line) for line in head.split(b"\n"))
    return any(line.startswith(b"P: /") for line in lines)


def open_dump(file: BinaryIO, label: str, reader: Optional[DumpReader]) -> DumpTree:
    """The tree of the dump in ``file``. Raises UnusableRoot where it is none, is too large, or nobody can read it."""
    if reader is None:
        raise UnusableRoot(f"{label}: a dump of devices, no recording", "list and diff read such a text")
    data = file.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise UnusableRoot(f"{label}: a dump of devices larger than {SIZE_LIMIT >> 20} MiB", "cut it down")
    if data.count(b"\n") > LINES_LIMIT:
        raise UnusableRoot(f"{label}: a dump of devices of more than {LINES_LIMIT} lines", "cut it down")
    dump = reader(data)
    if not dump.devices:
        raise UnusableRoot(f"{label}: no device in it", "name what umockdev-record or udevadm info -e wrote")
    return DumpTree(dump, label)


class DumpTree(ArchiveTree):
    """A ``Tree`` over a dump."""

    def __init__(self, dump: DeviceDump, label: str) -> None:
        builder = _Builder(dump.devices, label)
        absent = builder.absent
        if dump.whole:
            builder.below(builder.root, ("sys", "class"))
            absent |= {f"/sys/class/{name}" for name in NODE_CLASSES if name not in builder.classes}
        super().__init__(builder.root, "recording", label, _DumpGaps(absent))
        self._whole = dump.whole

    @property
    def whole(self) -> bool:
        """See ``Tree.whole``: a dump may be one of a single device and what is above it."""
        return self._whole


class _DumpGaps(Gaps):
    """Nothing is absent but what is known to be."""

    def __init__(self, absent: set[str]) -> None:
        super().__init__()
        self._absent = absent

    def is_absent(self, spot: str, populated: Callable[[str], bool]) -> bool:  # noqa: ARG002
        """See ``Gaps.is_absent``."""
        return spot in self._absent


class _Builder:
    """``absent``: what is known not to be there; ``classes``: those that have members."""

    def __init__(self, devices: Iterable[DumpedDevice], label: str) -> None:
        self.root = Folder()
        self._label = label
        self._room = FOLDERS_LIMIT
        self.absent: set[str] = set()
        self.classes: set[str] = set()
        known = tuple(devices)
        # First all folders: of a device and a file of one name the device counts.
        folders = [self.below(self.root, ["sys", *device.devpath.split("/")[1:]]) for device in known]
        for device, folder in zip(known, folders):
            if folder is not None:
                self._furnish(device, folder)

    def _furnish(self, device: DumpedDevice, folder: Folder) -> None:
        for name, data in {**_derived(device), **device.attributes}.items():
            self._put(folder, name, File(_MODE, data))
        for name, target in device.targets.items():
            self._put(folder, name, target)
        self._join(device, folder)
        kernel = _kernel(device)
        if kernel is not None:
            self._put(self.root, "proc/sys/kernel/osrelease", File(_MODE, kernel + b"\n"))
        if device.links or any(key.startswith(_OF_UDEV) for key in device.properties):
            of_udev = _record_name(device)
            if of_udev is not None:
                self._put(self.root, f"run/udev/data/{of_udev}", File(_MODE, _record(device)))

    def _join(self, device: DumpedDevice, folder: Folder) -> None:
        """The links of its bus or class, and the one to its driver."""
        subsystem = device.properties.get("SUBSYSTEM", "")
        name = device.devpath.rpartition("/")[2]
        if subsystem in _BUSES:
            self._put(self.root, f"sys/bus/{subsystem}/devices/{name}", f"../../..{device.devpath}")
            driver = device.properties.get("DRIVER")
            if driver and _is_name(driver):
                up = "../" * (device.devpath.count("/"))
                self._put(folder, "driver", f"{up}bus/{subsystem}/drivers/{driver}")
            elif driver is None and "driver" not in folder:
                self.absent.add(f"/sys{device.devpath}/driver")
        elif subsystem in _CLASSES:
            self.classes.add(subsystem)
            self._put(self.root, f"sys/class/{subsystem}/{name}", f"../..{device.devpath}")

    def below(self, root: Folder, parts: Iterable[str]) -> Optional[Folder]:
        """The folder at these parts, made where it is missing; None where something else is in the way."""
        here = root
        for part in parts:
            node = here.get(part)
            if node is None:
                self._room -= 1
                if self._room < 0:
                    raise UnusableRoot(f"{self._label}: more than {FOLDERS_LIMIT} folders of devices", "cut it down")
                node = here[part] = Folder()
            if not isinstance(node, Folder):
                return None
            here = node
        return here

    def _put(self, root: Folder, path: str, node: Union[File, str]) -> None:
        """Put a file or link there, unless there is something."""
        *above, name = path.split("/")
        folder = self.below(root, above)
        if folder is not None and name not in folder:
            folder[name] = node


def _is_name(text: str) -> bool:
    return "/" not in text and "\0" not in text and text not in (".", "..")


def _derived(device: DumpedDevice) -> Mapping[str, bytes]:
    """The files whose content the kernel puts into its properties, too (drivers/base/core.c, pci-driver.c)."""
    get = device.properties.get
    texts: dict[str, Optional[str]] = {"modalias": get("MODALIAS"), "ifindex": get("IFINDEX")}
    major, minor = get("MAJOR"), get("MINOR")
    if major is not None and minor is not None:
        texts["dev"] = f"{major}:{minor}"
    if get("SUBSYSTEM") == "pci":
        vendor, _, number = get("PCI_ID", "").partition(":")
        of_vendor, _, of_number = get("PCI_SUBSYS_ID", "").partition(":")
        ids = {"vendor": vendor, "device": number, "subsystem_vendor": of_vendor, "subsystem_device": of_number}
        texts.update({key: f"0x{value.lower()}" for key, value in ids.items() if value})
        if get("PCI_CLASS"):
            texts["class"] = f"0x{get('PCI_CLASS', '').lower():0>6}"
    return {key: value.encode("utf-8", "surrogateescape") + b"\n" for key, value in texts.items() if value is not None}


def _kernel(device: DumpedDevice) -> Optional[bytes]:
    """The release of the kernel, which is in the name of who made a USB root hub (drivers/usb/core/hcd.c,
    ``rh_string``: ``Linux 6.1.0-18-amd64 xhci-hcd``); udev keeps that name with its blanks as ``\\x20``.
    """
    if not device.devpath.rpartition("/")[2].startswith("usb"):
        return None
    maker = device.attributes.get("manufacturer")
    if maker is None:
        encoded = device.properties.get("ID_VENDOR_ENC", "")
        maker = encoded.replace("\\x20", " ").encode("utf-8", "surrogateescape")
    words = maker.split(b" ")
    return words[1] if len(words) > 2 and words[0] == b"Linux" and words[1] else None


def _record_name(device: DumpedDevice) -> Optional[str]:
    """The file below /run/udev/data that udev keeps of it (sd-device, ``device_get_device_id``)."""
    get = device.properties.get
    subsystem = get("SUBSYSTEM", "")
    name = device.devpath.rpartition("/")[2]
    if get("MAJOR") is not None and get("MINOR") is not None:
        found = f"{'b' if subsystem == 'block' else 'c'}{get('MAJOR')}:{get('MINOR')}"
    elif get("IFINDEX") is not None:
        found = f"n{get('IFINDEX')}"
    else:
        found = f"+{subsystem}:{name}"
    return found if _is_name(found) else None


def _record(device: DumpedDevice) -> bytes:
    lines = [f"S:{link}" for link in device.links]
    when = device.properties.get("USEC_INITIALIZED")
    lines += [] if when is None else [f"I:{when}"]
    lines += [f"E:{key}={value}" for key, value in device.properties.items()]
    for letter, key in (("G", "TAGS"), ("Q", "CURRENT_TAGS")):
        lines += [f"{letter}:{tag}" for tag in device.properties.get(key, "").split(":") if tag]
    return ("\n".join([*lines, "V:1"]) + "\n").encode("utf-8", "surrogateescape")
