"""hotplugctl's wheel as a tar that is unpacked at / of a guest: what `pip install` would put into /usr/local there."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from .errors import LabError
from .recipe import Release

PIP_SECONDS = 300.0
KEPT = 4  # payloads of a release


def build(wheel: Path, release: Release, cache: Path) -> Path:
    """The payload of a wheel for a release, a .tar.gz in the cache; made only if it is not there.

    hotplugctl comes into /usr/local/lib/python3.X/dist-packages with its metadata, /usr/local/bin/hotplugctl runs it by
    /usr/bin/python3; beside it what the release's distribution has too old (``Release.wheels``).

    :raises LabError: if there is no such wheel, or pip fails
    """
    if not wheel.is_file():
        raise LabError(f"no wheel {wheel}", "make wheel")
    digest = hashlib.sha256(repr(release).encode() + Path(__file__).read_bytes() + wheel.read_bytes()).hexdigest()[:12]
    final = cache / f"payload-{release.name}-{digest}.tar.gz"
    if final.is_file():
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".payload-", dir=cache) as work:
            site = Path(work, "site")
            install(wheel, release, site)
            packed = Path(work, "payload.tar.gz")
            pack(site, release, packed)
            os.replace(packed, final)
    except OSError as error:
        raise LabError(f"payload in {cache}: {error}", "set HOTPLUGCTL_LAB_CACHE to a directory with room") from error
    prune(release, cache)
    return final


def prune(release: Release, cache: Path) -> None:
    """Remove a release's payloads but the newest few."""

    def age(path: Path) -> float:
        try:
            return -path.stat().st_mtime
        except FileNotFoundError:  # another run removed it
            return 0.0

    for path in sorted(cache.glob(f"payload-{release.name}-{'?' * 12}.tar.gz"), key=age)[KEPT:]:
        path.unlink(missing_ok=True)


def install(wheel: Path, release: Release, site: Path) -> None:
    """Let pip install the wheel, and what the guest's distribution lacks, into a directory."""
    pip(["install", "--no-deps", "--no-compile", "--target", str(site), str(wheel)])
    if release.wheels:
        wheels = site.with_name("wheels")
        download = ["download", "--no-deps", "--only-binary=:all:", "--python-version", release.python]
        pip([*download, "--dest", str(wheels), *release.wheels])
        pip(["install", "--no-deps", "--no-compile", "--target", str(site), *map(str, wheels.glob("*.whl"))])


def pip(arguments: list[str]) -> None:
    """Run this Python's pip.

    :raises LabError: with the last of what it said
    """
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        done = subprocess.run(command, stdin=null, stdout=pipe, stderr=subprocess.STDOUT, timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"pip {arguments[0]} took longer than {PIP_SECONDS:.0f} s", "look after the network") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "backslashreplace").strip().splitlines()
        what = said[-1] if said else f"exit status {done.returncode}"
        raise LabError(f"{sys.executable} -m pip {arguments[0]}: {what}", "pip must be there, and its index reachable")


def pack(site: Path, release: Release, out: Path) -> None:
    """A .tar.gz of a --target directory with the guest's paths, all of it root's."""
    script = (site / "bin" / "hotplugctl").read_bytes()
    shutil.rmtree(site / "bin")
    with tarfile.open(out, "w:gz", compresslevel=6) as tar:
        add(tar, "usr/local/bin/hotplugctl", re.sub(rb"\A#![^\n]*", b"#!/usr/bin/python3", script), 0o755)
        for path in sorted(site.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = f"usr/local/lib/python{release.python}/dist-packages/{path.relative_to(site)}"
                add(tar, name, path.read_bytes(), 0o644)


def add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    info.mtime = 1_700_000_000  # any: not the building time
    tar.addfile(info, io.BytesIO(data))
