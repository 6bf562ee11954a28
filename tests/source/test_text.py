"""Texts that a user names."""

from __future__ import annotations

import os

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.source import text


def test_lines_come_as_they_are_and_long_ones_in_pieces(tmp_path):
    (tmp_path / "t").write_bytes(b"a\r\n\xff\n" + b"x" * 70_000)
    with open(tmp_path / "t", "rb") as file:
        found = list(text.lines(file))
    assert found[:2] == ["a\r\n", "\\xff\n"]
    assert [len(line) for line in found[2:]] == [1 << 16, 70_000 - (1 << 16)]


@pytest.mark.parametrize("read", [lambda file: list(text.lines(file)), lambda file: text.whole(file, file.name)])
def test_what_cannot_be_read_is_unusable(read):
    with open("/proc/self/mem", "rb") as file, pytest.raises(UnusableRoot, match=r"^/proc/self/mem: \w"):
        read(file)


def test_standard_input_that_is_for_writing(tmp_path):
    handle = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    with open(handle, "rb") as file, pytest.raises(UnusableRoot, match=r"^standard input: "):
        list(text.lines(file))
