"""Menus of GRUB 0.97: what the manual allows, and what nobody should write. The rest: tests/collect/test_image.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.parse import grub_legacy


@pytest.mark.parametrize(
    "line, kernel, text",
    [
        ("kernel /vmlinuz ro quiet", "/vmlinuz", "ro quiet"),
        ("\tkernel\t(hd0,0)/boot/vmlinuz  ro", "/boot/vmlinuz", "ro"),
        ("kernel=/vmlinuz a=b", "/vmlinuz", "a=b"),
        ("kernel --type=linux --no-mem-option /vmlinuz x", "/vmlinuz", "x"),
        ("kernel /vmlinuz", "/vmlinuz", ""),
        ("kernel", "", ""),
        ("#kernel /vmlinuz", "", ""),
        ("kernels /vmlinuz", "", ""),
    ],
)
def test_a_kernel(line, kernel, text):
    assert grub_legacy.parse(f"title T\n{line}\n").entries == (grub_legacy.Entry("T", kernel, text),)


def test_what_comes_before_a_title_belongs_to_none():
    assert grub_legacy.parse("kernel /x\ndefault = 3\ntitle A\ndefault 1") == (
        (grub_legacy.Entry("A", "", ""),),
        "3",
    )


def test_too_many_titles(monkeypatch):
    monkeypatch.setattr(grub_legacy, "ENTRIES_LIMIT", 2)
    assert [entry.title for entry in grub_legacy.parse("title a\ntitle b\ntitle c\ntitle d").entries] == ["a", "b"]


@pytest.mark.parametrize("text, number", [("2\n#\n", "2"), ("", None), ("x", None), ("99999 ", None), ("-1 ", None)])
def test_what_was_saved(text, number):
    assert grub_legacy.saved(text) == number


@given(st.text(alphabet="tile kernldfau=()/\\\n\r\t\0-#0\u0660é", max_size=200))
def test_total(text):
    menu = grub_legacy.parse(text)
    assert all(len(entry.text) <= grub_legacy.LINE_LIMIT for entry in menu.entries)
