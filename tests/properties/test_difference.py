"""Comparing: nothing differs from itself, each thing is one other at most, and the way back is the way there."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.difference import Held, Side
from hotplugctl.rules.difference import difference

IDS = st.sampled_from([("8086", "100e"), ("1af4", "1000"), ("1af4", "1001"), (None, None)])
MARKS = st.sets(st.sampled_from(["serial:a", "serial:b", "mac:m", "mac:n", "wwn:1"]), max_size=2)
MIRROR = {"added": "removed", "removed": "added"}


@st.composite
def functions(draw):
    numbers = draw(st.sets(st.integers(0, 6), max_size=6))
    found = []
    for number in sorted(numbers):
        address = f"0000:00:0{number}.0"
        facts: dict[str, object] = {"address": address}
        vendor, device = draw(IDS)
        if vendor is not None:
            facts.update({"vendor": vendor, "device": device})
        if draw(st.booleans()):
            facts["driver"] = draw(st.sampled_from([None, "e1000", "virtio-pci"]))
        if draw(st.booleans()):
            facts["enabled"] = draw(st.booleans())
        place = ("pci0000:00", f"0{draw(st.integers(0, 3))}.0") if draw(st.booleans()) else ()
        found.append(Held(address, facts, {}, frozenset(draw(MARKS)), place))
    return tuple(found)


@st.composite
def sides(draw):
    listed = draw(functions())
    nodes: dict[str, tuple[Held, ...]] = {}
    letter = 0
    for function in listed:
        items = []
        for _ in range(draw(st.integers(0, 2))):
            name = f"vd{'abcdefghijklmnop'[letter]}"
            letter += 1
            facts = {
                "subsystem": "block",
                "name": name,
                "node": f"/dev/{name}",
                "function": function.key,
                "hung": False,
            }
            via = (draw(st.sampled_from(["virtio1", "virtio2"])), "block")
            items.append(Held(name, facts, {}, frozenset(draw(MARKS)), via))
            if draw(st.booleans()):
                part = {**facts, "name": f"{name}1", "node": f"/dev/{name}1"}
                items.append(Held(f"{name}1", part, {}, frozenset(), (*via, name), 1))
        nodes[function.key] = tuple(items)
    slots = tuple(
        Held(str(number), {"name": str(number), "address": f"0000:00:0{draw(st.integers(0, 3))}"})
        for number in range(draw(st.integers(0, 3)))
    )
    return Side("A", "recording", listed, nodes, slots, (), {}, {})


@given(sides())
def test_nothing_differs_from_itself(one):
    found = difference(one, one)
    assert not [change for change in found.changes if change.what == "function"]
    assert found.same is (not found.changes)
    # Two slots may bear one address, and two disks be alike in all: they are told by name.
    assert not found.changes


@given(sides(), sides())
def test_each_is_one_other_at_most_and_none_is_lost(before, after):
    changes = difference(before, after).changes
    for what, there, here in (
        ("function", before.functions, after.functions),
        ("node", sum(before.nodes.values(), ()), sum(after.nodes.values(), ())),
        ("slot", before.slots, after.slots),
    ):
        told = [change for change in changes if change.what == what]
        for held, side in ((there, "before"), (here, "after")):
            spoken_of = Counter(id(getattr(change, side)) for change in told if getattr(change, side) is not None)
            assert set(spoken_of) <= {id(one) for one in held} and set(spoken_of.values()) <= {1}
        gone = sum(change.change == "removed" for change in told)
        come = sum(change.change == "added" for change in told)
        assert len(there) - gone == len(here) - come, "what is left on both sides is matched one to one"


@given(sides(), sides())
def test_the_way_back(before, after):
    """The same things come as went, and whatever is told of both is told again."""
    there = difference(before, after)
    back = difference(after, before)
    assert there.same == back.same
    assert Counter((change.what, MIRROR.get(change.change, change.change)) for change in there.changes) == Counter(
        (change.what, change.change) for change in back.changes
    )


@given(sides(), sides())
def test_what_differs_is_told_by_both(before, after):
    for change in difference(before, after).changes:
        if change.before is not None and change.after is not None:
            assert change.differs
            for field in change.differs:
                assert field in change.before.facts and field in change.after.facts
