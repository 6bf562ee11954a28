"""A new file or folder where the user wants it: for its owner alone, made beside its place and then given its name.

Nothing that is there is written over or gone through, be it there before or come meanwhile. What is killed on the way
leaves at most a ``.hotplugctl-….part``, which hinders nobody.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Callable, Optional, Union

from hotplugctl.errors import BadTarget, OutputFailed

_PACKED = {".tar.gz": "gz", ".tgz": "gz", ".tar.xz": "xz", ".txz": "xz", ".tar": ""}
_OTHERS = (".gz", ".xz", ".zip", ".bz2", ".tbz", ".tbz2", ".zst", ".tzst", ".lz", ".lz4", ".lzma", ".tlz", ".7z")
_FORMS = "name a directory, .tar, .tar.gz or .tar.xz"
_TRIES = 100
# renameat2(2), linux/fs.h
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100


def packing_of(out: str) -> Optional[str]:
    """How a file of this name is packed: ``gz``, ``xz``, or ``""`` for a tar; None for a directory."""
    return next((packing for end, packing in _PACKED.items() if out.endswith(end)), None)


def check(out: str) -> None:
    """Whether something new can come to be at ``out``, asked before the work. Raises BadTarget, OutputFailed."""
    if not out or "\0" in out:
        raise BadTarget("OUT names nothing", "name a place that does not exist yet")
    bare = _bare(out)
    if packing_of(bare) is None and bare.endswith(_OTHERS):
        raise BadTarget(f"{out}: not a form that is written", _FORMS)
    if bare != out and packing_of(bare) is not None:
        raise BadTarget(f"{out}: a tar is no directory", "leave the / at its end out")
    if os.path.lexists(bare):
        raise _there(out)
    folder, name = os.path.split(bare)
    if name in ("", ".", ".."):
        raise BadTarget(f"{out}: not a name for something new", _FORMS)
    try:
        os.stat(os.path.join(folder or ".", "."))
    except OSError as error:
        raise failed(out, error) from error
    if not os.access(folder or ".", os.W_OK | os.X_OK):
        raise failed(out, OSError(*_no_access(folder or ".")))


def _no_access(folder: str) -> tuple[int, str]:
    """Why nothing can be made in a folder: permissions, or what is mounted there is read-only (statvfs(3))."""
    number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
    return number, os.strerror(number)


def failed(out: str, error: OSError) -> Union[OutputFailed, BadTarget]:
    """The error for a place where nothing could be made."""
    if error.errno == errno.EEXIST:
        return _there(out)
    where = "standard output" if out == "-" else out
    return OutputFailed(f"{where}: cannot be written: {(error.strerror or str(error)).lower()}")


def _there(out: str) -> BadTarget:
    return BadTarget(f"{out}: is there already", "name a place that does not exist yet")


def _bare(out: str) -> str:
    return out.rstrip("/") or out


def make_file(out: str, fill: Callable[[BinaryIO], None]) -> None:
    """A file of mode 0600 that ``fill`` writes. Raises OSError; FileExistsError where something is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _private(), _beside(out, lambda part: os.open(part, flags, 0o600), _unlink) as (part, handle):
        with open(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(handle)
        try:
            # Unlike rename(2), link(2) never replaces what has come there meanwhile.
            os.link(part, out, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            _rename(part, out)


def make_folder(out: str, fill: Callable[[int], None]) -> None:
    """A directory of mode 0700; ``fill`` is given a handle on it. Raises OSError as ``make_file`` does."""
    out = _bare(out)
    with _private(), _beside(out, _new_folder, _remove_folder) as (part, handle):
        try:
            fill(handle)
        finally:
            os.close(handle)
        _rename(part, out)


def _new_folder(part: str) -> int:
    os.mkdir(part, 0o700)
    return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


@contextmanager
def _private() -> Iterator[None]:
    """Modes are what they are asked to be, whatever the user's umask takes away."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _beside(out: str, make: Callable[[str], int], remove: Callable[[str], None]) -> Iterator[tuple[str, int]]:
    """A new name in the folder of ``out``, made and opened; what is left under it at the end is removed.

    Nobody can have planted something there, and one that was left behind is in nobody's way.
    """
    if os.path.lexists(out):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    folder = os.path.dirname(out)
    for _ in range(_TRIES):
        part = os.path.join(folder, f".hotplugctl-{os.urandom(6).hex()}.part")
        try:
            handle = make(part)
        except FileExistsError:
            continue
        except BaseException:
            # A signal may come between the making and the opening.
            remove(part)
            raise
        try:
            yield part, handle
        finally:
            remove(part)
        return
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _unlink(part: str) -> None:
    # Gone already if it got its name by a renaming.
    if os.path.lexists(part):
        os.unlink(part)


def _remove_folder(part: str) -> None:
    if os.path.lexists(part):
        import shutil

        shutil.rmtree(part, ignore_errors=True)


def _rename(part: str, out: str) -> None:
    """Give it its name, unless something else has that: rename(2) alone would replace an empty directory."""
    number = _rename_new(part, out)
    if number in (errno.ENOSYS, errno.EINVAL):
        # An old kernel, or a file system that cannot: then at least a look right before.
        if os.path.lexists(out):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(part, out)
    elif number:
        raise OSError(number, os.strerror(number))


def _rename_new(part: str, out: str) -> int:
    """renameat2(2) with RENAME_NOREPLACE, which Python does not have; its errno, 0 if all went well."""
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return errno.ENOSYS
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    done = call(_AT_FDCWD, os.fsencode(part), _AT_FDCWD, os.fsencode(out), _RENAME_NOREPLACE)
    return ctypes.get_errno() if done else 0
