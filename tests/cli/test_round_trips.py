"""A recording of a guest says what the guest said, in every packing; and a recording of a recording is the same."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from hotplugctl.model.reads import Unrecorded
from hotplugctl.source import door
from hotplugctl.source.disk import DiskTree

# Each with what is not asked of a live machine, where it would wait.
LOOKS = [
    ("check", "--json"),
    ("slots", "--json"),
    ("list", "--json"),
    ("list", "--tree"),
    ("timeline", "--json"),
    ("expect", "--json", "pci_add auto nic model=e1000"),
    ("explain", "--json"),
    ("explain", "--json", "vda"),
    ("explain", "--json", "0000:00:02.0"),
    ("can-unplug", "--json", "vda"),
    ("can-unplug", "--json", "0000:00:02.0"),
    ("expect", "--json", "OK domain 0, bus 0, slot 4, function 0"),
]
# Of a machine can-unplug looks at its processes too, and record does that on demand alone.
LIVE_LOOKS = [command for command in LOOKS if command[0] != "can-unplug"]
WAITS = [
    ("wait", "--json", "--any"),
    ("wait", "--json", "--class", "storage"),
    ("wait", "--json", "--class", "network", "--stage", "node"),
    ("wait", "--json", "--serial", "CFG"),
    ("wait", "--json", "--gone", "--node", "vdb"),
    ("wait", "--json", "--node", "vda"),
]
PACKINGS = ("out", "out.tar", "out.tar.gz", "out.tgz", "out.tar.xz", "-")
STAGES = [
    ("q35-rootport-native@forky", "added"),
    ("pc-bridge-shpc", "after"),
    ("q35-hotbridge-short", "after"),
    ("pc-scsi", "added"),
    ("q35-nodriver", "added"),
    ("pc-noacpi", "added"),
]
CLOCK = {"SOURCE_DATE_EPOCH": "1700000000"}


def answers_of(hotplugctl, commands, *options, stdin=b""):
    """What the commands say, but for where it was read and how long it took."""
    said = {}
    for command in commands:
        done = hotplugctl(*command, *options, stdin=stdin)
        said[command] = [done.status, done.out, done.err]
        if "--json" in command:
            document = done.document
            document.pop("waited_s", None)
            if command[0] == "check":
                document["guest"].pop("source")
            document.pop("source", None)
            said[command][1] = document
    return said


def recorded(hotplugctl, process, out, *options):
    """Record, and the options and the stdin that read it."""
    if out.name != "-":
        done = hotplugctl("record", out, "--no-scrub", *options)
        assert (done.status, done.err) == (0, "")
        return ("--root", out), b""
    done = process("record", "-", "--no-scrub", *options)
    assert (done.returncode, done.stderr) == (0, b"")
    return ("--root", "-"), done.stdout


@pytest.mark.parametrize(
    "stage, name",
    [(STAGES[0], name) for name in PACKINGS] + [(stage, "out.tar") for stage in STAGES[1:]],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_recorded_guest(hotplugctl, process, recordings, tmp_path, stage, name):
    root = ("--root", recordings.stage(*stage))
    options, stdin = recorded(hotplugctl, process, tmp_path / name, *root)
    commands = LOOKS + WAITS
    if name == "-":
        # Of a tar that comes once timeline takes the events alone.
        commands = [command for command in commands if command[0] != "timeline"]
    assert answers_of(hotplugctl, commands, *options, stdin=stdin) == answers_of(hotplugctl, commands, *root)


@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_a_machine_and_its_recording(hotplugctl, recordings, tmp_path, monkeypatch, stage):
    """A recorded tree in the place of the live machine: then nothing of it is known but what is there."""
    root = recordings.stage(*stage)

    class Machine(DiskTree):
        def kernel_log(self, limit=0):
            return self.read("/cmd/kmsg", limit or 1 << 26)

    monkeypatch.setattr(door, "_live", lambda _stage: Machine(str(root), "live", "this machine", None))
    live = answers_of(hotplugctl, LIVE_LOOKS)
    assert hotplugctl("record", tmp_path / "out.tar", "--no-scrub").status == 0
    # This machine stays the planted one: names come from its pci.ids, if it has one.
    replayed = answers_of(hotplugctl, LIVE_LOOKS, "--root", tmp_path / "out.tar")
    assert replayed == live


@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_nothing_is_asked_that_was_not_recorded(hotplugctl, recordings, tmp_path, monkeypatch, stage):
    """Whatever a command asks a recording for was noted when it was made: read, listed, failed or absent."""
    monkeypatch.setattr(
        door, "_live", lambda _stage: DiskTree(str(recordings.stage(*stage)), "live", "this machine", None)
    )
    assert hotplugctl("record", tmp_path / "out", "--no-scrub").status == 0
    unknown = set()
    failure = DiskTree.failure

    def watched(self, path, spot, number, found=False):
        said = failure(self, path, spot, number, found)
        if isinstance(said, Unrecorded):
            unknown.add(spot)
        return said

    monkeypatch.setattr(DiskTree, "failure", watched)
    answers_of(hotplugctl, LOOKS + WAITS, "--root", tmp_path / "out")
    # Reference data, and what validate alone may find beside a recording.
    allowed = ("/usr/share", "/cmd", "/HUNG.txt", "/unreadable.txt")
    assert {spot for spot in unknown if not spot.startswith(allowed)} == set()


@pytest.mark.parametrize("name", ["out", "out.tar.gz", "-"])
def test_this_machine(hotplugctl, process, tmp_path, name):
    """Its kernel log may grow meanwhile, and is not compared."""
    commands = [command for command in LIVE_LOOKS if command[0] != "timeline"]
    options, stdin = recorded(hotplugctl, process, tmp_path / name)
    assert answers_of(hotplugctl, commands, *options, stdin=stdin) == answers_of(hotplugctl, commands)


def test_a_damaged_guest(hotplugctl, guest, tmp_path):
    """Failed reads, absences and oddities replay as they were."""
    disk = "sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0"
    guest.spoil(f"{disk}/enable", lambda path: path.chmod(0))
    guest.spoil("sys/bus/pci/slots/0/power", lambda path: (path.unlink(), os.mkfifo(path)))
    guest.put("sys/bus/pci/slots/0-2/power", "power")
    guest.put("sys/bus/pci/slots/0-3/address", b"\xff\x9b\n")
    guest.put("proc/cmdline", None)
    guest.put("boot/config-6.1.0-50-amd64", bytes(5 << 20))
    guest.put("sys/bus/pci/slots/evil\udc9b\x1b", None)
    guest.put("sys/bus/pci/slots/evil\udc9b\x1b/address", b"0000:09:00\n")
    root = ("--root", guest)
    for out in (tmp_path / "out", tmp_path / "out.tar.xz"):
        hotplugctl("record", out, "--no-scrub", *root)
        commands = LOOKS + WAITS
        assert answers_of(hotplugctl, commands, "--root", out) == answers_of(hotplugctl, commands, *root)


def contents(folder):
    """Every path below a folder: what it is, its mode, and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = stat.S_IFMT(state.st_mode), stat.S_IMODE(state.st_mode), what
    return found


def test_a_recording_of_a_recording_is_the_same(hotplugctl, recordings, tmp_path):
    """With its events, lspci's texts and what is expected: byte for byte."""
    root = tmp_path / "whole"
    story = recordings.story("pc-virtio")
    hotplugctl("record", root, "--no-scrub", "--root", story / "added", environment=CLOCK)
    (root / "events").mkdir()
    for path in (story / "events").iterdir():
        (root / "events" / path.name).write_bytes(path.read_bytes())
    first, second = tmp_path / "first", tmp_path / "second"
    hotplugctl("record", first, "--no-scrub", "--root", root, environment=CLOCK)
    hotplugctl("record", second, "--no-scrub", "--root", first, environment=CLOCK)
    assert contents(first) == contents(second)
    held = contents(first)
    assert {"events/netlink-uevent.jsonl", "cmd/lspci", "expected.json", "manifest.json"} <= set(held)
    tars = [tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"]
    hotplugctl("record", tars[0], "--no-scrub", "--root", first)
    hotplugctl("record", tars[1], "--no-scrub", "--root", tars[0])
    assert tars[0].read_bytes() == tars[1].read_bytes()
    replays = [hotplugctl("watch", "--json", "--replay", each).out for each in (root, first, tars[1])]
    assert replays[0] == replays[1] == replays[2] != ""


def test_what_a_recording_says_of_itself_stays(hotplugctl, recordings, tmp_path):
    root = recordings.stage("pc-nobar", "added")
    said = json.loads((root / "manifest.json").read_bytes())
    hotplugctl("record", tmp_path / "out", "--no-scrub", "--root", root, environment={"SOURCE_DATE_EPOCH": "1"})
    again = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert {key: again[key] for key in ("source", "kernel", "time", "scrubbed")} == {
        key: said[key] for key in ("source", "kernel", "time", "scrubbed")
    }
    modes = [{path: note["mode"] for path, note in each["files"].items()} for each in (again, said)]
    assert modes[0].pop("/expected.json")
    assert modes[0].items() <= modes[1].items()


@pytest.mark.parametrize("name", ["out", "out.tar", "out.tar.gz", "out.tar.xz"])
def test_the_same_guest_gives_the_same_bytes(process, recordings, tmp_path, name):
    """Whatever the umask, the locale, the seed of hashes, the place and the order in which folders list."""
    root = recordings.stage("pc-nobar", "added")
    other = tmp_path / "other"
    for path in sorted(root.rglob("*"), reverse=True):
        target = other / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(os.readlink(path))
        elif path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(path.read_bytes())
    made = []
    for number, (tree, mask, settings) in enumerate(
        [
            (root, 0o022, {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"}),
            (other, 0o777, {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}),
        ]
    ):
        out = tmp_path / str(number)
        out.mkdir()
        before = os.umask(mask)
        try:
            done = process("record", "--no-scrub", "--root", tree, out / name, env={**CLOCK, **settings})
        finally:
            os.umask(before)
        assert (done.returncode, done.stderr) == (0, b"")
        made.append(contents(out))
    assert made[0] == made[1]


def test_hashes_are_of_what_is_written(hotplugctl, tmp_path):
    hotplugctl("record", tmp_path / "out", "--no-scrub")
    notes = json.loads((tmp_path / "out/manifest.json").read_bytes())["files"]
    there = {
        f"/{path.relative_to(tmp_path / 'out')}": path.read_bytes()
        for path in Path(tmp_path / "out").rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != "manifest.json"
    }
    assert {path: (note["size"], note["sha256"]) for path, note in notes.items()} == {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in there.items()
    }
