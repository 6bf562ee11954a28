"""Which recordings a path stands for: one, all stages of a story, or all that lie in a folder of such."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Optional, Union

from hotplugctl.errors import HotplugctlError, UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.source.door import open_tree
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.story import find_root, find_stages, holds_root

if TYPE_CHECKING:
    from hotplugctl.source.archive import Folder

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")
_FOLDERS_DEEP = 3
_BESIDE_DEEP = 3
_SHARED = ("events", "expected.json")

STAGES_LIMIT = 100
"""Stages that are taken of one story at most."""


class Place(NamedTuple):
    """One recording: what to open, which stage of it, and what to call both."""

    path: str
    stage: Optional[str]

    @property
    def label(self) -> str:
        """``PATH`` or ``STORY:STAGE``."""
        return self.path if self.stage is None else f"{self.path}:{self.stage}"


class Whole(NamedTuple):
    """A story as a whole: what its stages share."""

    path: str
    stages: tuple[str, ...]

    @property
    def label(self) -> str:
        """``STORY``."""
        return self.path


class _Story(NamedTuple):
    """The stages that were found, and whether something beside them is of them all: events, or what is expected."""

    stages: tuple[str, ...] = ()
    shares: bool = False


_NO_STORY = _Story()


class Places:
    """Which recordings paths stand for. Nothing is opened but to look for these, and a tar is read once.

    ``loaded`` keeps the last tar: whoever opens a place before the next is asked for need not read it again.
    ``stdin``: what ``-`` reads. ``broken``: tars that were read in vain, and why.
    """

    def __init__(self, loaded: Optional[dict[str, Folder]] = None, stdin: Optional[BinaryIO] = None) -> None:
        self._loaded = {} if loaded is None else loaded
        self._stdin = stdin
        self.broken: dict[str, UnusableRoot] = {}

    def of(self, path: str, stage: Optional[str]) -> Iterator[Place]:
        """Every recording that ``path`` stands for; with ``stage`` that one alone of each story.

        A folder of recordings is a story; other stories and tars that lie in it are taken too. What cannot be looked
        into is a place as well: opening it says why. Raises UnusableRoot where a story has more than ``STAGES_LIMIT``
        stages.
        """
        return (place for place in self.each(path, stage) if isinstance(place, Place))

    def each(self, path: str, stage: Optional[str]) -> Iterator[Union[Place, Whole]]:
        """The same, and after the stages of a story the story itself, where something beside them is of them all."""
        story = self._story(path)
        beside = self._beside(path, story.stages, _BESIDE_DEEP)
        if beside and stage is None:
            yield from self._all(path, story)
        elif story.stages or not beside:
            yield from self._of_one(path, story, stage)
        for other in beside:
            yield from self._of_one(other, self._story(other), stage)

    def _of_one(self, path: str, story: _Story, stage: Optional[str]) -> Iterator[Union[Place, Whole]]:
        if stage is not None or len(story.stages) < 2:
            # A story of one recording needs no stage, and a recording that was packed with its folder looks like one.
            yield Place(path, stage)
        else:
            yield from self._all(path, story)

    def _all(self, path: str, story: _Story) -> Iterator[Union[Place, Whole]]:
        yield from (Place(path, name) for name in story.stages)
        if story.shares and len(story.stages) > 1:
            yield Whole(path, story.stages)

    def _story(self, path: str) -> _Story:
        """The story at ``path``; none where it is no story or cannot be read."""
        try:
            tree = self.tree(path)
        except (OSError, ValueError, UnusableRoot):
            return _NO_STORY
        try:
            return _find(tree, path)
        finally:
            tree.close()

    def _beside(self, path: str, stages: tuple[str, ...], deep: int) -> list[str]:
        """In a folder that is no recording: its tars and stories, and those in folders below it."""
        if path == "-" or not os.path.isdir(path) or (not stages and _is_recording(path)):
            return []
        try:
            names = set(os.listdir(path))
        except OSError:
            return []
        if not names.issuperset(stages):
            # They lie in the one folder that is here.
            return []
        found: list[str] = []
        for name in sorted(names.difference(stages)):
            other = os.path.join(path, name)
            if _is_tar(other) or (os.path.isdir(other) and self._holds_recordings(other)):
                found.append(other)
            elif deep and not stages and not name.startswith(".") and not os.path.islink(other):
                found += self._beside(other, (), deep - 1)
        return found

    def _holds_recordings(self, path: str) -> bool:
        return bool(self._story(path).stages) or _is_recording(path)

    def tree(self, path: str) -> Rooted:
        """What is at ``path`` as it is, no stage chosen. Raises OSError, ValueError (a NUL in it) or UnusableRoot."""
        if path == "-":
            return self._packed(self._stdin, path, "standard input")
        state = os.stat(path)
        if stat.S_ISDIR(state.st_mode):
            from hotplugctl.source.disk import DiskTree

            return DiskTree(path, "recording", path, Gaps())
        if not stat.S_ISREG(state.st_mode):
            raise UnusableRoot(f"{path}: neither a directory nor a tar")
        if path in self._loaded:
            return self._packed(None, path, path)
        with open(path, "rb") as file:
            return self._packed(file, path, path)

    def _packed(self, file: Optional[BinaryIO], path: str, label: str) -> Rooted:
        from hotplugctl.source.archive import ArchiveTree, load

        folder = self._loaded.get(label)
        if folder is None:
            if file is None:
                raise UnusableRoot(f"{path}: nothing to read")
            # Two tars at a time would take twice the memory.
            self._loaded.clear()
            try:
                folder = self._loaded[label] = load(file, label)
            except UnusableRoot as error:
                self.broken[path] = error
                raise
        return ArchiveTree(folder, "recording", label, Gaps())


def places(path: str, stage: Optional[str], loaded: Optional[dict[str, Folder]] = None) -> Iterator[Place]:
    """``Places.of`` for one path, stories as their stages alone."""
    return Places(loaded).of(path, stage)


def named(name: str) -> Place:
    """The recording that ``PATH`` or ``STORY:STAGE`` names: a path that is there means itself, colons and all."""
    path, colon, stage = name.rpartition(":")
    if name != "-" and colon and path and stage and not os.path.lexists(name):
        return Place(path, stage)
    return Place(name, None)


def _is_tar(path: str) -> bool:
    try:
        return path.endswith(_TARS) and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _is_recording(path: str) -> bool:
    """Whether it is one, or was meant to be: of a damaged one, opening it says what is wrong."""
    try:
        open_tree(path, None, None).close()
    except HotplugctlError:
        return _has_form(path)
    return True


def _has_form(path: str) -> bool:
    try:
        return holds_root(tuple(os.listdir(path)))
    except OSError:
        return False


def _find(tree: Rooted, label: str) -> _Story:
    try:
        root = find_root(tree, label, None)
        return _NO_STORY if root == "/" else _Story((root.rpartition("/")[2],))
    except UnusableRoot:
        # A story of several, or nothing that can be read.
        pass
    top, names, stages = find_top(tree, label)
    return _Story(stages, top is not None and any(name in names for name in _SHARED))


def find_top(tree: Rooted, label: str) -> tuple[Optional[str], tuple[str, ...], tuple[str, ...]]:
    """The folder that holds the stages of a story (None: there is none), the names in it, and the stages.

    A tar has a single folder at its top. Raises UnusableRoot where they are more than ``STAGES_LIMIT``.
    """
    top = "/"
    for _ in range(_FOLDERS_DEEP):
        listing = tree.names(top)
        names = listing.names if isinstance(listing, Names) else ()
        found = find_stages(tree, top, names)
        if len(found) > STAGES_LIMIT:
            raise UnusableRoot(f"{label}: more than {STAGES_LIMIT} stages", "name one with --stage")
        if found:
            return top, names, tuple(found)
        if len(names) != 1:
            break
        top = f"{top.rstrip('/')}/{names[0]}"
    return None, (), ()
