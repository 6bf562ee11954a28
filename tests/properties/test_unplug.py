"""Whatever is stacked on a disk: the answer comes, and nothing is ended before what lies on it."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.devices import Node
from hotplugctl.model.users import Block, Going, Interface, Mount, Network, Processes, Users
from hotplugctl.rules import unplug
from hotplugctl.rules.unplug.network import nets

NO_NETWORK = Network({}, (), (), (), {})
COUNT = 8


def ask(blocks, mounts, network=NO_NETWORK, nodes=()):
    disk = Node("block", "vdb", "/dev/vdb", (), "/sys/devices/x/block/vdb", {}, {})
    goes = Going("slot", (), (disk, *nodes), (), {}, {}, None)
    found = Users(
        {one.name: one for one in blocks}, tuple(mounts), (), (), network, {}, {}, None, frozenset(), frozenset(), {}
    )
    at_stake = unplug.stake(goes, found)
    wanted = unplug.interest(goes, found, at_stake)
    return unplug.answer(unplug.Evidence(goes, found, (), {}, None), at_stake, wanted, Processes((), (), ()))


def block(at, holders):
    name = "vdb" if at == 0 else f"dm-{at}"
    dm = None if at == 0 else (f"d{at}", "")
    return Block(
        name,
        f"/sys/{name}",
        f"253:{at}",
        None,
        tuple(f"dm-{one}" for one in holders),
        (),
        dm,
        None,
        None,
        True,
        None,
        None,
        None,
    )


def mount(id, parent, number, point):
    return Mount(id, parent, number, "/", point, (), "ext4", "none", "rw")


PAIRS = st.sets(st.tuples(st.integers(0, COUNT), st.integers(1, COUNT)))
NAMES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8).map(lambda text: "/" + text.replace("/", "_"))


@given(PAIRS)
def test_holders_come_before_what_they_hold(pairs):
    upward = {(low, high) for low, high in pairs if low < high}
    blocks = [block(at, [high for low, high in sorted(upward) if low == at]) for at in range(COUNT + 1)]
    told = [one.subject for one in ask(blocks, ()).blockers]
    assert len(told) == len(set(told))
    for low, high in upward:
        if low and f"d{low}" in told:
            assert told.index(f"d{high}") < told.index(f"d{low}")


@given(PAIRS)
def test_holders_in_any_circle_are_told_once(pairs):
    blocks = [block(at, [high for low, high in sorted(pairs) if low == at]) for at in range(COUNT + 1)]
    reached, pending = set(), [0]
    while pending:
        here = pending.pop()
        pending += [high for low, high in pairs if low == here and high not in reached]
        reached.update(high for low, high in pairs if low == here)
    assert sorted(one.subject for one in ask(blocks, ()).blockers) == sorted(f"d{at}" for at in reached)


@given(st.lists(st.tuples(st.integers(0, COUNT), st.booleans(), NAMES), min_size=1, max_size=COUNT))
def test_mounts_come_after_those_on_top_of_them(rows):
    """Parents that are nowhere, later ones, or itself, end nothing; there is no order in a circle."""
    mounts = [
        mount(at + 10, parent + 10 if parent != at else at + 10, "253:0" if lost else "0:99", f"{name}{at}")
        for at, (parent, lost, name) in enumerate(rows)
    ]
    answer = ask([block(0, [])], mounts)
    told = [one.subject for one in answer.blockers]
    assert len(told) == len(set(told))
    assert {one.point for one in mounts if one.number == "253:0"} <= set(told)
    forward = all(parent <= at for at, (parent, _, _) in enumerate(rows))
    for at, (parent, _, _) in enumerate(rows):
        if forward and parent < at and mounts[parent].point in told and mounts[at].number == "253:0":
            assert told.index(mounts[at].point) < told.index(mounts[parent].point)
    for one in answer.blockers:
        if one.remedy is not None:
            assert shlex.split(one.remedy) == ["umount", one.subject]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=12))
def test_interfaces_in_any_tangle_end(rows):
    interfaces = {}
    for at in range(6):
        uppers = tuple(f"i{high}" for low, high, is_master in rows if low == at and not is_master)
        master = next((f"i{high}" for low, high, is_master in rows if low == at and is_master), None)
        path = f"/sys/devices/{'pci' if at < 2 else 'virtual'}/net/i{at}"
        interfaces[f"i{at}"] = Interface(f"i{at}", path, at, master, uppers, ("i0",), "vlan", True, True, None)
    network = Network(interfaces, (), (), (), {})
    card = Node("net", "i0", None, (), "/sys/devices/pci/net/i0", {}, {})
    answer = ask([block(0, [])], (), network, (card,))
    lost = nets(Going("slot", (), (card,), (), {}, {}, None), network).lost
    assert {one.subject for one in answer.blockers if one.kind == "vlan"} == set(lost) - {"i0"}
