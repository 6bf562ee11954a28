"""Reads that never return must not keep us, nor anyone who waits for our output."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hotplugctl.model import reads
from hotplugctl.source.door import open_tree
from hotplugctl.source.risky import STALLS_LIMIT, read_in_child

REPOSITORY = Path(__file__).parents[2]


def hang(path):
    """Stuck as the kernel is: neither INT nor TERM ends it."""
    if "hang" in path:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        time.sleep(60)
    return reads.Value(path, path.encode())


def test_every_outcome_comes_back_as_it_was(kit):
    made = {
        "/a": reads.Value("/a", b"\0\xff" * 100_000),
        "/b": reads.Absent("/b"),
        "/c": reads.Denied("/c", errno.EACCES),
        "/d": reads.Failed("/d", errno.EINVAL),
        "/e": reads.Vanished("/e"),
        "/f": reads.TooLarge("/f", 5),
        "/g": reads.NotRegular("/g", "fifo"),
        "/h": reads.Outside("/h"),
    }
    got = read_in_child(made.__getitem__, list(made), 10)
    assert {path: kit.exact(read) for path, read in got.items()} == {p: kit.exact(r) for p, r in made.items()}


def test_a_hung_read_is_left_behind_and_the_rest_is_read(kit):
    start = time.monotonic()
    got = read_in_child(hang, ["/1", "/hang", "/2"], 0.3)
    assert time.monotonic() - start < 3
    assert kit.exact(got["/1"]) == ("Value", "/1", b"/1")
    assert kit.exact(got["/hang"]) == ("Hung", "/hang", 0.3)
    assert kit.exact(got["/2"]) == ("Value", "/2", b"/2")


def test_after_a_few_stalls_the_rest_counts_as_hung(kit):
    paths = [f"/hang{n}" for n in range(50)] + ["/fine"]
    start = time.monotonic()
    got = read_in_child(hang, paths, 0.1)
    assert time.monotonic() - start < 0.1 * STALLS_LIMIT + 2
    assert {kit.exact(read)[0] for read in got.values()} == {"Hung"}
    assert list(got) == paths


def test_a_child_that_dies_costs_one_path(kit):
    def die(path):
        if path == "/die":
            os.kill(os.getpid(), signal.SIGKILL)
        return reads.Absent(path)

    got = read_in_child(die, ["/1", "/die", "/2"], 10)
    assert kit.exact(got["/die"]) == ("Failed", "/die", errno.EIO)
    assert kit.exact(got["/2"]) == ("Absent", "/2")


def test_a_reader_with_a_defect_says_nothing_and_ends(kit, capfd):
    def broken(path):
        raise RuntimeError(path)

    assert kit.exact(read_in_child(broken, ["/1"], 10)["/1"]) == ("Failed", "/1", errno.EIO)
    assert capfd.readouterr() == ("", "")


def test_without_a_child_nothing_is_read(kit, monkeypatch):
    def refuse():
        raise BlockingIOError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    before = len(os.listdir("/proc/self/fd"))
    got = read_in_child(lambda path: pytest.fail("read in this process"), ["/1", "/2"], 1)
    assert [kit.exact(read) for read in got.values()] == [
        ("Failed", "/1", errno.EAGAIN),
        ("Failed", "/2", errno.EAGAIN),
    ]
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_to_read_needs_no_child(monkeypatch):
    monkeypatch.delattr("os.fork")
    assert read_in_child(hang, [], 1) == {}


def test_the_child_holds_none_of_our_files():
    def held(path):
        handles = sorted(os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if int(name) < 3)
        others = [
            os.readlink(f"/proc/self/fd/{name}")
            for name in os.listdir("/proc/self/fd")
            if int(name) > 2 and os.path.lexists(f"/proc/self/fd/{name}")
        ]
        own = [name for name in others if not name.startswith(("pipe:", "/proc/"))]
        return reads.Value(path, f"{handles} {own} {os.getsid(0) == os.getpid()}".encode())

    with open(__file__, "rb"):
        read = read_in_child(held, ["/x"], 10)["/x"]
    assert read.text == "['/dev/null', '/dev/null', '/dev/null'] [] True"


def test_whoever_reads_our_output_sees_its_end_while_a_child_still_hangs():
    """The exit status and the end of stdout and stderr must come at once, and no exit handler may run twice."""
    script = f"""
        import atexit, os, signal, sys, time
        sys.path.insert(0, {str(REPOSITORY)!r})
        from hotplugctl.source import risky
        os.kill = lambda *unused: None      # as if the kernel did not let it die
        atexit.register(print, "exit handler")
        def hang(path):
            signal.alarm(20)
            time.sleep(60)
        print("before")
        print([type(read).__name__ for read in risky.read_in_child(hang, ["/x"], 0.2).values()])
    """
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert time.monotonic() - start < 5
    assert (done.stdout, done.stderr, done.returncode) == ("before\n['Hung']\nexit handler\n", "", 0)


def test_live_tree_reads_in_a_child(kit):
    tree = open_tree(None, None, None)
    got = tree.read_risky(["/proc/self/stat", "/proc/no-such", "/dev/null"], 10)
    assert int(got["/proc/self/stat"].data.split()[0]) != os.getpid()
    assert kit.exact(got["/proc/no-such"]) == ("Absent", "/proc/no-such")
    assert kit.exact(got["/dev/null"]) == ("NotRegular", "/dev/null", "char")
