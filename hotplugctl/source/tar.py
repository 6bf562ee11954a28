"""The members of a tar: v7, ustar, pax and GNU headers (tar(5), POSIX.1-2017 pax), read once and within limits.

Python's tarfile reads headers of any length into memory and takes sizes on trust; this reads bytes that somebody
else has made. Sparse members are passed over without their content: nothing that matters here is sparse.
"""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Optional

from hotplugctl.errors import UnusableRoot
from hotplugctl.source.unpack import Unpacked

HEADER_LIMIT = 1 << 20
"""Bytes of one extended header (pax, GNU long name) at most."""

MEMBERS_LIMIT = 200_000
"""Headers in one tar at most."""

RECORDS_LIMIT = 4 * MEMBERS_LIMIT
"""Pax records in one tar at most: a member rarely has more than path and three times, and five bytes can be one."""

CONTENT_LIMIT = 16 << 20
"""A larger member is passed over without its content."""

BLOCK = 512
_ZEROS = bytes(BLOCK)
_PAX_WANTED = ("path", "linkpath", "size")


class Member(NamedTuple):
    """One member. ``mode``: st_mode with its kind; ``data``: None where the content is not kept (see ``kept``).

    ``link``: the target of a symbolic link, or the member that a hard link (``hard``) names.
    """

    name: str
    mode: int
    data: Optional[bytes]
    link: str
    hard: bool
    sparse: bool


class _Extra(NamedTuple):
    """What the headers before a member say of it. ``records``: pax records in the tar so far."""

    name: str = ""
    link: str = ""
    size: int = -1
    sparse: bool = False
    records: int = 0


_NONE = _Extra()
_KINDS = {
    b"0": stat.S_IFREG,
    b"\0": stat.S_IFREG,
    b"7": stat.S_IFREG,
    b"S": stat.S_IFREG,
    b"1": stat.S_IFREG,
    b"2": stat.S_IFLNK,
    b"3": stat.S_IFCHR,
    b"4": stat.S_IFBLK,
    b"5": stat.S_IFDIR,
    b"D": stat.S_IFDIR,
    b"6": stat.S_IFIFO,
}
_NO_DATA = b"123456"
_EXTENDED = b"xXLKg"


def read_members(stream: Unpacked) -> Iterator[Member]:
    """Every member up to the end mark. Raises UnusableRoot where the tar is none, is cut off or breaks a limit."""
    extra = _NONE
    count = 0
    while True:
        header = stream.take(BLOCK) if count else _first(stream)
        if header == _ZEROS:
            return
        count += 1
        if count > MEMBERS_LIMIT:
            raise UnusableRoot(f"{stream.label}: more than {MEMBERS_LIMIT} members", "unpack it and name the directory")
        _check(header, stream, count)
        stream.member = extra.name or _header_name(header)
        kind = header[156:157]
        size = _number(header[124:136], stream)
        if kind in _EXTENDED:
            extra = _extend(extra, kind, size, stream)
            if extra.records > RECORDS_LIMIT:
                raise stream.damaged("too many pax records")
            continue
        if extra.size >= 0:
            size = extra.size
        member = _member(header, kind, size, extra, stream)
        extra = _Extra(records=extra.records)
        if member is not None:
            yield member


def _first(stream: Unpacked) -> bytes:
    try:
        return stream.take(BLOCK)
    except UnusableRoot as error:
        if stream.packed or "truncated" not in error.message:
            raise
        raise _no_tar(stream) from error


def _no_tar(stream: Unpacked) -> UnusableRoot:
    return UnusableRoot(f"{stream.label}: not a tar", "name a directory, .tar, .tar.gz or .tar.xz")


def _check(header: bytes, stream: Unpacked, count: int) -> None:
    # Adler-32's lower half is 1 + the sum of the bytes, exact below 65521: half a header stays below.
    total = (zlib.adler32(header[:256]) & 0xFFFF) + (zlib.adler32(header[256:]) & 0xFFFF) - 2
    if total - sum(header[148:156]) + 256 != _octal(header[148:156]):
        raise _no_tar(stream) if count == 1 else stream.damaged("a header's checksum is wrong")


def _octal(field: bytes) -> int:
    text = field.partition(b"\0")[0].strip(b" ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        return -1


def _number(field: bytes, stream: Unpacked) -> int:
    value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)
    if value < 0:
        raise stream.damaged("a size is no number")
    return value


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _extend(extra: _Extra, kind: bytes, size: int, stream: Unpacked) -> _Extra:
    if size > HEADER_LIMIT:
        raise stream.damaged(f"a header of {size} bytes")
    data = stream.take(_blocks(size))[:size]
    if kind == b"L":
        return extra._replace(name=_name(data))
    if kind == b"K":
        return extra._replace(link=_name(data))
    if kind == b"g":
        return extra
    return _pax(extra, data, stream)


def _pax(extra: _Extra, data: bytes, stream: Unpacked) -> _Extra:
    """Records ``LENGTH KEY=VALUE\\n``, length and newline included."""
    at = 0
    records = extra.records
    while at < len(data) and records <= RECORDS_LIMIT:
        digits = data[at : at + 8].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = data[at : at + length]
        if length < 5 or at + length > len(data) or not record.endswith(b"\n"):
            raise stream.damaged("a pax header is malformed")
        key, _, value = record[len(digits) + 1 : -1].partition(b"=")
        extra = _pax_record(extra, key, value, stream)
        at += length
        records += 1
    return extra._replace(records=records)


def _pax_record(extra: _Extra, key: bytes, value: bytes, stream: Unpacked) -> _Extra:
    if key == b"linkpath":
        return extra._replace(link=_name(value))
    if key == b"size":
        if not value.isdigit() or len(value) > 18:
            raise stream.damaged("a size is no number")
        return extra._replace(size=int(value))
    if key == b"GNU.sparse.name":
        return extra._replace(name=_name(value), sparse=True)
    if key.startswith(b"GNU.sparse."):
        return extra._replace(sparse=True)
    if key == b"path" and not extra.sparse:
        return extra._replace(name=_name(value))
    return extra


def _name(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _member(header: bytes, kind: bytes, size: int, extra: _Extra, stream: Unpacked) -> Optional[Member]:
    name = stream.member
    sparse = extra.sparse or kind == b"S"
    if kind == b"S":
        _pass_sparse_map(header, stream)
    data: Optional[bytes] = b""
    if kind not in _NO_DATA:
        data = _content(size, sparse, stream)
    if kind in (b"0", b"\0") and name.endswith("/"):
        kind = b"5"  # v7 had no type for directories
    format_of = _KINDS.get(kind)
    if format_of is None:
        return None
    mode = format_of | (max(_octal(header[100:108]), 0) & 0o7777)
    link = extra.link or _name(header[157:257])
    return Member(name, mode, data, link, kind == b"1", sparse)


def _content(size: int, sparse: bool, stream: Unpacked) -> Optional[bytes]:
    if sparse or size > CONTENT_LIMIT:
        stream.skip(_blocks(size))
        return None
    return stream.take(_blocks(size))[:size]


def _header_name(header: bytes) -> str:
    name = _name(header[:100])
    if header[257:263] == b"ustar\0":
        prefix = _name(header[345:500])
        if prefix:
            return f"{prefix}/{name}"
    return name


def _pass_sparse_map(header: bytes, stream: Unpacked) -> None:
    more = header[482]
    while more:
        more = stream.take(BLOCK)[504]
