"""How the families of kernel messages are written down: text by which a message begins, pattern, kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from re import Match
from typing import Callable, Optional, Union

from hotplugctl.model.log import Field, Head, KernelEvent

Make = Callable[[Match[str], Head], Optional[KernelEvent]]

NUMBER = r"[0-9]{1,15}"
HEX = r"[0-9a-fA-F]{1,16}"
BDF = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]"

# Groups of these names become whole numbers; every pattern bounds their digits.
_WHOLE = frozenset(
    [
        "number",
        "irq",
        "error",
        "pid",
        "seconds",
        "wait_s",
        "limit_ms",
        "issued_ms",
        "sectors",
        "sector_size",
        "count",
        "pass_number",
        "type",
        "msec",
    ]
)


class Rule:
    """One form of message. Compiled when a message first begins like it: most logs hold few of all forms."""

    __slots__ = ("_literal", "_match", "make", "pattern")

    def __init__(self, pattern: str, make: Make) -> None:
        self.pattern = pattern
        self.make = make
        self._literal = _literal(pattern)
        self._match: Optional[Callable[[str], Optional[Match[str]]]] = None

    def read(self, text: str, head: Head) -> Optional[KernelEvent]:
        """The event that the message states, None where it has another form."""
        if not text.startswith(self._literal):
            return None
        match = self._match
        if match is None:
            match = self._match = re.compile(self.pattern).match
        found = match(text)
        return None if found is None else self.make(found, head)


def _literal(pattern: str) -> str:
    """The plain text that a pattern (without an outer ``|``) begins with: a rule that cannot match is not compiled."""
    end = 0
    while end < len(pattern) and (pattern[end].isalnum() or pattern[end] in " _,;:/#'<-"):
        end += 1
    return pattern[: end - 1] if pattern[end : end + 1] in ("?", "*", "{") and end else pattern[:end]


Family = Sequence[tuple[tuple[str, ...], Rule]]
"""Rules with the texts by which their messages begin: four characters, or one where the others vary."""


def rule(starts: str, pattern: str, make: Union[str, Make], **constant: Field) -> tuple[tuple[str, ...], Rule]:
    """A rule whose messages begin with one of ``starts`` (``|`` between). ``make`` is a kind, or builds the event."""
    return tuple(starts.split("|")), Rule(pattern, fact(make, **constant) if isinstance(make, str) else make)


def fact(kind: str, **constant: Field) -> Make:
    """Make events of ``kind``: the groups ``slot`` and ``address`` go where they belong, the others are fields."""

    def make(found: Match[str], head: Head) -> KernelEvent:
        groups = found.groupdict()
        if not groups:
            return KernelEvent(kind, head.address, None, constant)
        fields = {**constant, **_fields(groups)}
        slot, address = fields.pop("slot", None), fields.pop("address", None)
        return KernelEvent(kind, _text(address) or head.address, _text(slot), fields)

    return make


def choose(kinds: Mapping[str, str], **constant: Field) -> Make:
    """Make events whose kind the group ``which`` decides; what it matches are the keys of ``kinds``."""

    def make(found: Match[str], head: Head) -> KernelEvent:
        groups = found.groupdict()
        kind, slot = kinds[groups.pop("which")], groups.pop("slot", None)
        return KernelEvent(kind, head.address, slot, {**constant, **_fields(groups)})

    return make


def _fields(groups: Mapping[str, Optional[str]]) -> dict[str, Field]:
    return {name: int(text) if text is not None and name in _WHOLE else text for name, text in groups.items()}


def _text(value: Field) -> Optional[str]:
    return value if isinstance(value, str) and value else None


def index(families: Sequence[Family]) -> dict[str, list[Rule]]:
    """The rules by the first characters of their messages, in the order of the families."""
    table: dict[str, list[Rule]] = {}
    for family in families:
        for starts, made in family:
            for start in starts:
                table.setdefault(start, []).append(made)
    return table
