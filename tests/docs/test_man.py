"""The man pages are what the generator makes of the code, and what they say is there is there."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

import hotplugctl
from hotplugctl.cli import exit as status
from hotplugctl.model.report import VERDICTS
from hotplugctl.rules import catalogue
from hotplugctl.rules.registry import RULES

CHECKOUT = Path(__file__).resolve().parents[2]
COMMANDS_PAGE = CHECKOUT / "man/hotplugctl.8"
FINDINGS_PAGE = CHECKOUT / "man/hotplugctl-findings.7"
PAGES = [COMMANDS_PAGE, FINDINGS_PAGE]
OPTION = re.compile(r"(?<![\w/.-])--?[A-Za-z][\w-]*")


def plain(page: Path) -> str:
    """The source of a page with roff's spellings undone."""
    text = page.read_text(encoding="ascii").replace("\\-", "-").replace("\\&", "").replace("\\(dq", '"')
    return re.sub(r"\\\[u([0-9A-F]{4})\]", lambda found: chr(int(found[1], 16)), text)


def words(text: str) -> str:
    return " ".join(re.sub(r"\\\(oq|\\\(cq|``|\\e", " ", text).split())


def section(page: Path, name: str) -> str:
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", plain(page), re.M | re.S)
    assert found is not None, f"{page.name} has no section {name}"
    return found[1]


def flags(text: str) -> set[str]:
    """Options in macros: ``.Op Fl o | Fl -output`` names -o and --output."""
    return {f"-{name}" for name in re.findall(r"\bFl (\S+)", text)}


# --- they are the generator's -----------------------------------------------------------------------------------------


def test_the_pages_are_the_generators(make_man: ModuleType) -> None:
    made = make_man.pages()
    assert sorted(made) == sorted(PAGES)
    stale = [path.name for path, text in made.items() if path.read_text(encoding="ascii") != text]
    assert not stale, "run `make man`"


def test_a_mark_without_meaning_is_an_error(make_man: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "x.8.in").write_text("@nonsense@\n")
    with pytest.raises(KeyError):
        make_man.filled(tmp_path / "x.8.in")


def test_an_exit_code_without_words_is_an_error(make_man: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "BORED", 6, raising=False)
    with pytest.raises(ValueError, match="BORED"):
        make_man.exit_codes()


def test_version_and_date_are_those_of_the_changelog(make_man: ModuleType) -> None:
    version, day = make_man.changelog()
    assert version == hotplugctl.__version__
    dates = {re.findall(r"^\.Dd (.*)$", plain(page), re.M)[0] for page in PAGES}
    assert dates == {f"{day:%B} {day.day}, {day.year}"}


def test_prose_is_never_taken_for_requests(make_man: ModuleType) -> None:
    lines = make_man.prose("First. Second one. 'quoted'.\n.conf is a suffix \\n and … more\n\nsee --root and pci(3)()")
    assert lines[:2] == ["First.", "Second one."]
    assert ".Pp" in lines
    assert not [line for line in lines if line[:1] in (".", "'") and line != ".Pp"]
    text = "\n".join(lines)
    assert "\\en" in text
    assert "\\[u2026]" in text
    assert "\\-\\-root" in text
    assert text.isascii()


# --- what is there is in the page -------------------------------------------------------------------------------------


def test_every_command_is_described(command_line: dict[str, click.Command]) -> None:
    described = re.findall(r"^\.It Cm (\S+)$", section(COMMANDS_PAGE, "COMMANDS"), re.M)
    assert sorted(described) == sorted(command_line)
    listed = re.findall(r"^\.Nm\n\.Cm (\S+)$", section(COMMANDS_PAGE, "SYNOPSIS"), re.M)
    assert listed == described
    text = words(section(COMMANDS_PAGE, "COMMANDS"))
    for command in command_line.values():
        first = (command.help or "").split("\n\n")[0]
        assert words(first) in text


def test_every_option_is_in_the_page_and_no_other(option_names: set[str]) -> None:
    text = plain(COMMANDS_PAGE)
    assert flags(section(COMMANDS_PAGE, "OPTIONS") + section(COMMANDS_PAGE, "COMMANDS")) == option_names
    assert flags(text) == option_names
    assert set(OPTION.findall(re.sub(r"^\..*", "", text, flags=re.M))) <= option_names
    assert flags(plain(FINDINGS_PAGE)) <= option_names


def test_every_exit_code_is_in_the_page() -> None:
    codes = {value for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
    assert {0, 1, 2, 3, 70} <= codes
    listed = [int(code) for code in re.findall(r"^\.It (\d+)$", section(COMMANDS_PAGE, "EXIT STATUS"), re.M)]
    assert listed == sorted(codes)


def test_every_verdict_and_state_is_explained() -> None:
    schema = json.loads((CHECKOUT / "hotplugctl/schemas/check.schema.json").read_text(encoding="utf-8"))
    states = enums_of(schema, "state")
    assert "loadable" in states
    explained = re.findall(r"^\.It Sy (\S+)$", section(COMMANDS_PAGE, "VERDICTS"), re.M)
    assert set(explained) == states | set(VERDICTS)


def enums_of(schema: object, key: str) -> set[str]:
    """The values that a JSON Schema lists for a property, wherever it has it."""
    if isinstance(schema, list):
        return {value for item in schema for value in enums_of(item, key)}
    if not isinstance(schema, dict):
        return set()
    found = {value for item in schema.values() for value in enums_of(item, key)}
    return found | set(schema.get("properties", {}).get(key, {}).get("enum", ()))


def test_every_finding_is_in_the_page() -> None:
    text = section(FINDINGS_PAGE, "FINDINGS")
    listed = re.findall(r"^\.It Sy (\S+) Pq (\w+) , (\w+)$", text, re.M)
    assert sorted(listed) == sorted((rule.id, rule.severity, rule.side) for rule in RULES.values())
    said = words(text)
    for rule in RULES.values():
        assert words(rule.title) in said
        assert words(rule.text) in said
        assert words(rule.remedy or "") in said


def test_findings_stand_under_their_family() -> None:
    parts = re.split(r"^\.Ss (\S+)$", section(FINDINGS_PAGE, "FINDINGS"), flags=re.M)[1:]
    families = [family.__name__.rpartition(".")[2] for family in catalogue.every_family()]
    assert parts[::2] == families
    for family, text in zip(parts[::2], parts[1::2]):
        assert {name.partition(".")[0] for name in re.findall(r"^\.It Sy (\S+)", text, re.M)} == {family}


# --- files and environment --------------------------------------------------------------------------------------------


def texts_in(room: str) -> Iterator[tuple[str, str]]:
    """Module and text of every string of a room that is no docstring."""
    for path in sorted((CHECKOUT / "hotplugctl" / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                yield path.name, node.value


def listed_files() -> list[str]:
    paths = re.findall(r"^\.(?:It )?Pa (/\S+)", section(COMMANDS_PAGE, "FILES"), re.M)
    assert len(paths) > 20
    return [path.partition("RELEASE")[0] for path in paths]


def test_what_is_listed_is_read() -> None:
    read = [text for room in ("collect", "source") for _, text in texts_in(room)]
    unread = [path for path in listed_files() if not [text for text in read if path.rstrip("/") in text]]
    assert not unread, "man/hotplugctl.8.in lists files that no code reads"


def test_what_is_read_is_listed() -> None:
    """A whole path in the code lies at or below a path in FILES (/dev is where nodes are shown, not read)."""
    files = listed_files()
    path_like = re.compile(r"/(?:sys|proc|run|etc|boot|lib|usr)/[\w./-]*\Z|/dev/kmsg\Z|/\.\w+\Z|/cmd/\w+\Z")
    read = [(name, text) for room in ("collect", "source") for name, text in texts_in(room) if path_like.match(text)]
    assert len(read) > 20
    # door and story only look whether these folders hold anything.
    whole = {"/lib/modules", "/usr/lib/modules"}
    missing = {text: name for name, text in read if text not in whole and not text.startswith(tuple(files))}
    missing = {text: name for text, name in missing.items() if not [path for path in files if path.startswith(text)]}
    assert not missing, "list them under FILES in man/hotplugctl.8.in, then `make man`"


def environment_of_the_code() -> set[str]:
    found: set[str] = set()
    for path in (CHECKOUT / "hotplugctl").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found.update(re.findall(r'(?:environ(?:\.get\(|\[)|getenv\(|envvar=)"(\w+)"', text))
    return found


def test_the_environment_is_listed() -> None:
    listed = set(re.findall(r"^\.It Ev (\S+)$", section(COMMANDS_PAGE, "ENVIRONMENT"), re.M))
    assert "HOTPLUGCTL_ROOT" in listed
    assert listed == environment_of_the_code()


# --- they are good mdoc -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_mandoc_has_no_objection(page: Path) -> None:
    done = subprocess.run(["mandoc", "-T", "lint", str(page)], capture_output=True, encoding="utf-8", check=False)
    # Which other manuals there are depends on the machine.
    objections = [line for line in done.stdout.splitlines() if "STYLE: referenced manual not found" not in line]
    assert not objections


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_text_fits_80_columns(page: Path) -> None:
    command = ["mandoc", "-T", "utf8", "-O", "width=78", str(page)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    shown = re.sub(r".\x08", "", done.stdout)
    assert "\nNAME\n" in shown
    assert not [line for line in shown.splitlines() if len(line) > 80]


def test_the_synopsis_says_what_must_be_named() -> None:
    """``PATH...`` may be left out for --root alone, and what all commands have is told once."""
    said = " ".join(section(COMMANDS_PAGE, "SYNOPSIS").split())
    assert ".Ar PATH ..." in said and ".Op Ar PATH" not in said
    assert ".Op Ar FILE" in said and ".Op Ar B" in said
    assert "Fl -color" not in said
    common = section(COMMANDS_PAGE, "OPTIONS")
    assert flags(common) == {"--root", "--stage", "-J", "--json", "--color", "--version", "-h", "--help"}
    assert plain(COMMANDS_PAGE).count("Read a directory tree, a recording") == 1


def test_what_a_command_means_otherwise_is_told_at_the_command() -> None:
    waits = section(COMMANDS_PAGE, "COMMANDS").partition(".It Cm wait")[2].partition(".It Cm expect")[0]
    assert {"--root", "--stage"} <= flags(waits)
    assert not {"--json", "--color"} & flags(waits)


@pytest.mark.parametrize("command", ["record", "wait", "collector", "parse"])
def test_color_is_understood_everywhere(command_line: dict[str, click.Command], command: str) -> None:
    assert any("--color" in param.opts for param in command_line[command].params)
