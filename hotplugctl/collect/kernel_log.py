"""The facts of the kernel log."""

from __future__ import annotations

from hotplugctl.model.reads import Value
from hotplugctl.model.snapshot import KernelLog
from hotplugctl.parse import dmesg, kernel_events
from hotplugctl.source.tree import Tree

# The ring buffer is 256 KB to a few MB (CONFIG_LOG_BUF_SHIFT, log_buf_len=).
LIMIT = 32 << 20


def collect(tree: Tree) -> KernelLog:
    """What the lines of /dev/kmsg say; of a recording, cmd/kmsg or cmd/dmesg."""
    read = tree.kernel_log(LIMIT)
    if not isinstance(read, Value):
        return KernelLog(None, (), read, {})
    lines = read.data.decode("utf-8", "backslashreplace").splitlines()
    parser = dmesg.Parser(lines, kernel_events.READER)
    said = (parser.said(body)[2] for rows in parser.chunks() for _, _, _, body in rows)
    events = tuple(event for event in said if event is not None)
    # A recording's cmd/kmsg is what /dev/kmsg said: a claim names the same file, live and recorded.
    source = "/dev/kmsg" if read.path == "/cmd/kmsg" else read.path
    return KernelLog(source, events, None, kernel_events.bar_states(events))
