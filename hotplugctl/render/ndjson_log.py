"""Kernel messages as JSON, for a million of them: pieces that come again are kept as text.

Every record has the keys of ``LogLine`` and ``unknown``. All but ASCII is written as escapes, so that no control or
bidi character reaches a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Callable, Optional, Protocol, Union

from hotplugctl.model.log import Head, KernelEvent, LogLine, Row, Stamp

SCHEMA = "hotplugctl.parse/1"
# Logs say most things again. So many texts take some 30 MiB, and 70 at most.
_KEPT = 65536
_LONGEST_KEPT = 256
_HEADS_KEPT = 8192

# What the forms hide: a time of day without its zone, and the seconds since boot.
_UNKNOWN = {
    "ctime": '{"time":"local time without its zone","at":"not in this form"}',
    "syslog": '{"time":"local time without its zone"}',
    "reltime": '{"time":"local time without its zone","at":"not in this form"}',
}


class Log(Protocol):
    """What a document needs of the parser (``parse.dmesg.Parser``)."""

    form: str
    unparsed: int

    def chunks(self) -> Iterable[list[Row]]:
        """The messages, in order; ``unparsed`` is right when they have ended."""

    def stamp(self, key: Union[str, Stamp], caller: str) -> Stamp:
        """The stamp of a row."""

    def said(self, body: str) -> tuple[Head, str, Optional[KernelEvent]]:
        """What a message says."""


def write_document(log: Log, write: Callable[[str], object], schema: str = SCHEMA) -> None:
    """Write the document of ``parse dmesg`` while the log is read: one record a line, ``unparsed`` last."""
    rows_text = Writer(log).rows_text
    write(f'{{"schema":{quoted(schema)},"form":{quoted(log.form)},"records":[')
    between = "\n"
    for rows in log.chunks():
        write(between + rows_text(rows))
        between = ",\n"
    write(f'\n],"unparsed":{log.unparsed}}}\n')


def unknown_of(form: str) -> str:
    """The key ``unknown`` of every record of a log of this form, as JSON text."""
    return _UNKNOWN.get(form.rpartition("-")[2], "{}")


def line_text(line: LogLine, unknown: str = "{}") -> str:
    """One record as a JSON object, without a newline."""
    at, time, level, facility, caller, prefix, address, message, event = line
    stamp = _stamp_text(Stamp(time, level, facility, caller))
    rest = _rest_text(prefix, address, message, event, unknown)
    return f'{{"at":{"null" if at is None else repr(at)},{stamp},{rest}'


class Writer:
    """Rows to JSON text. Messages come again in logs, so their texts are kept for a while."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._unknown = unknown_of(log.form)
        self._stamps: dict[tuple[Union[str, Stamp], str], str] = {}
        self._heads: dict[Head, str] = {}
        self._rests: dict[str, str] = {}

    def rows_text(self, rows: Iterable[Row]) -> str:
        """The records of the rows as JSON objects, one a line, with commas between."""
        stamps, rests = self._stamps, self._rests
        none = _stamp_text(Stamp(None, None, None, None))
        return ",\n".join(
            [
                f'{{"at":{at or "null"},'
                f"{(stamps.get((key, caller)) or self._stamp(key, caller)) if key or caller else none},"
                f"{rests.get(body) or self._rest(body)}"
                for key, at, caller, body in rows
            ]
        )

    def _stamp(self, key: Union[str, Stamp], caller: str) -> str:
        if len(self._stamps) >= _HEADS_KEPT:
            self._stamps.clear()
        text = self._stamps[key, caller] = _stamp_text(self._log.stamp(key, caller))
        return text

    def _rest(self, body: str) -> str:
        head, message, event = self._log.said(body)
        before = self._heads.get(head) or self._head(head)
        if event is None and head[2] is None:
            text = f'{before},"message":{quoted(message)},"event":null,"unknown":{self._unknown}}}'
        else:
            prefix, address, subject = head
            if subject is not None:
                message = f"{subject}: {message}"
            if event is not None and address is None:
                address = event.address
            text = _rest_text(prefix, address, message, event, self._unknown)
        if len(body) <= _LONGEST_KEPT:
            if len(self._rests) >= _KEPT:
                self._rests.clear()
            self._rests[body] = text
        return text

    def _head(self, head: Head) -> str:
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        text = self._heads[head] = f'"prefix":{_value(head.prefix)},"address":{_value(head.address)}'
        return text


def _rest_text(
    prefix: Optional[str], address: Optional[str], message: str, event: Optional[KernelEvent], unknown: str
) -> str:
    return (
        f'"prefix":{_value(prefix)},"address":{_value(address)},'
        f'"message":{quoted(message)},"event":{"null" if event is None else event_text(event)},"unknown":{unknown}}}'
    )


def event_text(event: KernelEvent) -> str:
    """An event as a JSON object: kind, address, slot, and its fields by name."""
    kind, address, slot, fields = event
    members = ",".join([f'"{name}":{_TEXT[type(value)](value)}' for name, value in fields.items()])
    return f'{{"kind":"{kind}","address":{_value(address)},"slot":{_value(slot)},"fields":{{{members}}}}}'


def _value(value: Optional[str]) -> str:
    return "null" if value is None else quoted(value)


_TEXT: dict[type, Callable[[Any], str]] = {
    str: quoted,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _none: "null",
    tuple: lambda values: f"[{','.join(map(quoted, values))}]",
}


def _stamp_text(stamp: Stamp) -> str:
    time, level, facility, caller = map(_value, stamp)
    return f'"time":{time},"level":{level},"facility":{facility},"caller":{caller}'
