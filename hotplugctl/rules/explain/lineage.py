"""Where a function is: the ports above it with their windows, and where its BARs lie in these."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.config_space import Bar, Window
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.explanation import BarPlace, Lineage, Near, Port
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.snapshot import Snapshot

_BARS = 6
# Ports nest a few levels deep; 255 buses allow no more than this, and a recording may claim a circle.
_DEEPEST = 256
# A bridge has two BARs; its further lines are windows.
_BRIDGE_BARS = 2


def lineage(snapshot: Snapshot, function: PciFunction, near: Near) -> Lineage:
    """Of a function that is there."""
    above = ports(snapshot, function.parent, function.bus)
    detail = snapshot.details.get(function.address)
    children = tuple(child for child in snapshot.children if child.address == function.address)
    unknown: dict[str, str] = {}
    if detail is None or detail.resources is None:
        why = "" if detail is None else detail.unknown.get("resource", "")
        unknown["bars"] = why or f"{function.path}/resource: not readable"
        return Lineage(above, (), children, near, unknown)
    raw = {} if detail.config is None else {bar.index: bar for bar in detail.config.bars}
    count = _BRIDGE_BARS if function.is_bridge else _BARS
    windows = above[-1].windows if above else _of_root(snapshot, function.bus)
    found = (_place(line, raw.get(line.index), windows) for line in detail.resources[:count])
    places = (_sized(snapshot, function.address, place) for place in found if place is not None)
    return Lineage(above, tuple(places), children, near, unknown)


Windows = tuple[tuple[str, Optional[int], Optional[int]], ...]


def _of_root(snapshot: Snapshot, bus: str) -> Windows:
    """The windows of the host bridge, which the kernel lists by the bus's name (/proc/iomem, /proc/ioports)."""
    name, scene = f"PCI Bus {bus}", snapshot.scene
    kinds = (("io", scene.ioports), ("mem", scene.iomem))
    return tuple((kind, one.start, one.end) for kind, all_ in kinds for one in all_ or () if one.name == name)


def _place(line: ResourceLine, raw: Optional[Bar], windows: Windows) -> Optional[BarPlace]:
    """One BAR; None for a register that is none. Of one without an address the config space may know the kind alone."""
    if not line.flags and (raw is None or raw.kind == "none"):
        return None
    is_io = line.is_io if line.flags else raw is not None and raw.kind == "io"
    prefetch = line.prefetch if line.flags else raw is not None and raw.prefetchable
    is64 = line.is64 if line.flags else raw is not None and raw.kind == "mem64"
    start = line.start if line.assigned else None
    within = None if start is None else _window(is_io, start, line.end, windows)
    return BarPlace(line.index, "io" if is_io else "mem", prefetch, is64, line.size, start, within)


def _sized(snapshot: Snapshot, address: str, place: BarPlace) -> BarPlace:
    """Of a BAR without an address the log alone may tell the size."""
    name = f"BAR {place.index}"
    for event in snapshot.log.events if not place.size else ():
        size = event.get("size")
        if event.address == address and event.get("bar") == name and isinstance(size, int):
            place = place._replace(size=size)
    return place


def _window(is_io: bool, start: int, end: int, windows: Windows) -> Optional[str]:
    for kind, base, limit in windows:
        if base is not None and limit is not None and (kind == "io") == is_io and base <= start and end <= limit:
            return f"{kind} {base:#x}-{limit:#x}"
    return None


def ports(snapshot: Snapshot, nearest: Optional[str], bus: Optional[str]) -> tuple[Port, ...]:
    """The ports above a bus, the nearest to the root first."""
    functions = {function.address: function for function in snapshot.functions.items}
    names = {slot.address: slot.name for slot in snapshot.slots.items if slot.address is not None}
    found: list[Port] = []
    while nearest is not None and len(found) < _DEEPEST and all(port.address != nearest for port in found):
        function = functions.get(nearest)
        found.append(_port(snapshot, nearest, function, bus, names.get(nearest[:-2])))
        nearest = None if function is None else function.parent
        bus = None if function is None else function.bus
    return tuple(reversed(found))


def _port(
    snapshot: Snapshot, address: str, function: Optional[PciFunction], bus: Optional[str], slot: Optional[str]
) -> Port:
    detail = snapshot.details.get(address)
    config = None if detail is None else detail.config
    unknown: dict[str, str] = {}
    if function is None:
        unknown["driver"] = f"/sys/bus/pci/devices/{address}: not there"
    elif "driver" in function.unknown:
        unknown["driver"] = function.unknown["driver"]
    if config is None or config.all_ones:
        why = "" if detail is None else detail.unknown.get("config", "")
        unknown["windows"] = why or f"{address}: its config space does not tell"
    windows = () if config is None or config.all_ones else tuple(_span(one) for one in config.windows)
    return Port(address, None if function is None else function.driver, bus, slot, windows, unknown)


def _span(window: Window) -> tuple[str, Optional[int], Optional[int]]:
    """A window that forwards nothing has no base and no limit."""
    if not window.enabled or window.zero:
        return window.kind, None, None
    return window.kind, window.base, window.limit
