"""The tree in a tar: read once from front to end into memory, never unpacked to disk.

Limits: ``unpack.PROCESSED_LIMIT``, ``tar.MEMBERS_LIMIT``, ``tar.HEADER_LIMIT``, ``tar.CONTENT_LIMIT``, and
``KEPT_LIMIT`` for all that stays in memory. A name with ``..`` is passed over; a name that begins with ``/`` is taken
without it; of two members of one name the last counts.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO, NamedTuple, Optional, Union

from hotplugctl.errors import UnusableRoot
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tar import MEMBERS_LIMIT, Member, read_members
from hotplugctl.source.unpack import Unpacked

KEPT_LIMIT = 96 << 20
"""Bytes of content, names and links that stay in memory at most."""

NAME_LIMIT = 4096
"""A member with a longer name is passed over: PATH_MAX."""

PARTS_LIMIT = 64
"""A member with more components in its name is passed over: no path below /sys or /proc has a third of these."""

REFUSED_LIMIT = 1000
"""Members that are noted as refused at most."""

OUTSIDE = "its name leads out of the root: it is passed over"
TOO_LONG = "its name is too long or too deep: it is passed over"
ABSOLUTE = "its name is absolute: it is taken without its first slash"
TWICE = "its name comes twice: the last one counts"
HARD = "a hard link leads to it, and it is not in the tar"
SPARSE = "it is packed as a sparse file (tar --sparse), whose content is passed over"


class File(NamedTuple):
    """A file or a device. ``data`` is None where ``errno`` says why the content is not there."""

    mode: int
    data: Optional[bytes]
    errno: int = 0


class Folder(dict[str, Union["Folder", File, str]]):
    """A directory: entry to folder, file or, for a link, its target.

    ``refused``: of the folder that is the whole tar, members that are not in it as they were packed (name, why).
    """

    refused: tuple[tuple[str, str], ...] = ()

    def at(self, path: str) -> Folder:
        """The folder at ``path``. Raises FileNotFoundError or NotADirectoryError."""
        here = self
        for part in path.split("/"):
            if part:
                node = here.get(part)
                if node is None:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                if not isinstance(node, Folder):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                here = node
        return here


def load(file: BinaryIO, label: str) -> Folder:
    """Read a tar, packed or not. Raises UnusableRoot where it is none, is cut off or breaks a limit."""
    loader = _Loader(label)
    stream = Unpacked(file, label)
    try:
        for member in read_members(stream):
            loader.add(member)
    finally:
        stream.close()
    loader.tie()
    loader.root.refused = tuple(loader.refused)
    return loader.root


class _Loader:
    def __init__(self, label: str) -> None:
        self.root = Folder()
        self._label = label
        self._room = KEPT_LIMIT
        self._nodes = MEMBERS_LIMIT
        self._last = ("", self.root)
        self._hard: list[tuple[Folder, str, str]] = []
        self.refused: list[tuple[str, str]] = []

    def add(self, member: Member) -> None:
        parts = _parts(member.name)
        if not parts:
            if member.name.strip("./"):
                self._refuse(member.name, OUTSIDE if ".." in member.name.split("/") else TOO_LONG)
            return
        if member.name.startswith("/"):
            self._refuse(member.name, ABSOLUTE)
        self._spend(1, len(member.name) + len(member.link) + len(member.data or b""))
        name = parts.pop()
        parent = self._parent(parts)
        if name in parent and not (stat.S_ISDIR(member.mode) and isinstance(parent[name], Folder)):
            self._refuse(member.name, TWICE)
        if member.sparse:
            self._refuse(member.name, SPARSE)
        if stat.S_ISDIR(member.mode):
            if not isinstance(parent.get(name), Folder):
                parent[name] = Folder()
        elif stat.S_ISLNK(member.mode):
            parent[name] = member.link
        elif member.hard:
            self._hard.append((parent, name, member.link))
            parent[name] = File(stat.S_IFREG | 0o444, None, errno.ELOOP)
        else:
            number = 0 if member.data is not None else errno.EOPNOTSUPP if member.sparse else errno.EFBIG
            parent[name] = File(member.mode, member.data, number)

    def tie(self) -> None:
        """Resolve hard links within the tar; one that leads elsewhere stays Outside."""
        for parent, name, target in self._hard:
            parts = _parts(target)
            try:
                node = self.root.at("/".join(parts[:-1])).get(parts[-1]) if parts else None
            except OSError:
                node = None
            if node is None:
                self._refuse(target, HARD)
            if node is not None and not isinstance(node, Folder) and parent.get(name) is not None:
                parent[name] = node

    def _refuse(self, name: str, why: str) -> None:
        if len(self.refused) < REFUSED_LIMIT:
            self.refused.append((name[:NAME_LIMIT], why))

    def _parent(self, parts: list[str]) -> Folder:
        key = "/".join(parts)
        if key == self._last[0]:
            return self._last[1]
        here = self.root
        for part in parts:
            node = here.get(part)
            if not isinstance(node, Folder):
                self._spend(1, len(part))
                node = here[part] = Folder()
            here = node
        self._last = (key, here)
        return here

    def _spend(self, nodes: int, count: int) -> None:
        self._nodes -= nodes
        self._room -= count
        if self._nodes < 0:
            raise UnusableRoot(f"{self._label}: more than {MEMBERS_LIMIT} members", _UNPACK)
        if self._room < 0:
            raise UnusableRoot(f"{self._label}: more than {KEPT_LIMIT >> 20} MiB of files", _UNPACK)


_UNPACK = "unpack it and name the directory"


def _parts(name: str) -> list[str]:
    """The components of a member's name; none where it is to be passed over."""
    if len(name) > NAME_LIMIT:
        return []
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return [] if ".." in parts or len(parts) > PARTS_LIMIT else parts


class ArchiveTree(Rooted):
    """A ``Tree`` over a loaded tar, or over a folder in it."""

    def __init__(self, root: Folder, kind: str, label: str, gaps: Gaps) -> None:
        super().__init__(kind, label, gaps)
        self._spots: dict[str, Folder] = {"": root}

    def _folder(self, spot: str) -> Folder:
        folder = self._spots.get(spot)
        if folder is None:
            folder = self._spots[""].at(spot)
            self._spots[spot] = folder
        return folder

    def _node(self, folder: str, name: str) -> Union[Folder, File, str]:
        node = self._folder(folder).get(name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return node

    def mode_at(self, folder: str, name: str) -> int:
        """See ``Rooted.mode_at``."""
        node = self._node(folder, name)
        if isinstance(node, File):
            return node.mode
        return stat.S_IFDIR if isinstance(node, Folder) else stat.S_IFLNK

    def target_at(self, folder: str, name: str) -> str:
        """See ``Rooted.target_at``."""
        node = self._node(folder, name)
        if not isinstance(node, str):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return node

    def content_at(self, folder: str, name: str, limit: int) -> bytes:
        """See ``Rooted.content_at``."""
        node = self._node(folder, name)
        if not isinstance(node, File) or node.data is None:
            number = node.errno if isinstance(node, File) else errno.EISDIR
            raise OSError(number, os.strerror(number))
        return node.data[: limit + 1]

    def entries_at(self, spot: str, limit: int) -> list[str]:
        """See ``Rooted.entries_at``."""
        folder = self._folder(spot)
        return list(folder) if len(folder) <= limit + 1 else [name for name, _ in zip(folder, range(limit + 1))]
