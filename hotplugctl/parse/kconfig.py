"""Kernel configurations: look-up of a few symbols in a big file, and the whole text as records.

The kernel's grammar (scripts/kconfig/confdata.c, Documentation/kbuild/kconfig.rst): ``CONFIG_X=value`` lines
and ``# CONFIG_X is not set``. Blanks before a line and CRLF are read too, since people paste and indent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from hotplugctl.model.kconfig import KconfigText

_UNSET = b" is not set"
_INDENT = 32
_BLANKS = " \t\r"
_HEADER_BYTES = 4096


def symbols(data: bytes, wanted: Iterable[str]) -> dict[str, str]:
    """The values of the ``wanted`` symbols (full names, ``CONFIG_PCI``) in a configuration.

    ``is not set`` reads as ``n``; other values are given as they stand. A symbol that the file does not name is not
    in the answer. The last assignment wins, as in the kernel's own reader.
    """
    found: dict[str, str] = {}
    for symbol in wanted:
        value = _last_value(data, symbol.encode("utf-8", "backslashreplace"))
        if value is not None:
            found[symbol] = value.decode("utf-8", "backslashreplace")
    return found


def version_of(data: bytes) -> Optional[str]:
    """The kernel release in the header that kconfig writes (``6.1.0-50-amd64``), None where there is none."""
    return _kernel(data[:_HEADER_BYTES].decode("utf-8", "backslashreplace"))


def parse(text: str) -> KconfigText:
    """Every assignment of a configuration or fragment, with its line number (from 1)."""
    from hotplugctl.model.kconfig import KconfigRecord, KconfigText

    records: list[KconfigRecord] = []
    unparsed = 0
    assignment = re.compile(
        r"\ufeff?[ \t]{0,12}(?:(CONFIG_\w+)=([^\n]*)|#[ \t]{0,12}(CONFIG_\w+) is not set[ \t\r]*\Z)", re.ASCII
    ).match
    for number, line in enumerate(text.split("\n"), 1):
        match = assignment(line)
        if match is not None:
            name, value, unset = match.groups()
            records.append(KconfigRecord(unset or name, "n" if unset else value.strip(_BLANKS), number))
        elif not _is_comment(line):
            unparsed += 1
    header = text[:_HEADER_BYTES]
    kernel = _kernel(header)
    whole = kernel is not None or _is_generated(header)
    return KconfigText(_form(bool(records), whole), tuple(records), unparsed, kernel)


def _form(assigns: bool, whole: bool) -> str:
    if not assigns:
        return "none"
    return "config" if whole else "fragment"


def _is_comment(line: str) -> bool:
    bare = line.strip()
    return not bare or bare[0] == "#"


def _last_value(data: bytes, symbol: bytes) -> Optional[bytes]:
    value = None
    if symbol:
        for start, end in _places(data, symbol):
            lead = _before(data, start)
            if lead == b"" and data[end : end + 1] == b"=":
                value = _rest(data, end + 1)
            elif lead == b"#" and data.startswith(_UNSET, end) and not _rest(data, end + len(_UNSET)):
                value = b"n"
    return value


def _places(data: bytes, symbol: bytes) -> Iterator[tuple[int, int]]:
    start = data.find(symbol)
    while start >= 0:
        end = start + len(symbol)
        yield start, end
        start = data.find(symbol, end)


def _before(data: bytes, start: int) -> Optional[bytes]:
    """The ``#``, or nothing, before ``start`` on its line; None for anything else. A long line is not walked back."""
    window = data[max(0, start - _INDENT) : start]
    _, newline, lead = window.rpartition(b"\n")
    if not newline and start > _INDENT:
        return None
    found = re.match(rb"(?:\xef\xbb\xbf)?[ \t]{0,12}(?:(#)[ \t]{0,12})?\Z", lead)
    return None if found is None else found.group(1) or b""


def _rest(data: bytes, start: int) -> bytes:
    end = data.find(b"\n", start)
    return data[start : end if end >= 0 else len(data)].strip(_BLANKS.encode())


def _kernel(header: str) -> Optional[str]:
    match = _header_pattern().search(header)
    return (match.group(1) or match.group(2)) if match else None


def _header_pattern() -> re.Pattern[str]:
    # "# Linux/x86 6.1.176 Kernel Configuration"; up to 2.6.35 "# Linux kernel version: 2.6.32-5-amd64".
    return re.compile(
        r"^[ \t]*#+[ \t]*"
        r"(?:Linux/[^\s/]{1,32} (\S{1,128}) Kernel Configuration|Linux kernel version: (\S{1,128}))[ \t\r]*$",
        re.MULTILINE,
    )


def _is_generated(header: str) -> bool:
    return re.search(r"^[ \t]*#+[ \t]*Automatically generated ", header, re.MULTILINE) is not None
