"""Who makes the files in /dev: udevd and devtmpfs."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Read, Value
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Udev
from hotplugctl.source.tree import Tree

_CONTROL = "/run/udev/control"
_DATA = "/run/udev/data"
_SOCKETS = "/proc/net/unix"
_OLD_SOCKET = "@/org/kernel/udev/"
# udev before 182 (2012) kept its files in /dev, and the kernel starts this program for every uevent.
_OLD_DATA = "/dev/.udev"
_HELPER = "/proc/sys/kernel/hotplug"


def mounts(tree: Tree) -> Read:
    """/proc/mounts, or /proc/self/mounts where that is all there is (proc_pid_mounts(5))."""
    read = tree.read("/proc/mounts")
    return read if isinstance(read, Value) else tree.read("/proc/self/mounts")


def collect(tree: Tree, mounted: Read) -> Udev:
    """``mounted``: what ``mounts`` gave; a devtmpfs shows in it.

    udevd listens on /run/udev/control (systemd-udevd.service(8)). The socket outlives a daemon that died:
    /proc/net/unix lists who really listens (proc_net(5)).
    """
    running, udev_evidence = _udevd(tree)
    devtmpfs, mount_evidence = _devtmpfs(mounted)
    return Udev(running, devtmpfs, udev_evidence + mount_evidence)


def _udevd(tree: Tree) -> tuple[Optional[bool], tuple[Evidence, ...]]:
    control = tree.kind_of(_CONTROL)
    listening = _listening(tree)
    if listening is not None:
        return listening[0], (Evidence(_SOCKETS, listening[1]),)
    if isinstance(control, str):
        return True, (Evidence(_CONTROL, control),)
    data = tree.names(_DATA)
    if isinstance(data, Names) and data.names:
        # A socket does not survive in most recordings; what udevd wrote does.
        return True, (Evidence(_DATA, f"{len(data.names)} entries"),)
    if tree.kind_of(_OLD_DATA) == "dir":
        return True, (Evidence(_OLD_DATA, "exists"),)
    if not isinstance(control, Absent):
        return None, ()
    helper = tree.read(_HELPER)
    if isinstance(helper, Value) and helper.text.strip():
        # Busybox's mdev and the like make nodes too, and nothing tells what this one does.
        return None, (Evidence(_HELPER, helper.text.strip()),)
    return False, (Evidence(_CONTROL, "absent"),)


def _listening(tree: Tree) -> Optional[tuple[bool, str]]:
    """Is udevd's socket open? None where nothing tells: another network namespace lists the sockets of its own only."""
    read = tree.read(_SOCKETS)
    if not isinstance(read, Value):
        return None
    paths = [line.rpartition(" ")[2] for line in read.text.splitlines()[1:]]
    own = next((path for path in paths if path == _CONTROL or path.startswith(_OLD_SOCKET)), None)
    if own is not None:
        return True, own
    here = any(path.startswith(("/run/", "@/run/", "@/org/freedesktop/systemd1/")) for path in paths)
    if here and (isinstance(tree.kind_of(_CONTROL), str) or isinstance(tree.kind_of(_DATA), str)):
        return False, f"no {_CONTROL}"
    return None


def _devtmpfs(mounted: Read) -> tuple[Optional[bool], tuple[Evidence, ...]]:
    if not isinstance(mounted, Value):
        return None, ()
    on_dev = None
    for line in mounted.text.splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[1] == "/dev":
            on_dev = fields[2]
    value = "nothing is mounted on /dev" if on_dev is None else f"{on_dev} on /dev"
    return on_dev == "devtmpfs", (Evidence(mounted.path, value),)
