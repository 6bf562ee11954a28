"""Writing a recording: what it holds, as a directory or a tar, with its manifest.

The same holdings and the same time give the same bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import IO, BinaryIO, NamedTuple, Optional, TypeVar, cast

import hotplugctl
from hotplugctl.errors import OutputFailed
from hotplugctl.model.holdings import About, Holdings
from hotplugctl.model.reads import Value, Vanished
from hotplugctl.source import place
from hotplugctl.source.archive import KEPT_LIMIT
from hotplugctl.source.manifest import SIZE_LIMIT, FileNote, Manifest, can_be_name, dump
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tar import CONTENT_LIMIT, MEMBERS_LIMIT
from hotplugctl.source.tree import MODES

_RELEASE = "/proc/sys/kernel/osrelease"
_SOURCES = ("live", "recording", "image")
_MANIFEST = "/manifest.json"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LESS = "leave --with-processes and --events out, or take files out of a copy of what is recorded"
_LATEST = 1 << 33
"""Seconds that a tar's header has room for."""

# Level 9 takes three times as long for two percent less.
_GZIP_LEVEL = 6


Entry = TypeVar("Entry")


class Written(NamedTuple):
    """What was written: where, how many files without the manifests, and their bytes."""

    path: str
    files: int
    bytes: int


def write(holdings: Holdings, about: Mapping[str, About], out: str, stdout: Optional[BinaryIO] = None) -> Written:
    """Write ``holdings`` to ``out``: a directory, ``.tar``, ``.tar.gz``, ``.tar.xz``, or ``-``, a tar to ``stdout``.

    ``about``: folder → what its manifest says; ``""`` is the folder of a recording, a story has one for each stage.
    Raises OutputFailed, BadTarget where ``out`` is there already; BrokenPipeError of ``stdout`` is passed on.
    """
    content = _Content(settled(holdings), about)
    try:
        if out == "-":
            if stdout is None:
                raise OutputFailed("there is no standard output to write to")
            _write_tar(content, stdout, "")
        elif place.packing_of(out) is None:
            place.make_folder(out, lambda handle: _write_folder(content, handle))
        else:
            place.make_file(out, lambda file: _write_tar(content, file, place.packing_of(out) or ""))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise place.failed(out, error) from error
    return Written(out, content.count, content.size)


def about(tree: Rooted) -> About:
    """What is to be said of a recording made of ``tree``; what was recorded before stays what it was."""
    said = None if tree.gaps is None else tree.gaps.manifest
    if said is not None:
        source = said.source if said.source in _SOURCES else tree.kind
        return About(source, said.kernel, _seconds(said.time), dict(said.scrubbed), said.heard)
    release = tree.read(_RELEASE)
    kernel = release.text if isinstance(release, Value) else ""
    return About("live" if tree.clamps else tree.kind, kernel, now(), {})


def now() -> int:
    """Seconds since 1970: SOURCE_DATE_EPOCH where that is set (see reproducible-builds.org)."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(given) if given.isascii() and given.isdigit() and int(given[:12]) < _LATEST else int(time.time())


def _seconds(text: str) -> int:
    import calendar

    try:
        seconds = calendar.timegm(time.strptime(text, _TIME))
    except ValueError:
        return now()
    return seconds if 0 <= seconds < _LATEST else now()


def settled(holdings: Holdings) -> Holdings:
    """The same without contradictions, and without names that nothing can have.

    What was a file and became a folder while it was read, or the other way round, has vanished.
    """
    files = {spot: data for spot, data in holdings.files.items() if is_spot(spot)}
    links = {spot: target for spot, target in holdings.links.items() if is_spot(spot)}
    listed = {spot: names for spot, names in holdings.listed.items() if is_spot(spot) or not spot}
    failed = {spot: failure for spot, failure in holdings.failed.items() if can_be_name(spot)}
    folders = {*listed, *_above([*files, *links, *listed])}
    for spot in folders.intersection([*files, *links]):
        files.pop(spot, None)
        links.pop(spot, None)
        failed[spot] = Vanished(spot)
    for spot in set(links).intersection(files):
        del files[spot]
    held = {*files, *links, *folders}
    kinds = {
        spot: kind for spot, kind in holdings.kinds.items() if spot not in held and kind in MODES and is_spot(spot)
    }
    absent = frozenset(filter(can_be_name, holdings.absent))
    behind = {path: said for path, said in holdings.behind.items() if can_be_name(path)}
    return Holdings(files, holdings.modes, links, listed, kinds, failed, absent, behind)


def is_spot(path: str) -> bool:
    """Whether it is a canonical path of something below the root: what is written stays below its place."""
    return path[:1] == "/" and {"", ".", ".."}.isdisjoint(path[1:].split("/")) and can_be_name(path)


def _above(spots: Iterable[str]) -> set[str]:
    """Every folder that one of these is in, the root too."""
    found: set[str] = set()
    for spot in spots:
        above = spot.rpartition("/")[0]
        while above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


class _Content:
    """The files, links and folders to write, all by path, the manifests among them."""

    def __init__(self, holdings: Holdings, about: Mapping[str, About]) -> None:
        holdings = _without_manifests(holdings, about)
        self.files, self.links = dict(holdings.files), holdings.links
        self.count, self.size = len(self.files), sum(map(len, self.files.values()))
        folders = {spot for spot, kind in holdings.kinds.items() if kind == "dir"}
        folders.update(holdings.listed, _above([*self.files, *self.links, *holdings.listed, *folders]))
        self.folders = sorted(folders - {""})
        self.seconds = max((each.seconds for each in about.values()), default=0)
        for top, said in about.items():
            self.files[top + _MANIFEST] = _manifest(_below(holdings, top), said)
        self._check()

    def _check(self) -> None:
        """What could not be read again is not written."""
        members = len(self.files) + len(self.links) + len(self.folders)
        if members > MEMBERS_LIMIT:
            raise OutputFailed(f"the recording is too large: more than {MEMBERS_LIMIT} files", _LESS)
        if self.size > KEPT_LIMIT - MEMBERS_LIMIT:
            raise OutputFailed(f"the recording is too large: more than {KEPT_LIMIT >> 20} MiB", _LESS)
        for spot, data in self.files.items():
            if len(data) > CONTENT_LIMIT:
                why = f"the recording is too large: {spot} has more than {CONTENT_LIMIT >> 20} MiB"
                raise OutputFailed(why, "cut that file down; of a recording that is there, in a copy of it")


def _without_manifests(holdings: Holdings, about: Iterable[str]) -> Holdings:
    """Their places are taken, whatever was there."""
    places = tuple(top + _MANIFEST + "/" for top in about)

    def free(table: Mapping[str, Entry]) -> dict[str, Entry]:
        return {spot: entry for spot, entry in table.items() if not f"{spot}/".startswith(places)}

    return holdings._replace(
        files=free(holdings.files), links=free(holdings.links), listed=free(holdings.listed), kinds=free(holdings.kinds)
    )


def _below(holdings: Holdings, top: str) -> Holdings:
    """The part below a folder, with its paths as seen from there."""
    if not top:
        return holdings
    return Holdings(
        _part(holdings.files, top),
        _part(holdings.modes, top),
        _part(holdings.links, top),
        _part(holdings.listed, top),
        _part(holdings.kinds, top),
        _part(holdings.failed, top),
        frozenset(_part(dict.fromkeys(holdings.absent), top)),
        _part(holdings.behind, top),
    )


def _part(table: Mapping[str, Entry], top: str) -> dict[str, Entry]:
    start, cut = top + "/", len(top)
    return {spot[cut:]: entry for spot, entry in table.items() if spot.startswith(start) or spot == top}


def _manifest(holdings: Holdings, about: About) -> bytes:
    manifest = dump(
        Manifest(
            tool={"name": "hotplugctl", "version": hotplugctl.__version__},
            source=about.source,
            kernel=about.kernel,
            time=time.strftime(_TIME, time.gmtime(about.seconds)),
            scrubbed=about.scrubbed,
            files={spot: _note(data, holdings.modes.get(spot, 0o444)) for spot, data in holdings.files.items()},
            links=holdings.links,
            directories=holdings.listed,
            kinds=holdings.kinds,
            failed=holdings.failed,
            absent=holdings.absent,
            heard=about.heard,
            behind=holdings.behind,
        )
    )
    if len(manifest) > SIZE_LIMIT:
        why = f"the recording is too large: its manifest would take more than {SIZE_LIMIT >> 20} MiB"
        raise OutputFailed(why, _LESS)
    return manifest


def _note(data: bytes, mode: int) -> FileNote:
    import hashlib

    return FileNote(len(data), hashlib.sha256(data).hexdigest(), mode)


def _write_folder(content: _Content, handle: int) -> None:
    """Into an empty directory. Folders come before what is in them, so nothing is reached through a link."""
    for spot in content.folders:
        os.mkdir(spot[1:], 0o700, dir_fd=handle)
    for spot, target in sorted(content.links.items()):
        os.symlink(target, spot[1:], dir_fd=handle)
    for spot, data in sorted(content.files.items()):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(spot[1:], flags, 0o600, dir_fd=handle), "wb", buffering=0) as file:
            _write_all(file, data)


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _write_tar(content: _Content, file: BinaryIO, packing: str) -> None:
    if packing == "gz":
        import gzip

        with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
            _write_members(content, cast(BinaryIO, packed))
    elif packing == "xz":
        import lzma

        with lzma.open(file, "wb") as packed_xz:
            _write_members(content, cast(BinaryIO, packed_xz))
    else:
        _write_members(content, file)
    file.flush()


def _write_members(content: _Content, file: IO[bytes]) -> None:
    import io
    import tarfile

    gnu = tarfile.GNU_FORMAT
    with tarfile.open(fileobj=file, mode="w|", format=gnu, encoding="utf-8", errors="surrogateescape") as tar:

        def member(spot: str, kind: bytes, mode: int) -> tarfile.TarInfo:
            info = tarfile.TarInfo(spot[1:])
            info.type, info.mode, info.mtime = kind, mode, content.seconds
            return info

        for spot in content.folders:
            tar.addfile(member(spot, tarfile.DIRTYPE, 0o700))
        for spot, target in sorted(content.links.items()):
            info = member(spot, tarfile.SYMTYPE, 0o777)
            info.linkname = target
            tar.addfile(info)
        for spot, data in sorted(content.files.items()):
            info = member(spot, tarfile.REGTYPE, 0o600)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
