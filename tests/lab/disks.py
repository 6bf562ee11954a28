"""The host's side of a disk: a sparse file, empty or with an MBR of two primary partitions."""

from __future__ import annotations

import struct
from pathlib import Path

SIZE = 64 * 1024 * 1024
_SECTOR = 512


def make(path: Path, content: str = "") -> None:
    """A file of 64 MiB; ``content`` is ``partitions`` or nothing. The file must not be there yet."""
    with path.open("xb") as file:
        file.truncate(SIZE)
        if content == "partitions":
            file.write(_mbr(((2048, 65536), (67584, 63488))))
        elif content:
            raise ValueError(content)


def _mbr(partitions: tuple[tuple[int, int], ...]) -> bytes:
    """A DOS partition table; (first sector, sectors) of each, type 0x83. CHS is left 0: Linux reads the LBA fields."""
    entries = b"".join(struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", *part) for part in partitions)
    return entries.ljust(64, b"\0").rjust(510, b"\0") + b"\x55\xaa"
