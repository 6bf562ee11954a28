"""What several lspci texts of one recording call the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Witness

# What lspci prints for an id that pci.ids does not have (``format_name_pair`` of pciutils lib/names.c).
_PLACEHOLDERS = (" Device", " Unknown device", ": Unknown device")


def disagreements(texts: Iterable[Witness]) -> Iterator[tuple[str, str, tuple[Evidence, ...]]]:
    """Address, field, and every text with its word, where they differ. None of them is known to be right."""
    said: dict[tuple[str, str], list[Evidence]] = {}
    for text in texts:
        for record in text.records:
            address = str(record.address)
            for field, name in _named(record):
                if name is not None:
                    said.setdefault((address, field), []).append(Evidence(text.source, name))
    for (address, field), items in said.items():
        if len({item.value for item in items}) > 1:
            yield address, field, tuple(items)


def _named(record: LspciRecord) -> Iterator[tuple[str, Optional[str]]]:
    yield "class_name", record.class_name
    yield "name", _whole(record.name, record.vendor_name, record.device_name)
    of_subsystem = record.subsystem_vendor_name, record.subsystem_device_name
    yield "subsystem_name", _whole(record.subsystem_name, *of_subsystem)


def _whole(line: Optional[str], vendor: Optional[str], device: Optional[str]) -> Optional[str]:
    """Vendor and device in one, as line forms print them; None unless both have a name."""
    if line is None:
        return f"{vendor} {device}" if vendor is not None and device is not None else None
    # A line form tells the vendor's name apart only where it has none for the device.
    return None if vendor is not None or line.endswith(_PLACEHOLDERS) else line
