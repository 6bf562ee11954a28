"""How lspci spells a name, an id, or both.

Source: ``format_name`` and ``format_name_pair`` of pciutils ``lib/names.c``.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

Named = tuple[Optional[str], Optional[str]]
"""(name, id)."""

_ID = re.compile(r"[0-9a-f]{4}")
_PLACEHOLDER_ID = re.compile(
    r"(?:Class|Vendor|Device|Unknown class|Unknown vendor|Unknown device|Unknown) ([0-9a-f]{4})", re.IGNORECASE
)
_PLACEHOLDERS = frozenset(
    ("Class", "Vendor", "Device", "Unknown vendor", "Unknown device", "Unknown class", "Unknown", "")
)
_PAIR = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})")
_BRACKETED_PAIR = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]")
_NO_DEVICE = re.compile(r"(?:: Unknown device| Unknown device| Device) ([0-9a-f]{4})\Z")


class Pair(NamedTuple):
    """Vendor and device of a function or subsystem, as a line form gives them."""

    vendor: Optional[str]
    device: Optional[str]
    name: Optional[str]
    vendor_name: Optional[str]


def split_pair(text: str) -> Pair:
    """``V D [8086:1237]`` (-nn), ``8086:1237`` (-n), ``V Device 1237``, ``Device 8086:1237`` or ``V D``."""
    found = _BRACKETED_PAIR.search(text)
    if found is not None:
        name = text[: found.start()].rstrip()
        return Pair(found[1], found[2], None if name in _PLACEHOLDERS else name, None)
    found = _PAIR.match(text, max(0, len(text) - 9))
    if found is not None and text[:-9].strip().lower() in ("", "device", "unknown device"):
        return Pair(found[1], found[2], text if len(text) > 9 else None, None)
    found = _NO_DEVICE.search(text, max(0, len(text) - 21))
    if found is not None:
        return Pair(None, found[1], text, text[: found.start()] or None)
    return Pair(None, None, text or None, None)


def split_class(text: str) -> Named:
    """``SCSI storage controller``, ``… [0100]``, ``0100``, ``Class 0100`` or ``Class [0100]``."""
    return split_named(text, numeric=True, mixed=True)


def split_named(text: str, numeric: bool, mixed: bool) -> Named:
    """One name of the ``mm`` and ``vmm`` forms. ``numeric`` and ``mixed`` say what -n and -nn allow in this record.

    Without -n a name of four hex digits is a name, and without -nn a bracket belongs to the name.
    """
    if mixed:
        name, _, number = text.rpartition(" [")
        if len(number) == 5 and number.strip("0123456789abcdef") == "]":
            return (None if name in _PLACEHOLDERS else name), number[:4]
    if numeric and _ID.fullmatch(text) is not None:
        return None, text
    found = _PLACEHOLDER_ID.fullmatch(text)
    if found is not None:
        return None, found[1]
    return text or None, None


class Names(dict[Optional[str], Named]):
    """``names[text]`` is ``split_named(text)`` in one style, worked out once: the same few come again and again."""

    def __init__(self, numeric: bool, mixed: bool) -> None:
        super().__init__({None: (None, None)})
        self.numeric = numeric
        self.mixed = mixed

    def __missing__(self, text: str) -> Named:
        named = self[text] = split_named(text.strip(), self.numeric, self.mixed)
        return named


class Styles(dict[Optional[str], Names]):
    """``styles[vendor]`` are the names of the records whose vendor field reads so: it shows -n, -nn or neither."""

    def __init__(self) -> None:
        self._plain = Names(False, False)
        self._numeric = Names(True, False)
        self._mixed = Names(False, True)
        super().__init__({None: self._plain})

    def __missing__(self, vendor: str) -> Names:
        text = vendor.strip()
        if _ID.fullmatch(text) is not None:
            names = self._numeric
        elif text.endswith("]") and split_named(text, False, True)[1] is not None:
            names = self._mixed
        else:
            names = self._plain
        self[vendor] = names
        return names
