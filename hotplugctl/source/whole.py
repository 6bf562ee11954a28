"""Everything that lies in a recording or a story, as it is: what nobody reads too. For those who pass it on.

Limits: those of a tar (``tar.MEMBERS_LIMIT``, ``archive.KEPT_LIMIT``, ``tar.CONTENT_LIMIT``), for a directory too.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Callable, NamedTuple, Optional, TypeVar

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.holdings import Holdings
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Denied, Failure, TooLarge, reason
from hotplugctl.source.archive import KEPT_LIMIT, ArchiveTree, load
from hotplugctl.source.collected import NOTES
from hotplugctl.source.disk import DiskTree
from hotplugctl.source.door import furnished
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.outcomes import from_errno
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.recording import is_spot
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.stages import STAGES_LIMIT
from hotplugctl.source.story import find_root, find_stages, holds_root
from hotplugctl.source.tar import CONTENT_LIMIT, MEMBERS_LIMIT
from hotplugctl.source.tree import NAMES_LIMIT, kind_name

_BESIDE = ("cmd", "events")
_EXPECTED = "expected.json"
_FOLDERS_DEEP = 3
_DEEP = 64
_HINT = "name a recording or a story"
Entry = TypeVar("Entry")


class Part(NamedTuple):
    """One recording. ``top``: its folder in the story, ``""`` where there is no other."""

    top: str
    tree: Rooted


class Whole(NamedTuple):
    """``tree`` as it lies there, ``base`` the folder in it that holds all; ``parts`` as commands read them."""

    tree: Rooted
    base: str
    parts: tuple[Part, ...]


@contextmanager
def opened(path: str, stdin: Optional[BinaryIO]) -> Iterator[Whole]:
    """Open a recording or a story, ``-`` for a tar on ``stdin``. Raises UnusableRoot."""
    try:
        tree, at = _tree(path, stdin)
    except OSError as error:
        raise UnusableRoot(f"{path}: {(error.strerror or 'cannot be read').lower()}", _HINT) from error
    parts: list[Part] = []
    try:
        base, stages = _layout(tree)
        for stage in stages:
            label = f"{tree.label} ({stage})" if stage else tree.label
            parts.append(Part(f"/{stage}" if stage else "", furnished(at(f"{base}/{stage}"), label, "/")))
        yield Whole(tree, base, tuple(parts))
    finally:
        for part in parts:
            part.tree.close()
        tree.close()


def _tree(path: str, stdin: Optional[BinaryIO]) -> tuple[Rooted, Callable[[str], Rooted]]:
    """All that is there as it is, and what makes a tree of a folder in it."""
    if path == "-":
        if stdin is None or stdin.closed or stdin.isatty():
            raise UnusableRoot("no tar on standard input", _HINT)
        return _of_tar(stdin, "standard input")
    if not path or "\0" in path:
        raise UnusableRoot("--scrub names nothing", _HINT)
    state = os.stat(path)
    if os.path.samestat(state, os.stat("/")):
        raise UnusableRoot(f"{path}: this machine is no recording", "leave --scrub out: what is recorded is scrubbed")
    if stat.S_ISDIR(state.st_mode):
        return _disk(path, path), lambda folder: _disk(path + folder, path)
    if not stat.S_ISREG(state.st_mode):
        raise UnusableRoot(f"{path}: neither a directory nor a tar", _HINT)
    with open(path, "rb") as file:
        return _of_tar(file, path)


def _disk(path: str, label: str) -> Rooted:
    return DiskTree(path, "recording", label, Gaps())


def _of_tar(file: BinaryIO, label: str) -> tuple[Rooted, Callable[[str], Rooted]]:
    loaded = load(file, label)
    whole = ArchiveTree(loaded, "recording", label, Gaps())
    return whole, lambda folder: ArchiveTree(loaded.at(folder), "recording", label, Gaps())


def _layout(tree: Rooted) -> tuple[str, tuple[str, ...]]:
    """The folder that holds everything, ``""`` for the root, and the stages in it; ``("",)``: it is a recording."""
    top = ""
    for _ in range(_FOLDERS_DEEP):
        listing = tree.names(top or "/")
        names = listing.names if isinstance(listing, Names) else ()
        stages = find_stages(tree, top or "/", names)
        if len(stages) > STAGES_LIMIT:
            raise UnusableRoot(f"{tree.label}: more than {STAGES_LIMIT} stages", _HINT)
        if len(names) > 1 and stages:
            return top, tuple(stages)
        if holds_root(names) or len(names) != 1 or tree.kind_of(f"{top}/{names[0]}") != "dir":
            break
        top = f"{top}/{names[0]}"
    # A recording, or one line that says why it is none.
    return find_root(tree, tree.label, None).rstrip("/"), ("",)


class _Tables(NamedTuple):
    files: dict[str, bytes]
    modes: dict[str, int]
    links: dict[str, str]
    listed: dict[str, tuple[str, ...]]
    kinds: dict[str, str]
    failed: dict[str, Failure]
    absent: set[str]
    behind: dict[str, str]

    def holdings(self) -> Holdings:
        return Holdings(*self[:-2], frozenset(self.absent), self.behind)


def _tables() -> _Tables:
    return _Tables({}, {}, {}, {}, {}, {}, set(), {})


def with_beside(holdings: Holdings, tree: Rooted) -> Holdings:
    """And what a recording holds that is no evidence: ``/cmd/…``, ``/events/…``, ``/expected.json``."""
    if tree.gaps is None or tree.kind != "recording":
        return holdings
    walk = _Walk(tree, "")
    for name in _BESIDE:
        walk.folder(f"/{name}")
    walk.entry("", _EXPECTED)
    files = {spot: data for spot, data in walk.found.files.items() if spot not in holdings.files}
    said = {} if tree.gaps.manifest is None else tree.gaps.manifest.files
    modes = {spot: said[spot].mode for spot in files if spot in said}
    return holdings._replace(files={**holdings.files, **files}, modes={**holdings.modes, **modes})


def gather(whole: Whole, recorders: Mapping[str, Recorder]) -> tuple[Holdings, tuple[Failure, ...]]:
    """All that is there, and what of it could not be read. ``recorders``: of each part the tree, after it was read.

    A part without a manifest gets its gaps from what was read of it: that is what was looked for. Raises UnusableRoot
    where it is more than the limits allow.
    """
    walk = _Walk(whole.tree, whole.base)
    walk.folder("")
    for part in whole.parts:
        if part.tree.gaps is None or part.tree.gaps.manifest is None:
            _add_notes(walk, part.top, recorders[part.top])
        else:
            _add_manifest(walk, part.top, part.tree.gaps)
    _drop_listings(walk.found, whole)
    return walk.found.holdings(), tuple(walk.left_out)


def _add_notes(walk: _Walk, top: str, recorder: Recorder) -> None:
    notes, gaps, found = recorder.notes.holdings(), recorder.gaps or Gaps(), walk.found
    found.listed.update(_from(top, notes.listed))
    found.failed.update(_from(top, {**gaps.failed, **notes.failed}))
    for spot, kind in _from(top, notes.kinds).items():
        found.kinds.setdefault(spot, kind)
    for folder, names in gaps.unlisted.items():
        for name in names:
            found.kinds.setdefault(f"{top}{folder}/{name}", "file")
        spot = top + folder
        found.listed[spot] = tuple(sorted(names.union(found.listed.get(spot, ()))))
    if recorder.strict_modes:
        for spot in [spot for spot, mode in found.modes.items() if not mode & 0o444 and spot.startswith(top + "/")]:
            # Nobody could read it there; the empty file stands for that.
            del found.files[spot], found.modes[spot]
            found.kinds[spot] = "file"
            found.failed.setdefault(spot, Denied(spot, errno.EACCES))
    found.absent.update(top + spot for spot in notes.absent)


def _add_manifest(walk: _Walk, top: str, gaps: Gaps) -> None:
    said, found = gaps.manifest, walk.found
    if said is None:
        return
    for spot in [spot for spot in found.listed if spot == top or spot.startswith(top + "/")]:
        # Of these names the manifest does not say that anybody listed them.
        if not found.listed.pop(spot):
            found.kinds[spot] = "dir"
    found.modes.update(_from(top, {spot: note.mode for spot, note in said.files.items()}))
    for spot, target in _from(top, said.links).items():
        if spot not in found.files:
            found.links.setdefault(spot, target)
    found.listed.update(_from(top, said.directories))
    found.failed.update(_from(top, said.failed))
    for spot, kind in _from(top, said.kinds).items():
        found.kinds.setdefault(spot, kind)
    found.absent.update(top + spot for spot in said.absent)
    found.behind.update(_from(top, said.behind))
    if not gaps.hashed:
        # They are in the manifest from now on.
        found.files.pop(top + NOTES, None)


def _from(top: str, table: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """A part's table as seen from the whole; names that lead out of it are left out."""
    return {top + spot: entry for spot, entry in table.items() if not spot or is_spot(spot)}


def _drop_listings(found: _Tables, whole: Whole) -> None:
    """What lies in no part is a folder and nothing more: its names are evidence of nothing."""
    tops = tuple(f"{part.top}/" for part in whole.parts)
    for spot in [spot for spot in found.listed if not f"{spot}/".startswith(tops)]:
        del found.listed[spot]
        if spot:
            found.kinds[spot] = "dir"


class _Walk:
    """Goes through a tree as it lies there, no link followed. Raises UnusableRoot where it is too much."""

    def __init__(self, tree: Rooted, base: str) -> None:
        self.found = _tables()
        self.left_out: list[Failure] = []
        self._tree = tree
        self._base = base
        self._room = KEPT_LIMIT
        self._members = MEMBERS_LIMIT

    def folder(self, spot: str) -> None:
        """Everything in a folder; nothing where it is none."""
        pending = [spot]
        while pending:
            here = pending.pop()
            names = self._names(here)
            if names is None:
                continue
            self.found.listed[here] = names
            if here.count("/") > _DEEP:
                raise UnusableRoot(f"{self._tree.label}: more than {_DEEP} folders deep", _HINT)
            pending.extend(f"{here}/{name}" for name in names if self.entry(here, name))

    def entry(self, folder: str, name: str) -> bool:
        """Take in what is there under a name; True where it is a folder."""
        spot = f"{folder}/{name}"
        self._spend(len(spot))
        try:
            mode = self._tree.mode_at(self._base + folder, name)
            if stat.S_ISDIR(mode):
                return True
            if stat.S_ISLNK(mode):
                self.found.links[spot] = self._tree.target_at(self._base + folder, name)
            elif stat.S_ISREG(mode):
                self._file(folder, name, mode)
            else:
                self.found.kinds[spot] = kind_name(mode)
        except OSError as error:
            if error.errno != errno.ENOENT:
                self._leave_out(spot, error.errno or errno.EIO)
        return False

    def _file(self, folder: str, name: str, mode: int) -> None:
        spot = f"{folder}/{name}"
        data = self._tree.content_at(self._base + folder, name, CONTENT_LIMIT)
        if len(data) > CONTENT_LIMIT:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        self._spend(len(data))
        self.found.files[spot] = data
        self.found.modes[spot] = stat.S_IMODE(mode)

    def _names(self, spot: str) -> Optional[tuple[str, ...]]:
        try:
            names = self._tree.entries_at(self._base + spot, NAMES_LIMIT)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._leave_out(spot, error.errno or errno.EIO)
            return None
        if len(names) > NAMES_LIMIT:
            raise UnusableRoot(f"{self._tree.label}: {spot} has more than {NAMES_LIMIT} entries", _HINT)
        return tuple(sorted(names))

    def _leave_out(self, spot: str, number: int) -> None:
        failure = TooLarge(spot, CONTENT_LIMIT) if number == errno.EFBIG else from_errno(spot, number)
        self.found.failed[spot] = failure
        self.left_out.append(failure)

    def _spend(self, count: int) -> None:
        self._members -= 1
        self._room -= count
        if self._members < 0:
            raise UnusableRoot(f"{self._tree.label}: more than {MEMBERS_LIMIT} files", _HINT)
        if self._room < 0:
            raise UnusableRoot(f"{self._tree.label}: more than {KEPT_LIMIT >> 20} MiB of files", _HINT)


def told(failures: tuple[Failure, ...]) -> str:
    """One line for what could not be passed on; none where all was."""
    if not failures:
        return ""
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    return f"left out, and noted so: {reason(failures[0])}{more}"
