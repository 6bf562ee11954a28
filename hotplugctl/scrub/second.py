"""The second pass: looks for originals in what is about to be delivered, and knows nothing of how the first replaced.

It has its own list of encodings and its own way through a recording: everything is laid out as plain text first, once
as it stands and once without what separates, and searched in lower case.
"""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub import addresses, fields, nearby, shapes
from hotplugctl.scrub.find import Finds, latin
from hotplugctl.scrub.records import Leftover
from hotplugctl.scrub.vocabulary import Vocabulary
from hotplugctl.scrub.words import Words

_SEPARATED = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{2}(?:(?::|-|_| |\.|\\x3a|\\x2d|\\x5cx3a|\\x5cx2d|%3a)[0-9a-f]{2}){5,31}"
)
_GROUPED = re.compile(r"(?<![0-9a-z])[0-9a-f]{4,8}(?:(?:-|:|_|\.|\\x2d|\\x5cx2d)[0-9a-f]{4,12}){2,4}")
# In the middle of both, or of an escaped separator. This and the next begin with what is rare, and most lines are done
# with by these.
_MIDDLE = re.compile(r"[-:_ .x%](?:3a|2d|(?:[0-9a-f]{2}[-:_ .]){4}|[0-9a-f]{4,12}[-:_.][0-9a-f]{4})")
_IN_MAC = re.compile(":[0-9a-f]{2}:[0-9a-f]{2}:")
_IN_UUID = re.compile("-[0-9a-f]{4}-[0-9a-f]{4}-")
_IN_IPV4 = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
_SHADE, _RUN = bytes(48 if chr(byte) in "0123456789abcdef" else 32 for byte in range(256)), b"0" * 12
_BASE64 = re.compile(r'"b64"\s*:\s*"([A-Za-z0-9+/=]+)"')
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u00([0-9a-f]{2}))|%([0-9a-f]{2})")
_HEX_DUMP = re.compile(r"^[0-9a-f]{2,3}: ((?:[0-9a-f]{2} ?){16})$", re.MULTILINE)
_IN_DUMP = re.compile(r": (?:[0-9a-f]{2} ?){16}")
_MAC = re.compile(r"(?:(?<![0-9a-z:])|(?<=[g-z]\d:)|(?<=[g-z]:)|(?<=mac:))[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![0-9a-z:])")
_MAC_IN_QUADS = re.compile(r"(?<![0-9a-z.])[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}(?!\.?[0-9a-z])")
_IN_QUADS = re.compile(r"[0-9a-f]\.[0-9a-f]{4}\.")
_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])")
_IPV4 = re.compile(r"(?<![0-9a-z.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9a-z]|\.\d|-\d)")


class Second:
    """Looks for the originals in ``finds``; ``vocabulary`` only tells what is a pseudonym, or was too common a word."""

    def __init__(self, finds: Finds, vocabulary: Vocabulary) -> None:
        self._digits = {digits: kind for table in finds.digits.values() for digits, kind in table.items()}
        self._lengths = sorted({len(digits) for digits in self._digits})
        self._v4 = {addresses.v4_text(address): address for address in finds.numbers["ipv4"]}
        self._v6 = finds.numbers["ipv6"]
        self._positions = {text: kind for text, kind in finds.texts.items() if text in vocabulary.short}
        anywhere = {text: kind for text, kind in finds.texts.items() if text not in vocabulary.short}
        self._needles = dict(_needles(self._digits, anywhere, vocabulary.v4))
        self._words = Words(self._needles, {needle for needle in self._needles if _is_long(needle)})
        self._allowed = self._pseudonyms(vocabulary)
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}

    @staticmethod
    def _pseudonyms(vocabulary: Vocabulary) -> set[str]:
        given = {other for table in vocabulary.digits.values() for other in table.values() if other}
        return given | {addresses.v4_text(other) for other in vocabulary.v4.values() if other is not None}

    def leftovers(self, after: Holdings) -> Iterator[Leftover]:
        """Every place in ``after`` that still has an original, or something of the shape of one."""
        for path, data in after.files.items():
            for kind in self._kinds(path, data.decode("latin-1")):
                yield Leftover(path, "content", kind)
        known: dict[str, tuple[str, ...]] = {}
        for path, where, name in _names(after):
            if name not in known:
                known[name] = self._kinds("", latin(name))
            for kind in known[name]:
                yield Leftover(path, where, kind)

    def _kinds(self, path: str, text: str) -> tuple[str, ...]:
        key = (text, path if len(text) > 64 else path.rpartition("/")[2])
        if key not in self._seen:
            found: dict[str, None] = {}
            done: set[str] = set()
            for plain in _plain(path, text):
                found.update(dict.fromkeys(self._in_plain(path, plain, done)))
            self._seen[key] = tuple(found)
        return self._seen[key]

    def _in_plain(self, path: str, text: str, done: set[str]) -> Iterator[str]:
        """What is in ``text``; ``done``: what was looked at in lower case, where case does not matter."""
        low = text.lower()
        is_new = low not in done
        done.add(low)
        if is_new:
            yield from (self._needles[needle] for _, needle in self._words.found(low))
        if fields.REFERENCE.search(path):
            return
        if is_new and len(low) >= 12:
            yield from self._in_digits(low)
        yield from self._in_places(path, text)
        if is_new:
            yield from self._by_shape(path, low)

    def _in_digits(self, low: str) -> Iterator[str]:
        """Digits of addresses and UUIDs, whatever separates them."""
        lines = list(nearby.lines(_MIDDLE, low))
        for pattern in (_SEPARATED, _GROUPED):
            for found in (found for start, end in lines for found in pattern.finditer(low, start, end)):
                digits = re.sub(r"\\x5cx..|\\x..|%3a|[^0-9a-f]", "", found[0])
                # Bytes in a dump may be few different ones by chance, as digits in a row may.
                yield from self._windows(digits, 2, strict=" " in found[0])
        for run in _runs(low):
            yield from self._windows(run, 1, strict=True)

    def _windows(self, run: str, step: int, strict: bool) -> Iterator[str]:
        for length in self._lengths:
            for start in range(0, len(run) - length + 1, step):
                digits = run[start : start + length]
                if digits in self._digits and not (strict and len(run) != length and _dull(digits)):
                    yield self._digits[digits]

    def _in_places(self, path: str, text: str) -> Iterator[str]:
        """Originals that are common words, where an identity belongs."""
        if not any(word in text for word in self._positions):
            return
        for span in fields.spans(path, text):
            value = text[span.start : span.end].strip(" \0\n\t\r")
            if span.kind == "links":
                words = re.split(r"[^0-9A-Za-z]", value)
                yield from (self._positions[word] for word in words if self._positions.get(word) == "serial")
            elif span.kind in ("volume", "label"):
                yield from self._in_name(value)
            elif value in self._positions:
                yield self._positions[value]
        yield from (self._positions[word] for word in _of_page(path, text) if word in self._positions)

    def _in_name(self, value: str) -> Iterator[str]:
        """A label or a name of the device mapper, or a part of the latter; both may be escaped."""
        whole = _ESCAPE.sub(lambda found: chr(int(next(filter(None, found.groups())), 16)), value)
        single = whole.replace("--", "\0").split("-")
        yield from (
            self._positions[word]
            for word in (whole, *(part.replace("\0", "-") for part in single))
            if self._positions.get(word) in ("volume", "label")
        )

    def _by_shape(self, path: str, low: str) -> Iterator[str]:
        for found in (*nearby.found(_IN_MAC, _MAC, low), *nearby.found(_IN_QUADS, _MAC_IN_QUADS, low)):
            digits = re.sub("[:.]", "", found[0])
            # Of digits alone, four by four, it could be anything.
            number = "." in found[0] and digits.isdigit()
            if not number and digits not in self._allowed and not shapes.known_mac(digits):
                yield "mac"
        for found in nearby.found(_IN_UUID, _UUID, low):
            digits = found[0].replace("-", "")
            if digits not in self._allowed and not shapes.kept_uuid(path, low, found.start(), digits):
                yield "uuid"
        for found in nearby.found(_IN_IPV4, _IPV4, low):
            if found[0] in self._v4 or self._is_strange(path, low, found):
                yield "ipv4"
        for found in shapes.IPV6.finditer(low) if self._v6 and ":" in low else ():
            if shapes.ipv6(found[0]) in self._v6:
                yield "ipv6"

    def _is_strange(self, path: str, low: str, found: re.Match[str]) -> bool:
        """Whether it is a public address that is no pseudonym."""
        address = shapes.ipv4(found[0])
        if address is None or found[0] in self._allowed or shapes.private(address) is not None:
            return False
        return not shapes.version_before(path, low, found.start())


def _runs(low: str) -> Iterator[str]:
    """Twelve hexadecimal digits in a row and more."""
    shadow = low.encode("latin-1").translate(_SHADE)
    start = shadow.find(_RUN)
    while start >= 0:
        end = shadow.find(b" ", start)
        end = len(low) if end < 0 else end
        yield low[start:end]
        start = shadow.find(_RUN, end)


def _of_page(path: str, text: str) -> list[str]:
    """Where serial numbers stand in the pages that a disk tells of itself (SPC-4, 7.8; SAT-4, 12.4.2)."""
    if path.endswith("/vpd_pg80"):
        return [text[4:].strip(" \0\n")]
    if path.endswith("/vpd_pg89"):
        return [text[80:100].strip(" \0")]
    return re.findall(r"[0-9A-Za-z]+", text) if path.endswith("/vpd_pg83") else []


def _needles(
    digits: Mapping[str, str], texts: Mapping[str, str], v4: Mapping[int, Optional[int]]
) -> Iterator[tuple[str, str]]:
    """Texts in lower case that must not occur, and the kind of each."""
    for value, kind in digits.items():
        if len(value) == 12:
            yield from ((f"{value[:6]}{separator}{value[6:]}", kind) for separator in "-:")
        if not _dull(value):
            data = bytes.fromhex(value)
            for form in (
                data,
                data[::-1],
                *([data[3::-1] + data[5:3:-1] + data[7:5:-1] + data[8:]] * (len(data) == 16)),
            ):
                yield form.decode("latin-1").lower(), kind
    for text, kind in texts.items():
        low = text.lower()
        yield from ((form, kind) for form in {low, "_".join(low.split()), low.replace(" ", "_")})
        if len(text) >= 8:
            yield text.encode("latin-1").hex(), kind
    for address in v4:
        yield addresses.v4_text(address).replace(".", "-"), "ipv4"


def _dull(digits: str) -> bool:
    return shapes.plain(digits)


def _is_long(needle: str) -> bool:
    """Whether it counts inside of words too: it is long and no number, or it is bytes."""
    return (len(needle) >= 12 and not needle.isdigit()) or not (needle.isascii() and needle.isprintable())


def _plain(path: str, text: str) -> Iterator[str]:
    """``text``, and whatever is encoded in it."""
    yield text
    if "\\" in text or "%" in text:
        yield _ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), text.lower())
    if '"' in text:
        yield from _of_json(text)
        for found in _BASE64.finditer(text):
            try:
                yield a2b_base64(found[1].encode("ascii")).decode("latin-1")
            except Error:
                continue
    if path.endswith("/vpd_pg89"):
        yield "".join(text[at : at + 2][::-1] for at in range(0, len(text), 2))
    dump = "".join(found[1].replace(" ", "") for found in nearby.found(_IN_DUMP, _HEX_DUMP, text))
    if dump:
        yield bytes.fromhex(dump).decode("latin-1")
    if path.endswith("/net/route"):
        rows = (row.split("\t") for row in text.split("\n")[1:])
        words = [word for row in rows for word in row[1:3] if re.fullmatch("[0-9A-F]{8}", word)]
        yield " ".join(addresses.v4_text(int.from_bytes(bytes.fromhex(word), "little")) for word in words)


def _of_json(text: str) -> Iterator[str]:
    for line in [text] if text[:1] == "[" else text.split("\n"):
        if line[:1] in ("{", "[") and "\\" in line:
            try:
                found = json.loads(line.encode("latin-1").decode("utf-8", "replace"), strict=False, parse_int=len)
            except (ValueError, RecursionError):
                continue
            yield "\n".join(_strings(found)).encode("utf-8", "replace").decode("latin-1")


def _strings(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(f"{key}={value}" for key, value in one.items() if isinstance(value, str))
            waiting.extend(value for value in one.values() if not isinstance(value, str))
            waiting.extend(key for key, value in one.items() if not isinstance(value, str))
        elif isinstance(one, list):
            waiting.extend(one)


def _names(after: Holdings) -> Iterator[tuple[str, str, str]]:
    """Path, where, and text, of every name, target and entry of a table."""
    tables: tuple[tuple[str, Iterable[str]], ...] = (
        ("name", after.files),
        ("name", after.modes),
        ("name", after.links),
        ("directories", after.listed),
        ("kinds", after.kinds),
        ("failed", after.failed),
        ("absent", after.absent),
        ("behind", after.behind),
    )
    for where, paths in tables:
        for path in paths:
            yield path, where, path
    for path, target in after.links.items():
        yield path, "link target", target
    for folder, names in after.listed.items():
        yield folder, "listing", "\n".join(f"{folder}/{name}" for name in names)
    for path, failure in after.failed.items():
        yield path, "failed", failure.path
