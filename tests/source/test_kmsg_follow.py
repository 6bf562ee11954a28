"""The kernel log as it grows."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotplugctl.model.reads import Absent, Denied, NotRegular
from hotplugctl.source import kmsg_follow
from hotplugctl.source.kmsg_follow import Follower, follow


@pytest.fixture
def log() -> Iterator[tuple[socket.socket, Follower]]:
    """A descriptor that gives a record a read, as /dev/kmsg does."""
    writer, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.setblocking(False)
    follower = Follower(os.dup(reader.fileno()))
    yield writer, follower
    follower.close()
    follower.close()
    writer.close()
    reader.close()


def test_a_record_a_read(log: tuple[socket.socket, Follower]) -> None:
    writer, follower = log
    assert follower.read(5) == ([], False, True)
    for text in (b"6,1,2,-;one\n", b"6,2,3,-;two\n", b"6,3,4,-;caf\xe9\n"):
        writer.send(text)
    first = follower.read(2)
    assert [line.raw for line in first.items] == ["6,1,2,-;one\n", "6,2,3,-;two\n"]
    assert not first.drained
    assert follower.read(5).items[0].raw == "6,3,4,-;caf\\xe9\n"


def failing(monkeypatch: pytest.MonkeyPatch, *outcomes: object) -> None:
    waiting = list(outcomes)

    def read(_handle: int, _size: int) -> bytes:
        outcome = waiting.pop(0)
        if isinstance(outcome, int):
            raise OSError(outcome, os.strerror(outcome))
        return outcome

    monkeypatch.setattr(kmsg_follow.os, "read", read)


def test_what_was_overwritten_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, errno.EPIPE, b"6,9,9,-;later\n", errno.EAGAIN)
    records = Follower(-1).read(5)
    assert records.overwritten and records.drained
    assert [line.raw for line in records.items] == ["6,9,9,-;later\n"]


def test_a_log_that_breaks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, b"6,9,9,-;last\n", errno.EIO)
    records = Follower(-1).read(5)
    assert records.drained and len(records.items) == 1


def test_it_is_not_there(tmp_path: Path) -> None:
    assert isinstance(follow(False, str(tmp_path / "kmsg")), Absent)


def test_anything_else_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kmsg")
    assert isinstance(follow(False, str(tmp_path / "kmsg")), NotRegular)


def test_denied_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def denied(*_given: object) -> int:
        raise PermissionError(errno.EPERM, "no")

    (tmp_path / "kmsg").touch()
    monkeypatch.setattr(kmsg_follow.os, "open", denied)
    assert isinstance(follow(False, str(tmp_path / "kmsg"), None), Denied)


def test_the_real_log_from_its_end() -> None:
    follower = follow(False)
    if not isinstance(follower, Follower) or not os.access("/dev/kmsg", os.W_OK):
        pytest.skip(f"/dev/kmsg cannot be read and written to: {follower}")
    try:
        Path("/dev/kmsg").write_text("<7>hotplugctl test: a line of its own\n")
        poller = select.poll()
        poller.register(follower.fileno(), select.POLLIN)
        found: list[str] = []
        while not any("a line of its own" in line for line in found) and poller.poll(5000):
            found += [line.raw for line in follower.read(50).items]
        assert any("hotplugctl test: a line of its own" in line for line in found)
    finally:
        follower.close()


def test_the_real_log_from_its_start() -> None:
    follower = follow(True)
    if not isinstance(follower, Follower):
        pytest.skip(f"/dev/kmsg cannot be read: {follower}")
    try:
        assert follower.read(5).items
    finally:
        follower.close()
