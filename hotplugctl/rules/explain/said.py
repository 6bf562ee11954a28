"""The kernel's own lines about a target, one insertion told apart from the next."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple, Optional

from hotplugctl.model.explanation import Log, Mark, Said
from hotplugctl.model.live import ENABLED, ENUMERATED
from hotplugctl.model.log import LogLine
from hotplugctl.model.report import Evidence
from hotplugctl.model.timeline import Passage

LINES_SHOWN = 60
"""Lines that are told at most."""
_KEPT = 2000
_LONGEST = 240
_WORDS_MOST = 200
# pciehp and shpchp speak of the slot some seconds before they find what is in it.
_BEFORE_S = 20.0
_LEAVING = frozenset(("powering-off", "button-canceled"))
_KERNEL = (None, "kern")


class Wanted(NamedTuple):
    """What to look for: the function's address, its slot with the ports that speak of it, what was made of it.

    ``words``: names of nodes and of devices between them and the function (``virtio3``, ``vdb``), as they are now.
    ``addresses``: other functions of the same slot.
    """

    address: Optional[str]
    slot: Optional[str]
    ports: tuple[str, ...]
    words: tuple[str, ...]
    addresses: tuple[str, ...] = ()


class _Line(NamedTuple):
    said: Said
    kind: Optional[str]
    own: bool
    of_slot: bool
    word_only: bool

    @property
    def found(self) -> bool:
        """It says that the function was found."""
        return self.own and self.kind == "device-found"


class Keeper:
    """Takes in the lines of a log in their order, and keeps those about the target: the last ones, if many."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._kept: deque[_Line] = deque(maxlen=_KEPT)
        self._dropped = 0
        self._words = _pattern(wanted.words)
        self.since: Optional[float] = None
        self.whole = False

    def take(self, line: LogLine) -> None:
        """Take in one line."""
        event = line.event
        if self.since is None:
            self.since = line.at
        if event is not None and event.kind == "boot":
            self.whole = True
            self.since = line.at
        if line.facility not in _KERNEL:
            return
        strong, of_slot = self._named(line), self._of_slot(line)
        if not strong and not of_slot and not self._speaks(line):
            return
        text = _text(line)
        self._dropped += len(self._kept) == _KEPT
        kind = None if event is None else event.kind
        own = event is not None and event.address == self._wanted.address
        said = Said(line.at, line.time, line.level, text, None)
        self._kept.append(_Line(said, kind, own, of_slot, not strong and not of_slot))

    def _named(self, line: LogLine) -> bool:
        wanted = self._wanted
        address = line.address if line.event is None else line.event.address or line.address
        if address is not None and (address == wanted.address or address in wanted.addresses):
            return True
        return wanted.address is not None and wanted.address in line.message

    def _speaks(self, line: LogLine) -> bool:
        """Of what was made of the function."""
        words = self._words
        if words is None:
            return False
        return words.search(line.message) is not None or (
            line.prefix is not None and words.search(line.prefix) is not None
        )

    def _of_slot(self, line: LogLine) -> bool:
        event, wanted = line.event, self._wanted
        if event is None or event.slot is None or event.slot != wanted.slot:
            return False
        return event.address is None or not wanted.ports or event.address in wanted.ports

    def log(self, source: Optional[str], passages: Iterable[Passage]) -> Log:
        """What was kept, the latest life first, and in each life as it was said."""
        lines = _lives(list(self._kept))
        chosen = _chosen(lines)
        return Log(
            source, tuple(chosen), len(lines) + self._dropped - len(chosen), self.since, self.whole, None,
            tuple(passages), _marks(self._kept, lines, source),
        )  # fmt: skip


def quick(wanted: Wanted) -> Optional[re.Pattern[str]]:
    """Finds every line that a ``Keeper`` may keep, and some more. None: it keeps none."""
    words = [word for word in (wanted.address, *wanted.addresses, *wanted.words) if word][:_WORDS_MOST]
    found = [re.escape(word) for word in words]
    if wanted.slot is not None:
        found.append(rf"[Ss]lot ?[(\[#]?{re.escape(wanted.slot)}(?![\w-])")
    return re.compile("|".join(found)) if found else None


def silent(why: str) -> Log:
    """The log that could not be read."""
    return Log(None, (), 0, None, False, why, (), {})


def _pattern(words: Collection[str]) -> Optional[re.Pattern[str]]:
    some = [re.escape(word) for word in sorted(words, key=len, reverse=True) if word][:_WORDS_MOST]
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(some)})(?![\w-])") if some else None


def _text(line: LogLine) -> str:
    parts = (line.prefix, None if line.address is None or line.address in line.message else line.address)
    head = " ".join(part for part in parts if part)
    message = line.message.partition("\n")[0]
    text = f"{head}: {message}" if head else message
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _lives(kept: list[_Line]) -> list[Said]:
    """Each line with the number of its life: one begins where the function is found, or its slot is asked for it."""
    starts = [_start(kept, index) for index, line in enumerate(kept) if line.found]
    if not starts:
        # No line says that it was found: old kernels do not, and a log that has wrapped has lost it.
        return [line.said._replace(life=0) for line in kept]
    told: list[Said] = []
    life: Optional[int] = None
    begins = {start: len(starts) - 1 - number for number, start in enumerate(starts)}
    for index, line in enumerate(kept):
        life = begins.get(index, life)
        # What is called vdb now may have been another one's before.
        if line.word_only and life != 0:
            continue
        told.append(line.said._replace(life=life))
    return told


def _start(kept: list[_Line], found: int) -> int:
    at, first = kept[found].said.at, found
    for index in range(found - 1, -1, -1):
        line = kept[index]
        near = at is None or line.said.at is None or at - line.said.at <= _BEFORE_S
        if not line.of_slot or line.kind in _LEAVING or not near:
            break
        first = index
    return first


def _chosen(lines: list[Said]) -> list[Said]:
    """The latest life first; of one that is too long its beginning and its end."""
    by_life: dict[Optional[int], list[Said]] = {}
    for line in lines:
        by_life.setdefault(line.life, []).append(line)
    chosen: list[Said] = []
    for life in sorted(by_life, key=lambda one: (one is None, one)):
        room, mine = LINES_SHOWN - len(chosen), by_life[life]
        if len(mine) > room:
            half = room // 2
            mine = mine[: room - half] + (mine[-half:] if half else [])
        chosen += mine
    return chosen


def _marks(kept: Iterable[_Line], lines: list[Said], source: Optional[str]) -> dict[str, Mark]:
    """When the present function was found and enabled, by its own lines: all that is known of one of the boot."""
    kinds = {"device-found": ENUMERATED, "enabling": ENABLED}
    now = {(line.at, line.text) for line in lines if line.life == 0}
    found: dict[str, Mark] = {}
    for line in kept:
        stage = kinds.get(line.kind or "")
        if stage is not None and line.own and (line.said.at, line.said.text) in now:
            found[stage] = Mark(line.said.at, Evidence(source or "kernel log", line.said.text))
    return found
