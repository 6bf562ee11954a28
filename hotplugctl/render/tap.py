"""``validate`` in the Test Anything Protocol: version 13, and what 14 has in common with it (testanything.org)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from hotplugctl.model.validation import Problem, Validation
from hotplugctl.render.escape import printable


def validate(recordings: Sequence[Validation]) -> str:
    """A test point for each recording; a failed one has its problems in YAML below it."""
    lines = ["TAP version 13", f"1..{len(recordings)}"]
    for number, item in enumerate(recordings, 1):
        lines.append(f"{'ok' if item.valid else 'not ok'} {number} - {_description(item.path)}")
        if not item.valid:
            lines += ["  ---", *_yaml(item.problems), "  ..."]
    return "\n".join(lines) + "\n"


def _description(text: str) -> str:
    """A ``#`` would begin a directive (``# SKIP``); version 14 knows the backslash, 13 takes it for itself."""
    return printable(text).replace("\\", "\\\\").replace("#", "\\#")


def _yaml(problems: Iterable[Problem]) -> Iterator[str]:
    yield "  problems:"
    for problem in problems:
        yield f"    - id: {_string(problem.id)}"
        yield f"      where: {_string(problem.where)}"
        yield f"      summary: {_string(problem.summary)}"
        if problem.witnesses:
            yield "      witnesses:"
            for item in problem.witnesses:
                yield f"        - source: {_string(item.source)}"
                yield f"          value: {_string(item.value)}"


def _string(text: str) -> str:
    """A string of JSON is one of YAML, of ASCII alone; half a pair of surrogates is none of either."""
    return json.dumps(printable(text))
