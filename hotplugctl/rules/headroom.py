"""Where a device still fits: free slots, free address space and free bus numbers behind each port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.devices import PciFunction, Slot
from hotplugctl.model.report import Headroom, Room
from hotplugctl.model.snapshot import Snapshot

_FOUR_GIB = 1 << 32
# A PCI I/O BAR is at least 4 bytes and a memory BAR at least 16 (PCI Local Bus 3.0, 6.2.5.1).
_LAST_BUS = 255


class Span(NamedTuple):
    """Addresses from ``start`` to ``end``, both included."""

    start: int
    end: int


def headroom(snapshot: Snapshot) -> Headroom:
    """One room for each bus, and the sums over the buses that a mechanism serves."""
    rooms = tuple(_room(snapshot, bus, port) for bus, port in snapshot.buses.items())
    if snapshot.slots.failure is not None:
        why = _failure_text(snapshot)
        return Headroom(None, None, rooms, (("free_slots", why), ("slots", why)))
    serving = [slot for slot in snapshot.slots.items if slot.mechanism is not None]
    return Headroom(sum(is_free(slot) for slot in serving), len(serving), rooms, ())


def is_free(slot: Slot) -> bool:
    """A mechanism serves the slot and nothing is in it."""
    return slot.mechanism is not None and slot.occupied is False


def serving(slots: Iterable[Slot]) -> Mapping[str, tuple[int, int]]:
    """Mechanism → its slots, and how many of them are free."""
    counts: dict[str, tuple[int, int]] = {}
    for slot in slots:
        if slot.mechanism is not None:
            total, free = counts.get(slot.mechanism, (0, 0))
            counts[slot.mechanism] = (total + 1, free + is_free(slot))
    return counts


def mechanism_of(snapshot: Snapshot, bus: str) -> Optional[str]:
    """The mechanism that serves the slots of a bus."""
    return next((slot.mechanism for slot in snapshot.slots.items if slot.bus == bus and slot.mechanism), None)


def largest_block(free_of: Iterable[Span], used: Iterable[Span]) -> int:
    """The largest power of two that fits, aligned to itself, into the gaps that ``used`` leaves."""
    taken = sorted(used)
    return max((_largest_aligned(gap) for span in free_of for gap in _gaps(span, taken)), default=0)


def _gaps(span: Span, taken: list[Span]) -> Iterable[Span]:
    at = span.start
    for used in taken:
        if used.end < at or used.start > span.end:
            continue
        if used.start > at:
            yield Span(at, used.start - 1)
        at = max(at, used.end + 1)
    if at <= span.end:
        yield Span(at, span.end)


def _largest_aligned(gap: Span) -> int:
    size = 1 << (gap.end - gap.start + 1).bit_length() - 1
    while size:
        start = -(-gap.start // size) * size
        if start + size - 1 <= gap.end:
            return size
        size >>= 1
    return 0


class Windows(NamedTuple):
    """The address space that a bus may give to devices; None where that is unknown."""

    io: Optional[tuple[Span, ...]]
    mem: Optional[tuple[Span, ...]]
    pref: Optional[tuple[Span, ...]]
    why: str


def _room(snapshot: Snapshot, bus: str, port: Optional[str]) -> Room:
    slots = [slot for slot in snapshot.slots.items if slot.bus == bus and slot.mechanism is not None]
    windows = _root_windows(snapshot, bus) if port is None else _port_windows(snapshot, port)
    used_io, used_mem = _used(snapshot, bus)
    numbers, numbers_why = _bus_numbers(snapshot, bus, port)
    io, mem, pref = (
        None if spans is None else largest_block(spans, used)
        for spans, used in ((windows.io, used_io), (windows.mem, used_mem), (windows.pref, used_mem))
    )
    keys = (("io_largest", io), ("mem_largest", mem), ("pref_largest", pref))
    unknown = [(key, windows.why) for key, value in keys if value is None]
    if numbers is None:
        unknown.append(("bus_numbers_free", numbers_why))
    mechanism = slots[0].mechanism if slots else None
    return Room(
        bus, port, mechanism, len(slots), sum(is_free(slot) for slot in slots), io, mem, pref, numbers,
        None, tuple(unknown),
    )  # fmt: skip


def _root_windows(snapshot: Snapshot, bus: str) -> Windows:
    """The host bridge's windows, which the kernel lists by the bus's name in /proc/iomem and /proc/ioports."""
    name = f"PCI Bus {bus}"
    io = _named(snapshot.ioports, name)
    mem = _named(snapshot.iomem, name)
    low = None if mem is None else tuple(Span(s.start, min(s.end, _FOUR_GIB - 1)) for s in mem if s.start < _FOUR_GIB)
    return Windows(io, low, mem, "/proc/iomem and /proc/ioports: not readable, or without addresses (not root)")


def _named(ranges: Optional[Iterable[object]], name: str) -> Optional[tuple[Span, ...]]:
    if ranges is None:
        return None
    return tuple(Span(r.start, r.end) for r in ranges if r.name == name)  # type: ignore[attr-defined]


def _port_windows(snapshot: Snapshot, port: str) -> Windows:
    detail = snapshot.details.get(port)
    config = detail.config if detail is not None else None
    if config is None or config.all_ones:
        why = "" if detail is None else detail.unknown.get("config", "")
        return Windows(None, None, None, why or f"{port}: its config space is not readable")

    def spans(kind: str) -> tuple[Span, ...]:
        return tuple(Span(w.base, w.limit) for w in config.windows if w.kind == kind and w.enabled)

    mem, pref = spans("mem"), spans("pref")
    # What is prefetchable may also live in the window that is not.
    return Windows(spans("io"), mem, pref or mem, "")


def _used(snapshot: Snapshot, bus: str) -> tuple[list[Span], list[Span]]:
    io: list[Span] = []
    mem: list[Span] = []
    for function in snapshot.functions.items:
        if function.bus == bus:
            for line in _resources(snapshot, function):
                if line.assigned:
                    (io if line.is_io else mem).append(Span(line.start, line.end))
    return io, mem


def _resources(snapshot: Snapshot, function: PciFunction) -> tuple:  # type: ignore[type-arg]
    detail = snapshot.details.get(function.address)
    return (detail.resources or ()) if detail is not None else ()


def _bus_numbers(snapshot: Snapshot, bus: str, port: Optional[str]) -> tuple[Optional[int], str]:
    """How many more buses a hot-added bridge could open: the range of the port, less what bridges on it hold."""
    held = [pair for function in snapshot.functions.items if function.bus == bus and (pair := _range(snapshot, function))]
    own = int(bus.rpartition(":")[2], 16)
    if port is None:
        end = _root_end(snapshot, bus)
        if end is None:
            return None, "the kernel log does not hold the bus range of the root bus"
    else:
        above = next((f for f in snapshot.functions.items if f.address == port), None)
        pair = _range(snapshot, above) if above is not None else None
        if pair is None:
            return None, f"{port}: its bus numbers are not readable"
        end = pair[1]
    return max(0, end - own - sum(last - first + 1 for first, last in held)), ""


def _range(snapshot: Snapshot, function: PciFunction) -> Optional[tuple[int, int]]:
    detail = snapshot.details.get(function.address)
    if not function.is_bridge or detail is None or detail.config is None or detail.config.buses is None:
        return None
    _, secondary, subordinate = detail.config.buses
    return (secondary, subordinate) if 0 < secondary <= subordinate <= _LAST_BUS else None


def _root_end(snapshot: Snapshot, bus: str) -> Optional[int]:
    for event in snapshot.log.events:
        if event.kind == "root-bus-range" and dict(event.fields).get("bus") == bus:
            return int(str(dict(event.fields)["end"]), 16)
    return None


def _failure_text(snapshot: Snapshot) -> str:
    from hotplugctl.model.reads import reason

    return reason(snapshot.slots.failure) if snapshot.slots.failure is not None else ""
