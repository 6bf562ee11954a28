"""What the host and the guest's agent said to one another, as it happened: the proof of a scenario.

``host/qmp.jsonl`` of a story: one object a line with ``t`` (seconds since the epoch), ``k`` (``>`` to QMP, ``<`` from
it, ``ag>`` and ``ag<`` the same with the agent, ``host`` a remark) and ``m``, the message.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

_LONG = 4096


class Transcript:
    """Lines appended to a file, flushed one by one: a run that is cut off leaves what had been said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def note(self, kind: str, message: Any) -> None:
        """Add one message. Long texts in it (what a command wrote) are cut; their length is said."""
        self._file.write(json.dumps({"t": time.time(), "k": kind, "m": _cut(message)}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _cut(message: Any) -> Any:
    if isinstance(message, dict):
        return {key: _cut(value) for key, value in message.items()}
    if isinstance(message, str) and len(message) > _LONG and not message.startswith(("  Bus", "bus:")):
        return f"{message[:_LONG]}… ({len(message)} characters)"
    return message
