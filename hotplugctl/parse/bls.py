"""Boot Loader Specification: an entry of ``loader/entries`` and ``loader.conf`` (uapi-group.org, loader.conf(5))."""

from __future__ import annotations

from typing import NamedTuple, Optional

OPTIONS_LIMIT = 4096
"""Characters of a command line at most."""


class Entry(NamedTuple):
    """One ``*.conf``: ``kernel`` is its ``linux`` (or ``efi``) path, ``options`` all its options lines joined."""

    title: str
    version: str
    sort_key: str
    kernel: Optional[str]
    efi: bool
    options: str


def entry(text: str) -> Entry:
    """Keys and values by blanks; ``options`` may be there several times, of the others the last counts."""
    found: dict[str, str] = {}
    options: list[str] = []
    for key, value in _pairs(text):
        if key == "options":
            options.append(value)
        else:
            found[key] = value
    kernel = found.get("linux") or found.get("efi") or found.get("uki")
    return Entry(
        found.get("title", ""),
        found.get("version", ""),
        found.get("sort-key", ""),
        kernel,
        "linux" not in found and kernel is not None,
        " ".join(options)[:OPTIONS_LIMIT],
    )


def default(text: str) -> Optional[str]:
    """The pattern that ``loader.conf`` gives for the default entry; None where it gives none."""
    found = None
    for key, value in _pairs(text):
        if key in ("default", "preferred") and value:
            found = value
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for line in text.split("\n"):
        words = line.strip().split(None, 1)
        if words and words[0][0] != "#":
            pairs.append((words[0].lower(), words[1].strip() if len(words) > 1 else ""))
    return pairs
