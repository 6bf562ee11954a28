"""notes.txt of the collector: the gaps of a recording in lines."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Denied, Failed, Hung, TooLarge, Unrecorded, Value, Vanished
from hotplugctl.source.door import open_tree

HEAD = b"hotplugctl-notes 1\n"
FILES = {"sys/bus/pci/drivers_autoprobe": b"1\n", "sys/class/net/x": b"", "proc/sys/kernel/osrelease": b"6.1\n"}


def tree(notes: bytes):
    """A recording with these notes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in {**FILES, "notes.txt": notes}.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    buffer.seek(0)
    return open_tree("-", None, buffer)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"EINVAL /sys/a", Failed("/sys/a", 22)),
        (b"EACCES /sys/a", Denied("/sys/a", 13)),
        (b"ENODEV /sys/a", Vanished("/sys/a")),
        (b"ENOENT /sys/a", Vanished("/sys/a")),
        (b"HUNG 2 /sys/a", Hung("/sys/a", 2)),
        (b"LARGE 9 /sys/a", TooLarge("/sys/a", 9)),
        (b"ABSENT /sys/a", Absent("/sys/a")),
        (b"", Unrecorded("/sys/a")),
        (b"EINVAL /sys/a ", Unrecorded("/sys/a")),
        (b"ENOSUCH /sys/a", Unrecorded("/sys/a")),
        (b"environ /sys/a", Unrecorded("/sys/a")),
        (b"ABSENT /sys/../sys/a", Unrecorded("/sys/a")),
        (b"absent /sys/a", Unrecorded("/sys/a")),
        (b"ABSENT sys/a", Unrecorded("/sys/a")),
    ],
)
def test_a_line_says_how_a_read_ended(line, outcome):
    read = tree(HEAD + line + b"\n").read("/sys/a")
    assert (type(read), read) == (type(outcome), outcome)


def test_what_is_below_an_absent_folder_is_absent():
    noted = tree(HEAD + b"ABSENT /sys/bus/pci/slots\n")
    assert isinstance(noted.read("/sys/bus/pci/slots/1/address"), Absent)
    assert isinstance(noted.read("/sys/bus/pci/drivers"), Unrecorded)


def test_a_folder_that_nobody_listed_has_unknown_names():
    """Something is in it, but not all that was: a missing name is unknown, never absent."""
    noted = tree(HEAD)
    assert isinstance(noted.names("/sys/bus/pci"), Unrecorded)
    assert isinstance(noted.read("/sys/bus/pci/slots"), Unrecorded)


def test_a_listed_folder_has_the_names_of_the_tar_and_of_the_lines():
    lines = b"LISTED /sys/class/net\nsocket /sys/class/net/s\nEIO /sys/class/net/e\nABSENT /sys/class/net/no\n"
    noted = tree(HEAD + lines)
    assert noted.names("/sys/class/net") == Names("/sys/class/net", ("e", "s", "x"))
    assert noted.kind_of("/sys/class/net/s") == "socket"
    assert isinstance(noted.read("/sys/class/net/x"), Value)
    assert tree(HEAD + b"LISTED /sys/class/drm\ndir /sys/class/drm\n").names("/sys/class/drm").names == ()


def test_it_stands_for_a_manifest():
    said = tree(HEAD + b"time 2026-11-23T06:40:16Z\n").gaps.manifest
    assert (said.kernel, said.time, said.source, said.files) == ("6.1", "2026-11-23T06:40:16Z", "live", {})


def test_notes_of_another_version():
    with pytest.raises(UnusableRoot, match=r"notes\.txt: of another version than 1"):
        tree(b"hotplugctl-notes 2\n")


def test_more_lines_than_a_guest_can_have(monkeypatch):
    monkeypatch.setattr("hotplugctl.source.collected.LINES_LIMIT", 3)
    assert tree(HEAD + b"ABSENT /sys/a\n" * 2).gaps.manifest is not None
    with pytest.raises(UnusableRoot, match=r"notes\.txt: more than 3 lines"):
        tree(HEAD + b"ABSENT /sys/a\n" * 3)


def test_a_text_that_somebody_else_wrote():
    assert tree(b"remember the milk\nABSENT /sys/a\n").gaps.manifest is None


@given(st.binary())
def test_any_bytes(lines):
    noted = tree(HEAD + lines)
    assert noted.names("/sys/class/net") is not None
    assert noted.read("/sys/bus/pci/drivers_autoprobe") is not None
