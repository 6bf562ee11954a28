"""One side of a comparison that is a text of lspci: functions, and their drivers where it shows those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.sides import Found
from hotplugctl.collect.view import class_codes, class_of
from hotplugctl.model.difference import Held, Side
from hotplugctl.model.lspci import LspciRecord, LspciRegion, LspciText

_TEXT = "a text of lspci"
_BARS = 6
# ``V Device [8086:0d57]`` is ``V Device 0d57`` without -nn; but a name may also end so.
_NO_NAME = (" Device", " Unknown device")
_LISTED = 5


def of_lspci(text: LspciText, label: str, *, beside_text: bool) -> Found:
    """What the text tells. A function that it names more than once is one: what it says of it otherwise each time is
    not known, and told in the remarks.

    ``beside_text``: the other side is a text, too. Only then does a revision other than ff say that a device answers:
    since 3.8 lspci has it from the kernel.
    """
    shows = _Shows.of(text)
    codes = class_codes()
    known: dict[str, dict[str, object]] = {}
    torn: dict[str, set[str]] = {}
    for record in text.records:
        _add(str(record.address), _facts(record, shows, codes, beside_text), known, torn)
    held = tuple(
        Held(address, facts, dict.fromkeys(torn.get(address, ()), "the text says it in two ways"))
        for address, facts in known.items()
    )
    silent = dict.fromkeys(("node", "slot", "mechanism"), _TEXT)
    if not shows.drivers:
        silent["driver"] = f"{_TEXT} without drivers, which -k shows"
    return Found(Side(label, "lspci", held, {}, (), (), silent, {}, tuple(_remarks(label, torn, text))), ())


def _add(
    address: str, facts: dict[str, object], known: dict[str, dict[str, object]], torn: dict[str, set[str]]
) -> None:
    before = known.get(address)
    if before is None:
        known[address] = facts
        return
    apart = torn.get(address, set())
    for key, value in facts.items():
        if key in apart:
            continue
        if key in before and before[key] != value and not _says_more(key, before[key], value):
            del before[key]
            torn.setdefault(address, apart).add(key)
        elif key not in before or len(str(value)) > len(str(before[key])):
            before[key] = value


def _says_more(key: str, one: object, other: object) -> bool:
    """Forms of lspci differ in how much they say: of a class four digits or six, of a name more or fewer words."""
    if key in ("name", "class_name", "bars"):
        return True
    return key == "class" and (str(one).startswith(str(other)) or str(other).startswith(str(one)))


def _remarks(label: str, torn: Mapping[str, set[str]], text: LspciText) -> Iterable[str]:
    if torn:
        some = ", ".join(list(torn)[:_LISTED]) + (" ..." if len(torn) > _LISTED else "")
        yield f"{label}: the text names twice, and differently: {some}"
    if text.unparsed:
        yield f"{label}: {text.unparsed} lines are not lspci's"


class _Shows(NamedTuple):
    """What the text shows of every function that has it, so that silence about it says that there is none."""

    drivers: bool
    slots: bool
    bars: bool

    @classmethod
    def of(cls, text: LspciText) -> _Shows:
        records = text.records
        drivers = text.form == "k" or any(record.driver is not None or record.modules for record in records)
        slots = any(record.slot is not None for record in records)
        numbered = any(region.bar is not None and region.kind != "rom" for each in records for region in each.regions)
        # Pasted together, one part may show them and the other not.
        alike = text.form != "mixed" and len({record.address for record in records}) == len(records)
        return cls(
            drivers and alike, alike and (slots or (drivers and text.form in ("verbose", "vmm"))), alike and numbered
        )


def _facts(record: LspciRecord, shows: _Shows, codes: Mapping[str, str], beside_text: bool) -> dict[str, object]:
    values = {
        "address": str(record.address),
        "class": class_of(record, codes),
        "class_name": record.class_name,
        "vendor": record.vendor,
        "device": record.device,
        "subsystem_vendor": record.subsystem_vendor,
        "subsystem_device": record.subsystem_device,
        "name": _name(record),
        "driver": record.driver,
        "slot": record.slot,
    }
    facts: dict[str, object] = {key: value for key, value in values.items() if value is not None}
    if shows.drivers:
        facts["driver"] = record.driver
    if shows.slots:
        facts["slot"] = record.slot
    if record.vanished:
        facts["answers"] = False
    else:
        # lspci leaves revision 00 out.
        facts["revision"] = record.revision or "00"
        if beside_text or record.capabilities or record.config:
            facts["answers"] = True
    bars = _bars(record.regions) if shows.bars else None
    if bars is not None:
        facts["bars"] = bars
    return facts


def _name(record: LspciRecord) -> Optional[str]:
    """As the line forms print it. Not known where -nn has an id in the place of a part of it."""
    if record.name is not None:
        return None if record.vendor is not None and record.name.endswith(_NO_NAME) else record.name
    device = record.device_name or (record.device and f"Device {record.device}")
    return f"{record.vendor_name} {device}" if record.vendor_name and device else None


def _bars(regions: Iterable[LspciRegion]) -> Optional[tuple[Optional[int], ...]]:
    """Sizes of BARs 0 to 5, None for one without an address; no tuple where the text keeps a size to itself."""
    sizes: list[Optional[int]] = [None] * _BARS
    for region in regions:
        if region.bar is not None and region.bar < _BARS and region.kind != "rom":
            if region.start is None or region.unassigned or region.ignored:
                continue
            if region.size is None:
                return None
            sizes[region.bar] = region.size
    return tuple(sizes)
