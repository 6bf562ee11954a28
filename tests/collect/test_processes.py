"""Processes that use a device, out of link texts alone: guests made by hand, with what the kernel writes into /proc."""

from __future__ import annotations

import errno

import pytest

from hotplugctl.collect import processes
from hotplugctl.model.reads import Absent, Denied, Failed, Hung, Value
from hotplugctl.model.users import Interest, Use

OURS, OTHER = "mnt:[4026531841]", "mnt:[4026532210]"
MARK = "00400000-00452000 r-xp 00000000 fe:10 1234   "


@pytest.fixture
def syn_proc(guest):
    """An own process, 100, and the first one."""
    guest.link("proc/self", "100")
    guest.link("proc/100/ns/pid", "pid:[4026531836]")
    guest.file("proc/100/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n")
    for pid in (1, 100):
        add(guest, pid, "self" if pid == 100 else "systemd")
    return guest


def add(guest, pid, name, fds=(), space=OURS, cwd="/", root="/", exe="/usr/bin/x", maps="", cgroup="0::/\n"):
    base = f"proc/{pid}"
    guest.file(f"{base}/comm", f"{name}\n")
    guest.file(f"{base}/cgroup", cgroup)
    guest.file(f"{base}/maps", maps)
    guest.link(f"{base}/ns/mnt", space)
    for link, target in (("cwd", cwd), ("root", root), ("exe", exe)):
        guest.link(f"{base}/{link}", target)
    guest.folder(f"{base}/fd")
    for number, target in enumerate(("/dev/null", "pipe:[33]", *fds)):
        guest.link(f"{base}/fd/{number}", target)


def interest(**more):
    fields = {
        "files": frozenset(["/dev/vdb"]), "numbers": frozenset(["254:16"]), "points": ("/mnt/hot",),
        "sources": frozenset(["/dev/vdb"]), "others": (), **more,
    }  # fmt: skip
    return Interest(**fields)


def uses(found):
    return {item.pid: item.uses for item in found.items}


@pytest.mark.parametrize(
    "more, use",
    [
        ({"fds": ["/mnt/hot/file"]}, Use("open", "/mnt/hot/file")),
        ({"fds": ["/mnt/hot/gone (deleted)"]}, Use("open", "/mnt/hot/gone (deleted)")),
        ({"fds": ["/mnt/hot"]}, Use("open", "/mnt/hot")),
        ({"fds": ["/dev/vdb"]}, Use("open", "/dev/vdb")),
        ({"fds": ["/dev/vdb (deleted)"]}, Use("open", "/dev/vdb (deleted)")),
        ({"fds": ["/mnt/hot/a\nb"]}, Use("open", "/mnt/hot/a\nb")),
        ({"cwd": "/mnt/hot/in"}, Use("directory", "/mnt/hot/in")),
        ({"root": "/mnt/hot/jail"}, Use("root", "/mnt/hot/jail")),
        ({"exe": "/mnt/hot/bin"}, Use("program", "/mnt/hot/bin")),
        ({"maps": f"{MARK}/mnt/hot/lib.so\n"}, Use("mapped", "/mnt/hot/lib.so")),
    ],
)
def test_each_way_of_using_it(syn_proc, more, use):
    add(syn_proc, 200, "user", **more)
    found = processes.collect(syn_proc.tree(), interest())
    assert uses(found) == {200: (use,)}
    assert found.items[0].name == "user"
    assert (found.spaces, found.unseen) == ((), ())


@pytest.mark.parametrize(
    "more",
    [
        {"fds": ["/mnt/hotter/file", "/mnt", "/", "/dev/vdb1", "socket:[7]", "anon_inode:[eventfd]", "mnt/hot/x"]},
        {"cwd": "/mnt", "exe": "/mnt/hot2"},
        {"maps": f"{MARK.replace('fe:10', 'fe:00')}/mnt/hot/lib.so\n"},
    ],
)
def test_what_only_looks_like_it(syn_proc, more):
    add(syn_proc, 200, "other", **more)
    assert uses(processes.collect(syn_proc.tree(), interest())) == {}


def test_who_asks_goes_away_by_himself(syn_proc):
    add(syn_proc, 100, "self", cwd="/mnt/hot")
    add(syn_proc, 99, "bash", cwd="/mnt/hot")
    assert list(uses(processes.collect(syn_proc.tree(), interest()))) == [99]


def test_what_is_mounted_further_in_is_another_file_system(syn_proc):
    add(syn_proc, 200, "deep", fds=["/mnt/hot/in/file"])
    add(syn_proc, 201, "shallow", fds=["/mnt/hot/inner"])
    assert list(uses(processes.collect(syn_proc.tree(), interest(others=("/mnt/hot/in",))))) == [201]


def test_a_mount_over_it_at_the_same_place_may_hide_it_and_counts_all_the_same(syn_proc):
    add(syn_proc, 200, "below", fds=["/mnt/hot/file"])
    assert list(uses(processes.collect(syn_proc.tree(), interest(others=("/mnt/hot",))))) == [200]


def test_a_file_is_told_once_and_a_service_by_its_name(syn_proc):
    maps = f"{MARK}/mnt/hot/bin\n" * 3
    add(syn_proc, 200, "d", exe="/mnt/hot/bin", maps=maps, cgroup="0::/system.slice/d.service\n")
    found = processes.collect(syn_proc.tree(), interest()).items[0]
    assert found.uses == (Use("program", "/mnt/hot/bin"),)
    assert found.unit == "d.service"


def test_the_service_of_whoever_asks_is_not_to_be_stopped(syn_proc):
    add(syn_proc, 100, "self", cgroup="0::/system.slice/agent.service\n")
    add(syn_proc, 200, "d", exe="/mnt/hot/bin", cgroup="0::/system.slice/agent.service\n")
    assert processes.collect(syn_proc.tree(), interest()).items[0].unit is None


def test_another_mount_namespace_has_its_own_places(syn_proc):
    add(syn_proc, 300, "inner", space=OTHER, fds=["/data/file", "/mnt/hot/not-it"])
    syn_proc.file(
        "proc/300/mountinfo",
        "30 1 0:60 / / rw - overlay overlay rw\n"
        "31 30 254:16 / /data rw master:7 - ext4 /dev/vdb rw\n"
        "32 31 0:61 / /data/tmp rw - tmpfs none rw\n",
    )
    add(syn_proc, 301, "beside", space=OTHER, fds=["/data/tmp/file"])
    found = processes.collect(syn_proc.tree(), interest())
    assert uses(found) == {300: (Use("open", "/data/file"),)}
    assert [(space.pid, [mount.point for mount in space.mounts]) for space in found.spaces] == [
        (300, ["/data", "/data/tmp"])
    ]


def test_another_namespace_without_it_is_no_place_of_it(syn_proc):
    add(syn_proc, 300, "inner", space=OTHER, fds=["/mnt/hot/file"])
    syn_proc.file("proc/300/mountinfo", "30 1 0:60 / / rw - overlay overlay rw\n")
    found = processes.collect(syn_proc.tree(), interest())
    assert (uses(found), found.spaces) == ({}, ())


class Failing:
    """A tree in which some paths fail, as they do when a process ends or belongs to somebody else."""

    def __init__(self, tree, failures):
        self._tree = tree
        self._failures = failures

    def __getattr__(self, name):
        return getattr(self._tree, name)

    def _failure(self, path):
        return next((made(path) for part, made in self._failures.items() if path.startswith(part)), None)

    def link(self, path):
        return self._failure(path) or self._tree.link(path)

    def names(self, path):
        return self._failure(path) or self._tree.names(path)

    def read(self, path, limit=1 << 20):
        return self._failure(path) or self._tree.read(path, limit)


def denied(path):
    return Denied(path, errno.EACCES)


@pytest.mark.parametrize("part", ["/proc/200", "/proc/200/fd", "/proc/200/maps", "/proc/200/cwd", "/proc/200/fd/1"])
@pytest.mark.parametrize("failure", [lambda path: Failed(path, errno.ESRCH), Absent])
def test_a_process_that_ends_meanwhile_is_no_failure(syn_proc, part, failure):
    add(syn_proc, 200, "short", fds=["/tmp/x"])
    add(syn_proc, 201, "long", fds=["/mnt/hot/x"])
    found = processes.collect(Failing(syn_proc.tree(), {part: failure}), interest())
    assert list(uses(found)) == [201]
    assert found.unseen == ()


@pytest.mark.parametrize("part", ["/proc/200/", "/proc/200/fd", "/proc/200/maps", "/proc/200/ns/mnt", "/proc/200/exe"])
def test_a_process_that_may_not_be_looked_at_is_told(syn_proc, part):
    add(syn_proc, 200, "others", fds=["/tmp/x"])
    found = processes.collect(Failing(syn_proc.tree(), {part: denied}), interest())
    assert uses(found) == {}
    (seen,) = found.unseen
    assert seen.reason.startswith("1 process could not be looked into (/proc/200/")
    assert "denied (EACCES)" in seen.reason
    assert seen.privilege == "record --with-processes, by root of the guest"


@pytest.mark.parametrize(
    "user, privilege",
    [("1000\t0\t0\t0", "CAP_SYS_PTRACE, which root lacks here"), ("0\t1000\t0\t0", "root (CAP_SYS_PTRACE)")],
)
def test_root_is_not_told_that_root_would_be_told(syn_proc, user, privilege):
    syn_proc.file("proc/100/status", f"Name:\tself\nUid:\t{user}\n")
    tree = Failing(syn_proc.tree(), {"/proc/1/fd": denied})
    tree.kind = "live"
    (seen,) = processes.collect(tree, interest()).unseen
    assert seen.privilege.startswith(privilege)


@pytest.mark.parametrize("kind, who", [("live", "root of the guest"), ("recording", "record --with-processes")])
def test_out_of_a_container_no_privilege_in_it_helps(guest, kind, who):
    guest.link("proc/self", "100")
    guest.link("proc/100/ns/pid", "pid:[4026532222]")
    tree = Failing(guest.tree(), {})
    tree.kind = kind
    (seen,) = processes.collect(tree, interest()).unseen
    assert seen.privilege.startswith(who)
    assert seen.privilege.endswith("outside of it")


class Saying(Failing):
    """A tree that says what is behind links: ``said`` is by path, ``None`` for what hangs."""

    def __init__(self, tree, said):
        super().__init__(tree, {})
        self._said = said
        self.asked = []

    def behind(self, paths, seconds):
        self.asked += paths
        return {path: self._one(path, seconds) for path in paths}

    def _one(self, path, seconds):
        text = self._said.get(path, "char 0:6 1:3")
        return Hung(path, seconds) if text is None else Value(path, text.encode())


DISK = {"nodes": {"block 254:16": "/dev/vdb"}}


@pytest.mark.parametrize("name", ["/dev/xvda", "/root/a node", "/dev/xvda (deleted)", "/run/node"])
def test_a_disk_under_another_name_is_told_by_its_number(syn_proc, name):
    add(syn_proc, 200, "dd", fds=[name])
    found = processes.collect(Saying(syn_proc.tree(), {"/proc/200/fd/2": "block 0:6 254:16"}), interest(**DISK))
    assert uses(found) == {200: (Use("open", f"{name} (/dev/vdb)"),)}
    assert found.unseen == ()


@pytest.mark.parametrize("said", ["block 0:6 254:32", "char 0:6 254:16", "file 254:1", "socket 0:9", "block", ""])
def test_other_devices_and_files_are_not_it(syn_proc, said):
    add(syn_proc, 200, "dd", fds=["/dev/xvda"])
    found = processes.collect(Saying(syn_proc.tree(), {"/proc/200/fd/2": said}), interest(**DISK))
    assert (uses(found), found.unseen) == ({}, ())


def test_a_name_of_it_in_another_namespace_may_be_another_disk(syn_proc):
    """docker --device=/dev/vdc:/dev/vdb: the container's /dev is its own."""
    syn_proc.file("proc/300/mountinfo", "30 1 0:60 / /dev rw - tmpfs tmpfs rw\n")
    add(syn_proc, 300, "inner", space=OTHER, fds=["/dev/vdb"])
    other = processes.collect(Saying(syn_proc.tree(), {"/proc/300/fd/2": "block 0:60 254:32"}), interest(**DISK))
    same = processes.collect(Saying(syn_proc.tree(), {"/proc/300/fd/2": "block 0:60 254:16"}), interest(**DISK))
    silent = processes.collect(syn_proc.tree(), interest(**DISK))
    assert (uses(other), other.unseen) == ({}, ())
    assert uses(same) == uses(silent) == {300: (Use("open", "/dev/vdb"),)}


def test_a_file_on_a_mount_that_is_seen_nowhere_is_told_by_the_device_it_is_on(syn_proc):
    """umount -l: the text begins at the root of what was mounted."""
    add(syn_proc, 200, "tail", fds=["/log"], cwd="/in")
    said = {"/proc/200/fd/2": "file 254:16", "/proc/200/cwd": "dir 254:16"}
    found = processes.collect(Saying(syn_proc.tree(), said), interest(**DISK, hidden=True))
    assert uses(found) == {200: (Use("directory", "/in"), Use("open", "/log"))}
    assert uses(processes.collect(Saying(syn_proc.tree(), said), interest(**DISK))) == {200: (Use("open", "/log"),)}


def test_one_name_in_one_namespace_is_asked_for_once_and_told_of_all(syn_proc):
    for pid in (200, 201):
        add(syn_proc, pid, "dd", fds=["/dev/xvda"])
    tree = Saying(syn_proc.tree(), {"/proc/200/fd/2": "block 0:6 254:16"})
    assert list(uses(processes.collect(tree, interest(**DISK)))) == [200, 201]
    assert tree.asked == ["/proc/1/fd/0", "/proc/200/fd/2"]


def test_what_a_server_would_have_to_answer_for_is_not_asked(syn_proc):
    line = "23 1 0:40 / /net rw - {} server:/x rw\n"
    for kind, asked in (("nfs4", False), ("fuse.sshfs", False), ("ext4", True)):
        syn_proc.file("proc/100/mountinfo", line.format(kind))
        add(syn_proc, 200, "dd", fds=["/net/file"])
        tree = Saying(syn_proc.tree(), {})
        processes.collect(tree, interest(**DISK))
        assert ("/proc/200/fd/2" in tree.asked) is asked


def test_an_open_file_that_does_not_answer_is_unknown(syn_proc):
    add(syn_proc, 200, "dd", fds=["/data/x"])
    (seen,) = processes.collect(Saying(syn_proc.tree(), {"/proc/200/fd/2": None}), interest(**DISK)).unseen
    assert "process 200 has open as /data/x" in seen.reason


def test_recordings_of_old_are_unknown_only_where_a_name_could_be_a_disks(syn_proc):
    ours = ["/dev/vda", "/dev/pts/3", "/dev/kmsg", "/dev/mapper/control", "/srv/dev/x", "/dev/shm/xvda"]
    add(syn_proc, 200, "init", fds=ours)
    wanted = interest(**DISK, known=frozenset(["/dev/vda"]))
    assert processes.collect(syn_proc.tree(), wanted).unseen == ()
    add(syn_proc, 201, "dd", fds=["/dev/xvda"])
    (seen,) = processes.collect(syn_proc.tree(), wanted).unseen
    assert "process 201 has open as /dev/xvda is not known" in seen.reason
    assert seen.privilege.startswith("record")


def test_a_node_that_is_bound_elsewhere_says_which_it_is(syn_proc):
    """As Kubernetes gives a raw disk to a container; it needs no more than the texts."""
    syn_proc.file("proc/300/mountinfo", "30 1 0:6 /vdb /var/lib/pod/disk rw - devtmpfs devtmpfs rw\n")
    add(syn_proc, 300, "mysqld", space=OTHER, fds=["/var/lib/pod/disk"])
    assert uses(processes.collect(syn_proc.tree(), interest())) == {300: (Use("open", "/var/lib/pod/disk (/dev/vdb)"),)}


def test_many_that_may_not_be_looked_at_are_counted(syn_proc):
    for pid in range(200, 210):
        add(syn_proc, pid, "others")
    failures = {f"/proc/{pid}/": denied for pid in range(200, 210)}
    (seen,) = processes.collect(Failing(syn_proc.tree(), failures), interest()).unseen
    assert seen.reason.startswith("10 processes could not be looked into")


def test_hidepid_hides_whom_nobody_lists(syn_proc):
    line = "22 1 0:5 / /proc rw - proc proc rw,hidepid={}\n"
    for value, hides in (("invisible", True), ("2", True), ("off", False), ("0", False)):
        guest = syn_proc.copy()
        guest.file("proc/100/mountinfo", line.format(value))
        assert processes.collect(guest.tree(), interest()).unseen == ()
        guest.remove("proc/1")
        seen = processes.collect(guest.tree(), interest()).unseen
        assert [one.what for one in seen] == ["processes"] * hides


def test_a_namespace_of_processes_shows_only_its_own(syn_proc):
    syn_proc.link("proc/100/ns/pid", "pid:[4026532222]")
    (seen,) = processes.collect(syn_proc.tree(), interest()).unseen
    assert "PID namespace" in seen.reason


@pytest.mark.parametrize("held", [[], ["proc/cmdline"]])
def test_without_processes_nothing_can_be_told(guest, held):
    for path in held:
        guest.file(path, "quiet\n")
    guest.file("sys/kernel/x", "")
    (seen,) = processes.collect(guest.tree(), interest()).unseen
    assert seen.what == "processes"
    assert "--with-processes" in seen.privilege


def test_what_is_recorded_is_what_is_asked_for(syn_proc):
    """All that ``collect`` reads of a process has been read by ``record``, or the recording could not tell."""
    add(syn_proc, 200, "user", fds=["/mnt/hot/file"], maps=f"{MARK}/mnt/hot/lib.so\n")
    add(syn_proc, 300, "inner", space=OTHER, fds=["/data/file"])
    syn_proc.file("proc/300/mountinfo", "31 30 254:16 / /data rw - ext4 /dev/vdb rw\n")
    noted, asked = Noting(syn_proc.tree()), Noting(syn_proc.tree())
    processes.record(noted)
    processes.collect(asked, interest())
    assert {path for path in asked.paths if not path.startswith("/proc/self")} - noted.paths == set()


class Noting(Failing):
    """A tree that notes what it was asked for."""

    def __init__(self, tree):
        super().__init__(tree, {})
        self.paths = set()

    def _failure(self, path):
        self.paths.add(path)
