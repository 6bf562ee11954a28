"""``can-unplug``: against ``check`` on the same recorded guest, and against ``fuser -m`` with 10,000 processes.

The second needs root, a loop device and psmisc: an ext4 of its own is mounted, a few of the processes have a file on it
open, and both programs must name just these. It makes as many processes as the machine allows, and says how many.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.bench_start import ANSWERS, unpack
from bench.pairs import CHECKOUT, Row, Unmeasurable, hotplugctl, output, ratio, verdict

ARCHIVE, STAGE, TARGET = CHECKOUT / "fixtures/lab/unplug-programs.tar.xz", "used", "vdb"
CHECK_BOUND = 3.0

PROCESSES = 10_000
FEWEST = 2_000
EVERY = 1_000  # one of so many has a file open on the mount
FUSER_BOUND = 5.0
IN_USE = (1,)


def on_record(folder: Path, pairs: int) -> list[Row]:
    """A disk in use by programs, in a recording that has them."""
    guest = unpack(ARCHIVE, STAGE, folder)
    rows = []
    for form in ((), ("--json",)):
        ours = hotplugctl("can-unplug", TARGET, *form, "--root", str(guest))
        if "process" not in output(ours, IN_USE):
            raise Unmeasurable(f"{' '.join(ours)} tells of no process")
        measured, note = ratio(ours, hotplugctl("check", *form, "--root", str(guest)), pairs, (*ANSWERS, *IN_USE))
        rows.append(Row(" ".join(("can-unplug", *form)) + " to check", measured, CHECK_BOUND, "x", note))
    return rows


def program(name: str, package: str) -> str:
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if found is None:
        raise Unmeasurable(f"{name} is missing (on Debian: apt-get install {package})")
    return found


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[tuple[str, Path]]:
    """A loop device with an ext4, and where it is mounted."""
    image, point = folder / "image", folder / "mount"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    losetup, umount = program("losetup", "mount"), program("umount", "mount")
    try:
        subprocess.run([program("mkfs.ext4", "e2fsprogs"), "-q", "-F", str(image)], check=True, capture_output=True)
        shown = subprocess.run([losetup, "--find", "--show", str(image)], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise Unmeasurable(f"no loop device: {error.stderr.decode(errors='replace').strip()}") from None
    loop = shown.stdout.decode().strip()
    try:
        subprocess.run([program("mount", "mount"), loop, str(point)], check=True, capture_output=True)
        try:
            yield loop, point
        finally:
            subprocess.run([umount, str(point)], check=True)
    finally:
        subprocess.run([losetup, "--detach", loop], check=True)


@contextlib.contextmanager
def crowd(file: Path) -> Iterator[tuple[int, set[int]]]:
    """Processes that sleep: how many there are, and which of them have ``file`` open."""
    sleep = program("sleep", "coreutils")
    room = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    wanted = PROCESSES if room == resource.RLIM_INFINITY else min(PROCESSES, room // 2)
    null, opened = os.open(os.devnull, os.O_RDWR), os.open(file, os.O_RDONLY)
    numbers: list[int] = []
    users: set[int] = set()
    try:
        for at in range(wanted):
            actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
            if at % EVERY == 0:
                actions.append((os.POSIX_SPAWN_DUP2, opened, 5))
            try:
                numbers.append(os.posix_spawn(sleep, ["sleep", "3600"], {}, file_actions=actions))
            except OSError:
                break
            users.update(numbers[-1:] if at % EVERY == 0 else ())
        os.close(opened)
        if len(numbers) < FEWEST:
            raise Unmeasurable(f"this machine lets only {len(numbers)} processes be")
        yield len(numbers), users
    finally:
        os.close(null)
        for number in numbers:
            os.kill(number, signal.SIGKILL)
        for number in numbers:
            os.waitpid(number, 0)


def live(folder: Path, pairs: int) -> list[Row]:
    """The same question as ``fuser -m``, on this machine."""
    if os.geteuid():
        raise Unmeasurable("only root can mount something and look into all processes")
    fuser = program("fuser", "psmisc")
    with mounted(folder) as (loop, point):
        (point / "file").write_text("here\n")
        with crowd(point / "file") as (count, users):
            ours, theirs = hotplugctl("can-unplug", "--json", loop), [fuser, "-m", str(point)]
            prove(ours, theirs, users)
            measured, note = ratio(ours, theirs, pairs, IN_USE)
    return [Row(f"can-unplug: {count} processes to fuser -m", measured, FUSER_BOUND, "x", note)]


def prove(ours: Sequence[str], theirs: Sequence[str], users: set[int]) -> None:
    """Both name the processes that use it, else their times say nothing."""
    blockers = json.loads(output(ours, IN_USE))["blockers"]
    named = {int(one["subject"]) for one in blockers if one["kind"] == "process" and one["subject"].isdigit()}
    fused = {int(word) for word in output(theirs).split() if word.isdigit()}
    if named != users or fused != users:
        raise Unmeasurable(f"{len(users)} processes use it, can-unplug names {len(named)}, fuser {len(fused)}")


def measure(part: str) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        return on_record(Path(directory), pairs=11) if part == "record" else live(Path(directory), pairs=5)


def main() -> int:
    return max(verdict(lambda: measure("record")), verdict(lambda: measure("live")))


if __name__ == "__main__":
    sys.exit(main())
