"""``pci.ids``: a few names out of a big file, without reading all of it.

The file (its own head, and pciutils' lib/names-parse.c) has vendors at the start of a line, their devices behind one
tab, subsystems behind two; classes stand behind ``C``, at the end of the file. Ids are sorted; that is used where it
holds and not relied on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.pci_names import PciNames

_ID = re.compile(r"[0-9a-f]{4}\Z")
_MANY = 12
_CLASS = re.compile(r"(?:[0-9a-f]{2}){1,3}\Z")


def lookup(data: bytes, vendors: set[str], devices: set[tuple[str, str]], classes: set[str]) -> PciNames:
    """The names of what is asked for; an id without a name is not in the answer.

    Ids are lower-case hex of four digits. A class of six digits is answered with up to three names: of its base class
    (two digits), subclass (four) and programming interface (six).
    """
    blocks = _vendor_lines(data, vendors | {vendor for vendor, _ in devices})
    by_vendor: dict[str, list[str]] = {}
    for vendor, device in devices:
        if vendor in blocks:
            by_vendor.setdefault(vendor, []).append(device)
    found = {}
    for vendor, wanted in by_vendor.items():
        for device, name in _device_names(data, blocks[vendor], wanted).items():
            found[(vendor, device)] = name
    names = {vendor: _name(data, start + len("\n1af4")) for vendor, start in blocks.items() if vendor in vendors}
    return PciNames(names, found, _class_names(data, classes) if classes else {})


def _vendor_lines(data: bytes, vendors: Iterable[str]) -> dict[str, int]:
    """Where the newline before each vendor's line is; -1 for the first line of the file."""
    found = {}
    position = 0
    for vendor in sorted(vendors):
        if not _ID.match(vendor):
            continue
        start = _line(data, f"{vendor}  ".encode(), position, len(data))
        if start is None and position:
            start = _line(data, f"{vendor}  ".encode(), 0, position)
        if start is not None:
            found[vendor] = start
            position = max(start, 0)
    return found


def _line(data: bytes, text: bytes, start: int, end: int) -> Optional[int]:
    if start == 0 and data.startswith(text):
        return -1
    place = data.find(b"\n" + text, start, end)
    return place if place >= 0 else None


def _device_names(data: bytes, start: int, wanted: list[str]) -> dict[str, str]:
    block = _block(data, start)
    if len(wanted) > _MANY:
        return _many_devices(block, set(wanted))
    names: dict[str, str] = {}
    for device in wanted:
        place = block.find(f"\n\t{device}  ".encode()) if _ID.match(device) else -1
        if place >= 0:
            names[device] = _name(block, place + len("\n\t1000"))
    return names


def _many_devices(block: bytes, wanted: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for code, name in re.findall(rb"\n\t([0-9a-f]{4})  ([^\n]*)", block):
        device = code.decode("ascii")
        if device in wanted:
            names.setdefault(device, name.decode("utf-8", "backslashreplace").strip(" \r"))
    return names


def _block(data: bytes, start: int) -> bytes:
    """From a line at ``start`` up to the next that is neither indented, comment nor empty."""
    end = re.compile(rb"\n[^\t\n\r#]").search(data, start + 1)
    return data[max(start, 0) : end.start() if end else len(data)]


def _name(data: bytes, start: int) -> str:
    end = data.find(b"\n", start)
    return data[start : end if end >= 0 else len(data)].decode("utf-8", "backslashreplace").strip(" \r")


def _class_names(data: bytes, classes: Iterable[str]) -> dict[str, str]:
    wanted = {code[:width] for code in classes if _CLASS.match(code) for width in (2, 4, 6) if len(code) >= width}
    names: dict[str, str] = {}
    for base in {code[:2] for code in wanted}:
        start = data.rfind(f"\nC {base}  ".encode())
        if start < 0:
            continue
        for code, name in _class_block(base, _block(data, start)):
            if code in wanted:
                names.setdefault(code, name)
    return names


def _class_block(base: str, block: bytes) -> list[tuple[str, str]]:
    """``C 01  Mass storage controller``, a tab before subclasses, two before programming interfaces."""
    names = [(base, _name(block, len("\nC 01")))]
    sub = ""
    for line in block.decode("utf-8", "backslashreplace").split("\n"):
        indent = len(line) - len(line.lstrip("\t"))
        code, gap, name = line[indent:].partition("  ")
        if not gap or len(code) != 2:
            continue
        if indent == 1:
            sub = base + code
            names.append((sub, name.strip(" \r")))
        elif indent == 2 and sub:
            names.append((sub + code, name.strip(" \r")))
    return names
