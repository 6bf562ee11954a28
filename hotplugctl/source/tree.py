"""The one door for evidence: a tree of files that looks like the root of a guest.

Live machine, recording (directory or tar) and guest image answer through the same calls. Paths are absolute and
seen from the root of the tree (``/sys/bus/pci/devices``); links are followed inside the root only; nothing but a
regular file is ever opened for reading; every outcome is a type of its own (``hotplugctl.model.reads``).
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from types import TracebackType
from typing import Optional, Protocol, Union

from hotplugctl.model.listing import Listing
from hotplugctl.model.reads import Failure, Read

READ_LIMIT = 1 << 20
"""Bytes that one read returns at most unless told otherwise; a larger file is TooLarge."""

LOG_LIMIT = 64 << 20
"""Bytes of a kernel log at most: its ring buffer is rarely larger than 16 MiB."""

NAMES_LIMIT = 200_000
"""Entries that one listing returns at most; a larger directory is TooLarge."""

LINKS_LIMIT = 40
"""Links followed on the way to one file, as in the kernel (path_resolution(7)); more are a circle: Outside."""

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}

MODES = {kind: mode for mode, kind in _KINDS.items()}
"""The st_mode of each kind, without permission bits."""


def kind_name(mode: int) -> str:
    """``file``, ``dir``, ``link``, ``fifo``, ``socket``, ``char`` or ``block`` for a st_mode; see inode(7)."""
    return _KINDS.get(stat.S_IFMT(mode), "unknown")


class Directory(Protocol):
    """A handle on one directory, for reading many of its files with few system calls. Close it, or use ``with``."""

    path: str
    real: str
    """The canonical path in the tree, after all links; ``path`` is as it was asked for."""

    def read(self, name: str, limit: int = READ_LIMIT) -> Read:
        """The file ``name`` in this directory; links are followed inside the root."""

    def link(self, name: str) -> Read:
        """The text of the symbolic link ``name``, not followed."""

    def names(self) -> Listing:
        """The entries of this directory."""

    def close(self) -> None:
        """Give the handle back. Twice is no error."""

    def __enter__(self) -> Directory: ...

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None: ...


class Tree(Protocol):
    """What ``collect`` knows of the machine, or of the recording or image in its place."""

    kind: str
    label: str

    @property
    def whole(self) -> bool:
        """Whether no device of the machine is left out: a recording that was broken off may hold a part of them."""

    def read(self, path: str, limit: int = READ_LIMIT) -> Read:
        """The bytes of a regular file, at most ``limit``; links are followed inside the root."""

    def names(self, path: str) -> Listing:
        """The sorted entries of a directory, at most ``NAMES_LIMIT``. Of a file: Failed(ENOTDIR)."""

    def link(self, path: str) -> Read:
        """The text of a symbolic link, not followed. Of anything else: Failed(EINVAL), as readlink(2)."""

    def resolve(self, path: str) -> Union[str, Failure]:
        """The canonical path in the tree, after all links."""

    def kind_of(self, path: str) -> Union[str, Failure]:
        """``file``, ``dir``, ``link``, ``fifo``, ``socket``, ``char`` or ``block``; the last link is not followed."""

    def directory(self, path: str) -> Union[Directory, Failure]:
        """A handle on a directory. Of a file: Failed(ENOTDIR)."""

    def read_risky(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """Files whose reading makes the kernel ask a device. Live: in a child, and Hung after ``seconds``."""

    def behind(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """What stat(2) says of what each path leads to: ``KIND MAJ:MIN``, the kind and the device that it is on.

        Of the node of a device its number follows: ``block 0:6 254:16``. A link in /proc/PID/fd leads to the open file
        itself, whatever its text says. Live: in a child, and Hung after ``seconds``. Recorded: what was noted.
        """

    def kernel_log(self, limit: int = LOG_LIMIT) -> Read:
        """The kernel log. Live: the records of /dev/kmsg; in a recording ``cmd/kmsg``, else ``cmd/dmesg``."""

    def close(self) -> None:
        """Give back what the tree holds open. Twice is no error."""
