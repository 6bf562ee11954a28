"""Of a kernel log that is very long, the lines that an explanation needs.

A ring buffer of some megabytes can hold a hundred thousand lines about one slot that flaps. All that came lately is in
the last of them, and what the rest needs to be understood (the boot, the bridges) in the first ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from re import Pattern
from typing import NamedTuple, Optional

from hotplugctl.model.log import BOOTED, FIRST_WORDS, LogLine, Unread
from hotplugctl.parse import dmesg, kernel_events

HEAD = 2_000
"""Lines with a meaning that are read from the beginning on: the boot of a guest has some hundred."""
TAIL = 3_000
"""The same from the end: that many are left by two hundred insertions."""
MINE = 1_000
"""Lines that name the target and stand elsewhere: the last ones."""
# Where the message begins, in the forms in which a guest's ring buffer comes. Of other forms every line is read.
_STAMPED = {"kmsg": ";", "plain": "] "}


class Picked(NamedTuple):
    """Lines in their order. ``between``: those between head and tail that name the target; the others: ``unread``.

    ``rebooted``: another boot begins in what is unread. ``booting``: a boot goes on where the tail begins; None: as it
    was at the end of the head.
    """

    head: Sequence[str]
    between: Sequence[str] = ()
    tail: Sequence[str] = ()
    unread: Optional[Unread] = None
    rebooted: bool = False
    booting: Optional[bool] = None


def pick(text: str, names: Optional[Pattern[str]]) -> Picked:
    """Choose among the lines of a log. ``names`` finds those that may name the target."""
    lines = text.split("\n")
    stamp = _STAMPED.get(dmesg.form_of(lines[:256]))
    if len(lines) <= HEAD + TAIL or stamp is None:
        return Picked(lines)
    telling = _telling(lines, stamp)
    first, last = 0, len(lines)
    if len(telling) > HEAD + TAIL:
        first, last = telling[HEAD], telling[-TAIL]
    known = set(telling)
    find = None if names is None else names.search
    mine = [
        number
        for number, line in enumerate(lines)
        if (first <= number < last or number not in known) and find is not None and find(line)
    ][-MINE:]
    if first == 0:
        # The first line tells where the log begins.
        return Picked([lines[number] for number in sorted({0, *telling, *mine})])
    own = [number for number in mine if first <= number < last]
    rest = [number for number in mine if not first <= number < last]
    chosen = sorted({0, *telling[:HEAD], *telling[-TAIL:], *rest})
    passed = [lines[number] for number in telling[HEAD:-TAIL]]
    return Picked(
        [lines[number] for number in chosen if number < first],
        [lines[number] for number in own],
        [lines[number] for number in chosen if number >= last],
        Unread(len(passed), _at(passed[0]), _at(passed[-1])),
        *_boots(passed, stamp),
    )


def begins_in_boot(lines: Iterable[str]) -> bool:
    """Whether a log that has lost its first lines begins before the boot's own scan of the buses had ended."""
    for line in lines:
        if FIRST_WORDS in line:
            return False
        if BOOTED.search(line):
            return True
    return False


def parsed(lines: Sequence[str]) -> Iterator[LogLine]:
    """The records of some lines."""
    parser = dmesg.Parser((f"{line}\n" for line in lines), kernel_events.READER)
    for rows in parser.chunks():
        yield from map(parser.line, rows)


def _telling(lines: Sequence[str], stamp: str) -> list[int]:
    """The numbers of the lines that may mean something."""
    tells, booted, size = dmesg.Parser((), kernel_events.READER).tells, BOOTED.match, len(stamp)
    found = []
    for number, line in enumerate(lines):
        # Without a stamp, a line belongs to the one before it, which is seldom one of these.
        body = line[line.find(stamp) + size :]
        if tells(body) or booted(body):
            found.append(number)
    return found


def _boots(passed: Sequence[str], stamp: str) -> tuple[bool, Optional[bool]]:
    rebooted, booting = False, None
    for line in passed:
        if FIRST_WORDS in line:
            rebooted = booting = True
        elif booting is not False and BOOTED.match(line, line.find(stamp) + len(stamp)):
            booting = False
    return rebooted, booting


def _at(line: str) -> Optional[float]:
    return next((one.at for one in parsed([line])), None)
