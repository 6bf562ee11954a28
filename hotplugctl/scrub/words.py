"""Many words looked for at once: the time hardly grows with their number, and they are ready soon."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Optional

_FRONT = 6
_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})\Z")


class Words:
    """``meanings``: word → what it stands for. Those not in ``free`` count only where no letter or digit adjoins."""

    def __init__(self, meanings: Mapping[str, str], free: Set[str]) -> None:
        self._meanings = meanings
        self._free = free
        # Only how words begin is an expression, since one of all words would take long to compile.
        self._lengths: dict[str, list[int]] = {}
        for word in meanings:
            lengths = self._lengths.setdefault(word[:_FRONT], [])
            if len(word) not in lengths:
                lengths.append(len(word))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)
        pattern = _pattern(sorted(self._lengths))
        self._search = re.compile(pattern).search if pattern else None

    def found(self, text: str) -> Iterator[tuple[int, str]]:
        """Every word in ``text``, from left to right and without overlap, the longest where several begin."""
        if self._search is None:
            return
        candidate = self._search(text)
        while candidate is not None:
            start = candidate.start()
            word = self._at(text, start, candidate[0])
            if word is not None:
                yield start, word
            candidate = self._search(text, start + (1 if word is None else len(word)))

    def _at(self, text: str, start: int, front: str) -> Optional[str]:
        # The expression gives the longest beginning; a short word may be a beginning of that.
        for size in range(len(front), 0, -1):
            for length in self._lengths.get(front[:size], ()):
                word = text[start : start + length]
                if word in self._meanings and (word in self._free or _apart(text, start, start + length)):
                    return word
        return None

    def replaced(self, text: str) -> str:
        """``text`` with the meaning of every word in its place."""
        parts = []
        at = 0
        for start, word in self.found(text):
            parts += [text[at:start], self._meanings[word]]
            at = start + len(word)
        return "".join(parts) + text[at:] if parts else text


def _apart(text: str, start: int, end: int) -> bool:
    """Whether neither a letter nor a digit adjoins; the last digit of an escape (``\\x20``) is none."""
    if text[end : end + 1].isalnum() and text[end].isascii():
        return False
    before = text[start - 1 : start] if start else ""
    return not (before.isalnum() and before.isascii()) or _ESCAPED.search(text, max(0, start - 4), start) is not None


def _pattern(words: list[str]) -> str:
    """Matches the longest of ``words`` at a place; they are sorted, differ, and are no longer than ``_FRONT``."""
    if not words:
        return ""
    optional = words[0] == ""
    ways = []
    first = int(optional)
    while first < len(words):
        last = first
        while last + 1 < len(words) and words[last + 1][0] == words[first][0]:
            last += 1
        tails = [word[1:] for word in words[first : last + 1]]
        ways.append(re.escape(words[first][0]) + _pattern(tails))
        first = last + 1
    if not ways:
        return ""
    return f"(?:{'|'.join(ways)}){'?' if optional else ''}"
