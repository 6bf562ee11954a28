"""Write into ``hotplugctl/data/collect.sh`` what it has to copy: what the readers ask of a tree.

    python3 -m scripts.make_collector      (make collector)

The readers run (``collect.everything``) over every recording in fixtures/ and guests of tests/syn.py, on a tree that
notes each question. Then each question is answered with "absent" once, so that also what is asked in its place comes to
light. What was asked for one guest's devices is generalised to patterns (``SHAPES``): the part between the marks of
collect.sh is nothing else. A question that fits no shape stands there with that guest's names in it: add a shape.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from os.path import normpath
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Optional, Union
from zlib import crc32

from hotplugctl.collect import everything
from hotplugctl.model.listing import Listing, Names
from hotplugctl.model.reads import FAILURES, Absent, Failure, Read, Unrecorded, Value
from hotplugctl.source.door import open_tree
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.stages import places
from hotplugctl.source.tree import LOG_LIMIT, READ_LIMIT, Directory
from scripts.collector_guests import INVENTED_FILES, INVENTED_NAMES, handmade, invented_link

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPT = CHECKOUT / "hotplugctl" / "data" / "collect.sh"
BEGIN, END = "# --- made by scripts/make_collector.py: begin\n", "# --- made by scripts/make_collector.py: end\n"

WORDS = {
    "names": "list",
    "read": "files",
    "link": "files",
    "look": "looks",
    "risky": "risky",
}
"""What is asked of a path → the function of the script that answers it, in the order in which they are called."""

MARKS = {"link": "@"}
"""What stands before a name that is asked for so."""

_ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}"
SHAPES = tuple(
    (re.compile(pattern), glob)
    for pattern, glob in (
        (r"^/sys/bus/(\w+)/devices/[^/]+", r"/sys/bus/\1/devices/*"),
        (r"^/sys/bus/pci/slots/[^/]+", "/sys/bus/pci/slots/*"),
        (r"^/sys/bus/pci/drivers/[^/]+", "/sys/bus/pci/drivers/*"),
        (r"^/sys/class/(?!dmi/)([\w-]+)/[^/]+", r"/sys/class/\1/*"),
        (rf"^/sys/devices/pci{_ADDRESS}(?=/|$)", "/sys/devices/pci*:*"),
        (r"^(/sys/devices/LNXSYSTM:00)/(?:LNXSYBUS|device):[^/]+", r"\1/*:*"),
        (r"(?<=/)PNP0A0[38]:[^/]+", "PNP0A0[38]:*"),
        (r"(/firmware_node|/PNP0A0\[38\]:\*)/[^/]+:[^/]+", r"\1/*:*"),
        (r"^/boot/config-.+", "/boot/config-$release"),
        (r"^((?:/usr)?/lib/modules)/[^/]+", r"\1/$release"),
        (r"(/modprobe\.d|/modules-load\.d)/[^/]+\.conf$", r"\1/*.conf"),
        (r"^/etc/sysconfig/modules/[^/]+\.modules$", "/etc/sysconfig/modules/*.modules"),
        (rf"^/run/udev/data/\+pci:{_ADDRESS}.*", "/run/udev/data/+pci:*"),
        (r"^/run/udev/data/b\d+:\d+$", "/run/udev/data/b*:*"),
        (r"^/run/udev/data/n\d+$", "/run/udev/data/n*"),
        (r"^/sys/dev/block/\d+:\d+$", "/sys/dev/block/*:*"),
        (r"^/sys/devices/virtual/block/[^/]+", "/sys/devices/virtual/block/*"),
        (r"(/md)/dev-[^/]+", r"\1/dev-*"),
        (r"^/sys/fs/(bcachefs|bcache|btrfs|virtiofs)/[^/]+", r"/sys/fs/\1/*"),
        (r"^/sys/fs/bcachefs/\*/dev-[^/]+", "/sys/fs/bcachefs/*/dev-*"),
        (r"^/proc/fs/f2fs/[^/]+", "/proc/fs/f2fs/*"),
        (r"^/sys/fs/bcache/\*/(bdev|cache)[^/]*", r"/sys/fs/bcache/*/\1*"),
        (r"^/sys/kernel/config/target/core/[^/]+/[^/]+", "/sys/kernel/config/target/core/*/*"),
        (r"^/sys/kernel/config/target/core/[^/*]+$", "/sys/kernel/config/target/core/*"),
        (r"^(/sys/kernel/config/nvmet/subsystems)/[^/]+", r"\1/*"),
        (r"^(/sys/kernel/config/nvmet/subsystems/\*/namespaces)/[^/]+", r"\1/*"),
        (r"^/proc/spl/kstat/zfs/[^/]+", "/proc/spl/kstat/zfs/*"),
    )
)
"""What differs from guest to guest in a path → the pattern for it, ``$release`` for the kernel's; in this order."""


_MEMBER = re.compile(r"(/sys/class/[\w-]+)/\*/")
_BELOW_PCI = re.compile(rf"/{_ADDRESS}:[01][0-9a-f]\.[0-7]/")
FAR = "far"
"""How a class is noted of which members are read that are not below a PCI function, too."""

RISKY = frozenset({"/sys/bus/pci/devices/*/uevent"})
"""What readers ask for as of any file, and what hangs after an oops in a driver: the script takes no chances."""

SAMPLES = 30
"""How often many answers at a time are missing."""


class Question(NamedTuple):
    """What a reader asked: ``how`` is a key of ``WORDS``, ``what`` a pattern; or ``FAR`` and a class."""

    how: str
    what: str


def NOTHING(_question: Question) -> bool:  # noqa: N802 - a constant
    """No answer is missing."""
    return False


def main() -> int:
    """Write the script anew where what it has to copy has changed."""
    before = SCRIPT.read_text(encoding="utf-8")
    after = with_plan(before, plan(questions(trees())))
    if after != before:
        SCRIPT.write_text(after, encoding="utf-8")
        print(f"{SCRIPT.relative_to(CHECKOUT)}: written")
    return 0


# --- asking -----------------------------------------------------------------------------------------------------------


class Asked:
    """A ``Tree`` that passes everything on to another and keeps the questions; ``hides``: what it says is absent.

    Readers go to a device by a link of /sys/bus or /sys/class, and then ask by its own path, which tells nothing of
    what it is: so questions are kept by the link that led there.
    """

    def __init__(self, tree: Rooted, kind: str, hides: Callable[[Question], bool], invents: bool = False) -> None:
        self.kind = kind
        self.label = tree.label
        self.whole = tree.whole
        self.invents = invents
        self.questions: set[Question] = set()
        self._tree = tree
        self._hides = hides
        self._led: dict[str, str] = {}

    def _ask(self, how: str, path: str) -> Optional[Absent]:
        """Keep a question; the answer, where it is the one that is hidden."""
        what = shape(self._by_link(path))
        question = Question("risky" if what in RISKY else how, what)
        self.questions.add(question)
        member = _MEMBER.match(what)
        if member and self._is_far(path):
            self.questions.add(Question(FAR, member[1]))
        return Absent(path) if self._hides(question) else None

    def _is_far(self, path: str) -> bool:
        real = path if path.startswith("/sys/devices/") else self._tree.resolve(path.rpartition("/")[0])
        return isinstance(real, str) and not _BELOW_PCI.search(f"{real}/")

    def _by_link(self, path: str) -> str:
        if not path.startswith("/sys/devices/"):
            return path
        here = path
        while here:
            if here in self._led:
                return self._led[here] + path[len(here) :]
            here = here.rpartition("/")[0]
        return path

    def led(self, path: str, real: Union[str, Failure]) -> None:
        """``path`` has led to ``real``."""
        if isinstance(real, str) and real != path and real.startswith("/sys/devices/"):
            self._led.setdefault(real, self._by_link(path))

    def read(self, path: str, limit: int = READ_LIMIT) -> Read:
        """See ``Tree.read``."""
        hidden = self._ask("read", path)
        if hidden is not None:
            return hidden
        read = self._tree.read(path, limit)
        invented = INVENTED_FILES.get(path.rpartition("/")[2]) if self._lacks(read) else None
        return Value(path, invented) if invented is not None else read

    def _lacks(self, answer: object) -> bool:
        return self.invents and isinstance(answer, (Absent, Unrecorded))

    def names(self, path: str) -> Listing:
        """See ``Tree.names``."""
        hidden = self._ask("names", path)
        if hidden is not None:
            return hidden
        listing = self._tree.names(path)
        if isinstance(listing, Names) and self.invents:
            return Names(path, tuple(sorted({*listing.names, *INVENTED_NAMES})))
        return Names(path, INVENTED_NAMES) if self._lacks(listing) else listing

    def link(self, path: str) -> Read:
        """See ``Tree.link``."""
        hidden = self._ask("link", path)
        if hidden is not None:
            return hidden
        read = self._tree.link(path)
        read = invented_link(path) or read if self._lacks(read) else read
        if isinstance(read, Value):
            # Not resolved: what it leads to may be missing.
            self.led(path, normpath(f"{path}/../{read.text}"))
        return read

    def resolve(self, path: str) -> Union[str, Failure]:
        """See ``Tree.resolve``."""
        real = self._ask("look", path) or self._tree.resolve(path)
        self.led(path, real)
        return real

    def kind_of(self, path: str) -> Union[str, Failure]:
        """See ``Tree.kind_of``."""
        return self._ask("look", path) or self._tree.kind_of(path)

    def directory(self, path: str) -> Union[Directory, Failure]:
        """See ``Tree.directory``."""
        hidden = self._ask("look", path)
        if hidden is not None:
            return hidden
        directory = self._tree.directory(path)
        if self._lacks(directory):
            return _AskedDirectory(self, path, path)
        if isinstance(directory, FAILURES):
            return directory
        directory.close()
        self.led(path, directory.real)
        return _AskedDirectory(self, path, directory.real)

    def read_risky(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.read_risky``."""
        told = {path: self._ask("risky", path) for path in paths}
        others = self._tree.read_risky([path for path in paths if told[path] is None], seconds)
        return {path: told[path] or others[path] for path in paths}

    def behind(self, paths: Sequence[str], seconds: float) -> dict[str, Read]:
        """See ``Tree.behind``; sh has no means to note it: what hangs on it is unknown."""
        return self._tree.behind(paths, seconds)

    def kernel_log(self, limit: int = LOG_LIMIT) -> Read:
        """See ``Tree.kernel_log``; the script has a way of its own for it."""
        return self._tree.kernel_log(limit)

    def close(self) -> None:
        """See ``Tree.close``."""
        self._tree.close()


class _AskedDirectory:
    def __init__(self, tree: Asked, path: str, real: str) -> None:
        self.path = path
        self.real = real
        self._tree = tree

    def read(self, name: str, limit: int = READ_LIMIT) -> Read:
        return self._tree.read(f"{self.path}/{name}", limit)

    def link(self, name: str) -> Read:
        return self._tree.link(f"{self.path}/{name}")

    def names(self) -> Listing:
        return self._tree.names(self.path)

    def close(self) -> None:
        pass

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        pass


def shape(path: str) -> str:
    """The pattern for a path that one guest has."""
    for pattern, glob in SHAPES:
        path = pattern.sub(glob, path)
    return path


def trees() -> Iterator[Rooted]:
    """Every recording of fixtures/, and guests made by hand. Whoever gets one closes it."""
    for folder in ("recordings", "lab"):
        for archive in sorted((CHECKOUT / "fixtures" / folder).glob("*.tar.xz")):
            loaded: dict[str, object] = {}
            for place in places(str(archive), None):
                yield open_tree(place.path, place.stage, None, loaded)  # type: ignore[arg-type]
    yield from handmade()


def asked(
    tree: Rooted, kind: str = "live", hides: Callable[[Question], bool] = NOTHING, invents: bool = False
) -> set[Question]:
    """What the readers ask of a tree; the questions of a replay are those of a tree of kind ``recording``."""
    notes = Asked(tree, kind, hides, invents)
    everything.collect(notes)
    return notes.questions


def questions(given: Iterator[Rooted]) -> set[Question]:
    """What they ask of all these, and of the small ones also where answers are missing."""
    found: set[Question] = set()
    for tree in given:
        try:
            found |= asked(tree) | asked(tree, "recording")
        finally:
            tree.close()
    for tree in handmade():
        try:
            _explore(tree, found)
        finally:
            tree.close()
    return found


def _explore(tree: Rooted, found: set[Question]) -> None:
    """Each answer missing, and then many at once: what stands in for one may have a stand-in itself."""
    tried: set[Question] = set()
    while found - tried:
        for question in sorted(found - tried):
            tried.add(question)
            found |= asked(tree, "live", question.__eq__)
    for seed in range(SAMPLES):
        for invents in (False, True):
            found |= asked(tree, "live", _some(seed), invents)


def _some(seed: int) -> Callable[[Question], bool]:
    """Which answers are missing: more from one seed to the next, and for each the same whatever else is asked."""

    def hides(question: Question) -> bool:
        return crc32(f"{seed} {question.how} {question.what}".encode()) % SAMPLES < seed

    return hides


# --- telling ----------------------------------------------------------------------------------------------------------


def plan(found: set[Question]) -> str:
    """The questions as calls of the script's functions: those that hang on the kernel's release apart."""
    texts = []
    for name, wanted in (("plan", False), ("plan_of_kernel", True)):
        chosen = {question for question in found if ("$release" in question.what) is wanted}
        texts.append("".join([f"{name}() {{\n", *_calls(chosen), "}\n"]))
    classes = "|".join(f"{what[1:]}/*" for how, what in sorted(found) if how == FAR)
    texts.append(f"is_read_anywhere() {{\n    case $1 in {classes}) ;; *) return 1 ;; esac\n}}\n")
    return "\n".join(texts)


def _calls(found: set[Question]) -> Iterator[str]:
    for word in dict.fromkeys(WORDS.values()):
        folders: dict[str, list[str]] = {}
        for question in sorted(found):
            how, what = question
            if WORDS.get(how) == word and not is_implied(question, found):
                folder, _, name = what.rpartition("/")
                folders.setdefault(what if how == "names" else folder or "/", []).append(f"{MARKS.get(how, '')}{name}")
        for folder, names in sorted(folders.items()):
            yield " ".join(["   ", word, _quoted(folder), *map(_quoted, () if word == "list" else names)]) + "\n"


def is_implied(question: Question, found: set[Question]) -> bool:
    """Whether the script answers it with another: a list holds links as links, and all on the way is looked at."""
    how, what = question
    folder, _, name = what.rpartition("/")
    if how == "link":
        return name == "*" and Question("names", folder) in found
    if how != "look":
        return False
    others = [other for other in found if other.how not in ("look", FAR)]
    return any(
        other.what == what if other.how in ("read", "risky") else f"{other.what}/".startswith(f"{what}/")
        for other in others
    ) or any(other.what.rpartition("/")[0] == what for other in others)


def _quoted(word: str) -> str:
    if "$" in word:
        return f'"{word}"'
    return word if re.fullmatch(r"[\w./:@-]+", word) else f"'{word}'"


def with_plan(script: str, text: str) -> str:
    """The script with this in the place between its marks. Raises ValueError where it has none."""
    head, begin, rest = script.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{SCRIPT}: the marks are missing")
    return f"{head}{begin}{text}{end}{tail}"


if __name__ == "__main__":
    sys.exit(main())
