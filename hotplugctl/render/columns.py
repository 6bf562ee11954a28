"""Columns that a user chooses with ``-o``, as in lsblk(8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

from hotplugctl.errors import BadTarget
from hotplugctl.render.table import table


class Column(NamedTuple):
    """A heading, how a row's cell is made, what it means; numbers go to the right; ``usual``: shown unasked."""

    heading: str
    show: Callable[[Any], str]
    meaning: str
    right: bool = False
    usual: bool = True


def chosen(columns: Sequence[Column], wish: Optional[str]) -> tuple[Column, ...]:
    """The columns of ``-o A,B`` in that order, or with ``+`` the usual ones and these. Raises BadTarget."""
    usual = tuple(column for column in columns if column.usual)
    if wish is None:
        return usual
    by_name = {column.heading: column for column in columns}
    names = [name.strip().upper() for name in wish.lstrip("+").split(",") if name.strip()]
    for name in names:
        if name not in by_name:
            raise BadTarget(f"unknown column {name}", "--list-columns names those that there are")
    if not names and not wish.startswith("+"):
        raise BadTarget("no column is named", "--list-columns names those that there are")
    added = tuple(by_name[name] for name in names)
    return usual + added if wish.startswith("+") else added


def render(columns: Sequence[Column], rows: Sequence[Any], headings: bool) -> str:
    """The table of these rows."""
    cells = [[column.show(row) for column in columns] for row in rows]
    right = [index for index, column in enumerate(columns) if column.right]
    return table([column.heading for column in columns] if headings else None, cells, right)


def legend(columns: Sequence[Column]) -> str:
    """What ``--list-columns`` prints."""
    return table(None, [[column.heading, column.meaning] for column in columns])
