"""What lies in the tree of a recording: every entry of /sys, and the content of files, for ``validate``.

Asked are the tree's primitives: what a manifest adds (failures, absences) is left out, and no link is followed.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from hotplugctl.model.inventory import Entry, Inventory, Sample
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import NAMES_LIMIT, kind_name

ENTRIES_LIMIT = 300_000
"""Entries that are looked at: a guest has some four thousand below /sys."""

_TEXTS = ("/sys", "/proc", "/boot", "/lib/modules", "/run/udev", "/cmd")
# A page is the most that an attribute shows; modules.alias and a kernel's configuration are larger.
_TEXT_LIMIT = 4 << 20


def collect(tree: Rooted) -> Inventory:
    """Every entry below /sys."""
    found: dict[str, Entry] = {}
    whole = tree.gaps is None or not tree.gaps.partial
    for path, mode in _walk(tree, "/sys"):
        if len(found) >= ENTRIES_LIMIT:
            whole = False
            break
        found[path] = Entry(kind_name(mode), mode & 0o7777, _target(tree, path) if stat.S_ISLNK(mode) else None)
    reduced = tree.gaps is not None and tree.gaps.manifest is not None
    return Inventory(found, whole, reduced)


def samples(tree: Rooted) -> Iterator[Sample]:
    """Every regular file that holds text of the kernel's, one after the other."""
    left = ENTRIES_LIMIT
    for top in _TEXTS:
        for path, mode in _walk(tree, top):
            left -= 1
            if left < 0:
                return
            if stat.S_ISREG(mode):
                folder, _, name = path.rpartition("/")
                try:
                    data = tree.content_at(folder, name, _TEXT_LIMIT)
                except (OSError, ValueError):
                    # Not to be read, or gone meanwhile: who needs it says so.
                    continue
                yield Sample(path, data[:_TEXT_LIMIT], mode & 0o7777)


def _walk(tree: Rooted, top: str) -> Iterator[tuple[str, int]]:
    """Path and st_mode of everything below ``top``, folders before what is in them; the primitives take no link."""
    waiting = [top]
    while waiting:
        spot = waiting.pop()
        folder, _, name = spot.rpartition("/")
        try:
            mode = tree.mode_at(folder, name)
            if stat.S_ISDIR(mode):
                waiting += [f"{spot}/{entry}" for entry in sorted(tree.entries_at(spot, NAMES_LIMIT), reverse=True)]
        except (OSError, ValueError):
            continue
        yield spot, mode


def _target(tree: Rooted, path: str) -> str:
    folder, _, name = path.rpartition("/")
    try:
        return tree.target_at(folder, name)
    except OSError:
        return ""
