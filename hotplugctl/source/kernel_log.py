"""The kernel log of the live machine, from ``/dev/kmsg``: the one device node that is ever opened."""

from __future__ import annotations

import errno
import os
import stat

from hotplugctl.model.reads import NotRegular, Read, TooLarge, Value
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.tree import kind_name

KMSG = "/dev/kmsg"
KMSG_DEVICE = os.makedev(1, 11)
_RECORD = 1 << 14


def read_kmsg(limit: int, path: str = KMSG, device: int = KMSG_DEVICE) -> Read:
    """Every record that the kernel still has, as it is written there; ``Documentation/ABI/testing/dev-kmsg``.

    Reading takes nothing away and never waits. Opened only if it is character device 1:11. Denied where
    ``kernel.dmesg_restrict`` says so.
    """
    try:
        state = os.lstat(path)
        if not stat.S_ISCHR(state.st_mode) or state.st_rdev != device:
            return NotRegular(path, kind_name(state.st_mode))
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return from_errno(path, error.errno or errno.EIO)
    try:
        records = _records(handle, limit)
    except OSError as error:
        return from_errno(path, error.errno or errno.EIO)
    finally:
        os.close(handle)
    return Value(path, records) if len(records) <= limit else TooLarge(path, limit)


def _records(handle: int, limit: int) -> bytes:
    records: list[bytes] = []
    size = 0
    while size <= limit:
        try:
            record = os.read(handle, _RECORD)
        except BlockingIOError:
            break
        except BrokenPipeError:
            # The record was overwritten meanwhile; the next read goes on with the oldest that is there.
            continue
        if not record:
            break
        records.append(record)
        size += len(record)
    return b"".join(records)
