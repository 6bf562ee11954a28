"""The forms for programs: ``-mm`` (a line of quoted fields) and ``-vmm`` (records of ``Key:<tab>value``).

Source: lspci(8), "Machine readable output"; ``show_machine`` of pciutils ``lspci.c``.
"""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.model.address import PciAddress
from hotplugctl.model.lspci import LspciRecord

from .names import Named, Styles, split_class

_NAMED = ("Vendor", "Device", "SVendor", "SDevice")
KEYS = frozenset(
    (*_NAMED, "Slot", "Class", "PhySlot", "Rev", "ProgIf", "Driver", "Module", "NUMANode", "DTNode", "IOMMUGroup")
)

# Names and ids of devices are split here already: unlike those of vendors and classes they are many.
_DEVICE = r"Device:\t(?:(?:Device|Unknown device|(\S.*)) \[([0-9a-f]{4})\]|(.+))\n"
_BLOCK = re.compile(
    r"Slot:\t(?:([0-9a-f]{1,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])\n"
    rf"Class:\t(.+)\nVendor:\t(.+)\n{_DEVICE}(?:SVendor:\t(.+)\nS{_DEVICE})?"
    r"(?:PhySlot:\t(\S(?:.*\S)?)\n)?"
    r"(?:Rev:\t([0-9a-f]{2})\n)?(?:ProgIf:\t([0-9a-f]{2})\n)?"
    r"(?:Driver:\t(\S+)\n)?((?:Module:\t.+\n){0,64})"
    r"(?:NUMANode:\t([0-9]{1,9})\n)?(?:IOMMUGroup:\t([0-9]{1,9})\n)?(?:\n|(?=Slot:\t)|\Z)"
)
_NUMBERS = {f"{number:02x}": number for number in range(256)}
_HEX_BYTE = re.compile(r"[0-9a-f]{2}")
_DECIMAL = re.compile(r"[0-9]{1,9}")
_FIELD = re.compile(r'[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)|-([rp])([0-9a-f]{2})(?![^ \t]))')
_ESCAPED = re.compile(r"\\(.)")

# Everything of a record that comes after ``vanished``: nothing of it is in these forms.
_REST = tuple(LspciRecord(PciAddress(0, 0, 0, 0)))[LspciRecord._fields.index("vanished") + 1 :]


# Dictionaries that work a value out once: of 10,000 functions most are alike.


class _Domains(dict[Optional[str], int]):
    def __missing__(self, text: str) -> int:
        number = self[text] = int(text, 16)
        return number


class _Modules(dict[str, tuple[str, ...]]):
    def __missing__(self, lines: str) -> tuple[str, ...]:
        modules = self[lines] = tuple(line[8:].strip() for line in lines.split("\n")[:-1])
        return modules


class _Classes(dict[tuple[Optional[str], Optional[str]], Named]):
    """(class as printed, prog-if) to (name, four or six digits)."""

    def __missing__(self, key: tuple[Optional[str], Optional[str]]) -> Named:
        name, number = split_class(key[0].strip()) if key[0] else (None, None)
        if number is not None and key[1] is not None:
            number += key[1]
        self[key] = name, number
        return name, number


class Machine:
    """Makes records of both forms; remembers what it has taken apart."""

    def __init__(self) -> None:
        self._domains = _Domains({None: 0})
        self._modules = _Modules()
        self._classes = _Classes()
        self._styles = Styles()

    def blocks(self, text: str, pos: int, records: list[LspciRecord]) -> int:
        """Append the regular ``-vmm`` records that stand at ``pos``, and return where they end.

        Regular is what lspci prints since 3.0; anything else (other keys, other order) is
        left to the line reader, which is slower and understands all that this does.
        """
        match, append, make, rest = _BLOCK.match, records.append, tuple.__new__, _REST
        domains, parts, listed, classes, styles = self._domains, _NUMBERS, self._modules, self._classes, self._styles
        found = match(text, pos)
        while found is not None:
            # fmt: off
            (domain, bus, device, function, class_text, maker, model, model_id, model_text,
             sub_maker, sub_model, sub_model_id, sub_model_text,
             slot, revision, prog_if, driver, modules, numa, group) = found.groups()
            names = styles[maker]
            if not names.mixed or model_text or sub_model_text:
                model, model_id = names[model_text or _joined(model, model_id)]
                sub_model, sub_model_id = names[sub_model_text or _joined(sub_model, sub_model_id)]
            class_name, class_ = classes[class_text, prog_if]
            vendor_name, vendor_id = names[maker]
            sub_vendor_name, sub_vendor_id = names[sub_maker]
            address = make(PciAddress, (domains[domain], parts[bus], parts[device], int(function)))
            append(make(LspciRecord, (
                address, slot, numa and int(numa), group and int(group), class_, class_name,
                vendor_id, model_id, sub_vendor_id, sub_model_id,
                None, vendor_name, model, None, sub_vendor_name, sub_model,
                revision, prog_if, driver, listed[modules], revision == "ff", *rest,
            )))
            # fmt: on
            pos = found.end()
            found = match(text, pos)
        return pos

    def record(self, address: PciAddress, values: dict[str, str], modules: tuple[str, ...]) -> LspciRecord:
        """A record of the values of ``KEYS`` in whatever order they were printed; what is malformed is left out."""
        get = values.get
        revision, prog_if = _checked(_HEX_BYTE, get("Rev")), _checked(_HEX_BYTE, get("ProgIf"))
        numa, group = _checked(_DECIMAL, get("NUMANode")), _checked(_DECIMAL, get("IOMMUGroup"))
        class_name, class_ = self._classes[get("Class"), prog_if]
        names = self._styles[get("Vendor")]
        vendor, device, sub_vendor, sub_device = (names[get(key)] for key in _NAMED)
        return LspciRecord(
            address,
            slot=get("PhySlot") or None,
            numa_node=None if numa is None else int(numa),
            iommu_group=None if group is None else int(group),
            class_=class_,
            class_name=class_name,
            vendor=vendor[1],
            device=device[1],
            subsystem_vendor=sub_vendor[1],
            subsystem_device=sub_device[1],
            vendor_name=vendor[0],
            device_name=device[0],
            subsystem_vendor_name=sub_vendor[0],
            subsystem_device_name=sub_device[0],
            revision=revision,
            prog_if=prog_if,
            driver=get("Driver") or None,
            modules=modules,
            vanished=revision == "ff",
        )

    def quoted(self, address: PciAddress, rest: str) -> Optional[LspciRecord]:
        """What follows the address in a ``-mm`` line: three quoted fields, ``-rXX``, ``-pXX``, two quoted fields.

        None where it does not begin so. A line that is cut off gives what it still holds.
        """
        quoted: list[str] = []
        options: dict[str, str] = {}
        pos = 0
        found = _FIELD.match(rest)
        while found is not None and pos < len(rest):
            if found[2] is None:
                quoted.append(_ESCAPED.sub(r"\1", found[1]))
            else:
                options["Rev" if found[2] == "r" else "ProgIf"] = found[3]
            pos = found.end()
            found = _FIELD.match(rest, pos)
        if not quoted or len(quoted) > 5:
            return None
        values = dict(zip(("Class", *_NAMED), quoted))
        return self.record(address, {**values, **options}, ())


def _joined(name: Optional[str], number: Optional[str]) -> Optional[str]:
    """The text that ``_DEVICE`` has split, for styles in which it should not have."""
    return None if number is None else f"{name or 'Device'} [{number}]"


def _checked(pattern: re.Pattern[str], text: Optional[str]) -> Optional[str]:
    return text if text is not None and pattern.fullmatch(text) is not None else None
