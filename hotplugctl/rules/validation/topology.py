"""Buses, bridges, address ranges and slots: what must lie within what, and what must not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.validation import Layout, Problem, Subject, Subjects

_BARS = 6
_WINDOWS = 7
_SHOWN = 4
# include/linux/ioport.h: fixed (the ports of old IDE, the memory of VGA), and told by Enhanced Allocation.
_FIXED = 0x10 | 0x20
_SUBTRACTIVE = "060401"
# Below lie the ranges of ISA and VGA, which bridges pass on by other means than their windows.
_LEGACY_IO, _LEGACY_MEM = 0x1000, 0x10_0000


class _Span(NamedTuple):
    """A range that something holds. ``what``: ``0000:00:03.0 BAR 2``."""

    start: int
    end: int
    io: bool
    what: str
    source: str


def topology(subjects: Subjects, layout: Layout) -> Iterator[Problem]:
    """Every contradiction between the places of functions, buses, ranges and slots."""
    yield from _nesting(subjects.items)
    by_bus: dict[str, list[Subject]] = {}
    for subject in subjects.items.values():
        by_bus.setdefault(subject.function.bus, []).append(subject)
    for bus, members in by_bus.items():
        yield from _ranges(bus, members, subjects.items, layout)
    yield from _slots(subjects, layout)


# Bus numbers.


def _numbers(subject: Subject) -> Optional[tuple[int, int]]:
    """Secondary and subordinate bus of a bridge that has any."""
    config = subject.config
    if config is None or config.buses is None or config.all_ones or not config.buses.secondary:
        return None
    return config.buses.secondary, config.buses.subordinate


def _nesting(items: Mapping[str, Subject]) -> Iterator[Problem]:
    siblings: dict[str, list[tuple[int, int, str]]] = {}
    for address, subject in items.items():
        yield from _on_its_bus(address, subject, items)
        pair = _numbers(subject)
        if pair is None:
            continue
        first, last = pair
        source = Evidence(f"{subject.function.path}/config", f"{first:02x}-{last:02x}")
        if first > last:
            why = f"its secondary bus, {first:02x}, is above its subordinate one, {last:02x}"
            yield Problem("pci.buses-not-nested", address, why, (source,))
            continue
        above = _above(subject, items)
        if above is not None and not above[0] < first <= last <= above[1]:
            why = f"buses {first:02x}-{last:02x}, and the bridge above has {above[0]:02x}-{above[1]:02x}"
            yield Problem("pci.buses-not-nested", address, why, (source,))
        siblings.setdefault(subject.function.bus, []).append((first, last, address))
    for ranges in siblings.values():
        ranges.sort()
        for (_, end, one), (begin, _, other) in zip(ranges, ranges[1:]):
            if begin <= end:
                yield Problem(
                    "pci.buses-not-nested", other, f"its buses begin at {begin:02x}, and {one} has those to {end:02x}"
                )


def _above(subject: Subject, items: Mapping[str, Subject]) -> Optional[tuple[int, int]]:
    parent = items.get(subject.function.parent or "")
    return None if parent is None else _numbers(parent)


def _on_its_bus(address: str, subject: Subject, items: Mapping[str, Subject]) -> Iterator[Problem]:
    above = _above(subject, items)
    bus = int(subject.function.bus.rpartition(":")[2], 16)
    # Virtual functions may sit on any bus of the range (SR-IOV), the rest on the first.
    if above is not None and not above[0] <= bus <= above[1]:
        why = f"it is on bus {bus:02x}, and the bridge above it has {above[0]:02x}-{above[1]:02x}"
        source = Evidence(f"{subject.function.path}/config", "")
        parent = subject.function.parent or ""
        witness = Evidence(f"{items[parent].function.path}/config", f"{above[0]:02x}-{above[1]:02x}")
        yield Problem("pci.address-differs", address, why, (witness, source._replace(value=f"{bus:02x}")))


# Ranges.


def _ranges(bus: str, members: Iterable[Subject], items: Mapping[str, Subject], layout: Layout) -> Iterator[Problem]:
    held = [span for subject in members for span in _held(subject)]
    parent = next((items.get(one.function.parent or "") for one in members), None)
    windows = _root_windows(bus, layout) if parent is None else _windows(parent)
    if windows is not None:
        for span in held:
            if not any(one.io == span.io and one.start <= span.start and span.end <= one.end for one in windows):
                yield _outside(span, windows, parent)
    held.sort()
    reach: Optional[_Span] = None
    for io in (True, False):
        reach = None
        for span in held:
            if span.io is not io:
                continue
            if reach is not None and span.start <= reach.end:
                why = f"{_hex(span)} overlaps {reach.what}, {_hex(reach)}"
                yield Problem(
                    "pci.bar-overlap",
                    span.what,
                    why,
                    (Evidence(span.source, _hex(span)), Evidence(reach.source, _hex(reach))),
                )
            if reach is None or span.end > reach.end:
                reach = span


def _held(subject: Subject) -> Iterator[_Span]:
    """What a function holds on the bus that it is on: its BARs, and as a bridge its windows."""
    if subject.config is not None and subject.config.all_ones:
        return
    source = f"{subject.function.path}/resource"
    for line in subject.resources or ():
        # A bridge has no virtual functions: what follows its ROM are windows.
        if line.index >= _BARS and (line.index < _WINDOWS or not subject.function.is_bridge):
            continue
        if _counts(line) and not (line.index >= _BARS and (subject.function.class_ or "") == _SUBTRACTIVE):
            what = f"BAR {line.index}" if line.index < _BARS else "window"
            yield _Span(line.start, line.end, line.is_io, f"{subject.function.address} {what}", source)


def _counts(line: ResourceLine) -> bool:
    """Whether it is an address that the bridge above must pass on."""
    if not line.assigned or not (line.is_io or line.is_mem) or (line.index < _BARS and line.flags & _FIXED):
        return False
    return line.start >= (_LEGACY_IO if line.is_io else _LEGACY_MEM)


def _windows(bridge: Subject) -> Optional[list[_Span]]:
    """What a bridge passes on, as the kernel and as its registers say; None where nobody knows, or it passes on all."""
    config = bridge.config
    if config is None or config.all_ones or not config.windows or (bridge.function.class_ or "") == _SUBTRACTIVE:
        return None
    source = f"{bridge.function.path}/config"
    found = [
        _Span(window.base, window.limit, window.kind == "io", window.kind, source)
        for window in config.windows
        if window.enabled and not window.zero
    ]
    lines = (line for line in bridge.resources or () if line.index >= _WINDOWS and line.assigned)
    return found + [_Span(line.start, line.end, line.is_io, "", source) for line in lines]


def _root_windows(bus: str, layout: Layout) -> Optional[list[_Span]]:
    found = [
        _Span(claim.start, claim.end, claim.io, "", "/proc/ioports" if claim.io else "/proc/iomem")
        for claim in layout.claims
        if claim.bus == bus
    ]
    # Both maps must name it: without ACPI there are no such lines, and root alone sees addresses.
    return found if {span.io for span in found} == {True, False} else None


def _outside(span: _Span, windows: Iterable[_Span], parent: Optional[Subject]) -> Problem:
    where = "the windows of its root bus" if parent is None else f"the windows of {parent.function.address}"
    fitting = {_hex(one): one.source for one in windows if one.io == span.io}
    said = ", ".join(list(fitting)[:_SHOWN]) or "none"
    told = (Evidence(source, words) for words, source in list(fitting.items())[:_SHOWN])
    witnesses = (Evidence(span.source, _hex(span)), *told)
    return Problem("pci.bar-outside-window", span.what, f"{_hex(span)} is not within {where}: {said}", witnesses)


def _hex(span: _Span) -> str:
    return f"{'io' if span.io else 'mem'} {span.start:x}-{span.end:x}"


# Slots.


def _slots(subjects: Subjects, layout: Layout) -> Iterator[Problem]:
    if subjects.failure is not None or not layout.buses:
        return
    seen: dict[str, str] = {}
    for path, address in layout.slots.items():
        before = seen.setdefault(address, path)
        if before != path and address.count(":") > 1:
            # drivers/pci/slot.c, pci_create_slot(): who asks for one that is there gets that.
            why = f"{before} has the address {address} too"
            said = (Evidence(f"{before}/address", address), Evidence(f"{path}/address", address))
            yield Problem("pci.slot-doubled", path, why, said)
        bus = ":".join(address.split(":")[:2])
        if bus not in layout.buses:
            why = f"its address is {address}, and there is no bus {bus}"
            yield Problem("pci.slot-without-bus", path, why, (Evidence(f"{path}/address", address),))
