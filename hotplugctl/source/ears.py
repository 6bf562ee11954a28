"""All that a running watch listens to, as one story: both groups of uevents, and the kernel log."""

from __future__ import annotations

import select
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional, Union

from hotplugctl.model.live import RawEvent, RawLine
from hotplugctl.source.kmsg_follow import Follower
from hotplugctl.source.udev_monitor import Monitor

Raw = Union[RawEvent, RawLine]

_AT_ONCE = 512
# Two things heard never share a time, and a time survives being written with six digits.
_STEP = 1e-6
_DIGITS = 6
_NUMBER = b"SEQNUM="


class Heard(NamedTuple):
    """What one reading gave, in its order, each with a time of its own.

    ``overflow``: the groups whose buffer ran over, 1 for the kernel's, 2 for udev's. ``overwritten``: lines of the
    kernel log were gone before they were read. ``drained``: nothing is left to be read.
    """

    items: list[Raw]
    overflow: tuple[int, ...]
    overwritten: bool
    drained: bool


class Ears:
    """Owns what it is given: ``close`` closes all. Any of the three may be missing."""

    def __init__(self, kernel: Optional[Monitor], udev: Optional[Monitor], log: Optional[Follower]) -> None:
        self.kernel = kernel
        self.udev = udev
        self.log = log
        self._last = 0.0

    def filenos(self) -> tuple[int, ...]:
        """What to wait on."""
        return tuple(each.fileno() for each in (self.kernel, self.udev, self.log) if each is not None)

    def read(self, limit: int = _AT_ONCE) -> Heard:
        """What is there now, at most ``limit`` of each, without waiting. Raises OSError where a socket broke."""
        # udev first: what the kernel said of the same event is then there to be read, and comes before it.
        later, over_udev, udev_done = _read(self.udev, limit)
        events, over_kernel, kernel_done = _read(self.kernel, limit if not later else 4 * limit)
        if later:
            events = merged(events, later) if events else later
        lines: Sequence[RawLine] = ()
        overwritten, log_done = False, True
        if self.log is not None:
            lines, overwritten, log_done = self.log.read(limit)
        overflow = tuple(monitor.group for monitor, over in ((self.kernel, over_kernel), (self.udev, over_udev))
                         if over and monitor is not None)  # fmt: skip
        return Heard(self._stamped([*lines, *events]), overflow, overwritten, udev_done and kernel_done and log_done)

    def _stamped(self, items: Iterable[Raw]) -> list[Raw]:
        """Their order is that of their times from here on, also when they are read again from a file."""
        last = self._last
        found: list[Raw] = []
        for item in items:
            last = max(round(item.heard, _DIGITS), round(last + _STEP, _DIGITS))
            found.append(RawEvent(last, item[1], item[2]) if isinstance(item, RawEvent) else RawLine(last, item[1]))
        self._last = last
        return found

    def moment(self, now: float) -> float:
        """A time for something that is neither: after all that was heard, before all that will be."""
        self._last = max(round(now, _DIGITS), round(self._last + _STEP, _DIGITS))
        return self._last

    def close(self) -> None:
        """Twice is no error."""
        for each in (self.kernel, self.udev, self.log):
            if each is not None:
                each.close()


def wait(
    filenos: Iterable[int], writable: Iterable[int], seconds: Optional[float], closing: Iterable[int] = ()
) -> frozenset[int]:
    """The handles that something can be read from, or written to; empty after ``seconds`` (None: for ever).

    ``closing``: those of which only the end is of interest (poll(2): POLLERR, POLLHUP).
    """
    poller = select.poll()
    for handle in closing:
        poller.register(handle, 0)
    for handle in filenos:
        poller.register(handle, select.POLLIN)
    for handle in writable:
        poller.register(handle, select.POLLOUT)
    timeout = None if seconds is None else max(0, int(seconds * 1000 + 0.999))
    return frozenset(handle for handle, _ in poller.poll(timeout))


def merged(kernel: Sequence[RawEvent], udev: Sequence[RawEvent]) -> list[RawEvent]:
    """Both groups as one story: the kernel's word before udev's on the same event (SEQNUM), each in its own order.

    ``udev`` must have been read before ``kernel``: then the kernel's word on it is there, or was there earlier.
    """
    found: list[RawEvent] = []
    position, end = 0, len(kernel)
    for event in udev:
        number = seqnum(event.data)
        while position < end and (number is None or (seqnum(kernel[position].data) or 0) <= number):
            found.append(kernel[position])
            position += 1
        found.append(event)
    found.extend(kernel[position:])
    return found


def seqnum(data: bytes) -> Optional[int]:
    """The SEQNUM of a datagram of either group, without reading the rest of it."""
    start = data.rfind(b"\0" + _NUMBER)
    if start < 0:
        return None
    digits = data[start + 1 + len(_NUMBER) : start + 29].partition(b"\0")[0]
    return int(digits) if digits.isdigit() else None


def _read(monitor: Optional[Monitor], limit: int) -> tuple[Sequence[RawEvent], bool, bool]:
    return ((), False, True) if monitor is None else monitor.read(limit)
