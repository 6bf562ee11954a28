"""Paths inside a root: links are followed here, not by the kernel, so that nothing outside is ever reached.

``Rooted`` answers the calls of ``Tree`` out of four primitives (mode, target, content, entries), which the tree on
disk and the tree in a tar supply. A *spot* is a canonical path: no links, no ``.`` or ``..``, and ``""`` for the root.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Sequence
from types import TracebackType
from typing import Optional, Union

from hotplugctl.model.listing import Listing, Names
from hotplugctl.model.reads import (
    Absent,
    Denied,
    Failed,
    Failure,
    NotRegular,
    Read,
    TooLarge,
    Unrecorded,
    Value,
    Vanished,
)
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.tree import LINKS_LIMIT, LOG_LIMIT, MODES, NAMES_LIMIT, READ_LIMIT, Directory, kind_name

_MISSING = (errno.ENOENT, errno.ENOTDIR)


class Lost(Exception):
    """The way to a path ends at ``spot`` with ``errno``."""

    def __init__(self, spot: str, number: int) -> None:
        super().__init__(spot, number)
        self.spot = spot
        self.errno = number


class Rooted:
    """A tree under a root. ``gaps`` is None for a live machine, which is asked afresh and lacks what it lacks."""

    def __init__(self, kind: str, label: str, gaps: Optional[Gaps]) -> None:
        self.kind = kind
        self.label = label
        self.gaps = gaps
        self.folders: set[str] = {""}  # spots known to be directories
        self._listed: dict[str, tuple[str, ...]] = {}
        self.strict_modes = strict_modes(kind, gaps)
        # The kernel takes ".." of the root for the root; in a tree that others made it is an attempt to get out.
        self.clamps = gaps is None

    @property
    def whole(self) -> bool:
        """See ``Tree.whole``."""
        return self.gaps is None or not self.gaps.partial

    @property
    def scrubbed(self) -> bool:
        """Whether names and numbers in it are pseudonyms: a recording whose manifest says so."""
        said = None if self.gaps is None else self.gaps.manifest
        return said is not None and any(said.scrubbed.values())

    # The primitives: ``folder`` is a spot. They raise OSError.

    def mode_at(self, folder: str, name: str) -> int:
        """st_mode of an entry, links not followed."""
        raise NotImplementedError

    def target_at(self, folder: str, name: str) -> str:
        """The text of a link."""
        raise NotImplementedError

    def content_at(self, folder: str, name: str, limit: int) -> bytes:
        """At most ``limit`` + 1 bytes of a regular file."""
        raise NotImplementedError

    def entries_at(self, spot: str, limit: int) -> list[str]:
        """At most ``limit`` + 1 names of a directory."""
        raise NotImplementedError

    # The primitives, and what a recording says of things that it does not hold.

    def mode(self, folder: str, name: str) -> int:
        """``mode_at``, or the kind that the recording has noted. Raises OSError."""
        try:
            return self.mode_at(folder, name)
        except OSError as error:
            kind = self.gaps.kind(folder, name) if self.gaps is not None and error.errno in _MISSING else None
            if kind is None:
                raise
            return MODES[kind]

    def target(self, folder: str, name: str) -> str:
        """``target_at``, or the target that the recording has noted. Raises OSError."""
        try:
            return self.target_at(folder, name)
        except OSError as error:
            if self.gaps is None or error.errno not in _MISSING:
                raise
            target = self.gaps.link(folder, name)
            if target is not None:
                return target
            if self.gaps.kind(folder, name) in (None, "link"):
                raise
            raise OSError(errno.EINVAL, "not a link") from None

    # The calls of Tree.

    def read(self, path: str, limit: int = READ_LIMIT) -> Read:
        """See ``Tree.read``."""
        try:
            spot = self.walk(path, True)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        return self.read_spot(spot, path, limit)

    def read_spot(self, spot: str, path: str, limit: int) -> Read:
        """Read the file at a spot for ``path``."""
        if self.gaps is not None and spot in self.gaps.failed:
            return replayed(self.gaps.failed[spot], path, limit)
        folder, _, name = spot.rpartition("/")
        found = False
        try:
            mode = self.mode(folder, name) if name else stat.S_IFDIR
            found = True
            if not stat.S_ISREG(mode):
                return NotRegular(path, kind_name(mode))
            if self.strict_modes and not mode & 0o444:
                # Write-only on the machine that was recorded: not readable there, not even by root.
                return Denied(path, errno.EACCES)
            data = self.content_at(folder, name, limit)
        except OSError as error:
            if error.errno == errno.EFBIG:
                return TooLarge(path, limit)
            return self.failure(path, spot, error.errno or errno.EIO, found)
        return Value(path, data) if len(data) <= limit else TooLarge(path, limit)

    def names(self, path: str) -> Listing:
        """See ``Tree.names``."""
        try:
            spot = self.walk(path, True)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        return self.names_spot(spot, path)

    def names_spot(self, spot: str, path: str) -> Listing:
        """List the directory at a spot for ``path``."""
        gaps = self.gaps
        try:
            if gaps is not None and gaps.manifest is not None:
                return self._noted_names(gaps, spot, path)
            found = self.entries_at(spot, NAMES_LIMIT)
        except OSError as error:
            folder, _, name = spot.rpartition("/")
            if error.errno == errno.ENOTDIR or (gaps is not None and gaps.kind(folder, name) == "file"):
                return Failed(path, errno.ENOTDIR)
            return self.failure(path, spot, error.errno or errno.EIO)
        if gaps is not None and spot in gaps.unlisted:
            found = list(gaps.unlisted[spot].union(found))
        if len(found) > NAMES_LIMIT:
            return TooLarge(path, NAMES_LIMIT)
        found.sort()
        names = tuple(found)
        if gaps is None:
            self._listed[spot] = names
        return Names(path, names)

    def _noted_names(self, gaps: Gaps, spot: str, path: str) -> Listing:
        noted = gaps.names(spot)
        if noted is not None:
            return Names(path, noted)
        kind = self.kind_spot(spot, path)
        if not isinstance(kind, str):
            return kind
        if kind != "dir":
            return Failed(path, errno.ENOTDIR)
        if spot in gaps.failed:
            return replayed(gaps.failed[spot], path, NAMES_LIMIT)
        # The recording has the directory because of a file below it, and nobody asked for its names.
        return Unrecorded(path)

    def link(self, path: str) -> Read:
        """See ``Tree.link``."""
        folder, _, name = path.rpartition("/")
        if folder in self.folders and name not in ("", ".", ".."):
            return self.link_spot(path, path)
        try:
            spot = self.walk(path, False)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        return self.link_spot(spot, path)

    def link_spot(self, spot: str, path: str) -> Read:
        """The text of the link at a spot, for ``path``."""
        folder, _, name = spot.rpartition("/")
        if not name:
            return Failed(path, errno.EINVAL)
        try:
            target = self.target(folder, name)
        except OSError as error:
            return self.failure(path, spot, error.errno or errno.EIO)
        return Value(path, target.encode("utf-8", "surrogateescape"))

    def resolve(self, path: str) -> Union[str, Failure]:
        """See ``Tree.resolve``."""
        try:
            spot = self.walk(path, True)
            if spot not in self.folders:
                folder, _, name = spot.rpartition("/")
                self.mode(folder, name)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        except OSError as error:
            return self.failure(path, spot, error.errno or errno.EIO)
        return spot or "/"

    def kind_of(self, path: str) -> Union[str, Failure]:
        """See ``Tree.kind_of``."""
        try:
            spot = self.walk(path, False)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        return self.kind_spot(spot, path)

    def kind_spot(self, spot: str, path: str) -> Union[str, Failure]:
        """The kind of what is at a spot, for ``path``."""
        folder, _, name = spot.rpartition("/")
        if not name:
            return "dir"
        try:
            return kind_name(self.mode(folder, name))
        except OSError as error:
            return self.failure(path, spot, error.errno or errno.EIO)

    def directory(self, path: str) -> Union[Directory, Failure]:
        """See ``Tree.directory``."""
        try:
            spot = self.walk(path, True)
        except Lost as lost:
            return self.failure(path, lost.spot, lost.errno)
        kind = self.kind_spot(spot, path)
        if kind == "dir":
            return Folder(self, path, spot)
        return Failed(path, errno.ENOTDIR) if isinstance(kind, str) else kind

    def read_risky(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:  # noqa: ARG002
        """See ``Tree.read_risky``: nothing in a recording can hang."""
        return {path: self.read(path) for path in paths}

    def behind(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:  # noqa: ARG002
        """See ``Tree.behind``: by what the manifest has noted."""
        said = {} if self.gaps is None or self.gaps.manifest is None else self.gaps.manifest.behind
        return {path: Value(path, said[path].encode()) if path in said else Unrecorded(path) for path in paths}

    def kernel_log(self, limit: int = LOG_LIMIT) -> Read:
        """See ``Tree.kernel_log``."""
        if self.gaps is not None and "/dev/kmsg" in self.gaps.failed:
            return self.gaps.failed["/dev/kmsg"]
        read = self.read("/cmd/kmsg", limit)
        return self.read("/cmd/dmesg", limit) if isinstance(read, (Absent, Unrecorded)) else read

    def close(self) -> None:
        """See ``Tree.close``."""

    # The way.

    def walk(self, path: str, follow: bool) -> str:
        """The spot that ``path`` leads to; the last component may be missing there. Raises Lost."""
        here = ""
        pending = path.split("/")
        pending.reverse()
        hops = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                here = self._up(here)
                continue
            spot = here + "/" + part
            if spot in self.folders:
                here = spot
                continue
            last = not any(pending)
            if last and not follow:
                return spot
            kind = self._step(here, part, spot, last)
            if kind is None:
                here = spot
                continue
            hops += 1
            if hops > LINKS_LIMIT:
                raise Lost(spot, errno.ELOOP)
            if kind.startswith("/"):
                here = ""
            pending.extend(reversed(kind.split("/")))
        return here

    def _up(self, here: str) -> str:
        if not here and not self.clamps:
            raise Lost("", errno.ELOOP)
        return here.rpartition("/")[0]

    def _step(self, here: str, part: str, spot: str, last: bool) -> Optional[str]:
        """The target if ``part`` is a link, else None. Raises Lost where the way ends."""
        try:
            mode = self.mode(here, part)
            if stat.S_ISLNK(mode):
                return self.target(here, part)
        except OSError as error:
            number = error.errno or errno.EIO
            if last and number == errno.ENOENT:
                return None
            raise Lost(spot, number) from None
        if stat.S_ISDIR(mode):
            self.folders.add(spot)
        elif not last:
            raise Lost(spot, errno.ENOTDIR)
        return None

    # What a failure means.

    def failure(self, path: str, spot: str, number: int, found: bool = False) -> Failure:
        """The outcome for ``path`` whose way ended at ``spot``; ``found``: it was there a moment ago."""
        gaps = self.gaps
        if number not in _MISSING:
            return from_errno(path, number)
        if gaps is None:
            folder, _, name = spot.rpartition("/")
            gone = found or (number == errno.ENOENT and name in self._listed.get(folder, ()))
            return Vanished(path) if gone else Absent(path)
        if number == errno.ENOTDIR:
            return Absent(path)
        if spot in gaps.failed:
            return replayed(gaps.failed[spot], path, READ_LIMIT)
        return Absent(path) if gaps.is_absent(spot, self.populated) else Unrecorded(path)

    def populated(self, spot: str) -> bool:
        """Whether a directory holds anything."""
        try:
            return bool(self.entries_at(spot, 0))
        except OSError:
            return False


def strict_modes(kind: str, gaps: Optional[Gaps]) -> bool:
    """Whether permission bits stand for what could be read: in a recording that has no manifest to say it."""
    return kind == "recording" and gaps is not None and gaps.manifest is None


def replayed(failure: Failure, path: str, limit: int) -> Failure:
    """The recorded failure, under the path and the limit that were asked for."""
    if isinstance(failure, TooLarge):
        return TooLarge(path, min(limit, failure.limit))
    return failure._replace(path=path)


class Folder:
    """The ``Directory`` of any ``Rooted``."""

    __slots__ = ("_spot", "_tree", "path", "real")

    def __init__(self, tree: Rooted, path: str, spot: str) -> None:
        self.path = path
        self.real = spot or "/"
        self._tree = tree
        self._spot = spot

    def read(self, name: str, limit: int = READ_LIMIT) -> Read:
        """See ``Directory.read``."""
        return self._tree.read(self.path + "/" + name, limit)

    def link(self, name: str) -> Read:
        """See ``Directory.link``."""
        return self._tree.link(self.path + "/" + name)

    def names(self) -> Listing:
        """See ``Directory.names``."""
        return self._tree.names_spot(self._spot, self.path)

    def close(self) -> None:
        """See ``Directory.close``."""

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
