"""Uevents of the live machine: netlink monitors of the kernel and of udev, opened by pyudev.

What pyudev opens is read here, datagram by datagram: a ``pyudev.Device`` for each would cost several times what is
needed, and its ``poll()`` never recovers from an overflow (it leaves SO_ERROR unread). netlink(7), udev(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple, Optional

from hotplugctl.model.live import RawEvent
from hotplugctl.model.uevent import KERNEL_GROUP, UDEV_GROUP
from hotplugctl.source.clock import monotonic

if TYPE_CHECKING:
    from types import TracebackType

BUFFER = 256 << 20
"""Bytes of receive buffer that are asked for: 200,000 events of some 1 KiB each, as the kernel accounts them."""
_SHARE = 4
_SMALLEST = 16 << 20

KERNEL = "kernel"
UDEV = "udev"
GROUPS = {KERNEL: KERNEL_GROUP, UDEV: UDEV_GROUP}
"""The multicast group of each source, as libudev's monitor calls them."""

# The kernel's messages are below 4 KiB, those of udev rarely above 8 KiB.
_LARGEST = 1 << 16
_CREDENTIALS = struct.Struct("iII")
_CONTROL = socket.CMSG_SPACE(_CREDENTIALS.size)
_ROOT = 0
_FROM_KERNEL = 0
# SO_MEMINFO (asm-generic/socket.h, since Linux 4.12) and SK_MEMINFO_DROPS (linux/sock_diag.h).
_MEMINFO = 55
_DROPS = 8
_MEMINFO_SIZE = 4 * 16


class Batch(NamedTuple):
    """What one reading gave. ``overflow``: messages were lost before (ENOBUFS); ``drained``: nothing is left."""

    events: list[RawEvent]
    overflow: bool
    drained: bool


class Monitor:
    """One subscription. Nothing is filtered, so that the SEQNUM of the kernel's events has no gaps of our making."""

    def __init__(self, channel: socket.socket, group: int, keep: object = None) -> None:
        """``channel`` is bound and never blocks; ``keep`` is what must live as long (pyudev's monitor)."""
        self.group = group
        self.ignored = 0
        self._channel = channel
        self._keep = keep

    @classmethod
    def open(cls, source: str, size: int = BUFFER) -> Monitor:
        """Subscribe to ``kernel`` or ``udev``. Raises OSError, and ImportError where pyudev or libudev is missing."""
        import pyudev

        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source)
        try:
            monitor.set_receive_buffer_size(size)
        except OSError:
            # Older libraries only force it, which needs CAP_NET_ADMIN; net.core.rmem_max bounds this one (socket(7)).
            with _borrowed(monitor.fileno()) as channel:
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        monitor.start()
        return cls(socket.socket(fileno=os.dup(monitor.fileno())), GROUPS[source], monitor)

    def fileno(self) -> int:
        """To be waited on with poll(2)."""
        return self._channel.fileno()

    @property
    def buffer(self) -> int:
        """Bytes of receive buffer that the kernel granted, as it accounts them: twice what was asked for."""
        return self._channel.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def dropped(self) -> Optional[int]:
        """Messages that the kernel could not deliver since the beginning; None where it does not say."""
        try:
            said = self._channel.getsockopt(socket.SOL_SOCKET, _MEMINFO, _MEMINFO_SIZE)
        except OSError:
            return None
        start = 4 * _DROPS
        return int(struct.unpack_from("I", said, start)[0]) if len(said) >= start + 4 else None

    def read(self, limit: int) -> Batch:
        """At most ``limit`` messages, without waiting. Raises OSError for what is neither "none left" nor a loss."""
        found: list[RawEvent] = []
        overflow = False
        receive, group = self._channel.recvmsg, self.group
        while len(found) < limit:
            try:
                data, control, _, sender = receive(_LARGEST, _CONTROL, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return Batch(found, overflow, True)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Told once, and before what is still in the buffer (netlink_overrun(), net/netlink/af_netlink.c).
                overflow = True
                continue
            if _trusted(group, sender, control):
                found.append(RawEvent(monotonic(), group, data))
            else:
                self.ignored += 1
                # Whoever floods us with forgeries does not keep us here.
                limit -= 1
        return Batch(found, overflow, False)

    def close(self) -> None:
        """End the subscription. Twice is no error."""
        self._channel.close()
        self._keep = None

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def sensible_buffer(memory: Optional[int]) -> int:
    """Bytes to ask for on a machine of that much memory: a full buffer cannot be swapped out, nor killed."""
    return BUFFER if memory is None else max(_SMALLEST, min(BUFFER, memory // _SHARE))


def _trusted(group: int, sender: object, control: list[tuple[int, int, bytes]]) -> bool:
    """Only the kernel has port 0; udevd is root, and its credentials are written by the kernel (unix(7))."""
    if group == GROUPS[KERNEL]:
        return isinstance(sender, tuple) and sender[0] == _FROM_KERNEL
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(data) >= _CREDENTIALS.size:
            return bool(_CREDENTIALS.unpack_from(data)[1] == _ROOT)
    return False


def _borrowed(handle: int) -> socket.socket:
    return socket.socket(fileno=os.dup(handle))
