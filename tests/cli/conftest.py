"""Guests that are wrong in one way, and the command line as a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Union

import pytest

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
        self.environment = {**kept, "PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": "utf-8"}

    def __call__(self, *arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        """Run to the end; stdin is empty unless given."""
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            **{"capture_output": True, "stdin": subprocess.DEVNULL, **self._common(options)},
            timeout=GUARD,
            check=False,
        )

    def start(self, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
        """Start, and let it run."""
        return subprocess.Popen([*self.command, *map(str, arguments)], **self._common(options))

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
    """A recorded guest, unpacked for the test alone and without its manifest: what is changed in it counts."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __fspath__(self) -> str:
        return str(self.root)

    __str__ = __fspath__

    def path(self, path: str) -> Path:
        """Where a path of the guest is, links followed inside the guest's own folders."""
        return self.root / path

    def put(self, path: str, content: Union[bytes, str, None]) -> Path:
        """A file of these bytes, a link to this target, or nothing, in place of what is there."""
        target = self.root / path
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.is_symlink() or target.exists():
            target.unlink()
        if content is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                target.write_bytes(content)
            else:
                target.symlink_to(content)
        return target


@pytest.fixture
def make_guest(recordings, tmp_path: Path) -> Callable[..., Guest]:
    """Make a guest out of a recorded one."""

    def make(story: str = "q35-rootport-acpi", stage: str = "added") -> Guest:
        root = tmp_path / f"guest-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(recordings.stage(story, stage), root, symlinks=True)
        (root / "manifest.json").unlink()
        return Guest(root)

    return make


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    """A q35 guest with four root ports, each with a hot-added device in it: virtio disk, NVMe, e1000e, virtio net."""
    return make_guest()
