"""Subscriptions to uevents: who is believed, what an overflow looks like, and the real thing."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotplugctl.source.reach import reach
from hotplugctl.source.udev_monitor import BUFFER, KERNEL, UDEV, Monitor, sensible_buffer
from tests.machine import SOMEBODY, Channel, datagram

# A device that every Linux has and nobody misses an event of: its ``uevent`` file makes the kernel send one.
NULL = Path("/sys/class/mem/null/uevent")
EVENT = datagram("add", "/devices/x", "block", 7)


@pytest.fixture(params=[1, 2], ids=["kernel", "udev"])
def group(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def channel(group: int) -> Iterator[Channel]:
    made = Channel(group)
    yield made
    made.close()


@pytest.fixture
def monitor(channel: Channel, group: int) -> Monitor:
    return Monitor(channel, group)


def test_nothing_is_there(monitor: Monitor) -> None:
    assert monitor.read(10) == ([], False, True)


def test_each_datagram_as_it_came(monitor: Monitor, channel: Channel, group: int) -> None:
    for number in range(3):
        channel.put(EVENT + bytes([number]))
    batch = monitor.read(10)
    assert [event.data for event in batch.events] == [EVENT + bytes([number]) for number in range(3)]
    assert {event.group for event in batch.events} == {group}
    times = [event.heard for event in batch.events]
    assert times == sorted(times)
    assert batch.drained and not batch.overflow


def test_no_more_than_asked_for(monitor: Monitor, channel: Channel) -> None:
    for _ in range(3):
        channel.put(EVENT)
    first = monitor.read(2)
    assert (len(first.events), first.drained) == (2, False)
    assert len(monitor.read(2).events) == 1


def test_an_overflow_is_told_and_what_is_left_is_read(monitor: Monitor, channel: Channel) -> None:
    channel.put(errno.ENOBUFS)
    channel.put(EVENT)
    batch = monitor.read(10)
    assert batch.overflow and batch.drained
    assert len(batch.events) == 1
    assert not monitor.read(10).overflow


def test_another_error_is_no_loss(monitor: Monitor, channel: Channel) -> None:
    channel.put(errno.EBADF)
    with pytest.raises(OSError) as caught:
        monitor.read(10)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize("group", [1], indirect=True)
def test_only_the_kernel_speaks_for_the_kernel(monitor: Monitor, channel: Channel) -> None:
    for sender in ((4711, 1), (4711, 0), (1, 1), b"", None):
        channel.put(EVENT, sender=sender) if sender is not None else channel.put(EVENT)
    assert len(monitor.read(10).events) == 1
    assert monitor.ignored == 4


@pytest.mark.parametrize("group", [2], indirect=True)
def test_only_root_speaks_for_udev(monitor: Monitor, channel: Channel) -> None:
    channel.put(EVENT, credentials=SOMEBODY)
    channel.put(EVENT, credentials=b"")
    channel.put(EVENT)
    assert len(monitor.read(10).events) == 1
    assert monitor.ignored == 2


def test_forgeries_do_not_keep_it(monitor: Monitor, channel: Channel) -> None:
    for _ in range(20):
        channel.put(EVENT, sender=(4711, 1), credentials=SOMEBODY)
    assert not monitor.read(5).drained
    assert monitor.ignored <= 5


def test_the_kernel_counts_what_it_dropped(monitor: Monitor, channel: Channel) -> None:
    channel.drops = 42
    assert monitor.dropped() == 42


@pytest.mark.parametrize(
    "memory, size", [(None, BUFFER), (64 << 30, BUFFER), (512 << 20, 128 << 20), (32 << 20, 16 << 20)]
)
def test_a_small_machine_gets_a_small_buffer(memory: int, size: int) -> None:
    assert sensible_buffer(memory) == size


# The kernel's own events.


def needs_uevents() -> None:
    """What these tests need is in every kernel; a container may keep it from its processes."""
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15).close()
    except OSError as error:
        pytest.skip(f"this kernel has no NETLINK_KOBJECT_UEVENT: {error}")
    if not os.access(NULL, os.W_OK):
        pytest.skip(f"{NULL} cannot be written to: only root has the kernel send an event")
    if reach().kernel is False:
        pytest.skip("the kernel tells no uevents to this namespace")


def heard(monitor: Monitor, count: int) -> list[bytes]:
    """Wait for events of the null device."""
    found: list[bytes] = []
    poller = select.poll()
    poller.register(monitor.fileno(), select.POLLIN)
    while len(found) < count and poller.poll(10_000):
        found += [event.data for event in monitor.read(64).events if b"/mem/null" in event.data]
    return found


def test_the_kernel_is_heard() -> None:
    needs_uevents()
    with Monitor.open(KERNEL) as monitor:
        NULL.write_text("change")
        (event,) = heard(monitor, 1)
    assert event.startswith(b"change@/devices/virtual/mem/null\0")


def test_root_gets_the_buffer_that_it_asks_for() -> None:
    needs_uevents()
    with Monitor.open(KERNEL, 3 << 20) as monitor:
        assert monitor.buffer >= 2 * (3 << 20)


def test_a_real_overflow_is_told_and_recovered_from() -> None:
    needs_uevents()
    with Monitor.open(KERNEL, 1) as monitor:
        for _ in range(1000):
            NULL.write_text("change")
        batch = monitor.read(10_000)
        assert batch.overflow
        assert monitor.dropped() in (None, *range(1, 1001))
        while not monitor.read(10_000).drained:
            pass
        NULL.write_text("change")
        assert len(heard(monitor, 1)) == 1
        assert not monitor.read(10).overflow


def test_udev_can_be_subscribed_to_where_it_is_not() -> None:
    with Monitor.open(UDEV) as monitor:
        assert monitor.read(1).events == []
        assert monitor.group == 2


def test_closed_twice() -> None:
    monitor = Monitor.open(UDEV)
    monitor.close()
    monitor.close()
