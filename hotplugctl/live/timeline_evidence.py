"""Which sign it was that a stage was reached by: stages keep the time of the sign alone."""

from __future__ import annotations

from collections import deque
from typing import Optional

from hotplugctl.model.live import (
    ANNOUNCED,
    BOUND,
    CHILD,
    ENABLED,
    ENUMERATED,
    NODE,
    RESOURCES,
    UDEV,
    Journey,
    Sign,
)
from hotplugctl.model.log import LogLine
from hotplugctl.model.report import Evidence
from hotplugctl.model.uevent import UDEV_GROUP, Uevent

_KEPT = 20_000
_LONGEST = 240


class Heard:
    """The last signs by their time. Several may bear the same: some clocks tick slowly."""

    def __init__(self) -> None:
        self._by_time: dict[float, list[Evidence]] = {}
        self._order: deque[float] = deque()

    def hear(self, sign: Sign, source: str) -> None:
        """Keep a sign that may say something of a device. ``source`` names its place."""
        said = _said(sign)
        if said is None:
            return
        self._by_time.setdefault(sign.at, []).append(Evidence(source, said))
        self._order.append(sign.at)
        if len(self._order) > _KEPT:
            oldest = self._order.popleft()
            left = self._by_time[oldest]
            del left[0]
            if not left:
                del self._by_time[oldest]

    def of(self, at: float, stage: str, journey: Optional[Journey]) -> Optional[Evidence]:
        """The sign of that time that tells of the stage; None where it is no longer known.

        Of several the one that speaks of the device and, as far as its words tell, of the stage.
        """
        found = self._by_time.get(at, ())
        if len(found) > 1 and journey is not None:
            named = [one for one in found if _names(one.value, journey)] or found
            fitting = [one for one in named if _fits(one.value, stage, journey.address)]
            return (fitting or named)[0]
        return found[0] if found else None


def _said(sign: Sign) -> Optional[str]:
    what = sign.what
    if isinstance(what, Uevent):
        return f"{'UDEV' if what.group == UDEV_GROUP else 'KERNEL'} {what.action} {what.devpath}"[:_LONGEST]
    if not isinstance(what, LogLine) or (what.event is None and what.address is None):
        return None
    # The address that the message itself holds is no part of its head.
    parts = (what.prefix, None if what.address is None or what.address in what.message else what.address)
    head = " ".join(part for part in parts if part)
    return f"{head}: {what.message}"[:_LONGEST] if head else what.message[:_LONGEST]


_WORDS = {
    ANNOUNCED: ("utton", "Powering", "powering"),
    RESOURCES: ("assigned",),
    ENABLED: ("enabling",),
    CHILD: ("/virtio", "/host", "/nvme", "scsi host", "pci function"),
    NODE: ("/block/", "/net/", "/nvme", "logical blocks", "eth"),
    UDEV: ("UDEV ",),
}


def _fits(text: str, stage: str, address: str) -> bool:
    if stage == ENUMERATED:
        return text.endswith(address) or "] type 0" in text
    if stage == BOUND:
        # dev_printk() begins with the driver's name as soon as there is one.
        return "bind " in text or (f" {address}: " in text and not text.startswith("pci "))
    return any(word in text for word in _WORDS.get(stage, ()))


def _names(text: str, journey: Journey) -> bool:
    if journey.address in text:
        return True
    return any(path.rpartition("/")[2] in text for path in (*journey.children, *journey.nodes))
