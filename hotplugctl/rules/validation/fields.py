"""Ids, revision, driver, modules and slot of one function: what lspci says, and what sysfs says.

Where lspci gets them: ``lib/sysfs.c`` (ids, class, driver, slot), ``ls-kernel.c`` (modules) and ``lspci.c`` (revision,
programming interface and subsystem, out of config space) of pciutils.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.validation import Subject
from hotplugctl.rules.validation.difference import Difference, Shows, has_subsystem

_NOTHING = (None, "0000", "ffff")


def differences(record: LspciRecord, subject: Subject, shows: Shows) -> Iterator[Difference]:
    """Every field that both tell, and otherwise."""
    yield from _id("vendor", record.vendor, subject)
    yield from _id("device", record.device, subject)
    yield from _class(record, subject)
    if shows.records:
        # A record always has these three.
        for key in ("vendor", "device", "class"):
            named = getattr(record, "class_" if key == "class" else key) or getattr(record, f"{key}_name")
            if not named:
                yield from _left_out(key, subject)
    yield from _vanished(record, subject)
    if not record.vanished:
        yield from _subsystem(record, subject, shows)
    if record.revision != "ff" or not record.vanished:
        yield from _revision(record, subject)
    if shows.drivers:
        yield from _driver(record, subject)
        yield from _modules(record, subject)
    if shows.slots and (record.slot or subject.slots) and record.slot not in subject.slots:
        found = subject.slots or None
        yield Difference("slot", record.slot, found, "/sys/bus/pci/slots")


def _left_out(key: str, subject: Subject) -> Iterator[Difference]:
    for evidence in subject.ids[key][:1]:
        yield Difference(key, None, evidence.value, evidence.source)


def _id(key: str, said: Optional[str], subject: Subject) -> Iterator[Difference]:
    for evidence in subject.ids[key]:
        if said is not None and evidence.value != said:
            yield Difference(key, said, evidence.value, evidence.source)


def _class(record: LspciRecord, subject: Subject) -> Iterator[Difference]:
    """As many digits as the text has. lspci has the class from the kernel, and the programming interface from the
    device before 3.8; the two differ where the kernel overrules the device (DECLARE_PCI_FIXUP_CLASS_EARLY)."""
    said = record.class_[:4] if record.class_ is not None else None
    detail = record.class_[4:] if record.class_ is not None and len(record.class_) == 6 else record.prog_if
    raw = subject.config.class_ if subject.config is not None and not subject.config.all_ones else None
    overruled = raw is not None and all(evidence.value != raw for evidence in subject.ids["class"])
    if overruled and raw is not None and detail == raw[4:]:
        detail = None
    for name, digits, part in (("class", said, slice(0, 4)), ("prog_if", detail, slice(4, 6))):
        if digits is None or record.vanished:
            continue
        for evidence in subject.ids["class"]:
            if evidence.value[part] != digits:
                yield Difference(name, digits, evidence.value[part], evidence.source)


def _vanished(record: LspciRecord, subject: Subject) -> Iterator[Difference]:
    """A device that does not answer reads as ones only. Where a text shows no config space, silence means nothing:
    since 3.8 lspci has the revision from sysfs, and prints no ``rev ff``."""
    config = subject.config
    if config is not None and config.all_ones != record.vanished and (record.vanished or record.capabilities):
        words = {True: "only ones in config space", False: "a device that answers"}
        source = f"{subject.function.path}/config"
        yield Difference("config", words[record.vanished], words[config.all_ones], source)


def _subsystem(record: LspciRecord, subject: Subject, shows: Shows) -> Iterator[Difference]:
    if has_subsystem(record):
        yield from _id("subsystem_vendor", record.subsystem_vendor, subject)
        yield from _id("subsystem_device", record.subsystem_device, subject)
        if shows.records and not (record.subsystem_vendor or record.subsystem_vendor_name):
            yield from _left_out("subsystem_vendor", subject)
    elif shows.subsystems and (not subject.function.is_bridge or record.capabilities):
        # Of a bridge it is in a capability, which lspci may not be allowed to read.
        for evidence in subject.ids["subsystem_vendor"]:
            if evidence.value not in _NOTHING:
                yield Difference("subsystem_vendor", None, evidence.value, evidence.source)


def _revision(record: LspciRecord, subject: Subject) -> Iterator[Difference]:
    """lspci leaves out 00."""
    said = record.revision or "00"
    path = subject.function.path
    found = subject.function.revision
    if found is not None and found != said:
        yield Difference("revision", said, found, f"{path}/revision")
    config = subject.config
    if config is not None and not config.all_ones and f"{config.revision:02x}" != said:
        yield Difference("revision", said, f"{config.revision:02x}", f"{path}/config")


def _driver(record: LspciRecord, subject: Subject) -> Iterator[Difference]:
    function = subject.function
    if "driver" not in function.unknown and record.driver != function.driver:
        yield Difference("driver", record.driver, function.driver, f"{function.path}/driver")


def _modules(record: LspciRecord, subject: Subject) -> Iterator[Difference]:
    """lspci asks libkmod, which knows the aliases of built-in modules too since version 27."""
    if subject.claims is None:
        return
    said = frozenset(name.replace("-", "_") for name in record.modules)
    if not subject.claims.modules <= said <= subject.claims.modules | subject.claims.builtin:
        yield Difference("modules", sorted(said), sorted(subject.claims.modules), "modules.alias")
