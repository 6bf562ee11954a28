"""What stands below a function line with -k, -v and -x. Source: ``show_verbose``, ``show_bases``, ``show_rom``,
``show_htype1``, ``show_hex_dump`` of pciutils ``lspci.c``, ``show_kernel`` of ``ls-kernel.c``.

A handler gets the draft of the record and what follows the colon.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Optional

from hotplugctl.model.lspci import LspciRecord, LspciRegion, LspciWindow

from .names import split_pair

_IRQ = re.compile(r"\bIRQ ([0-9]{1,9})\b")
_NODE = re.compile(r"\bNUMA node ([0-9]{1,9})\b")
_GROUP = re.compile(r"\bIOMMU group ([0-9]{1,9})\b")
_DECIMAL = re.compile(r" *([0-9]{1,9})\Z")
_BUSES = re.compile(r" *primary=([0-9a-f]{2}), secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2})")
_RANGE = re.compile(r" *([0-9a-f]{1,16})-([0-9a-f]{1,16})(?![0-9a-f])")
_RANGE_BITS = re.compile(r"\[(16|32|64)-bit\]")
_PLACE = re.compile(
    r"(?:Region ([0-9]): |\[virtual\] )?(Memory|I/O ports|Expansion ROM) at "
    r"(?:([0-9a-f]{1,16})(?![^ ])|<([a-z0-9-]{1,32})>)?"
)
_SIZE = re.compile(r"\[size=([0-9]{1,9})([KMGT]?)\]")
_SHIFT = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_BITS = {"32-bit": 32, "64-bit": 64, "low-1M": 20}
_KINDS = {"Memory": "mem", "I/O ports": "io", "Expansion ROM": "rom"}
_HEX_LINE = re.compile(r"([0-9a-f]{2,3}): ?((?:[0-9a-f]{2} ?){0,16})([0-9a-f]?)\Z")


class Draft:
    """A record of a line form while its detail lines come in."""

    __slots__ = ("base", "capabilities", "changes", "indent", "level", "regions", "windows")

    def __init__(self, base: LspciRecord, indent: int) -> None:
        self.base = base
        self.indent = indent
        self.level: Optional[int] = None
        self.changes: dict[str, Any] = {}
        self.regions: list[LspciRegion] = []
        self.windows: list[LspciWindow] = []
        self.capabilities: list[str] = []

    def finish(self) -> LspciRecord:
        """The record with all that was found below its function line."""
        changes = self.changes
        if self.regions:
            changes["regions"] = tuple(self.regions)
        if self.windows:
            changes["windows"] = tuple(self.windows)
        if self.capabilities:
            changes["capabilities"] = tuple(self.capabilities)
        return self.base._replace(**changes) if changes else self.base


def with_config(record: LspciRecord, config: bytes) -> LspciRecord:
    """Add the dump, and from its header what the text did not say in words. PCI Local Bus Specification 3.0, 6.1."""
    record = record._replace(config=config)
    if config[:4] == b"\xff\xff\xff\xff":
        return record._replace(vanished=True)
    if len(config) < 16:
        return record
    class_ = config[11:8:-1].hex()
    found: dict[str, Any] = {
        "vendor": config[1::-1].hex(),
        "device": config[3:1:-1].hex(),
        "prog_if": class_[4:],
        "revision": config[8:9].hex(),
    }
    if record.class_ is None or record.class_ == class_[:4]:
        record = record._replace(class_=class_)
    if config[14] & 0x7F == 0 and len(config) >= 48 and config[44:46] not in (b"\0\0", b"\xff\xff"):
        found["subsystem_vendor"], found["subsystem_device"] = config[45:43:-1].hex(), config[47:45:-1].hex()
    return record._replace(**{key: value for key, value in found.items() if getattr(record, key) is None})


def hex_line(dump: bytearray, body: str) -> bool:
    """``10: 01 c0 00 …``; True where it is one. A row that does not continue the dump is not used."""
    found = _HEX_LINE.match(body)
    if found is None:
        return False
    if int(found[1], 16) == len(dump) and len(dump) % 16 == 0:
        dump += bytes.fromhex(found[2])
    return True


def detail_line(draft: Draft, body: str) -> str:
    """Take one detail line at its first level. Returns ``k`` or ``verbose``, by the option that prints such lines, or
    an empty text where no lspci is known to print it."""
    key, _, rest = body.partition(":")
    handler = _HANDLERS.get(key)
    if handler is not None:
        handler(draft, rest)
        return "k" if key in _KERNEL_KEYS else "verbose"
    if key in _UNUSED:
        return "verbose"
    if _place(draft, body) or body.startswith(("!!! ", "BIST ", "16-bit legacy interface ports at ", "<access denied")):
        if body == "!!! Unknown header type 7f":
            draft.changes["vanished"] = True
        elif body.startswith("<access denied"):
            draft.changes["access_denied"] = True
        return "verbose"
    return ""


def _place(draft: Draft, body: str) -> bool:
    """``Region 0: Memory at f0000000 (64-bit, prefetchable) [disabled] [size=2M]`` and its relatives."""
    found = _PLACE.match(body)
    if found is None:
        return False
    number, what, start, word = found.groups()
    kind = _KINDS[what]
    rest = body[found.end() :]
    size = _SIZE.search(rest)
    bits, comma, prefetchable = rest.partition(")")[0].lstrip(" (").partition(", ")
    memory = kind == "mem" and bool(comma)
    draft.regions.append(
        LspciRegion(
            bar=6 if kind == "rom" else None if number is None else int(number),
            kind=kind,
            start=None if start is None else int(start, 16),
            size=None if size is None else int(size[1]) << _SHIFT[size[2]],
            bits=_BITS.get(bits) if memory else None,
            prefetchable=prefetchable == "prefetchable" if memory else None,
            disabled="[disabled" in rest,
            virtual="[virtual]" in body,
            unassigned=word == "unassigned",
            ignored=word == "ignored",
        )
    )
    return True


def _window(kind: str) -> Callable[[Draft, str], None]:
    def handler(draft: Draft, rest: str) -> None:
        found = _RANGE.match(rest)
        start, end = (int(found[1], 16), int(found[2], 16)) if found is not None else (None, None)
        empty = start is None or end is None or start > end
        bits = _RANGE_BITS.search(rest)
        disabled = empty or "[disabled]" in rest
        width = None if bits is None else int(bits[1])
        forwarded = "pref" if "(prefetchable)" in rest else kind
        draft.windows.append(LspciWindow(forwarded, start, end, width, disabled))

    return handler


def _subsystem(draft: Draft, rest: str) -> None:
    pair = split_pair(rest.strip())
    draft.changes.update(
        subsystem_vendor=pair.vendor,
        subsystem_device=pair.device,
        subsystem_name=pair.name,
        subsystem_vendor_name=pair.vendor_name,
    )


def _label(draft: Draft, rest: str) -> None:
    # The kernel's label has a newline of its own; where it has none, lspci runs the next line into this one.
    label, _, after = rest.partition("\tSubsystem:")
    _set(draft, "label", label.strip())
    if after:
        _subsystem(draft, after)


def _modules(draft: Draft, rest: str) -> None:
    draft.changes["modules"] = tuple(name.strip() for name in rest.split(",") if name.strip())


def _flags(draft: Draft, rest: str) -> None:
    for key, pattern in (("irq", _IRQ), ("numa_node", _NODE), ("iommu_group", _GROUP)):
        found = pattern.search(rest)
        if found is not None:
            draft.changes[key] = int(found[1])


def _buses(draft: Draft, rest: str) -> None:
    found = _BUSES.match(rest)
    if found is not None:
        draft.changes.update(zip(("primary", "secondary", "subordinate"), (int(part, 16) for part in found.groups())))


def _capability(draft: Draft, rest: str) -> None:
    if rest.strip() == "<access denied>":
        draft.changes["access_denied"] = True
    elif rest.strip():
        draft.capabilities.append(rest.strip())


def _set(draft: Draft, key: str, value: str) -> None:
    if value:
        draft.changes[key] = value


def _text(key: str) -> Callable[[Draft, str], None]:
    return lambda draft, rest: _set(draft, key, rest.strip())


def _number(key: str) -> Callable[[Draft, str], None]:
    def handler(draft: Draft, rest: str) -> None:
        found = _DECIMAL.match(rest)
        if found is not None:
            draft.changes[key] = int(found[1])

    return handler


_KERNEL_KEYS = frozenset(("Kernel driver in use", "Driver in use", "Kernel modules", "Subsystem", "DeviceName"))
_UNUSED = frozenset(("Control", "Status", "Latency", "Secondary status", "BridgeCtl", "Device tree node"))
_HANDLERS: dict[str, Callable[[Draft, str], None]] = {
    "Subsystem": _subsystem,
    "DeviceName": _label,
    "Physical Slot": _text("slot"),
    "Kernel driver in use": _text("driver"),
    "Driver in use": _text("driver"),
    "Kernel modules": _modules,
    "Flags": _flags,
    "Interrupt": _flags,
    "Interrupts": _flags,
    "NUMA node": _number("numa_node"),
    "IOMMU group": _number("iommu_group"),
    "Bus": _buses,
    "Capabilities": _capability,
    "I/O behind bridge": _window("io"),
    "Memory behind bridge": _window("mem"),
    "Prefetchable memory behind bridge": _window("pref"),
    "I/O window 0": _window("io"),
    "I/O window 1": _window("io"),
    "Memory window 0": _window("mem"),
    "Memory window 1": _window("mem"),
}
