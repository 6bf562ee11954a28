"""What a devpath says: the PCI function that a device belongs to, and what kind of thing it is."""

from __future__ import annotations

import re
from typing import Optional

# Any address that fills a part of a path: /devices/pci0000:00/0000:00:03.0/0000:02:00.0/virtio1/block/vdb. The services
# of a port (0000:00:03.0:pcie004) and buses (pci_bus/0000:02) are no functions.
_ADDRESSES = re.compile(r"/([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?=/|\Z)")
_MARK = re.compile(r"\.[0-7](?:/|\Z)")

NODE_CLASSES = frozenset((
    "block", "drm", "infiniband", "net", "nvme", "ptp", "rtc", "scsi_generic", "scsi_host", "scsi_tape",
    "sound", "tpm", "tty", "uio", "usbmisc", "video4linux", "virtio-ports", "watchdog",
))  # fmt: skip
"""The classes whose members a user would call a device: those that ``list`` shows."""

CHILD_BUSES = frozenset(("virtio", "scsi", "scsi_host", "nvme", "usb", "ata_port", "mmc_host", "i2c"))
"""Subsystems whose devices a driver registers below the function that it drives."""

_FILELESS = frozenset(("net", "scsi_host", "infiniband"))


def owner(devpath: str) -> Optional[tuple[str, str]]:
    """The PCI function nearest above a devpath (or the one that it is), and its own devpath; None: there is none."""
    if _MARK.search(devpath) is None:
        return None
    found = list(_ADDRESSES.finditer(devpath))
    return (found[-1][1], devpath[: found[-1].end()]) if found else None


def parent(devpath: str) -> Optional[str]:
    """The function above the one of this devpath: the bridge that it is behind."""
    found = owner(devpath.rpartition("/")[0])
    return None if found is None else found[0]


def device_file(subsystem: str, name: str, devname: Optional[str]) -> Optional[str]:
    """The file in /dev. ``devname`` is DEVNAME, which the kernel gives without and udev with ``/dev/``.

    Without it the name tells, where the class has files at all; ``!`` in it stands for a slash.
    """
    if devname:
        return devname if devname.startswith("/") else f"/dev/{devname}"
    if subsystem in _FILELESS or subsystem in ("sound", "drm"):
        return None
    return "/dev/" + name.replace("!", "/")
