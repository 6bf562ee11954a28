"""What open files are, whatever they are called: a disk's node under another name, a file on a mount that nobody sees.

A container has /dev/xvda for a disk that is /dev/vdb, anybody may mknod(1), and of a file system that was unmounted
lazily only the files in use are left. What is asked for is the open file itself (/proc/PID/fd/N): no path is walked,
and what a server elsewhere would have to answer for is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.reads import Denied, Hung, Read, Unrecorded, Value, reason
from hotplugctl.model.users import Interest, Seen, Use
from hotplugctl.parse import mountinfo
from hotplugctl.parse import process as grammar
from hotplugctl.source.tree import Tree

SECONDS = 2.0
"""How long an open file may take to say what it is: an inode in memory takes none."""

DELETED = " (deleted)"
RECORD = "record --with-processes, by root of the guest"

_REMOTE = (
    "nfs", "cifs", "smb", "ceph", "9p", "virtiofs", "fuse", "afs", "coda", "ocfs2", "gfs2", "lustre", "orangefs",
    "vboxsf",
)  # fmt: skip
_REMOTE_MARKS = tuple(f" - {kind}".encode() for kind in _REMOTE)
_DEVTMPFS = (b" - devtmpfs ",)
# Devices that no disk is called after, for recordings that have only names: those that every container has
# (runtime-spec of the OCI, config-linux.md), and those of the kernel that programs hold (admin-guide/devices.txt).
_NO_DISK = re.compile(
    r"/dev/(?:null|zero|full|u?random|tty.*|pts/.*|ptmx|console|kmsg|log|fuse|cuse|net/.*|shm/.*|mqueue/.*|hugepages/.*|"
    r"autofs|rfkill|input/.*|dri/.*|snd/.*|vhost-.*|kvm|vfio/.*|.*[-_/]control|cpu_dma_latency|vcs.*|uinput|uhid|hwrng|"
    r"watchdog.*|mem|port|nvram|hpet|rtc.*|vsock|ppp|tpm.*|sg[0-9]+|bsg/.*|nvme[0-9]+|nvme-fabrics|infiniband/.*|bus/.*|"
    r"ipmi.*|usbmon.*|hidraw.*|video.*|media.*|vport.*|virtio-ports/.*|dma_heap/.*|udmabuf|userfaultfd|vga_arbiter|"
    r"snapshot|cachefiles|gpiochip.*|ptp.*|pps.*|fb[0-9]+|zfs|uio[0-9]+|lp[0-9]+|parport.*|xen/.*|mei.*|i2c-.*)\Z"
)


class Around(NamedTuple):
    """Of one mount namespace: below which paths another machine would be asked, and paths of nodes bound there.

    A node of devtmpfs that is mounted elsewhere (as Kubernetes gives a disk to a container) says which it is.
    """

    remote: tuple[str, ...]
    bound: Mapping[str, str]


def around(data: bytes) -> Around:
    """Out of a mountinfo."""
    remote = tuple(
        mount.point.rstrip("/") + "/" for mount in mountinfo.parse(data, _REMOTE_MARKS) if mount.type != "fusectl"
    )
    nodes = mountinfo.parse(data, _DEVTMPFS)
    bound = {mount.point: f"/dev{mount.root}" for mount in nodes if mount.root != "/" and mount.type == "devtmpfs"}
    return Around(remote, bound)


class _Link(NamedTuple):
    """A link, all processes that have one with the same text, and whether its text alone tells enough."""

    path: str
    use: Use
    pids: list[str]
    told: bool


class Opened:
    """Takes in links that tell too little, and asks what is behind them, all in one go."""

    def __init__(self, tree: Tree, interest: Interest) -> None:
        self.unseen: list[Seen] = []
        self._tree = tree
        self._interest = interest
        self._links: dict[tuple[str, ...], _Link] = {}

    def note(self, space: str, here: Around, path: str, use: Use, *, told: bool) -> None:
        """A link at ``path`` in /proc. ``told``: it has the name of a disk that goes, in another mount namespace.

        One of those with the same text in a namespace stands for all, but where something is hidden: then each counts.
        """
        if use.path.startswith(here.remote) if here.remote else False:
            return
        pid = path.split("/", 3)[2]
        key = (space, use.path, path) if self._interest.hidden else (space, use.path)
        known = self._links.get(key)
        if known is None:
            self._links[key] = _Link(path, use, [pid], told)
        else:
            known.pids.append(pid)

    def found(self) -> Iterator[tuple[str, Use]]:
        """Process and use, of those that do use what goes."""
        said = self._tree.behind([link.path for link in self._links.values()], SECONDS)
        # A recording that notes none of this is from before it was asked for.
        noted = any(not isinstance(read, Unrecorded) for read in said.values())
        for link in self._links.values():
            read = said[link.path]
            use = self._use(link, read)
            if use is not None:
                yield from ((pid, use) for pid in link.pids)
            elif isinstance(read, (Denied, Hung)) or (
                isinstance(read, Unrecorded) and not noted and self._may_be_disk(link.use.path)
            ):
                why = f"what process {link.pids[0]} has open as {link.use.path} is not known ({reason(read)})"
                self.unseen.append(Seen("processes", why, None if noted else RECORD))

    def _use(self, link: _Link, read: Read) -> Optional[Use]:
        use = link.use
        if not isinstance(read, Value):
            return use if link.told else None
        behind = grammar.behind(read.text)
        if behind is None:
            return None
        if behind.number is None:
            return use if behind.on in self._interest.numbers else None
        node = self._interest.nodes.get(f"{behind.kind} {behind.number}")
        if node is None:
            return None
        return use if use.path.partition(DELETED)[0] == node else Use(use.how, f"{use.path} ({node})")

    def _may_be_disk(self, text: str) -> bool:
        path = text.partition(DELETED)[0]
        return path.startswith("/dev/") and path not in self._interest.known and _NO_DISK.match(path) is None
