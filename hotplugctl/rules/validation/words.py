"""How values are put into the summary of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from hotplugctl.model.validation import Problem

LONGEST = 120
MOST = 100


def shown(value: object) -> str:
    """A value for a summary: ``none`` for None, cut where it is long."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        text = ", ".join(f"{key}={shown(item)}" for key, item in islice(value.items(), LONGEST)) or "nothing"
    elif isinstance(value, (set, frozenset, list, tuple)):
        # More than fit could be a million.
        text = ", ".join(shown(item) for item in islice(value, LONGEST)) or "none"
    else:
        text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def capped(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems, of each id the first ``MOST``; one more says how many were left out."""
    counts: dict[str, int] = {}
    for problem in problems:
        count = counts[problem.id] = counts.get(problem.id, 0) + 1
        if count <= MOST:
            yield problem
    for identifier, count in counts.items():
        if count > MOST:
            yield Problem(identifier, "", f"and {count - MOST} more of these")
