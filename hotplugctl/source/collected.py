"""``notes.txt`` of a tar that the collector (``data/collect.sh``) made: a manifest, in lines that sh can write.

The first line is ``hotplugctl-notes 1``. Every other one is a word and a canonical path, ``time`` and a time apart::

    ABSENT /path    looked for, and not there
    LISTED /path    a folder whose names are those in the recording and in the other lines
    HUNG 2 /path    a read that had not returned after so many seconds
    LARGE 9 /path   a file of more than so many bytes, not copied
    EINVAL /path    a read that failed, by the name of its errno
    socket /path    what is there, by its kind, and was not read

A line of another form says nothing. What no line and no file tells of was not looked for: unknown, not absent.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.reads import Failure, Hung, TooLarge, Value
from hotplugctl.source.manifest import SIZE_LIMIT, BadManifest, Manifest, can_be_name
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import MODES, NAMES_LIMIT

NOTES = "/notes.txt"

LINES_LIMIT = 400_000
"""More lines are refused: one of ten bytes can take some 400 in memory. A guest with 40 functions has 2,000."""

_HEAD = "hotplugctl-notes "
_VERSION = "1"
_LINE = re.compile(r"([A-Za-z0-9]{1,20})(?: (\d{1,12}))? (/.*)\Z", re.S)
_TIME = re.compile(r"time (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\Z")
_RELEASE = "/proc/sys/kernel/osrelease"


def manifest_of(tree: Rooted) -> Optional[Manifest]:
    """What the collector noted of ``tree``; None where it was not its maker.

    No file has a size or a hash in it, and no link a target: these are what the tree has. Raises BadManifest where the
    notes are of another version.
    """
    read = tree.read(NOTES, SIZE_LIMIT)
    if not isinstance(read, Value):
        return None
    head, *lines = read.data.decode("utf-8", "surrogateescape").split("\n")
    if not head.startswith(_HEAD):
        return None
    if head[len(_HEAD) :] != _VERSION:
        raise BadManifest("of another version than 1", "use a newer hotplugctl")
    if len(lines) > LINES_LIMIT:
        raise BadManifest(f"more than {LINES_LIMIT} lines")
    notes = _Notes(lines)
    release = tree.read(_RELEASE)
    return Manifest(
        tool={"name": "hotplugctl collector"},
        source="live",
        kernel=release.text if isinstance(release, Value) else "",
        time=notes.time,
        scrubbed={},
        files={},
        links={},
        directories={folder: _names(tree, folder, notes) for folder in notes.listed},
        kinds=notes.kinds,
        failed=notes.failed,
        absent=frozenset(notes.absent),
    )


def _names(tree: Rooted, folder: str, notes: _Notes) -> tuple[str, ...]:
    try:
        held = tree.entries_at(folder, NAMES_LIMIT)
    except OSError:
        # Nothing in it was copied, and so it was not either.
        held = []
    return tuple(sorted(notes.named.get(folder, set()).union(held)))


class _Notes:
    def __init__(self, lines: list[str]) -> None:
        self.time = ""
        self.listed: list[str] = []
        self.absent: set[str] = set()
        self.kinds: dict[str, str] = {}
        self.failed: dict[str, Failure] = {}
        self.named: dict[str, set[str]] = {}
        for word, number, path in self._split(lines):
            self._take(word, number, path)

    def _split(self, lines: list[str]) -> Iterator[tuple[str, int, str]]:
        for line in lines:
            found = _LINE.match(line)
            if found is not None and can_be_name(line) and _is_canonical(found[3]):
                yield found[1], int(found[2] or 0), found[3]
            time = _TIME.match(line)
            if time is not None:
                self.time = time[1]

    def _take(self, word: str, number: int, path: str) -> None:
        if word == "ABSENT":
            self.absent.add(path)
        elif word == "LISTED":
            self.listed.append(path)
        elif word in MODES:
            self.kinds[path] = word
            self._there(path)
        else:
            failure = _failure(word, number, path)
            if failure is not None:
                self.failed[path] = failure
                self._there(path)

    def _there(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        self.named.setdefault(folder, set()).add(name)


def _is_canonical(path: str) -> bool:
    return {"", ".", ".."}.isdisjoint(path[1:].split("/"))


def _failure(word: str, number: int, path: str) -> Optional[Failure]:
    if word == "HUNG":
        return Hung(path, number)
    if word == "LARGE":
        return TooLarge(path, number)
    code = getattr(errno, word, None) if word.startswith("E") else None
    if not isinstance(code, int):
        return None
    # It was there a moment before.
    return from_errno(path, errno.ENODEV if code == errno.ENOENT else code)
