"""Guests that are wrong in one way, and the command line as a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Union

import pytest

from tests.cli.stories import NATIVE, SCSI, WHOLE, Story

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = ("HOTPLUGCTL_ROOT", "HOTPLUGCTL_DEBUG", "NO_COLOR", "COLUMNS")
# No test is about time; this only ends one that would never end.
GUARD = 60


class Process:
    """``python -m hotplugctl`` with an environment of its own."""

    command = (sys.executable, "-m", "hotplugctl")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if key not in SETTINGS}
        modules = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        self.environment = {**kept, "PYTHONPATH": modules, "PYTHONIOENCODING": "utf-8"}

    def __call__(self, *arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        """Run to the end; stdin is empty unless given."""
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            **{"capture_output": True, "stdin": subprocess.DEVNULL, **self._common(options)},
            timeout=GUARD,
            check=False,
        )

    def start(self, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
        """Start, and let it run. Tests that run in the background of a shell have SIGINT ignored: not so this."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)],
            **{"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler), **self._common(options)},
        )

    def shell(self, line: str) -> subprocess.CompletedProcess[bytes]:
        """A line for sh, in which ``$H`` is hotplugctl."""
        environment = {**self.environment, "H": " ".join(self.command)}
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, cwd=self.folder, env=environment, timeout=GUARD, check=False
        )

    def _common(self, options: dict[str, object]) -> dict[str, object]:
        return {"cwd": self.folder, **options, "env": {**self.environment, **options.get("env", {})}}


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """The command line as a process."""
    return Process(tmp_path)


class Guest:
    """A recorded guest without its manifest: what is changed in it counts. Every change can be taken back."""

    def __init__(self, root: Path, aside: Path) -> None:
        self.root = root
        self._aside = aside
        self._back: list[Callable[[], object]] = []

    def __fspath__(self) -> str:
        return str(self.root)

    __str__ = __fspath__

    def put(self, path: str, content: Union[bytes, str, None]) -> None:
        """A file of these bytes, a link to this target, or nothing, in place of what is there."""
        target = self._clear(path)
        if isinstance(content, bytes):
            target.write_bytes(content)
        elif content is not None:
            target.symlink_to(content)

    def spoil(self, path: str, damage: Callable[[Path], object]) -> None:
        """Do something to a file. A link becomes a file first: what it leads to is not meant."""
        before = self.root / path
        content = before.read_bytes() if before.is_file() and not before.is_symlink() else b""
        target = self._clear(path)
        target.write_bytes(content)
        damage(target)

    def rename(self, path: str, name: str) -> None:
        """Give an entry of a folder another name."""
        old = self.root / path
        new = old.with_name(name)
        old.rename(new)
        self._back.append(lambda: new.rename(old))

    def undo(self) -> None:
        """Take every change back."""
        while self._back:
            self._back.pop()()

    def _clear(self, path: str) -> Path:
        target = self.root / path
        missing = [above for above in target.parents if not above.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            kept = self._aside / f"{len(self._back)}"
            target.rename(kept)
            self._back.append(lambda: kept.rename(target))
        self._back.extend(folder.rmdir for folder in reversed(missing))
        self._back.append(lambda: remove(target))
        return target


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def unpack(recordings, folder: Path, story: str, stage: str) -> Guest:
    """A guest of its own."""
    root, aside = folder / "guest", folder / "aside"
    aside.mkdir(parents=True)
    shutil.copytree(recordings.stage(story, stage), root, symlinks=True)
    (root / "manifest.json").unlink()
    return Guest(root, aside)


@pytest.fixture
def make_guest(recordings, tmp_path: Path) -> Callable[..., Guest]:
    """Make a guest out of a recorded one, for changes that nobody takes back."""

    def make(story: str = "q35-rootport-acpi", stage: str = "added") -> Guest:
        return unpack(recordings, tmp_path / f"of-{len(list(tmp_path.iterdir()))}", story, stage)

    return make


@pytest.fixture(scope="session")
def only_guest(recordings, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The one that ``guest`` lends to each test."""
    return unpack(recordings, tmp_path_factory.mktemp("guest") / "only", "q35-rootport-acpi", "added")


@pytest.fixture
def guest(only_guest: Guest) -> Iterator[Guest]:
    """A q35 guest with four root ports, each with a hot-added device in it: virtio disk, NVMe, e1000e, virtio net.

    It is changed by ``put``, ``spoil`` and ``rename`` alone, and is as it was when the test is over.
    """
    yield only_guest
    only_guest.undo()


@pytest.fixture(scope="session")
def stories() -> dict[str, Story]:
    return {story: Story.load(WHOLE / f"{story}.tar.xz") for story in (NATIVE, SCSI)}


@pytest.fixture
def problems(hotplugctl, tmp_path) -> Callable[[Story], set[tuple[str, str]]]:
    """(id, where) of every problem of what is named."""

    def ask(story: Story) -> set[tuple[str, str]]:
        done = hotplugctl("validate", "--json", story.save(tmp_path / "story.tar"))
        found = {
            (problem["id"], problem["where"])
            for recording in done.document["recordings"]
            for problem in recording["problems"]
        }
        assert done.status == bool(found)
        assert done.err == ""
        return found

    return ask
