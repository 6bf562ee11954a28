"""Any signs in any order have an answer, functions come before they go, and a fresh look has the last word."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.live import reducer
from hotplugctl.live.compare import differences
from hotplugctl.model.live import EVENTS, STAGES, End, FunctionFact, Look, NodeFact, Sign, Tick
from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.uevent import Uevent
from hotplugctl.parse import kernel_events

BRIDGE = "/devices/pci0000:00/0000:00:02.0"
PATHS = {
    BRIDGE: "pci",
    f"{BRIDGE}/0000:01:00.0": "pci",
    f"{BRIDGE}/0000:01:00.0/virtio1": "virtio",
    f"{BRIDGE}/0000:01:00.0/virtio1/block/vdb": "block",
    f"{BRIDGE}/0000:01:00.0/virtio1/block/vdb/vdb1": "block",
    f"{BRIDGE}/0000:01:00.0/virtio1/net/eth0": "net",
    f"{BRIDGE}/0000:01:00.0/virtio1/net/ens1": "net",
    "/devices/pci0000:00/0000:00:03.0": "pci",
    "/devices/pci0000:00/0000:00:03.0/host2": "scsi",
    "/devices/pci0000:00/0000:00:03.0/host2/scsi_host/host2": "scsi_host",
    "/devices/virtual/block/loop0": "block",
}
LINES = (
    "pci 0000:01:00.0: [1af4:1041] type 00 class 0x020000",
    "pci 0000:00:03.0: [1000:0012] type 00 class 0x010000",
    "pci 0000:01:00.0: BAR 4 [mem size 0x4000 64bit pref]: failed to assign",
    "pci 0000:01:00.0: BAR 4 [mem 0xfea00000-0xfea03fff 64bit pref]: assigned",
    "virtio-pci 0000:01:00.0: enabling device (0000 -> 0002)",
    "virtio_net virtio1: probe with driver virtio_net failed with error -2",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press",
    "pcieport 0000:00:02.0: pciehp: Slot(1): Button cancel",
    "pcieport 0000:00:02.0: pciehp: Slot(1): No link",
    "Freeing unused kernel image (initmem) memory: 2048K",
    "PCI host bridge to bus 0000:00",
    "\x1b[31m\0 nonsense: : [",
)
MORE = st.fixed_dictionaries(
    {},
    optional={
        "PCI_CLASS": st.sampled_from(["10000", "20000", "60400", "zz", ""]),
        "PCI_ID": st.sampled_from(["1AF4:1001", "8086:100E", ":"]),
        "DRIVER": st.sampled_from(["virtio-pci", "e1000"]),
        "SYNTH_UUID": st.just("0"),
        "DEVPATH_OLD": st.sampled_from(sorted(PATHS)),
        "DEVNAME": st.sampled_from(["vdb", "/dev/vdb", "x y\x1b"]),
    },
)
NUMBERS = st.one_of(st.none(), st.integers(1, 40))


@st.composite
def uevents(draw):
    path = draw(st.sampled_from(sorted(PATHS)))
    action = draw(st.sampled_from(["add", "remove", "bind", "unbind", "move", "change", "x"]))
    group = draw(st.sampled_from([1, 1, 2, None]))
    return Uevent(action, path, PATHS[path], draw(NUMBERS), None, group, draw(MORE))


@st.composite
def lines(draw):
    text = draw(st.sampled_from(LINES))
    head, message = Head.split(text)
    return LogLine(0.0, None, None, None, None, head.prefix, head.address, message, kernel_events.event_of(text))


@st.composite
def facts(draw):
    path = draw(st.sampled_from([path for path, subsystem in PATHS.items() if subsystem == "pci"]))
    below = [
        NodeFact(subsystem, one.rpartition("/")[2], None, one)
        for one, subsystem in PATHS.items()
        if subsystem in ("block", "net", "scsi_host") and one.startswith(path + "/") and draw(st.booleans())
        if not (path == BRIDGE and "0000:01:00.0" in one)
    ]
    driver = draw(st.sampled_from([None, "virtio-pci", "e1000"]))
    return FunctionFact(path.rpartition("/")[2], path, "010000", "1af4:1001", driver, None, tuple(below))


@st.composite
def looks(draw, kinds=("start", "resync", "scan", "facts")):
    found = {fact.address: fact for fact in draw(st.lists(facts(), max_size=3))}
    numbers = draw(st.one_of(st.none(), st.tuples(st.integers(0, 20), st.integers(0, 40))))
    lost = draw(st.sampled_from([None, "ENOBUFS"]))
    kind = draw(st.sampled_from(kinds))
    return Look(kind, tuple(found.values()), {}, draw(st.sampled_from([None, True, False])), lost, True, numbers)


TIMES = st.one_of(st.floats(0, 200), st.floats(0, 1e15))


@st.composite
def streams(draw, kinds=("start", "resync", "scan", "facts")):
    what = st.one_of(uevents(), uevents(), uevents(), lines(), looks(kinds), st.just(Tick()), st.just(End()))
    signs = []
    for one in draw(st.lists(what, max_size=30)):
        heard = draw(TIMES)
        signs.append(Sign(heard, min(heard, draw(TIMES)), one))
    return signs


def play(state, signs):
    out = []
    for sign in signs:
        state, told = reducer.feed(state, sign)
        out += told
    return out


@given(streams(), st.booleans(), st.booleans())
def test_every_stream_has_an_answer(signs, by_log, udev_only):
    state = reducer.start(None, by_log=by_log, udev_only=udev_only)
    out = play(state, signs)
    out += reducer.finish(state, 2e15)[1]
    for one in out:
        assert one.event in EVENTS
        assert one.stage is None or one.stage in STAGES
        assert one.since_first_ms is None or one.since_first_ms >= 0
        assert one.event not in ("device-stalled", "lost", "resync") or one.reason
    assert reducer.next_deadline(state) is None or not any(
        journey.deadline is not None for journey in state.functions.values()
    )


@given(streams(kinds=("resync", "scan", "facts")), looks(kinds=("start",)))
def test_functions_come_before_they_go(signs, first):
    """Of a guest that was looked at: each life of an address is added once, then removed once; ready only between."""
    there = {fact.address for fact in first.functions}
    for one in play(reducer.start(first), signs):
        if one.event == "function-added":
            # One that the first look saw in the middle of its insertion is told as the insertion that it is.
            assert one.address not in there or first.seqnums is not None
            there.add(one.address)
        elif one.event == "function-removed":
            assert one.address in there
            there.remove(one.address)
        elif one.address is not None and one.event != "device-stalled":
            assert one.address in there


@given(streams(kinds=("resync", "scan", "facts")), looks(kinds=("start",)))
def test_nodes_come_before_they_go(signs, first):
    names = Counter((fact.address, node.name) for fact in first.functions for node in fact.nodes)
    state = reducer.start(first._replace(seqnums=None))
    for one in play(
        state, [sign for sign in signs if not (isinstance(sign.what, Uevent) and sign.what.action == "move")]
    ):
        if one.event == "node-added":
            names[one.address, one.name] += 1
        elif one.event == "node-removed":
            names[one.address, one.name] -= 1
    there = Counter(
        (journey.address, node.name) for journey in state.functions.values() if journey.told
        for node in journey.nodes.values()
    )  # fmt: skip
    assert +names == there and min(names.values(), default=0) >= 0


@given(streams(), looks(kinds=("resync", "scan")))
def test_a_fresh_look_has_the_last_word(signs, last):
    """Whatever was heard before: the state is then what the look found, and a second look finds no difference."""
    state = reducer.start(None)
    play(state, signs)
    reducer.feed(state, Sign(1e15, 1e15, last))
    assert not differences(state, last)
    _, again = reducer.step(state, Sign(1e15, 1e15, last._replace(lost=None)))
    assert again == []


@given(streams())
def test_the_same_signs_tell_the_same(signs):
    assert play(reducer.start(None), signs) == play(reducer.start(None), signs)


@given(streams(), TIMES)
def test_who_is_wanted_is_overdue_and_nobody_else(signs, now):
    state = reducer.start(None)
    play(state, signs)
    queued = {address for _, address in state.queue}
    assert set(reducer.wanting(state, now)) == {
        one.address
        for one in state.functions.values()
        if one.address in queued and one.deadline is not None and one.deadline <= now
    }


class Counted(list):
    """A list that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, place):
        self.looks += 1
        return super().__getitem__(place)


def test_of_a_long_queue_only_what_is_due_is_looked_at():
    """A hundred thousand devices were ten thousand million looks once."""
    state = reducer.start(None)
    for number in range(2000):
        path = f"/devices/pci0000:{number >> 5:02x}/0000:{number >> 5:02x}:{number & 31:02x}.0"
        state, _ = reducer.step(
            state, Sign(number / 100, number / 100, Uevent("add", path, "pci", number, None, 1, {}))
        )
    state.queue = Counted(state.queue)
    assert len(reducer.wanting(state, 10.05)) == 6
    assert state.queue.looks < 100
