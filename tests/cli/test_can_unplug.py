"""``can-unplug`` as a command: what it says of guests that the lab recorded, how it ends, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package
from hotplugctl.collect import targets
from hotplugctl.model.target import Target

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SCHEMA = json.loads((Path(package.__file__).parent / "schemas/can-unplug.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
LAB = FIXTURES / "lab"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The folder of a story that the lab recorded."""
    folder = tmp_path_factory.mktemp("lab")

    def story(name: str) -> Path:
        if not (folder / name).exists():
            with tarfile.open(LAB / f"{name}.tar.xz") as archive:
                trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
                archive.extractall(folder, **trusted)
        return folder / name

    return story


@pytest.fixture
def ask(hotplugctl, lab):
    """``can-unplug --json`` of a recorded guest, held against its schema."""

    def call(story: str, stage: str, target: str):
        done = hotplugctl("can-unplug", "--json", "--root", lab(story) / stage, target)
        assert not [error.message for error in VALIDATOR.iter_errors(done.document)]
        return done

    return call


def kinds(done):
    return [one["kind"] for one in done.document["blockers"]]


@pytest.mark.parametrize(
    "story, stage, target, expected",
    [
        ("in-use-mounted", "used", "vdb", ["mount"]),
        ("in-use-swap", "used", "vdb", ["swap"]),
        ("in-use-lvm", "used", "vdb", ["mount", "lvm"]),
        ("in-use-default-route", "used", "net:ens2", ["default-route", "address"]),
        ("in-use-mounted", "used", "vda", ["root-filesystem"]),
        ("unplug-stack", "used", "vdb", ["md-member"]),
        ("unplug-stack", "half", "vdc", ["mount", "crypt", "lvm", "md"]),
        ("unplug-network", "used", "ens2", ["default-route", "route", "address", "bridge", "vlan", "bond"]),
    ],
)
def test_what_uses_it_in_the_order_in_which_to_end_that(ask, story, stage, target, expected):
    done = ask(story, stage, target)
    assert (done.status, done.document["safe"]) == (1, False)
    # These were recorded before anybody looked for packet sockets and PPPoE.
    old = ["listeners"] if "network" in story or "route" in story else []
    assert [one["what"] for one in done.document["unseen"]] == old
    assert kinds(done) == expected


@pytest.mark.parametrize(
    "story, stage, target",
    [
        ("in-use-mounted", "added", "vdb"),
        ("in-use-mounted", "added", "serial:HOT1"),
        ("in-use-swap", "added", "vdb"),
        ("in-use-lvm", "added", "slot:2"),
        ("in-use-default-route", "added", "00:02.0"),
        ("unplug-stack", "added", "vdc"),
    ],
)
def test_what_nobody_uses_is_safe(ask, story, stage, target):
    done = ask(story, stage, target)
    assert (done.status, done.document["safe"], done.document["unseen"]) == (0, True, [])


def test_programs_and_what_lies_on_a_mount(ask):
    done = ask("unplug-programs", "used", "/dev/vdb")
    found = kinds(done)
    assert (done.status, found.count("process")) == (1, 4)
    last = done.document["blockers"][-1]
    assert (last["kind"], last["subject"]) == ("mount", "/mnt/hot")
    assert found.index("process") < found.index("loop") < len(found) - 1
    assert {"swap", "loop", "mount"} < set(found)
    assert any("mount namespace of process" in one["summary"] for one in done.document["blockers"])
    assert all(one["remedy"] for one in done.document["blockers"])


@pytest.mark.parametrize(
    "story, stage, kind",
    [("in-use-mounted", "pulled", "mount"), ("in-use-swap", "after", "swap"), ("in-use-lvm", "pulled", None)],
)
def test_what_still_uses_a_disk_that_has_gone(ask, story, stage, kind):
    done = ask(story, stage, "vdb")
    assert done.status == 1
    assert kinds(done) == ([kind] if kind else [])
    assert done.document["safe"] is (False if kind else None)


def test_a_recording_without_processes_cannot_tell(hotplugctl, lab, tmp_path):
    root = tmp_path / "recording"
    shutil.copytree(lab("in-use-mounted") / "added", root, symlinks=True)
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["directories"].pop("/proc", None)
    (root / "manifest.json").write_text(json.dumps(manifest))
    done = hotplugctl("can-unplug", "--json", "--root", root, "vdb")
    assert (done.status, done.document["safe"]) == (3, None)
    assert done.document["unseen"][0]["what"] == "processes"
    assert "--with-processes" in done.document["unseen"][0]["privilege"]
    assert done.document["unknown"]["safe"] == done.document["reason"]
    assert not list(VALIDATOR.iter_errors(done.document))
    # A use that is known decides all the same.
    assert hotplugctl("can-unplug", "--root", root, "vda").status == 1


def test_the_last_functions_of_every_recorded_guest_have_an_answer(truth, hotplugctl, recordings, answers):
    root = recordings.stage(truth["story"], truth["stage"])
    for function in answers("list", truth["story"], truth["stage"])["functions"][-2:]:
        done = hotplugctl("can-unplug", "--json", "--root", root, function["address"])
        assert done.status in (0, 1, 3) and not done.err
        assert not [error.message for error in VALIDATOR.iter_errors(done.document)]
        assert function["address"] in done.document["functions"]
        names = {node["name"] for node in done.document["nodes"]}
        assert {node["name"] for node in function["nodes"]} <= names


@pytest.mark.parametrize("target", ["vdz", "slot:99", "0000:00:1f.7", "net:nix", "serial:none"])
def test_nothing_there_is_a_no(hotplugctl, recordings, target):
    done = hotplugctl("can-unplug", "--root", recordings.stage("pc-virtio", "added"), target)
    assert (done.status, done.out) == (1, "")
    assert done.err.strip().endswith("nothing is there")


def test_an_empty_slot_is_a_no(hotplugctl, recordings):
    done = hotplugctl("can-unplug", "--root", recordings.stage("pc-virtio", "added"), "slot:9")
    assert (done.status, done.err) == (1, "hotplugctl: slot:9: the slot is empty\n")


def test_what_goes_while_it_is_looked_at_is_not_safe(hotplugctl, recordings, monkeypatch):
    def before(_tree, text):
        return Target(text, "address", "0000:00:1f.7", None, "0000:00:1f", ("0000:00:1f.7",), ())

    monkeypatch.setattr(targets, "resolve", before)
    done = hotplugctl("can-unplug", "--root", recordings.stage("pc-virtio", "added"), "00:1f.7")
    assert (done.status, done.err) == (1, "hotplugctl: 00:1f.7: it went while it was looked at\n")


@pytest.mark.parametrize("target", ["", "a/b", "slot:", "\x1b[2J"])
def test_what_nothing_is_called_was_asked_wrongly(hotplugctl, recordings, target):
    done = hotplugctl("can-unplug", "--root", recordings.stage("pc-virtio", "added"), target)
    assert done.status == 2
    assert done.err.count("\n") <= 2 and "\x1b" not in done.err


def test_what_cannot_be_looked_for_cannot_be_told(hotplugctl, tmp_path):
    (tmp_path / "sys").mkdir()
    for target in ("vdb", "00:04.0", "slot:1"):
        assert hotplugctl("can-unplug", "--root", tmp_path, target).status == 3
        done = hotplugctl("can-unplug", "--json", "--root", tmp_path, target)
        assert not list(VALIDATOR.iter_errors(done.document))
        assert done.document["unknown"]["safe"]


def test_two_functions_of_a_slot_go_together(hotplugctl, recordings):
    root = recordings.stage("q35-multifunction-native", "added")
    listed = hotplugctl("list", "--json", "--root", root).document["functions"]
    mates = [one["address"] for one in listed if one["address"].endswith(".1") and one["slot"]]
    assert mates
    first = mates[0][:-1] + "0"
    done = hotplugctl("can-unplug", "--json", "--root", root, mates[0])
    assert done.document["functions"][:2] == [first, mates[0]]


def test_all_behind_a_bridge_goes_with_it(hotplugctl, recordings):
    root = recordings.stage("q35-hotbridge-short", "after")
    listed = hotplugctl("list", "--json", "--root", root).document["functions"]
    child = next(one for one in listed if one["parent"] is not None)
    done = hotplugctl("can-unplug", "--json", "--root", root, child["parent"])
    assert child["address"] in done.document["functions"]


def test_a_disk_of_a_controller_goes_alone(hotplugctl, recordings):
    root = recordings.stage("pc-scsi", "added")
    done = hotplugctl("can-unplug", "--json", "--root", root, "sdb")
    assert done.document["functions"] == []
    assert {"sdb"} <= {node["name"] for node in done.document["nodes"]} and "sda" not in str(done.document["nodes"])
    assert any("controller" in note for note in done.document["notes"])


@pytest.mark.parametrize("target", ["lo", "00:00.0"])
def test_this_machine(hotplugctl, target):
    done = hotplugctl("can-unplug", "--json", target)
    assert done.status in (0, 1, 3)
    assert not [error.message for error in VALIDATOR.iter_errors(done.document)]


def test_a_recording_has_processes_where_it_was_asked_for_them(hotplugctl, tmp_path, request):
    # Our own process has no number in a recording: it is another one each time. Nor may everybody look into process 1.
    sleeper = subprocess.Popen(["sleep", "600"])
    request.addfinalizer(sleeper.wait)
    request.addfinalizer(sleeper.kill)
    other = f"proc/{sleeper.pid}"
    for option, there in (((), False), (("--with-processes",), True)):
        out = tmp_path / f"recording-{there}"
        assert hotplugctl("record", "--no-scrub", *option, out).status == 0
        for name in ("comm", "maps", "fd/0", "ns/mnt"):
            assert os.path.lexists(out / other / name) is there


# --- hostile ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(make_guest):
    """A recorded guest with a hot-added disk, vdb or so, and its number."""
    return make_guest("pc-virtio", "added")


@pytest.mark.parametrize(
    "path, content",
    [
        ("proc/mounts", b"\xff\0\x1b[2J" * 1000),
        ("proc/mounts", b"/dev/vdb1 /mnt/\\033[2J\\012x ext4 rw 0 0\n"),
        ("proc/swaps", b"/dev/vdb2 \x1b[31m partition 1 2 3\n"),
        ("proc/swaps", b"Filename Type\n/dev/vdb2\\040(deleted) partition 99999999999999999999 0 -2\n"),
        ("proc/self/mountinfo", b"1 1 254:17 / /mnt/a\\012b rw - ext4 /dev/vdb1 rw\n" * 5),
        ("proc/self/mountinfo", b"9999999999 1 254:17 / / rw - ext4 x\n2 2 254:17 / /loop rw - ext4 /dev/vdb1 rw\n"),
        ("proc/self/mountinfo", b"5 6 254:17 / /a rw - ext4 /dev/vdb1 rw\n6 5 254:17 / /a/b rw - ext4 /dev/vdb1 rw\n"),
        ("proc/net/route", b"\xff" * 5000),
        ("proc/consoles", b"\n\n \x1b\n"),
        ("sys/power/resume", b"\x1b[2J"),
    ],
)
def test_hostile_texts(hotplugctl, hostile, path, content):
    hostile.put(path, content)
    done = hotplugctl("can-unplug", "--json", "--root", hostile, "vdb")
    assert done.status in (1, 3), done.err
    assert not [error.message for error in VALIDATOR.iter_errors(done.document)]
    text = hotplugctl("can-unplug", "--root", hostile, "vdb")
    assert text.status == done.status
    assert not set("\x1b\0\x85") & set(text.out + text.err)
    for one in done.document["blockers"]:
        assert one["remedy"] is None or (one["remedy"].isprintable() and "\n" not in one["remedy"])


def test_five_thousand_mounts(hotplugctl, hostile):
    lines = [f"{at} {at - 1} 254:17 / /mnt{'/x' * (at % 50)}/{at} rw - ext4 /dev/vdb1 rw\n" for at in range(10, 5010)]
    hostile.put("proc/self/mountinfo", "".join(lines).encode())
    done = hotplugctl("can-unplug", "--json", "--root", hostile, "vdb")
    assert done.status == 1
    subjects = [one["subject"] for one in done.document["blockers"]]
    assert len(subjects) == 5000
    assert subjects[0].endswith("/5009") and subjects[-1].endswith("/10")
