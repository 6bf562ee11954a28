"""What a file or a pipe begins with, read before anybody else reads it."""

from __future__ import annotations

from typing import BinaryIO

_PACKED = (
    b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"7z\xbc\xaf", b"\x04\x22\x4d\x18",
    b"\x1f\x9d",
)  # fmt: skip


class Headed:
    """``file`` with the first bytes of it known; to be read from the front, once."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self.head = b""
        while len(self.head) < count:
            more = file.read(count - len(self.head))
            if not more:
                break
            self.head += more
        self._left = self.head

    @property
    def closed(self) -> bool:
        """As of any file."""
        return self._file.closed

    def isatty(self) -> bool:
        """As of any file."""
        return self._file.isatty()

    def read(self, count: int = -1) -> bytes:
        """As of any file: at most ``count`` bytes, all of them where it is negative."""
        if not self._left:
            return self._file.read(count)
        if count < 0:
            data, self._left = self._left + self._file.read(), b""
            return data
        data, self._left = self._left[:count], self._left[count:]
        return data + self._file.read(count - len(data)) if len(data) < count else data


def is_text(head: bytes) -> bool:
    """Whether what begins so is a text: neither a tar, whose header is padded with zeros, nor packed."""
    return bool(head) and b"\0" not in head and not head.startswith(_PACKED)
