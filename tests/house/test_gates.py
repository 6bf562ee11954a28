"""The gates of ``make lint`` are tests: each tool over the whole checkout, its output shown where it objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def gate(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, "\n" + done.stdout


def test_ruff() -> None:
    gate("-m", "ruff", "check", ".")


def test_mypy_strict() -> None:
    gate("-m", "mypy", "--strict")


def test_import_contracts() -> None:
    gate("-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache")
