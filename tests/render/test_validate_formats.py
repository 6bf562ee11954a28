"""``validate`` for those who collect test results: JUnit XML and TAP."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from decimal import Decimal

import pytest

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem, Validation
from hotplugctl.render import junit, tap, validate_text

SOUND = Validation("guest.tar", ())
BROKEN = Problem("recording.unreadable", "x.tar", "not a tar")
SAID = (Evidence("/sys/x", "1"), Evidence("/sys/y", "2"))
DAMAGED = Problem("pci.id-differs", "0000:00:03.0 class", "class says 1", SAID)
NASTY = "a<b>&\"'\x00\x1b[31m\x85\ufffe\ud800 # SKIP \\ ]]>\nnot ok 7 \u202e é 🙂"
ALL = (
    SOUND,
    Validation("story.tar:added", (DAMAGED, DAMAGED)),
    Validation("x.tar", (BROKEN,)),
    Validation(NASTY, (Problem("text.malformed", NASTY, NASTY, (Evidence(NASTY, NASTY),)),)),
)
BEGAN = "2026-11-23T06:00:00"


def suite(recordings=ALL) -> ElementTree.Element:
    text = junit.validate(recordings, [0.25] * len(recordings), BEGAN, "ci")
    # As bytes in the encoding that it declares: what cannot be encoded, or is no XML, is found here.
    return ElementTree.fromstring(text.encode("utf-8"))[0]


# What the schema of https://github.com/windyroad/JUnit-Schema asks for, and that of Jenkins' xunit plugin allows.
SUITE = {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}
CASE = {"name", "classname", "time"}


def test_junit_is_as_its_schema_says():
    found = suite()
    assert found.tag == "testsuite"
    assert set(found.attrib) == SUITE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", found.attrib["timestamp"])
    assert [child.tag for child in found] == ["properties", *["testcase"] * 4, "system-out", "system-err"]
    for case in found.findall("testcase"):
        assert set(case.attrib) == CASE
        assert Decimal(case.attrib["time"]) >= 0
        assert len(case) <= 1
        for outcome in case:
            assert outcome.tag in ("failure", "error")
            assert set(outcome.attrib) == {"type", "message"}
            assert outcome.text
    counts = {key: int(found.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 4, "failures": 2, "errors": 1, "skipped": 0}
    assert Decimal(found.attrib["time"]) == 1


def test_junit_of_nothing_but_sound_ones():
    found = suite([SOUND])
    assert (found.attrib["failures"], found.attrib["errors"]) == ("0", "0")
    assert [len(case) for case in found.findall("testcase")] == [0]


def test_a_failure_holds_every_problem_with_its_witnesses():
    (case,) = (case for case in suite().findall("testcase") if case.attrib["name"] == "story.tar:added")
    assert case[0].attrib == {
        "type": "pci.id-differs",
        "message": "2 problems, the first: pci.id-differs: 0000:00:03.0 class: class says 1",
    }
    said = ["pci.id-differs: 0000:00:03.0 class: class says 1", "  /sys/x: 1", "  /sys/y: 2"]
    assert case[0].text.strip("\n ").split("\n") == [*said, *said]


def test_no_host_is_localhost():
    assert 'hostname="localhost"' in junit.validate([SOUND], [0.0], BEGAN, "")


def test_tap_has_a_point_for_each():
    lines = tap.validate(ALL).split("\n")
    assert lines[:3] == ["TAP version 13", "1..4", "ok 1 - guest.tar"]
    points = [line for line in lines if re.match(r"(not )?ok\b", line)]
    assert [line.partition(" - ")[0] for line in points] == ["ok 1", "not ok 2", "not ok 3", "not ok 4"]
    assert not re.search(r"(?<!\\)#", points[3]), "a # begins a directive"
    assert lines.count("  ---") == lines.count("  ...") == 3


def test_tap_says_why():
    block = tap.validate(ALL).split("  ---\n")[1].partition("  ...\n")[0]
    values = re.findall(r'^ +(?:- )?(\w+): (".*")$', block, re.M)
    assert [(key, json.loads(value)) for key, value in values][:5] == [
        ("id", "pci.id-differs"),
        ("where", "0000:00:03.0 class"),
        ("summary", "class says 1"),
        ("source", "/sys/x"),
        ("value", "1"),
    ]


@pytest.mark.parametrize(
    "text", [tap.validate(ALL), junit.validate(ALL, [0.0] * 4, BEGAN, NASTY), validate_text.validate(ALL)]
)
def test_nothing_reaches_the_terminal_as_it_is(text):
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)


def test_the_text_ends_with_a_sum():
    lines = validate_text.validate(ALL).split("\n")
    assert lines[-1] == "4 recordings, 3 invalid: 4 problems"
    assert validate_text.validate([SOUND, SOUND]).split("\n")[-1] == "2 recordings, all valid"
    assert validate_text.validate([SOUND]) == "ok guest.tar"
    assert validate_text.validate([SOUND], True) == "\033[32mok\033[0m guest.tar"
