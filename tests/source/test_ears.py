"""One story out of three sources: its order, and times that are all different."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model.live import RawEvent, RawLine
from hotplugctl.source.ears import Ears, merged, seqnum, wait
from hotplugctl.source.kmsg_follow import Follower
from hotplugctl.source.udev_monitor import Monitor
from tests.machine import Channel, datagram, udev_datagram


def kernel(number: int, heard: float = 5.0) -> RawEvent:
    return RawEvent(heard, 1, datagram("add", f"/devices/{number}", "block", number))


def udev(number: int, heard: float = 5.0) -> RawEvent:
    return RawEvent(heard, 2, udev_datagram("add", f"/devices/{number}", "block", number))


def numbers(events: list[RawEvent]) -> list[tuple[int, int]]:
    return [(event.group, seqnum(event.data)) for event in events]


def test_the_kernel_speaks_first() -> None:
    events = merged([kernel(1), kernel(2), kernel(3)], [udev(2), udev(1)])
    assert numbers(events) == [(1, 1), (1, 2), (2, 2), (2, 1), (1, 3)]


def test_an_event_without_a_number_waits_for_all() -> None:
    odd = RawEvent(1.0, 2, b"libudev\0nothing")
    assert merged([kernel(1), kernel(9)], [odd])[-1] is odd


@given(st.lists(st.integers(1, 99), unique=True), st.lists(st.integers(1, 99), unique=True))
def test_each_source_keeps_its_order(first: list[int], second: list[int]) -> None:
    mine, theirs = [kernel(number) for number in sorted(first)], [udev(number) for number in second]
    found = merged(mine, theirs)
    assert [event for event in found if event.group == 1] == mine
    assert [event for event in found if event.group == 2] == theirs
    order = numbers(found)
    for number in set(first) & set(second):
        assert order.index((1, number)) < order.index((2, number))


@pytest.mark.parametrize(
    "data, number",
    [
        (b"add@/x\0SEQNUM=12\0", 12),
        (b"add@/x\0NAME=SEQNUM=5\0SEQNUM=12", 12),
        (b"add@/x\0SEQNUM=\0", None),
        (b"add@/x\0SEQNUM=-4\0", None),
        (b"add@/x\0XSEQNUM=4\0", None),
        (b"SEQNUM=4\0", None),
        (b"", None),
        (b"a@/x\0SEQNUM=99999999999999999999999999\0", None),
    ],
)
def test_the_number_of_a_datagram(data: bytes, number: int) -> None:
    found = seqnum(data)
    assert found == number or (number is None and found is not None and found > 10**18)


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel]]:
    pair = Channel(1), Channel(2)
    yield pair
    for channel in pair:
        channel.close()


def test_no_two_things_share_a_time(channels: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still, or jumps back, changes nothing of the order."""
    ticks = iter([7.0, 7.0, 7.0000001, 3.0, 8.25])
    monkeypatch.setattr("hotplugctl.source.udev_monitor.monotonic", lambda: next(ticks))
    ears = Ears(Monitor(channels[0], 1), Monitor(channels[1], 2), None)
    for number in range(5):
        channels[0].put(datagram("add", f"/devices/{number}", "block", number))
    times = [item.heard for item in ears.read().items]
    assert times == [7.0, 7.000001, 7.000002, 7.000003, 8.25]
    assert ears.moment(8.0) == 8.250001
    assert ears.moment(9.0) == 9.0


def test_all_three_are_read(channels: tuple[Channel, Channel]) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        ears = Ears(Monitor(channels[0], 1), Monitor(channels[1], 2), Follower(reader))
        channels[1].put(udev_datagram("add", "/devices/a", "block", 1))
        channels[0].put(datagram("add", "/devices/a", "block", 1))
        os.write(writer, b"6,1,2,-;hello\n")
        assert len(ears.filenos()) == 3
        assert wait(ears.filenos(), (), 0) == set(ears.filenos())
        heard = ears.read()
        assert [type(item) for item in heard.items] == [RawLine, RawEvent, RawEvent]
        assert [item.group for item in heard.items[1:]] == [1, 2]
        assert heard.drained and heard.overflow == ()
        ears.close()
        ears.close()
    finally:
        os.close(writer)


def test_each_group_says_where_it_ran_over(channels: tuple[Channel, Channel]) -> None:
    import errno

    ears = Ears(Monitor(channels[0], 1), Monitor(channels[1], 2), None)
    channels[1].put(errno.ENOBUFS)
    assert ears.read().overflow == (2,)
    channels[0].put(errno.ENOBUFS)
    assert ears.read().overflow == (1,)


def test_nothing_to_listen_to() -> None:
    ears = Ears(None, None, None)
    assert ears.filenos() == ()
    assert ears.read() == ([], (), False, True)


def test_a_reader_that_goes_is_seen() -> None:
    reader, writer = os.pipe()
    assert wait((), (), 0, (writer,)) == frozenset()
    os.close(reader)
    assert wait((), (), 0, (writer,)) == {writer}
    os.close(writer)
