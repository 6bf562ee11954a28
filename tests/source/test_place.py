"""Something new at a place, or nothing: where the file system cannot do what is asked first."""

from __future__ import annotations

import errno
import os

import pytest

from hotplugctl.source import place


def file_of(data):
    return lambda file: file.write(data)


def folder_of(name):
    return lambda handle: os.mkdir(name, dir_fd=handle)


def refusing(number):
    def link(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    return link


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_hard_links(tmp_path, monkeypatch, number):
    """As on vfat: the renaming that replaces nothing does it."""
    monkeypatch.setattr(os, "link", refusing(number))
    place.make_file(str(tmp_path / "a.tar"), file_of(b"data"))
    assert (tmp_path / "a.tar").read_bytes() == b"data"
    assert os.listdir(tmp_path) == ["a.tar"]


def test_a_link_that_fails_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refusing(errno.EIO))
    with pytest.raises(OSError, match="nput/output"):
        place.make_file(str(tmp_path / "a.tar"), file_of(b"data"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL])
def test_without_that_renaming(tmp_path, monkeypatch, number, taken):
    """An old kernel: a look right before has to do."""

    def rename_new(_part, out):
        if taken:
            os.mkdir(out)
        return number

    monkeypatch.setattr(place, "_rename_new", rename_new)
    out = str(tmp_path / "out")
    if taken:
        with pytest.raises(FileExistsError):
            place.make_folder(out, folder_of("x"))
        assert os.listdir(out) == []
    else:
        place.make_folder(out, folder_of("x"))
        assert os.listdir(out) == ["x"]
    assert os.listdir(tmp_path) == ["out"]


def test_the_renaming_replaces_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert place._rename_new(str(tmp_path / "a"), str(tmp_path / "b")) == errno.EEXIST
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert place._rename_new(str(tmp_path / "a"), str(tmp_path / "c")) == 0
    assert sorted(os.listdir(tmp_path)) == ["b", "c"]


@pytest.mark.parametrize("fill", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device"), ValueError])
@pytest.mark.parametrize("make", [place.make_file, place.make_folder])
def test_what_fails_midway_leaves_nothing(tmp_path, make, fill):
    def failing(_target):
        raise fill

    with pytest.raises(fill if isinstance(fill, type) else type(fill)):
        make(str(tmp_path / "out"), failing)
    assert os.listdir(tmp_path) == []


def test_a_name_as_long_as_names_can_be(tmp_path):
    """What is written beside it must not need a longer one."""
    name = "n" * 251 + ".tar"
    place.make_file(str(tmp_path / name), file_of(b""))
    place.make_folder(str(tmp_path / ("f" * 255)), folder_of("x"))
    assert sorted(os.listdir(tmp_path)) == ["f" * 255, name]


def test_every_name_beside_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: bytes(count))
    (tmp_path / f".hotplugctl-{'00' * 6}.part").touch()
    with pytest.raises(OSError, match="busy"):
        place.make_file(str(tmp_path / "out.tar"), file_of(b""))
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize(
    "out, packing",
    [
        ("a.tar", ""),
        ("a.tar.gz", "gz"),
        ("a.tgz", "gz"),
        ("a.tar.xz", "xz"),
        ("a.txz", "xz"),
        ("a", None),
        ("a.tar.d", None),
        ("tar", None),
        ("a.tar/b", None),
    ],
)
def test_the_name_says_how_it_is_packed(out, packing):
    assert place.packing_of(out) == packing
