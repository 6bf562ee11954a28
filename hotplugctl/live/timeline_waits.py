"""The waits that hot-plug makes in any case, found between the signs of it and named.

Seconds as in the kernel: drivers/pci/hotplug/pciehp_ctrl.c (``schedule_delayed_work(…, 5 * HZ)`` after the button,
``msleep(1000)`` after power off), shpchp_ctrl.c and shpchp_hpc.c (the same 5 s, and 1 s for the slot to power up),
drivers/scsi/sym53c8xx_2 (the time that devices have after a bus reset).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Optional

from hotplugctl.model.live import ANNOUNCED, ENUMERATED, Sign
from hotplugctl.model.log import LogLine
from hotplugctl.model.timeline import ADD, REMOVE, Milestone, Wait

BUTTON_S = 5.0
POWER_OFF_S = 1.0
SHPC_S = 6.0
BUS_RESET_S = 3.0

_EARLY_S = 0.25
"""A timer may seem to end early: its start is known by a log line that was stamped a little after it."""
_LATE_S = 3.0
"""What a loaded guest may add; what comes later has another cause."""
_SAME_PRESS_S = 1.0
_KEPT = 16
_KEYS = 65_536

_PRESSES = frozenset(("button-pressed", "powering-on", "powering-off"))
_BUTTON = f"{BUTTON_S:g} s in which pressing the button again cancels the request"


class Mark(NamedTuple):
    """A log line that starts a wait: ``what`` is ``button`` or ``bus-reset``.

    ``by`` is the driver of a button. ``owner``: the function that was reset, or the bridge above the slot.
    """

    at: float
    what: str
    by: str
    owner: Optional[str]
    slot: Optional[str]


class Marks:
    """The last of them for each function and slot, as the log is heard."""

    def __init__(self) -> None:
        self._marks: dict[str, deque[Mark]] = {}
        self._hosts: dict[str, str] = {}
        self._pressed: dict[str, float] = {}

    def hear(self, sign: Sign) -> None:
        """Take in a sign; most mean nothing here."""
        line = sign.what
        if not isinstance(line, LogLine) or line.event is None:
            return
        event = line.event
        if event.kind in _PRESSES:
            driver = "shpchp" if (line.prefix or "").startswith("shpchp") else "pciehp"
            self._keep(Mark(sign.at, "button", driver, event.address, event.slot))
            self._press(event.slot, sign.at)
        elif event.kind == "scsi-bus-reset":
            self._keep(Mark(sign.at, "bus-reset", "", self._hosts.get(line.prefix or ""), None))
        elif event.kind == "hba-found" and event.address is not None and len(self._hosts) < _KEYS:
            self._hosts[str(event.get("name"))] = event.address

    def _press(self, slot: Optional[str], at: float) -> None:
        """One press makes several lines: the first of them counts."""
        if slot is not None and not 0 <= at - self._pressed.get(slot, -_SAME_PRESS_S) < _SAME_PRESS_S:
            self._pressed[slot] = at
            if len(self._pressed) > _KEYS:
                del self._pressed[next(iter(self._pressed))]

    def pressed(self, slot: str) -> Optional[float]:
        """When the button of a slot was last pressed."""
        return self._pressed.get(slot)

    def _keep(self, mark: Mark) -> None:
        for key in (mark.owner, mark.slot):
            if key is not None and (key in self._marks or len(self._marks) < _KEYS):
                self._marks.setdefault(key, deque(maxlen=_KEPT)).append(mark)

    def waits(self, action: str, address: str, port: Optional[str], slot: Optional[str],
              stages: Sequence[Milestone]) -> tuple[Wait, ...]:  # fmt: skip
        """The waits within one passage: its function, the bridge above it, the name of its slot, its stages."""
        known = sorted((stage.at, stage.name) for stage in stages if stage.at is not None)
        found: dict[str, Wait] = {}
        if not known:
            return ()
        for mark in (mark for key in (address, port, slot) if key is not None for mark in self._marks.get(key, ())):
            mine = mark.owner == address if mark.what == "bus-reset" else _same_slot(mark, port, slot)
            if mine and known[0][0] - SHPC_S - _LATE_S <= mark.at <= known[-1][0]:
                for wait in _waits(mark, action, known):
                    found.setdefault(wait.name, wait)
        return tuple(found.values())


def _same_slot(mark: Mark, port: Optional[str], slot: Optional[str]) -> bool:
    """By the bridge where that is known: pciehp's has one slot. shpchp's has many, told apart by their names."""
    if mark.owner is not None and port is not None:
        return mark.owner == port and (mark.by == "pciehp" or slot is None or mark.slot == slot)
    return slot is not None and mark.slot == slot


def _waits(mark: Mark, action: str, known: Sequence[tuple[float, str]]) -> list[Wait]:
    if mark.what == "bus-reset":
        said = f"{BUS_RESET_S:g} s for devices to recover from the reset of the SCSI bus"
        return _one("scsi-bus-reset", BUS_RESET_S, mark, known, said) if action == ADD else []
    if mark.by == "shpchp":
        said = f"{_BUTTON}, then 1 s for the slot to power {'up' if action == ADD else 'down'}"
        return _one("shpchp-button", SHPC_S if action == ADD else BUTTON_S, mark, known, said)
    found = _one("pciehp-button", BUTTON_S, mark, known, _BUTTON) if action == REMOVE else []
    if action == REMOVE and any(name == ENUMERATED for _, name in known):
        after = "1 s after the function went until its slot is off: only then is it gone for the host; no sign shows it"
        found.append(Wait("pciehp-power-off", None, POWER_OFF_S, None, after))
    return found


def _one(name: str, seconds: float, mark: Mark, known: Sequence[tuple[float, str]], summary: str) -> list[Wait]:
    """The first stage after the mark came just when the wait was over."""
    for at, stage in known:
        took = at - mark.at
        if took >= seconds - _EARLY_S and stage != ANNOUNCED:
            return [Wait(name, stage, seconds, round(took, 3), summary)] if took <= seconds + _LATE_S else []
    return []
