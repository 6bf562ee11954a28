"""Text from elsewhere on its way to a terminal or into a document."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from hotplugctl.render.escape import is_printable, printable
from hotplugctl.render.jsontext import dumps


@pytest.mark.parametrize("text", ["", "plain", "Größe", "virtio-pci", "日本", "💻", "a b", "\\x1b", "'\"%"])
def test_what_is_printed_as_it_is(text):
    assert printable(text) == text
    assert is_printable(text)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
        ("\x7f\x80\x9b", "\\x7f\\x80\\x9b"),
        ("\u202ertl\u2066", "\\u202ertl\\u2066"),
        ("\u200b\u2060\ufeff\u00ad", "\\u200b\\u2060\\ufeff\\xad"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\U000e0041\U0010ffff", "\\U000e0041\\U0010ffff"),
        (b"\xff\x9b".decode("utf-8", "surrogateescape"), "\\xff\\x9b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_escaped(text, shown):
    assert printable(text) == shown
    assert not is_printable(text)


def test_every_character():
    """None that controls, orders or hides others is left, in all of Unicode."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    left = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in hidden and printable(chr(code)) == chr(code)
    ]
    assert not left


@pytest.mark.parametrize(
    "text, read",
    [
        ("plain", "plain"),
        ("💻", "💻"),
        ("\udcbb", "\\xbb"),
        ("💻\udcff💻", "💻\\xff💻"),
        ("\\udcbb", "\\udcbb"),
        ("\\\udcbb", "\\\\xbb"),
        ("\udc80\udcff", "\\x80\\xff"),
        ('"\n\x1b\u202e', '"\n\x1b\u202e'),
    ],
)
def test_what_a_document_holds(text, read):
    for compact in (True, False):
        written = dumps({"key": text, "list": [{"in": text}], "deep": {"key": [text]}}, compact=compact)
        assert written.isascii()
        assert json.loads(written) == {"key": read, "list": [{"in": read}], "deep": {"key": [read]}}


def test_one_record_a_line():
    document = {"schema": "x/1", "empty": [], "items": [{"a": 1}, {"a": 2}], "last": None}
    assert dumps(document) == (
        '{\n  "schema": "x/1",\n  "empty": [],\n  "items": [\n    {"a": 1},\n    {"a": 2}\n  ],\n  "last": null\n}'
    )
    assert dumps(document, compact=True).count("\n") == 0
