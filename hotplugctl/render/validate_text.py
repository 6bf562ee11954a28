"""``validate`` as text: a line for each recording, below it one for each problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotplugctl.model.validation import Problem, Validation
from hotplugctl.render.escape import printable

_WITNESSES = 3


def validate(recordings: Iterable[Validation]) -> str:
    """All of them, in their order."""
    return "\n".join(line for recording in recordings for line in _lines(recording))


def _lines(recording: Validation) -> Iterator[str]:
    path = printable(recording.path)
    if recording.valid:
        yield f"ok {path}"
        return
    count = len(recording.problems)
    yield f"INVALID {path}: {count} {'problem' if count == 1 else 'problems'}"
    for problem in recording.problems:
        yield printable("  " + ": ".join(part for part in (problem.id, problem.where, problem.summary) if part)) + (
            _witnesses(problem)
        )


def _witnesses(problem: Problem) -> str:
    """Who says so, as far as ``where`` does not name it."""
    sources = [source for source in dict.fromkeys(item.source for item in problem.witnesses) if source != problem.where]
    if not sources:
        return ""
    more = f", {len(sources) - _WITNESSES} more" if len(sources) > _WITNESSES else ""
    return printable(f" ({', '.join(sources[:_WITNESSES])}{more})")
