"""Whether a recording still holds what its manifest says: every file's size and SHA-256, every link's target."""

from __future__ import annotations

import errno
import hashlib
import stat
from collections.abc import Iterator

from hotplugctl.model.reads import errno_name
from hotplugctl.model.validation import Breach
from hotplugctl.source.manifest import FileNote, Manifest
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import NAMES_LIMIT, kind_name

# What reads of evidence can reach; beside it lie cmd, events, expected.json and what people add for people.
_EVIDENCE = ("boot", "dev", "etc", "lib", "lib64", "proc", "run", "sys", "usr", "var")
_FOLDERS_LIMIT = 1_000_000


def collect(tree: Rooted) -> tuple[Breach, ...]:
    """Every breach in the order of paths; none where the tree has no manifest, or one without sizes and hashes."""
    manifest = tree.gaps.manifest if tree.gaps is not None else None
    if tree.gaps is None or manifest is None or not tree.gaps.hashed:
        return ()
    found = [*_files(tree, manifest), *_links(tree, manifest), *_extra(tree, manifest)]
    return tuple(sorted(found))


def _files(tree: Rooted, manifest: Manifest) -> Iterator[Breach]:
    for path, note in manifest.files.items():
        if not _is_spot(path):
            yield Breach(path, "path", "", "")
        else:
            yield from _file(tree, path, note)


def _is_spot(path: str) -> bool:
    """Whether a path of the manifest names something inside the tree: others lead out of it, or nowhere."""
    first, *parts = path.split("/")
    return not first and bool(parts) and not {"", ".", ".."} & set(parts) and "\0" not in path


def _file(tree: Rooted, path: str, note: FileNote) -> Iterator[Breach]:
    folder, _, name = path.rpartition("/")
    try:
        mode = tree.mode_at(folder, name)
        if not stat.S_ISREG(mode):
            yield Breach(path, "kind", "file", kind_name(mode))
            return
        data = tree.content_at(folder, name, max(note.size, 0))
    except (OSError, ValueError) as error:
        yield Breach(path, "missing", f"file of {note.size} bytes", _why(error))
        return
    if len(data) != note.size:
        size = f"more than {note.size}" if len(data) > note.size else str(len(data))
        yield Breach(path, "size", f"{note.size} bytes", f"{size} bytes")
    else:
        digest = hashlib.sha256(data).hexdigest()
        if digest != note.sha256:
            yield Breach(path, "hash", note.sha256, digest)


def _why(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    # ValueError: a name that no file can have.
    return "" if number in (None, errno.ENOENT, errno.ENOTDIR) else errno_name(number or errno.EIO)


def _links(tree: Rooted, manifest: Manifest) -> Iterator[Breach]:
    """A link that is not there is replayed out of the manifest; that it is missing is damage all the same."""
    for path, target in manifest.links.items():
        folder, _, name = path.rpartition("/")
        if not _is_spot(path):
            yield Breach(path, "path", "", "")
            continue
        try:
            mode = tree.mode_at(folder, name)
            found = tree.target_at(folder, name) if stat.S_ISLNK(mode) else ""
        except (OSError, ValueError) as error:
            yield Breach(path, "missing", f"link to {target}", _why(error))
            continue
        if not stat.S_ISLNK(mode):
            yield Breach(path, "kind", "link", kind_name(mode))
        elif found != target:
            yield Breach(path, "link", target, found)


def _extra(tree: Rooted, manifest: Manifest) -> Iterator[Breach]:
    """Files and links that could be read as evidence and are not in the manifest."""
    waiting = [f"/{name}" for name in reversed(_EVIDENCE)]
    for _ in range(_FOLDERS_LIMIT):
        if not waiting:
            return
        spot = waiting.pop()
        folder, _, name = spot.rpartition("/")
        try:
            mode = tree.mode_at(folder, name)
            if stat.S_ISDIR(mode):
                waiting += [f"{spot}/{entry}" for entry in tree.entries_at(spot, NAMES_LIMIT)]
                continue
        except OSError:
            continue
        if spot not in manifest.files and spot not in manifest.links:
            yield Breach(spot, "extra", "", kind_name(mode))
