"""Texts of lspci that a user names, within a limit."""

from __future__ import annotations

import re

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.lspci import LspciText

# Five times the largest machine that is known. Each record takes some 4 KB, and a line of ten bytes can be one.
MOST_FUNCTIONS = 50_000
_START = r"^[> ]{0,8}(?:(?:Slot|Device):\s*)?(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"


def parse(content: str) -> LspciText:
    """All that it says. Raises UnusableRoot where it names more than ``MOST_FUNCTIONS``."""
    from hotplugctl.parse import lspci

    for count, _ in enumerate(re.finditer(_START, content, re.MULTILINE)):
        if count >= MOST_FUNCTIONS:
            raise UnusableRoot(f"more than {MOST_FUNCTIONS} functions in one text", "cut the text into parts")
    return lspci.parse(content)
