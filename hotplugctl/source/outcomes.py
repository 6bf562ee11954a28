"""From errno to outcome: the one place that decides what an error of the kernel means."""

from __future__ import annotations

import errno

from hotplugctl.model.reads import Absent, Denied, Failed, Failure, Outside, Vanished


def from_errno(path: str, number: int) -> Failure:
    """The outcome for an errno, as open(2), read(2) and readlink(2) set it.

    sysfs answers ENODEV when the device went away between open and read (``fs/kernfs/file.c``), drivers ENXIO.
    """
    if number in (errno.ENOENT, errno.ENOTDIR):
        return Absent(path)
    if number in (errno.EACCES, errno.EPERM):
        return Denied(path, number)
    if number in (errno.ENODEV, errno.ENXIO):
        return Vanished(path)
    if number == errno.ELOOP:
        return Outside(path)
    return Failed(path, number)
