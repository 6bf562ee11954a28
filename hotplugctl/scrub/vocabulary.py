"""What takes the place of what: pseudonyms for all finds, and the expressions that look for these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.scrub import addresses, pools, shapes, spellings
from hotplugctl.scrub.find import Finds
from hotplugctl.scrub.words import Words

_POOLS = {"mac": pools.mac, "dsn": pools.like, "hex32": pools.hex32, "wwn": pools.wwn}
_WORD = re.compile(r"[0-9A-Za-z]+")
_WORDS_LIMIT = 24
# What is before an address in the name of a machine, or before a WWN or UUID where these are written.
_SAYS_NOTHING = re.compile(
    r"[\W_]*(?:(?:ip|vm|host|node|server|instance|naa|eui|uuid|0x|wwn|mpath|part\d{1,3}|3)(?:[\W_]+|(?<=x)|(?<=3)|\Z))*"
)
_KERNELS = re.compile(
    r"(?:[shv]d[a-z]{1,3}|xvd[a-z]{1,2}|nvme\d+(?:[nc]\d+)*|mmcblk\d+|eth|en[sopx]|wl|wwan|veth|br|bond|virtio|ata|"
    r"host|target|scsi|pci|pcie|usb|tty[A-Z]*|dm-|md|loop|sr|sg|st|cpu|acpi|slot|port|card|input|event|mouse|kvm|"
    r"i?[3-6]86|x86_64|amd64|e1000e?|rtl\d+|sym53c\d\w*|ne2k|i\d{3,4}\w{0,2}|gpe|irq|uart|serial|console|node|rank)"
    r"[\d:._-]*(?:[a-z]\d*)?",
)


class Vocabulary:
    """``exact``: original text → pseudonym. ``words``: every spelling that is replaced wherever it stands.

    ``close`` has those too that are replaced only where an identity stands, since elsewhere they are common words.
    """

    def __init__(self, finds: Finds) -> None:
        self.digits = self._of_digits(finds)
        self.v4 = addresses.v4(finds.numbers["ipv4"])
        self.v6 = addresses.v6(finds.numbers["ipv6"], self.digits["mac"])
        self.words: dict[str, str] = {}
        self._free: set[str] = set()
        self._add(self._spelled())
        self._shapes = Words(dict(self.words), set(self._free))
        self.exact = self._of_texts(finds)
        self.short: dict[str, str] = {}
        self._add_texts(finds)
        self.everywhere = Words(self.words, self._free)
        self.close = Words({**self.short, **self.words}, self._free)

    def _of_digits(self, finds: Finds) -> dict[str, dict[str, Optional[str]]]:
        given: dict[str, dict[str, Optional[str]]] = {}
        for form, pool in _POOLS.items():
            there = finds.digits[form]
            given[form] = pools.assign(there, pool, set(there))
        for form in ("dsn", "wwn"):
            for original in given[form]:
                given[form][original] = self._with_mac(original, given["mac"]) or given[form][original]
        return given

    @staticmethod
    def _with_mac(digits: str, macs: Mapping[str, Optional[str]]) -> Optional[str]:
        """A Device Serial Number or EUI-64 that is made from a MAC address is made from its pseudonym."""
        middle = digits[6:10]
        if len(digits) != 16 or middle not in ("ffff", "fffe", "feff"):
            return None
        mac = macs.get(digits[:6] + digits[10:])
        return f"{mac[:6]}{middle}{mac[6:]}" if mac else None

    def _spelled(self) -> Iterator[spellings.Spelling]:
        for form, given in self.digits.items():
            for original, pseudonym in given.items():
                if pseudonym is not None:
                    yield from spellings.of_digits(form, original, pseudonym)
        for address, other in self.v4.items():
            if other is not None:
                yield from spellings.of_ipv4(address, other)

    def _add(self, spelled: Iterable[spellings.Spelling]) -> None:
        for original, pseudonym, free in spelled:
            if original not in self.words:
                self.words[original] = pseudonym
                if free:
                    self._free.add(original)

    def _of_texts(self, finds: Finds) -> dict[str, Optional[str]]:
        derived: dict[str, Optional[str]] = {}
        whole: dict[str, list[_Piece]] = {}
        left = []
        for text, kind in finds.texts.items():
            pieces = self._pieces(text)
            if pieces and _is_all(text, kind, pieces):
                derived[text] = _filled("".join(_between(text, pieces)), pieces)
            elif kind == "secret" or not any(part in finds.texts for part in _parts(text)):
                # Of a secret nothing may stay, be there a name in it or not.
                whole[text] = pieces
            else:
                left.append(text)
        given = {
            **pools.assign(whole, lambda text: _around(text, whole[text]), {*finds.texts, *finds.names}),
            **derived,
        }
        for text in sorted(left, key=len):
            given[text] = _in_parts(text, given)
        for text in filter(shapes.NVME.fullmatch, finds.texts):
            given[text] = _with_serial(text, given)
        return given

    def _pieces(self, text: str) -> list[_Piece]:
        """The addresses, UUIDs and WWNs in ``text``, in order."""
        there = [_Piece(start, word, self.words[word]) for start, word in self._shapes.found(text)]
        for pattern, other in ((shapes.IPV4, self._v4), (shapes.IPV6, self._v6)):
            there += [_Piece(found.start(), found[0], other(found)) for found in pattern.finditer(text)]
        kept: list[_Piece] = []
        for piece in sorted(there, key=lambda piece: (piece.start, -len(piece.text))):
            if piece.text != piece.pseudonym and (not kept or piece.start >= kept[-1].start + len(kept[-1].text)):
                kept.append(piece)
        return kept

    def by_shape(self, text: str) -> str:
        """``text`` with the pseudonyms of all addresses, UUIDs and WWNs in it."""
        return self.addresses(self._shapes.replaced(text))

    def addresses(self, text: str) -> str:
        """``text`` with the pseudonyms of the IP addresses in it."""
        if self.v4 and shapes.DOTS.search(text):
            text = shapes.IPV4.sub(self._v4, text)
        if self.v6 and shapes.COLONS.search(text):
            text = shapes.IPV6.sub(self._v6, text)
        return text

    def _v4(self, found: re.Match[str]) -> str:
        address = shapes.ipv4(found[0])
        other = None if address is None else self.v4.get(address)
        return found[0] if other is None else addresses.v4_text(other)

    def _v6(self, found: re.Match[str]) -> str:
        address = shapes.ipv6(found[0])
        other = None if address is None else self.v6.get(address)
        return found[0] if other is None else addresses.v6_text(other, "::" in found[0])

    def _add_texts(self, finds: Finds) -> None:
        for original in sorted(self.exact, key=lambda text: (-len(text), text)):
            pseudonym = self.exact[original]
            if pseudonym is None:
                continue
            reach = _reach(original, finds.texts[original], finds.names)
            if reach is None:
                for one, other, _ in spellings.of_text(original, pseudonym, False):
                    self.short.setdefault(one, other)
            else:
                self._add(spellings.of_text(original, pseudonym, reach))


class _Piece(NamedTuple):
    """An address, UUID or WWN at ``start`` of a text."""

    start: int
    text: str
    pseudonym: str


def _between(text: str, pieces: list[_Piece]) -> Iterator[str]:
    """What is left of ``text`` before, between and after its pieces."""
    at = 0
    for piece in pieces:
        yield text[at : piece.start]
        at = piece.start + len(piece.text)
    yield text[at:]


def _filled(rest: str, pieces: list[_Piece]) -> str:
    """``rest`` with the pseudonyms of ``pieces`` where these stood."""
    parts = []
    at = taken = 0
    for piece in pieces:
        end = piece.start - taken
        parts += [rest[at:end], piece.pseudonym]
        at = end
        taken += len(piece.text)
    return "".join(parts) + rest[at:]


def _is_all(text: str, kind: str, pieces: list[_Piece]) -> bool:
    """Whether ``text`` says nothing but its pieces: no more than what they are is left."""
    front = shapes.NQN_FRONT.match(text) if kind == "nqn" else None
    rest = "".join(_between(text, pieces))[front.end() if front else 0 :]
    return _SAYS_NOTHING.fullmatch(rest) is not None


def _around(text: str, pieces: list[_Piece]) -> Iterator[str]:
    """Pseudonyms for ``text``, with those of its pieces in their places."""
    if not pieces:
        return pools.like(text)
    return (_filled(rest, pieces) for rest in pools.like("".join(_between(text, pieces))))


def _with_serial(text: str, given: Mapping[str, Optional[str]]) -> str:
    """``nvme.1b36-…``: the serial number in it is written in hexadecimal, with the spaces that fill it up."""
    found = shapes.NVME.fullmatch(text)
    serial = bytes.fromhex(found[1]).decode("latin-1") if found else ""
    other = given.get(serial.strip())
    if found is None or not other:
        return text
    filled = serial.replace(serial.strip(), other).encode("latin-1").hex()
    return text[: found.start(1)] + filled + text[found.end(1) :]


def _parts(text: str) -> Iterator[str]:
    """The pieces of ``text`` between separators, and rows of such pieces, but not all of it."""
    words = list(_WORD.finditer(text))[:_WORDS_LIMIT]
    for first, begin in enumerate(words):
        for end in words[first:]:
            part = text[begin.start() : end.end()]
            if part != text:
                yield part


def _in_parts(text: str, given: Mapping[str, Optional[str]]) -> Optional[str]:
    """``text`` with the pseudonyms of the originals that are its pieces, the longest first."""
    for part in sorted(_parts(text), key=len, reverse=True):
        other = given.get(part)
        if other:
            expression = f"(?<![0-9A-Za-z]){re.escape(part)}(?![0-9A-Za-z])"
            left, right = re.split(expression, text, maxsplit=1)
            return f"{_in_parts(left, given) or left}{other}{_in_parts(right, given) or right}"
    return None


def _reach(text: str, kind: str, names: set[str]) -> Optional[bool]:
    """True: replaced wherever it stands; False: where it stands as a word; None: in its own place alone."""
    if text in names or shapes.PCI.fullmatch(text) or _KERNELS.fullmatch(text) or not text.isprintable():
        return None
    has_digit = any(character.isdigit() for character in text)
    has_letter = any(character.isalpha() for character in text)
    hexadecimal = all(character in "0123456789abcdefABCDEF" for character in text)
    if len(text) < 6 or (not has_letter and len(text) < 9) or (hexadecimal and len(text) < 10):
        return None
    common = not has_digit and (text.isalpha() or len(text) < 12)
    if kind in ("nqn", "uuid", "secret") or "." in text:
        common = common and len(text) < (24 if kind == "uuid" else 8)
    return None if common else len(text) >= 12 and not text.isdigit()
