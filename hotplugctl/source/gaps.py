"""What a recording or an image lacks, and what that means: absent, failed, or never looked for.

With a manifest: what it says, and nothing more; a name that its list of a folder lacks was not there. Without one: a
file that is missing from a folder that holds other things was looked for, so it is absent; the rest is unknown.
"""

from __future__ import annotations

import errno
import re
from typing import Callable, Optional

from hotplugctl.model.reads import Failure
from hotplugctl.source.manifest import Manifest, can_be_name
from hotplugctl.source.outcomes import from_errno

# Patterns are compiled where they are first needed: with a manifest neither is.
_NEVER_KEPT = r"(?s)/run/udev/control\Z|/sys/devices/.*/(?:rom|vpd|resource[0-5](?:_wc)?)\Z"
"""Sockets do not survive a copy, and these files are left out by common sense: that they are missing says nothing."""

_LINE = r"(?s)(E[A-Z0-9]{1,19}) (/.*)\Z"


class Gaps:
    """The failures, absences and listings that a recording replays. All paths in it are canonical."""

    def __init__(self, manifest: Optional[Manifest] = None, partial: bool = False, hashed: bool = True) -> None:
        self.manifest = manifest
        self.partial = partial
        # The collector's notes say what a manifest says, but for sizes and hashes.
        self.hashed = hashed
        self.failed: dict[str, Failure] = dict(manifest.failed) if manifest else {}
        self.unlisted: dict[str, set[str]] = {}
        self._above: Optional[set[str]] = None

    def add_unreadable(self, text: bytes) -> None:
        """Take in ``unreadable.txt``: a line is ``ERRNO /path``; a line of another form is passed over.

        The files it names existed, so they count among the names of their folder.
        """
        for line in text.decode("utf-8", "surrogateescape").split("\n"):
            found = re.match(_LINE, line)
            number = getattr(errno, found.group(1), None) if found else None
            if found is None or number is None:
                continue
            path = found.group(2)
            folder, _, name = path.rpartition("/")
            if name:
                # ENOENT of a file that was listed: it was there and could not be read.
                self.failed[path] = from_errno(path, errno.ENODEV if number == errno.ENOENT else number)
                self.unlisted.setdefault(folder, set()).add(name)

    def is_absent(self, spot: str, populated: Callable[[str], bool]) -> bool:
        """Whether the missing path ``spot`` was looked for: absent if so, unknown if not.

        ``spot`` is the first component that is missing: its folder is in the tree (``populated``: it holds something).
        """
        if self.manifest is not None:
            absent = self.manifest.absent
            above = spot
            while above and above not in absent:
                above = above.rpartition("/")[0]
            return bool(above) or self._is_unlisted(spot, self.manifest) or not can_be_name(spot)
        folder = spot.rpartition("/")[0]
        if self.partial or not folder or re.match(_NEVER_KEPT, spot):
            return False
        return populated(folder)

    def _is_unlisted(self, spot: str, manifest: Manifest) -> bool:
        """Whether all names of its folder are known, and its own is none of them."""
        folder, _, name = spot.rpartition("/")
        listing = manifest.directories.get(folder)
        return listing is not None and name not in listing

    def kind(self, folder: str, name: str) -> Optional[str]:
        """What ``name`` is known to be although the recording does not hold it."""
        if name in self.unlisted.get(folder, ()):
            return "file"
        manifest = self.manifest
        spot = f"{folder}/{name}"
        if manifest is None or spot in manifest.absent:
            return None
        if spot in manifest.links:
            return "link"
        if spot in manifest.directories or spot in self._folders(manifest):
            return "dir"
        return manifest.kinds.get(spot)

    def _folders(self, manifest: Manifest) -> set[str]:
        """Folders that must have been there because of what was in them: git keeps no empty ones."""
        if self._above is None:
            self._above = set()
            for table in (manifest.files, manifest.links, manifest.directories, manifest.kinds):
                for spot in table:
                    above = spot.rpartition("/")[0]
                    while above and above not in self._above:
                        self._above.add(above)
                        above = above.rpartition("/")[0]
        return self._above

    def link(self, folder: str, name: str) -> Optional[str]:
        """The target of a link that the recording does not hold."""
        return self.manifest.links.get(f"{folder}/{name}") if self.manifest is not None else None

    def names(self, spot: str) -> Optional[tuple[str, ...]]:
        """The names that the manifest has for a directory, None where it has none."""
        return self.manifest.directories.get(spot) if self.manifest is not None else None
