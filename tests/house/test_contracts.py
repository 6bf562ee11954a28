"""The import contracts bite, and what no import shows: the middle opens, prints and executes nothing."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "hotplugctl"

# For every contract of .importlinter, by its name there, modules that break it: path below the package, and text.
OFFENCES = {
    "Evidence flows one way, and every room has its place": [
        ("model/offends_layers.py", "import hotplugctl.parse"),
        ("source/offends_layers.py", "import hotplugctl.collect"),
        ("source/offends_parse.py", "import hotplugctl.parse"),
        ("collect/offends_layers.py", "def late():\n    import hotplugctl.render\n"),
        ("errors.py", "import hotplugctl.model"),
        ("attic/__init__.py", ""),
    ],
    "The middle knows neither the machine nor its grammars": [
        ("rules/offends_source.py", "from hotplugctl import source"),
        ("render/offends_parse.py", "from hotplugctl import parse"),
    ],
    "Scrubbing is pure": [("scrub/offends_source.py", "from hotplugctl.source import tree")],
    "Parsers do not know one another": [
        ("parse/offends_first.py", "import hotplugctl.parse.offends_second"),
        ("parse/offends_second.py", ""),
    ],
    "Families of rules do not know one another": [
        ("rules/offends_first.py", "from hotplugctl.rules import offends_second"),
        ("rules/offends_second.py", ""),
    ],
    "Only cli imports click": [("render/offends_click.py", "import click")],
    "Only source.udev_monitor imports pyudev": [("source/offends_pyudev.py", "import pyudev")],
    "Only render.table imports tabulate": [("cli/offends_tabulate.py", "import tabulate")],
    "Only source and cli touch the machine": [
        ("collect/offends_os.py", "import os"),
        ("parse/offends_os.py", "def late():\n    from os import path\n    return path\n"),
        ("model/offends_time.py", "import time"),
        ("rules/offends_subprocess.py", "import subprocess"),
        ("render/offends_tarfile.py", "import tarfile"),
    ],
}


def verdicts(directory: Path) -> tuple[dict[str, str], str]:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={"COLUMNS": "1000", "PYTHONPATH": str(directory)},
        check=False,
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)  # older versions colour a pipe too
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", plain, re.MULTILINE)), plain


@pytest.fixture(scope="module")
def offending(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], str]:
    """The verdicts on a copy of the package to which all offences were added."""
    directory = tmp_path_factory.mktemp("offending")
    shutil.copytree(PACKAGE, directory / "hotplugctl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / ".importlinter", directory)
    for offences in OFFENCES.values():
        for path, text in offences:
            target = directory / "hotplugctl" / path
            target.parent.mkdir(exist_ok=True)
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            target.write_text(before + text + "\n", encoding="utf-8")
    return verdicts(directory)


def test_every_contract_has_an_offence() -> None:
    names = re.findall(r"^name = (.+)$", (CHECKOUT / ".importlinter").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(OFFENCES)


@pytest.mark.parametrize("name", OFFENCES)
def test_an_offence_breaks_its_contract(name: str, offending: tuple[dict[str, str], str]) -> None:
    found, output = offending
    assert found.get(name) == "BROKEN", output
    for path, text in OFFENCES[name]:
        if text:
            module = "hotplugctl." + path[: -len(".py")].replace("/", ".")
            assert module in output, f"{module} is not objected to:\n{output}"


# --- what no import shows ---------------------------------------------------------------------------------------------

PURE = ("model", "parse", "rules", "live", "render", "scrub")
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__"}
FORBIDDEN_ATTRIBUTES = {"stdin", "stdout", "stderr", "argv", "exit"}


def deeds(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What a module does to the world without an import that shows it: line and deed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield node.lineno, f"{node.func.id}()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            if node.attr in FORBIDDEN_ATTRIBUTES:
                yield node.lineno, f"sys.{node.attr}"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(name.split(".")[0] in ("importlib", "runpy", "io") for name in names):
                yield node.lineno, f"import of {', '.join(names)}"


@pytest.mark.parametrize(
    "text", ["open('x')", "def f():\n    print(1)", "sys.stdout.write('')", "import io", "from importlib import util"]
)
def test_a_deed_is_seen(text: str) -> None:
    assert list(deeds(ast.parse(text)))


def test_the_middle_is_pure() -> None:
    modules = [path for room in (*PURE, "collect") for path in sorted((PACKAGE / room).rglob("*.py"))]
    assert modules
    found = [
        f"{path.relative_to(CHECKOUT)}:{line}: {deed}"
        for path in modules
        for line, deed in deeds(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(["", *found])
