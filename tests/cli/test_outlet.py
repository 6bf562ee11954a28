"""Output that never waits for its reader, loses nothing, and ends when nobody reads."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotplugctl.cli import outlet as outlets
from hotplugctl.cli.outlet import Outlet


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for handle in (reader, writer):
        try:
            os.close(handle)
        except OSError:
            pass


def everything(handle: int) -> bytes:
    """Read to the end."""
    found = b""
    while True:
        data = os.read(handle, 1 << 16)
        if not data:
            return found
        found += data


def test_what_a_pipe_takes_is_written_at_once(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    outlet.put(["one\n", "zwei\u00e9\n"])
    assert not outlet.pending
    assert os.read(reader, 100) == "one\nzweié\n".encode()


def test_a_reader_that_sleeps_is_not_waited_for(pipe: tuple[int, int]) -> None:
    """More than a pipe holds is kept, and comes in its order once it reads again."""
    reader, writer = pipe
    outlet = Outlet(writer)
    lines = [f"{number:06d} {'x' * 93}\n" for number in range(5000)]
    for line in lines:
        outlet.put([line])
    assert outlet.pending
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(everything(reader)))
    thread.start()
    assert outlet.drain(10)
    os.close(writer)
    thread.join(10)
    assert found == ["".join(lines).encode()]


def test_the_handle_is_left_as_it_was(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    before = fcntl.fcntl(writer, fcntl.F_GETFL)
    Outlet(writer).put(["x" * 100_000])
    assert fcntl.fcntl(writer, fcntl.F_GETFL) == before


def test_a_handle_that_never_waits(pipe: tuple[int, int]) -> None:
    """Somebody else made it so."""
    reader, writer = pipe
    os.set_blocking(writer, False)
    outlet = Outlet(writer)
    outlet.put(["x" * 200_000])
    assert outlet.pending
    while outlet.pending:
        assert os.read(reader, 1 << 16)
        outlet.push()


def test_it_is_full(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "LIMIT", 100_000)
    outlet = Outlet(pipe[1])
    outlet.put(["x" * 90_000])
    assert not outlet.full
    outlet.put(["x" * 90_000])
    assert outlet.full


def test_a_reader_that_sleeps_on_is_given_up(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    outlet.put(["x" * 200_000])
    assert not outlet.drain(0.01)


def test_nobody_reads(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    os.close(reader)
    outlet.put(["one\n"])
    assert outlet.gone and not outlet.pending
    outlet.put(["two\n"])
    assert outlet.drain(0)


def test_a_file_takes_everything(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        outlet = Outlet(file.fileno())
        assert not outlet.can_close
        for _ in range(3):
            outlet.put(["x" * 3_000_000])
        assert not outlet.pending
    assert path.stat().st_size == 9_000_000


def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "wb") as file, pytest.raises(OSError):
        Outlet(file.fileno()).put(["x\n"])


def test_what_the_encoding_lacks_is_escaped(pipe: tuple[int, int]) -> None:
    Outlet(pipe[1], "ascii").put(["\u00e9\udcff\n"])
    assert os.read(pipe[0], 100) == b"\\xe9\\udcff\n"
