"""From what the user named to a tree: the live machine, a directory, a tar, a stage of a story."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Optional, cast

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, TooLarge, Unrecorded, Value, reason
from hotplugctl.source import manifest
from hotplugctl.source.disk import DiskTree
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.story import find_root

if TYPE_CHECKING:
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.dump import DumpReader

LIVE_LABEL = "this machine"

_WHY = {
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "no such file or directory",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "a link that goes round in a circle",
}


def open_tree(
    root: Optional[str],
    stage: Optional[str],
    stdin: Optional[BinaryIO],
    loaded: Optional[dict[str, Folder]] = None,
    reader: Optional[DumpReader] = None,
) -> Rooted:
    """Open ``root``: None or ``/`` the live machine, a directory, a tar (also gzip or xz), ``-`` a tar on ``stdin``.

    ``stage`` names a recording of a story. ``loaded`` keeps the last tar from one call to the next, so that it is read
    once for stages that follow one another. ``reader`` reads dumps of devices: with it these are taken as well, from a
    file or ``stdin``. Raises UnusableRoot with one line where it cannot be read as a tree.
    """
    if root is None:
        return _live(stage)
    if root == "-":
        return _from_stdin(stage, stdin, {} if loaded is None else loaded, reader)
    if not root or "\0" in root:
        raise UnusableRoot("--root names nothing", "name a directory or a tar")
    try:
        state = os.stat(root)
        if os.path.samestat(state, os.stat("/")):
            return _live(stage)
        if stat.S_ISDIR(state.st_mode):
            return _from_directory(root, stage)
        if not stat.S_ISREG(state.st_mode):
            raise UnusableRoot(f"{root}: neither a directory nor a tar", "a tar in a pipe is read with --root -")
        with open(root, "rb") as file:
            return _from_file(file, root, stage, {} if loaded is None else loaded, reader)
    except OSError as error:
        why = _WHY.get(error.errno or 0, (error.strerror or "cannot be read").lower())
        raise UnusableRoot(f"{root}: {why}", _hint(root)) from error


def _hint(root: str) -> str:
    """What was meant by a path that cannot be opened."""
    story, colon, stage = root.rpartition(":")
    if colon and stage and os.path.exists(story):
        from shlex import quote

        return f"a stage is named apart: --root {quote(story)} --stage {quote(stage)}"
    return "name a directory or a tar that you may read"


def _live(stage: Optional[str]) -> Rooted:
    if stage is not None:
        raise UnusableRoot("--stage without --root", "name the story with --root")
    return DiskTree("/", "live", LIVE_LABEL, None)


def _from_stdin(
    stage: Optional[str], stdin: Optional[BinaryIO], loaded: dict[str, Folder], reader: Optional[DumpReader]
) -> Rooted:
    if stdin is None or stdin.closed or stdin.isatty():
        raise UnusableRoot("no tar on standard input", "tar -cf - -C DIR . | hotplugctl --root - ...")
    try:
        return _from_file(stdin, "standard input", stage, loaded, reader)
    except OSError as error:
        raise UnusableRoot(f"standard input: {(error.strerror or 'cannot be read').lower()}") from error


def _from_directory(root: str, stage: Optional[str]) -> Rooted:
    above = DiskTree(root, "recording", root, Gaps())
    try:
        # An unreadable directory is told by its errno.
        above.entries_at("", 0)
        top = find_root(above, root, stage)
    finally:
        above.close()
    tree = DiskTree(os.path.join(root, top[1:]) if top != "/" else root, "recording", root, Gaps())
    return furnished(tree, root, top)


def _from_file(
    file: BinaryIO, label: str, stage: Optional[str], loaded: dict[str, Folder], reader: Optional[DumpReader]
) -> Rooted:
    from hotplugctl.source import dump
    from hotplugctl.source.head import Headed

    headed = Headed(file, dump.HEAD)
    whole = cast("BinaryIO", headed)
    if not dump.looks_like(headed.head):
        return _from_tar(whole, label, stage, loaded)
    if stage is not None:
        raise UnusableRoot(f"{label}: not a story, it has no stages", "leave --stage out")
    return dump.open_dump(whole, label, reader)


def _from_tar(file: BinaryIO, label: str, stage: Optional[str], loaded: dict[str, Folder]) -> Rooted:
    from hotplugctl.source.archive import ArchiveTree, load

    folder = loaded.get(label)
    if folder is None:
        # Two tars at a time would take twice the memory.
        loaded.clear()
        folder = loaded[label] = load(file, label)
    top = find_root(ArchiveTree(folder, "recording", label, Gaps()), label, stage)
    return furnished(ArchiveTree(folder.at(top), "recording", label, Gaps()), label, top)


def furnished(tree: Rooted, label: str, top: str) -> Rooted:
    """Tell recording from image, and take in what the recording says of its gaps."""
    tree.label = label if top == "/" else f"{label} ({top[1:]})"
    note = tree.read("/manifest.json", manifest.SIZE_LIMIT)
    if not isinstance(note, (Value, Absent, Unrecorded)):
        # Without it every gap would be read another way.
        hint = "make it readable" if not isinstance(note, TooLarge) else "record it anew with fewer files"
        raise UnusableRoot(f"{tree.label}: {reason(note)}", f"{hint}, or take it away")
    if isinstance(note, Value):
        try:
            said = manifest.load(note.data)
        except manifest.BadManifest as bad:
            raise UnusableRoot(f"{tree.label}: manifest.json: {bad.message}", bad.hint) from bad
        if said.source == "image":
            tree.kind = "image"
        return _replaying(tree, Gaps(said), said.source == "live")
    from hotplugctl.source import collected

    try:
        noted = collected.manifest_of(tree)
    except manifest.BadManifest as bad:
        raise UnusableRoot(f"{tree.label}: notes.txt: {bad.message}", bad.hint) from bad
    if noted is not None:
        return _replaying(tree, Gaps(noted, hashed=False), True)
    gaps = Gaps(partial=tree.kind_of("/HUNG.txt") == "file")
    unreadable = tree.read("/unreadable.txt", manifest.SIZE_LIMIT)
    if isinstance(unreadable, Value):
        gaps.add_unreadable(unreadable.data)
    tree.gaps = gaps
    if _is_image(tree):
        tree.kind = "image"
        tree.strict_modes = False
    return tree


def _replaying(tree: Rooted, gaps: Gaps, clamps: bool) -> Rooted:
    tree.gaps = gaps
    tree.strict_modes = False
    tree.clamps = clamps
    return tree


def _is_image(tree: Rooted) -> bool:
    if _holds(tree, "/sys") or _holds(tree, "/proc"):
        return False
    if _holds(tree, "/boot") or _holds(tree, "/lib/modules") or _holds(tree, "/usr/lib/modules"):
        return True
    # A root file system without a kernel: the host brings it.
    return any(isinstance(tree.kind_of(path), str) for path in ("/etc/os-release", "/usr/lib/os-release"))


def _holds(tree: Rooted, path: str) -> bool:
    listing = tree.names(path)
    return isinstance(listing, Names) and bool(listing.names)
