"""The documents of ``parse``: records of texts under the keys of ``list``."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.kconfig import KconfigText
from hotplugctl.model.lspci import LspciRecord, LspciText
from hotplugctl.model.uevent import Uevent, UeventsText

SCHEMA = "hotplugctl.parse/1"
_SILENT = "the text does not say"
# The keys of ``list`` and the fields of a record that bear another name there.
_KEYS = {
    "class": "class_",
    "class_name": "class_name",
    "vendor": "vendor",
    "device": "device",
    "subsystem_vendor": "subsystem_vendor",
    "subsystem_device": "subsystem_device",
    "vendor_name": "vendor_name",
    "device_name": "device_name",
    "revision": "revision",
    "driver": "driver",
    "modules": "modules",
    "slot": "slot",
}
# Further things that only some forms hold: named where they are there.
_MORE = (
    "name", "prog_if", "subsystem_name", "subsystem_vendor_name", "subsystem_device_name", "label", "irq", "numa_node",
    "iommu_group", "primary", "secondary", "subordinate",
)  # fmt: skip
_WITH_DRIVERS = ("k", "verbose", "vmm", "mixed")


def _document(form: str, records: Iterable[dict[str, object]], unparsed: int) -> dict[str, object]:
    return {"schema": SCHEMA, "form": form, "records": list(records), "unparsed": unparsed}


def lspci(text: LspciText) -> dict[str, object]:
    """``parse lspci``."""
    drivers = text.form in _WITH_DRIVERS
    return _document(text.form, (_function(record, drivers) for record in text.records), text.unparsed)


def _function(record: LspciRecord, drivers: bool) -> dict[str, object]:
    said: dict[str, object] = {"address": str(record.address)}
    unknown: dict[str, str] = {}
    for key, field in _KEYS.items():
        value = getattr(record, field)
        said[key] = list(value) if isinstance(value, tuple) else value
        if value is None and not (key in ("driver", "slot") and drivers):
            unknown[key] = _SILENT
    if not drivers:
        said["modules"] = None
        unknown["modules"] = unknown["driver"] = _SILENT
    if record.vanished:
        said["vanished"] = True
    said.update((key, value) for key in _MORE if (value := getattr(record, key)) is not None)
    if unknown:
        said["unknown"] = unknown
    return said


def kconfig(text: KconfigText) -> dict[str, object]:
    """``parse kconfig``."""
    records = ({"symbol": item.symbol, "value": item.value, "line": item.line} for item in text.records)
    return {**_document(text.form, records, text.unparsed), "kernel": text.kernel}


def uevents(text: UeventsText) -> dict[str, object]:
    """``parse uevents``."""
    return _document(text.form, (_uevent(item) for item in text.records), text.unparsed)


def _uevent(item: Uevent) -> dict[str, object]:
    return {
        "action": item.action or None,
        "devpath": item.devpath,
        "subsystem": item.subsystem,
        "seqnum": item.seqnum,
        "at": item.at,
        "group": {1: "kernel", 2: "udev"}.get(item.group or 0),
        "properties": dict(item.properties),
    }
