"""Kernel configurations as text: ``.config``, ``/boot/config-*``, defconfigs and fragments."""

from typing import NamedTuple, Optional


class KconfigRecord(NamedTuple):
    """One assignment. ``value``: ``y``, ``m``, ``n`` (``is not set`` too), or the text as it stands, with quotes."""

    symbol: str
    value: str
    line: int


class KconfigText(NamedTuple):
    """A whole text. ``form`` is ``config`` (written by kconfig), ``fragment`` or ``none`` (not one assignment).

    ``kernel`` is the release in the header, None where there is none. ``records`` are in file order, repeated
    symbols too (the last one counts). ``unparsed`` counts lines that are neither blank, comment nor assignment.
    """

    form: str
    records: tuple[KconfigRecord, ...]
    unparsed: int
    kernel: Optional[str]
