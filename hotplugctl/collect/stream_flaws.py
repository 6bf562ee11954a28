"""What is wrong with the lines of a recorded stream, whatever a tree says.

What holds of every stream: lines are written as they are heard, so ``t`` never runs back; the kernel gives each uevent
and each record of its log a number (lib/kobject_uevent.c, Documentation/ABI/testing/dev-kmsg); and udev sends on what
it had from the kernel, with the kernel's number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from hotplugctl.collect.signs import SEQNUM
from hotplugctl.model.uevent import KERNEL_GROUP, UDEV_GROUP, Uevent
from hotplugctl.model.validation import Flaw
from hotplugctl.parse.uevent import parse_datagram, parse_entry
from hotplugctl.source.replay import EVENTS, LOG, LOOKS, Stream

_FOLDER = "events"
_LATEST = 1e15
_DIGITS = 20
_KEPT = 1_000_000
_LOG_FIELDS = 3


class Stage(NamedTuple):
    """What the tree of a stage tells of the moment: its log's records by number, and the last uevent's number."""

    name: str
    log: Mapping[int, bytes]
    seqnum: Optional[int]


def flaws(stream: Stream, stages: Sequence[Stage] = ()) -> Iterator[Flaw]:
    """Each kind once a file, at the first line that has it."""
    from json import JSONDecoder

    decode = JSONDecoder(parse_int=_small, parse_constant=lambda _text: None).decode
    overrun = LOOKS in stream.files and any(b'"resync"' in line for line in stream.files[LOOKS])
    uevents = _Uevents(overrun=overrun)
    scans: tuple[tuple[str, _Lines], ...] = ((EVENTS, uevents), (LOG, _Log([stage.log for stage in stages])))
    for name, scan in scans:
        if name not in stream.files:
            continue
        for number, line in enumerate(stream.files[name], 1):
            if not line.isspace():
                scan.take(number, line, _entry(decode, line))
        scan.finish()
        for fault, (at, what, count) in scan.found.items():
            yield Flaw(fault, f"{_FOLDER}/{name}", at, what, count)
    yield from _order(stages, uevents.kernel)


def _order(stages: Sequence[Stage], heard: Collection[int]) -> Iterator[Flaw]:
    """A stage ``before`` that others precede, or an ``after`` that precedes others; what other names mean is not known.

    Numbers begin anew with each boot, so they are compared only where all were given while somebody listened.
    """
    numbers = {stage.name: stage.seqnum for stage in stages if stage.seqnum is not None}
    if not heard or not all(min(heard) - 1 <= number <= max(heard) for number in numbers.values()):
        return
    for name, wrong in (("before", min), ("after", max)):
        if name in numbers and numbers[name] != wrong(numbers.values()):
            yield Flaw("stages", f"{name}{SEQNUM}", 0, name, 1)
            return


def _entry(decode: Callable[[str], object], line: bytes) -> Optional[dict[str, object]]:
    try:
        entry = decode(line.decode("utf-8", "backslashreplace"))
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


class _Lines:
    """What every file of lines must keep to."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, str, int]] = {}
        self._before = 0.0

    def note(self, fault: str, line: int, what: str = "") -> None:
        at, first, count = self.found.get(fault, (line, what, 0))
        self.found[fault] = (at, first, count + 1)

    def take(self, number: int, line: bytes, entry: Optional[dict[str, object]]) -> None:
        """Take in a line: its number, itself, and what it decodes to."""
        if not line.endswith(b"\n"):
            self.note("cut-off", number)
        if line.endswith(b"\r\n"):
            self.note("carriage-return", number)
        heard = None if entry is None else _time(entry)
        what = None if entry is None or heard is None else self.read(number, entry)
        if heard is None or what is None:
            if "cut-off" not in self.found:
                self.note("malformed", number)
            return
        if heard < self._before:
            self.note("disordered", number, what)
        self._before = max(self._before, heard)

    def read(self, number: int, entry: dict[str, object]) -> Optional[str]:
        """What a line tells of; None where it has not the form of the file."""
        raise NotImplementedError

    def finish(self) -> None:
        """All lines were taken."""


class _Uevents(_Lines):
    """``overrun``: the socket ran over at a time, so that numbers are missing."""

    def __init__(self, *, overrun: bool) -> None:
        super().__init__()
        self._overrun = overrun
        self.kernel: set[int] = set()
        self._udev: dict[int, tuple[int, str]] = {}
        self._udev_seen: set[tuple[object, ...]] = set()

    def read(self, number: int, entry: dict[str, object]) -> Optional[str]:
        event = parse_entry(entry)
        if event is None or (isinstance(entry.get("b64"), str) and not self._agrees(number, entry)):
            return None
        what = f"{event.action} {event.devpath}"
        if event.seqnum is not None and len(self.kernel) + len(self._udev) < _KEPT:
            self._count(number, entry, event, what)
        return what

    def _agrees(self, number: int, entry: dict[str, object]) -> bool:
        """Whether the datagram can be read; ``props`` beside it say the same."""
        told = _datagram(str(entry["b64"]))
        props = entry.get("props")
        if told is not None and isinstance(props, dict) and props != told.properties:
            self.note("props-differ", number, f"{told.action} {told.devpath}")
        return told is not None

    def _count(self, number: int, entry: dict[str, object], event: Uevent, what: str) -> None:
        seqnum = event.seqnum or 0
        if event.group == UDEV_GROUP:
            # udev may tell of an event again, but not in the same instant.
            key = (entry.get("t"), seqnum)
            if key in self._udev_seen:
                self.note("doubled", number, what)
            self._udev_seen.add(key)
            self._udev.setdefault(seqnum, (number, what))
        elif event.group in (KERNEL_GROUP, None):
            if seqnum in self.kernel:
                self.note("doubled", number, what)
            self.kernel.add(seqnum)

    def finish(self) -> None:
        if not self.kernel or self._overrun:
            return
        first = min(self.kernel)
        for seqnum, (number, what) in self._udev.items():
            if seqnum > first and seqnum not in self.kernel:
                self.note("lost", number, what)


class _Log(_Lines):
    """``logs``: what the trees have of the same records."""

    def __init__(self, logs: Iterable[Mapping[int, bytes]]) -> None:
        super().__init__()
        self._logs = tuple(logs)
        self._numbers: set[int] = set()

    def read(self, number: int, entry: dict[str, object]) -> Optional[str]:
        raw = entry.get("raw")
        if not isinstance(raw, str):
            return None
        head, semicolon, text = raw.partition(";")
        fields = head.split(",")
        if not semicolon or len(fields) < _LOG_FIELDS or not _is_number(fields[1]):
            # Written to it by hand, or by something that is no kernel.
            return ""
        record = int(fields[1])
        if record in self._numbers:
            self.note("doubled", number, text.strip())
        if len(self._numbers) < _KEPT:
            self._numbers.add(record)
        said = text.partition("\n")[0].encode("utf-8", "surrogateescape")
        if any(log.get(record, said) != said for log in self._logs):
            self.note("log-differs", number, text.strip())
        return text.strip()

    def finish(self) -> None:
        """A record between two that were heard, and that a tree has."""
        if not self._numbers:
            return
        low, high = min(self._numbers), max(self._numbers)
        for log in self._logs:
            for record, said in log.items():
                if low < record < high and record not in self._numbers:
                    self._numbers.add(record)
                    self.note("lost", 0, said.decode("utf-8", "backslashreplace"))


def _datagram(text: str) -> Optional[Uevent]:
    """Python skips what is no base64; here that is damage."""
    from binascii import a2b_base64, b2a_base64

    try:
        data = a2b_base64(text)
    except ValueError:
        return None
    return parse_datagram(data) if b2a_base64(data, newline=False).decode() == text else None


def _time(entry: Mapping[str, object]) -> Optional[float]:
    at = entry.get("t")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < _LATEST:
        return None
    return float(at)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _small(text: str) -> Optional[int]:
    return int(text) if len(text) <= _DIGITS else None
