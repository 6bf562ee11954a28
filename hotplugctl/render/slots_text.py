"""The text of ``slots``."""

from __future__ import annotations

from typing import Callable

from hotplugctl.model.devices import Slot
from hotplugctl.render.columns import Column
from hotplugctl.render.table import cell


def _number(key: str) -> Callable[[Slot], str]:
    return lambda slot: cell(getattr(slot, key), key in slot.unknown)


def _mechanism(slot: Slot) -> str:
    return cell(slot.mechanism, unknown=True) if slot.hotplug or "mechanism" in slot.unknown else "none"


COLUMNS = (
    Column("SLOT", lambda slot: cell(slot.name), "name in /sys/bus/pci/slots"),
    Column("ADDRESS", lambda slot: cell(slot.address, "address" in slot.unknown), "PCI address without a function"),
    Column("MECHANISM", _mechanism, "who serves it; none where only firmware names it"),
    Column("OCCUPIED", _number("occupied"), "a card or a function is in it"),
    Column("POWER", _number("power"), "1 on, 0 off", True),
    Column("ADAPTER", _number("adapter"), "1 a card is present, 0 none", True),
    Column("LATCH", _number("latch"), "1 open, 0 closed", True),
    Column("ATTENTION", _number("attention"), "attention indicator: 0 off, 1 on, 2 blinking", True, usual=False),
    Column("SPEED", _number("speed"), "speed of the bus now", usual=False),
    Column("MAX-SPEED", _number("max_speed"), "speed of the bus at best", usual=False),
    Column("PORT", lambda slot: cell(slot.port), "the port above"),
    Column("FUNCTIONS", lambda slot: cell(slot.functions), "the functions in it"),
)
