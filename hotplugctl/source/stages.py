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

    Opens nothing that lies below a folder of recordings but to look for stages. What cannot be looked into is a place
    too: opening it says why.
    """
    held = _recordings_in(path)
    if not held:
        yield from _of_one(path, stage)
    for name in held:
        yield from _of_one(os.path.join(path, name), stage)


def _of_one(path: str, stage: Optional[str]) -> Iterator[Place]:
    stages = () if stage is not None or path == "-" else _stages(path)
    if not stages:
        yield Place(path, stage)
    for name in stages:
        yield Place(path, name)


def _recordings_in(path: str) -> list[str]:
    """The tars in a folder that is no recording and no story, and the folders in it that are; none otherwise."""
    if path == "-" or not os.path.isdir(path) or _is_one(path):
        return []
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return []
    return [name for name in names if _is_tar(os.path.join(path, name)) or _is_one(os.path.join(path, name))]


def _is_tar(path: str) -> bool:
    try:
        return path.endswith(_TARS) and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _is_one(path: str) -> bool:
    """Whether a folder is a recording or a story."""
    if not os.path.isdir(path):
        return False
    if _stages(path):
        return True
    try:
        open_tree(path, None, None).close()
    except HotplugctlError:
        return os.path.lexists(os.path.join(path, "manifest.json"))
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
        find_root(tree, label, None)
    except UnusableRoot:
        # A story, or nothing that can be read.
        pass
    else:
        return ()
    top = "/"
    for _ in range(_FOLDERS_DEEP):
        listing = tree.names(top)
        names = listing.names if isinstance(listing, Names) else ()
        found = find_stages(tree, top, names)
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
