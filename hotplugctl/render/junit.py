"""``validate`` as JUnit XML: a suite, in it a test case for each recording.

The form is what https://github.com/windyroad/JUnit-Schema and that of Jenkins have in common: attributes in full, at
most one ``failure`` or ``error`` a case, empty ``properties``, ``system-out`` and ``system-err``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from hotplugctl.model.validation import Problem, Validation
from hotplugctl.render.escape import printable

_SUITE = "hotplugctl.validate"
_CLASS = "hotplugctl.validate"
# What no XML 1.0 document can hold, not even as a reference (https://www.w3.org/TR/xml/#charsets).
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def validate(recordings: Sequence[Validation], times: Sequence[float], began: str, host: str) -> str:
    """The document. ``times``: seconds each recording took; ``began``: local time without zone, ``host``: whose."""
    errors = sum(item.unreadable for item in recordings)
    failures = sum(not item.valid and not item.unreadable for item in recordings)
    counts = f'tests="{len(recordings)}" failures="{failures}" errors="{errors}" skipped="0" time="{sum(times):.3f}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites>",
        f' <testsuite name="{_SUITE}" package="{_SUITE}" id="0" timestamp={_attribute(began)}'
        f" hostname={_attribute(host or 'localhost')} {counts}>",
        "  <properties/>",
        *(line for item, took in zip(recordings, times) for line in _case(item, took)),
        "  <system-out/>",
        "  <system-err/>",
        " </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(item: Validation, took: float) -> Iterator[str]:
    head = f'  <testcase classname="{_CLASS}" name={_attribute(item.path)} time="{took:.3f}"'
    if item.valid:
        yield f"{head}/>"
        return
    first = item.problems[0]
    tag = "error" if item.unreadable else "failure"
    count = len(item.problems)
    message = _line(first) if count == 1 else f"{count} problems, the first: {_line(first)}"
    yield f"{head}>"
    yield f"   <{tag} type={_attribute(first.id)} message={_attribute(message)}>"
    yield from (_text(line) for line in _lines(item.problems))
    yield f"   </{tag}>"
    yield "  </testcase>"


def _lines(problems: Iterable[Problem]) -> Iterator[str]:
    for problem in problems:
        yield _line(problem)
        yield from (f"  {item.source}: {item.value}" for item in problem.witnesses)


def _line(problem: Problem) -> str:
    return ": ".join(part for part in (problem.id, problem.where, problem.summary) if part)


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", printable(text)))


def _attribute(text: str) -> str:
    return quoteattr(_ILLEGAL.sub("\ufffd", printable(text)))
