"""Devices and drivers point at one another (drivers/base/dd.c, ``driver_sysfs_add``): both links are there, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem
from hotplugctl.rules.validation.paths import Sysfs, joined

_OF_DEVICE = re.compile(r"/sys/devices/.+/driver\Z")
_IN_DRIVER = re.compile(r"(/sys/bus/[^/]+/drivers/[^/]+)/([^/]+)\Z")
# What the folder of every driver that was recorded whole holds beside its devices.
_WHOLE = ("uevent", "unbind", "bind")


def drivers(sysfs: Sysfs) -> Iterator[Problem]:
    """A driver that does not list a device of its own, and one that lists another's."""
    if not sysfs.inventory.whole:
        return
    for path, target in sysfs.links():
        if _OF_DEVICE.match(path):
            yield from _listed(sysfs, path, target)
        else:
            within = _IN_DRIVER.match(path)
            if within is not None and within[2] != "module":
                yield from _owned(sysfs, within[1], path)


def _listed(sysfs: Sysfs, path: str, target: str) -> Iterator[Problem]:
    folder = joined(path.rpartition("/")[0], target)
    device = path.rpartition("/")[0]
    name = device.rpartition("/")[2]
    if folder is None or f"{folder}/{name}" in sysfs.entries:
        return
    if any(f"{folder}/{entry}" in sysfs.entries for entry in _WHOLE):
        why = f"its driver is {folder.rpartition('/')[2]}, which does not list it"
        yield Problem("driver.device-unlisted", device, why, (Evidence(path, target), Evidence(folder, "not there")))


def _owned(sysfs: Sysfs, folder: str, path: str) -> Iterator[Problem]:
    device = sysfs.lands(path)
    if device is None or not device.startswith("/sys/devices/"):
        return
    link = sysfs.entries.get(f"{device}/driver")
    found = None if link is None or link.target is None else joined(device, link.target)
    if found != folder:
        name = "none" if found is None else found.rpartition("/")[2]
        why = f"{folder.rpartition('/')[2]} lists it, and its driver is {name}"
        yield Problem(
            "driver.device-foreign", device, why, (Evidence(path, device), Evidence(f"{device}/driver", name))
        )
