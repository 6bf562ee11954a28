"""The kernel log as JSON: ``dmesg --json`` line by line, ``journalctl -o json``, and kmsg records with their time.

Nothing is kept but the record that is being read, so a document may be as long as it likes.
"""

from __future__ import annotations

import json
import re
from typing import Any, Optional, Union

from hotplugctl.model.log import Stamp
from hotplugctl.parse.dmesg.stamps import NO_STAMP, Stamped, micro, of_epoch, of_names, of_priority, seconds, split

_LONGEST = 1 << 24
_KEY = re.compile(r'"([A-Za-z_]{1,32})"\s{0,32}:')
_FRAME = frozenset("{}[], ")


def objects(line: str) -> list[Stamped]:
    """The records in a line that is a JSON value of its own; none where it is no such value."""
    value = _value(line.strip().rstrip(","))
    if not isinstance(value, dict):
        return []
    many = value.get("dmesg")
    found = [_record(one) for one in (many if isinstance(many, list) else [value])]
    return [one for one in found if one is not None]


class Pretty:
    """``dmesg --json``: a key a line. ``read`` takes the lines in turn."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    def read(self, line: str) -> Union[Stamped, bool]:
        """A record where one ends here, True where the line belongs to the document, False where it does not."""
        text = line.strip()
        key = _KEY.match(text)
        value = "" if key is None else text[key.end() :].strip().rstrip(",").rstrip()
        if key is not None and value not in ("", "[", "{", "[]"):
            if len(self._open) < 32:
                self._open[key[1]] = _value(value)
            return True
        if key is None and not _FRAME.issuperset(text):
            return False
        if "}" not in text or not self._open:
            return True
        record, self._open = _record(self._open), {}
        return False if record is None else record


def _bounded(digits: str) -> float:
    return int(digits) if len(digits) < 20 else float("inf")


def _value(text: str) -> Any:
    """A JSON value, None for anything else."""
    if len(text) > _LONGEST:
        return None
    try:
        return json.loads(text, parse_int=_bounded)
    except (ValueError, RecursionError):
        return None


def _record(value: object) -> Optional[Stamped]:
    if not isinstance(value, dict):
        return None
    if "MESSAGE" in value:
        return _journal(value)
    if isinstance(value.get("raw"), str):
        kmsg = split(value["raw"].split("\n", 1)[0])
        return kmsg._replace(form="kmsg-json") if kmsg is not None and kmsg.form == "kmsg" else None
    return _dmesg(value)


def _dmesg(value: dict[str, Any]) -> Optional[Stamped]:
    """util-linux: ``pri`` is a number, or with ``-x`` a level beside ``fac``; ``time`` a number, or text."""
    message = value.get("msg")
    if not isinstance(message, str):
        return None
    caller = value.get("caller") if isinstance(value.get("caller"), str) else None
    stamp = _priority(value.get("pri"), value.get("fac"))._replace(caller=caller)
    at, time = seconds(value.get("time")), value.get("time")
    if not at and isinstance(time, str):
        dated = split(f"{time} ")
        stamp = stamp if dated is None else stamp._replace(time=dated.stamp.time)
    return Stamped(at, stamp, message, "json")


def _priority(priority: object, facility: object) -> Stamp:
    if isinstance(priority, int) and not isinstance(priority, bool) and 0 <= priority < 1 << 16:
        return of_priority(priority)
    if isinstance(priority, str) and isinstance(facility, str):
        return of_names(facility, priority, None) or NO_STAMP
    return NO_STAMP


def _journal(value: dict[str, Any]) -> Optional[Stamped]:
    """journalctl -o json (systemd.journal-fields(7)): ``MESSAGE`` is text or an array of bytes."""
    message = _text(value["MESSAGE"])
    if message is None:
        return None
    writer = value.get("SYSLOG_IDENTIFIER")
    if isinstance(writer, str) and writer != "kernel":
        pid = value.get("SYSLOG_PID", value.get("_PID"))
        message = f"{writer}[{pid}]: {message}" if isinstance(pid, str) else f"{writer}: {message}"
    at = micro(_field(value, "_SOURCE_MONOTONIC_TIMESTAMP") or _field(value, "__MONOTONIC_TIMESTAMP"))
    level, facility = _field(value, "PRIORITY"), _field(value, "SYSLOG_FACILITY")
    stamp = of_priority(int(level) | int(facility or "0") << 3) if level and int(level) < 8 else NO_STAMP
    if not facility:
        stamp = stamp._replace(facility=None)
    return Stamped(at, stamp._replace(time=_journal_time(value)), message, "journal-json")


def _journal_time(value: dict[str, Any]) -> Optional[str]:
    """When the kernel wrote it: the journal notes when it took it, up to the whole boot later."""
    taken, monotonic = _field(value, "__REALTIME_TIMESTAMP"), _field(value, "__MONOTONIC_TIMESTAMP")
    source = _field(value, "_SOURCE_MONOTONIC_TIMESTAMP")
    if not taken:
        return None
    late = int(monotonic) - int(source) if monotonic and source else 0
    return of_epoch(int(taken) - late)


def _field(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19 else ""


def _text(message: object) -> Optional[str]:
    if isinstance(message, str):
        return message
    if not isinstance(message, list):
        return None
    try:
        return bytes(message).decode("utf-8", "backslashreplace")
    except (TypeError, ValueError):
        return None
