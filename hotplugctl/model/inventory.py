"""What lies in a recording's tree, as it lies there: no link followed, nothing that the manifest adds."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class Entry(NamedTuple):
    """One entry. ``kind``: file, dir, link, fifo, socket, char, block; ``mode``: its bits; ``target``: of a link."""

    kind: str
    mode: int
    target: Optional[str]


class Inventory(NamedTuple):
    """Every entry below /sys by its path.

    ``whole`` False: the snapshot itself was cut short, or there is more than fits: what is missing proves nothing.
    ``reduced``: it has a manifest, so it holds what was read and no more, and its modes are noted there.
    """

    entries: Mapping[str, Entry]
    whole: bool
    reduced: bool


class Sample(NamedTuple):
    """A file's content, as it lies there."""

    path: str
    data: bytes
    mode: int
