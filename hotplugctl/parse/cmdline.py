"""``/proc/cmdline``, split as the kernel does it (lib/cmdline.c, ``next_arg``; kernel/params.c, ``parse_args``)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.cmdline import CommandLine

_BLANKS = " \t\n\v\f\r"
# COMMAND_LINE_SIZE is 2048 to 4096 on the architectures that have PCI; what is longer is no command line.
_LONGEST = 65536


def parse(text: str) -> CommandLine:
    """The parameters in order. Quotes keep blanks, around a value or a whole word; ``--`` ends the kernel's part."""
    text = text[:_LONGEST].partition("\0")[0]
    params: list[tuple[str, Optional[str]]] = []
    position = _skip(text, 0)
    while position < len(text):
        key, value, position = _next(text, position)
        position = _skip(text, position)
        if key == "--" and value is None:
            return CommandLine(tuple(params), text[position:].rstrip(_BLANKS))
        params.append((key, value))
    return CommandLine(tuple(params), "")


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position


def _next(text: str, position: int) -> tuple[str, Optional[str], int]:
    """One word from ``position`` on, and where it ends."""
    quoted = text[position] == '"'
    start = position + quoted
    end = _end(text, start, quoted)
    # As in the kernel an "=" in the first place is no separator.
    equals = text.find("=", start + 1, end)
    closed = end > start and text[end - 1] == '"'
    if equals < 0:
        return text[start : end - (quoted and closed)], None, end
    value = text[equals + 1 : end]
    if value.startswith('"'):
        value = value[1:]
        quoted = True
    if quoted and closed and value.endswith('"'):
        value = value[:-1]
    return text[start:equals], value, end


def _end(text: str, position: int, in_quote: bool) -> int:
    while position < len(text):
        letter = text[position]
        if letter in _BLANKS and not in_quote:
            break
        if letter == '"':
            in_quote = not in_quote
        position += 1
    return position
