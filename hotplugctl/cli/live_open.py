"""What a live command can hear on this machine, and why not more."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hotplugctl.model.reads import FAILURES, Absent, Value, reason
from hotplugctl.source.ears import Ears
from hotplugctl.source.kmsg_follow import Follower, follow
from hotplugctl.source.reach import reach
from hotplugctl.source.tree import Tree
from hotplugctl.source.udev_monitor import KERNEL, UDEV, Monitor, sensible_buffer

_CONTROL = "/run/udev/control"
_SOCKETS = "/proc/net/unix"
_SOCKETS_LIMIT = 16 << 20


class Hearing(NamedTuple):
    """``source``: kernel, udev, both, or scan (sysfs is looked at every second). ``doubtful``: events may not arrive.

    ``reasons``: why it is not both; ``log``: why the kernel log is not followed, None where it is. ``buffer``: bytes
    of the smaller receive buffer. ``udev``: udevd is there, and its events reach us.
    """

    ears: Ears
    source: str
    doubtful: bool
    reasons: tuple[str, ...]
    log: Optional[str]
    buffer: Optional[int]
    udev: bool


def open_ears(tree: Tree, since_boot: bool) -> Hearing:
    """Subscribe to all that can be heard. Nothing that is missing is an error: a look at sysfs remains."""
    reached = reach()
    heard, silent = _udevd(tree)
    reasons: list[str] = []
    kernel = udev = None
    if reached.kernel is not False:
        size = sensible_buffer(_memory(tree))
        kernel = _monitor(KERNEL, size, reasons)
        udev = _monitor(UDEV, size, reasons) if kernel is not None else None
    if reached.why is not None:
        reasons.append(reached.why)
    if not heard:
        reasons.append(silent)
    source = "scan" if kernel is None else "both" if heard and udev is not None else "kernel"
    log = follow(since_boot)
    follower = log if isinstance(log, Follower) else None
    unheard = None if isinstance(log, Follower) else reason(log)
    sizes = [monitor.buffer for monitor in (kernel, udev) if monitor is not None]
    ears = Ears(kernel, udev, follower)
    return Hearing(
        ears, source, reached.kernel is None, tuple(reasons), unheard, min(sizes, default=None), source == "both"
    )


def _monitor(source: str, size: int, reasons: list[str]) -> Optional[Monitor]:
    try:
        return Monitor.open(source, size)
    except ImportError as error:
        reasons.append(f"pyudev: {error}")
    except OSError as error:
        reasons.append(f"the {source} monitor: {(error.strerror or str(error)).lower()}")
    return None


def _udevd(tree: Tree) -> tuple[bool, str]:
    """Do the words of udevd reach us? Its control socket, or systemd's for it, is listed in its network namespace only.

    systemd-udevd.service(8), proc_net(5).
    """
    control = tree.kind_of(_CONTROL)
    sockets = tree.read(_SOCKETS, _SOCKETS_LIMIT)
    if isinstance(sockets, Value):
        paths = {line.rpartition(b" ")[2] for line in sockets.data.splitlines()[1:]}
        if _CONTROL.encode() in paths:
            return True, ""
        if isinstance(control, str):
            return False, f"{_CONTROL}: nobody listens in this network namespace"
    elif isinstance(control, str):
        return True, ""
    why = (
        f"{_CONTROL}: absent"
        if isinstance(control, Absent)
        else reason(control)
        if isinstance(control, FAILURES)
        else ""
    )
    return False, f"no systemd-udevd ({why})"


def _memory(tree: Tree) -> Optional[int]:
    """Bytes of memory (/proc/meminfo, proc_meminfo(5)); None where it does not say."""
    read = tree.read("/proc/meminfo")
    if not isinstance(read, Value):
        return None
    for line in read.text.splitlines():
        words = line.split()
        if words[:1] == ["MemTotal:"] and len(words) > 1 and words[1].isdecimal() and len(words[1]) < 16:
            return int(words[1]) * 1024
    return None
