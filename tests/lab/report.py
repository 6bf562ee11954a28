"""A run as a table for people and as JUnit XML for CI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.lab.runner import Outcome

_UNPRINTABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd]")


def table(outcomes: Sequence[Outcome]) -> str:
    """Scenario, kernel, what the host did, what hotplugctl said, seconds: as a Markdown table."""
    rows = [("scenario", "kernel", "result", "what the host did", "what hotplugctl said", "s")]
    rows.append(("---",) * 5 + ("---:",))
    for outcome in outcomes:
        cells = (outcome.name, outcome.kernel, outcome.status, outcome.did, outcome.said, f"{outcome.seconds:.0f}")
        rows.append(tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in cells))  # type: ignore[arg-type]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def junit(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write one test case for each outcome; an error of the lab is an ``error``, not a ``failure``."""
    suite = ElementTree.Element("testsuite", name="lab", tests=str(len(outcomes)))
    for status, name in (("failed", "failures"), ("error", "errors")):
        suite.set(name, str(sum(outcome.status == status for outcome in outcomes)))
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.1f}")
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"lab.{outcome.kernel}", name=outcome.name, time=f"{outcome.seconds:.1f}"
        )
        if outcome.problems:
            kind = "failure" if outcome.status == "failed" else "error"
            element = ElementTree.SubElement(case, kind, message=_plain(outcome.problems[0]))
            element.text = _plain("\n".join((*outcome.problems, *(f"left behind: {path}" for path in outcome.left))))
        ElementTree.SubElement(case, "system-out").text = _plain(f"host: {outcome.did}\nsaid: {outcome.said}\n")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _plain(text: str) -> str:
    """Text without what XML 1.0 cannot hold."""
    return _UNPRINTABLE.sub("?", text)
