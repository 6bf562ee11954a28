"""The kernel log against sysfs: what it says last of a function or a disk is how they should be found.

A removal by ACPI or by hand prints nothing, so that something was found does not mean that it is still there; what is
there was found. A log that begins late, or has lost lines, says nothing of what it does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Optional

from hotplugctl.model.log_view import LogBar, LogDisk, LogFunction, LogView, SysfsDisk, SysfsDisks
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.validation import Problem, Subject, Subjects
from hotplugctl.rules.validation.words import shown

# Drivers that take a device over from its own without a word.
_TAKERS = frozenset(("vfio-pci", "pci-stub", "pciback", "xen-pciback", "uio_pci_generic", "igb_uio"))
# Host and ISA bridges are never unplugged.
_STAYS = ("0600", "0601")
_XHCI = "0c03"


def kernel_log(view: LogView, subjects: Subjects, disks: SysfsDisks) -> Iterator[Problem]:
    """Every contradiction between the log and sysfs."""
    if subjects.failure is not None:
        return
    for address, subject in subjects.items.items():
        said = view.functions.get(address)
        if said is None:
            if view.whole:
                why = "sysfs has a function that the kernel log never found, though it goes back to the boot"
                yield Problem("log.function-unfound", address, why, (Evidence(subject.function.path, address),))
            continue
        yield from _function(address, subject, said, view)
    for address, said in view.functions.items():
        if address not in subjects.items and said.at_boot and said.class_.startswith(_STAYS):
            why = "the log found it at boot, such bridges are never unplugged, and sysfs does not have it"
            yield Problem("log.function-missing", address, why, (Evidence(view.source, f"{said.ids} {said.class_}"),))
    yield from _disks(view, disks)


def _function(address: str, subject: Subject, said: LogFunction, view: LogView) -> Iterator[Problem]:
    function = subject.function
    if function.vendor is not None and function.device is not None:
        ids = f"{function.vendor}:{function.device}"
        if ids != said.ids:
            yield _differs("log.function-differs", f"{address} id", said.ids, ids, view.source, function.path)
    if function.class_ is not None and not _same_class(said, function.class_):
        yield _differs(
            "log.function-differs", f"{address} class", said.class_, function.class_, view.source, function.path
        )
    driver = function.driver
    if driver is not None and said.driver not in (None, driver) and not function.is_bridge and driver not in _TAKERS:
        source = f"{function.path}/driver"
        yield _differs("log.driver-differs", address, str(said.driver), driver, view.source, source)
    yield from _bars(address, subject, view)
    gone = view.gone.get(function.parent or "")
    if gone is not None and gone.line > said.line:
        why = f"the port above it said: {shown(gone.words)}; and it is still there"
        witnesses = (Evidence(view.source, gone.words), Evidence(function.path, address))
        yield Problem("log.function-lingers", address, why, witnesses)


def _same_class(said: LogFunction, class_: str) -> bool:
    """The line is printed before the quirks that give a class to what has none (drivers/pci/quirks.c)."""
    if said.class_[:2] == "00" or (said.class_[:4] == class_[:4] and (said.shifted or class_.startswith(_XHCI))):
        return True
    return said.class_ == class_


def _bars(address: str, subject: Subject, view: LogView) -> Iterator[Problem]:
    if subject.resources is None or (subject.config is not None and subject.config.all_ones):
        return
    for line in subject.resources[:6]:
        bar = view.bars.get((address, f"BAR {line.index}"))
        found = (line.start, line.end) if line.assigned else None
        if bar is None or _bar_agrees(bar, found, line):
            continue
        words = "no address" if bar.state == "failed" else f"{bar.start or 0:x}-{bar.end or 0:x}"
        have = "no address" if found is None else f"{line.start:x}-{line.end:x}"
        yield _differs(
            "log.bar-differs",
            f"{address} BAR {line.index}",
            words,
            have,
            view.source,
            f"{subject.function.path}/resource",
        )


def _bar_agrees(bar: LogBar, found: Optional[tuple[int, int]], line: ResourceLine) -> bool:
    if bar.state == "failed":
        return found is None
    if bar.state != "assigned" or bar.start is None or bar.end is None:
        return True
    return found == (bar.start, bar.end) or (found is None and not line.flags)


def _differs(identifier: str, where: str, said: str, found: str, log: str, source: str) -> Problem:
    why = f"the kernel log says {shown(said)}, sysfs says {shown(found)}"
    return Problem(identifier, where, why, (Evidence(log, said), Evidence(source, found)))


# Disks.

_TOLD = re.compile(r"(?:vd|sd)[a-z]{1,4}\Z")


def _disks(view: LogView, sysfs: SysfsDisks) -> Iterator[Problem]:
    for disk in sysfs.disks:
        said = view.disks.get(disk.name)
        if said is None:
            if view.whole and _TOLD.match(disk.name):
                why = "sysfs has a disk that the kernel log never named, though it goes back to the boot"
                yield Problem("log.disk-unattached", disk.name, why, (Evidence(disk.path, disk.name),))
        else:
            yield from _disk(view, disk, said)
    if sysfs.names is not None:
        yield from _missing(view.disks, sysfs.names, sysfs.hosts or frozenset(), view.source)


def _disk(view: LogView, disk: SysfsDisk, said: LogDisk) -> Iterator[Problem]:
    if said.holder is not None and said.holder not in disk.path.split("/"):
        yield _differs("log.disk-differs", f"{disk.name} device", said.holder, disk.path, view.source, disk.path)
    elif said.size is not None and disk.size is not None and said.size != disk.size:
        size = f"{disk.path}/size"
        yield _differs(
            "log.disk-differs", f"{disk.name} size", f"{said.size} bytes", f"{disk.size} bytes", view.source, size
        )


def _missing(
    disks: Mapping[str, LogDisk], names: frozenset[str], hosts: frozenset[str], source: str
) -> Iterator[Problem]:
    for name, said in disks.items():
        host = f"host{(said.holder or '').partition(':')[0]}"
        if said.attached and said.cached and name not in names and host in hosts:
            why = f"the log attached it and nothing says that it went; its {host} is there, and it is not"
            yield Problem(
                "log.disk-missing",
                name,
                why,
                (Evidence(source, f"{said.holder}"), Evidence("/sys/class/block", "none")),
            )
