"""``python -m tests.lab``: boot guests, plug and pull devices, and hold what hotplugctl says against the host."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Optional

from tests.lab import accel, image, payload, qemu, report, runner, story
from tests.lab.errors import LabError
from tests.lab.guest import Boot
from tests.lab.plan import Snap
from tests.lab.recipe import RELEASES
from tests.lab.runner import Job, Outcome, Place
from tests.lab.scenarios import ALL

CHECKOUT = Path(__file__).resolve().parents[2]
PASSED, FAILED, WRONG, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Optional[Sequence[str]] = None) -> int:
    """0: all passed; 1: a scenario failed; 2: asked wrongly; 3: the lab itself failed; 130: interrupted."""
    options = _options(argv)
    jobs = _select(options)
    if options.list:
        for job in jobs:
            print(f"{job.name:44} {job.scenario.why}")
        return PASSED
    if not jobs:
        print("lab: no scenario has such a name; --list names them all", file=sys.stderr)
        return WRONG
    # Both, also where a shell has started us in the background, deaf to SIGINT.
    signal.signal(signal.SIGINT, _terminated)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        qemu.binary()
        releases = [RELEASES[name] for name in sorted({job.release for job in jobs})]
        images = {made.release.name: made for made in image.ensure_all(releases, image.default_cache(), print)}
        return asyncio.run(_main(jobs, images, options))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return BROKEN
    except OSError as error:
        print(f"lab: {error.filename or 'the host'}: {error.strerror} (is the disk full?)", file=sys.stderr)
        return BROKEN
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("lab: interrupted; all guests are ended", file=sys.stderr)
        return INTERRUPTED


def _options(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make lab ARGS=…", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="PATTERN", help="names, with * and ?; default: all")
    parser.add_argument("--list", action="store_true", help="name the scenarios and stop")
    parser.add_argument("--ci", action="store_true", help="only those that CI runs")
    parser.add_argument("--fixtures", action="store_true", help="only those whose story becomes a fixture")
    parser.add_argument("--release", action="append", choices=sorted(RELEASES), help="only these kernels")
    parser.add_argument("--jobs", type=int, default=max(1, min(8, os.cpu_count() or 1)), help="guests side by side")
    parser.add_argument("--keep", action="store_true", help="keep the recordings of what passed, too")
    parser.add_argument("--stories", type=Path, metavar="DIR", help="write the stories of what passed there")
    parser.add_argument("--out", type=Path, default=CHECKOUT / ".lab", help="where results go")
    return parser.parse_args(argv)


def _select(options: argparse.Namespace) -> list[Job]:
    jobs = [Job(scenario, release) for scenario in ALL for release in scenario.releases]
    if options.ci:
        jobs = [job for job in jobs if job.release in job.scenario.ci]
    if options.fixtures:
        jobs = [job for job in jobs if job.scenario.fixture and job.release == "bookworm"]
    if options.release:
        jobs = [job for job in jobs if job.release in options.release]
    if options.scenarios:
        jobs = [job for job in jobs if any(fnmatch(job.name, pattern) for pattern in options.scenarios)]
    return jobs


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


async def _main(jobs: list[Job], images: dict[str, image.Image], options: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    kernel = next(iter(images.values())).kernel
    acceleration = await accel.accelerator(qemu.binary(), kernel)
    folder = options.out / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    print(f"{len(jobs)} scenarios, {options.jobs} guests at once, accelerated by {acceleration}")
    started = time.monotonic()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as wheels:
        packed = {name: payload.build(_wheel(Path(wheels)), RELEASES[name], image.default_cache()) for name in images}
        patience = 60.0 if acceleration == accel.KVM else 240.0
        boots = {name: Boot(acceleration, tar, patience) for name, tar in packed.items()}
        keep = options.keep or options.stories is not None
        place = Place(folder, boots, images, options.jobs, keep, lambda text: print(text, flush=True))
        try:
            await runner.run(jobs, place, outcomes)
        finally:
            # Also of a run that is cut off: what is known by then is told.
            status = _tell(sorted(outcomes), folder, time.monotonic() - started)
    if options.stories is not None:
        _write_stories(jobs, outcomes, place, options.stories)
    return status


def _write_stories(jobs: list[Job], outcomes: list[Outcome], place: Place, out: Path) -> None:
    """The story of every job that passed and has a boot of its own."""
    out.mkdir(parents=True, exist_ok=True)
    passed = {outcome.name for outcome in outcomes if outcome.status == "passed"}
    for job in jobs:
        if job.name in passed and job.scenario.fixture:
            run, made = place.folder / job.name, place.images[job.release]
            stages = [step.stage for step in job.scenario.steps if isinstance(step, Snap)]
            story.assemble(run, stages, out / job.name, {str(run): "RUN", str(made.disk.parent): "IMAGE"})
            print(f"story: {out / job.name}")


def _wheel(folder: Path) -> Path:
    """hotplugctl of this checkout as a wheel."""
    there = list(folder.glob("*.whl"))
    if there:
        return there[0]
    with tempfile.TemporaryDirectory() as copy:
        source = Path(copy, "source")
        # A copy: pip builds where the sources lie, and would leave what it built there.
        shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(".*", "fixtures", "tests", "build"))
        argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
        # The same sources give the same wheel, and so the same payload in the cache.
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"the wheel cannot be built: {done.stderr.strip().splitlines()[-1:]}", "make wheel")
    return next(folder.glob("*.whl"))


def _tell(outcomes: list[Outcome], folder: Path, seconds: float) -> int:
    report.junit(outcomes, folder / "junit.xml")
    (folder / "table.md").write_text(report.table(outcomes), encoding="utf-8")
    count = {status: sum(outcome.status == status for outcome in outcomes) for status in ("passed", "failed", "error")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['error']} errors of the lab in {seconds:.0f} s")
    print(f"table: {folder}/table.md; JUnit: {folder}/junit.xml")
    if count["error"]:
        return BROKEN
    return FAILED if count["failed"] else PASSED


if __name__ == "__main__":
    sys.exit(main())
