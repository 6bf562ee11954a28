"""Writing a recording: what a recorder has noted, as a directory or a tar.

It is written beside its place and renamed, readable by its owner alone, and never over something that is there. The
same notes and the same time give the same bytes.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from typing import IO, BinaryIO, NamedTuple, Optional, cast

import hotplugctl
from hotplugctl.errors import OutputFailed
from hotplugctl.model.reads import Value, Vanished
from hotplugctl.source.manifest import SIZE_LIMIT, FileNote, Manifest, can_be_name, dump
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.tree import MODES

_RELEASE = "/proc/sys/kernel/osrelease"
_PACKED = {".tar.gz": "gz", ".tgz": "gz", ".tar.xz": "xz", ".txz": "xz", ".tar": ""}


class Written(NamedTuple):
    """What was written: where, how many files without the manifest, and their bytes."""

    path: str
    files: int
    bytes: int


def write(
    recorder: Recorder,
    out: str,
    stdout: Optional[BinaryIO] = None,
    extra: Optional[Mapping[str, bytes]] = None,
    scrubbed: Optional[Mapping[str, int]] = None,
) -> Written:
    """Write what ``recorder`` has noted to ``out``: a directory, ``.tar``, ``.tar.gz``, ``.tar.xz``, or ``-``.

    ``extra``: further files (``/cmd/dmesg``) by path. The time is SOURCE_DATE_EPOCH where that is set (see
    reproducible-builds.org). Raises OutputFailed; BrokenPipeError of ``stdout`` is passed on.
    """
    release = recorder.read(_RELEASE)
    kernel = release.text if isinstance(release, Value) else ""
    content = _Content(recorder, extra or {}, kernel, _now(), dict(scrubbed or {}))
    try:
        if out == "-":
            if stdout is None:
                raise OutputFailed("there is no standard output to write to")
            _write_tar(content, stdout, "")
        else:
            _write_beside(content, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _failed(out, error) from error
    return Written(out, len(content.files), sum(map(len, content.files.values())))


def _now() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 12 else int(time.time())


def _failed(out: str, error: OSError) -> OutputFailed:
    if error.errno == errno.EEXIST:
        return OutputFailed(f"{out}: is there already", "name a place that does not exist yet")
    return OutputFailed(f"{out}: cannot be written: {(error.strerror or str(error)).lower()}")


class _Content:
    """The files, links and folders of a recording, free of contradictions, and its manifest."""

    def __init__(
        self, recorder: Recorder, extra: Mapping[str, bytes], kernel: str, seconds: int, scrubbed: dict[str, int]
    ) -> None:
        notes = recorder.notes
        self.seconds = seconds
        self.files = {**notes.files, **extra}
        self.links = dict(notes.links)
        failed = dict(notes.failed)
        above = set(_above([*self.files, *self.links, *notes.listed]))
        for spot in [spot for spot in (*self.files, *self.links) if spot in above]:
            # It was a file and became a folder meanwhile, or the other way round.
            self.files.pop(spot, None)
            self.links.pop(spot, None)
            failed[spot] = Vanished(spot)
        held = {*self.files, *self.links, *notes.listed, *above}
        kinds = {spot: kind for spot, kind in notes.kinds.items() if spot not in held and kind in MODES}
        folders = {spot for spot, kind in kinds.items() if kind == "dir"} | set(notes.listed) | above
        self.folders = sorted(folders - {""})
        self.manifest = dump(
            Manifest(
                tool={"name": "hotplugctl", "version": hotplugctl.__version__},
                source="live" if recorder.clamps else recorder.kind,
                kernel=kernel,
                time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
                scrubbed=scrubbed,
                files={spot: _note(data, notes.modes.get(spot, 0o444)) for spot, data in self.files.items()},
                links=self.links,
                directories=notes.listed,
                kinds=kinds,
                failed={spot: failure for spot, failure in failed.items() if can_be_name(spot)},
                absent=frozenset(filter(can_be_name, notes.absent)),
            )
        )
        if len(self.manifest) > SIZE_LIMIT:
            raise OutputFailed(f"the recording is too large: its manifest would take more than {SIZE_LIMIT >> 20} MiB")

    def every_file(self) -> Iterator[tuple[str, bytes]]:
        """All files by path, the manifest among them."""
        return iter(sorted({**self.files, "/manifest.json": self.manifest}.items()))


def _above(spots: list[str]) -> Iterator[str]:
    for spot in spots:
        while spot:
            spot = spot.rpartition("/")[0]
            yield spot


def _note(data: bytes, mode: int) -> FileNote:
    import hashlib

    return FileNote(len(data), hashlib.sha256(data).hexdigest(), mode)


def _write_beside(content: _Content, out: str) -> None:
    out = out.rstrip("/") or out
    if os.path.lexists(out):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    folder, name = os.path.split(out)
    beside = os.path.join(folder, f".{name}.{os.getpid()}.part")
    packing = next((packing for end, packing in _PACKED.items() if name.endswith(end)), None)
    if packing is None:
        _write_folder(content, beside, out)
    else:
        _write_file(content, beside, out, packing)


def _write_file(content: _Content, beside: str, out: str, packing: str) -> None:
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "wb") as file:
            _write_tar(content, file, packing)
            file.flush()
            os.fsync(handle)
        _rename_file(beside, out)
    finally:
        # Gone already if all went well.
        if os.path.lexists(beside):
            os.unlink(beside)


def _rename_file(beside: str, out: str) -> None:
    try:
        # Unlike rename(2), link(2) never replaces what has come there meanwhile.
        os.link(beside, out)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK) or os.path.lexists(out):
            raise
        os.rename(beside, out)


def _write_folder(content: _Content, beside: str, out: str) -> None:
    os.mkdir(beside, 0o700)
    try:
        for spot in content.folders:
            os.makedirs(beside + spot, 0o700, exist_ok=True)
        for spot, target in sorted(content.links.items()):
            os.symlink(target, beside + spot)
        for spot, data in content.every_file():
            os.makedirs(os.path.dirname(beside + spot), 0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(beside + spot, flags, 0o600), "wb") as file:
                file.write(data)
        if os.path.lexists(out):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(beside, out)
    finally:
        if os.path.lexists(beside):
            import shutil

            shutil.rmtree(beside, ignore_errors=True)


def _write_tar(content: _Content, file: BinaryIO, packing: str) -> None:
    if packing == "gz":
        import gzip

        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
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
        for spot, data in content.every_file():
            info = member(spot, tarfile.REGTYPE, 0o600)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
