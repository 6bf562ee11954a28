"""What an event says of a device file, and on which buses drivers put what they make."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.devices import FILELESS

CHILD_BUSES = frozenset(("virtio", "scsi", "scsi_host", "nvme", "usb", "ata_port", "mmc_host", "i2c"))
"""Subsystems whose devices a driver registers below the function that it drives."""


def device_file(subsystem: str, name: str, devname: Optional[str]) -> Optional[str]:
    """The file in /dev. ``devname`` is DEVNAME, which the kernel gives without and udev with ``/dev/``.

    Without it the name tells, where the class has files at all; ``!`` in it stands for a slash.
    """
    if devname:
        return devname if devname.startswith("/") else f"/dev/{devname}"
    if subsystem in FILELESS or subsystem in ("sound", "drm"):
        return None
    return "/dev/" + name.replace("!", "/")
