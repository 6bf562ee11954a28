"""Every way in which an original is written, and its pseudonym in the same way."""

from __future__ import annotations

from collections.abc import Iterator

from hotplugctl.scrub import addresses, shapes

_COLON, _DASH, _SPACE = (
    ("\\x3a", "\\x5cx3a", "%3a", "%3A"),
    ("\\x2d", "\\x5cx2d"),
    ("\\x20", "\\x5cx20", "%20", "\\040", "_"),
)
_SLASH = ("\\x2f", "\\x5cx2f", "%2f", "%2F")
_QUADS = (8, 4, 4, 4, 12)
_LONG = 8
# What stands right before the digits.
_FRONTS = {"mac": ("enx",), "wwn": ("0x", "3")}

Spelling = tuple[str, str, bool]
"""Original, pseudonym, and whether it is one wherever it stands, in the middle of a word too."""


def of_digits(form: str, original: str, pseudonym: str) -> Iterator[Spelling]:
    """Of a MAC address, Device Serial Number, UUID or WWN: with all separators, in both cases, and as bytes."""
    free = not shapes.plain(original)
    for one, other in _texts(form, original, pseudonym):
        if " " in one and not free:
            continue
        bare = one.isalnum()
        yield one, other, free or not bare
        yield one.upper(), other.upper(), free or not bare
        for before in _FRONTS.get(form, ()) if bare else ():
            yield before + one, before + other, False
    if free:
        for one_bytes, other_bytes in zip(_bytes(form, original), _bytes(form, pseudonym)):
            yield one_bytes.decode("latin-1"), other_bytes.decode("latin-1"), True


def _texts(form: str, original: str, pseudonym: str) -> Iterator[tuple[str, str]]:
    yield original, pseudonym
    if form == "hex32":
        for separator in ("-", "_", *_DASH):
            yield _cut(original, _QUADS, separator), _cut(pseudonym, _QUADS, separator)
        yield _cut(original, (8,) * 4, ":"), _cut(pseudonym, (8,) * 4, ":")
    else:
        octets = (2,) * (len(original) // 2)
        for separator in (":", "-", "_", " ", *_COLON, *_DASH):
            yield _cut(original, octets, separator), _cut(pseudonym, octets, separator)
        quads = (4,) * (len(original) // 4)
        for separator in (":", "-", ".", "_", *_DASH) if len(original) in (12, 16) else ():
            yield _cut(original, quads, separator), _cut(pseudonym, quads, separator)
    if form == "mac" and len(original) == 12:
        for separator in (":", "-"):
            yield _cut(original, (6, 6), separator), _cut(pseudonym, (6, 6), separator)
        for flip in (0, 2):
            one, other = _eui64(original, flip), _eui64(pseudonym, flip)
            yield one, other
            for separator in (":", "-"):
                yield _cut(one, (2,) * 8, separator), _cut(other, (2,) * 8, separator)


def _eui64(mac: str, flip: int) -> str:
    return f"{int(mac[:2], 16) ^ flip:02x}{mac[2:6]}fffe{mac[6:]}"


def _cut(digits: str, lengths: tuple[int, ...], separator: str) -> str:
    parts = []
    start = 0
    for length in lengths:
        parts.append(digits[start : start + length])
        start += length
    return separator.join(parts)


def _bytes(form: str, digits: str) -> list[bytes]:
    data = bytes.fromhex(digits)
    if form == "hex32":
        # As RFC 9562 has it, and as firmware does: the first three fields the other way round.
        return [data, data[3::-1] + data[5:3:-1] + data[7:5:-1] + data[8:]]
    return [data, data[::-1], *([_swapped(data)] if form == "wwn" else [])]


def _swapped(data: bytes) -> bytes:
    """As the words of ATA IDENTIFY DEVICE lie in memory."""
    return b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))


def of_text(original: str, pseudonym: str, wide: bool) -> Iterator[Spelling]:
    """Of a text: in both cases, escaped as udev, systemd and mounts are, as hexadecimal digits, as ATA's words.

    ``wide``: it is so particular that it is found inside of words.
    """
    yield original, pseudonym, wide
    yield original.lower(), pseudonym.lower(), wide
    yield original.upper(), pseudonym.upper(), wide
    # The device mapper doubles the dashes in a name.
    for character, escapes in ((" ", _SPACE), ("-", ("--", *_DASH)), (":", _COLON), ("/", _SLASH)):
        for escape in escapes if character in original else ():
            yield original.replace(character, escape), pseudonym.replace(character, escape), wide
    if " " in original:
        # udev makes one underscore of many spaces.
        yield "_".join(original.split()), "_".join(pseudonym.split()), wide
    if len(original) >= _LONG or wide:
        one, other = original.encode("latin-1"), pseudonym.encode("latin-1")
        yield one.hex(), other.hex(), True
        yield one.hex().upper(), other.hex().upper(), True
        if len(one) % 2:
            one, other = one + b" ", other + b" "
        yield _swapped(one).decode("latin-1"), _swapped(other).decode("latin-1"), True


def of_ipv4(original: int, pseudonym: int) -> Iterator[Spelling]:
    """Of an IPv4 address where it is not written with dots alone: in names of machines, and of zones."""
    one, other = addresses.v4_text(original), addresses.v4_text(pseudonym)
    yield one.replace(".", "-"), other.replace(".", "-"), False
    backward, also = ".".join(one.split(".")[::-1]), ".".join(other.split(".")[::-1])
    yield f"{backward}.in-addr.arpa", f"{also}.in-addr.arpa", False
