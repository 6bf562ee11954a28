"""New lines of the kernel log, from ``/dev/kmsg``; Documentation/ABI/testing/dev-kmsg."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple, Optional, Union

from hotplugctl.model.live import RawLine
from hotplugctl.model.reads import Failure, NotRegular
from hotplugctl.source.clock import monotonic
from hotplugctl.source.kernel_log import KMSG, KMSG_DEVICE
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.tree import kind_name

_RECORD = 1 << 14


class Records(NamedTuple):
    """What one reading gave. ``overwritten``: the kernel had to drop older ones before they were read."""

    items: list[RawLine]
    overwritten: bool
    drained: bool


class Follower:
    """An open ``/dev/kmsg``. Reading takes nothing away from others and never waits."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def fileno(self) -> int:
        """To be waited on with poll(2)."""
        return self._handle

    def read(self, limit: int) -> Records:
        """At most ``limit`` records. A log that can no longer be read is a drained one."""
        items: list[RawLine] = []
        overwritten = False
        while len(items) < limit:
            try:
                data = os.read(self._handle, _RECORD)
            except BlockingIOError:
                return Records(items, overwritten, True)
            except BrokenPipeError:
                overwritten = True
                continue
            except OSError as error:
                if error.errno == errno.EINVAL:
                    # A record larger than any that the kernel writes: it stays where it is.
                    os.lseek(self._handle, 0, os.SEEK_END)
                return Records(items, True, True)
            if not data:
                return Records(items, overwritten, True)
            items.append(RawLine(monotonic(), data.decode("utf-8", "backslashreplace")))
        return Records(items, overwritten, False)

    def close(self) -> None:
        """Twice is no error."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def follow(from_start: bool, path: str = KMSG, device: Optional[int] = KMSG_DEVICE) -> Union[Follower, Failure]:
    """Open the log at its end, or at the oldest record that the kernel still has.

    Denied where ``kernel.dmesg_restrict`` says so. Opened only if it is character device 1:11.
    """
    try:
        state = os.lstat(path)
        if device is not None and (not stat.S_ISCHR(state.st_mode) or state.st_rdev != device):
            return NotRegular(path, kind_name(state.st_mode))
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return from_errno(path, error.errno or errno.EIO)
    try:
        if not from_start:
            os.lseek(handle, 0, os.SEEK_END)
    except OSError as error:
        os.close(handle)
        return from_errno(path, error.errno or errno.EIO)
    return Follower(handle)
