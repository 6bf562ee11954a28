"""Files that are kept packed: /proc/config.gz, pci.ids.gz."""

from __future__ import annotations

from hotplugctl.model.reads import Malformed, Read, TooLarge, Value


def unzip(read: Read, limit: int) -> Read:
    """What a gzip file holds (RFC 1952), at most ``limit`` bytes of it: a small file can unpack to gigabytes."""
    if not isinstance(read, Value):
        return read
    # Few kernels keep such files.
    import zlib

    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(read.data, limit + 1)
    except zlib.error:
        return Malformed(read.path, "not a gzip file")
    if len(unpacked) > limit:
        return TooLarge(read.path, limit)
    return Value(read.path, unpacked) if unpacker.eof else Malformed(read.path, "a gzip file that is cut off")
