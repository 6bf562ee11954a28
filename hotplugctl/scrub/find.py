"""What there is to replace: every original of a recording, by its form and kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub import addresses, fields, labels, layers, nearby, shapes, sockets
from hotplugctl.scrub.records import Span

_LONG = 512
_ESCAPE = re.compile(r"(?:\\x|%)([0-9A-Fa-f]{2})")
_HEX = re.compile(r"(?:0x|naa\.|eui\.|wwn-0x)?([0-9a-fA-F]{16}|[0-9a-fA-F]{32})(?:-part\d+)?")
# Whatever makes a name worth a closer look begins so, but for a row of digits.
_TELLING = re.compile(
    rf"{shapes.COLONS.pattern}|{shapes.DASHES.pattern}|{shapes.DOTS.pattern}|{shapes.IN_DOTTED.pattern}|by-(?:part)?label|"
    r"mapper/|dm-name-|"
    r"\"|\\|%|: |by-id|uuid/|/home/|/Users/|/media/|nqn\.|iqn\.|nvme\.|enx|LVM-|naa\.|eui\.|0x"
)
# Maker and model are before it; a namespace, a unit or a partition may be after it.
_LINKED = re.compile(r"\S*_([0-9A-Za-z][0-9A-Za-z-]{5,63}?)(?:_\d{1,3})?(?:-\d:\d)?(?:-part\d{1,3})?")
_PARTITION = re.compile(r"([0-9a-f]{8})-[0-9a-f]{2}")


class Finds:
    """Originals by form, each with the kind under which it was first seen.

    Forms: ``mac``, ``dsn``, ``hex32`` and ``wwn`` as digits, ``ipv4`` and ``ipv6`` as numbers, ``text`` as it stands.
    """

    def __init__(self) -> None:
        self.digits: dict[str, dict[str, str]] = {"mac": {}, "dsn": {}, "hex32": {}, "wwn": {}}
        self.numbers: dict[str, set[int]] = {"ipv4": set(), "ipv6": set()}
        self.texts: dict[str, str] = {}
        self.names: set[str] = set()
        self._linked: set[str] = set()
        self._seen: set[tuple[str, str]] = set()
        self._spans: dict[tuple[str, str], list[Span]] = {}

    def search(self, path: str, text: str) -> None:
        """Take in what is in the file at ``path``, and in the texts within it."""
        whole = fields.kind_of_file(path)
        key = (text, whole or path if len(text) > _LONG or whole or "/proc/" in path or "/etc/" in path else "")
        if key not in self._seen and not fields.REFERENCE.search(path):
            self._seen.add(key)
            if path.endswith("/vpd_pg80"):
                self.value("serial", text[4:])
            layers.through(path, text, self.look)

    def look(self, path: str, text: str, kind: Optional[str]) -> str:
        """Take in what is in one plain text; gives it back as it is."""
        if kind == "config" or layers.is_config(path, text):
            self._config(text)
            return text
        if kind is not None:
            self.value(kind, text)
        for span in self.spans(path, text):
            self.value(span.kind, text[span.start : span.end])
        self.shapes(path, text)
        if "\\x" in text or "%" in text:
            plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
            if plain != text:
                self.shapes(path, plain)
        if sockets.holds_v4(path):
            for found in sockets.HEX_V4.finditer(text):
                address = shapes.ipv4(addresses.v4_text(sockets.little_v4(found[0])))
                if address is not None:
                    self.numbers["ipv4"].add(address)
        return text

    def spans(self, path: str, text: str) -> list[Span]:
        """``fields.spans``, which takes time: of long texts it is remembered."""
        if len(text) <= _LONG:
            return fields.spans(path, text)
        known = self._spans.get((path, text))
        if known is None:
            known = self._spans[path, text] = fields.spans(path, text)
        return known

    def counts(self) -> dict[str, int]:
        """Kind → how many originals."""
        kinds = [kind for table in (*self.digits.values(), self.texts) for kind in table.values()]
        counted = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
        for kind, numbers in self.numbers.items():
            if numbers:
                counted[kind] = len(numbers)
        return counted

    def value(self, kind: str, value: str) -> None:
        """A value that stands where one of ``kind`` stands."""
        value = value.strip(" \0\t\n\r")
        if kind == "volume":
            for part in labels.parts(value):
                if not shapes.trivial(part, 3):
                    self.text(kind, part)
            return
        if kind == "label":
            value = labels.plain(value)
            if labels.is_generic(value):
                return
        linked = _LINKED.fullmatch(value) if kind == "links" else None
        if linked is not None and any(character.isdigit() for character in linked[1]):
            self._linked.add(linked[1])
        if (
            shapes.trivial(value, 1 if kind in ("hostname", "user") else 3)
            or kind == "links"
            or not self._as_shape(kind, value)
        ):
            return
        if kind == "secret" or len(value) <= _LONG:
            self.text(kind, value)

    def linked(self) -> None:
        """Take in what ends the names of links to disks, where no serial number was seen that it may be a part of."""
        for value in sorted(self._linked):
            if not any(value in text for text in self.texts):
                self.value("serial", value)

    def text(self, kind: str, value: str) -> None:
        """A value of no special form; of names with dots, the first part and the rest are originals too."""
        if kind == "hostname":
            if shapes.IPV4.fullmatch(value) or value in ("localhost", "(none)"):
                return
            head, _, rest = value.partition(".")
            for part in (head, rest):
                if part and part != value and not shapes.trivial(part, 1):
                    self.texts.setdefault(part, kind)
        self.texts.setdefault(value, kind)

    def _as_shape(self, kind: str, value: str) -> bool:
        """Note ``value`` in its form, if it has one. False: nothing is left to note of it."""
        if kind == "secret":
            return True
        hexadecimal = _HEX.fullmatch(value)
        if kind in ("wwn", "uuid", "machine-id", "serial") and hexadecimal is not None:
            self._hexadecimal(kind, hexadecimal[1].lower())
            return False
        if kind == "wwn" and (shapes.SPACED.fullmatch(value) or shapes.GUID.fullmatch(value)):
            self._hexadecimal(kind, shapes.digits(value))
            return False
        partition = _PARTITION.fullmatch(value) if kind == "uuid" else None
        if partition is not None:
            self.texts.setdefault(partition[1], kind)
        if kind == "uuid" and shapes.LVM.match(value):
            return False
        if shapes.DASHED.fullmatch(value):
            return False
        return not (shapes.UUID.fullmatch(value) or shapes.MAC.fullmatch(value) or shapes.IPV4.fullmatch(value))

    def _hexadecimal(self, kind: str, digits: str) -> None:
        if len(set(digits)) == 1:
            return
        if len(digits) == 32 and kind in ("uuid", "machine-id"):
            if not shapes.known_uuid(digits):
                self.digits["hex32"].setdefault(digits, kind)
        elif kind == "serial" and digits.isdigit() and len(digits) == 16:
            self.texts.setdefault(digits, kind)
        else:
            self.digits["wwn"].setdefault(digits, "wwn")

    def shapes(self, path: str, text: str) -> None:
        """What is told by its shape alone."""
        if len(text) < 7:
            return
        if ":" in text:
            self._colons(text)
        if "." in text:
            self._dots(path, text)
        if "-" in text or "x2d" in text:
            self._dashes(path, text)
        for found in shapes.HEX32.finditer(text) if shapes.may_have_run(text, 32) else ():
            self._hex32(path, text, found.start(), found[0].lower())
        for found in shapes.LVM.finditer(text) if "LVM-" in text else ():
            self.texts.setdefault(found[1], "uuid")
            self.texts.setdefault(found[2], "uuid")
        for found in shapes.ENX.finditer(text) if "enx" in text else ():
            self._mac(found[1])
        if not path.endswith("/resource") and shapes.may_have_wwn(text):
            for found in shapes.WWN.finditer(text):
                self._hexadecimal("wwn", found[1])

    def _colons(self, text: str) -> None:
        for found in nearby.found(shapes.COLONS, shapes.MAC, text):
            octets = shapes.digits(found[0])
            if len(octets) == 16:
                self._hexadecimal("wwn", octets)
            else:
                self._mac(octets)
        for found in nearby.found(shapes.COLONS, shapes.IPV6, text):
            address = shapes.ipv6(found[0])
            if address is not None and not shapes.known_ipv6(address):
                self._ipv6(address)
        for found in nearby.found(shapes.COLONS, shapes.MD_UUID, text):
            self._hexadecimal("uuid", shapes.digits(found[0]))

    def _dots(self, path: str, text: str) -> None:
        for found in nearby.found(shapes.DOTS, shapes.IPV4, text):
            address = shapes.ipv4(found[0])
            if address is not None and not (
                shapes.private(address) is None and shapes.version_before(path, text, found.start())
            ):
                self.numbers["ipv4"].add(address)
        for found in nearby.found(shapes.IN_DOTTED, shapes.DOTTED, text):
            self._mac(shapes.digits(found[0]))
        if "nqn." in text or "iqn." in text:
            for found in shapes.NQN.finditer(text):
                self.texts.setdefault(found[1], "nqn")
        for found in shapes.NVME.finditer(text) if "nvme." in text else ():
            self.value("serial", bytes.fromhex(found[1]).decode("latin-1"))
            self.texts.setdefault(found[0], "wwn")

    def _dashes(self, path: str, text: str) -> None:
        for found in nearby.found(shapes.DASHES, shapes.UUID, text):
            self._hex32(path, text, found.start(), shapes.digits(found[0]))
        for found in nearby.found(shapes.DASHES, shapes.DASHED, text):
            octets = shapes.digits(found[1])
            if len(octets) == 16:
                self._dsn(octets)
            elif len(octets) == 12:
                self._mac(octets)
        for found in shapes.FAT.finditer(text) if "by-uuid" in text else ():
            self.texts.setdefault(found[1], "uuid")
        for found in nearby.found(shapes.DASHES, shapes.LVM_DASHED, text):
            if any(character.isdigit() for character in found[0]):
                self.texts.setdefault(found[0], "uuid")

    def _hex32(self, path: str, text: str, start: int, digits: str) -> None:
        if shapes.kept_uuid(path, text, start, digits):
            return
        if path.endswith(("/if_inet6", "/ipv6_route")):
            self._ipv6(int(digits, 16))
            return
        self.digits["hex32"].setdefault(digits, "uuid")

    def _mac(self, octets: str) -> None:
        if not shapes.known_mac(octets):
            self.digits["mac"].setdefault(octets, "mac")

    def _dsn(self, octets: str) -> None:
        if len(set(octets)) > 1:
            self.digits["dsn"].setdefault(octets, "serial")
            if octets[6:10] in ("ffff", "fffe", "feff"):
                self._mac(octets[:6] + octets[10:])

    def _ipv6(self, address: int) -> None:
        if address == addresses.LINK_LOCAL << 64 or (address >> 120 in (0, 0xFF) and address >> 96 != 0x64FF9B):
            return
        self.numbers["ipv6"].add(address)
        mac = addresses.mac_of(address & ((1 << 64) - 1))
        if mac is not None:
            self._mac(mac)

    def _config(self, config: str) -> None:
        start = layers.serial_number_at(config)
        if start is not None:
            self._dsn(config[start : start + 8].encode("latin-1")[::-1].hex())


def find(holdings: Holdings) -> Finds:
    """All originals in ``holdings``."""
    finds = Finds()
    for path, data in holdings.files.items():
        finds.search(path, data.decode("latin-1"))
    names = list(dict.fromkeys(every_name(holdings)))
    for path in names:
        finds.names.update(path.split("/"))
    for text in _telling([latin(path) for path in names]):
        finds.search("", text)
    finds.linked()
    for path, data in holdings.files.items():
        if path.endswith("/proc/sys/kernel/osrelease"):
            finds.names.add(data.decode("latin-1").strip())
    return finds


def _telling(names: list[str]) -> Iterable[str]:
    """Those in which there may be something: most are done with in one go."""
    text = "\n".join(names)
    if text.count("\n") >= len(names) or shapes.may_have_run(text, 32):
        return (name for name in names if _TELLING.search(name) or shapes.may_have_run(name, 32))
    return (text[start:end] for start, end in nearby.lines(_TELLING, text))


def every_name(holdings: Holdings) -> Iterable[str]:
    """All paths and targets."""
    yield from holdings.files
    yield from holdings.modes
    for path, target in holdings.links.items():
        yield path
        yield target
    for path, names in holdings.listed.items():
        yield path
        # What these are is told by where they are.
        yield from (f"{path}/{name}" for name in names) if "/disk/by-" in path else names
    for table in (holdings.kinds, holdings.failed, holdings.absent, holdings.behind):
        yield from table


def latin(name: str) -> str:
    """A name with one character a byte."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass").decode("latin-1")


def name(text: str) -> str:
    """The name that ``latin`` made ``text`` of."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
