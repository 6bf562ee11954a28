"""``watch`` live: as a process on this machine, and in this one on a machine made by hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotplugctl.cli import live_loop, watch_live
from hotplugctl.cli.outlet import Outlet
from hotplugctl.source.door import open_tree
from hotplugctl.source.replay import EVENTS, LOG, LOOKS
from tests.cli.test_schemas import faults
from tests.machine import Machine

CARD = "0000:00:04.0"
OTHER = "0000:00:05.0"


# As a process: whatever machine this is, it can be listened to, or looked at.


@pytest.fixture
def watch(process) -> Iterator[Callable[..., subprocess.Popen]]:
    running = []

    def start(*arguments: object, **options: object) -> subprocess.Popen:
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        running.append(process.start("watch", "--json", *arguments, **given))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.communicate()


def test_it_says_hello(watch) -> None:
    done = watch("--timeout", "0")
    out, _ = done.communicate(timeout=60)
    hello = json.loads(out.splitlines()[0])
    assert done.returncode == 0
    assert hello["source"] in ("kernel", "both", "scan")
    assert hello["source"] == "both" or hello["reason"]
    assert not faults("watch", hello)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(watch, number: int) -> None:
    running = watch()
    assert running.stdout.readline().startswith(b'{"event":"hello"')
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode == 0


def test_what_was_counted_on_does_not_come(watch) -> None:
    assert watch("--count", "1000000", "--timeout", "0.1").wait(60) == 4


def test_it_ends_when_its_reader_goes(watch) -> None:
    """Not with the next event, which may be days away."""
    running = watch()
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(60) == 0
    assert b"Traceback" not in running.stderr.read()


def test_a_full_disk_is_told(watch) -> None:
    with open("/dev/full", "wb") as full:
        running = watch("--timeout", "0.1", stdout=full)
        assert running.wait(60) == 74


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_is_told(watch, tmp_path: Path, abstract: bool) -> None:
    name = f"hotplugctl-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        manager.settimeout(60)
        running = watch(env={"NOTIFY_SOCKET": f"@{name}" if abstract else name})
        assert manager.recv(100) == b"READY=1"
        running.terminate()
        assert manager.recv(100) == b"STOPPING=1"
    assert running.wait(60) == 0


def test_out_is_never_written_over(watch, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    running = watch("--timeout", "0", "--save", tmp_path / "out")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2 and b"is there already" in err
    assert not list((tmp_path / "out").iterdir())


def test_events_of_what_is_known_are_no_insertions(watch) -> None:
    """What ``udevadm trigger`` does: the kernel announces every function once more."""
    files = list(Path("/sys/bus/pci/devices").glob("*/uevent"))
    if not files or not os.access(files[0], os.W_OK):
        pytest.skip("no PCI function here whose uevent file we may write to")
    running = watch("--count", "1", "--timeout", "1")
    running.stdout.readline()
    for action in ("add", "change"):
        for file in files:
            file.write_text(action)
    out, _ = running.communicate(timeout=60)
    assert (out, running.returncode) == (b"", 4)


def test_stopped_and_continued_it_says_nothing(watch) -> None:
    running = watch("--timeout", "2")
    running.stdout.readline()
    running.send_signal(signal.SIGSTOP)
    running.send_signal(signal.SIGCONT)
    out, _ = running.communicate(timeout=60)
    assert (out, running.returncode) == (b"", 0)


# On a machine made by hand.


class Watching:
    """``watch`` in this process: ``then`` happens once it listens; its lines are in a file."""

    def __init__(self, folder: Path, machine: Machine, call: Callable) -> None:
        self.machine = machine
        self.out = folder / "stdout"
        self.then: Callable[[], object] = lambda: None
        self._call = call

    def __call__(self, *asked: object) -> int:
        return self._call("watch", "--json", *asked).status

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def made(tmp_path: Path, monkeypatch, hotplugctl) -> Iterator[Watching]:
    machine = Machine(tmp_path / "root")
    run = Watching(tmp_path, machine, hotplugctl)

    @contextmanager
    def world(_root, _stage):
        tree = open_tree(str(tmp_path / "root"), None, None)
        yield tree
        tree.close()

    begin = live_loop.Loop.begin

    def begins(loop):
        look = begin(loop)
        run.then()
        return look

    monkeypatch.setattr(watch_live, "world", world)
    monkeypatch.setattr(watch_live, "open_ears", lambda _tree, _since: machine.hearing(udev=False, log=True))
    monkeypatch.setattr(live_loop.Loop, "begin", begins)
    monkeypatch.setattr(live_loop, "_AGAIN_SECONDS", 0.001)
    with run.out.open("wb") as stdout:
        monkeypatch.setattr(watch_live.outlets, "of_stdout", lambda: Outlet(stdout.fileno()))
        yield run
    machine.close()


def much(machine: Machine) -> None:
    """Some of everything: a line of the log, insertions, a removal, a loss."""
    machine.say("6,339,1,-;pci 0000:00:04.0: [1b36:0010] type 00 class 0x010802\n")
    machine.plug(CARD, "nvme0n1")
    machine.plug(OTHER)
    machine.unplug(CARD)
    machine.overflow(3)


def test_every_line_fits_the_schema(made: Watching) -> None:
    made.then = lambda: much(made.machine)
    assert made("--timeout", "0.2") == 0
    assert [fault for line in made.lines for fault in faults("watch", line)] == []
    assert {"hello", "function-added", "function-removed", "driver-bound", "node-added", "lost", "resync"} <= set(
        made.events
    )


def test_so_many_and_no_more(made: Watching) -> None:
    made.then = lambda: much(made.machine)
    assert made("--count", "2", "--timeout", "20") == 0
    assert made.events == ["hello", "function-added", "driver-bound"]


def test_only_what_is_asked_for(made: Watching) -> None:
    made.then = lambda: made.machine.plug(CARD, "nvme0n1")
    assert made("--subsystem", "block", "--timeout", "0.1") == 0
    assert {line["subsystem"] for line in made.lines[1:]} == {"block"}


def test_what_could_not_be_recovered(made: Watching) -> None:
    def lose() -> None:
        (made.machine.sys / "bus/pci/devices").rmdir()
        (made.machine.sys / "bus/pci/devices").write_text("")
        made.machine.overflow(9)

    made.then = lose
    assert made("--timeout", "0.2") == 5


@pytest.mark.parametrize("options", [[], ["--count", "3"], ["--subsystem", "block"], ["--since-boot"]], ids=str)
def test_what_was_saved_is_told_the_same_again(made: Watching, hotplugctl, tmp_path: Path, options) -> None:
    made.then = lambda: much(made.machine)
    made("--timeout", "0.2", "--save", tmp_path / "saved", *options)
    told = made.out.read_text().splitlines()
    again = hotplugctl("watch", "--json", "--replay", tmp_path / "saved", *options)
    replayed = again.out.splitlines()
    assert len(told) > 2 and again.err == ""
    assert replayed[1:] == told[1:]
    hellos = json.loads(told[0]), json.loads(replayed[0])
    assert {key for key in hellos[0] if hellos[0][key] != hellos[1][key]} <= {"source", "reason"}


def test_a_saved_stream_is_complete_at_any_moment(made: Watching, tmp_path: Path, monkeypatch) -> None:
    """Also when it is killed: it is written before it waits again."""
    found = {}
    ended = watch_live._ended

    def end(*given) -> int:
        found.update({path.name: path.read_text() for path in (tmp_path / "saved/events").iterdir()})
        return ended(*given)

    monkeypatch.setattr(watch_live, "_ended", end)
    made.then = lambda: much(made.machine)
    made("--timeout", "0.1", "--save", tmp_path / "saved")
    assert [len(found[name].splitlines()) for name in (EVENTS, LOG)] == [6, 1]
    assert [json.loads(line)["kind"] for line in found[LOOKS].splitlines()] == ["start", "resync"]
    assert all(text.endswith("\n") for text in found.values())
