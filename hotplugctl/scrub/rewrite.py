"""The first pass: what a recording holds, with every original replaced, in contents, names and targets."""

from __future__ import annotations

import re
from typing import Callable, Optional

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub import fields, layers, shapes, sockets
from hotplugctl.scrub.find import latin, name
from hotplugctl.scrub.records import Span
from hotplugctl.scrub.vocabulary import Vocabulary

_SERIAL_PAGE, _ATA_PAGE = "/vpd_pg80", "/vpd_pg89"
# ATA IDENTIFY DEVICE begins at byte 60 of page 89h, the serial is in its words 10 to 19 (SAT-4, 12.4.2; ACS-4, 7.13.7).
_ATA_SERIAL = (80, 100)


class Rewriter:
    """Replaces originals by their pseudonyms; remembers what it did, since files repeat.

    ``spans``: ``fields.spans``, or what remembers its answers.
    """

    def __init__(self, vocabulary: Vocabulary, spans: Callable[[str, str], list[Span]] = fields.spans) -> None:
        self._vocabulary = vocabulary
        self._spans = spans
        self._known: dict[tuple[str, str], str] = {}

    def holdings(self, before: Holdings) -> Holdings:
        """All of them."""
        names = self.path
        return Holdings(
            files={names(path): self.content(path, data) for path, data in before.files.items()},
            modes={names(path): mode for path, mode in before.modes.items()},
            links={names(path): self.path(target) for path, target in before.links.items()},
            listed={names(path): self._listed(path, entries) for path, entries in before.listed.items()},
            kinds={names(path): kind for path, kind in before.kinds.items()},
            failed={names(path): failure._replace(path=names(failure.path)) for path, failure in before.failed.items()},
            absent=frozenset(names(path) for path in before.absent),
            behind={names(path): said for path, said in before.behind.items()},
        )

    def _listed(self, folder: str, entries: tuple[str, ...]) -> tuple[str, ...]:
        after = [self.path(f"{folder}/{entry}").rpartition("/")[2] for entry in entries]
        return tuple(sorted(after) if list(entries) == sorted(entries) else after)

    def path(self, path: str) -> str:
        """A path, name or target."""
        known = self._known.get((path, "\0"))
        if known is None:
            before = latin(path)
            after = self.text("", before, None)
            known = path if after == before else name(after)
            self._known[path, "\0"] = known
        return known

    def content(self, path: str, data: bytes) -> bytes:
        """The content of the file at ``path``."""
        special = fields.kind_of_file(path) or (path if _is_special(path) or len(data) > 512 else "")
        text = data.decode("latin-1")
        known = self._known.get((text, special))
        if known is None:
            known = layers.through(path, text, self.text)
            self._known[text, special] = known
        return data if known == text else known.encode("latin-1")

    def text(self, path: str, text: str, kind: Optional[str]) -> str:
        """One plain text."""
        if kind == "config" or layers.is_config(path, text):
            return self._everywhere(self._config(text))
        if kind is not None:
            return self._value(kind, text)
        if path.endswith(_SERIAL_PAGE):
            return text[:4] + self._value("serial", text[4:])
        if path.endswith("/vpd_pg83"):
            return self._value("links", text)
        if path.endswith(_ATA_PAGE):
            text = self._ata(text)
        spans = self._spans(path, text)
        if spans:
            parts = []
            at = 0
            for span in spans:
                parts += [text[at : span.start], self._value(span.kind, text[span.start : span.end])]
                at = span.end
            text = "".join(parts) + text[at:]
        text = self._everywhere(text)
        if sockets.holds_v4(path):
            text = sockets.HEX_V4.sub(self._hex_v4, text)
        if sockets.holds_v6(path):
            text = sockets.HEX_V6.sub(self._hex_v6, text)
        return text

    def _everywhere(self, text: str) -> str:
        return self._vocabulary.addresses(self._vocabulary.everywhere.replaced(text))

    def _value(self, kind: str, value: str) -> str:
        """What stands where an identity of ``kind`` stands."""
        stripped = value.strip(" \0\t\n\r")
        other = self._vocabulary.exact.get(stripped)
        if other is not None and kind != "links":
            start = value.find(stripped)
            return value[:start] + other + value[start + len(stripped) :]
        if shapes.SPACED.fullmatch(stripped):
            digits = self._vocabulary.digits["wwn"].get(shapes.digits(stripped))
            value = value if digits is None else value.replace(stripped, bytes.fromhex(digits).hex(" "))
        return self._vocabulary.addresses(self._vocabulary.close.replaced(value))

    def _config(self, config: str) -> str:
        start = layers.serial_number_at(config)
        if start is None:
            return config
        digits = config[start : start + 8].encode("latin-1")[::-1].hex()
        other = self._vocabulary.digits["dsn"].get(digits)
        if other is None:
            return config
        return config[:start] + bytes.fromhex(other)[::-1].decode("latin-1") + config[start + 8 :]

    def _ata(self, page: str) -> str:
        start, end = _ATA_SERIAL
        if len(page) < end:
            return page
        plain = _swapped(page[start:end])
        return page[:start] + _swapped(self._value("serial", plain)) + page[end:]

    def _hex_v4(self, found: re.Match[str]) -> str:
        other = self._vocabulary.v4.get(sockets.little_v4(found[0]))
        return found[0] if other is None else other.to_bytes(4, "little").hex().upper()

    def _hex_v6(self, found: re.Match[str]) -> str:
        other = self._vocabulary.v6.get(int(found[0], 16))
        return found[0] if other is None else f"{other:032x}"


def _is_special(path: str) -> bool:
    return "/proc/" in path or "/etc/" in path or "/vpd_pg" in path or path.endswith("/config")


def _swapped(text: str) -> str:
    return "".join(text[at : at + 2][::-1] for at in range(0, len(text), 2))
