"""What a recording heard, line by line: ``events/`` of a directory or tar, or a single file of such lines."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Optional

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value, reason
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.rooted import Rooted

EVENTS = "netlink-uevent.jsonl"
LOG = "kmsg.jsonl"
LOOKS = "looks.jsonl"
NAMES = (EVENTS, LOG, LOOKS)
LINE_LIMIT = 1 << 20
"""Bytes of a line at most: a datagram is below 64 KiB; a look at ten thousand functions takes more, and is cut."""
_LOOK_LIMIT = 64 << 20
_MEMBER_LIMIT = 96 << 20
_DEEP = 4
_HINT = "name a recording with events/, or a file of its lines"


class Stream(NamedTuple):
    """``files``: name → its lines; a single file of mixed lines has the name "". ``label`` is what to call it."""

    label: str
    files: dict[str, Iterator[bytes]]


def open_stream(path: str, stdin: Optional[BinaryIO] = None) -> Stream:
    """Find the recorded events. ``-`` is a tar on ``stdin``. Raises UnusableRoot where there are none to read."""
    if path == "-":
        if stdin is None:
            raise UnusableRoot("no recording on standard input", _HINT)
        return _of_tar(stdin, "standard input")
    if not path or "\0" in path:
        raise UnusableRoot("--replay names nothing", _HINT)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return _of_directory(path)
        if not stat.S_ISREG(mode):
            raise UnusableRoot(f"{path}: neither a directory nor a file", _HINT)
        file = open(path, "rb")  # noqa: SIM115 - read to its end by who takes the lines
        if file.peek(1)[:1] in (b"{", b"", b"\n"):
            return Stream(path, {"": _lines(file, LINE_LIMIT)})
        return _of_tar(file, path)
    except OSError as error:
        raise UnusableRoot(f"{path}: {(error.strerror or 'cannot be read').lower()}", _HINT) from error


def _lines(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Lines with their ends. What is longer than ``limit`` comes as one line that is cut, and fits no grammar."""
    with file:
        while True:
            line = file.readline(limit)
            if not line:
                return
            if len(line) >= limit and not line.endswith(b"\n"):
                _skip_line(file, limit)
                line = line[:64] + b"\n"
            yield line


def _skip_line(file: BinaryIO, limit: int) -> None:
    while True:
        rest = file.readline(limit)
        if not rest or rest.endswith(b"\n"):
            return


def _limit(name: str) -> int:
    return _LOOK_LIMIT if name == LOOKS else LINE_LIMIT


def _of_directory(path: str) -> Stream:
    folder = path
    for _ in range(_DEEP):
        names = os.listdir(folder)
        if any(name in names for name in NAMES):
            found = {name: _open(os.path.join(folder, name)) for name in NAMES if name in names}
            return Stream(path, {name: _lines(file, _limit(name)) for name, file in found.items()})
        if "events" in names:
            folder = os.path.join(folder, "events")
        elif len(names) == 1:
            folder = os.path.join(folder, names[0])
        else:
            break
    raise UnusableRoot(f"{path}: no events/ with {EVENTS}, {LOG} or {LOOKS} in it", _HINT)


def _open(path: str) -> BinaryIO:
    """A regular file and nothing else: a FIFO would never end, a device may act when it is opened."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnusableRoot(f"{path}: not a regular file", _HINT)
    return open(handle, "rb")


def _of_tar(file: BinaryIO, label: str) -> Stream:
    from hotplugctl.source.archive import ArchiveTree, load

    return of_tree(ArchiveTree(load(file, label), "recording", label, Gaps()), label)


def of_tree(tree: Rooted, label: str) -> Stream:
    """The recorded events in a tree that is open. Raises UnusableRoot where there are none to read."""
    folder = _events_folder(tree)
    files = {}
    for name in NAMES if folder is not None else ():
        if tree.kind_of(f"{folder}/{name}") == "file":
            read = tree.read(f"{folder}/{name}", _MEMBER_LIMIT)
            if not isinstance(read, Value):
                raise UnusableRoot(f"{label}: {reason(read)}", _HINT)
            files[name] = _lines(io.BytesIO(read.data), _limit(name))
    if not files:
        raise UnusableRoot(f"{label}: no events/ with {EVENTS}, {LOG} or {LOOKS} in it", _HINT)
    return Stream(label, files)


def _events_folder(tree: Rooted) -> Optional[str]:
    folder = ""
    for _ in range(_DEEP):
        listing = tree.names(folder or "/")
        names = listing.names if isinstance(listing, Names) else ()
        if any(name in names for name in NAMES):
            return folder
        if "events" in names:
            folder = f"{folder}/events"
        elif len(names) == 1:
            folder = f"{folder}/{names[0]}"
        else:
            return None
    return None
