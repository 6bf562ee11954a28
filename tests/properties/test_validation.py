"""``validate`` on anything: its rules end and raise nothing, and its formats stay what they are."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.inventory import Entry, Inventory, Sample
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Expectation, Problem, Validation
from hotplugctl.parse import lsmod
from hotplugctl.render import junit, tap
from hotplugctl.rules.validation import Sysfs, drivers, expected_of_story, links, lost, texts

PARTS = st.sampled_from(
    ["sys", "bus", "pci", "devices", "drivers", "driver", "pci0000:00", "0000:00:01.0", "..", ".", "x"]
)
TARGETS = st.one_of(
    st.text(max_size=20), st.lists(PARTS, max_size=12).map("/".join), PARTS.map(lambda part: f"/{part}")
)
PATHS = st.lists(PARTS.filter(lambda part: part[:1] != "."), min_size=1, max_size=6).map(
    lambda parts: "/sys/" + "/".join(parts)
)
KINDS = st.sampled_from(["dir", "file", "fifo", "char"])
ENTRIES = st.dictionaries(
    PATHS,
    st.one_of(
        TARGETS.map(lambda target: Entry("link", 0o777, target)), KINDS.map(lambda kind: Entry(kind, 0o644, None))
    ),
    max_size=20,
)
WORDS = st.text(max_size=30)
PROBLEMS = st.builds(
    Problem, WORDS.filter(bool), WORDS, WORDS, st.lists(st.builds(Evidence, WORDS, WORDS), max_size=3).map(tuple)
)
VALIDATIONS = st.lists(st.builds(Validation, WORDS, st.lists(PROBLEMS, max_size=3).map(tuple)), max_size=4)


@given(ENTRIES, st.booleans(), st.booleans())
def test_any_tree_is_judged(entries, whole, reduced):
    sysfs = Sysfs(Inventory(entries, whole, reduced))
    found = [*links(sysfs), *drivers(sysfs), *lost(sysfs)]
    assert all(problem.id and problem.summary for problem in found)
    assert {problem.where for problem in links(sysfs)} <= entries.keys()


@given(
    PATHS, st.one_of(st.binary(max_size=40), st.sampled_from([b"0x1af4\n", b"../x", b"\r\n"])), st.integers(0, 0o777)
)
def test_any_text_is_judged_once(path, data, mode):
    assert len(list(texts([Sample(path, data, mode)]))) <= 1


@given(VALIDATIONS)
def test_junit_is_xml_whatever_is_said(validations):
    document = junit.validate(validations, [0.0] * len(validations), "2026-11-23T00:00:00", "")
    cases = ElementTree.fromstring(document.encode("utf-8"))[0].findall("testcase")
    assert len(cases) == len(validations)


@given(VALIDATIONS)
def test_tap_has_as_many_points_as_it_plans(validations):
    lines = tap.validate(validations).split("\n")
    points = [line for line in lines if line.startswith(("ok ", "not ok "))]
    assert lines[1] == f"1..{len(validations)}"
    assert len(points) == len(validations)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.one_of(st.none(), st.lists(st.dictionaries(st.sampled_from(["event", "address"]), WORDS), max_size=3)))
def test_whatever_is_expected_of_events_is_judged(wanted, told):
    problems = expected_of_story(Expectation({"events": wanted}), told)
    assert all(problem.id.startswith("expected.") for problem in problems)


@given(st.text())
def test_any_text_of_lsmod(text):
    found = lsmod.names(text)
    assert found is None or all(name in text for name in found)
