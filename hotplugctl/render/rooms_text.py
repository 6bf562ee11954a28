"""The table of buses and what still fits on each, as ``check`` and ``slots`` show it."""

from __future__ import annotations

from hotplugctl.model.report import Headroom, Room
from hotplugctl.render.size import size
from hotplugctl.render.table import UNKNOWN, cell, table


def rooms(room: Headroom) -> str:
    """A row a bus: its port, who serves it, its slots, and the largest blocks that are free. Empty without buses."""
    rows = [
        [
            item.bus, cell(item.port), *_serving(item, room.slots is not None),
            size(item.io_largest), size(item.mem_largest), size(item.pref_largest),
            cell(item.bus_numbers_free, unknown=True),
        ]
        for item in room.rooms
    ]  # fmt: skip
    if not rows:
        return ""
    headings = ("BUS", "PORT", "SERVED BY", "SLOTS", "FREE", "IO", "MEM", "PREF", "BUSES")
    return table(headings, rows, right=(3, 4, 5, 6, 7, 8))


def _serving(item: Room, listed: bool) -> tuple[str, str, str]:
    if not listed:
        return UNKNOWN, UNKNOWN, UNKNOWN
    return cell(item.mechanism, unknown=True) if item.slots else "none", str(item.slots), str(item.free_slots)
