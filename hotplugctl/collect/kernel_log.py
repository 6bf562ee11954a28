"""The facts of the kernel log."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hotplugctl.model.reads import Value
from hotplugctl.model.snapshot import KernelLog
from hotplugctl.parse import log_marks
from hotplugctl.source.tree import Tree

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

# The ring buffer is 256 KB to a few MB (CONFIG_LOG_BUF_SHIFT, log_buf_len=).
LIMIT = 32 << 20
_EVENTS_KEPT = 20_000


def collect(tree: Tree) -> KernelLog:
    """What /dev/kmsg says; of a recording, cmd/kmsg or cmd/dmesg."""
    read = tree.kernel_log(LIMIT)
    if not isinstance(read, Value):
        return KernelLog(None, (), read, {}, {}, frozenset(), frozenset())
    data = read.data
    pattern = log_marks.lines_to_read(data)
    events = () if pattern is None else _events(data, pattern)
    # A recording's cmd/kmsg is what /dev/kmsg said: a claim names the same file, live and recorded.
    source = "/dev/kmsg" if read.path == "/cmd/kmsg" else read.path
    marks = log_marks.root_buses(data), log_marks.drivers_up(data), log_marks.shpc_refused(data)
    headless, refused = log_marks.headless(data), log_marks.native_refused(data)
    return KernelLog(source, events, None, _bars(events), *marks, headless=headless, native_refused=refused)


def _events(data: bytes, pattern: bytes) -> tuple[KernelEvent, ...]:
    from hotplugctl.parse import dmesg, kernel_events

    parser = dmesg.Parser(_lines(data, pattern), kernel_events.READER)
    said = (parser.said(body)[2] for rows in parser.chunks() for _, _, _, body in rows)
    # The last word counts, so a log that never ends loses its first ones.
    return tuple(deque((event for event in said if event is not None), maxlen=_EVENTS_KEPT))


def _bars(events: tuple[KernelEvent, ...]) -> dict[tuple[str, str], str]:
    if not events:
        return {}
    from hotplugctl.parse import kernel_events

    return dict(kernel_events.bar_states(events))


def _lines(data: bytes, pattern: bytes) -> Iterator[str]:
    # A record of a JSON document may span lines: there every line counts.
    every = data[:1] in (b"{", b"[")
    search = re.compile(pattern).search
    for found in re.finditer(rb"[^\n]+", data):
        line = found[0]
        if every or search(line):
            yield line.decode("utf-8", "backslashreplace")
