"""What nfsd exports: /proc/fs/nfsd/exports, in the form of exports(5)."""

from __future__ import annotations

import re

_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


def parse(data: bytes) -> tuple[tuple[str, str], ...]:
    """(path, client) of each line; blanks in a path are written as octal digits."""
    found = []
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        path, tab, rest = line.partition("\t")
        if tab and path.startswith("/"):
            plain = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), path)
            found.append((plain, rest.partition("(")[0].strip()))
    return tuple(found)
