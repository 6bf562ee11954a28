"""``watch --replay``: recorded guests tell what their host did to them; every line fits its schema."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SCHEMA = Draft202012Validator(json.loads((Path(package.__file__).parent / "schemas" / "watch.schema.json").read_text()))
READY = ["function-added", "device-ready"]
GONE = ["function-removed"]

# What the host did, by its own transcript (device_add, DEVICE_DELETED), and where: that which its guest could see.
TOLD = {
    "pc-virtio": {"0000:00:02.0": READY + GONE, "0000:00:03.0": READY + GONE, "0000:00:04.0": READY + GONE},
    "pc-nics": {f"0000:00:0{slot}.0": READY + GONE for slot in (2, 3, 4, 5)},
    # An HBA with its disk, and e1000; the second disk and its removal are no PCI event.
    "pc-scsi": {"0000:00:02.0": READY + GONE, "0000:00:03.0": READY + GONE},
    "pc-scsi@bullseye": {"0000:00:02.0": READY + GONE, "0000:00:03.0": READY + GONE},
    "pc-nobar": {
        "0000:00:02.0": ["function-added", "device-stalled", *GONE],
        "0000:00:03.0": READY + GONE,
    },
    # Seen after a rescan; device_del never reached the guest.
    "pc-bridge-shpc": {"0000:01:03.0": READY, "0000:01:04.0": READY},
    "pc-noacpi": {"0000:00:02.0": READY + GONE},
    "pc-acpiphp-disable": {"0000:00:02.0": READY + GONE},
    "q35-native-nohp": {},
    "q35-nodriver": {
        "0000:01:00.0": ["function-added", "device-stalled", "device-ready"],
        "0000:02:00.0": READY,
    },
    "q35-rootport-acpi": {f"0000:0{bus}:00.0": READY + GONE for bus in (1, 2, 3, 4)},
    "q35-rootport-acpi@cloud": {
        **{f"0000:0{bus}:00.0": READY + GONE for bus in (1, 2, 4)},
        "0000:03:00.0": ["function-added", "device-stalled", *GONE],
    },
    "q35-rootport-native": {f"0000:0{bus}:00.0": [*READY, "removal-requested", *GONE] for bus in (1, 2, 3, 4)},
    "q35-rootport-native@forky": {f"0000:0{bus}:00.0": [*READY, "removal-requested", *GONE] for bus in (1, 2, 3, 4)},
    # The first was put out by the guest itself.
    "q35-guest-eject-native": {
        "0000:01:00.0": READY + GONE,
        "0000:02:00.0": [*READY, "removal-requested", *GONE],
    },
    "q35-hotbridge-short": {"0000:02:00.0": READY, "0000:03:03.0": READY},
    "q35-multifunction-native": {f"0000:01:00.{number}": [*READY, "removal-requested", *GONE] for number in (0, 1)},
    "burst": {
        **{f"0000:00:{slot:02x}.0": READY + GONE for slot in (2, 3, 4, 7, 8, 9, 10, 11, 12, 13)},
        **{f"0000:{bus:02x}:{slot:02x}.0": READY + GONE for bus in (1, 2) for slot in range(10)},
    },
}
MILESTONES = {"function-added", "function-removed", "device-ready", "device-stalled", "removal-requested"}


@pytest.fixture(scope="module")
def played(hotplugctl):
    """The JSON lines of a story's fixture, each story once."""
    made: dict[str, list[dict]] = {}

    def play(story: str) -> list[dict]:
        if story not in made:
            done = hotplugctl("watch", "--json", "--replay", FIXTURES / "recordings" / f"{story}.tar.xz")
            assert (done.status, done.err) == (0, "")
            made[story] = [json.loads(line) for line in done.out.splitlines()]
        return made[story]

    return play


def test_every_story_is_held_against_its_host(recordings):
    assert set(TOLD) == set(recordings.archives)


@pytest.mark.parametrize("story", TOLD)
def test_what_the_host_did(played, story):
    said: dict[str, list[str]] = {}
    for line in played(story)[1:]:
        if line["event"] in MILESTONES:
            said.setdefault(line["address"], []).append(line["event"])
    assert said == TOLD[story]


@pytest.mark.parametrize("story", TOLD)
def test_the_lines_follow_their_times(played, story):
    times = [line["monotonic"] for line in played(story)]
    assert times == sorted(times)


@pytest.mark.parametrize("story", TOLD)
def test_every_line_fits_the_schema(played, story):
    lines = played(story)
    assert (lines[0]["event"], lines[0]["source"]) == ("hello", "replay")
    for line in lines:
        assert not [error.message for error in SCHEMA.iter_errors(line)]


def named(lines, event):
    return [line["node"] or line["name"] for line in lines if line["event"] == event]


def test_a_disk_behind_a_controller_that_was_there(played):
    lines = played("pc-scsi")
    assert [node for node in named(lines, "node-added") if node.startswith("/dev/sd")] == [
        "/dev/sdd", "/dev/sdd1", "/dev/sdd2", "/dev/sde", "/dev/sde1", "/dev/sde2",
    ]  # fmt: skip
    ready = [line for line in lines if line["event"] == "device-ready"]
    assert ready[0]["node"] == "/dev/sdd" and ready[0]["since_first_ms"] > 3000, "the bus reset takes 3 s"


def test_names_are_read_and_never_derived(played):
    assert named(played("q35-rootport-acpi@cloud"), "node-renamed") == ["enp4s0"]
    assert named(played("q35-rootport-native"), "node-renamed") == ["ens3", "ens4"]


def test_why_it_stalled(played):
    reasons = {
        story: [line["reason"] for line in played(story) if line["event"] == "device-stalled"]
        for story in ("pc-nobar", "q35-nodriver", "q35-rootport-acpi@cloud")
    }
    assert reasons == {
        "pc-nobar": ["BAR 2 not assigned: no room in the windows above"],
        "q35-nodriver": ["virtio0: no driver bound"],
        # The modules of this kernel are in the trees beside the events.
        "q35-rootport-acpi@cloud": ["no driver: no module of this kernel claims it"],
    }


def test_the_waits_that_the_hardware_makes(played):
    """5 s of the button window before pciehp removes, 6 s before shpchp adds."""
    gone = [line for line in played("q35-rootport-native@forky") if line["event"] == "function-removed"]
    assert all(5000 < line["since_first_ms"] < 6000 for line in gone) and len(gone) == 4
    (added,) = (
        line for line in played("q35-hotbridge-short")
        if line["event"] == "function-added" and line["address"] == "0000:03:03.0"
    )  # fmt: skip
    assert 6000 < added["since_first_ms"] < 6500


@pytest.mark.parametrize("story", ["pc-scsi", "q35-multifunction-native", "q35-nodriver", "pc-nobar"])
def test_golden_text(hotplugctl, golden, story):
    done = hotplugctl("watch", "--replay", FIXTURES / "recordings" / f"{story}.tar.xz")
    golden(FIXTURES / "goldens" / "watch" / f"{story}.txt", f"{done.out}{done.err}")


@pytest.mark.parametrize("story", ["q35-rootport-native", "pc-bridge-shpc"])
def test_golden_json(hotplugctl, golden, story):
    done = hotplugctl("watch", "--json", "--replay", FIXTURES / "recordings" / f"{story}.tar.xz")
    golden(FIXTURES / "goldens" / "watch" / f"{story}.jsonl", f"{done.out}{done.err}")


def test_only_some_subsystems(hotplugctl, recordings):
    done = hotplugctl("watch", "--json", "--replay", recordings.story("pc-virtio"), "--subsystem", "net")
    lines = [json.loads(line) for line in done.out.splitlines()[1:]]
    assert [line["event"] for line in lines] == ["node-added", "node-renamed", "device-ready", "node-removed"]


def test_a_count_that_is_reached_and_one_that_is_not(hotplugctl, recordings):
    story = recordings.story("pc-virtio")
    done = hotplugctl("watch", "--json", "--replay", story, "--count", 3)
    assert done.status == 0 and len(done.out.splitlines()) == 4
    assert hotplugctl("watch", "--json", "--replay", story, "--count", 3000).status == 4


def test_a_time_that_is_over(hotplugctl, recordings):
    story = recordings.story("pc-virtio")
    lines = hotplugctl("watch", "--json", "--replay", story, "--timeout", 5).out.splitlines()
    began, said = json.loads(lines[0])["monotonic"], [json.loads(line) for line in lines[1:]]
    assert said and all(line["monotonic"] <= began + 5 for line in said)
    assert hotplugctl("watch", "--replay", story, "--timeout", 5, "--count", 900).status == 4


@pytest.mark.parametrize("wrong", [["--speed", "0"], ["--speed", "x"], ["--count", "0"], ["--timeout", "-1"]])
def test_asked_wrongly(hotplugctl, recordings, wrong):
    assert hotplugctl("watch", "--replay", recordings.story("pc-nobar"), *wrong).status == 2


def test_options_that_do_not_go_together(hotplugctl, recordings, tmp_path):
    assert hotplugctl("watch", "--replay", recordings.story("pc-nobar"), "--save", tmp_path / "x").status == 2
    assert hotplugctl("watch", "--speed", "1", "--timeout", "0").status == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("path", ["/nonexistent", "", "/dev/null"])
def test_nothing_to_play(hotplugctl, path):
    done = hotplugctl("watch", "--replay", path)
    assert (done.status, done.out) == (2, "") and done.err.count("\n") == 1


def test_root_is_a_recording_too(hotplugctl, recordings):
    story = recordings.story("pc-nobar")
    by_root = hotplugctl("watch", "--json", "--root", story)
    assert by_root.out == hotplugctl("watch", "--json", "--replay", story).out
    by_environment = hotplugctl("watch", "--json", environment={"HOTPLUGCTL_ROOT": str(story)})
    assert by_environment.out == by_root.out and "HOTPLUGCTL_ROOT" in by_environment.err


def test_events_without_a_tree(hotplugctl, recordings):
    """What was there is not known, and that is said."""
    done = hotplugctl("watch", "--json", "--replay", recordings.story("pc-nobar") / "events")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["event"] for line in lines[1:]].count("function-added") == 2
    assert all("slot" in line["unknown"] for line in lines[1:])
    assert "  ?  " in hotplugctl("watch", "--replay", recordings.story("pc-nobar") / "events").out


def test_a_recording_that_is_cut_off(hotplugctl, recordings, tmp_path):
    """In the middle of an event, with a device on its way."""
    whole = (recordings.story("pc-nobar") / "events" / "netlink-uevent.jsonl").read_bytes()
    cut = tmp_path / "cut.jsonl"
    lines = whole.splitlines(keepends=True)
    said = [json.loads(line)["b64"] for line in lines]
    arrival = next(
        number for number, text in enumerate(said) if b"@/devices/pci0000:00/0000:00:02.0" in b64decode(text)
    )
    cut.write_bytes(b"".join(lines[: arrival + 1]) + lines[arrival + 1][:100])
    done = hotplugctl("watch", "--json", "--replay", cut)
    assert done.status == 0 and "in the middle of a line" in done.err
    said = [json.loads(line) for line in done.out.splitlines()[1:]]
    assert [line["event"] for line in said] == ["function-added", "device-stalled"]
    assert "ends here" in said[1]["reason"]


def test_names_that_would_move_a_terminal(hotplugctl, tmp_path):
    path = "/devices/pci0000:00/0000:00:04.0"
    evil = "vd\x1b[2Jb \u202e\n\x9b"
    entries = [
        {"ACTION": "add", "DEVPATH": path, "SUBSYSTEM": "pci", "PCI_CLASS": "10000"},
        {"ACTION": "add", "DEVPATH": f"{path}/block/{evil}", "SUBSYSTEM": "block", "DEVNAME": evil},
    ]
    recording = tmp_path / "syn-evil.jsonl"
    lines = [json.dumps({"t": 1.0 + number, "group": 1, "props": entry}) for number, entry in enumerate(entries)]
    recording.write_text("\n".join(lines) + "\n")
    text = hotplugctl("watch", "--replay", recording).out
    assert "\\x1b[2J" in text and all(char.isprintable() or char == "\n" for char in text)
    assert text.count("\n") == 4 and "device-ready" in text
    document = hotplugctl("watch", "--json", "--replay", recording).out
    assert document.isascii() and "\x1b" not in document


def test_in_its_own_time_it_comes_line_by_line(recordings):
    """What was told is there at once, and SIGTERM ends it as asked."""
    story = recordings.story("pc-virtio")
    command = [sys.executable, "-m", "hotplugctl", "watch", "--json", "--replay", str(story), "--speed", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": ""}) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert [json.loads(line)["event"] for line in lines] == ["hello", "function-added", "driver-bound"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
