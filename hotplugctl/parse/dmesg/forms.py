"""Which form a log has, and lines as they come from consoles and mails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from hotplugctl.parse.dmesg.stamps import monotonic_writer, split

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,1024}(?:\x07|\x1b\\)|[@-Z\\^_])")
_QUOTE = re.compile(r"(?:> ?){1,16}")


def form_of(sample: Sequence[str]) -> str:
    """The form of a log from its first lines: the one that fits most of them, ``bare`` where none fits any."""
    lines = [clean(line) for line in sample if line.strip()]
    if not lines:
        return "empty"
    document = _document_form(lines)
    if document is not None:
        return document
    found = [stamped for stamped in map(split, map(str.lstrip, lines)) if stamped is not None]
    if not found:
        return "bare"
    counts: dict[str, int] = {}
    for stamped in found:
        counts[stamped.form] = counts.get(stamped.form, 0) + 1
    form = max(counts, key=lambda name: counts[name])
    plain = [stamped.body for stamped in found if stamped.form == "plain"]
    return "journal-monotonic" if form == "plain" and _monotonic(plain) else form


def clean(line: str) -> str:
    """The line without its end, escape sequences, the carriage returns of a console, quotation marks."""
    line = line.strip("\r\n")
    if "\x1b" in line:
        line = _ESCAPE.sub("", line).strip("\r")
    quote = _QUOTE.match(line) if line[:1] == ">" else None
    return line if quote is None else line[quote.end() :]


def _document_form(lines: Sequence[str]) -> Optional[str]:
    first = lines[0].strip()
    if first[:1] not in ("{", "["):
        return None
    if first in ("{", "["):
        return "json" if any('"msg"' in line or '"dmesg"' in line for line in lines) else None
    if first[0] == "[":
        return None
    from hotplugctl.parse.dmesg.documents import objects

    found = objects(first)
    return found[0].form if found else "json" if first.startswith('{"dmesg"') else None


def _monotonic(bodies: Sequence[str]) -> bool:
    """Whether plain stamps are journalctl's: a host, always the same, and a writer follow."""
    writer = monotonic_writer()
    fitting = [body for body in bodies if writer.match(body)]
    hosts = {body.split(" ", 1)[0] for body in fitting}
    return len(hosts) == 1 and len(fitting) * 10 >= len(bodies) * 9 and any(" kernel: " in body for body in fitting)
