"""What a path stands for."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Optional

import pytest

from hotplugctl.errors import UnusableRoot
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
    os.renames(packed(recording(tmp_path / "made/r")), tmp_path / "all/c.tar.gz")
    folder = tmp_path / "all"
    story(folder / "b")
    (folder / "README").write_text("not one")
    (folder / "nothing").mkdir()
    (folder / "loop").symlink_to(".")
    (folder / "d.tar").write_bytes(b"broken, and named like one")
    names = ["b:before", "b:added", "b:after", "c.tar.gz", "d.tar"]
    assert labels(folder) == [f"{folder}/{name}" for name in names]
    # A recording unpacked among them makes the folder a story, and hides none of the others.
    recording(folder / "a")
    assert labels(folder)[0] == f"{folder}:a"
    assert set(labels(folder)) >= {f"{folder}/{name}" for name in names}


def test_a_story_in_a_folder_of_its_own_is_taken_once(tmp_path):
    story(tmp_path / "only/s")
    assert labels(tmp_path / "only") == [f"{tmp_path}/only:{stage}" for stage in ("before", "added", "after")]


def test_a_stage_with_a_broken_manifest_is_one(tmp_path):
    (recording(tmp_path / "a") / "manifest.json").write_text("[")
    recording(tmp_path / "b")
    assert labels(tmp_path) == [f"{tmp_path}:a", f"{tmp_path}:b"]


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


def test_a_story_of_very_many_stages_is_refused(tmp_path):
    for number in range(101):
        recording(tmp_path / f"s/{number:03}")
    with pytest.raises(UnusableRoot, match="more than 100 stages"):
        labels(tmp_path / "s")
    (tmp_path / "s/100").rename(tmp_path / "elsewhere")
    assert len(labels(tmp_path / "s")) == 100


def test_a_recording_with_a_damaged_manifest_is_one_still(tmp_path):
    folder = recording(tmp_path / "all/damaged")
    # Either would pass for a recording of its own.
    for inner in ("usr", "proc"):
        (folder / inner / "lib").mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert labels(folder) == [str(folder)]
    assert labels(tmp_path / "all") == [str(tmp_path / "all")]
    recording(tmp_path / "all/sound")
    assert labels(tmp_path / "all") == [f"{tmp_path}/all:damaged", f"{tmp_path}/all:sound"]
