"""The texts within a text: strings in JSON, datagrams in base64, config space in hexadecimal and in binary.

A visitor is shown each of them in plain form, innermost first, and gives back what is to stand there; unchanged parts
keep their bytes.
"""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64, b2a_base64
from itertools import islice
from typing import Callable, Optional

from hotplugctl.scrub import fields

Visit = Callable[[str, str, Optional[str]], str]
"""Path, text (one character a byte), and the kind of all of it where a key says so → the text that takes its place."""

_B64 = re.compile(r'("b64"\s{0,4}:\s{0,4}")([A-Za-z0-9+/=]{4,})(?=")')
# It matches what has no end too: to look again behind every quote in that would take quadratic time.
_STRING = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?')
_KEY = re.compile(r'"([A-Za-z0-9_-]{1,64})"\s{0,4}:\s{0,4}\Z')
_HOLE = "\0\0"
_DUMP_LINE = re.compile(r"^([0-9a-f]{2,3}): ((?:[0-9a-f]{2} ){15}[0-9a-f]{2})$", re.MULTILINE)
_IN_DUMP = re.compile(r": (?:[0-9a-f]{2} ){15}")
_EXTENDED = 0x100
_CONFIG_SIZES = (256, 4096)


def through(path: str, text: str, visit: Visit) -> str:
    """``text`` of the file at ``path`` after ``visit`` saw what is in it."""
    if path.endswith(".gz"):
        # Packed: what looks like a word in it is none.
        return text
    holes: list[str] = []
    if _HOLE not in text and '"' in text:
        if '"b64"' in text:
            text = _B64.sub(lambda found: _hole(holes, found[1], _datagram(path, found[2], visit)), text)
        if "\\" in text and _is_json(text):
            text, holes = _strings(holes, path, text, visit)
    if _HOLE not in text and ": " in text[:100000] and _IN_DUMP.search(text) and _DUMP_LINE.search(text):
        return _dumps(path, text, visit)
    text = visit(path, text, None)
    if not holes:
        return text
    parts = text.split(_HOLE)
    return "".join(part + hole for part, hole in zip(parts, [*holes, ""]))


def _hole(holes: list[str], before: str, filling: str) -> str:
    holes.append(filling)
    return before + _HOLE


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _datagram(path: str, encoded: str, visit: Visit) -> str:
    try:
        plain = a2b_base64(encoded.encode("ascii")).decode("latin-1")
    except Error:
        return encoded
    after = visit(path, plain, None)
    return encoded if after == plain else b2a_base64(after.encode("latin-1"), newline=False).decode("ascii")


def _strings(there: list[str], path: str, text: str, visit: Visit) -> tuple[str, list[str]]:
    """The strings with a backslash; no string goes on in another line, so that most lines need no look.

    ``there``: what fills the holes that ``text`` has; with what is to fill the new ones, in the order of the text.
    """
    before = iter(there)
    holes: list[str] = []
    parts = []
    at = 0
    backslash = text.find("\\")
    while backslash >= 0:
        end = text.find("\n", backslash) % (len(text) + 1)
        for found in _STRING.finditer(text, text.rfind("\n", 0, backslash) + 1, end):
            if "\\" in found[0]:
                holes += islice(before, text.count(_HOLE, at, found.start()))
                parts += [text[at : found.start()], _hole(holes, "", _literal(path, found, visit))]
                at = found.end()
        backslash = text.find("\\", end)
    return "".join(parts) + text[at:], [*holes, *before]


def _literal(path: str, found: re.Match[str], visit: Visit) -> str:
    try:
        value = json.loads(found[0].encode("latin-1").decode("utf-8", "surrogateescape"), strict=False)
        plain = value.encode("utf-8", "surrogatepass").decode("latin-1")
    except ValueError:
        return visit(path, found[0], None)
    key = _KEY.search(found.string, max(0, found.start() - 80), found.start())
    after = visit(path, plain, fields.kind_of_key(key[1]) if key else None)
    if after == plain:
        return found[0]
    text = after.encode("latin-1").decode("utf-8", "backslashreplace")
    return json.dumps(text, ensure_ascii=found[0].isascii()).encode("utf-8", "surrogatepass").decode("latin-1")


def _dumps(path: str, text: str, visit: Visit) -> str:
    """``lspci -x``: lines of sixteen bytes, a device's from 00 upward; what lies across two lines is seen whole."""
    blocks: list[list[re.Match[str]]] = []
    for found in _DUMP_LINE.finditer(text):
        offset = int(found[1], 16)
        if not blocks or offset != 16 * len(blocks[-1]):
            blocks.append([])
        if offset == 16 * len(blocks[-1]):
            blocks[-1].append(found)
    parts = []
    at = 0
    for block in filter(None, blocks):
        plain = bytes.fromhex("".join(found[2] for found in block)).decode("latin-1")
        after = visit(f"{path}/config", plain, "config").encode("latin-1")
        for number, found in enumerate(block):
            parts += [text[at : found.start(2)], after[16 * number : 16 * number + 16].hex(" ")]
            at = found.end(2)
    return visit(path, "".join(parts) + text[at:], None)


def serial_number_at(config: str) -> Optional[int]:
    """Where the eight bytes of the Device Serial Number capability begin (PCIe 5.0, 7.9.3); None without one."""
    if len(config) < _EXTENDED + 12:
        return None
    offset = _EXTENDED
    for _ in range(len(config) // 8):
        header = int.from_bytes(config[offset : offset + 4].encode("latin-1"), "little")
        if header & 0xFFFF == 3 and offset + 12 <= len(config):
            return offset + 4
        offset = header >> 20
        if not _EXTENDED <= offset < len(config) - 4:
            break
    return None


def is_config(path: str, text: str) -> bool:
    """Whether it is the config space of a function."""
    return len(text) in _CONFIG_SIZES and path.endswith("/config") and "/sys/" in path
