"""May something be pulled? From what goes and from what uses it to what stands against it."""

from __future__ import annotations

from hotplugctl.rules.unplug.answer import Evidence, answer, left_behind, needs_processes
from hotplugctl.rules.unplug.stake import interest, stake

__all__ = ["Evidence", "answer", "interest", "left_behind", "needs_processes", "stake"]
