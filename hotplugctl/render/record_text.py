"""What ``record`` says of what it has written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hotplugctl.render.escape import printable
from hotplugctl.render.size import size


def record(path: str, files: int, count: int, scrubbed: Optional[Mapping[str, int]]) -> str:
    """One line: ``guest.tar.gz: 812 files, 1.2M; scrubbed: 3 mac, 1 serial``. None: nothing was to be scrubbed."""
    if scrubbed is None:
        what = "not scrubbed"
    elif scrubbed:
        what = "scrubbed: " + ", ".join(f"{number} {kind}" for kind, number in sorted(scrubbed.items()))
    else:
        what = "nothing to scrub"
    return f"{printable(path)}: {files} files, {size(count)}; {what}"
