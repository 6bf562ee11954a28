"""A story's uevents against what its trees show: when a stage was recorded decides what must be in it."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.live.staged import Apart, Station, compare
from hotplugctl.model.live import FunctionFact, Look, NodeFact, Sign
from hotplugctl.model.uevent import Uevent

FIRST, SECOND = "0000:00:03.0", "0000:00:04.0"


def path(address: str) -> str:
    return f"/devices/pci0000:00/{address}"


def sign(at: float, action: str, address: str, seqnum: int) -> Sign:
    properties = {"PCI_CLASS": "10000", "PCI_ID": "1AF4:1001"}
    return Sign(at, at, Uevent(action, path(address), "pci", seqnum, None, 1, properties))


def look(*addresses: str, seqnums: Optional[tuple[int, int]] = None, complete: bool = True) -> Look:
    facts = tuple(FunctionFact(address, path(address)) for address in addresses)
    return Look("start", facts, {}, None, None, complete, seqnums)


def station(
    name: str, *addresses: str, since: Optional[float] = None, until: Optional[float] = None,
    seqnums: Optional[tuple[int, int]] = None,
) -> Station:  # fmt: skip
    return Station(name, look(*addresses, seqnums=seqnums), since, until, frozenset())


BEFORE = station("before", since=0.0)
STREAM = [sign(1.0, "add", FIRST, 11), sign(2.0, "add", SECOND, 12), sign(3.0, "remove", SECOND, 13)]


def apart(*stations: Station, stream: Optional[list[Sign]] = None) -> list[Apart]:
    return compare([*stations], STREAM if stream is None else stream, udev_only=False)


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        (station("s", FIRST, since=1.5, until=1.9), True),
        (station("s", FIRST, SECOND, since=2.5, until=2.9), True),
        (station("s", FIRST, since=3.5), True),
        (station("s", since=0.1, until=0.9), True),
        # Somewhere between the second and the third: with it or without.
        (station("s", FIRST, since=1.5, until=2.5), True),
        (station("s", FIRST, SECOND, since=1.5, until=2.5), True),
        (station("s", FIRST, since=2.5, until=2.9), False),
        (station("s", since=1.5, until=1.9), False),
        (station("s", SECOND, since=3.5), False),
        # By the numbers of events, whatever the clock says.
        (station("s", FIRST, seqnums=(11, 11), since=9.0), True),
        (station("s", FIRST, SECOND, seqnums=(11, 11)), False),
        (station("s", FIRST, SECOND, seqnums=(11, 12)), True),
        # Nobody knows when: at any moment will do, but one there must be.
        (station("s", FIRST, SECOND), True),
        (station("s", SECOND), False),
    ],
)
def test_a_stage_agrees_with_some_moment_at_which_it_may_have_been_recorded(found, agrees):
    assert (apart(BEFORE, found) == []) is agrees


def test_both_sides_are_told():
    (one,) = apart(BEFORE, station("added", SECOND, since=1.5, until=1.9))
    assert one.name == "added"
    assert one.missing == {("function", FIRST, "")}
    assert one.extra == {("function", SECOND, "")}


def test_stages_out_of_order_are_each_judged_by_their_time():
    late, early = station("a", FIRST, since=3.5), station("b", since=0.1, until=0.9)
    assert apart(BEFORE, late, early) == []


def test_what_the_first_tree_has_already_is_not_brought_again():
    assert apart(station("before", FIRST, since=1.0), station("after", FIRST, since=3.5)) == []
    assert apart(station("before", FIRST, seqnums=(11, 11)), station("after", FIRST, seqnums=(13, 13))) == []


@pytest.mark.parametrize(
    "first",
    [
        station("before"),
        station("before", seqnums=(4, 5)),
        Station("before", look(complete=False), 0.0, None, frozenset()),
    ],
    ids=["nobody knows when", "events are missing", "the bus was not listed"],
)
def test_a_stream_that_does_not_tell_all_says_nothing(first):
    assert apart(first, station("after", "0000:00:09.0", since=3.5)) == []


def test_two_boots_in_a_stream_say_nothing():
    stream = [*STREAM, sign(0.5, "add", FIRST, 2)]
    assert apart(BEFORE, station("after", SECOND, since=3.5), stream=stream) == []


def test_one_stage_has_nothing_to_differ_from():
    assert apart(BEFORE) == []


def test_a_node_of_a_class_that_the_tree_does_not_list_is_not_missed():
    devpath = f"{path(FIRST)}/ptp/ptp0"
    add = Sign(1.5, 1.5, Uevent("add", devpath, "ptp", 12, None, 1, {"DEVNAME": "ptp0"}))
    stream = [STREAM[0], add]
    seen = FunctionFact(FIRST, path(FIRST), nodes=(NodeFact("ptp", "ptp0", "/dev/ptp0", devpath),))
    whole = Look("start", (seen,), {})
    assert compare([BEFORE, Station("s", whole, 2.0, None, frozenset())], stream, udev_only=False) == []
    bare = look(FIRST)
    (one,) = compare([BEFORE, Station("s", bare, 2.0, None, frozenset())], stream, udev_only=False)
    assert one.missing == {("node", FIRST, f"{devpath} ptp0")}
    assert compare([BEFORE, Station("s", bare, 2.0, None, frozenset(["ptp"]))], stream, udev_only=False) == []
