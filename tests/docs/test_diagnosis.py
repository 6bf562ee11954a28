"""docs/diagnosis.md: every finding has its place in the table, and what is named as a proof proves it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from hotplugctl.collect.snapshot import collect
from hotplugctl.rules import answer, catalogue
from hotplugctl.rules.registry import RULES
from hotplugctl.source.door import open_tree
from hotplugctl.source.stages import places
from tests.lab.scenarios import ALL

CHECKOUT = Path(__file__).resolve().parents[2]
FIXTURES = CHECKOUT / "fixtures"
STORIES = {
    path.name[: -len(".tar.xz")]: path for room in ("recordings", "lab") for path in (FIXTURES / room).glob("*.tar.xz")
}


class Row(NamedTuple):
    """A line of the table; ``findings`` and ``proofs`` are what its columns name."""

    failure: str
    findings: tuple[str, ...]
    proofs: tuple[str, ...]


def rows() -> list[Row]:
    found = []
    for line in (CHECKOUT / "docs/diagnosis.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0] != "failure" and set(cells[0]) != {"-"}:
            proofs = tuple(re.findall(r"[\w@./-]*\w", cells[3]))
            found.append(Row(cells[0], tuple(re.findall(r"\b[a-z]+\.[a-z0-9-]+\b", cells[1])), proofs))
    return found


ROWS = rows()


def test_the_table_is_read():
    assert len(ROWS) > 60
    assert len({row.failure for row in ROWS}) == len(ROWS)


def test_every_finding_is_in_the_table():
    catalogue.every_family()
    assert {finding for row in ROWS for finding in row.findings} == set(RULES)


@pytest.mark.parametrize("row", [row for row in ROWS if row.findings], ids=lambda row: row.failure)
def test_every_finding_has_a_proof(row):
    assert row.proofs, row


def proof_exists(name: str) -> bool:
    if name in STORIES or name in {scenario.name for scenario in ALL}:
        return True
    return (CHECKOUT / name).exists()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.failure)
def test_what_is_named_as_a_proof_is_there(row):
    names = [name for name in row.proofs if name not in ("scenario", "after")]
    assert [name for name in names if not proof_exists(name)] == []


def fired(story: str) -> set[str]:
    """What ``check`` finds in any stage of a story."""
    found: set[str] = set()
    for place in places(str(STORIES[story]), None):
        tree = open_tree(place.path, place.stage, None)
        try:
            said = answer.answer(collect(tree), catalogue.select())
        finally:
            tree.close()
        found |= {finding.id for finding in said.report.findings if finding.status == "fail"}
    return found


PROVED = [(row, name) for row in ROWS for name in row.proofs if name in STORIES and row.findings]


@pytest.mark.parametrize("row, story", PROVED, ids=[f"{row.failure}-{name}" for row, name in PROVED])
def test_a_recording_that_is_named_shows_the_finding(row, story):
    assert fired(story) & set(row.findings)


@pytest.mark.parametrize(
    "finding, file",
    [(f, name) for row in ROWS for name in row.proofs if name.startswith("tests/") for f in row.findings],
)
def test_one_of_the_tests_that_are_named_asks_for_the_finding(finding, file):
    """Where a row names several findings, the tests of all its proofs together speak of each."""
    files = {name for row in ROWS if finding in row.findings for name in row.proofs if name.startswith("tests/")}
    assert any(finding in (CHECKOUT / name).read_text(encoding="utf-8") for name in files | {file})
