"""What a path stands for."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Optional

import pytest

from hotplugctl.source.stages import places


def labels(path: object, stage: Optional[str] = None) -> list[str]:
    return [place.label for place in places(str(path), stage)]


def recording(folder: Path) -> Path:
    (folder / "sys").mkdir(parents=True)
    (folder / "proc").mkdir()
    return folder


def story(folder: Path) -> Path:
    for stage in ("after", "added", "before"):
        recording(folder / stage)
    (folder / "events").mkdir()
    return folder


def packed(folder: Path) -> Path:
    target = folder.with_name(folder.name + ".tar.gz")
    with tarfile.open(target, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    return target


def test_a_recording_is_itself(tmp_path):
    folder = recording(tmp_path / "r")
    assert labels(folder) == [str(folder)]
    assert labels(packed(folder)) == [f"{folder}.tar.gz"]


def test_a_story_is_all_its_stages_in_their_order(tmp_path):
    folder = story(tmp_path / "s")
    assert labels(folder) == [f"{folder}:{stage}" for stage in ("before", "added", "after")]
    assert labels(packed(folder)) == [f"{folder}.tar.gz:{stage}" for stage in ("before", "added", "after")]


def test_a_stage_is_taken_at_its_word(tmp_path):
    folder = story(tmp_path / "s")
    assert labels(folder, "added") == [f"{folder}:added"]
    assert labels(folder, "nowhere") == [f"{folder}:nowhere"]


def test_a_folder_of_recordings_is_all_that_lie_in_it(tmp_path):
    packed(recording(tmp_path / "c"))
    story(tmp_path / "b")
    recording(tmp_path / "a")
    (tmp_path / "README").write_text("not one")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "d.tar").write_bytes(b"broken, and named like one")
    names = ["a", "b:before", "b:added", "b:after", "c", "c.tar.gz", "d.tar"]
    assert labels(tmp_path) == [f"{tmp_path}/{name}" for name in names]


def test_a_recording_with_a_broken_manifest_is_one(tmp_path):
    (recording(tmp_path / "a") / "manifest.json").write_text("[")
    recording(tmp_path / "b")
    assert labels(tmp_path) == [f"{tmp_path}/a", f"{tmp_path}/b"]


@pytest.mark.parametrize("name", ["missing", "empty", "file", "a\0b", "", "fifo", "loop"])
def test_what_cannot_be_looked_into_is_a_place_too(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    path = f"{tmp_path}/{name}" if name else ""
    assert labels(path) == [path]


def test_standard_input_is_not_touched():
    assert labels("-") == ["-"]
