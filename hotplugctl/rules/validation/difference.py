"""One field of one function that lspci and sysfs tell otherwise, and what a text would show if there were something."""

from __future__ import annotations

from typing import NamedTuple

from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.validation import Witness


class Difference(NamedTuple):
    """``said`` by lspci, ``found`` in ``source``, a path of sysfs. None: there is none."""

    field: str
    said: object
    found: object
    source: str


class Shows(NamedTuple):
    """What the text shows where there is something, so that silence about it says that there is nothing.

    The options that lspci was called with are not in its output. Lines of the kernel (-k, or -v) and subsystems are
    shown if any record has one; slots by -v and -vmm of every lspci that shows drivers (3.0, 2008).
    ``regions``: -v or more; ``numbered``: -vv, whose regions bear numbers; ``records``: -vmm.
    """

    drivers: bool
    subsystems: bool
    slots: bool
    regions: bool
    numbered: bool
    records: bool

    @classmethod
    def of(cls, text: Witness, *, slots: bool) -> Shows:
        """``slots``: whether sysfs can be asked for them."""
        records = text.records
        drivers = text.form == "k" or any(record.driver is not None or record.modules for record in records)
        slotted = any(record.slot is not None for record in records)
        numbers = {region.bar is not None for record in records for region in record.regions if region.kind != "rom"}
        return cls(
            drivers,
            any(has_subsystem(record) for record in records),
            slots and (slotted or (drivers and text.form in ("verbose", "vmm"))),
            text.form == "verbose" and bool(numbers),
            numbers == {True},
            text.form == "vmm",
        )


def has_subsystem(record: LspciRecord) -> bool:
    """Whether the record names a subsystem, by ids or in words."""
    return any((record.subsystem_vendor, record.subsystem_device, record.subsystem_name, record.subsystem_vendor_name))
