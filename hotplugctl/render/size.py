"""Sizes in bytes for people."""

from __future__ import annotations

from typing import Optional

_UNITS = ("", "K", "M", "G", "T", "P", "E")


def size(count: Optional[int]) -> str:
    """``256M`` for 268435456: binary units as lsblk prints them; ``?`` where it is not known, ``-`` for none."""
    if count is None:
        return "?"
    if count == 0:
        return "-"
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.0f}{_UNITS[unit]}" if value == int(value) else f"{value:.1f}{_UNITS[unit]}"
