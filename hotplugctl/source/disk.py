"""A tree on disk: the live machine at ``/``, or a directory that looks like one.

Under a directory, each component is opened on its own with O_NOFOLLOW below the one before it, so that a link put
there after the check is not followed either. The live tree is reached by path, so that a device that comes back is
not looked for in the directory of the one that went.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Optional, Union

from hotplugctl.model.reads import Absent, Denied, Failure, NotRegular, Read, TooLarge, Value, Vanished
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.rooted import Folder, Lost, Rooted, replayed
from hotplugctl.source.tree import LOG_LIMIT, READ_LIMIT, Directory, kind_name

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 4097
_HANDLES = 8
_FEWEST = 2
_FULL = (errno.EMFILE, errno.ENFILE)


class DiskTree(Rooted):
    """``root`` is opened once; raises OSError if it cannot be."""

    def __init__(self, root: str, kind: str, label: str, gaps: Optional[Gaps]) -> None:
        super().__init__(kind, label, gaps)
        self.root = root
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._handles: dict[str, int] = {"": self._root}
        self._keep = _HANDLES

    def close(self) -> None:
        """Close every handle but those of directories that were handed out."""
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            os.close(handle)

    def place(self, folder: str, name: str) -> tuple[int, str]:
        """Where to find an entry: the handle of a directory, and a name relative to it."""
        if self.gaps is None:
            return self._root, f"{folder}/{name}"[1:]
        handle = self._handles.get(folder)
        return (self._reach(folder) if handle is None else handle), name

    def shed(self) -> bool:
        """Close the handles that only save time, from now on keep one; False where that was done before."""
        if self._keep == _FEWEST:
            return False
        self._keep = _FEWEST
        for spot in [spot for spot in self._handles if spot]:
            os.close(self._handles.pop(spot))
        return True

    def _reach(self, folder: str) -> int:
        try:
            return self._descend(folder)
        except OSError as error:
            if error.errno not in _FULL or not self.shed():
                raise
        return self._descend(folder)

    def _descend(self, folder: str) -> int:
        handles = self._handles
        known = folder
        while known not in handles:
            known = known.rpartition("/")[0]
        handle = handles[known]
        for part in folder[len(known) + 1 :].split("/"):
            handle = os.open(part, _PASS_FOLDER, dir_fd=handle)
            known = known + "/" + part
            if len(handles) >= self._keep:
                oldest = next(spot for spot in handles if spot)
                os.close(handles.pop(oldest))
            handles[known] = handle
        return handle

    def mode_at(self, folder: str, name: str) -> int:
        """See ``Rooted.mode_at``."""
        try:
            handle, where = self.place(folder, name)
            return os.lstat(where, dir_fd=handle).st_mode
        except ValueError:
            raise _no_such_name() from None

    def target_at(self, folder: str, name: str) -> str:
        """See ``Rooted.target_at``."""
        try:
            handle, where = self.place(folder, name)
            return os.readlink(where, dir_fd=handle)
        except ValueError:
            raise _no_such_name() from None

    def content_at(self, folder: str, name: str, limit: int) -> bytes:
        """See ``Rooted.content_at``."""
        return drain(self._open(folder, name, _OPEN_FILE), -1, limit)

    def open_folder(self, spot: str, flags: int) -> int:
        """Open a directory. Raises OSError."""
        folder, _, name = spot.rpartition("/")
        return self._open(folder, name or ".", flags)

    def _open(self, folder: str, name: str, flags: int) -> int:
        try:
            handle, where = self.place(folder, name)
            return os.open(where, flags, dir_fd=handle)
        except ValueError:
            raise _no_such_name() from None
        except OSError as error:
            if error.errno not in _FULL or not self.shed():
                raise
        return self._open(folder, name, flags)

    def entries_at(self, spot: str, limit: int) -> list[str]:
        """See ``Rooted.entries_at``."""
        handle = self.open_folder(spot, _OPEN_FOLDER)
        try:
            return entries(handle, limit)
        except OSError as error:
            # scandir(3) of a handle takes another one.
            if error.errno not in _FULL or not self.shed():
                raise
        finally:
            os.close(handle)
        return self.entries_at(spot, limit)

    def directory(self, path: str) -> Union[Directory, Failure]:
        """See ``Tree.directory``."""
        spot = ""
        try:
            spot = self._quick(path)
            handle = -1 if spot else self._straight(path)
            if handle >= 0:
                return DiskDirectory(self, path, path, handle)
            spot = spot or self.walk(path, True)
            handle = self.open_folder(spot, _PASS_FOLDER)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        except OSError:
            # A file, a directory that only the manifest knows, or none: the long way tells.
            return super().directory(path)
        return DiskDirectory(self, path, spot, handle)

    def _straight(self, path: str) -> int:
        """A handle on a directory that no link leads to, opened part by part; -1 where a walk must tell."""
        if self.gaps is None or path[:1] != "/" or path[-1:] == "/" or "/." in path or "//" in path:
            return -1
        try:
            return self.open_folder(path, _PASS_FOLDER)
        except OSError:
            return -1

    def _quick(self, path: str) -> str:
        """The spot of an entry of a known directory, or of a link into one (/sys/bus/pci/devices/…); else ``""``."""
        folder, _, name = path.rpartition("/")
        if folder not in self.folders:
            return ""
        try:
            handle, where = self.place(folder, name)
            target = os.readlink(where, dir_fd=handle)
        except OSError as error:
            # What is there and no link is its own spot.
            return path if error.errno == errno.EINVAL and name not in ("", ".", "..") else ""
        except ValueError:
            return ""
        while target.startswith("../") and folder:
            target = target[3:]
            folder = folder.rpartition("/")[0]
        between, _, last = target.rpartition("/")
        above = f"{folder}/{between}" if between else folder
        return f"{above}/{last}" if above in self.folders and last not in ("", ".", "..") else ""

    def read_risky(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.read_risky``."""
        if self.gaps is not None:
            return super().read_risky(paths, seconds)
        from hotplugctl.source.risky import read_in_child

        # The child has none of our handles, so it opens the root anew.
        return read_in_child(lambda path: DiskTree(self.root, self.kind, self.label, None).read(path), paths, seconds)

    def behind(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.behind``."""
        if self.gaps is not None:
            return super().behind(paths, seconds)
        from hotplugctl.source.risky import read_in_child

        root = self.root.rstrip("/")
        return read_in_child(lambda path: _behind(root, path), paths, seconds)

    def kernel_log(self, limit: int = LOG_LIMIT) -> Read:
        """See ``Tree.kernel_log``."""
        if self.gaps is not None:
            return super().kernel_log(limit)
        from hotplugctl.source.kernel_log import read_kmsg

        return read_kmsg(limit)


def _behind(root: str, path: str) -> Read:
    try:
        state = os.stat(root + path)
    except OSError as error:
        return from_errno(path, error.errno or errno.EIO)
    except ValueError:
        return Absent(path)
    words = [kind_name(state.st_mode), _number(state.st_dev)]
    if stat.S_ISBLK(state.st_mode) or stat.S_ISCHR(state.st_mode):
        words.append(_number(state.st_rdev))
    return Value(path, " ".join(words).encode())


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


class DiskDirectory(Folder):
    """An open directory: one look and one open for each file in it, and no walk."""

    __slots__ = ("_gaps", "_handle", "_seen", "_strict")
    _tree: DiskTree

    def __init__(self, tree: DiskTree, path: str, spot: str, handle: int) -> None:
        super().__init__(tree, path, spot)
        self._handle = handle
        self._gaps = tree.gaps
        self._strict = tree.strict_modes
        self._seen = False

    def read(self, name: str, limit: int = READ_LIMIT) -> Read:
        """See ``Directory.read``."""
        path = self.path + "/" + name
        if self._gaps is not None and self._gaps.failed:
            spot = self._spot + "/" + name
            if spot in self._gaps.failed:
                return replayed(self._gaps.failed[spot], path, limit)
        found = False
        try:
            if "/" in name:
                return self._tree.read(path, limit)
            state = os.lstat(name, dir_fd=self._handle)
            mode = state.st_mode
            found = self._seen = True
            if not stat.S_ISREG(mode):
                if stat.S_ISLNK(mode) or name in ("", ".", ".."):
                    return self._tree.read(path, limit)
                return NotRegular(path, kind_name(mode))
            if self._strict and not mode & 0o444:
                return Denied(path, errno.EACCES)
            data = drain(os.open(name, _OPEN_FILE, dir_fd=self._handle), state.st_size, limit)
        except OSError as error:
            if error.errno in _FULL and self._tree.shed():
                return self.read(name, limit)
            return self._failure(path, name, error.errno or errno.EIO, found, limit)
        except ValueError:
            return Absent(path)
        return Value(path, data) if len(data) <= limit else TooLarge(path, limit)

    def link(self, name: str) -> Read:
        """See ``Directory.link``."""
        path = self.path + "/" + name
        if "/" in name:
            return self._tree.link(path)
        try:
            return Value(path, os.fsencode(os.readlink(name, dir_fd=self._handle)))
        except OSError as error:
            if self._gaps is not None:
                return Absent(path) if self._is_absent(name, error.errno) else self._tree.link(path)
            return self._lost(path, name, error.errno or errno.EIO, False)
        except ValueError:
            return Absent(path)

    def _failure(self, path: str, name: str, number: int, found: bool, limit: int) -> Read:
        if self._gaps is not None and number in (errno.ENOENT, errno.ENOTDIR):
            return Absent(path) if self._is_absent(name, number) else self._tree.read(path, limit)
        return self._lost(path, name, number, found)

    def _is_absent(self, name: str, number: Optional[int]) -> bool:
        """The short way to what ``Rooted.failure`` finds: something else is here, so this was looked for."""
        gaps = self._gaps
        if number != errno.ENOENT or gaps is None or gaps.manifest is not None or gaps.failed or not self._seen:
            return False
        return gaps.is_absent(self._spot + "/" + name, lambda _: True)

    def _lost(self, path: str, name: str, number: int, found: bool) -> Failure:
        failure = self._tree.failure(path, self._spot + "/" + name, number, found)
        return Vanished(path) if isinstance(failure, Absent) and self._gone() else failure

    def _gone(self) -> bool:
        """Whether this directory itself went away; every file in it is then missing, and absent is not the word."""
        folder, _, name = self._spot.rpartition("/")
        try:
            self._tree.mode_at(folder, name or ".")
        except OSError:
            return True
        return False

    def close(self) -> None:
        """See ``Directory.close``."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _no_such_name() -> FileNotFoundError:
    # A NUL, or a character that the file system's encoding lacks: no file can have that name.
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def drain(handle: int, size: int, limit: int) -> bytes:
    """Read a file to its end, at most ``limit`` + 1 bytes, and close it.

    ``size`` is its st_size, which saves the read that finds the end (-1: not known). /proc gives less than was asked
    for before the end, and /sys files claim a page: only the size, or nothing more to read, is the end.
    """
    try:
        data = os.read(handle, min(_CHUNK, limit + 1))
        if len(data) == size or not data or len(data) > limit:
            return data
        chunks = [data]
        room = limit + 1 - len(data)
        while room:
            data = os.read(handle, min(1 << 16, room))
            if not data:
                break
            chunks.append(data)
            room -= len(data)
        return b"".join(chunks)
    finally:
        os.close(handle)


def entries(handle: int, limit: int) -> list[str]:
    """At most ``limit`` + 1 names of an open directory."""
    found: list[str] = []
    with os.scandir(handle) as scan:
        for entry in scan:
            found.append(entry.name)
            if len(found) > limit:
                break
    return found
