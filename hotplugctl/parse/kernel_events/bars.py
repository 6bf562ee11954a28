"""Base address registers in the kernel's messages: their names, what a printed resource says, sized, assigned or not.

drivers/pci/{probe,setup-res,setup-bus,bus}.c, lib/vsprintf.c (``%pR``). A BAR has one name whatever the kernel calls
it: ``BAR 0`` … ``BAR 5``, ``ROM``, ``VF BAR 0`` …, ``bridge window io``, ``bridge window mem``, ``bridge window pref``.
"""

from __future__ import annotations

import re
from re import Match
from typing import Optional

from hotplugctl.model.log import Field, Head, KernelEvent
from hotplugctl.parse.kernel_events.rule import BDF, HEX, Family, Make, rule

RES = r"(?P<res>\[(?:mem|io |bus|irq|dma|\?\?\?)[^\]\n]{1,120}\])"
_NAME = r"(?P<name>(?:VF )?BAR [0-9]{1,2}|ROM|(?:[a-z0-9-]{1,20} )?bridge window)"
_INDEX = r"BAR (?P<index>[0-9]{1,2})"
_PRINTED = re.compile(
    r"\[(mem|io|bus) {1,2}(?:0x([0-9a-f]{1,16})(?:-0x([0-9a-f]{1,16}))?|size 0x([0-9a-f]{1,16}))?([^\]]{0,80})\]"
)
_OLD = re.compile(
    r"\[?(mem pref|mem|io|I/O|pref)? ?(?:\(?size 0x([0-9a-f]{1,16})"
    r"|(?:0x)?([0-9a-f]{1,16})(?:-|, )(?:0x)?([0-9a-f]{1,16}))"
)
_TYPES = {"io": "io", "I/O": "io", "mem": "mem", "mem pref": "pref", "pref": "pref", "bus": "bus"}
_BRIDGES = frozenset(("pcieport", "shpchp", "pciehp", "pci_bridge"))


def resource_fields(text: str) -> dict[str, Field]:
    """What a printed resource says: ``[mem 0xfe800000-0xfe803fff 64bit]``, ``[io  size 0x1000]``, ``[1800, 1807]``.

    ``type`` is io, mem, pref (prefetchable memory), bus or None; ``start`` and ``end`` hex without 0x, None where no
    address is given; ``size`` in bytes; ``disabled`` where it says so or ends before it begins (how older kernels
    show a closed window; the size is 0 then).
    """
    found = _PRINTED.match(text)
    if found is not None:
        type_, start, end, wanted, flags = found.groups()
    else:
        old = _OLD.match(text)
        type_, wanted, start, end = (None, None, None, None) if old is None else old.groups()
        flags = text
    end = end or start
    size = None
    if start is not None and end is not None:
        size = int(end, 16) - int(start, 16) + 1
    elif wanted is not None:
        size = int(wanted, 16)
    disabled = "disabled" in flags or (size is not None and size <= 0)
    return {
        "bar": None,
        "type": "pref" if type_ == "mem" and " pref" in flags else _TYPES.get(type_ or ""),
        "start": start,
        "end": end,
        "size": 0 if disabled and size is not None else size,
        "bits64": "64bit" in flags,
        "disabled": disabled,
    }


def bar_of_index(index: int, type_: Field, prefix: Optional[str]) -> str:
    """The BAR that the older messages number (include/linux/pci.h).

    0-5, then 6 the ROM, 7-12 those of the virtual functions, 13-16 the windows of a bridge; on kernels without
    CONFIG_PCI_IOV the windows are 7-10. One of I/O, or one that a bridge's driver names, is of no virtual function.
    """
    if index < 6:
        return f"BAR {index}"
    if index == 6:
        return "ROM"
    windows = 7 if index < 13 and (type_ == "io" or prefix in _BRIDGES) else 13
    if index < windows:
        return f"VF BAR {index - 7}"
    return window_name(("io", "mem", "pref")[index - windows] if index - windows < 3 else str(index - windows))


def window_name(type_: Field) -> str:
    """The name of a bridge's window of this type."""
    return f"bridge window {type_ or 'mem'}"


def bar(kind: str, reason: Optional[str] = None) -> Make:
    """Make events about one BAR: group ``name``, ``index`` or ``register`` says which, ``res`` what it is."""

    def make(found: Match[str], head: Head) -> KernelEvent:
        return _event(kind, reason, found, head)

    return make


def _event(kind: str, reason: Optional[str], found: Match[str], head: Head) -> KernelEvent:
    groups = found.groupdict()
    fields = resource_fields(groups["res"] or "")
    fields["bar"] = _bar_name(groups, fields["type"], head)
    reason = reason or groups.get("reason")
    if reason:
        fields["reason"] = reason
        fields["conflict"] = groups.get("conflict")
    return KernelEvent(kind, groups.get("address") or head.address, None, fields)


def _bar_name(groups: dict[str, Optional[str]], type_: Field, head: Head) -> Optional[str]:
    name = groups.get("name")
    if name:
        return window_name(type_) if name.endswith("bridge window") else name
    index, register = groups.get("index"), groups.get("register")
    if index:
        return bar_of_index(int(index), type_, head.prefix)
    return _bar_of_register(int(register, 16)) if register else None


def _bar_of_register(offset: int) -> str:
    if 0x10 <= offset <= 0x24 and offset % 4 == 0:
        return f"BAR {(offset - 0x10) // 4}"
    return "ROM" if offset in (0x30, 0x38) else f"register {offset:#x}"


def _old_sized(found: Match[str], head: Head) -> KernelEvent:
    """``reg 10 32bit mmio: [0xf0000000-0xf7ffffff]``, ``reg 18 io port: [1800, 1807]`` (Linux 2.6.28 to 2.6.33)."""
    event = _event("bar-sized", None, found, head)
    type_ = "io" if found["kind"] == "io port" else "pref" if "pref" in found["kind"] else "mem"
    return event._replace(fields={**event.fields, "type": type_, "bits64": found["kind"].startswith("64bit")})


# What follows the resource since 6.8, and what goes before it up to 6.7.
_ENDS = {
    None: ("bar-sized", None),
    ": assigned": ("bar-assigned", None),
    ": can't assign; no space": ("bar-failed", "no space"),
    ": can't assign; bogus alignment": ("bar-failed", "bogus alignment"),
    ": failed to assign": ("bar-failed", "failed to assign"),
    ": releasing": ("bar-released", None),
    ": can't claim; no compatible bridge window": ("bar-conflict", "no compatible bridge window"),
    ": can't claim; no address assigned": ("bar-conflict", "no address assigned"),
    ": not assigned; can't enable device": ("enable-failed", "not assigned"),
    ": not claimed; can't enable device": ("enable-failed", "not claimed"),
}
_VERBS = {
    "assigned": ("bar-assigned", None),
    "set to": ("bar-assigned", None),
    "got res": ("bar-assigned", None),
    "no space for": ("bar-failed", "no space"),
    "failed to assign": ("bar-failed", "failed to assign"),
    "releasing": ("bar-released", None),
}


def _named(found: Match[str], head: Head) -> Optional[KernelEvent]:
    rest = found["rest"]
    kind, reason = _ENDS.get(rest, ("", None))
    if not kind:
        if found["conflict"]:
            kind, reason = "bar-conflict", "address conflict"
        elif rest.startswith((": failed to expand", ": failed to add")):
            kind, reason = "window-short", rest[2:]
        else:
            return None
    elif rest is None and found["name"] == "bridge window":
        kind = "bridge-window"
    return _event(kind, reason, found, head)


def _numbered(found: Match[str], head: Head) -> KernelEvent:
    kind, reason = _VERBS[found["verb"]]
    return _event(kind, reason, found, head)


_NO_CLAIM = (
    r"(?P<reason>no compatible bridge window|no address assigned|address conflict)(?: with (?P<conflict>.{1,160}))?"
)

FAMILY: Family = (
    rule(
        "BAR |ROM |brid|VF B",
        rf"{_NAME} {RES}(?P<rest>: (?:can't claim; address conflict with (?P<conflict>.{{1,160}})|.{{1,200}}))?\Z",
        _named,
    ),
    rule("reg ", rf"reg (?:0x)?(?P<register>[0-9a-f]{{1,3}}):? {RES}", bar("bar-sized")),
    rule(
        "reg |0000",
        rf"(?:(?P<address>{BDF}) )?reg (?:0x)?(?P<register>[0-9a-f]{{1,3}})"
        r" (?P<kind>(?:20|32|64)bit mmio(?: pref)?|io port):"
        rf" (?P<res>\[(?:0x)?{HEX}(?:-|, )(?:0x)?{HEX}\])",
        _old_sized,
    ),
    # Up to 6.7, by number.
    rule(
        "BAR ",
        rf"{_INDEX}: (?P<verb>assigned|set to|no space for|failed to assign|releasing|got res)"
        r" (?P<res>\[(?:mem|io |\?\?\?|0x)[^\]\n]{1,120}\])",
        _numbered,
    ),
    rule("BAR |VF B", rf"{_NAME}: {RES} \(from Enhanced Allocation", bar("bar-assigned")),
    rule(
        "BAR ",
        rf"{_INDEX}: (?P<reason>can't assign) (?P<res>(?:I/O|io|mem pref|mem|pref) \(size 0x{HEX})",
        bar("bar-failed"),
    ),
    rule(
        "BAR ",
        rf"{_INDEX}: (?P<reason>can't allocate) (?:mem |I/O )?resource(?: (?P<res>\[.{{1,80}}\]))?",
        bar("bar-failed"),
    ),
    rule("BAR ", rf"{_INDEX}: {RES} has (?P<reason>bogus alignment)", bar("bar-failed")),
    rule("can'", rf"can't claim {_INDEX} {RES}: {_NO_CLAIM}", bar("bar-conflict")),
    rule(
        "addr",
        rf"address space collision: {RES}(?: (?P<reason>conflicts?) with (?P<conflict>.{{1,160}}))?",
        bar("bar-conflict"),
    ),
    rule(
        "can'",
        rf"can't enable device: {_INDEX} {RES} (?P<reason>not assigned|not claimed)",
        bar("enable-failed"),
    ),
    rule("devi", rf"device not available \((?P<reason>can't reserve) {RES}\)", bar("enable-failed")),
    rule("root", rf"root bus resource (?!\[bus ){RES}", bar("root-window")),
    rule("host", rf"host bridge window {RES} \((?P<reason>ignored[^)]{{0,60}})", bar("host-window-ignored")),
    rule("devi", rf"devices behind bridge are unusable because {RES} cannot be assigned", bar("behind-unusable")),
)
