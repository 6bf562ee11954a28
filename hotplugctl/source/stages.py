"""Which recordings a path stands for: one, all stages of a story, or all that lie in a folder of such."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, Optional

from hotplugctl.errors import HotplugctlError, UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.source.door import open_tree
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.story import find_root, find_stages

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")
_FOLDERS_DEEP = 3

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


def places(path: str, stage: Optional[str]) -> Iterator[Place]:
    """Every recording that ``path`` stands for; with ``stage`` that one alone of each story.

    A folder of recordings is a story; other stories and tars that lie in it are taken too. Nothing is opened but to
    look for these. What cannot be looked into is a place as well: opening it says why. Raises UnusableRoot where a
    story has more than ``STAGES_LIMIT`` stages.
    """
    stages = () if path == "-" else _stages(path)
    beside = _beside(path, stages)
    if beside and stage is None:
        yield from (Place(path, name) for name in stages)
    elif stages or not beside:
        yield from _of_one(path, stages, stage)
    for other in beside:
        yield from _of_one(other, _stages(other), stage)


def named(name: str) -> Place:
    """The recording that ``PATH`` or ``STORY:STAGE`` names: a path that is there means itself, colons and all."""
    path, colon, stage = name.rpartition(":")
    if name != "-" and colon and path and stage and not os.path.lexists(name):
        return Place(path, stage)
    return Place(name, None)


def _of_one(path: str, stages: tuple[str, ...], stage: Optional[str]) -> Iterator[Place]:
    if stage is not None or len(stages) < 2:
        # A story of one recording needs no stage, and a recording that was packed with its folder looks like one.
        yield Place(path, stage)
    else:
        yield from (Place(path, name) for name in stages)


def _beside(path: str, stages: tuple[str, ...]) -> list[str]:
    """In a folder that is no recording: its tars, and the folders in it that are stories."""
    if path == "-" or not os.path.isdir(path) or (not stages and _is_recording(path)):
        return []
    try:
        names = set(os.listdir(path))
    except OSError:
        return []
    if not names.issuperset(stages):
        # They lie in the one folder that is here.
        return []
    below = (os.path.join(path, name) for name in sorted(names.difference(stages)))
    return [other for other in below if _holds_recordings(other)]


def _holds_recordings(path: str) -> bool:
    return _is_tar(path) or (os.path.isdir(path) and (bool(_stages(path)) or _is_recording(path)))


def _is_tar(path: str) -> bool:
    try:
        return path.endswith(_TARS) and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _is_recording(path: str) -> bool:
    try:
        open_tree(path, None, None).close()
    except HotplugctlError:
        return False
    return True


def _stages(path: str) -> tuple[str, ...]:
    """The stages of the story at ``path``, none where it is no story or cannot be read."""
    try:
        tree = _whole(path)
    except (OSError, ValueError, UnusableRoot):
        return ()
    try:
        return _find(tree, path)
    finally:
        tree.close()


def _find(tree: Rooted, label: str) -> tuple[str, ...]:
    try:
        root = find_root(tree, label, None)
        return () if root == "/" else (root.rpartition("/")[2],)
    except UnusableRoot:
        # A story of several, or nothing that can be read.
        pass
    top = "/"
    for _ in range(_FOLDERS_DEEP):
        listing = tree.names(top)
        names = listing.names if isinstance(listing, Names) else ()
        found = find_stages(tree, top, names)
        if len(found) > STAGES_LIMIT:
            raise UnusableRoot(f"{label}: more than {STAGES_LIMIT} stages", "name one with --stage")
        if found or len(names) != 1:
            return tuple(found)
        # A tar has a single folder at its top.
        top = f"{top.rstrip('/')}/{names[0]}"
    return ()


def _whole(path: str) -> Rooted:
    """What is at ``path`` as it is, no stage chosen. Raises OSError, ValueError (a NUL in it) or UnusableRoot."""
    state = os.stat(path)
    if stat.S_ISDIR(state.st_mode):
        from hotplugctl.source.disk import DiskTree

        return DiskTree(path, "recording", path, Gaps())
    if not stat.S_ISREG(state.st_mode):
        raise UnusableRoot(f"{path}: neither a directory nor a tar")
    from hotplugctl.source.archive import ArchiveTree, load

    with open(path, "rb") as file:
        return ArchiveTree(load(file, path), "recording", path, Gaps())
