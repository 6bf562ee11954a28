"""Bytes out of a plain, gzip or xz file, in order and within limits, however small the file and large its content."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from hotplugctl.errors import UnusableRoot

PROCESSED_LIMIT = 768 << 20
"""Unpacked bytes that are gone through at most, kept or not: what 2 s suffice for."""

XZ_MEMORY_LIMIT = 72 << 20
"""Memory for xz at most: ``xz -9`` needs 65 MiB to unpack."""

_CHUNK = 1 << 17
_SHOWN = 100
# An empty gzip member is 20 bytes of input and no output: each is charged for, or a pipe of them never ends.
_STREAM_CHARGE = 1 << 16

_OTHER = {
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7-zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress",
}
_UNPACK_HINT = "unpack it and name the directory"


class Unpacked:
    """The unpacked bytes of ``file``, taken from the front. Raises UnusableRoot in every trouble but OSError."""

    def __init__(self, file: BinaryIO, label: str, limit: int = PROCESSED_LIMIT) -> None:
        self.label = label
        self.member = ""  # the one that is being read: trouble is told of it
        self._file = file
        self._limit = limit
        self._charged = 0
        self._buffer = b""
        self._at = 0
        self._chunks = self._open()

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes. Raises UnusableRoot where they end before."""
        end = self._at + count
        if end > len(self._buffer):
            self._fill(count)
            end = count
        data = self._buffer[self._at : end]
        self._at = end
        return data

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes."""
        if self._charged + count - len(self._buffer) > self._limit:
            raise self._too_much()
        while count > len(self._buffer) - self._at:
            count -= len(self._buffer) - self._at
            self._buffer, self._at = self._next(), 0
        self._at += count

    def close(self) -> None:
        """Let go of what unpacks, and of its memory: it would else wait for the collector of cycles."""
        self._chunks = iter(())
        self._buffer = b""

    def _fill(self, count: int) -> None:
        parts = [self._buffer[self._at :]]
        have = len(parts[0])
        while have < count:
            parts.append(self._next())
            have += len(parts[-1])
        self._buffer, self._at = b"".join(parts), 0

    def _next(self) -> bytes:
        for chunk in self._chunks:
            if chunk:
                self._charge(len(chunk))
                return chunk
        raise self.truncated()

    def truncated(self) -> UnusableRoot:
        """The error for a file that ends too soon."""
        return UnusableRoot(
            f"{self.label}: truncated: it ends in the middle of the tar{self._at_member()}", "copy it again"
        )

    def damaged(self, how: str) -> UnusableRoot:
        """The error for a file that is not what it should be."""
        return UnusableRoot(f"{self.label}: damaged: {how}{self._at_member()}", "copy it again")

    def _at_member(self) -> str:
        return f", at {self.member[:_SHOWN]!r}" if self.member else ""

    def _too_much(self) -> UnusableRoot:
        size = f"more than {self._limit >> 20} MiB when unpacked"
        return UnusableRoot(f"{self.label}: {size}{self._at_member()}", _UNPACK_HINT)

    def _charge(self, count: int) -> None:
        self._charged += count
        if self._charged > self._limit:
            raise self._too_much()

    def _open(self) -> Iterator[bytes]:
        start = b""
        while len(start) < 6:
            chunk = self._file.read(_CHUNK)
            if not chunk:
                break
            start += chunk
        if not start:
            raise UnusableRoot(f"{self.label}: empty", "name a directory or a tar")
        self.packed = True
        if start.startswith(b"\x1f\x8b"):
            return self._gzip(start)
        if start.startswith(b"\xfd7zXZ\0"):
            return self._xz(start)
        for magic, name in _OTHER.items():
            if start.startswith(magic):
                raise UnusableRoot(f"{self.label}: packed with {name}, not gzip or xz", _UNPACK_HINT)
        self.packed = False
        return self._plain(start)

    def _plain(self, start: bytes) -> Iterator[bytes]:
        while start:
            yield start
            start = self._file.read(_CHUNK)

    def _gzip(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            self._charge(_STREAM_CHARGE)
            member = zlib.decompressobj(31)
            while not member.eof:
                packed = packed or self._file.read(_CHUNK)
                if not packed:
                    raise self.truncated()
                try:
                    yield member.decompress(packed, _CHUNK)
                except zlib.error as error:
                    raise self.damaged("not gzip throughout") from error
                packed = member.unconsumed_tail
            packed = member.unused_data or self._file.read(_CHUNK)

    def _xz(self, packed: bytes) -> Iterator[bytes]:
        import lzma

        while packed:
            self._charge(_STREAM_CHARGE)
            stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_LIMIT)
            while not stream.eof:
                if stream.needs_input:
                    packed = packed or self._file.read(_CHUNK)
                    if not packed:
                        raise self.truncated()
                try:
                    yield stream.decompress(packed, _CHUNK)
                except lzma.LZMAError as error:
                    raise self.damaged(_xz_trouble(error)) from error
                packed = b""
            # Zero bytes may pad a stream, in fours.
            packed = stream.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")


def _xz_trouble(error: Exception) -> str:
    if "memory" in str(error).lower():
        return f"it takes more than {XZ_MEMORY_LIMIT >> 20} MiB of memory to unpack"
    return "not xz throughout"
