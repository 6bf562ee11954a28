"""What documents name in code spans is there: files, modules and what is in them, findings, keys of the JSON."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from hotplugctl.cli.app import COMMANDS
from hotplugctl.rules import catalogue
from hotplugctl.rules.registry import RULES

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "hotplugctl"
ROOMS = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
FAMILIES = {family.__name__.rpartition(".")[2] for family in catalogue.every_family()}
TOPS = {path.name for path in CHECKOUT.iterdir() if not path.name.startswith(".")} | ROOMS
DOCUMENTS = ["README.md", "CHANGELOG.md", "docs/architecture.md", "docs/diagnosis.md"]


def spans(document: str) -> list[str]:
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def prose(document: str) -> str:
    return (CHECKOUT / document).read_text(encoding="utf-8")


def exists(dotted: str) -> bool:
    """Whether ``source.tree.Tree`` is a module of the package, or a name in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["hotplugctl", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_and_their_names(document: str) -> None:
    names = [span for span in spans(document) if re.fullmatch(r"[a-z_]+(\.\w+)+", span)]
    dotted = [name for name in names if name.split(".")[0] in ROOMS]
    if document == "docs/architecture.md":
        assert len(dotted) > 30
        drawn = re.findall(r"\b(?:source|collect|rules)\.[a-z_]+\.\w+", prose(document))
        dotted += drawn
    assert not [name for name in dotted if not exists(name)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files(document: str) -> None:
    """``cli/cmd_NAME.py`` is a pattern for names to come."""
    paths = [span for span in spans(document) if re.fullmatch(r"[\w.-]+(/[\w.*@-]*)+", span)]
    paths = [path for path in paths if path.split("/")[0] in TOPS and "NAME" not in path]
    missing = [path for path in paths if not ([*CHECKOUT.glob(path)] or [*PACKAGE.glob(path)])]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_findings(document: str) -> None:
    form = re.compile(rf"(?:{'|'.join(sorted(FAMILIES))})\.[a-z0-9]+(?:-[a-z0-9]+)*")
    named = [span for span in spans(document) if form.fullmatch(span)]
    if document == "README.md":
        assert named
    assert not [name for name in named if name not in RULES]


def properties(schema: object) -> set[str]:
    """Every key that a JSON Schema describes, at any depth."""
    if isinstance(schema, list):
        return {key for item in schema for key in properties(item)}
    if not isinstance(schema, dict):
        return set()
    return {key for item in schema.values() for key in properties(item)} | set(schema.get("properties", ()))


@pytest.mark.parametrize("document", [*DOCUMENTS, "man/hotplugctl.8"])
def test_keys_of_the_json(document: str) -> None:
    schemas = sorted((PACKAGE / "schemas").glob("*.json"))
    assert schemas
    known = {key for path in schemas for key in properties(json.loads(path.read_text(encoding="utf-8")))}
    assert "verdict" in known
    text = prose(document).replace("\\(dq", '"')
    keys = re.findall(r'(?:`|^\.Ql )"([a-z_]+)"', text, re.M)
    if document in ("README.md", "man/hotplugctl.8"):
        assert keys
    assert not [key for key in keys if key not in known]


def test_every_room_is_described() -> None:
    listed = re.findall(r"^\| `([a-z]+)/` \|", prose("docs/architecture.md"), re.M)
    assert sorted(listed) == sorted(ROOMS)


def test_the_changelog_names_every_command() -> None:
    assert {name for _, members in COMMANDS for name, _ in members} <= {
        span.split()[0] for span in spans("CHANGELOG.md")
    }
