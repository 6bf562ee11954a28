"""The links of sysfs: where they lead, and that they are links at all.

sysfs makes relative links only, and none that ends nowhere (fs/sysfs/symlink.c): a device's folder, its driver's and
the lists of buses and classes come and go together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem
from hotplugctl.rules.validation.paths import Sysfs, joined
from hotplugctl.rules.validation.words import shown

# Recordings hold but a part of sysfs. What is below a PCI root, and the drivers and devices of a bus, they hold whole.
_MODULE_OF_DRIVER = re.compile(r"/sys/bus/[^/]+/drivers/[^/]+/module\Z")
_WHOLE = re.compile(r"/sys/(?:devices/pci[0-9a-f:]+/.+|bus/[^/]+/(?:devices|drivers)/[^/]+|module/[^/]+)\Z")
_DEVICE = re.compile(r"/sys/bus/pci/devices/[^/]+\Z")
_ALWAYS = re.compile(r"/sys/(?:bus/[^/]+/devices/[^/]+|devices/.+/(?:driver|subsystem|firmware_node))\Z")


def links(sysfs: Sysfs) -> Iterator[Problem]:
    """Links that lead out, in a circle or nowhere, and what should be a link and is none."""
    for path, target in sysfs.links():
        yield from _link(sysfs, path, target)
    for path, entry in sysfs.entries.items():
        if entry.kind in ("dir", "file") and is_always_link(path):
            why = f"the kernel has a link here, and it is a {entry.kind}: links do not survive every checkout and copy"
            yield Problem("link.replaced", path, why, (Evidence(path, entry.kind),))
        elif entry.kind not in ("dir", "file", "link"):
            yield Problem("file.kind-differs", path, f"sysfs has no {entry.kind}", (Evidence(path, entry.kind),))


def is_always_link(path: str) -> bool:
    """Whether the kernel has a link at this path, always."""
    return _ALWAYS.match(path) is not None


def _link(sysfs: Sysfs, path: str, target: str) -> Iterator[Problem]:
    said = (Evidence(path, shown(target)),)
    wanted = joined(path.rpartition("/")[0], target)
    if target.startswith("/") or wanted is None:
        why = "an absolute link; those of sysfs are relative" if wanted is not None else "it leads out of the root"
        yield Problem("link.escapes", path, f"{why}: {shown(target)}", said)
        return
    spot, how = sysfs.resolve(path)
    if how == "out":
        yield Problem("link.escapes", path, f"it leads out of the root: {shown(target)}", said)
    elif how == "circle":
        yield Problem("link.circular", path, f"it leads in a circle: {shown(target)}", said)
    elif how == "missing" and spot == wanted and _is_dangling(sysfs, path, spot):
        yield Problem("link.dangling", path, f"it leads to {shown(wanted)}, and {shown(spot)} is not there", said)


def _is_dangling(sysfs: Sysfs, path: str, spot: str) -> bool:
    """Whether what is missing would have been recorded: its like is there.

    A recording that was reduced to what is read (it has a manifest then) keeps of devices their folders, of what
    drivers made only some.
    """
    if not sysfs.inventory.whole or not _WHOLE.match(spot) or (sysfs.inventory.reduced and not _DEVICE.match(path)):
        return False
    if _MODULE_OF_DRIVER.match(path) and len(sysfs.children.get(path.rpartition("/")[0], ())) == 1:
        # Of a driver a reduced recording has this link alone, also where it has lost its manifest.
        return False
    folder = spot.rpartition("/")[0]
    return any(sysfs.entries[f"{folder}/{name}"].target is None for name in sysfs.children.get(folder, ()))


def unlisted(sysfs: Sysfs) -> Iterator[Problem]:
    """Devices that the list of their class or bus does not have (drivers/base/core.c, ``device_add_class_symlinks``).

    Which list that is, their link ``subsystem`` says, or else the folder of a class that they are in. Nothing is said
    of lists that were not recorded, nor of PCI functions, which ``functions`` looks for.
    """
    entries = sysfs.entries
    if not sysfs.inventory.whole:
        return
    for path, entry in entries.items():
        if entry.kind != "dir" or not path.startswith("/sys/devices/"):
            continue
        folder = _list_of(sysfs, path)
        name = path.rpartition("/")[2]
        # In names of devices ! stands for / in both places (drivers/base/core.c, device_add).
        if folder is not None and folder in entries and f"{folder}/{name}" not in entries:
            why = f"a device's folder, and {folder} has no link to it"
            yield Problem("link.missing", path, why, (Evidence(path, name), Evidence(f"{folder}/{name}", "not there")))


def _list_of(sysfs: Sysfs, path: str) -> Optional[str]:
    said = sysfs.entries.get(f"{path}/subsystem")
    if said is not None and said.target is not None:
        top = joined(path, said.target) or ""
        if top == "/sys/bus/pci":
            return None
        return f"{top}/devices" if top.startswith("/sys/bus/") else top if top.startswith("/sys/class/") else None
    inside = _IN_CLASS.search(path)
    if inside is None or f"{path}/uevent" not in sysfs.entries:
        return None
    return f"/sys/class/{inside[1]}"


# What the kernel puts into a folder with the name of its class, below a device of another kind (get_device_parent).
_IN_CLASS = re.compile(r"/(block|net|nvme|scsi_host|scsi_disk|scsi_device|scsi_generic|tty)/[^/]+\Z")


def lost(sysfs: Sysfs) -> Iterator[Problem]:
    """What git and some copies leave out: modes but for one bit, and folders with nothing in them."""
    if sysfs.inventory.reduced:
        return
    entries = sysfs.entries
    open_ = [
        path
        for path, entry in entries.items()
        if entry.kind == "file" and entry.mode & 0o444 and path.rpartition("/")[2] in _WRITE_ONLY
    ]
    if open_:
        why = f"{len(open_)} attributes that can only be written are readable here: the modes were lost (git, a copy)"
        yield Problem("file.mode-lost", open_[0], why, tuple(Evidence(p, f"{entries[p].mode:04o}") for p in open_[:3]))
    disks = [path for path in entries if _DISK.match(path) and f"{path}/queue" in sysfs.children]
    bare = [path for path in disks if f"{path}/holders" not in entries and f"{path}/slaves" not in entries]
    if bare and len(bare) == len(disks):
        why = "no disk has its folders holders and slaves, which are mostly empty: those were lost (git, a copy)"
        yield Problem("file.folder-lost", bare[0], why, tuple(Evidence(f"{bare[0]}/{name}", "none") for name in _EMPTY))


# drivers/base/bus.c, drivers/pci/pci-sysfs.c, drivers/acpi/device_sysfs.c, drivers/scsi/scsi_sysfs.c
_WRITE_ONLY = frozenset(("bind", "unbind", "new_id", "remove_id", "remove", "drivers_probe", "eject", "delete"))
# A disk has these whether or not there is anything in them (block/genhd.c, block/holder.c).
_DISK = re.compile(r"/sys/devices/.+/block/[^/]+\Z")
_EMPTY = ("holders", "slaves")
