"""Where a device still fits: free slots, free address space and free bus numbers behind each port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional, Union

from hotplugctl.model.devices import PciFunction, Slot
from hotplugctl.model.reads import reason
from hotplugctl.model.report import Headroom, Room
from hotplugctl.model.resource import Range
from hotplugctl.model.snapshot import Detail, Scene

_FOUR_GIB = 1 << 32
_LAST_BUS = 255
_KIB = 1 << 10
_ISA_ALIASES = 0x300
# arch/x86/pci/direct.c reserves the ports of configuration mechanism 1 (or 2) by this name: no other architecture does.
_X86_PORTS = "PCI conf"
_ECAM = ("PCI ECAM ", "PCI MMCONFIG ")


class Span(NamedTuple):
    """Addresses from ``start`` to ``end``, both included."""

    start: int
    end: int


def headroom(scene: Scene) -> Headroom:
    """One room for each bus, and the sums over the buses that a mechanism serves.

    ``free_slots`` is None where no slot is known to be free and of some it could not be read. Slots that no
    announcement of the host reaches are not free.
    """
    on_bus: dict[str, list[PciFunction]] = {}
    for function in scene.functions.items:
        on_bus.setdefault(function.bus, []).append(function)
    hot = [slot for slot in scene.slots.items if slot.hotplug]
    slots_of: dict[Optional[str], list[Slot]] = {}
    for slot in hot:
        slots_of.setdefault(slot.bus, []).append(slot)
    x86 = any(entry.name.startswith(_X86_PORTS) for entry in scene.ioports or ())
    rooms = tuple(
        _room(scene, bus, port, slots_of.get(bus, []), on_bus.get(bus, []), x86) for bus, port in scene.buses.items()
    )
    if scene.slots.failure is not None:
        why = reason(scene.slots.failure)
        return Headroom(None, None, rooms, (("free_slots", why), ("slots", why)))
    free = sum(map(scene.takes, hot))
    unread = next((slot for slot in hot if slot.occupied is None), None)
    if not free and unread is not None:
        return Headroom(None, len(hot), rooms, (("free_slots", unread.unknown.get("occupied", "not known")),))
    return Headroom(free, len(hot), rooms, ())


def last_free(scene: Scene) -> Optional[Slot]:
    """The only slot of several that can still take a device; None too where of another that is not known."""
    hot = scene.hearing()
    free = [slot for slot in hot if slot.free]
    return free[0] if len(hot) > 1 and len(free) == 1 and all(slot.occupied is not None for slot in hot) else None


def largest_block(free_of: Iterable[Span], used: Iterable[Span], for_isa: bool = False) -> int:
    """The largest power of two that fits, aligned to itself, into the gaps that ``used`` leaves.

    ``for_isa``: of every KiB only the first 256 addresses begin a block, as x86 gives out I/O. ISA cards decode ten
    bits of an address and answer at all others that end alike (arch/x86/pci/i386.c, ``pcibios_align_resource``).
    """
    taken = sorted(used)
    return max((_largest_aligned(gap, for_isa) for span in free_of for gap in _gaps(span, taken)), default=0)


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


def _largest_aligned(gap: Span, for_isa: bool) -> int:
    size = 1 << (gap.end - gap.start + 1).bit_length() - 1
    while size:
        start = _aligned(gap.start, size)
        if for_isa and start & _ISA_ALIASES:
            start = _aligned(start, _KIB)
        if start + size - 1 <= gap.end:
            return size
        size >>= 1
    return 0


def _aligned(address: int, size: int) -> int:
    return -(-address // size) * size


class Windows(NamedTuple):
    """The address space that a bus may give to devices, None where that is unknown, and what else lies within."""

    io: Optional[tuple[Span, ...]]
    mem: Optional[tuple[Span, ...]]
    pref: Optional[tuple[Span, ...]]
    why: str
    mem_taken: tuple[Span, ...] = ()
    io_taken: tuple[Span, ...] = ()


def _room(
    scene: Scene, bus: str, port: Optional[str], slots: list[Slot], functions: list[PciFunction], x86: bool
) -> Room:
    windows = _root_windows(scene, bus) if port is None else _port_windows(scene, port)
    used = _used(scene, functions)
    if isinstance(used, str):
        windows = Windows(None, None, None, used)
        used = ([], [])
    numbers, numbers_why = _bus_numbers(scene, bus, port, functions)
    io, mem, pref = (
        None if spans is None else largest_block(spans, taken, for_isa)
        for spans, taken, for_isa in (
            (windows.io, [*used[0], *windows.io_taken], x86),
            (windows.mem, [*used[1], *windows.mem_taken], False),
            (windows.pref, [*used[1], *windows.mem_taken], False),
        )
    )
    keys = (("io_largest", io), ("mem_largest", mem), ("pref_largest", pref))
    unknown = [(key, windows.why) for key, value in keys if value is None]
    mechanism = slots[0].mechanism if slots else None
    free = sum(map(scene.takes, slots))
    if mechanism is None and slots:
        unknown.append(("mechanism", slots[0].unknown.get("mechanism", "nothing tells")))
    if numbers is None:
        unknown.append(("bus_numbers_free", numbers_why))
    return Room(
        bus, port, mechanism, len(slots), free, io, mem, pref, numbers,
        tuple(unknown),
    )  # fmt: skip


def _root_windows(scene: Scene, bus: str) -> Windows:
    """The host bridge's windows, which the kernel lists by the bus's name in /proc/iomem and /proc/ioports."""
    name = f"PCI Bus {bus}"
    io, io_taken = _named(scene.ioports, name)
    mem, mem_taken = _named(scene.iomem, name)
    if io == () and mem == ():
        # Without ACPI the kernel names no host bridge there: that says nothing of its windows.
        return Windows(None, None, None, f"/proc/iomem and /proc/ioports: no {name}")
    low = None if mem is None else tuple(Span(s.start, min(s.end, _FOUR_GIB - 1)) for s in mem if s.start < _FOUR_GIB)
    why = "/proc/iomem and /proc/ioports: not readable, or without addresses (not root)"
    return Windows(io, low, mem, why, mem_taken, io_taken)


def _named(ranges: Optional[Iterable[Range]], name: str) -> tuple[Optional[tuple[Span, ...]], tuple[Span, ...]]:
    """The ranges of this name, and what lies right within them: ports of the board and the like bear no BAR."""
    if ranges is None:
        return None, ()
    found: list[Span] = []
    taken: list[Span] = []
    above: list[Range] = []
    for entry in ranges:
        del above[entry.depth :]
        outer = above[-1].name if above else ""
        if entry.name == name and not outer.startswith(_ECAM):
            found.append(Span(entry.start, entry.end))
        elif outer == name:
            taken.append(Span(entry.start, entry.end))
        above.append(entry)
    return tuple(found), tuple(taken)


def _port_windows(scene: Scene, port: str) -> Windows:
    detail = scene.details.get(port)
    config = detail.config if detail is not None else None
    if config is None or config.all_ones or not config.windows:
        why = "" if detail is None else detail.unknown.get("config", "")
        return Windows(None, None, None, why or f"{port}: its config space holds no bridge windows")

    def spans(kind: str) -> tuple[Span, ...]:
        # Registers that nobody ever wrote read 0, which would be a window from 0 on: no bridge forwards that.
        return tuple(Span(w.base, w.limit) for w in config.windows if w.kind == kind and w.enabled and not w.zero)

    mem, pref = spans("mem"), spans("pref")
    # What is prefetchable may also live in the window that is not.
    return Windows(spans("io"), mem, pref or mem, "")


def _used(scene: Scene, functions: Iterable[PciFunction]) -> Union[tuple[list[Span], list[Span]], str]:
    """What the functions of a bus hold of I/O and memory; a text where that of one is not known."""
    io: list[Span] = []
    mem: list[Span] = []
    for function in functions:
        detail = scene.details.get(function.address)
        if detail is None or detail.resources is None:
            why = "" if detail is None else detail.unknown.get("resource", "")
            return why or f"{function.address}: its resources are not readable"
        for line in detail.resources:
            if line.assigned:
                (io if line.is_io else mem).append(Span(line.start, line.end))
    return io, mem


def _bus_numbers(
    scene: Scene, bus: str, port: Optional[str], functions: Iterable[PciFunction]
) -> tuple[Optional[int], str]:
    """How many more buses a hot-added bridge could open: the range of the port, less what bridges on it hold."""
    held = 0
    for function in functions:
        if function.is_bridge:
            detail = scene.details.get(function.address)
            if detail is None or detail.config is None:
                return None, f"{function.address}: its bus numbers are not readable"
            pair = _range(detail)
            held += pair[1] - pair[0] + 1 if pair is not None else 0
    own = int(bus.rpartition(":")[2], 16)
    end = _last_bus(scene, bus, port)
    return (None, end) if isinstance(end, str) else (max(0, end - own - held), "")


def _last_bus(scene: Scene, bus: str, port: Optional[str]) -> Union[int, str]:
    if port is not None:
        detail = scene.details.get(port)
        pair = _range(detail) if detail is not None else None
        return f"{port}: its bus numbers are not readable" if pair is None else pair[1]
    end = scene.root_ends.get(bus)
    if end is None:
        end = _ecam_end(scene.iomem or (), bus)
    return "neither the kernel log nor /proc/iomem tells the bus range of the root bus" if end is None else end


def _ecam_end(ranges: Iterable[Range], bus: str) -> Optional[int]:
    """``PCI ECAM 0000 [bus 00-ff]`` (``MMCONFIG`` up to 6.8): the buses whose config space is mapped there."""
    domain, _, first = bus.rpartition(":")
    for entry in ranges:
        for word in _ECAM:
            numbers = entry.name.partition(f"{word}{domain} [bus {first}-")[2]
            if numbers[2:] == "]" and all(digit in "0123456789abcdef" for digit in numbers[:2]):
                return int(numbers[:2], 16)
    return None


def _range(detail: Detail) -> Optional[tuple[int, int]]:
    if detail.config is None or detail.config.buses is None:
        return None
    secondary, subordinate = detail.config.buses.secondary, detail.config.buses.subordinate
    return (secondary, subordinate) if 0 < secondary <= subordinate <= _LAST_BUS else None
