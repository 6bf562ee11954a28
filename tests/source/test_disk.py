"""The tree on disk: what is opened, what is not, and what the live machine answers."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotplugctl.source import disk
from hotplugctl.source.disk import DiskTree, drain
from hotplugctl.source.door import open_tree

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def live(kit, tmp_path):
    """A tree that answers as the live one does, planted; the tests change it under its feet."""

    def plant(entries):
        return DiskTree(kit.plant(tmp_path, entries), "live", "this machine", None)

    return plant


@pytest.fixture
def opened_files(monkeypatch):
    """The names of all files opened for reading."""
    names = []
    real = os.open

    def note(path, flags, *more, **named):
        if not flags & os.O_PATH:
            names.append(os.fspath(path))
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", note)
    return names


def test_fifo_is_never_opened(live, kit, tmp_path, opened_files):
    tree = live({"sys/x": b""})
    os.mkfifo(tmp_path / "sys/fifo")
    (tmp_path / "sys/link").symlink_to("fifo")
    for path in ("/sys/fifo", "/sys/link"):
        assert kit.exact(tree.read(path)) == ("NotRegular", path, "fifo")
        assert kit.exact(tree.directory("/sys").read(path[5:])) == ("NotRegular", path, "fifo")
    assert tree.kind_of("/sys/fifo") == "fifo"
    assert opened_files == []


def test_socket_is_never_opened(live, kit, tmp_path, opened_files, monkeypatch):
    tree = live({"run/udev/data/x": b""})
    monkeypatch.chdir(tmp_path / "run/udev")
    with socket.socket(socket.AF_UNIX) as control:
        control.bind("control")
        assert kit.exact(tree.read("/run/udev/control")) == ("NotRegular", "/run/udev/control", "socket")
        assert tree.kind_of("/run/udev/control") == "socket"
    assert opened_files == []


def test_device_node_is_never_opened(kit, opened_files):
    tree = open_tree(None, None, None)
    assert kit.exact(tree.read("/dev/null")) == ("NotRegular", "/dev/null", "char")
    assert kit.exact(tree.directory("/dev").read("zero")) == ("NotRegular", "/dev/zero", "char")
    assert tree.kind_of("/dev/null") == "char"
    assert opened_files == []


def test_what_is_behind_a_link_is_told_and_not_opened(live, opened_files, tmp_path):
    state = os.stat(tmp_path)
    on = f"{os.major(state.st_dev)}:{os.minor(state.st_dev)}"
    null = os.stat("/dev/null").st_dev
    tree = live({"proc/7/fd/1": "/dev/null", "proc/7/fd/2": "../file", "proc/7/file": b"", "proc/7/fd/3": "none"})
    found = tree.behind([f"/proc/7/fd/{number}" for number in (1, 2, 3)] + ["/proc/7", "/a\0b"], 5)
    assert [getattr(read, "text", type(read).__name__) for read in found.values()] == [
        f"char {os.major(null)}:{os.minor(null)} 1:3", f"file {on}", "Absent", f"dir {on}", "Absent",
    ]  # fmt: skip
    assert not [name for name in opened_files if name.endswith(("null", "file"))]


def test_a_link_put_in_the_place_of_a_checked_file_is_not_followed(kit, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    tree = DiskTree(kit.plant(tmp_path / "root", {"sys/file": b"plain"}), "recording", "x", disk.Gaps())
    folder = tree.directory("/sys")
    real = os.lstat

    def swap(path, **named):
        state = real(path, **named)
        if path == "file":
            (tmp_path / "root/sys/file").unlink()
            (tmp_path / "root/sys/file").symlink_to("../../secret")
        return state

    monkeypatch.setattr(os, "lstat", swap)
    assert kit.exact(folder.read("file")) == ("Outside", "/sys/file")


def test_a_folder_swapped_for_a_link_is_not_followed(kit, tmp_path):
    outside = Path(kit.plant(tmp_path / "outside", {"file": b"secret", "more/file": b"secret"}))
    root = Path(kit.plant(tmp_path / "root", {"sys/a/more/file": b"plain"}))
    tree = DiskTree(str(root), "recording", "x", disk.Gaps())
    tree.folders.update(("/sys", "/sys/a", "/sys/a/more"))  # as if they had been looked at before
    (root / "sys/a").rename(tmp_path / "elsewhere")
    (root / "sys/a").symlink_to(outside)
    assert kit.exact(tree.read("/sys/a/more/file"))[0] != "Value"
    assert kit.exact(tree.names("/sys/a/more"))[0] != "Names"


def test_write_only_is_denied_in_a_recording_to_root_too(kit, tmp_path):
    root = Path(kit.plant(tmp_path, {"sys/bus/pci/rescan": b"", "sys/bus/pci/uevent": b"x"}))
    (root / "sys/bus/pci/rescan").chmod(0o200)
    tree = open_tree(str(root), None, None)
    expected = ("Denied", "/sys/bus/pci/rescan", errno.EACCES)
    assert kit.exact(tree.read("/sys/bus/pci/rescan")) == expected
    assert kit.exact(tree.directory("/sys/bus/pci").read("rescan")) == expected


def test_denied_as_another_user(kit, tmp_path):
    """As root a child gives up its rights first; otherwise the modes bind already."""
    root = Path(kit.plant(tmp_path / "t", {"etc/modules": b"x", "etc/shut/file": b"x"}))
    (root / "etc/modules").chmod(0)
    (root / "etc/shut").chmod(0)
    script = f"""
        import os, sys
        sys.path.insert(0, {str(REPOSITORY)!r})
        from hotplugctl.source.disk import DiskTree
        tree = DiskTree({str(root)!r}, "live", "x", None)
        if os.geteuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        for read in (tree.read("/etc/modules"), tree.directory("/etc").read("modules"), tree.read("/etc/shut/file"),
                     tree.names("/etc/shut"), tree.kind_of("/etc/shut/file"), tree.resolve("/etc/shut/file")):
            print(type(read).__name__, *read)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, cwd="/"
    )
    (root / "etc/shut").chmod(0o700)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Denied /etc/modules 13",
        "Denied /etc/modules 13",
        "Denied /etc/shut/file 13",
        "Denied /etc/shut 13",
        "Denied /etc/shut/file 13",
        "Denied /etc/shut/file 13",
    ]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.EACCES, ("Denied", "/sys/x", errno.EACCES)),
        (errno.EPERM, ("Denied", "/sys/x", errno.EPERM)),
        (errno.ENODEV, ("Vanished", "/sys/x")),
        (errno.ENXIO, ("Vanished", "/sys/x")),
        (errno.EINVAL, ("Failed", "/sys/x", errno.EINVAL)),
        (errno.EIO, ("Failed", "/sys/x", errno.EIO)),
        (errno.ENOENT, ("Vanished", "/sys/x")),
    ],
)
def test_errors_of_the_read_itself(live, kit, monkeypatch, number, outcome):
    tree = live({"sys/x": b"y"})

    def fail(handle, count):
        raise OSError(number, "x")

    monkeypatch.setattr(os, "read", fail)
    assert kit.exact(tree.read("/sys/x")) == outcome
    assert kit.exact(tree.directory("/sys").read("x")) == outcome


def test_what_was_listed_and_is_gone_has_vanished(live, kit, tmp_path):
    tree = live({"sys/a/x": b"1", "sys/a/y": b"1", "sys/b/x": b"1"})
    assert tree.names("/sys/a").names == ("x", "y")
    assert tree.names("/sys").names == ("a", "b")
    (tmp_path / "sys/a/x").unlink()
    assert kit.exact(tree.read("/sys/a/x")) == ("Vanished", "/sys/a/x")
    assert kit.exact(tree.read("/sys/a/never")) == ("Absent", "/sys/a/never")
    (tmp_path / "sys/b/x").unlink()
    (tmp_path / "sys/b").rmdir()
    assert kit.exact(tree.read("/sys/b/x")) == ("Vanished", "/sys/b/x")


def test_files_of_a_directory_that_went_have_vanished(live, kit, tmp_path):
    tree = live({"sys/a/x": b"1"})
    with tree.directory("/sys/a") as folder:
        assert kit.exact(folder.read("y")) == ("Absent", "/sys/a/y")
        (tmp_path / "sys/a/x").unlink()
        (tmp_path / "sys/a").rmdir()
        assert kit.exact(folder.read("x")) == ("Vanished", "/sys/a/x")
        assert kit.exact(folder.link("driver")) == ("Vanished", "/sys/a/driver")


def test_a_device_that_comes_back_is_read_anew(live, kit, tmp_path):
    tree = live({"sys/a/x": b"old"})
    assert tree.read("/sys/a/x").data == b"old"
    (tmp_path / "sys/a").rename(tmp_path / "sys/was")
    kit.plant(tmp_path, {"sys/a/x": b"new"})
    assert tree.read("/sys/a/x").data == b"new"


def test_many_folders_need_few_handles(kit, tmp_path):
    tree = open_tree(kit.plant(tmp_path, {f"sys/{n}/a/b/x": b"%d" % n for n in range(200)}), None, None)
    before = len(os.listdir("/proc/self/fd"))
    assert [tree.read(f"/sys/{n}/a/b/x").data for n in range(200)] == [b"%d" % n for n in range(200)]
    assert len(os.listdir("/proc/self/fd")) - before <= disk._HANDLES
    tree.close()
    assert len(os.listdir("/proc/self/fd")) < before
    tree.close()


def test_deeper_than_the_interpreter_would_recurse(kit, tmp_path):
    folders = [str(tmp_path / "sys")]
    for _ in range(1100):
        folders.append(folders[-1] + "/a")
    for folder in folders:
        os.mkdir(folder)
    kit.plant(folders[-1], {"x": b"deep"})
    try:
        tree = DiskTree(str(tmp_path), "recording", "x", disk.Gaps())
        assert tree.read("/sys" + "/a" * 1100 + "/x").data == b"deep"
    finally:
        # pytest's own cleaning recurses.
        os.unlink(folders[-1] + "/x")
        for folder in reversed(folders):
            os.rmdir(folder)


def test_a_listing_without_end_is_too_large(live, kit, monkeypatch):
    tree = live({f"sys/{n}": b"" for n in range(11)})
    monkeypatch.setattr("hotplugctl.source.rooted.NAMES_LIMIT", 10)
    assert kit.exact(tree.names("/sys")) == ("TooLarge", "/sys", 10)


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 4098, 70_000])
@pytest.mark.parametrize("told", [True, False])
def test_drain_reads_to_the_end_whatever_the_size_says(tmp_path, size, told):
    (tmp_path / "x").write_bytes(b"y" * size)
    handle = os.open(tmp_path / "x", os.O_RDONLY)
    assert drain(handle, size if told else -1, 1 << 20) == b"y" * size
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_drain_stops_at_one_byte_past_the_limit():
    assert len(drain(os.open("/dev/zero", os.O_RDONLY), 0, 1000)) == 1001
    assert len(drain(os.open("/dev/zero", os.O_RDONLY), 0, 100_000)) == 100_001


def test_drain_of_a_file_that_comes_in_pieces():
    out, into = os.pipe()
    os.write(into, b"a" * 10)
    os.close(into)
    assert drain(out, 4096, 100) == b"a" * 10


def test_proc_and_sys_of_this_machine_are_read_whole():
    tree = open_tree(None, None, None)
    assert tree.kind == "live"
    with open("/proc/filesystems", "rb") as file:
        assert tree.read("/proc/filesystems").data == file.read()
    assert stat.S_ISDIR(os.stat("/sys").st_mode)
    assert tree.resolve("/proc/self") == f"/proc/{os.getpid()}"


@pytest.mark.parametrize("room", [4, 5, 6, 8])
def test_a_few_handles_are_enough(kit, tmp_path, room):
    deep = [f"sys/{top}/b/c/d/e/f/g/h/i/j/k" for top in "pqr"]
    tree = open_tree(kit.plant(tmp_path, {f"{folder}/{name}": b"1" for folder in deep for name in "xy"}), None, None)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + room, before[1]))
    try:
        for folder in deep:
            assert tree.read(f"/{folder}/x").data == b"1"
            assert tree.names(f"/{folder}").names == ("x", "y")
            with tree.directory(f"/{folder}") as held:
                assert held.read("y").data == b"1"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_no_handle_at_all_is_a_failure_and_no_absence(kit, tmp_path):
    tree = open_tree(kit.plant(tmp_path, {"sys/a/b/x": b"1"}), None, None)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        outcome = tree.read("/sys/a/b/x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert kit.exact(outcome) == ("Failed", "/sys/a/b/x", errno.EMFILE)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_folder_that_no_file_system_can_have_is_not_there(kit, tmp_path, name):
    tree = open_tree(kit.plant(tmp_path, {"sys/x": b"1"}), None, None)
    tree.folders.add(f"/sys/{name}")
    path = f"/sys/{name}/y"
    outcomes = [tree.read(path), tree.names(path), tree.link(path), tree.kind_of(path), tree.directory(path)]
    assert {kit.exact(outcome)[0] for outcome in outcomes} <= {"Absent", "Unrecorded"}


def test_nothing_outside_is_opened_even_for_a_look(kit, tmp_path, monkeypatch):
    outside = kit.plant(tmp_path / "outside", {"d/e/x": b"secret"})
    entries = {"sys/out": "../../outside", "sys/there": outside, "sys/x": b"1", "sys/d/e/x": b"1"}
    tree = open_tree(kit.plant(tmp_path / "root", entries), None, None)
    inodes = {os.stat(folder).st_ino for folder in (outside, f"{outside}/d", f"{outside}/d/e")}
    seen = set()
    real = os.open

    def note(path, flags, *more, **named):
        handle = real(path, flags, *more, **named)
        seen.add(os.fstat(handle).st_ino)
        return handle

    monkeypatch.setattr(os, "open", note)
    for path in ("/sys/out", "/sys/out/d", "/sys/out/d/e", "/sys/d/../out/d"):
        assert kit.exact(tree.directory(path)) == ("Outside", path)
        path = path.replace("out", "there")
        assert kit.exact(tree.directory(path)) == ("Unrecorded", path)
    with tree.directory("/sys/d/e") as held:
        assert held.read("x").data == b"1"
    assert seen
    assert not seen & inodes
