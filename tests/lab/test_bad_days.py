"""What the lab does when QEMU, the guest or the host fails: a line that says what, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Optional

import pytest

from tests.lab import channel, qemu, runner
from tests.lab.errors import LabError, Lost
from tests.lab.guest import Boot, Guest
from tests.lab.image import Image
from tests.lab.plan import Hardware, Plug, Pull, Scenario, Sh
from tests.lab.recipe import RELEASES
from tests.lab.runner import Job, Outcome, Place

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PC = Hardware("pc")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    for name in ("vmlinuz", "initrd", "disk.img", "config"):
        (tmp_path / name).touch()
    files = [tmp_path / name for name in ("vmlinuz", "initrd", "disk.img", "config")]
    return Image(RELEASES["bookworm"], "6.1.0-fake", *files)


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    payload = tmp_path / "payload.tar.gz"
    payload.write_bytes(b"no tar, but the guest is none either")
    return Boot("tcg", payload, 2.0)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the lab find a QEMU that behaves as told."""

    def choose(manner: str) -> None:
        program = tmp_path / "qemu"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "fake_qemu.py"} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("QEMU", str(program))
        monkeypatch.setenv("FAKE_QEMU", manner)

    return choose


def with_guest(image: Image, boot: Boot, folder: Path, act: Callable[[Guest], Awaitable[None]]) -> None:
    async def go() -> None:
        async with await Guest.boot(PC, image, folder / "run", boot) as guest:
            await act(guest)

    asyncio.run(go())


def children() -> set[str]:
    """What this process has started and not collected."""
    tasks = Path("/proc/self/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Nothing may be left of a guest when a test is over; what other tests have left is theirs."""
    before = children()
    yield
    assert children() - before == set()


async def nothing(guest: Guest) -> None:
    raise AssertionError("this guest must not come up")


def test_a_guest_that_behaves(fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path) -> None:
    fake("")

    async def act(guest: Guest) -> None:
        assert (await guest.sh("echo it")).text == "echo it"
        await guest.plug("virtio-blk-pci,id=x,drive=d")
        since = await guest.pull("x")
        assert await guest.deleted("x", since, 5)
        assert not await guest.deleted("y", since, 0.1)

    with_guest(image, boot, tmp_path, act)
    notes = [json.loads(line) for line in (tmp_path / "run/host/qmp.jsonl").read_text("utf-8").splitlines()]
    commands = [note["m"]["execute"] for note in notes if note["k"] == ">"]
    assert commands[-3:] == ["blockdev-add", "device_add", "device_del"]
    assert any(note["m"].get("event") == "DEVICE_DELETED" for note in notes)
    assert not (tmp_path / "run/d.img").exists()
    assert [path for path in (tmp_path / "run").rglob("*") if stat.S_ISSOCK(path.stat().st_mode)] == []


def test_qemu_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QEMU", "no-such-qemu")
    with pytest.raises(LabError, match=r"no-such-qemu is not installed .apt-get install qemu-system-x86"):
        qemu.binary()


def test_qemu_ends_at_once(fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path) -> None:
    fake("dies")
    with pytest.raises(LabError, match=r"QEMU did not start: .*not a valid device model name"):
        with_guest(image, boot, tmp_path, nothing)


def test_qemu_says_nothing(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("silent")
    monkeypatch.setattr(qemu, "_PATIENCE", 0.5)
    with pytest.raises(LabError, match="QEMU did not start: it said nothing"):
        with_guest(image, boot, tmp_path, nothing)


def test_the_guest_never_speaks(fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path) -> None:
    fake("mute")
    with pytest.raises(Lost, match=r"its agent said nothing within 2 s; its console ends with: 'Kernel panic"):
        with_guest(image, boot, tmp_path, nothing)


@pytest.mark.parametrize(
    ("manner", "why"), [("panics", "Kernel panic - not syncing: VFS"), ("hangs", "gave no answer within 1 s to: true")]
)
def test_a_guest_that_is_lost_is_an_error_of_the_lab(
    manner: str, why: str, fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fake(manner)
    monkeypatch.setattr(channel, "_GRACE", 0.5)
    outcome = play(Scenario("lost", PC, (Sh("true", within=0.5),)), image, boot, tmp_path)
    assert outcome.status == "error"
    assert why in outcome.problems[0]
    assert all(path.is_dir() for path in outcome.left)


def test_the_disk_is_full(fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path) -> None:
    fake("nospace")
    steps = (Plug("e1000,id=x"), Sh("sleep 0"), Sh("sleep 0"))
    outcome = play(Scenario("full", PC, steps), image, boot, tmp_path)
    assert outcome.status == "error"
    assert "no space left on the host's disk" in outcome.problems[0]


def test_a_refused_command_fails_the_scenario(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    fake("")
    outcome = play(Scenario("refused", PC, (Plug("nonsense,id=x"),)), image, boot, tmp_path)
    assert (outcome.status, len(outcome.problems)) == ("failed", 1)
    assert "device_add nonsense,id=x was refused: 'nonsense' is not a valid" in outcome.problems[0]
    wanted = play(Scenario("wanted", PC, (Plug("nonsense,id=x", refused="not a valid"),)), image, boot, tmp_path)
    assert wanted.status == "passed"
    other = play(Scenario("taken", PC, (Plug("e1000,id=x", refused="not a valid"),)), image, boot, tmp_path)
    assert other.problems == ("device_add e1000,id=x was to be refused, and was not",)


def test_a_device_that_is_not_deleted_fails_the_scenario(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    fake("")
    steps = (Plug("e1000,id=x"), Pull("x", deleted=False, within=0.5))
    outcome = play(Scenario("deleted", PC, steps), image, boot, tmp_path)
    assert outcome.problems == ("DEVICE_DELETED of x came, and must not within 0 s",)


def play(scenario: Scenario, image: Image, boot: Boot, folder: Path) -> Outcome:
    place = Place(folder / "out", {"bookworm": boot}, {"bookworm": image}, 1, False, lambda _: None)

    outcomes: list[Outcome] = []
    asyncio.run(runner.run([Job(scenario, "bookworm")], place, outcomes))
    (outcome,) = outcomes
    return outcome


def test_one_lost_guest_does_not_take_the_others_along(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    """Of three scenarios on one boot the second loses the guest: the third gets a new one."""
    fake("panics")
    names = {"first": "sleep 0", "second": "true", "third": "sleep 0"}
    jobs = [Job(Scenario(name, PC, (Sh(command),)), "bookworm") for name, command in names.items()]
    place = Place(tmp_path / "out", {"bookworm": boot}, {"bookworm": image}, 2, False, lambda _: None)

    outcomes: list[Outcome] = []
    asyncio.run(runner.run(jobs, place, outcomes))
    assert {o.name: o.status for o in outcomes} == {"first": "passed", "second": "error", "third": "passed"}


def test_a_guest_lost_between_two_scenarios_is_no_fault_of_either(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    fake("leaves")
    jobs = [Job(Scenario(name, PC, (Sh("sleep 0"),)), "bookworm") for name in ("first", "second")]
    place = Place(tmp_path / "out", {"bookworm": boot}, {"bookworm": image}, 1, False, lambda _: None)
    outcomes: list[Outcome] = []
    asyncio.run(runner.run(jobs, place, outcomes))
    assert {o.name: o.status for o in outcomes} == {"first": "passed", "second": "passed"}


# A shell in the background starts what it runs deaf to SIGINT.
_HEARS_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
_ENDLESS = """
import asyncio, sys
from pathlib import Path
from tests.lab import __main__ as lab, image
from tests.lab.image import Image
from tests.lab.recipe import RELEASES
from tests.lab.plan import Hardware, Rest, Scenario
folder = Path(sys.argv[1])
files = [folder / name for name in ("vmlinuz", "initrd", "disk.img", "config")]
made = Image(RELEASES["bookworm"], "6.1.0-fake", *files)
image.ensure_all = lambda *_: [made]
lab.payload.build = lambda *_: folder / "payload.tar.gz"
lab._wheel = lambda _: folder
lab.accel.accelerator = None
async def tcg(*_): return "tcg"
lab.accel.accelerator = tcg
lab.ALL = [Scenario("endless", Hardware("pc"), (Rest(600),)), Scenario("other", Hardware("q35"), (Rest(600),))]
sys.exit(lab.main(["--out", str(folder / "out"), "--jobs", "2"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(
    number: signal.Signals, fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    fake("")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    run = subprocess.Popen(
        [sys.executable, "-c", _HEARS_SIGINT + _ENDLESS, str(tmp_path)],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        guests = wait_for(lambda: ours(tmp_path) if len(ours(tmp_path)) == 2 else None)
        run.send_signal(number)
        _, said = run.communicate(timeout=30)
    finally:
        run.kill()
    assert run.returncode == 130
    assert said == "lab: interrupted; all guests are ended\n"
    assert wait_for(lambda: None if ours(tmp_path) else [0]), guests


def test_a_killed_run_takes_its_guests_along(
    fake: Callable[[str], None], image: Image, boot: Boot, tmp_path: Path
) -> None:
    fake("")
    run = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert wait_for(lambda: ours(tmp_path) if len(ours(tmp_path)) == 2 else None)
    finally:
        run.kill()
        run.wait()
    assert wait_for(lambda: None if ours(tmp_path) else [0])


def ours(folder: Path) -> list[int]:
    """Processes whose command line names this folder as the place of a console: guests of this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"id=console,path={folder}".encode() in words and b"fake_qemu" in words:
                found.append(int(entry.name))
    return found


def wait_for(attempt: Callable[[], Optional[list[int]]]) -> list[int]:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if result := attempt():
            return result
        time.sleep(0.05)
    raise AssertionError("waited 30 s in vain")
