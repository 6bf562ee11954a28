"""A recorded stream as signs: its files merged by the time at which each line was heard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Optional

from hotplugctl.collect.signs import Hearing
from hotplugctl.model.live import End, RawLine, Sign
from hotplugctl.model.uevent import UDEV_GROUP, Uevent
from hotplugctl.parse import looks
from hotplugctl.parse.uevent import parse_entry
from hotplugctl.source.replay import EVENTS, LOOKS, Stream

_LATEST = 1e15
_DIGITS = 20
_PEEKED = 512


class Replay:
    """The signs of a stream, in the order in which they were heard.

    ``udev``: udev is heard in it; ``kernel``: the kernel's own events are; both from its first lines (None: there are
    no uevents in these). ``log_only``: it has no uevents at all. ``looked``: it has looks of its own. ``unparsed``:
    lines that fit no grammar, up to now; ``cut``: the last line of a file is torn. ``realtime``: CLOCK_REALTIME minus
    CLOCK_MONOTONIC, where it is told.
    """

    def __init__(self, stream: Stream) -> None:
        self.unparsed = 0
        self.cut = False
        self.realtime: Optional[float] = None
        self.looked = LOOKS in stream.files
        self.log_only = EVENTS not in stream.files and "" not in stream.files
        self._hearing = Hearing()
        groups: set[Optional[int]] = set()
        self._files: list[Iterator[Sign]] = []
        for name, lines in stream.files.items():
            entries = self._entries(lines)
            ahead = list(islice(entries, _PEEKED if name in (EVENTS, "") else 0))
            groups.update(sign.what.group for sign in ahead if isinstance(sign.what, Uevent))
            self._files.append(chain(ahead, entries))
        self._merged = self._merge()
        self._first = next(self._merged, None)
        self.udev = UDEV_GROUP in groups if groups else None
        self.kernel = bool(groups - {UDEV_GROUP}) if groups else None

    def __iter__(self) -> Iterator[Sign]:
        if self._first is not None:
            yield self._first
        yield from self._merged

    def began(self) -> Optional[float]:
        """When the first line was heard; None where there is none."""
        return self._first.heard if self._first else None

    def first(self) -> Optional[Sign]:
        """The first sign."""
        return self._first

    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of how whole it was, once it is read."""
        said = ["the recording ends in the middle of a line"] if self.cut else []
        if self.unparsed:
            said.append(f"{self.unparsed} lines of the recording fit no grammar and are left out")
        return tuple(said)

    def _merge(self) -> Iterator[Sign]:
        heads = [(next(entries, None), entries) for entries in self._files]
        waiting = [(sign, entries) for sign, entries in heads if sign is not None]
        while len(waiting) > 1:
            number = min(range(len(waiting)), key=lambda index: waiting[index][0].heard)
            sign, entries = waiting[number]
            yield sign
            following = next(entries, None)
            if following is None:
                del waiting[number]
            else:
                waiting[number] = (following, entries)
        for sign, entries in waiting:
            yield sign
            yield from entries

    def _entries(self, lines: Iterator[bytes]) -> Iterator[Sign]:
        from json import JSONDecoder

        decode = JSONDecoder(parse_int=_small, parse_constant=lambda _text: None).decode
        for line in lines:
            if line.isspace():
                continue
            try:
                entry = decode(line.decode("utf-8", "backslashreplace"))
            except (ValueError, RecursionError):
                entry = None
            sign = self._sign(entry) if isinstance(entry, dict) else None
            if sign is not None:
                yield sign
            elif not line.endswith(b"\n"):
                self.cut = True
            elif not isinstance(entry, dict) or not _is_heard(entry):
                self.unparsed += 1

    def _sign(self, entry: dict[str, object]) -> Optional[Sign]:
        heard = _time(entry)
        if heard is None:
            return None
        raw = entry.get("raw")
        if isinstance(raw, str):
            return self._hearing.sign(RawLine(heard, raw))
        if "functions" in entry:
            found = looks.parse_entry(entry)
            if found is None:
                return None
            realtime = entry.get("realtime")
            if isinstance(realtime, float) and abs(realtime) < _LATEST:
                self.realtime = realtime
            return Sign(heard, heard, End() if found[1].kind == "end" else found[1])
        event = parse_entry(entry)
        return None if event is None else Sign(heard, heard, event._replace(at=None))


def _is_heard(entry: dict[str, object]) -> bool:
    """Whether a line without a sign is a sound one all the same: of the log, and of no kernel's."""
    return isinstance(entry.get("raw"), str) and _time(entry) is not None


def _time(entry: dict[str, object]) -> Optional[float]:
    at = entry.get("t")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < _LATEST:
        return None
    return float(at)


def _small(text: str) -> Optional[int]:
    return int(text) if len(text) <= _DIGITS else None
