"""What was heard and seen as lines of a recording's ``events/``: the file, and the line for it."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.live import Look, RawEvent, Sign
from hotplugctl.model.uevent import Uevent
from hotplugctl.render import saved
from hotplugctl.source.ears import Raw
from hotplugctl.source.replay import EVENTS, LOG, LOOKS


def of_raw(raw: Raw, sign: Optional[Sign]) -> tuple[str, str]:
    """A uevent or a line of the kernel log, as it came."""
    if isinstance(raw, RawEvent):
        properties = sign.what.properties if sign is not None and isinstance(sign.what, Uevent) else None
        return EVENTS, saved.event(raw, properties)
    return LOG, saved.log_line(raw)


def of_look(heard: float, look: Look, realtime: Optional[float]) -> tuple[str, str]:
    """A look at sysfs."""
    return LOOKS, saved.look(heard, look, realtime)
