"""What ``watch --save`` writes: complete at any moment, and for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hotplugctl.errors import BadTarget, OutputFailed
from hotplugctl.source.replay import EVENTS, LOG, LOOKS
from hotplugctl.source.saver import Saver


def test_lines_are_there_once_it_was_flushed(tmp_path: Path) -> None:
    saver = Saver(str(tmp_path / "out"))
    saver.write(EVENTS, ["one\n", "two\n"])
    saver.flush()
    folder = tmp_path / "out/events"
    assert (folder / EVENTS).read_text() == "one\ntwo\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted((EVENTS, LOG, LOOKS))
    saver.close()
    saver.close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    saver = Saver(str(tmp_path / "out"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*")}
    saver.close()
    assert modes == {"events": 0o700, EVENTS: 0o600, LOG: 0o600, LOOKS: 0o600}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BadTarget) as caught:
        Saver(str(tmp_path / "out"))
    assert "is there already" in caught.value.message
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "a\0b", "nowhere/out"])
def test_it_cannot_be_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputFailed):
        Saver(str(tmp_path / name) if name == "nowhere/out" else name)


def test_a_full_disk(tmp_path: Path) -> None:
    saver = Saver(str(tmp_path / "out"))
    (tmp_path / "out/events" / EVENTS).unlink()
    saver._files[EVENTS].close()
    saver._files[EVENTS] = open("/dev/full", "w")  # noqa: SIM115
    saver.write(EVENTS, ["one\n"])
    with pytest.raises(OutputFailed) as caught:
        saver.flush()
    assert "No space left" in caught.value.message
    with pytest.raises(OutputFailed):
        saver.close()
