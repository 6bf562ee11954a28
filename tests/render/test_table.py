"""Cells, tables, columns and sizes."""

from __future__ import annotations

import pytest

from hotplugctl.errors import BadTarget
from hotplugctl.render import columns
from hotplugctl.render.columns import Column
from hotplugctl.render.size import size
from hotplugctl.render.table import cell, table

COLUMNS = (
    Column("NAME", lambda row: row[0], "its name"),
    Column("COUNT", lambda row: str(row[1]), "how many", right=True),
    Column("MORE", lambda row: row[0].upper(), "the same, louder", usual=False),
)


@pytest.mark.parametrize(
    "value, shown",
    [(None, "-"), ("", "-"), ((), "-"), (True, "yes"), (False, "no"), (0, "0"), (["a", None, "b"], "a,-,b"),
     ("\x1b[1m", "\\x1b[1m"), (["\n"], "\\x0a")],
)  # fmt: skip
def test_a_cell(value, shown):
    assert cell(value) == shown


def test_unknown_is_not_none():
    assert cell(None, unknown=True) == "?"
    assert cell("known", unknown=True) == "known"


def test_a_table():
    rows = [["a", "1"], ["longer", "100"], ["", "2"]]
    assert table(("NAME", "N"), rows, right=(1,)) == "NAME      N\na         1\nlonger  100\n          2"
    assert table(None, [["x", ""], ["y", "z"]]) == "x\ny  z"
    assert table(("A", "B"), []) == "A  B"
    assert table(None, []) == ""


@pytest.mark.parametrize("text", ["1e5", "0x10", "007", "1_000", "nan", "-", "1,000"])
def test_a_table_reads_no_numbers(text):
    assert text in table(("A",), [[text], ["x"]])


def test_wide_characters_and_separators_break_no_row():
    assert len(table(("A", "B"), [["日本|+-", "x"], ["\u00e9", "y"]]).splitlines()) == 3


@pytest.mark.parametrize(
    "wish, names",
    [(None, ["NAME", "COUNT"]), ("more", ["MORE"]), ("COUNT, NAME", ["COUNT", "NAME"]),
     ("+MORE", ["NAME", "COUNT", "MORE"]), ("+", ["NAME", "COUNT"]), ("NAME,", ["NAME"])],
)  # fmt: skip
def test_chosen_columns(wish, names):
    assert [column.heading for column in columns.chosen(COLUMNS, wish)] == names


@pytest.mark.parametrize("wish", ["", ",", "NAME;COUNT", "+NOPE", "\x1b[1m"])
def test_columns_that_there_are_not(wish):
    with pytest.raises(BadTarget):
        columns.chosen(COLUMNS, wish)


def test_columns_are_rendered():
    rows = [("ab", 7), ("c", 10)]
    assert columns.render(columns.chosen(COLUMNS, None), rows, True) == "NAME  COUNT\nab        7\nc        10"
    assert columns.render(columns.chosen(COLUMNS, "+MORE"), rows, False) == "ab   7  AB\nc   10  C"


@pytest.mark.parametrize(
    "count, shown",
    [(None, "?"), (0, "-"), (1, "1"), (1023, "1023"), (1024, "1K"), (1536, "1.5K"), (33554432, "32M"),
     (2621440000, "2.4G"), (1 << 34, "16G"), (1 << 63, "8E"), (1 << 80, "1048576E")],
)  # fmt: skip
def test_sizes(count, shown):
    assert size(count) == shown
