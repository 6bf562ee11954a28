"""Build guest images by mmdebstrap, and keep them by their content.

``ensure`` gives the image of a release, ``ensure_all`` those of several at once. An image is a directory of the cache,
``RELEASE-KEY``; the key is a hash over the recipe and ``guest_files``. It appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from . import initrd, recipe
from .errors import LabError
from .recipe import Release

Log = Callable[[str], None]

BUILD_SECONDS = 900.0  # of one image; a lock is waited for as long
NEEDED_BYTES = 3 << 30  # free in the cache's file system while one image is built
KEPT_SECONDS = 86400.0  # since somebody last asked for an image
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Program: Debian's package. All but QEMU are for the build.
PROGRAMS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "dpkg-deb": "dpkg", "unshare": "util-linux"}
STALE = "set this machine's clock, or HOTPLUGCTL_LAB_MIRROR to a mirror that is kept up"
# What mmdebstrap's log says, in lower case: what that means, and what to do.
FAULTS = (
    ("no space left on device", "the disk is full", "free some space, or set HOTPLUGCTL_LAB_CACHE to another disk"),
    ("could not resolve", "no network", "the mirror of apt's sources must be reachable"),
    ("temporary failure resolving", "no network", "the mirror of apt's sources must be reachable"),
    ("unable to connect", "no network", "the mirror of apt's sources must be reachable"),
    ("could not connect", "no network", "the mirror of apt's sources must be reachable"),
    ("does not have a release file", "the mirror lacks the release", "set HOTPLUGCTL_LAB_MIRROR to one that has it"),
    ("updates for this repository will not be applied", "the mirror's state of the release is past its date", STALE),
    ("couldn't be verified", "the release's key is missing", "install a newer debian-archive-keyring"),
    ("no_pubkey", "the release's key is missing", "install a newer debian-archive-keyring"),
    ("unable to locate package", "the release lacks a package", "compare tests/lab/recipe.py with the log"),
    ("failed to parse /etc/subuid", "user namespaces are not set up", "run as root, or give this user a range there"),
    ("newuidmap", "user namespaces are not set up", "run as root, or install uidmap and fill /etc/subuid"),
    ("operation not permitted", "this user may not build a root", "run as root, in a container with CAP_SYS_ADMIN"),
)


class Image(NamedTuple):
    """A built image: its kernel (``version``: uname -r), initrd, disk (raw, ext4), and the kernel's configuration."""

    release: Release
    version: str
    kernel: Path
    initrd: Path
    disk: Path
    config: Path


def default_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """$HOTPLUGCTL_LAB_CACHE, else hotplugctl-lab in $XDG_CACHE_HOME or ~/.cache."""
    named = environment.get("HOTPLUGCTL_LAB_CACHE")
    if named:
        return Path(named)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotplugctl-lab"


def guest_files() -> Iterator[Path]:
    """The files that go into an image or help to build it, in order."""
    return (path for path in sorted(recipe.GUEST_FILES.iterdir()) if path.is_file())


def key(release: Release) -> str:
    """Twelve hex digits that stand for all an image is made of, but for the archive's own state."""
    digest = hashlib.sha256(repr(release).encode())
    digest.update(repr(options(release)).encode())
    for path in (Path(recipe.__file__), Path(initrd.__file__), *guest_files()):
        data = path.read_bytes()
        digest.update(f"\0{path.name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:12]


def load(release: Release, directory: Path) -> Image:
    """The image that a directory holds.

    :raises LabError: if it lacks a part
    """
    files = [directory / name for name in ("version", "vmlinuz", "initrd", "disk.img", "config")]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise LabError(f"image {directory} lacks {', '.join(missing)}", f"rm -r {directory}")
    return Image(release, files[0].read_text(encoding="ascii").strip(), *files[1:])


def ensure(release: Release, cache: Path, log: Log, stop: threading.Event | None = None) -> Image:
    """The image of a release; built if it is not in the cache. ``stop`` ends a build early.

    :raises LabError: with what to do, if it cannot be built
    """
    final = cache / f"{release.name}-{key(release)}"
    stop = stop or threading.Event()
    try:
        if final.is_dir():
            touch(final)
            return load(release, final)
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f"{release.name}.lock", log, stop):
            if not final.is_dir():
                build(release, cache, final, log, stop)
                prune(release, cache)
        return load(release, final)
    except OSError as error:
        raise LabError(f"cache {cache}: {error}", "set HOTPLUGCTL_LAB_CACHE to a writable directory") from error


def touch(directory: Path) -> None:
    """Note that an image is in use."""
    with contextlib.suppress(OSError):  # a cache that is only read from
        os.utime(directory)


def ensure_all(releases: Sequence[Release], cache: Path, log: Log) -> list[Image]:
    """The images of several releases, built side by side. Ctrl-C, or a failure of one, ends all builds.

    :raises LabError: the first that a build raised
    """
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=max(1, len(releases))) as pool:
        futures = [pool.submit(ensure, release, cache, log, stop) for release in releases]
        try:
            while not all(future.done() for future in futures):
                for future in futures:
                    if future.done() and future.exception():
                        stop.set()
                time.sleep(0.1)
        finally:
            stop.set()
    failures = [error for error in (future.exception() for future in futures) if error]
    for error in sorted(failures, key=lambda error: isinstance(error, Stopped)):
        raise error
    return [future.result() for future in futures]


class Stopped(LabError):
    """A build that was told to stop."""


@contextlib.contextmanager
def locked(path: Path, log: Log, stop: threading.Event) -> Iterator[None]:
    """Hold a lock file; another builder is waited for.

    :raises LabError: if it takes longer than a build may
    """
    with path.open("w") as file:
        deadline = time.monotonic() + BUILD_SECONDS
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            if not told:
                log(f"waiting for another build ({path})")
                told = True
            if stop.wait(0.5):
                raise Stopped(f"stopped while waiting for {path}")
            if time.monotonic() > deadline:
                raise LabError(f"{path} is held for {BUILD_SECONDS:.0f} s by another build", f"see which: fuser {path}")
        yield


def prune(release: Release, cache: Path) -> None:
    """Remove a release's images that nobody asked for of late: those may be in use, and a checkout back needs them."""
    for path in cache.glob(f"{release.name}-{'?' * 12}"):
        if path.is_dir() and path.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def requirements(cache: Path) -> None:
    """Look for what a build needs before it starts.

    :raises LabError: for the first that is missing
    """
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program, path=search_path()) is None}
    if missing:
        packages = " ".join(sorted(missing))
        raise LabError(f"cannot build an image: {packages} missing", f"apt-get install {packages}")
    if not KEYRING.is_file():
        raise LabError(f"cannot build an image: {KEYRING} missing", "apt-get install debian-archive-keyring")
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise LabError(
            f"cache {cache}: {free >> 20} MiB free, an image needs {NEEDED_BYTES >> 20} while it is built",
            "free some space, or set HOTPLUGCTL_LAB_CACHE to another disk",
        )


def search_path() -> str:
    """PATH with the sbin directories, which a user's may lack."""
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def mirror(environment: Mapping[str, str] = os.environ) -> str:
    """URI of the Debian mirror that this machine's apt uses ($HOTPLUGCTL_LAB_MIRROR goes before it).

    :raises LabError: if it uses none
    """
    named = environment.get("HOTPLUGCTL_LAB_MIRROR")
    if named:
        return named
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"]
    try:
        listed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"apt-get indextargets: {error}", "set HOTPLUGCTL_LAB_MIRROR to a Debian mirror") from error
    for line in listed.stdout.splitlines():
        uri, _, component = line.partition(" ")
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    raise LabError("apt's sources name no Debian mirror", "set HOTPLUGCTL_LAB_MIRROR to one")


def settings(release: Release) -> dict[str, str]:
    """The environment of ``guest_files/customize.sh``."""
    return {
        "LAB_FLAVOUR": release.flavour,
        "LAB_TRIMMED": " ".join(recipe.TRIMMED),
        "LAB_FIRST": " ".join(recipe.INITRD_FIRST),
        "LAB_REST": " ".join(recipe.INITRD_REST),
        "LAB_LABEL": recipe.LABEL,
        "LAB_UUID": recipe.UUID,
        "LAB_ROOM_MIB": str(recipe.ROOM_MIB),
    }


def options(release: Release) -> list[str]:
    """What makes mmdebstrap build this root and no other."""
    merged = 'for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'
    return [
        "--variant=essential",
        f"--include={','.join(release.packages)}",
        "--architectures=amd64",
        "--components=main",
        *(f"--dpkgopt=path-exclude={path}" for path in recipe.EXCLUDED),
        "--dpkgopt=force-unsafe-io",
        f"--setup-hook={merged}",
    ]


def mmdebstrap_command(release: Release, overlay: Path, out: Path, uri: str) -> list[str]:
    """The whole build of a root as one command; ``out`` comes to hold lab-out/ of ``customize.sh``."""
    script = (recipe.GUEST_FILES / "customize.sh").read_text(encoding="utf-8")
    root = os.geteuid() == 0
    return [
        "mmdebstrap",
        f"--mode={'root' if root else 'unshare'}",
        *options(release),
        f"--keyring={KEYRING}",
        *proxies(),
        f"--customize-hook=tar-in {shlex.quote(str(overlay))} /",
        f"--customize-hook={script}",
        *(() if root else (f"--customize-hook=copy-out /lab-out {shlex.quote(str(out))}",)),
        "--format=null",
        release.suite,
        "/dev/null",
        uri,
    ]


def proxies() -> list[str]:
    """The proxies of this machine's apt, which mmdebstrap's own apt does not know."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        shown = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        lines = (line.rstrip(";") for line in shown.stdout.splitlines())
        wanted = ("acquire::http::p", "acquire::https::")
        return [f"--aptopt={line}" for line in lines if line.lower().startswith(wanted)]
    return []


def overlay_tar(path: Path) -> None:
    """What goes into the root besides packages, as a tar."""
    with tarfile.open(path, "w") as tar:
        for file in guest_files():
            if file.suffix in recipe.PLACES:
                info = tarfile.TarInfo(f"./{recipe.PLACES[file.suffix]}/{file.name}")
                info.size = file.stat().st_size
                info.mtime = int(file.stat().st_mtime)
                info.mode = 0o644
                tar.addfile(info, BytesIO(file.read_bytes()))


def build(release: Release, cache: Path, final: Path, log: Log, stop: threading.Event) -> None:
    """Build an image beside its place and move it there; what an earlier build left behind goes first."""
    requirements(cache)
    uri = mirror()
    work = cache / f".building-{release.name}"
    clear(work)
    work.mkdir()
    log_file = cache / f"{release.name}.log"
    log(f"building {release.name} (log: {log_file})")
    start = time.monotonic()
    try:
        overlay_tar(work / "overlay.tar")
        command = mmdebstrap_command(release, work / "overlay.tar", work, uri)
        environment = {**os.environ, **settings(release), "PATH": search_path(), "LC_ALL": "C.UTF-8"}
        if os.geteuid() == 0:  # else mmdebstrap's user namespace could not reach it
            environment.update(TMPDIR=str(work), LAB_OUT=str(work))
        run(command, environment, log_file, stop)
        out = work / "lab-out"
        initrd.build(out / "initrd")
        made = {"mirror": uri, "suite": release.suite, "at": int(time.time())}
        (out / "made.json").write_text(json.dumps(made) + "\n", encoding="ascii")
        load(release, out)
        os.replace(out, final)
    finally:
        clear(work)
    log(f"built {final} in {time.monotonic() - start:.0f} s")


def clear(work: Path) -> None:
    """Remove a build's directory, unless something is still mounted in it.

    :raises LabError: if so
    """
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="backslashreplace").split("\n")
    for line in mounts:
        if line.partition(" ")[2].startswith(f"{work.resolve()}/"):
            mounted = line.split(" ")[1]
            raise LabError(f"{mounted} is still mounted", f"umount -R {shlex.quote(mounted)}")
    shutil.rmtree(work, ignore_errors=True)


def run(command: Sequence[str], environment: Mapping[str, str], log_file: Path, stop: threading.Event) -> None:
    """Run a build's command, its output into a log; whatever ends the wait ends all its processes too.

    :raises LabError: if it fails, or takes too long
    """
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + BUILD_SECONDS
        try:
            while process.poll() is None:
                if stop.wait(0.2):
                    raise Stopped(f"stopped: {command[0]} (log: {log_file})")
                if time.monotonic() > deadline:
                    raise LabError(f"{command[0]} took longer than {BUILD_SECONDS:.0f} s", f"see {log_file}")
        finally:
            end(process)
    if process.returncode:
        raise diagnosis(command[0], process.returncode, log_file)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its session: asked first, so that it can unmount."""
    for number, wait in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(wait)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def diagnosis(program: str, code: int, log_file: Path) -> LabError:
    """What a failed build's log says, in a line."""
    text = log_file.read_text(encoding="utf-8", errors="backslashreplace")
    lowered = text.lower()
    for sign, meaning, hint in FAULTS:
        if sign in lowered:
            return LabError(f"{program} failed: {meaning} (log: {log_file})", hint)
    lines = [line for line in text.splitlines() if line.strip()] or ["it said nothing"]
    hook = next((number for number, line in enumerate(lines) if line.startswith("E: setup failed: ")), 0)
    errors = [line for line in lines[: hook or None] if line.startswith(("E:", "lab:", "dpkg: error"))]
    first = errors[0] if errors else lines[hook - 1]  # what a failed hook said, or the last line
    return LabError(f"{program} failed ({code}): {first}", f"see {log_file}")
