"""What scrubbing finds, and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hotplugctl.model.holdings import Holdings


class Span(NamedTuple):
    """A value in a text: where, and of which kind."""

    start: int
    end: int
    kind: str


class Leftover(NamedTuple):
    """Something that the second pass found: at which ``path``, ``where`` there, and of which ``kind``.

    ``where`` is ``content``, ``name``, ``link target``, ``listing`` or a table of the manifest. The original itself is
    not in it: it may be printed.
    """

    path: str
    where: str
    kind: str


class Scrubbed(NamedTuple):
    """``counts``: kind → how many originals were replaced. Not to be delivered while there are ``leftovers``."""

    holdings: Holdings
    counts: Mapping[str, int]
    leftovers: tuple[Leftover, ...]
