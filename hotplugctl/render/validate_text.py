"""``validate`` as text: a line for each recording, below it one for each problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hotplugctl.model.validation import Problem, Validation
from hotplugctl.render.escape import printable

_WITNESSES = 3


def validate(recordings: Sequence[Validation], color: bool = False) -> str:
    """All of them, in their order, and where they are several, how many are valid."""
    lines = [line for recording in recordings for line in _lines(recording, color)]
    if len(recordings) > 1:
        lines.append(_summary(recordings))
    return "\n".join(lines)


def _summary(recordings: Sequence[Validation]) -> str:
    wrong = [item for item in recordings if not item.valid]
    if not wrong:
        return f"{len(recordings)} recordings, all valid"
    return f"{len(recordings)} recordings, {len(wrong)} invalid: {_count(sum(len(item.problems) for item in wrong))}"


def _count(count: int) -> str:
    return f"{count} {'problem' if count == 1 else 'problems'}"


def _lines(recording: Validation, color: bool) -> Iterator[str]:
    path = printable(recording.path)
    if recording.valid:
        yield f"{_paint('ok', '32', color)} {path}"
        return
    yield f"{_paint('INVALID', '31', color)} {path}: {_count(len(recording.problems))}"
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


def _paint(text: str, code: str, color: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if color else text
