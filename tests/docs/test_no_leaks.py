"""No file of the project names the workshop that it was made in, or a host that only a package manager needs to know.

Archives are not looked into: what a recorded guest held is evidence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# In two halves, so that this file does not hold them.
FORBIDDEN = [
    first + second
    for first, second in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("deb.", "debian.org"),
        ("security.", "debian.org"),
        ("snapshot.", "debian.org"),
        ("archive.", "ubuntu.com"),
        ("proxy.", "golang.org"),
        ("registry.", "npmjs.org"),
        ("crates", ".io/api"),
        ("index", "-url"),
        ("trusted", "-host"),
        ("/wo", "rk/"),
        ("../sha", "red"),
        ("shared/", "recordings"),
        ("shared/", "corpus"),
        ("shared/", "design"),
        ("/tmp/", "rec/"),
        ("/tmp/", "v/bin"),
        (".py", "env"),
        ("issues ", "show"),
    )
]
MADE = {".git", ".venv", ".hypothesis", ".mypy_cache", ".ruff_cache", "__pycache__", "build", "dist"}


def files() -> Iterator[Path]:
    """What git keeps or would keep; where there is no git, what is there beside what the tools make."""
    if shutil.which("git") and (CHECKOUT / ".git").exists():
        listing = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        yield from (CHECKOUT / os.fsdecode(path) for path in listing.split(b"\0") if path)
        return
    for directory, names, found in os.walk(CHECKOUT):
        names[:] = [name for name in names if name not in MADE and not name.endswith(".egg-info")]
        yield from (Path(directory, name) for name in found)


def leaks(path: Path) -> list[str]:
    text = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
    return [word for word in FORBIDDEN if word.encode() in text]


def test_nothing_names_the_workshop() -> None:
    looked_at = [path for path in files() if path.is_symlink() or path.is_file()]
    assert Path(__file__).resolve() in looked_at
    found = {path.relative_to(CHECKOUT).as_posix(): words for path in looked_at for words in [leaks(path)] if words}
    assert not found


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_leak_is_seen(word: str, tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(f"see {word} for more")
    (tmp_path / "link").symlink_to(f"{word}/x")
    assert leaks(tmp_path / "leak") == [word]
    assert word in leaks(tmp_path / "link")
