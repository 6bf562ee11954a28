"""Tables of text: the only importer of tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hotplugctl.render.escape import printable

ABSENT = "-"
UNKNOWN = "?"


def cell(value: object, unknown: bool = False) -> str:
    """A value as a table shows it: ``-`` for there is none, ``?`` for not known."""
    if value is None:
        return UNKNOWN if unknown else ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(cell(item) for item in value) or ABSENT
    return printable(str(value)) or ABSENT


def table(headings: Optional[Sequence[str]], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells as columns; ``right``: the columns that hold numbers. No trailing blanks."""
    import tabulate as library

    # Columns are two blanks apart, whatever the width of their headings.
    library.MIN_PADDING = 0
    if not rows and headings is None:
        return ""
    count = len(rows[0]) if rows else len(headings or ())
    align = ["right" if index in right else "left" for index in range(count)]
    text: str = library.tabulate(
        rows, headers=headings or (), tablefmt="plain", disable_numparse=True, colalign=align if rows else None
    )
    return "\n".join(line.rstrip() for line in text.splitlines())
