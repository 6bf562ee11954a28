"""``timeline``: what it reads, how it ends, and that recorded guests are told as their hosts saw them."""

from __future__ import annotations

import errno
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package
from hotplugctl.cli import cmd_timeline
from hotplugctl.model.reads import Denied
from hotplugctl.source.disk import DiskTree

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LOG = FIXTURES / "texts" / "dmesg" / "sym53c8xx.txt"
SCHEMA = json.loads((Path(package.__file__).parent / "schemas/timeline.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

# What the host did, with the functions that came of it: (address, outcome), in order. q35-native-nohp saw nothing.
ADDED = {
    "burst": [(f"0000:{bus}:{slot:02x}.0", "ready") for bus, slots in (
        ("00", (2, 3, 4, 7, 8, 9, 10, 11, 12, 13)), ("01", range(10)), ("02", range(10)),
    ) for slot in slots],
    "pc-acpiphp-disable": [("0000:00:02.0", "ready")],
    "pc-bridge-shpc": [("0000:01:03.0", "ready"), ("0000:01:04.0", "ready")],
    "pc-nics": [(f"0000:00:0{slot}.0", "ready") for slot in (2, 3, 4, 5)],
    "pc-noacpi": [("0000:00:02.0", "ready")],
    "pc-nobar": [("0000:00:02.0", "failed"), ("0000:00:03.0", "ready")],
    "pc-scsi": [("0000:00:02.0", "ready"), ("0000:00:03.0", "ready")],
    "pc-scsi@bullseye": [("0000:00:02.0", "ready"), ("0000:00:03.0", "ready")],
    "pc-virtio": [(f"0000:00:0{slot}.0", "ready") for slot in (2, 3, 4)],
    "q35-guest-eject-native": [("0000:01:00.0", "ready"), ("0000:02:00.0", "ready")],
    "q35-hotbridge-short": [("0000:02:00.0", "ready"), ("0000:03:03.0", "ready")],
    "q35-multifunction-native": [("0000:01:00.0", "ready"), ("0000:01:00.1", "ready")],
    "q35-native-nohp": [],
    "q35-nodriver": [("0000:01:00.0", "ready"), ("0000:02:00.0", "ready")],
    "q35-rootport-acpi": [(f"0000:0{bus}:00.0", "ready") for bus in (1, 2, 3, 4)],
    "q35-rootport-acpi@cloud": [
        ("0000:01:00.0", "ready"), ("0000:02:00.0", "ready"), ("0000:03:00.0", "stalled"), ("0000:04:00.0", "ready"),
    ],
    "q35-rootport-native": [(f"0000:0{bus}:00.0", "ready") for bus in (1, 2, 3, 4)],
    "q35-rootport-native@forky": [(f"0000:0{bus}:00.0", "ready") for bus in (1, 2, 3, 4)],
}  # fmt: skip
# Ghosts (device_del is not told to the guest), a bridge that stays, nothing there.
NONE_REMOVED = {"pc-bridge-shpc", "q35-hotbridge-short", "q35-native-nohp", "q35-nodriver"}
WAITS = {
    "pc-scsi": {"scsi-bus-reset"},
    "pc-scsi@bullseye": {"scsi-bus-reset"},
    "q35-guest-eject-native": {"pciehp-button", "pciehp-power-off"},
    "q35-hotbridge-short": {"shpchp-button"},
    "q35-multifunction-native": {"pciehp-button", "pciehp-power-off"},
    "q35-rootport-native": {"pciehp-button", "pciehp-power-off"},
    "q35-rootport-native@forky": {"pciehp-button", "pciehp-power-off"},
}


@pytest.fixture(scope="module")
def told(hotplugctl, recordings):
    """The document of a whole story, or of the log of a stage: each is made once."""
    made = {}

    def tell(story: str, *options: str) -> dict:
        if (story, options) not in made:
            done = hotplugctl("timeline", "--json", "--root", recordings.story(story), *options)
            assert (done.status, done.err) == (0, "")
            made[story, options] = done.document
        return made[story, options]

    return tell


def of(document: dict, action: str) -> list[dict]:
    return [one for one in document["devices"] if one["action"] == action]


def at(device: dict) -> dict[str, float]:
    return {stage["name"]: stage["at"] for stage in device["stages"]}


def since(device: dict, name: str) -> float:
    return at(device)[name] - at(device)["enumerated"]


@pytest.mark.parametrize("story", ADDED)
def test_a_story_is_told_as_its_host_saw_it(told, story):
    document = told(story)
    assert not [error.message for error in VALIDATOR.iter_errors(document)]
    added = [one for one in of(document, "add") if "enumerated" in at(one)]
    assert sorted((one["address"], one["outcome"]) for one in added) == sorted(ADDED[story])
    gone = [one["address"] for one in of(document, "remove") if one["outcome"] == "removed" and "enumerated" in at(one)]
    assert sorted(gone) == ([] if story in NONE_REMOVED else sorted(address for address, _ in ADDED[story]))
    assert {wait["name"] for one in document["devices"] for wait in one["waits"]} == WAITS.get(story, set())


@pytest.mark.parametrize("story", ADDED)
def test_every_stage_has_its_evidence_and_its_place_in_time(told, story):
    for device in told(story)["devices"]:
        assert device["stages"]
        first = device["first"]
        assert first <= min(at(device).values())
        for stage in device["stages"]:
            assert stage["evidence"]["source"].partition(":")[0] in ("events/kmsg.jsonl", "events/netlink-uevent.jsonl")
            assert stage["after_ms"] == pytest.approx((stage["at"] - first) * 1000, abs=0.01)


@pytest.mark.parametrize("story", [story for story in ADDED if story != "q35-native-nohp"])
def test_the_log_alone_tells_the_same_devices(told, story):
    """Fewer stages, never others: each within 60 ms of where uevents put it (their clock is another)."""
    alone = {one["address"]: one for one in of(told(story, "--stage", "after"), "add")}
    added = of(told(story), "add")
    whole = {one["address"]: one for one in added if "enumerated" in at(one)}
    assert set(alone) == set(whole)
    for address, device in alone.items():
        assert device["outcome"] in (None, whole[address]["outcome"])
        # A log does not tell which disks came long after their adapter.
        assert set(device["nodes"]) <= {name for one in added if one["address"] == address for name in one["nodes"]}
        for name in {"resources", "enabled"} & set(at(device)):
            assert since(device, name) == pytest.approx(since(whole[address], name), abs=0.06)


def test_disks_that_come_and_go_behind_an_adapter_that_stays(told):
    """device_add and device_del of a scsi-hd alone, by the host's transcript."""
    (late,) = (one for one in of(told("pc-scsi"), "add") if "enumerated" not in at(one))
    assert (late["address"], late["outcome"], late["nodes"]) == ("0000:00:02.0", "ready", ["sde", "sde1", "sde2"])
    assert list(at(late)) == ["node", "udev"] and late["reason"] == "sde: behind a function that was there"
    (gone,) = (one for one in of(told("pc-virtio"), "remove") if "enumerated" not in at(one))
    assert (gone["address"], gone["outcome"], gone["reason"]) == (
        "0000:00:04.0", "removed", "sdc: behind a function that stays",
    )  # fmt: skip


def test_the_waits_are_as_long_as_the_book_says(told):
    for story in WAITS:
        for device in told(story)["devices"]:
            for wait in device["waits"]:
                if wait["took_s"] is not None:
                    assert wait["nominal_s"] - 0.05 <= wait["took_s"] <= wait["nominal_s"] + 0.6
                    assert wait["stage"] in at(device)


def test_median_and_percentile_of_a_burst(told):
    """30 devices: the median is the mean of the 15th and 16th, the 95th percentile the 29th."""
    times = sorted(
        stage["after_ms"] for one in of(told("burst"), "add") for stage in one["stages"] if stage["name"] == "node"
    )
    said = next(one for one in told("burst")["summary"] if (one["action"], one["stage"]) == ("add", "node"))
    assert said["count"] == len(times) == 30
    assert (said["median_ms"], said["p95_ms"]) == (round((times[14] + times[15]) / 2, 3), times[28])


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [(LOG,), ("-",), ()])
def test_a_kernel_log_in_a_file_or_on_stdin(hotplugctl, given):
    stdin = b"" if given == (LOG,) else LOG.read_bytes()
    done = hotplugctl("timeline", "--json", *(given or ("-",)), stdin=stdin)
    (device,) = done.document["devices"]
    assert (done.status, device["address"], device["nodes"]) == (0, "0000:00:05.0", ["sdc"])
    assert device["outcome"] == "ready"
    assert 3000 < next(stage["after_ms"] for stage in device["stages"] if stage["name"] == "node") < 3100


def test_other_clocks_say_less(hotplugctl):
    done = hotplugctl("timeline", "--json", FIXTURES / "texts/dmesg/journal-iso.txt")
    (device,) = done.document["devices"]
    assert done.document["notes"] == [cmd_timeline._NOTES["wall"]]
    assert {stage["at"] for stage in device["stages"]} == {None}
    assert device["stages"][-1]["after_ms"] == 1000.0
    bare = b"".join(line.partition(b"] ")[2] for line in LOG.read_bytes().splitlines(keepends=True))
    done = hotplugctl("timeline", "--json", "-", stdin=bare)
    (device,) = done.document["devices"]
    assert (done.status, device["nodes"], done.document["summary"]) == (0, ["sdc"], [])
    assert all(stage["after_ms"] is None and "after_ms" in stage["unknown"] for stage in device["stages"])
    assert not [error.message for error in VALIDATOR.iter_errors(done.document)]


def test_a_stage_is_read_by_its_log(told):
    assert told("pc-scsi", "--stage", "added")["sources"] == ["/dev/kmsg"]
    assert told("pc-scsi")["sources"] == ["events/netlink-uevent.jsonl", "events/kmsg.jsonl"]


@pytest.mark.parametrize("story, devices", [("pc-scsi", 5), ("q35-nodriver", 2)])
def test_a_tar_and_a_folder_say_the_same(hotplugctl, recordings, told, story, devices):
    done = hotplugctl("timeline", "--json", "--root", recordings.archives[story])
    assert len(done.document["devices"]) == devices
    assert done.document == told(story)


def test_a_story_without_events_is_read_by_the_log_of_its_last_stage(hotplugctl, recordings, tmp_path, told):
    story = tmp_path / "story"
    shutil.copytree(recordings.story("q35-nodriver"), story, symlinks=True)
    shutil.rmtree(story / "events")
    done = hotplugctl("timeline", "--json", "--root", story)
    assert done.document == told("q35-nodriver", "--stage", "after")


def test_a_recording_of_one_stage(hotplugctl, recordings, told):
    done = hotplugctl("timeline", "--json", "--root", recordings.stage("q35-nodriver", "after"))
    assert done.document == told("q35-nodriver", "--stage", "after")


def test_a_tar_on_stdin(hotplugctl, recordings):
    done = hotplugctl("timeline", "--json", "--root", "-", stdin=recordings.archives["q35-nodriver"].read_bytes())
    assert [one["address"] for one in of(done.document, "add")] == ["0000:01:00.0", "0000:02:00.0"]


def test_a_log_that_may_not_be_read(hotplugctl, monkeypatch):
    monkeypatch.setattr(DiskTree, "kernel_log", lambda *_: Denied("/dev/kmsg", errno.EPERM))
    done = hotplugctl("timeline")
    assert (done.status, done.out) == (3, "")
    assert "/dev/kmsg" in done.err
    document = hotplugctl("timeline", "--json").document
    assert document["devices"] is None
    assert "/dev/kmsg" in document["unknown"]["devices"]
    assert not [error.message for error in VALIDATOR.iter_errors(document)]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"Dear list,\nmy disk does not show up.\n", b"\0\xff\x1b[2J"])
def test_a_text_that_is_no_log(hotplugctl, text):
    done = hotplugctl("timeline", "-", stdin=text)
    assert (done.status, done.out) == (3, "")
    assert "kernel log" in done.err


def test_a_log_in_which_nothing_comes_or_goes(hotplugctl):
    done = hotplugctl("timeline", "-", stdin=b"[    1.000000] usb 1-1: new device\n")
    assert (done.status, done.out) == (0, "")
    assert "no insertion" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        (LOG, "--root", FIXTURES),
        ("/nowhere/dmesg",),
        ("--root", "/nowhere"),
        ("--stage", "added"),
        (LOG, "-o", "NONSENSE"),
        (FIXTURES,),
    ],
)
def test_asked_wrongly(hotplugctl, arguments):
    done = hotplugctl("timeline", *arguments)
    assert (done.status, done.out) == (2, "")


def test_a_stage_of_a_text_is_asked_wrongly(hotplugctl):
    assert hotplugctl("timeline", LOG, "--stage", "added").status == 2


def test_columns(hotplugctl):
    done = hotplugctl("timeline", "-n", "-o", "ADDRESS,NODE,NODES", LOG)
    assert done.out == "0000:00:05.0  3051  sdc\n"


def test_nothing_in_the_table_reaches_the_terminal_as_it_is(hotplugctl):
    text = LOG.read_text(encoding="utf-8").replace("renamed", "x") + (
        "[  300.000000] pci 0000:00:06.0: [1af4:1041] type 00 class 0x020000\n"
        "[  300.100000] virtio_net virtio3 \x1b]0;owned\x07: renamed from eth0\n"
        "[  300.200000] e1000: probe of 0000:00:06.0 failed with error -5\x1b[31m\n"
    )
    done = hotplugctl("timeline", "-", "-o", "+NODES,REASON,DRIVER", stdin=text.encode())
    assert done.status == 0
    assert "\x1b" not in done.out
    assert "\x07" not in done.out


# --- cut off and spoilt -----------------------------------------------------------------------------------------------


def test_a_recording_that_is_cut_off(hotplugctl, recordings, tmp_path):
    story = tmp_path / "story"
    shutil.copytree(recordings.story("q35-nodriver"), story, symlinks=True)
    for name in ("netlink-uevent.jsonl", "kmsg.jsonl"):
        data = (story / "events" / name).read_bytes()
        (story / "events" / name).write_bytes(data[: len(data) // 2])
    done = hotplugctl("timeline", "--json", "--root", story)
    assert done.status == 0
    assert "the recording ends in the middle of a line" in done.document["notes"]
    assert not [error.message for error in VALIDATOR.iter_errors(done.document)]


def test_a_torn_tar_is_asked_wrongly(hotplugctl, recordings, tmp_path):
    torn = tmp_path / "torn.tar.xz"
    torn.write_bytes(recordings.archives["q35-nodriver"].read_bytes()[:5000])
    assert hotplugctl("timeline", "--root", torn).status == 2


def test_every_fixture_has_its_events(recordings):
    for path in recordings.archives.values():
        with tarfile.open(path) as archive:
            names = {name.partition("/events/")[2] for name in archive.getnames() if "/events/" in name}
        assert names == {"netlink-uevent.jsonl", "kmsg.jsonl"}, path


def test_a_line_that_begins_with_the_driver_tells_of_the_bind(hotplugctl):
    """Lines of one moment: the BARs are assigned, and then the driver speaks."""
    root = FIXTURES / "recordings/pc-virtio.tar.xz"
    stages = hotplugctl("timeline", "--json", "--root", root).document["devices"][0]["stages"]
    (bound,) = (stage for stage in stages if stage["name"] == "bound")
    assert bound["evidence"]["value"] == "virtio-pci 0000:00:02.0: enabling device (0000 -> 0003)"
