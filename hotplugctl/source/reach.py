"""Do uevents reach this process? It depends on the namespaces that it lives in; namespaces(7), netlink(7)."""

from __future__ import annotations

import fcntl
import os
from typing import NamedTuple, Optional

# The number of the first user namespace (PROC_USER_INIT_INO, include/linux/proc_ns.h), the same on every kernel.
INITIAL_USER = 0xEFFFFFFD
# _IO(0xb7, 1), linux/nsfs.h: the user namespace that owns another namespace (ioctl_ns(2), since Linux 4.9).
_OWNER = 0xB701
_USER = "/proc/self/ns/user"
_NETWORK = "/proc/self/ns/net"


class Reach(NamedTuple):
    """``kernel``: the kernel's events arrive here (None: unknown); ``why``, where they do not, or may not."""

    kernel: Optional[bool]
    why: Optional[str]


def reach(user: str = _USER, network: str = _NETWORK) -> Reach:
    """Since Linux 4.18 the kernel tells every network namespace that the first user namespace owns, and no other
    (``uevent_net_init``, lib/kobject_uevent.c).
    """
    try:
        if os.stat(user).st_ino == INITIAL_USER and _owner(network) in (INITIAL_USER, None):
            return Reach(True, None)
        owner = _owner(network)
    except OSError as error:
        return Reach(None, f"{error.filename or network}: {(error.strerror or str(error)).lower()}")
    if owner is None:
        # It belongs to a namespace above ours: the first one, unless containers are nested.
        return Reach(None, f"{network} belongs to a user namespace outside")
    if owner == INITIAL_USER:
        return Reach(True, None)
    return Reach(False, f"{network} belongs to user:[{owner}], and the kernel tells the first user namespace only")


def _owner(path: str) -> Optional[int]:
    """The number of the user namespace that owns a namespace; None where we may not know it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        owner = fcntl.ioctl(handle, _OWNER)
    except OSError:
        return None
    finally:
        os.close(handle)
    try:
        return os.fstat(owner).st_ino
    finally:
        os.close(owner)
