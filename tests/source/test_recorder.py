"""A recording answers every call as the machine did while it was recorded."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import socket
from pathlib import Path

import pytest

from hotplugctl.errors import BadTarget, OutputFailed
from hotplugctl.model import reads
from hotplugctl.model.holdings import About, Holdings
from hotplugctl.source import manifest, recording
from hotplugctl.source.disk import DiskTree
from hotplugctl.source.door import open_tree
from hotplugctl.source.recorder import Recorder

ABOUT = About("live", "6.1", 1_700_000_000, {})
ODD = "odd\n\x1b[1m\udcff"
GUEST = {
    "sys/bus/pci/devices/0000:00:02.0": "../../../devices/pci0000:00/0000:00:02.0",
    "sys/bus/pci/devices/dangling": "../../../devices/none/at/all",
    "sys/bus/pci/slots/4/attention": b"?",
    "sys/bus/pci/slots/4/power": b"1\n",
    "sys/devices/pci0000:00/0000:00:02.0/vendor": b"0x1af4\n",
    "sys/devices/pci0000:00/0000:00:02.0/config": bytes(range(256)),
    "sys/devices/pci0000:00/0000:00:02.0/serial": b"?",
    "sys/devices/pci0000:00/0000:00:02.0/" + ODD: b"odd",
    "sys/devices/pci0000:00/0000:00:02.0/subsystem": "/sys/bus/pci",
    "sys/module/acpiphp": None,
    "sys/loop": "loop",
    "proc/sys/kernel/osrelease": b"6.1.0-50-amd64\n",
    "etc/only-listed": b"never read",
    "etc/modules": b"x\n" * 100,
    "run/udev/data/x": b"",
}
LINK = "/sys/bus/pci/devices/0000:00:02.0"
REAL = "/sys/devices/pci0000:00/0000:00:02.0"
PATHS = [
    LINK,
    LINK + "/vendor",
    LINK + "/vendor/below",
    LINK + "/config",
    LINK + "/subsystem",
    LINK + "/subsystem/slots/4/power",
    LINK + "/" + ODD,
    LINK + "/driver",
    LINK + "/driver/module",
    REAL + "/device",
    "/sys/bus/pci/devices/dangling",
    "/sys/bus/pci/devices/dangling/x",
    "/sys/bus/pci/slots/4/attention",
    "/sys/module/acpiphp",
    "/sys/module/acpiphp/parameters/disable",
    "/sys/loop",
    "/sys/loop/x",
    "/etc/modules",
    "/run/udev/control",
    "/run/fifo",
    "/boot/config-6.1.0-50-amd64",
    "/",
    "/etc",
    "/a\0b",
]


def write(recorder, out, stdout=None, extra=()):
    """What a recorder has noted, written as ``record`` writes it."""
    about = {"": recording.about(recorder)}
    holdings = recorder.notes.holdings()
    return recording.write(holdings._replace(files={**holdings.files, **dict(extra)}), about, out, stdout)


class Machine(DiskTree):
    """A planted live machine, one of whose files fails and one of which hangs."""

    def content_at(self, folder, name, limit):
        if name == "attention":
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().content_at(folder, name, limit)

    def read_risky(self, paths, seconds):
        hung = {path: reads.Hung(path, seconds) for path in paths if path.endswith("serial")}
        return {**{path: self.read(path) for path in paths}, **hung}

    def kernel_log(self, limit=0):
        return reads.Value("/dev/kmsg", b"6,1,2,-;hello\n")


@pytest.fixture
def machine(kit, tmp_path, monkeypatch):
    root = Path(kit.plant(tmp_path / "machine", GUEST))
    os.mkfifo(root / "run/fifo")
    monkeypatch.chdir(root / "run/udev")
    with socket.socket(socket.AF_UNIX) as control:
        control.bind("control")
    return Machine(str(root), "live", "this machine", None)


def everything(tree, exact):
    """Every call for every path, and every answer with its type."""
    answers = []
    for path in PATHS:
        for call in (tree.kind_of, tree.link, tree.resolve, tree.read, tree.names):
            answers.append((call.__name__, path, exact(call(path))))
        answers.append(("limit", path, exact(tree.read(path, 50))))
        folder = tree.directory(path)
        if isinstance(folder, tuple):
            answers.append(("directory", path, exact(folder)))
            continue
        with folder:
            answers += [(path, name, exact(folder.read(name)), exact(folder.link(name))) for name in ("vendor", "none")]
            answers.append((path, exact(folder.names())))
    risky = tree.read_risky([LINK + "/serial", LINK + "/vendor", LINK + "/vpd", "/sys/loop", "/none/x"], 2.5)
    behind = tree.behind(["/run/fifo", LINK + "/vendor", "/sys"], 2.5)
    return [*answers, *((path, exact(read)) for path, read in (*risky.items(), *behind.items()))]


@pytest.mark.parametrize("name", ["out", "out.tar", "out.tar.gz", "out.tar.xz"])
def test_every_answer_is_replayed(machine, kit, tmp_path, name):
    recorder = Recorder(machine)
    live = everything(machine, kit.exact)
    assert everything(recorder, kit.exact) == live
    written = write(recorder, str(tmp_path / name))
    replay = open_tree(str(tmp_path / name), None, None)
    assert replay.kind == "recording"
    assert everything(replay, kit.exact) == live
    assert written.path == str(tmp_path / name)
    assert written.files > 5


def test_a_recording_of_a_recording_is_the_same(machine, kit, tmp_path):
    recorder = Recorder(machine)
    live = everything(recorder, kit.exact)
    write(recorder, str(tmp_path / "first"))
    again = Recorder(open_tree(str(tmp_path / "first"), None, None))
    assert everything(again, kit.exact) == live
    write(again, str(tmp_path / "second"))
    assert everything(open_tree(str(tmp_path / "second"), None, None), kit.exact) == live


def test_what_nothing_was_behind_is_not_noted(machine, tmp_path):
    recorder = Recorder(machine)
    assert isinstance(recorder.behind(["/none/x"], 2.5)["/none/x"], reads.Absent)
    write(recorder, str(tmp_path / "out"))
    replay = open_tree(str(tmp_path / "out"), None, None)
    assert isinstance(replay.behind(["/none/x"], 2.5)["/none/x"], reads.Unrecorded)


def test_what_git_loses_is_in_the_manifest(machine, kit, tmp_path):
    """Empty folders, links and modes: with the files and the manifest alone every answer is the same."""
    recorder = Recorder(machine)
    live = everything(recorder, kit.exact)
    out = tmp_path / "out"
    write(recorder, str(out))
    for above, folders, files in os.walk(out, topdown=False):
        for name in folders + files:
            where = Path(above, name)
            if where.is_symlink():
                where.unlink()
            elif where.is_dir() and not any(where.iterdir()):
                where.rmdir()
            else:
                where.chmod(0o755)
    assert everything(open_tree(str(out), None, None), kit.exact) == live


def test_what_was_not_asked_for_is_unknown(machine, kit, tmp_path):
    recorder = Recorder(machine)
    recorder.names("/etc")
    recorder.read(LINK + "/vendor")
    write(recorder, str(tmp_path / "out"))
    replay = open_tree(str(tmp_path / "out"), None, None)
    assert replay.names("/etc").names == ("modules", "only-listed")
    assert kit.exact(replay.read("/etc/only-listed")) == ("Unrecorded", "/etc/only-listed")
    assert kit.exact(replay.names(LINK)) == ("Unrecorded", LINK)
    assert kit.exact(replay.read("/sys/firmware")) == ("Unrecorded", "/sys/firmware")
    assert not (tmp_path / "out/etc/only-listed").exists()


def test_kernel_log_is_kept_as_kmsg(machine, tmp_path):
    recorder = Recorder(machine)
    recorder.kernel_log()
    write(recorder, str(tmp_path / "out"))
    assert open_tree(str(tmp_path / "out"), None, None).kernel_log().data == b"6,1,2,-;hello\n"


@pytest.mark.parametrize("outcome", [reads.Denied("/dev/kmsg", errno.EPERM), reads.NotRegular("/dev/kmsg", "file")])
def test_kernel_log_that_could_not_be_read(machine, kit, tmp_path, monkeypatch, outcome):
    monkeypatch.setattr(Machine, "kernel_log", lambda self, limit=0: outcome)
    recorder = Recorder(machine)
    recorder.kernel_log()
    write(recorder, str(tmp_path / "out"))
    assert kit.exact(open_tree(str(tmp_path / "out"), None, None).kernel_log()) == kit.exact(outcome)


@pytest.mark.parametrize("pid", ["4711", "815"])
def test_the_number_of_who_reads_is_not_in_it(kit, tmp_path, pid):
    """/proc/self leads to another process each time: the same guest gives the same recording."""
    root = kit.plant(
        tmp_path / "machine",
        {
            "proc/self": pid,
            f"proc/{pid}/mounts": b"here\n",
            f"proc/{pid}1/mounts": b"there\n",
            "proc/mounts": "self/mounts",
        },
    )
    recorder = Recorder(DiskTree(root, "live", "this machine", None))
    for path in ("/proc/mounts", f"/proc/{pid}1/mounts", "/proc/self/none"):
        recorder.read(path)
    recorder.names("/proc")
    write(recorder, str(tmp_path / "out"))
    replay = open_tree(str(tmp_path / "out"), None, None)
    assert replay.read("/proc/mounts").data == b"here\n"
    assert replay.read(f"/proc/{pid}1/mounts").data == b"there\n"
    assert kit.exact(replay.read("/proc/self/none")) == ("Absent", "/proc/self/none")
    assert replay.names("/proc").names == ("0", f"{pid}1", "mounts", "self")
    notes = recorder.notes.holdings()
    assert not [path for table in notes for path in table if f"/proc/{pid}/" in f"{path}/"]


@pytest.mark.parametrize("first", [True, False])
def test_too_large_for_one_limit_and_not_for_another(machine, kit, tmp_path, first):
    recorder = Recorder(machine)
    for limit in (100, 1000) if first else (1000, 100):
        recorder.read("/etc/modules", limit)
    write(recorder, str(tmp_path / "out"))
    replay = open_tree(str(tmp_path / "out"), None, None)
    assert kit.exact(replay.read("/etc/modules", 100)) == ("TooLarge", "/etc/modules", 100)
    assert kit.exact(replay.read("/etc/modules", 1000)) == ("Value", "/etc/modules", b"x\n" * 100)


def test_what_vanishes_while_it_is_recorded(machine, kit, tmp_path):
    recorder = Recorder(machine)
    recorder.names("/sys/bus/pci/slots/4")
    (tmp_path / "machine/sys/bus/pci/slots/4/power").unlink()
    assert kit.exact(recorder.read("/sys/bus/pci/slots/4/power"))[0] == "Vanished"
    write(recorder, str(tmp_path / "out"))
    replay = open_tree(str(tmp_path / "out"), None, None)
    assert kit.exact(replay.read("/sys/bus/pci/slots/4/power"))[0] == "Vanished"


def test_what_changes_while_it_is_recorded_is_as_it_was_first_seen(machine, kit, tmp_path):
    """One answer for one path, whoever asks for it again: the recording contradicts nobody."""
    recorder = Recorder(machine)

    def asked(tree):
        folder = "/sys/bus/pci/slots/4"
        return kit.exact(tree.read(f"{folder}/power")), kit.exact(tree.names(folder)), kit.exact(tree.link(LINK))

    before = asked(recorder)
    power, link = tmp_path / "machine/sys/bus/pci/slots/4/power", tmp_path / ("machine" + LINK)
    power.write_bytes(b"0\n")
    (power.parent / "more").touch()
    link.unlink()
    link.symlink_to("elsewhere")
    assert asked(machine) != before
    assert asked(recorder) == before
    write(recorder, str(tmp_path / "out"))
    assert asked(open_tree(str(tmp_path / "out"), None, None)) == before
    note = json.loads((tmp_path / "out/manifest.json").read_bytes())["files"]["/sys/bus/pci/slots/4/power"]
    held = (tmp_path / "out/sys/bus/pci/slots/4/power").read_bytes()
    assert (note["size"], note["sha256"]) == (len(held), hashlib.sha256(held).hexdigest())


FAILURE = reads.Vanished("/sys/a")
CONTRADICTIONS = {
    "file and folder": Holdings({"/sys/a": b"1", "/sys/a/b": b"2"}, {}, {}, {}, {}, {}, frozenset()),
    "link and folder": Holdings({"/sys/a/b": b"2"}, {}, {"/sys/a": "/etc"}, {}, {}, {}, frozenset()),
    "link and listing": Holdings({"/sys/b": b"2"}, {}, {"/sys/a": "/etc"}, {"/sys/a": ()}, {}, {}, frozenset()),
    "file and listing": Holdings({"/sys/a": b"2"}, {}, {}, {"/sys/a": ()}, {"/sys/a": "file"}, {}, frozenset()),
}


@pytest.mark.parametrize("name", ["out", "out.tar"])
@pytest.mark.parametrize("holdings", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_cannot_both_be_has_vanished(tmp_path, kit, holdings, name):
    recording.write(holdings, {"": ABOUT}, str(tmp_path / name))
    replay = open_tree(str(tmp_path / name), None, None)
    assert kit.exact(replay.read("/sys/a")) == ("Vanished", "/sys/a")
    for spot, data in holdings.files.items():
        assert spot == "/sys/a" or replay.read(spot).data == data


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_nothing_is_written_outside(tmp_path, name):
    evil = ["/../evil", "/sys/../../evil", "evil", "//evil", "/sys//evil", "/sys/./evil", "/sys/\0evil", "/", "/sys/"]
    tables = [dict.fromkeys(evil, entry) for entry in (b"x", 0o644, "/etc", ("x",), "dir")]
    holdings = Holdings(*tables, {}, frozenset())
    place = tmp_path / "place"
    place.mkdir()
    recording.write(holdings._replace(links={}), {"": ABOUT}, str(place / name))
    recording.write(holdings._replace(files={}), {"": ABOUT}, str(place / f"links-{name}"))
    assert sorted(os.listdir(tmp_path)) == ["place"]
    assert sorted(os.listdir(place)) == [f"links-{name}", name]
    if name == "out":
        assert {path.name for path in place.rglob("*")} == {"out", "links-out", "manifest.json"}


def test_the_manifest_says_what_it_is(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    recorder = Recorder(machine)
    recorder.read(LINK + "/vendor")
    recorder.read("/sys/bus/pci/slots/4/attention")
    recorder.read("/sys/nothing")
    write(recorder, str(tmp_path / "out"), extra={"/cmd/lspci": b"00:00.0\n"})
    document = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert (document["format"], document["version"]) == ("hotplugctl-recording", 1)
    assert document["kernel"] == "6.1.0-50-amd64"
    assert document["time"] == "2023-11-14T22:13:20Z"
    assert document["links"] == {LINK: GUEST[LINK[1:]]}
    assert document["failed"]["/sys/bus/pci/slots/4/attention"] == {"outcome": "failed", "errno": 22}
    assert document["absent"] == ["/sys/nothing"]
    assert document["files"][REAL + "/vendor"] == {
        "size": 7,
        "sha256": "36a808c7658d95c0db0577f1a42518007915c42b82e854b166bf421d70e8084d",
        "mode": "0644",
    }
    assert (tmp_path / "out/cmd/lspci").read_bytes() == b"00:00.0\n"


@pytest.mark.parametrize("name", ["out.tar", "out.tar.gz", "out.tar.xz"])
def test_the_same_notes_give_the_same_bytes(machine, kit, tmp_path, monkeypatch, name):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    written = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        recorder = Recorder(machine)
        everything(recorder, kit.exact)
        write(recorder, str(tmp_path / folder / name))
        written.append((tmp_path / folder / name).read_bytes())
    assert written[0] == written[1]


def test_a_recording_is_for_its_owner_alone(machine, tmp_path):
    recorder = Recorder(machine)
    recorder.read("/etc/modules")
    old = os.umask(0)
    try:
        for name in ("out", "out.tar.gz"):
            write(recorder, str(tmp_path / name))
    finally:
        os.umask(old)
    assert (tmp_path / "out.tar.gz").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out/etc/modules").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
@pytest.mark.parametrize("there", ["file", "folder", "dangling link", "link to a folder"])
def test_nothing_is_written_over_or_through(machine, tmp_path, name, there):
    where = tmp_path / name
    (tmp_path / "target").mkdir()
    if there == "file":
        where.write_bytes(b"precious")
    elif there == "folder":
        where.mkdir()
    else:
        where.symlink_to("target" if there == "link to a folder" else "nowhere")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(BadTarget, match="is there already"):
        write(Recorder(machine), str(where))
    assert sorted(os.listdir(tmp_path)) == before
    assert list((tmp_path / "target").iterdir()) == []
    assert there != "file" or where.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["out", "out.tar.gz", "out.tar"])
def test_what_comes_there_meanwhile_is_not_written_over(machine, tmp_path, monkeypatch, name):
    """Between the check and the renaming somebody makes the place."""
    real = os.path.lexists
    asked = []

    def late(path):
        asked.append(path)
        if len(asked) == 1:
            Path(path).write_bytes(b"precious")
            return False
        return real(path)

    monkeypatch.setattr(os.path, "lexists", late)
    with pytest.raises(BadTarget, match="is there already"):
        write(Recorder(machine), str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["machine", name]


@pytest.mark.parametrize("name", ["no/such/folder/out", "no/such/folder/out.tar", "machine/etc/modules/out"])
def test_a_place_that_cannot_be(machine, tmp_path, name):
    with pytest.raises(OutputFailed, match="cannot be written"):
        write(Recorder(machine), str(tmp_path / name))


def test_a_full_disk_leaves_nothing(machine, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="no space left on device"):
        write(Recorder(machine), str(tmp_path / "out.tar"))
    assert os.listdir(tmp_path) == ["machine"]


def test_to_standard_output(machine, kit):
    recorder = Recorder(machine)
    recorder.read("/etc/modules")
    out = io.BytesIO()
    write(recorder, "-", out)
    assert kit.open_bytes(out.getvalue()).read("/etc/modules").data == b"x\n" * 100


def test_a_full_device_on_standard_output(machine):
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OutputFailed, match="no space left"):
        write(Recorder(machine), "-", full)


def test_a_closed_pipe_is_told_apart(machine):
    out, into = os.pipe()
    os.close(out)
    with open(into, "wb", buffering=0) as pipe, pytest.raises(BrokenPipeError):
        write(Recorder(machine), "-", pipe)


def test_a_manifest_too_large_to_read_is_not_written(machine, tmp_path, monkeypatch):
    monkeypatch.setattr("hotplugctl.source.recording.SIZE_LIMIT", 100)
    with pytest.raises(OutputFailed, match="too large") as refused:
        write(Recorder(machine), str(tmp_path / "out"))
    assert "--with-processes" in refused.value.hint
    assert manifest.SIZE_LIMIT > 100
    assert not (tmp_path / "out").exists()


def test_a_file_too_large_to_read_again_is_named(machine, tmp_path, monkeypatch):
    monkeypatch.setattr("hotplugctl.source.recording.CONTENT_LIMIT", 100)
    recorder = Recorder(machine)
    recorder.read("/etc/modules")
    with pytest.raises(OutputFailed, match="/etc/modules has more than") as refused:
        write(recorder, str(tmp_path / "out"))
    assert "cut that file down" in refused.value.hint and "\n" not in refused.value.message


@pytest.mark.parametrize("given", ["²", "-1", "1e3", "9" * 12, ""])
def test_a_time_that_is_none_is_not_taken(machine, tmp_path, monkeypatch, given):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    monkeypatch.setattr(recording.time, "time", lambda: 1_700_000_000.5)
    write(Recorder(machine), str(tmp_path / "out"))
    assert json.loads((tmp_path / "out/manifest.json").read_bytes())["time"] == "2023-11-14T22:13:20Z"


def test_what_no_file_can_be_named_is_not_noted(machine, tmp_path):
    recorder = Recorder(machine)
    for name in ("a\0b", "\ud800", "fine"):
        recorder.read(f"/sys/{name}")
    write(recorder, str(tmp_path / "out"))
    note = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert "/sys/fine" in note["absent"]
    assert not [path for path in note["absent"] if "\0" in path or "\ud800" in path]
