"""PCI places in commands, which are hexadecimal, and in replies, which are decimal (QEMU, hw/pci/pci.c)."""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.model.monitor import Place, Reply
from hotplugctl.parse.monitor_command.text import Text, Wrong

_NUMBER = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,8})\Z")
_DOMAINS, _BUSES, _DEVICES, _FUNCTIONS = 0xFFFF, 0xFF, 0x1F, 7
SPELLINGS = ("auto", "[[<domain>:]<bus>:]<slot> in hexadecimal, slot 0 to 1f")
_TAG = "pci_addr="


def read(word: Text, auto: bool) -> Optional[Place]:
    """``[pci_addr=]auto|[[<domain>:]<bus>:]<slot>``; None for ``auto``, where that is allowed. Raises Wrong."""
    if word.text.startswith(_TAG):
        word = word.without(_TAG)
    allowed = SPELLINGS if auto else SPELLINGS[1:]
    if word.text == "auto":
        if not auto:
            raise Wrong(word.start, "auto names no device", allowed)
        return None
    parts: list[Text] = []
    rest, more = word, True
    while more and len(parts) < 4:
        part, more, rest = rest.partition(":")
        parts.append(part)
    if len(parts) > 3:
        raise Wrong(parts[3].start, "too many parts for an address", allowed)
    limits = (_DOMAINS, _BUSES, _DEVICES)[-len(parts) :]
    numbers = [_number(part, limit, allowed) for part, limit in zip(parts, limits)]
    domain, bus, device = [0] * (3 - len(numbers)) + numbers
    return Place(domain, bus, device)


def _number(part: Text, limit: int, allowed: tuple[str, ...]) -> int:
    found = _NUMBER.match(part.text)
    if found is None or int(found[1], 16) > limit:
        why = "no part of a PCI address" if found is None else f"more than {limit:x}"
        raise Wrong(part.start, f"{part.text!r}: {why}", allowed)
    return int(found[1], 16)


def of_property(value: Text, plain: bool) -> Place:
    """``addr`` of a device: ``slot[.function]`` in hexadecimal; ``plain``: a JSON number, 8 * slot + function."""
    allowed = ("slot[.function] in hexadecimal, slot 0 to 1f, function 0 to 7",)
    if plain:
        if not value.text.isascii() or not value.text.isdigit() or len(value.text) > 3 or int(value.text) > 0xFF:
            raise Wrong(value.start, f"{value.text!r} is no place on a bus", (*allowed, "0 to 255 as a number"))
        return Place(0, None, int(value.text) >> 3, int(value.text) & 7)
    slot, dot, function = value.partition(".")
    device = _number(slot, _DEVICES, allowed)
    return Place(0, None, device, _number(function, _FUNCTIONS, allowed) if dot else None)


_REPLY = re.compile(
    r"OK(?: (?:domain (?P<domain>\d{1,9}), |root bus (?P<root>[0-9a-f]{4}:[0-9a-f]{2}), )?bus (?P<bus>\d{1,9}), "
    r"(?:slot (?P<slot>\d{1,9}), function (?P<function>\d{1,9})(?: \(devfn \d{1,9}\))?|unit \d{1,9}))?\Z"
)
_REFUSED = re.compile(
    r"Error: |invalid type: |type .{1,200} not a hotpluggable PCI device|no if= specified|virtio requires a backing |"
    r"failed to add |Invalid (?:pci|PCI|parameter)|Could not |PCI bus doesn't support |"
    r"(?:Bus|Device|Property|Parameter|Drive) '|'.{1,200}' is not a valid |slot \d{1,9} empty|(?:qemu: )?Unsupported |"
    r"no pci device with address |unknown command: |Can't hot-add |Duplicate |PCI: "
)


def reply(line: Text) -> Optional[Reply]:
    """What QEMU answered, None where the line is no answer that is known. Its numbers are decimal. Raises Wrong."""
    found = _REPLY.match(line.text)
    if found is None:
        return Reply(line.text, None, True, line.start) if _REFUSED.match(line.text) else None
    if found["slot"] is None:
        return Reply(line.text, None, False, line.start)
    limits = {"domain": _DOMAINS, "bus": _BUSES, "slot": 31, "function": _FUNCTIONS}
    for name, limit in limits.items():
        if int(found[name] or "0") > limit:
            raise Wrong(line.at(found.start(name)), f"no {name} has this number", (f"0 to {limit}",))
    domain = int(found["root"][:4], 16) if found["root"] else int(found["domain"] or "0")
    place = Place(domain, int(found["bus"]), int(found["slot"]), int(found["function"]))
    return Reply(line.text, place, False, line.start)
