"""Runs what compares. A crash is an outcome: what the others found is still said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from hotplugctl.model.validation import Problem
from hotplugctl.rules.validation.words import capped, shown

CRASHED = "recording.unjudged"


def run(name: str, check: Callable[[], Iterable[Problem]]) -> tuple[Problem, ...]:
    """The problems that ``check`` finds, of each id so many at most; where it crashes, that."""
    try:
        return tuple(capped(check()))
    except Exception as error:  # noqa: BLE001 - the boundary: a defect of ours is told, and hides nobody else's answer
        what = f"a defect in hotplugctl, in what compares {name}: {type(error).__name__}: {shown(error)}"
        return (Problem(CRASHED, name, what),)
