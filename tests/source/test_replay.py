"""Recorded streams: where they are found, and lines that are long, torn, or no lines at all."""

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.source import replay

LINE = b'{"t": 1.5, "raw": "6,1,2,-;x"}\n'


def found(stream: replay.Stream) -> dict[str, list[bytes]]:
    return {name: list(lines) for name, lines in stream.files.items()}


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved" / "events"
    folder.mkdir(parents=True)
    (folder / "kmsg.jsonl").write_bytes(LINE * 2)
    (folder / "netlink-uevent.jsonl").write_bytes(b"")
    (folder / "timeline.txt").write_bytes(b"not ours")
    return tmp_path / "saved"


EXPECTED = {"kmsg.jsonl": [LINE, LINE], "netlink-uevent.jsonl": []}


def test_a_recording_or_its_events(saved):
    assert found(replay.open_stream(str(saved))) == EXPECTED
    assert found(replay.open_stream(str(saved / "events"))) == EXPECTED


def test_a_story_has_one_for_all_its_stages(saved):
    (saved / "before" / "sys").mkdir(parents=True)
    assert found(replay.open_stream(str(saved))) == EXPECTED


def test_a_folder_in_a_folder(saved, tmp_path):
    assert found(replay.open_stream(str(tmp_path))) == EXPECTED


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar(saved, tmp_path, mode):
    path = tmp_path / "story.tar"
    with tarfile.open(path, mode) as archive:
        archive.add(saved, "story")
    assert found(replay.open_stream(str(path))) == EXPECTED
    with path.open("rb") as stdin:
        assert found(replay.open_stream("-", stdin)) == EXPECTED


def test_a_file_of_lines(saved):
    assert found(replay.open_stream(str(saved / "events" / "kmsg.jsonl"))) == {"": [LINE, LINE]}


@pytest.mark.parametrize("path", ["", "a\0b", "/nonexistent/x", "/dev/null", os.devnull])
def test_what_is_none(path):
    with pytest.raises(UnusableRoot) as error:
        replay.open_stream(path)
    assert error.value.message and error.value.hint


def test_a_folder_without_events(tmp_path):
    (tmp_path / "sys").mkdir()
    with pytest.raises(UnusableRoot, match="no events/"):
        replay.open_stream(str(tmp_path))


def test_a_tar_without_events(tmp_path):
    path = tmp_path / "empty.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("sys"), io.BytesIO())
    with pytest.raises(UnusableRoot, match="no events/"):
        replay.open_stream(str(path))


def test_a_fifo_is_not_waited_for(saved):
    (saved / "events" / "kmsg.jsonl").unlink()
    os.mkfifo(saved / "events" / "kmsg.jsonl")
    with pytest.raises(UnusableRoot, match="not a regular file"):
        replay.open_stream(str(saved))


def test_a_link_out_of_the_recording_is_not_followed(saved, tmp_path):
    (tmp_path / "secret").write_bytes(LINE)
    (saved / "events" / "kmsg.jsonl").unlink()
    (saved / "events" / "kmsg.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(UnusableRoot):
        replay.open_stream(str(saved))


def test_a_line_without_an_end_is_cut(saved):
    path = saved / "events" / "kmsg.jsonl"
    path.write_bytes(LINE + b'{"t": 2, "raw": "' + b"x" * (3 * replay.LINE_LIMIT) + b'"}\n' + LINE)
    first, long, last = found(replay.open_stream(str(saved)))["kmsg.jsonl"]
    assert (first, last) == (LINE, LINE)
    assert len(long) < 100
    with pytest.raises(ValueError):
        json.loads(long)
