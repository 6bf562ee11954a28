"""Where a device still fits: free slots, free address space and free bus numbers behind each port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from hotplugctl.model.devices import PciFunction, Slot
from hotplugctl.model.reads import reason
from hotplugctl.model.report import Headroom, Room
from hotplugctl.model.resource import Range, ResourceLine
from hotplugctl.model.snapshot import Scene

_FOUR_GIB = 1 << 32
_LAST_BUS = 255


class Span(NamedTuple):
    """Addresses from ``start`` to ``end``, both included."""

    start: int
    end: int


def headroom(scene: Scene) -> Headroom:
    """One room for each bus, and the sums over the buses that a mechanism serves."""
    rooms = tuple(_room(scene, bus, port) for bus, port in scene.buses.items())
    if scene.slots.failure is not None:
        why = reason(scene.slots.failure)
        return Headroom(None, None, rooms, (("free_slots", why), ("slots", why)))
    hot = [slot for slot in scene.slots.items if slot.hotplug]
    return Headroom(sum(is_free(slot) for slot in hot), len(hot), rooms, ())


def is_free(slot: Slot) -> bool:
    """A mechanism serves the slot and nothing is in it."""
    return slot.hotplug and slot.occupied is False


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


def _room(scene: Scene, bus: str, port: Optional[str]) -> Room:
    slots = [slot for slot in scene.slots.items if slot.bus == bus and slot.hotplug]
    windows = _root_windows(scene, bus) if port is None else _port_windows(scene, port)
    used_io, used_mem = _used(scene, bus)
    mechanism = slots[0].mechanism if slots else None
    numbers, numbers_why = _bus_numbers(scene, bus, port)
    io, mem, pref = (
        None if spans is None else largest_block(spans, used)
        for spans, used in ((windows.io, used_io), (windows.mem, used_mem), (windows.pref, used_mem))
    )
    keys = (("io_largest", io), ("mem_largest", mem), ("pref_largest", pref))
    unknown = [(key, windows.why) for key, value in keys if value is None]
    if mechanism is None and slots:
        unknown.append(("mechanism", slots[0].unknown.get("mechanism", "nothing tells")))
    if numbers is None:
        unknown.append(("bus_numbers_free", numbers_why))
    return Room(
        bus, port, mechanism, len(slots), sum(is_free(slot) for slot in slots), io, mem, pref, numbers,
        tuple(unknown),
    )  # fmt: skip


def _root_windows(scene: Scene, bus: str) -> Windows:
    """The host bridge's windows, which the kernel lists by the bus's name in /proc/iomem and /proc/ioports."""
    name = f"PCI Bus {bus}"
    io = _named(scene.ioports, name)
    mem = _named(scene.iomem, name)
    if io == () and mem == ():
        return Windows(None, None, None, f"/proc/iomem and /proc/ioports: no {name} (not so named without ACPI)")
    low = None if mem is None else tuple(Span(s.start, min(s.end, _FOUR_GIB - 1)) for s in mem if s.start < _FOUR_GIB)
    return Windows(io, low, mem, "/proc/iomem and /proc/ioports: not readable, or without addresses (not root)")


def _named(ranges: Optional[Iterable[Range]], name: str) -> Optional[tuple[Span, ...]]:
    if ranges is None:
        return None
    return tuple(Span(entry.start, entry.end) for entry in ranges if entry.name == name)


def _port_windows(scene: Scene, port: str) -> Windows:
    detail = scene.details.get(port)
    config = detail.config if detail is not None else None
    if config is None or config.all_ones:
        why = "" if detail is None else detail.unknown.get("config", "")
        return Windows(None, None, None, why or f"{port}: its config space is not readable")

    def spans(kind: str) -> tuple[Span, ...]:
        return tuple(Span(w.base, w.limit) for w in config.windows if w.kind == kind and w.enabled)

    mem, pref = spans("mem"), spans("pref")
    # What is prefetchable may also live in the window that is not.
    return Windows(spans("io"), mem, pref or mem, "")


def _used(scene: Scene, bus: str) -> tuple[list[Span], list[Span]]:
    io: list[Span] = []
    mem: list[Span] = []
    for function in scene.functions.items:
        if function.bus == bus:
            for line in _resources(scene, function):
                if line.assigned:
                    (io if line.is_io else mem).append(Span(line.start, line.end))
    return io, mem


def _resources(scene: Scene, function: PciFunction) -> tuple[ResourceLine, ...]:
    detail = scene.details.get(function.address)
    return (detail.resources or ()) if detail is not None else ()


def _bus_numbers(scene: Scene, bus: str, port: Optional[str]) -> tuple[Optional[int], str]:
    """How many more buses a hot-added bridge could open: the range of the port, less what bridges on it hold."""
    held = [pair for function in scene.functions.items if function.bus == bus and (pair := _range(scene, function))]
    own = int(bus.rpartition(":")[2], 16)
    if port is None:
        end = scene.root_ends.get(bus)
        if end is None:
            return None, "the kernel log does not hold the bus range of the root bus"
    else:
        above = next((f for f in scene.functions.items if f.address == port), None)
        pair = _range(scene, above) if above is not None else None
        if pair is None:
            return None, f"{port}: its bus numbers are not readable"
        end = pair[1]
    return max(0, end - own - sum(last - first + 1 for first, last in held)), ""


def _range(scene: Scene, function: PciFunction) -> Optional[tuple[int, int]]:
    detail = scene.details.get(function.address)
    if not function.is_bridge or detail is None or detail.config is None or detail.config.buses is None:
        return None
    secondary, subordinate = detail.config.buses.secondary, detail.config.buses.subordinate
    return (secondary, subordinate) if 0 < secondary <= subordinate <= _LAST_BUS else None
