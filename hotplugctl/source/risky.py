"""Reads that may never return: done in a child that can be left behind.

A read of ``serial`` makes the kernel ask the device, and a device that is gone may never answer; the reader is then
stuck in the kernel, beyond the reach of signals (state D), and a thread in it would keep this process from ending.
The child holds none of our files: not stdin, stdout or stderr, so that nobody waits for it on their other end.
"""

from __future__ import annotations

import errno
import marshal
import os
import select
import signal
import time
from collections.abc import Callable, Sequence

from hotplugctl.model import reads
from hotplugctl.model.reads import Failed, Hung, Read

STALLS_LIMIT = 3
"""Children left behind for one batch at most; what is not read by then counts as hung."""

_LENGTH = 4
_NAMES = ("Value", "Absent", "Unrecorded", "Denied", "Failed", "Vanished", "TooLarge", "NotRegular", "Outside")


def read_in_child(read: Callable[[str], Read], paths: Sequence[str], seconds: float) -> dict[str, Read]:
    """Read each path with ``read``, in a child; Hung for one that takes more than ``seconds``, then on with the next.

    ``read`` must open what it needs itself: the child starts with no open files.
    At most ``STALLS_LIMIT`` times ``seconds`` are lost to hung reads. A child that dies over a path: Failed(EIO).
    """
    results: dict[str, Read] = {}
    left = list(paths)
    for _ in range(STALLS_LIMIT):
        if not left:
            return results
        try:
            done, number = _batch(read, left, seconds)
        except OSError as error:
            # No child could be made; a read in this process is what must not be.
            return {**results, **{path: Failed(path, error.errno or errno.EAGAIN) for path in left}}
        results.update(zip(left, done))
        left = left[len(done) :]
        if left:
            first = left.pop(0)
            results[first] = Failed(first, number) if number else Hung(first, seconds)
    results.update((path, Hung(path, seconds)) for path in left)
    return results


def _batch(read: Callable[[str], Read], paths: list[str], seconds: float) -> tuple[list[Read], int]:
    """The results up to the first path that stalls, and 0, or EIO where the child died."""
    out, into = os.pipe2(os.O_CLOEXEC)
    try:
        child = os.fork()
    except OSError:
        os.close(out)
        os.close(into)
        raise
    if child == 0:
        _serve(read, paths, into)
    os.close(into)
    try:
        return _gather(out, paths, seconds)
    finally:
        os.close(out)
        _abandon(child)


def _abandon(child: int) -> None:
    """Kill the child and do not wait: it may not be able to die. Init takes what we leave."""
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, os.WNOHANG)
    except OSError:
        pass


def _gather(out: int, paths: list[str], seconds: float) -> tuple[list[Read], int]:
    done: list[Read] = []
    pending = b""
    poll = select.poll()
    poll.register(out, select.POLLIN)
    deadline = time.monotonic() + seconds
    while len(done) < len(paths):
        wait = deadline - time.monotonic()
        if wait <= 0 or not poll.poll(wait * 1000):
            return done, 0
        chunk = os.read(out, 1 << 16)
        if not chunk:
            return done, errno.EIO
        pending += chunk
        pending = _take(pending, paths, done)
        deadline = time.monotonic() + seconds
    return done, 0


def _take(pending: bytes, paths: list[str], done: list[Read]) -> bytes:
    """Move every whole message from ``pending`` to ``done``; the rest is returned."""
    while len(pending) >= _LENGTH:
        end = _LENGTH + int.from_bytes(pending[:_LENGTH], "little")
        if len(pending) < end:
            break
        name, fields = marshal.loads(pending[_LENGTH:end])
        done.append(getattr(reads, name)(paths[len(done)], *fields))
        pending = pending[end:]
    return pending


def _serve(read: Callable[[str], Read], paths: list[str], into: int) -> None:
    """The child: read, tell, end. Never returns, and never runs what the parent has registered for its end."""
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _let_go(into)
        for path in paths:
            outcome = read(path)
            message = marshal.dumps((type(outcome).__name__, tuple(outcome)[1:]))
            _write(into, len(message).to_bytes(_LENGTH, "little") + message)
        status = 0
    finally:
        os._exit(status)


def _let_go(into: int) -> None:
    """Close every file of the parent but the pipe; /dev/null takes the place of the standard ones."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    try:
        held = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        held = list(range(1024))
    for handle in held:
        if handle > 2 and handle != into:
            try:
                os.close(handle)
            except OSError:
                pass


def _write(into: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(into, view) :]
