"""Which scenarios share a boot, several guests at once, and what became of each."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.lab.errors import LabError
from tests.lab.guest import Boot, Guest
from tests.lab.image import Image
from tests.lab.patience import within
from tests.lab.plan import Scenario, label
from tests.lab.qemu import Refused
from tests.lab.steps import Player

_LONGEST = 900.0  # seconds for one scenario, whatever it waits for

Log = Callable[[str], None]


class Job(NamedTuple):
    """A scenario on the kernel of a release."""

    scenario: Scenario
    release: str

    @property
    def name(self) -> str:
        return label(self.scenario, self.release)


class Outcome(NamedTuple):
    """What became of a job. ``status`` is ``passed``, ``failed`` (hotplugctl or the kernel was not as it must be),
    ``error`` (the lab could not tell)."""

    name: str
    status: str
    kernel: str
    did: str
    said: str
    seconds: float
    problems: tuple[str, ...]
    left: tuple[Path, ...]
    """Where the console, the transcript, the uevents and the recordings of a job that did not pass are."""


class Place(NamedTuple):
    """What the boots of a run share; ``keep``: also what passed leaves its recordings behind."""

    folder: Path
    boots: dict[str, Boot]
    images: dict[str, Image]
    jobs: int
    keep: bool
    log: Log


def chains(jobs: Iterable[Job]) -> list[list[Job]]:
    """Lists of jobs that share a boot: the same hardware and release, at most one that spoils the guest, as the last.

    A job whose story becomes a fixture has a boot of its own, so that nothing else is in its log.
    """
    alone = [[job] for job in jobs if job.scenario.fixture]
    shared: dict[object, list[Job]] = {}
    for job in jobs:
        if not job.scenario.fixture:
            shared.setdefault((job.release, job.scenario.hardware), []).append(job)
    found = alone
    for group in shared.values():
        spoilers = [job for job in group if job.scenario.spoils]
        first = [job for job in group if not job.scenario.spoils] + spoilers[:1]
        found += [first, *([job] for job in spoilers[1:])]
    return sorted(found, key=len, reverse=True)


async def run(jobs: Iterable[Job], place: Place, outcomes: list[Outcome]) -> None:
    """Run all jobs, ``place.jobs`` guests side by side; what became of each is added to ``outcomes`` as it is known.

    Nothing of the guests is left when this returns or is cancelled.
    """
    gate = asyncio.Semaphore(place.jobs)

    async def one(chain: list[Job]) -> None:
        async with gate:
            while chain:
                chain = chain[await _boot(chain, place, outcomes) :]

    tasks = [asyncio.create_task(one(chain)) for chain in chains(jobs)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        # Once and only once: a second cancellation would cut short the end of the guests.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _boot(chain: list[Job], place: Place, outcomes: list[Outcome]) -> int:
    """Boot once and run what can be run on that. Returns how many jobs are done with: at least one."""
    first = chain[0]
    folder = place.folder / first.name
    started = time.monotonic()
    done: list[Outcome] = []
    try:
        image, boot = place.images[first.release], place.boots[first.release]
        guest = await Guest.boot(first.scenario.hardware, image, folder, boot)
    except LabError as error:
        outcomes.append(_report(_error(first, error, folder, time.monotonic() - started), place))
        return 1
    async with guest:
        place.log(f"      {first.name}: up after {time.monotonic() - started:.0f} s")
        base = guest.at_boot
        for job in chain:
            outcome = _report(await _play(job, guest, place.folder / job.name), place)
            done.append(outcome)
            outcomes.append(outcome)
            if outcome.status != "passed" or not await _has(guest, base):
                break
    if not place.keep:
        for outcome in done:
            if outcome.status == "passed" and all(other.status == "passed" for other in done):
                shutil.rmtree(place.folder / outcome.name, ignore_errors=True)
    return len(done)


async def _has(guest: Guest, functions: Collection[str]) -> bool:
    """Whether the guest has these functions and no others; one that is lost has none."""
    try:
        return set(await guest.functions()) == set(functions)
    except LabError:
        return False


async def _play(job: Job, guest: Guest, folder: Path) -> Outcome:
    folder.mkdir(parents=True, exist_ok=True)
    guest.contents = job.scenario.disks
    guest.transcript.note("host", {"scenario": job.name})
    player, started = Player(guest, folder, job.scenario.cause), time.monotonic()
    try:
        await within(_LONGEST, player.play(job.scenario.steps))
    except asyncio.TimeoutError:
        player.problems.append(f"not done after {_LONGEST:.0f} s; it last did: {', '.join(player.did[-1:])}")
    except (LabError, Refused) as error:
        return _outcome(job, "error", player, guest, folder, started, (*player.problems, str(error)))
    status = "failed" if player.problems else "passed"
    if status == "failed" or job.scenario.fixture:
        await _leave(guest, folder)
    return _outcome(job, status, player, guest, folder, started, tuple(player.problems))


async def _leave(guest: Guest, folder: Path) -> None:
    """Fetch the events out of the guest, and a last recording. What cannot be fetched is said in place of it."""
    wanted = {
        "events.tar": "tar -cf - -C /run/lab events",
        "last.tar": "hotplugctl record --no-scrub -",
        "dmesg.txt": "dmesg",
        "lspci.txt": "lspci -Dvvnnk",
    }
    for name, command in wanted.items():
        try:
            answer = await guest.sh(command, 60)
        except LabError as error:
            (folder / f"{name}.missing").write_text(f"{error}\n", encoding="utf-8")
            return
        (folder / name).write_bytes(answer.out)


def _outcome(
    job: Job, status: str, player: Player, guest: Guest, folder: Path, started: float, problems: tuple[str, ...]
) -> Outcome:
    left = () if status == "passed" else tuple(dict.fromkeys((folder, guest.folder)))
    did, said = ", ".join(player.did), "; ".join(player.said)
    return Outcome(job.name, status, guest.image.version, did, said, time.monotonic() - started, problems, left)


def _error(job: Job, error: LabError, folder: Path, seconds: float) -> Outcome:
    return Outcome(job.name, "error", job.release, "", "", seconds, (str(error),), (folder,))


def _report(outcome: Outcome, place: Place) -> Outcome:
    place.log(f"{outcome.status:6} {outcome.name} ({outcome.seconds:.0f} s)")
    for problem in outcome.problems:
        place.log(f"         {problem}")
    for path in outcome.left:
        place.log(f"         left behind: {path}")
    return outcome
