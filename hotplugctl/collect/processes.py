"""Processes that use a device: open files, working directories, programs and libraries, in all mount namespaces.

Link texts are read, and no path is walked: a file on a dead disk would hang whoever looked at it. What is behind a link
whose text says nothing is asked for by ``collect.opened``.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.mounts import LIMIT, OWN
from hotplugctl.collect.network import ancestors
from hotplugctl.collect.opened import DELETED, RECORD, SECONDS, Around, Opened, around
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Denied, Failed, Failure, Read, Unrecorded, Value, Vanished, reason
from hotplugctl.model.users import Interest, Mount, Process, Processes, Seen, Space, Use
from hotplugctl.parse import mountinfo
from hotplugctl.parse import process as grammar
from hotplugctl.source.tree import Tree

_MAPS_LIMIT = 16 << 20
# The first PID namespace of a machine (PROC_PID_INIT_INO, include/linux/proc_ns.h).
_INITIAL = "pid:[4026531836]"
_HIDE = re.compile(r"hidepid=(?:[124]|noaccess|invisible|ptraceable)")
_LINKS = (("directory", "cwd"), ("root", "root"), ("program", "exe"))
_ROOT = "root (CAP_SYS_PTRACE)"
_OUTSIDE = "CAP_SYS_PTRACE, which root lacks here: root of the guest, outside of this container"


class _Ground(NamedTuple):
    """What counts in one mount namespace. ``points``: mount point → whether what is mounted there is lost."""

    space: str
    here: Around
    points: Mapping[str, bool]
    marks: frozenset[bytes]


class _Scan:
    """One look at all processes."""

    def __init__(self, tree: Tree, interest: Interest) -> None:
        self.tree = tree
        self.interest = interest
        self.own = _link(tree, "/proc/self") or ""
        # In a recording nobody asks.
        self.above = frozenset(ancestors(tree)) if tree.kind == "live" else frozenset()
        self.grounds: dict[str, _Ground] = {}
        self.spaces: list[Space] = []
        self.denied: set[str] = set()
        self.at = ""
        self.example: Optional[Failure] = None
        self.opened = Opened(tree, interest)
        self.first = _link(tree, "/proc/self/ns/mnt") or ""
        self.grounds[self.first] = _ground(
            self.first, around(_data(tree, OWN)), interest.points, interest.others, interest.numbers
        )

    def processes(self, names: tuple[str, ...]) -> Iterator[Process]:
        """Those that use it."""
        found: dict[str, dict[Use, None]] = {}
        for name in names:
            # Whoever asks goes away by himself.
            if name != self.own:
                self.at = name
                found[name] = self._uses(f"/proc/{name}", int(name))
        for name, use in self.opened.found():
            found[name][use] = None
        for name, uses in found.items():
            if uses:
                yield self._process(name, tuple(uses))

    def _uses(self, base: str, pid: int) -> dict[Use, None]:
        ground = self._place(base, pid)
        found: dict[Use, None] = {}
        if ground is None:
            return found
        for how, name in _LINKS:
            self._take(f"{base}/{name}", how, ground, found)
        listing = self.tree.names(f"{base}/fd")
        if not isinstance(listing, Names):
            self._missed(listing)
            return found
        for name in listing.names:
            self._take(f"{base}/fd/{name}", "open", ground, found)
        if ground.marks:
            self._mapped(base, ground, found)
        return found

    def _take(self, at: str, how: str, ground: _Ground, found: dict[Use, None]) -> None:
        link = self.tree.link(at)
        if not isinstance(link, Value):
            self._missed(link)
        # Nearly all links are to what nobody asked for.
        elif link.data.startswith(b"/"):
            path = link.data.decode("utf-8", "surrogateescape")
            plain = path.partition(DELETED)[0]
            # In another namespace a name may be another disk's.
            named = plain in self.interest.files
            if (named and ground.space == self.first) or (ground.points and _on(path, ground.points)):
                found[Use(how, path)] = None
            elif ground.here.bound.get(plain, "") in self.interest.files:
                found[Use(how, f"{path} ({ground.here.bound[plain]})")] = None
            elif how == "open" or (self.interest.hidden and how != "program"):
                self.opened.note(ground.space, ground.here, at, Use(how, path), told=named)

    def _mapped(self, base: str, ground: _Ground, found: dict[Use, None]) -> None:
        maps = self.tree.read(f"{base}/maps", _MAPS_LIMIT)
        if not isinstance(maps, Value):
            self._missed(maps)
            return
        known = {use.path for use in found}
        for path in grammar.mapped(maps.data, ground.marks):
            if path not in known:
                found[Use("mapped", path)] = None

    def _place(self, base: str, pid: int) -> Optional[_Ground]:
        """What counts where this process lives; None where it has gone."""
        link = self.tree.link(f"{base}/ns/mnt")
        if not isinstance(link, Value):
            self._missed(link)
            return None if gone(link) else self.grounds[next(iter(self.grounds))]
        key = link.text
        if key not in self.grounds:
            ground = self._space(base, pid, key)
            if ground is None:
                return None
            self.grounds[key] = ground
        return self.grounds[key]

    def _space(self, base: str, pid: int, key: str) -> Optional[_Ground]:
        """Another mount namespace, as the first process that was met in it has it."""
        read = self.tree.read(f"{base}/mountinfo", LIMIT)
        if not isinstance(read, Value):
            self._missed(read)
            return None
        interest = self.interest
        marks = [b" %s " % number.encode() for number in interest.numbers]
        marks += [b" %s " % source.encode("utf-8", "surrogateescape") for source in interest.sources]
        lost = [mount for mount in mountinfo.parse(read.data, marks) if _counts(mount, interest)] if marks else []
        here = around(read.data)
        if not lost:
            return _ground(key, here, (), (), interest.numbers)
        points = [mount.point for mount in lost]
        every = mountinfo.parse(read.data)
        mine = {mount.id for mount in lost}
        self.spaces.append(Space(pid, (*lost, *_on_top(every, mine))))
        others = (mount.point for mount in every if mount.id not in mine)
        numbers = interest.numbers | {mount.number for mount in lost if mount.number is not None}
        return _ground(key, here, points, others, frozenset(numbers))

    def _missed(self, failure: Failure) -> None:
        """A process that has gone meanwhile is none; one that may not be looked at counts."""
        if gone(failure):
            return
        self.denied.add(self.at)
        if self.example is None or isinstance(self.example, Unrecorded):
            self.example = failure

    def _process(self, pid: str, uses: tuple[Use, ...]) -> Process:
        name = self.tree.read(f"/proc/{pid}/comm")
        called = name.data.decode("utf-8", "surrogateescape").rstrip("\n") if isinstance(name, Value) else "?"
        unit = self._unit(pid)
        # Stopping the service that whoever asks belongs to would stop him too, before he has done the rest.
        return Process(int(pid), called, None if unit == self._unit(self.own) else unit, uses, int(pid) in self.above)

    def _unit(self, pid: str) -> Optional[str]:
        group = self.tree.read(f"/proc/{pid}/cgroup")
        return grammar.unit(group.data.decode("utf-8", "surrogateescape")) if isinstance(group, Value) else None


def collect(tree: Tree, interest: Interest) -> Processes:
    """All processes that use what ``interest`` names. What could not be looked at is told, not guessed."""
    listing = tree.names("/proc")
    names = pids(listing.names) if isinstance(listing, Names) else ()
    if not names:
        why = "/proc: not in the recording" if isinstance(listing, Names) else reason(listing)
        who = None if tree.kind == "live" else RECORD
        # Recorded once more at the same place, it would hold no more than is seen from there.
        return Processes((), (), tuple(_of_space(tree)) or (Seen("processes", why, who),))
    scan = _Scan(tree, interest)
    found = tuple(scan.processes(names))
    unseen = []
    if scan.example is not None:
        count = len(scan.denied)
        why = f"{count} {'processes' if count > 1 else 'process'} could not be looked into ({reason(scan.example)})"
        unseen.append(Seen("processes", why, hint(tree, scan.example)))
    unseen += scan.opened.unseen[:1]
    unseen += _hidden(tree, names)
    return Processes(found, tuple(scan.spaces), tuple(unseen))


def _hidden(tree: Tree, names: tuple[str, ...]) -> Iterator[Seen]:
    """Processes that are not even listed: by hidepid (proc(5)), or because they are in another PID namespace."""
    for mount in mountinfo.parse(_data(tree, "/proc/self/mountinfo"), (b" /proc ",)):
        if mount.point == "/proc" and _HIDE.search(mount.options) and "1" not in names:
            yield Seen("processes", f"/proc hides those of other users ({_HIDE.search(mount.options)[0]})", "root")  # type: ignore[index]
    yield from _of_space(tree)


def _of_space(tree: Tree) -> Iterator[Seen]:
    """Of those in other PID namespaces than its own only the first one of the machine shows all."""
    space = _link(tree, "/proc/self/ns/pid")
    if space is not None and space != _INITIAL:
        who = "root of the guest, outside of it" if tree.kind == "live" else f"{RECORD}, outside of it"
        yield Seen("processes", f"this is a PID namespace of its own ({space})", who)


def _data(tree: Tree, path: str) -> bytes:
    read = tree.read(path, LIMIT)
    return read.data if isinstance(read, Value) else b""


def hint(tree: Tree, failure: Failure) -> Optional[str]:
    """Who would be told what this failure hides: to whom is root already, nobody says that root would be."""
    if isinstance(failure, Unrecorded) or (isinstance(failure, Denied) and tree.kind != "live"):
        return RECORD
    if not isinstance(failure, Denied):
        return None
    return _OUTSIDE if grammar.is_root(_data(tree, "/proc/self/status").decode("latin-1")) else _ROOT


def pids(names: tuple[str, ...]) -> tuple[str, ...]:
    """The processes among the names in /proc, in the order of their numbers."""
    return tuple(sorted((name for name in names if name.isascii() and name.isdigit() and len(name) < 10), key=int))


def _link(tree: Tree, path: str) -> Optional[str]:
    link = tree.link(path)
    return link.text if isinstance(link, Value) else None


def gone(failure: Failure) -> bool:
    """ESRCH: the process ended between two reads. Kernel threads have no program, zombies have next to nothing."""
    return isinstance(failure, (Absent, Vanished)) or (isinstance(failure, Failed) and failure.errno == errno.ESRCH)


def _on_top(every: tuple[Mount, ...], below: set[int]) -> Iterator[Mount]:
    """The mounts that are on these, or on one that is: they have to go first."""
    known = set(below)
    grown = True
    while grown:
        more = [mount for mount in every if mount.parent in known and mount.id not in known]
        known.update(mount.id for mount in more)
        grown = bool(more)
        yield from more


def _counts(mount: Mount, interest: Interest) -> bool:
    return mount.number in interest.numbers or mount.source in interest.sources


def _ground(space: str, here: Around, lost: Iterable[str], others: Iterable[str], numbers: frozenset[str]) -> _Ground:
    points = dict.fromkeys(lost, True)
    # Where both are mounted at one place, what is lost counts.
    points.update((point, False) for point in (others if points else ()) if point not in points)
    return _Ground(space, here, points, frozenset(grammar.device_mark(number) for number in numbers))


def _on(path: str, points: Mapping[str, bool]) -> bool:
    """Whether the nearest mount above the path is one of those that go."""
    here = path[: -len(DELETED)] if path.endswith(DELETED) else path
    # Its folders are looked up: there may be thousands of mounts, and of links.
    while here:
        if here in points:
            return points[here]
        here = here.rpartition("/")[0]
    return points.get("/", False)


def record(tree: Tree) -> None:
    """All that ``collect`` may read of any process, for a tree that takes notes: within limits, so that it ends."""
    listing = tree.names("/proc")
    room = _RECORDED_BYTES
    spaces: dict[Optional[str], Around] = {}
    links: list[str] = []
    for name in pids(listing.names)[:_RECORDED] if isinstance(listing, Names) else ():
        room -= _record_one(tree, f"/proc/{name}", room, spaces, links)
        if room <= 0:
            break
    tree.behind(links, SECONDS)


_RECORDED = 20_000
# Well below what is read of a recording that others made (``source.archive``), each entry counted as some bytes.
_RECORDED_BYTES = 32 << 20
_ENTRY_BYTES = 256
_RECORDED_FILES = 4096


def _record_one(tree: Tree, base: str, room: int, spaces: dict[Optional[str], Around], links: list[str]) -> int:
    """Bytes that were read. The mounts of a namespace are read of one process in it, as in ``collect``."""
    space = _link(tree, f"{base}/ns/mnt")
    used = 0
    if space not in spaces:
        read = tree.read(f"{base}/mountinfo", LIMIT)
        spaces[space] = around(read.data if isinstance(read, Value) else b"")
        used = len(read.data) if isinstance(read, Value) else 0
    listing = tree.names(f"{base}/fd")
    names = listing.names[:_RECORDED_FILES] if isinstance(listing, Names) else ()
    texts = ("comm", "cgroup", "maps")
    found = [path for path in _links(base, names) if _is_asked(tree.link(path), spaces[space])]
    links += found
    used += (len(names) + len(texts) + len(_LINKS) + len(found) + 5) * _ENTRY_BYTES
    for name in texts:
        read = tree.read(f"{base}/{name}", max(1, min(_MAPS_LIMIT, room - used)))
        used += len(read.data) if isinstance(read, Value) else 0
    return used


def _links(base: str, names: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{base}/{name}" for _, name in _LINKS)
    yield from (f"{base}/fd/{name}" for name in names)


def _is_asked(link: Read, here: Around) -> bool:
    """Whether what is behind a link is noted: what a text alone tells, and what others would have to tell, is not."""
    text = link.data.decode("utf-8", "surrogateescape") if isinstance(link, Value) else ""
    return text.startswith("/") and not (here.remote and text.startswith(here.remote))
