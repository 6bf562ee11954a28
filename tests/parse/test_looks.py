"""Lines of ``events/looks.jsonl``: they come back as they were, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.live import FunctionFact, Look, NodeFact
from hotplugctl.parse.looks import parse_entry
from hotplugctl.render import saved

# Names in sysfs are bytes: what is no UTF-8 comes as lone surrogates.
TEXTS = st.text(st.characters() | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=8)
MAYBE = st.none() | TEXTS
FLAGS = st.none() | st.booleans()
NODES = st.builds(NodeFact, TEXTS, TEXTS, MAYBE, TEXTS, FLAGS)
ADDRESSES = st.from_regex(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", fullmatch=True)
FUNCTIONS = st.builds(
    FunctionFact, ADDRESSES, TEXTS, MAYBE, MAYBE, MAYBE, MAYBE, st.lists(NODES, max_size=3).map(tuple),
    st.dictionaries(TEXTS, MAYBE, max_size=3), st.none() | st.lists(TEXTS, max_size=3).map(tuple), MAYBE,
)  # fmt: skip
NUMBERS = st.integers(0, 2**63)
LOOKS = st.builds(
    Look, st.sampled_from(("start", "resync", "scan", "facts")), st.lists(FUNCTIONS, max_size=3).map(tuple),
    st.dictionaries(TEXTS, TEXTS, max_size=3), FLAGS, MAYBE, st.booleans(), st.none() | st.tuples(NUMBERS, NUMBERS),
)  # fmt: skip


@given(LOOKS, st.integers(0, 10**12))
def test_a_look_comes_back(look: Look, micros: int) -> None:
    line = saved.look(micros / 1e6, look, None)
    assert line.endswith("\n") and "\n" not in line[:-1] and line.isascii()
    assert parse_entry(json.loads(line)) == (micros / 1e6, look)


KEYS = st.sampled_from(["t", "kind", "functions", "slots", "nodes", "address", "path", "children", "seqnums"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(st.dictionaries(KEYS, ANYTHING))
def test_any_json_is_read_or_not(value: dict) -> None:
    found = parse_entry(value)
    assert found is None or (isinstance(found[0], float) and isinstance(found[1], Look))


GOOD = {"t": 1.5, "kind": "start", "functions": []}


@pytest.mark.parametrize(
    "change",
    [{"t": None}, {"t": True}, {"t": -1}, {"t": 1e300}, {"kind": "other"}, {"kind": None}, {"functions": None}],
)
def test_what_is_no_look(change: dict) -> None:
    assert parse_entry(GOOD) is not None
    assert parse_entry({**GOOD, **change}) is None


def test_a_function_at_no_address_is_left_out() -> None:
    functions = [
        {"address": "../../etc", "path": "/x"},
        {"address": "0000:00:04.0"},
        {"address": "0000:00:04.0", "path": "/x"},
    ]
    found = parse_entry({**GOOD, "functions": functions})
    assert found is not None
    assert [fact.address for fact in found[1].functions] == ["0000:00:04.0"]
