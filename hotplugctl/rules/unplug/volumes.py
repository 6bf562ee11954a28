"""Names of LVM's volumes in device-mapper."""

from __future__ import annotations

import re
from typing import Optional

_PARTED = re.compile(r"(?<!-)-(?!-)")


def lvm(name: str) -> Optional[tuple[str, str]]:
    """``hot-data`` → (``hot``, ``data``); lvm2 doubles the hyphens within a name (dm_build_dm_name of lvm2)."""
    parts = _PARTED.split(name, maxsplit=1)
    if len(parts) != 2 or not all(parts):
        return None
    return parts[0].replace("--", "-"), parts[1].replace("--", "-")
