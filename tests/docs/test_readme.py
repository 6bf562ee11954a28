"""Every command that README and the man page show is one, runs, and says what is shown."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest

from hotplugctl.cli import exit as status
from hotplugctl.cli.app import cli

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MAN = (CHECKOUT / "man/hotplugctl.8").read_text(encoding="ascii").replace("\\-", "-")
BLOCKS = re.findall(r"(?:^(?: {4}.*)?\n)+", README, re.M)
SHOWN = [line[4:] for block in BLOCKS for line in block.splitlines() if line.strip()]
ELLIPSIS = "…"

# Any answer will do, but not a usage error, a defect or a lost output.
ANSWERS = {status.YES, status.NO, status.CANNOT_TELL}
LOG = "[    1.000000] pci 0000:01:00.0: BAR 0: no space for [mem size 0x00001000]\n"


def in_readme() -> list[str]:
    """Lines of code blocks that run hotplugctl, without a prompt."""
    return [line.removeprefix("$ ") for line in SHOWN if re.match(r"(\$ )?([a-z]+ \| )?hotplugctl ", line)]


def in_man_page() -> list[str]:
    return re.findall(r"^\.Dl (.*hotplugctl .*)$", MAN, re.M)


def arguments_of(line: str) -> list[str]:
    """What hotplugctl is given by a shell; nothing but a pipe before it is understood here."""
    words = shlex.split(line, comments=True)
    assert words.count("|") <= 1
    words = words[words.index("|") + 1 :] if "|" in words else words
    assert words[0] == "hotplugctl"
    return words[1:]


def without_waiting(arguments: list[str]) -> list[str]:
    """The same, but that it listens for an instant."""
    return ["0.1" if before == "--events" else word for before, word in zip(["", *arguments], arguments)]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOTPLUGCTL_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-m", "hotplugctl", *arguments],
        cwd=folder,
        input=LOG,
        capture_output=True,
        encoding="utf-8",
        env={**environment, "PYTHONPATH": str(CHECKOUT), "PYTHONUTF8": "1"},
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands run: with the fixtures, and a story for the man page's example."""
    (tmp_path / "fixtures").symlink_to(CHECKOUT / "fixtures")
    (tmp_path / "story.tar.xz").symlink_to(CHECKOUT / "fixtures/recordings/q35-rootport-acpi.tar.xz")
    return tmp_path


@pytest.mark.parametrize("lines", [in_readme, in_man_page])
def test_every_command_that_is_shown_runs(lines: Callable[[], list[str]], folder: Path) -> None:
    """In the order of the text: what one writes, the next reads."""
    commands = lines()
    assert len(commands) >= 8
    for line in commands:
        done = run(without_waiting(arguments_of(line)), folder)
        assert done.returncode in ANSWERS, f"{line}: {done.returncode}: {done.stderr}"
        assert done.stdout or done.stderr, line


@pytest.mark.parametrize("line", [*in_readme(), *in_man_page()])
def test_every_command_that_is_shown_parses(line: str, command_line: dict[str, click.Command]) -> None:
    name, *rest = arguments_of(line)
    command_line[name].make_context(name, rest, parent=click.Context(cli, info_name="hotplugctl"))


def test_every_command_is_shown(command_line: dict[str, click.Command]) -> None:
    assert {arguments_of(line)[0] for line in in_readme()} == set(command_line)


def test_make_comes_first() -> None:
    assert [line.partition("#")[0].strip() for line in SHOWN[:2]] == ["make demo", "make test"]


def test_every_target_that_is_named_exists() -> None:
    documents = README + (CHECKOUT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^    |sudo )make ([a-z-]+)", documents, re.M))
    assert {"demo", "test", "help"} <= named
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert named <= targets


# --- examples ---------------------------------------------------------------------------------------------------------


def examples() -> list[tuple[str, list[str]]]:
    """Command and shown output of each ``$ hotplugctl``; a line that is an ellipsis stands for any lines."""
    found = []
    for block in BLOCKS:
        lines = [line[4:] for line in block.splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        starts = [index for index, line in enumerate(lines) if line.startswith("$ hotplugctl ")]
        for start, end in zip(starts, [*starts[1:], len(lines)]):
            found.append((lines[start][2:], lines[start + 1 : end]))
    return found


def fits(shown: list[str], said: list[str]) -> bool:
    """Whether the shown lines are the said ones, in order, with gaps only where an ellipsis stands."""
    pattern = "".join(r"(?:.*\n)*" if line.strip() == ELLIPSIS else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in said)) is not None


def test_there_are_examples() -> None:
    assert len(examples()) >= 2
    assert all(any(line.strip() != ELLIPSIS for line in shown) for _, shown in examples())


@pytest.mark.parametrize(("line", "shown"), examples(), ids=[line for line, _ in examples()])
def test_an_example_is_what_is_said(line: str, shown: list[str]) -> None:
    said = run(arguments_of(line), CHECKOUT).stdout.splitlines()
    assert fits(shown, said), "\n".join([f"README shows another output of `{line}`; it is now:", *said])


def test_a_wrong_example_is_seen() -> None:
    assert fits(["a", ELLIPSIS, "d"], ["a", "b", "c", "d"])
    assert not fits(["a", "d"], ["a", "b", "d"])
    assert not fits(["a", ELLIPSIS, "x"], ["a", "b"])
    assert not fits(["a"], ["a", "b"])


# --- tables and figures -----------------------------------------------------------------------------------------------


def table_under(heading: str) -> list[list[str]]:
    text = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_the_exit_codes_are_all_there() -> None:
    listed = [int(code) for first, *_ in table_under("Exit status") for code in first.split(",")]
    assert listed == sorted(value for name, value in vars(status).items() if name.isupper() and isinstance(value, int))


def test_the_limits_are_the_codes(make_man: ModuleType) -> None:
    assert [amount for _, amount in table_under("Recordings")] == [
        make_man.amount(count, unit) for _, count, unit in make_man.LIMITS
    ]


def test_the_requirements_are_declared() -> None:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    sentence = next(line for line in README.splitlines() if line.startswith("It needs Linux"))
    declared = [line.replace(" >= ", " ≥ ") for line in setup["options"]["install_requires"].split("\n") if line]
    assert len(declared) == 3
    assert all(requirement in sentence for requirement in declared)
    python = setup["options"]["python_requires"].strip(">=")
    assert f"Python {python} or later" in sentence


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    assert not [target for target in targets if not (CHECKOUT / target).exists()]
