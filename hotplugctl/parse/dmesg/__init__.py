"""The kernel log in every form that people have it in, as a stream of records.

Forms (``form_of``), from their first lines:

============== ==================================================================================================
plain          ``[   12.345678] message`` (dmesg, serial consoles, /var/log/dmesg)
raw            ``<6>[   12.345678] message`` (dmesg -r), also without the time
decoded        ``kern  :info  : [   12.345678] message`` (dmesg -x), also without the time
ctime          ``[Sun Nov 22 20:27:35 2026] message`` (dmesg -T): local time, and no zone: neither ``at`` nor ``time``
iso            ``2026-11-22T20:27:35,123456+01:00 message`` (dmesg --time-format iso)
delta          ``[   12.345678 <    0.000012>] message``, ``[<    0.000012>] message`` (dmesg -d)
reltime        ``[Nov22 20:27] message``, ``[  +0.000012] message`` (dmesg -e, -H)
json           util-linux' document (dmesg -J), a key a line or as one line
kmsg           ``6,339,5140900,-;message`` (/dev/kmsg)
kmsg-json      ``{"t": 5.2, "raw": "6,339,5140900,-;message\\n"}``, as recordings keep it
journal-json   one object a line (journalctl -o json)
journal-monotonic, journal-iso, journal-full, journal-unix
               journalctl -o short-monotonic, short-iso(-precise), short-full, short-unix
syslog         ``Nov 22 20:27:35 host kernel: [   12.345678] message`` (kern.log, journalctl): local time, no year
bare           messages alone: printk without times, a console
empty          nothing but blank lines
============== ==================================================================================================

``raw-`` and ``decoded-`` go before the name of another stamp (``decoded-ctime``). Whatever the form, a line of
another grammar is read by that, quotation marks (``> ``), escape sequences and carriage returns of consoles are taken
off, lines of one message are joined with a newline, and what a mailer wrapped is joined with a space: only in texts
that hold no line longer than a mailer's, and only where the first word of the next line would not have fitted.

A line that fits no grammar makes no record and is counted in ``unparsed``; blank lines, the journal's own lines (``--
Boot …``) and the dictionary of /dev/kmsg are neither. In a text without any stamp every line is a message, unless it
holds control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Callable, Optional, Union

from hotplugctl.model.log import NO_HEAD, EventReader, Head, KernelEvent, LogLine, Row, Stamp
from hotplugctl.parse.dmesg.forms import clean, form_of
from hotplugctl.parse.dmesg.stamps import AT, CALLER, NO_STAMP, PROCESS, Stamped, of_names, of_priority, split

if TYPE_CHECKING:
    from hotplugctl.parse.dmesg.documents import Pretty

__all__ = ["Parser", "form_of", "iter_lines"]

EventOf = Callable[[str, Head], Optional[KernelEvent]]

_SAMPLE = 256
_CHUNK = 256
_CACHED = 8192
_MAILED = 81
_WRAPPED_AT = 72
_LONG_HEAD = 96
_LONGEST = 1 << 16

# The forms that are read a block at a time: one match a line, of groups (key, at, caller, message). A line of another
# form matches too, with all groups empty but the last. Dates are left to ``split``; so is, in the form raw, what
# processes wrote (``_doubted``).
_BY_PROCESS = rf"(?: ?\[ *[TC][0-9]{{1,10}}\])? ?{PROCESS}"
_BLOCKS = {
    "plain": rf"(?:()\[ *({AT})\]{CALLER} ?)?(.*)\n",
    "raw": rf"(?:<([0-9]{{1,4}})>\[ *({AT})\](?!{_BY_PROCESS}){CALLER} ?)?(.*)\n",
    "decoded": rf"(?:([a-z0-9]{{1,12}} *:[a-z]{{1,8}}) *: ?\[ *({AT})\]{CALLER} ?)?(.*)\n",
    "journal-monotonic": rf"(?:()\[ *({AT})\]() [^\s:\[\]]{{1,255}} (?:kernel: ?)?)?(.*)\n",
    "syslog": (
        r"(?:()[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^\s:\[\]]{1,255} kernel: "
        rf"\[ *({AT})\]{CALLER} ?)?(.*)\n"
    ),
}
_DOUBTED = ("raw", "json")
_PROCESS = re.compile(PROCESS)
_OTHER = r"()()()(.*)\n"
_LINE_END = re.compile(r"\r+\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
_DICTIONARY = re.compile(r" [A-Z][A-Z0-9_]{0,63}=")
_JOURNAL_OWN = re.compile(r"-- (?:Logs begin|Journal begins|Boot |Reboot|No entries|cursor:)")


def iter_lines(lines: Iterable[str], event_of: Optional[EventOf] = None) -> Iterator[LogLine]:
    """The messages of a kernel log, as a stream: some hundred lines are held at a time.

    ``event_of`` is asked what every message means (``parse.kernel_events.event_of``); without it ``event`` is None.
    """
    reader = None if event_of is None else EventReader(event_of, frozenset(), lambda _head: True)
    parser = Parser(lines, reader)
    for rows in parser.chunks():
        yield from map(parser.line, rows)


class Parser:
    """Reads one log. ``form`` is known at once (the first lines are read then), ``unparsed`` grows while it is read."""

    def __init__(self, lines: Iterable[str], reader: Optional[EventReader] = None) -> None:
        source = iter(lines)
        sample = list(islice(source, _SAMPLE))
        self.form = form_of(sample)
        self.unparsed = 0
        self._lines = chain(sample, source)
        self._reader = reader or EventReader(lambda _text, _head: None, frozenset(), lambda _head: False)
        self._findall = re.compile(_BLOCKS.get(self.form, _OTHER)).findall
        self._worth_alone = self._reader.worth(NO_HEAD)
        self._heads: dict[str, tuple[Head, bool]] = {}
        self._mailed = all(len(line) <= _MAILED for line in sample)
        self._pretty: Optional[Pretty] = None
        # The message that came last, while lines may still belong to it: its text, how far its lines are indented, and
        # the number (in the block) of the line after which this holds.
        self._body: Optional[str] = None
        self._indent = 0
        self._mark = -2
        self._before = ""

    def chunks(self) -> Iterator[list[Row]]:
        """The messages, some hundred at a time. The last one waits for lines that may belong to it."""
        rows: list[Row] = []
        while True:
            lines = list(islice(self._lines, _CHUNK))
            if not lines:
                break
            self._read(_block(lines), rows)
            if len(rows) > 1:
                last = rows.pop()
                yield rows
                rows = [last]
        if rows:
            yield rows

    def stamp(self, key: Union[str, Stamp], caller: str) -> Stamp:
        """The stamp of a row, from its first and third part."""
        if isinstance(key, Stamp):
            return key
        if not key:
            return NO_STAMP._replace(caller=caller or None)
        if key.isdigit():
            return of_priority(int(key), caller or None)
        facility, _, level = key.partition(":")
        return of_names(facility.rstrip(), level, caller or None) or NO_STAMP._replace(caller=caller or None)

    def said(self, body: str) -> tuple[Head, str, Optional[KernelEvent]]:
        """What a message says: head, the text after it, event."""
        before, colon, text = body.partition(": ")
        head, worth = self._heads.get(before) or self._head(before)
        if not colon or head is NO_HEAD:
            head, worth, text = NO_HEAD, self._worth_alone, body
        return head, text, self._reader.of(text, head) if worth or text[:4] in self._reader.starts else None

    def tells(self, body: str) -> bool:
        """Whether a message may mean something, or names a function: quick; never no where ``said`` finds one."""
        before, colon, text = body.partition(": ")
        head, worth = self._heads.get(before) or self._head(before)
        if not colon or head is NO_HEAD:
            worth, text = self._worth_alone, body
        return worth or text[:4] in self._reader.starts

    def line(self, row: Row) -> LogLine:
        """The record of a row."""
        key, at, caller, body = row
        head, text, event = self.said(body)
        prefix, address, subject = head
        if address is None and event is not None:
            address = event.address
        if subject is not None:
            text = f"{subject}: {text}"
        return LogLine(float(at) if at else None, *self.stamp(key, caller), prefix, address, text, event)

    def _head(self, before: str) -> tuple[Head, bool]:
        head = Head.of(before) or NO_HEAD
        known = (head, self._reader.worth(head))
        if len(before) <= _LONG_HEAD:
            if len(self._heads) >= _CACHED:
                self._heads.clear()
            self._heads[before] = known
        return known

    def _read(self, block: str, rows: list[Row]) -> None:
        """Read the lines of a block. A million lines pass here: what few lines need is done in ``_other``."""
        found = self._findall(block)
        odd = [number for number, row in enumerate(found) if not row[1]]
        if odd:
            lines = block.split("\n")
            start = 0
            for number in odd:
                rows.extend(found[start:number])
                self._other(lines[number], number, lines[number - 1] if number else self._before, rows)
                start = number + 1
            found = found[start:]
        rows.extend(found)
        self._mark -= block.count("\n")
        self._before = block[block.rfind("\n", 0, -1) + 1 : -1]

    def _other(self, line: str, number: int, before: str, rows: list[Row]) -> None:
        """Read a line that does not have the form of the log: it belongs to the one before, or has another form."""
        if self._mark != number - 1:
            self._recall(before)
        self._mark = number
        line = clean(line)
        if not line.strip():
            self._body = None
        elif self._body is not None and self._indent and line[: self._indent].isspace() and len(line) > self._indent:
            self._join("\n", line[self._indent :], rows)
        elif not self._elsewhere(line, rows):
            if self._body is not None and self._mailed and _wrapped(before, line):
                self._join("" if before.endswith(" ") else " ", line.strip(), rows)
            else:
                self._alone(line, rows)

    def _recall(self, before: str) -> None:
        """Know again the message before, which was read with its block."""
        found = self._findall(f"{before}\n")
        self._body = found[0][3] if found and found[0][1] else None
        self._indent = len(before) - len(self._body or "")

    def _join(self, between: str, text: str, rows: list[Row]) -> None:
        """Add a line to the message before, up to a length that no kernel message has."""
        if self._body is None or not rows or len(self._body) > _LONGEST:
            return
        self._body += between + text
        rows[-1] = (*rows[-1][:3], self._body)

    def _elsewhere(self, line: str, rows: list[Row]) -> bool:
        """Read a line by whatever grammar fits; False where none does."""
        if self.form == "json":
            from hotplugctl.parse.dmesg.documents import Pretty

            self._pretty = self._pretty or Pretty()
            found = self._pretty.read(line)
            if found:
                return self._add([found], line, rows) if isinstance(found, Stamped) else True
        if line[:1] == "{":
            from hotplugctl.parse.dmesg.documents import objects

            return self._add(objects(line), line, rows)
        if self.form == "kmsg" and _DICTIONARY.match(line):
            return True
        return self._add(self._stamped(line), line, rows)

    def _stamped(self, line: str) -> list[Stamped]:
        for key, at, caller, body in self._findall(f"{line}\n"):
            if at:
                return [Stamped(at, self.stamp(key, caller), body, self.form)]
        found = split(line) or (split(line.lstrip()) if line[:1] == " " else None)
        return [] if found is None else [found]

    def _add(self, found: Iterable[Stamped], line: str, rows: list[Row]) -> bool:
        count = len(rows)
        for at, stamp, body, form in found:
            rows.append((_doubted(stamp, body) if form in _DOUBTED else stamp, at, "", body))
            self._body = None if form.endswith("json") else body
            self._indent = max(0, len(line) - len(body))
        return len(rows) > count

    def _alone(self, line: str, rows: list[Row]) -> None:
        if self.form == "bare" and _CONTROL.search(line) is None:
            rows.append((NO_STAMP, "", "", line))
        elif _JOURNAL_OWN.match(line) is None:
            self.unparsed += 1
        self._body = None


def _block(lines: list[str]) -> str:
    """The lines as one text, each with its end."""
    block = "".join(lines)
    if block.count("\n") != len(lines) or block[-1:] != "\n":
        block = "".join(f"{line}\n" if line[-1:] != "\n" else line for line in lines)
    return _LINE_END.sub("\n", block) if "\r" in block else block


def _wrapped(before: str, line: str) -> bool:
    """Whether a mailer may have broken ``before`` here: it left the space, or the next word would not have fitted."""
    if len(before) > _MAILED or line[:1].isspace():
        return False
    return before.endswith(" ") or len(before) + 1 + len(line.split(" ", 1)[0]) > _WRAPPED_AT


def _doubted(stamp: Stamp, body: str) -> Stamp:
    """``dmesg -r`` and ``-J`` before util-linux 2.39 print facility | level, so what a process wrote has neither."""
    if stamp.facility == "kern" and _PROCESS.match(body):
        return stamp._replace(level=None, facility=None)
    return stamp
