"""Pseudonyms of the shape of their originals: numbered in the order of these, so that nothing can be worked out back.

A hash of a MAC address is found by trying them all; the place in a sorted list of unknown length is not. A pseudonym
is never given twice, and never equals an original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Callable, Optional

from hotplugctl.scrub import shapes

_TRIES = 4096
_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def assign(
    originals: Iterable[str], forms: Callable[[str], Iterator[str]], taken: set[str]
) -> dict[str, Optional[str]]:
    """Original → the first of its ``forms`` that is not ``taken``; None where there is none left.

    ``taken`` holds all originals, and takes in what is given.
    """
    given: dict[str, Optional[str]] = {}
    shared: dict[str, Iterator[str]] = {}
    for original in sorted(originals):
        first = next(forms(original), None)
        # Originals of one shape go on where the last one stopped: otherwise many would take quadratic time.
        source = shared.setdefault(first, forms(original)) if first is not None else iter(())
        found = next((form for form in islice(source, _TRIES) if form not in taken), None)
        if found is not None:
            taken.add(found)
        given[original] = found
    return given


def mac(original: str) -> Iterator[str]:
    """Twelve digits: a hypervisor's octets stay, others become locally administered; group addresses stay such."""
    if len(original) != 12:
        return _counted(original[:2], len(original) - 2)
    if original.startswith(("01005e", "3333")):
        return _counted(original[:6], 6)
    start = original[:6] if shapes.of_hypervisor(original) else "030000" if int(original[1], 16) & 1 else "020000"
    return _counted(start, 6)


def hex32(original: str) -> Iterator[str]:
    """32 digits; version and variant (RFC 9562) stay."""
    return _counted(f"000000000000{original[12]}000{original[16]}000", 12)


def wwn(original: str) -> Iterator[str]:
    """16 or 32 digits, of which the first says what kind of name it is (NAA)."""
    return _counted(original[0] + "0" * (len(original) - 9), 8)


def _counted(start: str, width: int) -> Iterator[str]:
    return (f"{start}{number:0{width}x}" for number in range(1, 16 ** min(width, 12)))


def like(original: str) -> Iterator[str]:
    """A text of the same length with digits for digits, letters for letters in their case, and what separates them."""
    front = shapes.NQN_FRONT.match(original)
    kept = front.end() if front else 0
    alphabets = [*original[:kept], *_alphabets(original[kept:])]
    places = [place for place, alphabet in enumerate(alphabets) if len(alphabet) > 1]
    characters = [alphabet[0] for alphabet in alphabets]
    number = 0
    while True:
        number += 1
        rest = number
        for place in reversed(places):
            rest, digit = divmod(rest, len(alphabets[place]))
            characters[place] = alphabets[place][digit]
            if not rest:
                break
        if rest:
            return
        yield "".join(characters)


def _alphabets(original: str) -> Iterator[str]:
    letters = {character for character in original if character.isalpha()}
    short = letters <= set("abcdefABCDEF") and any(character in _DIGITS for character in original)
    for character in original:
        if character in _DIGITS:
            yield _DIGITS
        elif character in _LOWER:
            yield _LOWER[:6] if short else _LOWER
        elif character in _UPPER:
            yield _UPPER[:6] if short else _UPPER
        else:
            # A byte of a letter that is not ASCII's gives way too.
            yield _LOWER if ord(character) > 127 else character
