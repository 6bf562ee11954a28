"""``lsmod``: the loaded modules, as kmod prints /proc/modules."""

from __future__ import annotations

from typing import Optional


def names(text: str) -> Optional[frozenset[str]]:
    """The modules below the heading ``Module  Size  Used by``; None for a text without it."""
    heading, *lines = text.split("\n")
    if heading.split() != ["Module", "Size", "Used", "by"]:
        return None
    fields = (line.split() for line in lines)
    return frozenset(words[0] for words in fields if len(words) > 2 and words[1].isdigit())
