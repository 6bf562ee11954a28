"""Remedies as a shell takes them."""

from __future__ import annotations

from shlex import quote
from typing import Optional


def line(*words: object) -> Optional[str]:
    """A command, every word quoted where a shell needs that; None where a word cannot be typed.

    Control characters, and bytes that are no UTF-8, come out of a terminal as something else than they went in.
    """
    texts = [str(word) for word in words]
    if any(not text.isprintable() for text in texts):
        return None
    return " ".join(quote(text) for text in texts)
