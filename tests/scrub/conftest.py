"""What the tests of scrubbing share: holdings made by hand, and a search that knows no grammar."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hotplugctl.model.holdings import Holdings


def holdings(files: dict[str, bytes], **tables: Any) -> Holdings:
    """syn-…: nothing but these files, and what else is named."""
    empty: dict[str, Any] = {"modes": {}, "links": {}, "listed": {}, "kinds": {}, "failed": {}, "absent": frozenset()}
    return Holdings(files=files, **{**empty, **tables})


@pytest.fixture(scope="session")
def make() -> Callable[..., Holdings]:
    """Makes holdings."""
    return holdings


def surfaces(after: Holdings) -> Iterator[bytes]:
    """Everything that would be delivered, as bytes; what is in base64 in plain bytes too."""
    for path, data in after.files.items():
        yield path.encode("utf-8", "surrogateescape")
        yield data
        for coded in re.findall(rb'"b64": "([^"]*)"', data):
            yield base64.b64decode(coded)
    tables = (after.modes, after.links, after.listed, after.kinds, after.failed, after.absent)
    rest = [[list(table), list(table.values()) if isinstance(table, dict) else []] for table in tables]
    yield json.dumps(rest, ensure_ascii=False).encode("utf-8", "surrogateescape")


@pytest.fixture(scope="session")
def holds() -> Callable[[Holdings, bytes], bool]:
    """Whether some bytes are anywhere in what would be delivered, in either case of letters."""
    return lambda after, needle: any(needle.lower() in surface.lower() for surface in surfaces(after))
