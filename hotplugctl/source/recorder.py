"""A tree that notes what is read through it, so that a recording replays every answer as it was."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping, Sequence
from typing import TypeVar

from hotplugctl.model.holdings import Holdings
from hotplugctl.model.listing import Listing, Names
from hotplugctl.model.reads import Absent, Failed, Failure, NotRegular, Read, TooLarge, Unrecorded, Value
from hotplugctl.source.kernel_log import KMSG
from hotplugctl.source.rooted import Lost, Rooted
from hotplugctl.source.tree import LOG_LIMIT, kind_name

_SELF = "/proc/self"
# No process has this number.
_NOBODY = "0"
Entry = TypeVar("Entry")
_ON_THE_WAY = (errno.ENOTDIR, errno.ELOOP, errno.EINVAL)


class Notes:
    """What was read, by spot. Of two answers for one spot the later one counts."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.modes: dict[str, int] = {}
        self.links: dict[str, str] = {}
        self.listed: dict[str, tuple[str, ...]] = {}
        self.kinds: dict[str, str] = {}
        self.failed: dict[str, Failure] = {}
        self.absent: set[str] = set()
        self.behind: dict[str, str] = {}

    def there(self, spot: str, mode: int) -> None:
        """It exists, and is of the kind in ``mode``."""
        self.absent.discard(spot)
        self.kinds[spot] = kind_name(mode)
        self.modes[spot] = stat.S_IMODE(mode)

    def outcome(self, spot: str, read: Read) -> None:
        """What a read of the file at ``spot`` gave."""
        if isinstance(read, Value):
            self.failed.pop(spot, None)
            self.files[spot] = read.data
        elif isinstance(read, Absent):
            self._forget(spot)
            self.absent.add(spot)
        elif not isinstance(read, (Unrecorded, NotRegular)) and not self._was_shorter(spot, read):
            self.files.pop(spot, None)
            self.absent.discard(spot)
            self.failed[spot] = read._replace(path=spot)

    def _was_shorter(self, spot: str, read: Failure) -> bool:
        """Whether a TooLarge is no news: the file is noted, or was too large for a higher limit."""
        if not isinstance(read, TooLarge):
            return False
        before = self.failed.get(spot)
        return spot in self.files or (isinstance(before, TooLarge) and before.limit >= read.limit)

    def holdings(self) -> Holdings:
        """All of it, in the form that is scrubbed and written."""
        held = {*self.files, *self.links, *self.listed}
        found = Holdings(
            self.files,
            {spot: mode for spot, mode in self.modes.items() if spot in self.files},
            self.links,
            self.listed,
            {spot: kind for spot, kind in self.kinds.items() if spot not in held},
            self.failed,
            frozenset(self.absent),
            self.behind,
        )
        pid = self.links.get(_SELF, "")
        return _renumbered(found, pid) if pid.isdecimal() and pid != _NOBODY else found

    def _forget(self, spot: str) -> None:
        self.files.pop(spot, None)
        self.modes.pop(spot, None)
        self.links.pop(spot, None)
        self.listed.pop(spot, None)
        self.kinds.pop(spot, None)
        self.failed.pop(spot, None)


def _renumbered(found: Holdings, pid: str) -> Holdings:
    """Whoever reads is in /proc/PID, another one each time: as process 0, the same guest gives the same recording."""
    old, new = f"/proc/{pid}", f"/proc/{_NOBODY}"

    def renamed(table: Mapping[str, Entry]) -> dict[str, Entry]:
        return {
            new + spot[len(old) :] if spot == old or spot.startswith(old + "/") else spot: entry
            for spot, entry in table.items()
        }

    links = {spot: _NOBODY if spot == _SELF else target for spot, target in renamed(found.links).items()}
    listed = renamed(found.listed)
    if pid in listed.get("/proc", ()):
        listed["/proc"] = tuple(sorted(_NOBODY if name == pid else name for name in listed["/proc"]))
    failed = {spot: failure._replace(path=spot) for spot, failure in renamed(found.failed).items()}
    absent = frozenset(renamed(dict.fromkeys(found.absent)))
    return Holdings(
        renamed(found.files), renamed(found.modes), links, listed, renamed(found.kinds), failed, absent,
        renamed(found.behind),
    )  # fmt: skip


class Recorder(Rooted):
    """Passes every call on to ``tree`` and keeps the answer in ``notes``.

    What was read, listed or looked at once is not asked for again: a recording is of one moment, as far as it can be.
    """

    def __init__(self, tree: Rooted) -> None:
        super().__init__(tree.kind, tree.label, tree.gaps)
        self.strict_modes = tree.strict_modes
        self.clamps = tree.clamps
        self.notes = Notes()
        self._tree = tree
        self._modes: dict[str, int] = {}
        self._ways: dict[tuple[str, bool], str] = {}
        self._said = None if tree.gaps is None else tree.gaps.manifest

    def walk(self, path: str, follow: bool) -> str:
        """See ``Rooted.walk``: several commands go the same way."""
        spot = self._ways.get((path, follow))
        if spot is None:
            spot = self._ways[path, follow] = super().walk(path, follow)
        return spot

    def mode_at(self, folder: str, name: str) -> int:
        """See ``Rooted.mode_at``."""
        spot = f"{folder}/{name}"
        seen = self._modes.get(spot)
        if seen is not None:
            return seen
        mode = self._modes[spot] = self._tree.mode(folder, name)
        self.notes.there(spot, mode)
        if self._said is not None and spot in self._said.files:
            # The bits that it had on the machine: the file of a recording is for its owner alone.
            self.notes.modes[spot] = self._said.files[spot].mode
        return mode

    def target_at(self, folder: str, name: str) -> str:
        """See ``Rooted.target_at``."""
        spot = f"{folder}/{name}"
        seen = self.notes.links.get(spot)
        if seen is not None:
            return seen
        target = self._tree.target(folder, name)
        self.notes.there(spot, stat.S_IFLNK | 0o777)
        self.notes.links[spot] = target
        return target

    def content_at(self, folder: str, name: str, limit: int) -> bytes:
        """See ``Rooted.content_at``."""
        return self._tree.content_at(folder, name, limit)

    def entries_at(self, spot: str, limit: int) -> list[str]:
        """See ``Rooted.entries_at``."""
        return self._tree.entries_at(spot, limit)

    def populated(self, spot: str) -> bool:
        """See ``Rooted.populated``."""
        return self._tree.populated(spot)

    def read_spot(self, spot: str, path: str, limit: int) -> Read:
        """See ``Rooted.read_spot``."""
        data = self.notes.files.get(spot)
        if data is not None and len(data) <= limit:
            return Value(path, data)
        read = super().read_spot(spot, path, limit)
        self.notes.outcome(spot, read)
        return read

    def names_spot(self, spot: str, path: str) -> Listing:
        """See ``Rooted.names_spot``."""
        names = self.notes.listed.get(spot)
        if names is not None:
            return Names(path, names)
        listing = super().names_spot(spot, path)
        if isinstance(listing, Names):
            self.notes.listed[spot] = listing.names
        elif isinstance(listing, Failed) and listing.errno == errno.ENOTDIR:
            self.kind_spot(spot, path)
        else:
            self.notes.outcome(spot, listing)
        return listing

    def link_spot(self, spot: str, path: str) -> Read:
        """See ``Rooted.link_spot``."""
        read = super().link_spot(spot, path)
        if isinstance(read, Failed) and read.errno == errno.EINVAL:
            self.kind_spot(spot, path)
        return read

    def failure(self, path: str, spot: str, number: int, found: bool = False) -> Failure:
        """See ``Rooted.failure``."""
        failure = super().failure(path, spot, number, found)
        if number not in _ON_THE_WAY:
            self.notes.outcome(spot, failure)
        return failure

    def read_risky(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.read_risky``."""
        reads = self._tree.read_risky(paths, seconds)
        for path, read in reads.items():
            try:
                spot = self.walk(path, True)
            except Lost as lost:
                self.failure(path, lost.spot, lost.errno)
                continue
            self.kind_spot(spot, path)
            self.notes.outcome(spot, read)
        return reads

    def behind(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.behind``. Only answers are noted: without one a recording knows nothing."""
        known = {path: self.notes.behind[path] for path in paths if path in self.notes.behind}
        asked = self._tree.behind([path for path in paths if path not in known], seconds)
        self.notes.behind.update((path, read.text) for path, read in asked.items() if isinstance(read, Value))
        return {path: Value(path, known[path].encode()) if path in known else asked[path] for path in paths}

    def kernel_log(self, limit: int = LOG_LIMIT) -> Read:
        """See ``Tree.kernel_log``. A recording holds it as ``cmd/kmsg`` or ``cmd/dmesg``."""
        if self.gaps is not None:
            return super().kernel_log(limit)
        read = self._tree.kernel_log(limit)
        if isinstance(read, Value):
            self.notes.outcome("/cmd/kmsg", read)
        else:
            self.notes.failed[KMSG] = read
        return read

    def close(self) -> None:
        """See ``Tree.close``."""
        self._tree.close()
