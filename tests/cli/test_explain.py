"""``explain``: against what the host saw, in the stories that fail, on what is not there, and on bad evidence."""

from __future__ import annotations

import base64
import csv
import json
import shutil

import pytest

from tests.conftest import FIXTURES

# What is wrong with a device that came: the root cause, which comes first. All others came all the way.
FAULTS = {
    ("pc-nobar", "added", "0000:00:02.0"): ("bar.unassigned", "resources"),
    ("q35-nodriver", "added", "0000:01:00.0"): ("virtio.child-unbound", "child"),
    ("q35-rootport-acpi@cloud", "added", "0000:03:00.0"): ("driver.not-bound", "bound"),
}


def devices(row, column="devices"):
    """Address, ids, driver and nodes of the devices in a row of fixtures/TRUTH.tsv."""
    for entry in row[column].split(";") if row[column] != "-" else ():
        rest = entry.partition("=")[2].split(":")
        driver, nodes = (rest[5], rest[6]) if len(rest) > 6 else ("-", "-")
        counts = dict(one.split("=") for one in nodes.split(",")) if nodes != "-" else {}
        yield ":".join(rest[:3]), rest[3:5], None if driver == "-" else driver, {k: int(v) for k, v in counts.items()}


def explained(hotplugctl, recordings, story, stage, *target):
    done = hotplugctl("explain", *target, "--json", "--root", recordings.stage(story, stage))
    assert done.err == ""
    return done.status, done.document


def reached(document):
    return {stage["name"]: stage["reached"] for stage in document["stages"] if stage["applies"]}


def faults(document):
    return [one["id"] for one in document["findings"] if one["status"] == "fail" and one["severity"] != "info"]


# Against the host.


def test_every_device_that_came(hotplugctl, recordings, truth):
    story, stage = truth["story"], truth["stage"]
    for address, ids, driver, nodes in devices(truth):
        status, said = explained(hotplugctl, recordings, story, stage, address)
        stages = reached(said)
        assert (said["kind"], said["address"]) == ("function", address)
        assert [said["function"]["vendor"], said["function"]["device"]] == ids
        assert said["function"]["driver"] == driver
        made = [one for one in said["function"]["nodes"] if one["detail"].get("partition") is None]
        counts = {kind: sum(one["subsystem"] == kind for one in made) for kind in nodes}
        assert counts == nodes
        assert stages["enumerated"] is True
        assert stages.get("bound", False) is (driver is not None)
        assert stages.get("node", False) is bool(nodes.get("block") or nodes.get("net"))
        fault = FAULTS.get((story, stage, address))
        assert (status, said["good"], said["settled"]) == ((0, True, True) if fault is None else (1, False, False))
        if fault is None:
            assert not faults(said)
            assert said["held_up"] is None
        else:
            assert faults(said)[0] == fault[0]
            assert said["held_up"]["stage"] == fault[1]
            assert stages[fault[1]] is False


def test_what_the_guest_could_not_see(hotplugctl, recordings, truth):
    """A rescan is said to find it exactly where one found it later."""
    story, stage = truth["story"], truth["stage"]
    with (FIXTURES / "TRUTH.tsv").open(encoding="utf-8", newline="") as file:
        later = [row for row in csv.DictReader(file, delimiter="\t") if row["story"] == story]
    rescanned = [address for row in later if row["stage"] == "rescanned" for address, *_ in devices(row)]
    for address, *_ in devices(truth, "invisible"):
        status, said = explained(hotplugctl, recordings, story, stage, address)
        assert (status, said["kind"], said["good"]) == (1, "nowhere", False)
        assert said["nowhere"]["rescan_finds"] is (address in rescanned)
        assert {"/sys/bus/pci/devices", "/dev/kmsg"} <= {one["source"] for one in said["nowhere"]["looked_at"]}


def test_ghosts(hotplugctl, recordings, truth):
    """The host has taken them away: sysfs shows a device that came all the way, its config space shows none."""
    for address, *_ in devices(truth, "ghosts"):
        status, said = explained(hotplugctl, recordings, truth["story"], truth["stage"], address)
        assert (status, said["good"], faults(said)[0]) == (1, False, "function.gone")


def test_without_a_target(hotplugctl, recordings, truth):
    status, said = explained(hotplugctl, recordings, truth["story"], truth["stage"])
    seen = said["overview"]
    came = [one["address"] for one in seen["arrivals"]]
    there = [address for address, *_ in devices(truth)]
    assert set(there) <= set(came) or len(came) == 8
    assert all(one["here"] for one in seen["arrivals"] if one["address"] in there)
    assert seen["free_slots"] == int(truth["free_slots"])
    assert (status == 0) is (said["good"] is True)
    if truth["verdict"] == "not-ready":
        assert status == 1 and faults(said)[0].startswith("kernel.")
    assert seen["host"][0]["how"][0].startswith("QEMU: ")


@pytest.mark.parametrize("story", ["pc-virtio", "q35-nodriver", "q35-rootport-acpi@cloud", "q35-hotbridge-short"])
def test_settled_means_what_wait_waits_for(hotplugctl, recordings, story):
    for stage in recordings.stages(story):
        root = recordings.stage(story, stage)
        for function in hotplugctl("list", "--json", "--root", root).document["functions"]:
            address = function["address"]
            waited = hotplugctl("wait", "--address", address, "--root", root).status
            assert explained(hotplugctl, recordings, story, stage, address)[1]["settled"] is (waited == 0), address


# The stories that fail.


@pytest.mark.parametrize(
    "story, address, first, side",
    [
        ("pc-noacpi", "0000:00:02.0", "kernel.mechanism-disabled", "guest"),
        ("pc-acpiphp-disable", "0000:00:02.0", "kernel.mechanism-disabled", "guest"),
        ("q35-native-nohp", "0000:01:00.0", "kernel.mechanism-disabled", "guest"),
        ("pc-bridge-shpc", "0000:01:03.0", "bus.unserved", "host"),
    ],
)
def test_nothing_came_and_why(hotplugctl, recordings, story, address, first, side):
    for target in ((), (address,)):
        _, said = explained(hotplugctl, recordings, story, "added", *target)
        assert faults(said)[0] == first
        assert said["findings"][0]["side"] == side


def test_a_card_that_waits(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "q35-native-nohp", "added")
    assert "0000:00:02.0" in said["overview"]["waiting"][0]["source"]
    assert "PresDet+" in said["overview"]["waiting"][0]["value"]
    _, there = explained(hotplugctl, recordings, "q35-native-nohp", "added", "01:00.0")
    assert "power" in there["nowhere"]["why"]


def test_the_host_announced_and_nobody_listened(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-acpiphp-disable", "added")
    assert "once by ACPI" in said["overview"]["announced"][0]["value"]
    assert "nobody here listens" in said["overview"]["announced"][0]["value"]


def test_a_device_that_came_was_the_one_announced(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-virtio", "added")
    assert "the last that came" in said["headline"]


def test_function_1_waits_for_function_0(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "q35-multifunction-native", "function1-only", "01:00.1")
    assert "function 0" in said["nowhere"]["why"]
    assert any("function 0" in one["what"] for one in explained(
        hotplugctl, recordings, "q35-multifunction-native", "function1-only")[1]["overview"]["host"])  # fmt: skip


def test_a_disk_at_a_scsi_adapter_is_no_pci_event(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-scsi", "added")
    (scan,) = [one for one in said["overview"]["host"] if "seen after a scan" in one["what"]]
    assert "0000:00:02.0 (sym53c8xx)" in scan["what"] and "scan" in scan["how"][0]


def test_of_two_that_came_to_one_address_the_first_has_gone(hotplugctl, recordings, tmp_path):
    """syn: the log of a recording with an arrival before that of its disk; a log tells no removal by acpiphp."""
    lines = (
        "[    0.000000] Linux version 6.1.0",
        "[    2.000000] Run /init as init process",
        "[   20.000000] pci 0000:00:02.0: [8086:100e] type 00 class 0x020000",
        "[   20.100000] e1000 0000:00:02.0: enabling device (0000 -> 0002)",
        "[   60.000000] pci 0000:00:02.0: [1af4:1001] type 00 class 0x010000",
        "[   60.100000] virtio-pci 0000:00:02.0: enabling device (0000 -> 0003)",
    )
    root = _with_log(recordings, tmp_path, "pc-virtio", "added", "\n".join(lines) + "\n")
    arrivals = hotplugctl("explain", "--json", "--root", root).document["overview"]["arrivals"]
    found = [(one["ids"], one["first"], one["here"], one["settled"]) for one in arrivals]
    assert found == [("1af4:1001", 60.0, True, True), ("8086:100e", 20.0, False, None)]


def test_all_slots_are_full(hotplugctl, recordings):
    status, said = explained(hotplugctl, recordings, "q35-rootport-native", "added")
    assert (status, said["overview"]["free_slots"]) == (1, 0)
    # A PCIe root bus takes no device by itself: that is as it should be.
    assert said["overview"]["unserved"] == []
    assert said["overview"]["full"] == ["0000:01", "0000:02", "0000:03", "0000:04"]
    assert any("no slot is free" in one["what"] for one in said["overview"]["host"])


# One device: lineage, stages, log.


def test_lineage_behind_a_port(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "q35-rootport-native", "added", "slot:2")
    lineage = said["lineage"]
    assert [(one["address"], one["driver"], one["bus"]) for one in lineage["ports"]] == [
        ("0000:00:03.0", "pcieport", "0000:02")
    ]
    (bar,) = lineage["bars"]
    assert (bar["index"], bar["bits"], bar["size"]) == (0, 64, 16384)
    window = next(one for one in lineage["ports"][0]["windows"] if one["kind"] == "mem")
    assert window["base"] <= bar["start"] < window["limit"]
    assert bar["window"] == f"mem {window['base']:#x}-{window['limit']:#x}"
    assert said["function"]["nodes"][0]["name"] == "nvme0n1"


def test_bars_on_a_root_bus_lie_in_the_windows_of_the_host_bridge(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-virtio", "added", "vdb")
    assert said["lineage"]["ports"] == []
    assert [one["window"].split()[0] for one in said["lineage"]["bars"]] == ["io", "mem", "mem"]


def test_a_bar_without_an_address(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-nobar", "added", "00:02.0")
    assert [(one["index"], one["start"]) for one in said["lineage"]["bars"] if one["start"] is None] == [(2, None)]


def test_stages_bear_the_times_of_the_timeline(hotplugctl, recordings):
    root = recordings.stage("q35-rootport-native", "added")
    (passage,) = [
        one for one in hotplugctl("timeline", "--json", "--root", root).document["devices"]
        if one["address"] == "0000:01:00.0"
    ]  # fmt: skip
    _, said = explained(hotplugctl, recordings, "q35-rootport-native", "added", "01:00.0")
    times = {stage["name"]: stage["at"] for stage in said["stages"]}
    assert {stage["name"]: stage["at"] for stage in passage["stages"]}.items() <= times.items()
    assert said["stages"][0]["evidence"][0]["value"].endswith("Attention button pressed")


def test_acpiphp_announces_nothing(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-virtio", "added", "vdb")
    first = said["stages"][0]
    assert (first["name"], first["applies"], first["reached"], first["at"]) == ("announced", False, None, None)


def test_a_device_of_the_boot_has_the_times_of_its_own_lines(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-virtio", "before", "00:1e.0")
    assert said["passages"] == []
    at = {stage["name"]: stage["at"] for stage in said["stages"]}
    assert 0 < at["enumerated"] < 2
    assert said["log"][0]["life"] == 0


def test_the_kernels_own_words(hotplugctl, recordings):
    """Of the slot too, and of what was made of the function; of no other device."""
    _, said = explained(hotplugctl, recordings, "q35-rootport-native", "added", "01:00.0")
    texts = [line["text"] for line in said["log"] if line["life"] == 0]
    assert texts[0].endswith("Slot(1): Attention button pressed")
    assert any(text.startswith("virtio_blk virtio1: [vdb]") for text in texts)
    assert not any("Slot(2)" in text or "0000:02:00" in text for text in texts)


def test_lives_are_told_apart(hotplugctl, recordings, tmp_path):
    """What is in the slot now is not what was in it before, though both were called vdb."""
    lines = []
    for start, disk in ((10, "2048"), (100, "4096"), (200, "8192")):
        lines += [
            f"[{start:5}.000000] pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed",
            f"[{start:5}.100000] pci 0000:01:00.0: [1af4:1042] type 00 class 0x010000",
            f"[{start:5}.200000] virtio-pci 0000:01:00.0: enabling device (0000 -> 0002)",
            f"[{start:5}.300000] virtio_blk virtio1: [vdb] {disk} 512-byte logical blocks (1 MB/1 MiB)",
            f"[{start + 50:5}.000000] pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press",
        ]
    root = _with_log(recordings, tmp_path, "q35-rootport-native", "added", "\n".join(lines[:-1]) + "\n")
    said = hotplugctl("explain", "01:00.0", "--json", "--root", root).document
    assert [line["life"] for line in said["log"]] == sorted(line["life"] for line in said["log"])
    assert {line["life"] for line in said["log"]} == {0, 1, 2}
    assert [line["at"] for line in said["log"] if line["life"] == 0] == [200.0, 200.1, 200.2, 200.3]
    assert "8192" in said["log"][3]["text"]
    assert said["stages"][1]["at"] == 200.1


def _copy(recordings, tmp_path, story, stage):
    """The same guest to be changed; without its manifest, which has sums of what it was."""
    root = tmp_path / "guest"
    shutil.copytree(recordings.stage(story, stage), root, symlinks=True)
    (root / "manifest.json").unlink(missing_ok=True)
    return root


def _with_log(recordings, tmp_path, story, stage, log):
    """The same guest with another kernel log."""
    root = _copy(recordings, tmp_path, story, stage)
    (root / "cmd/kmsg").unlink()
    (root / "cmd/dmesg").write_text(log)
    return root


# Places without a device.


def test_an_empty_slot(hotplugctl, recordings):
    status, said = explained(hotplugctl, recordings, "q35-rootport-native", "before", "slot:1")
    assert (status, said["kind"], said["slot"], said["good"]) == (0, "slot", "1", True)
    foretold = said["prospect"]
    assert (foretold["comes"], foretold["mechanism"]) == (True, "pciehp")
    assert "button" in foretold["announced"] and "5 s" in foretold["announced"]
    room = next(one for one in hotplugctl("slots", "--json", "--root", recordings.stage(
        "q35-rootport-native", "before")).document["headroom"]["buses"] if one["bus"] == "0000:01")  # fmt: skip
    assert foretold["room"] == room
    assert any("widens its windows out of what bus 0000:00 has left" in note for note in foretold["notes"])


def test_an_empty_slot_whose_windows_stay(hotplugctl, recordings):
    """acpiphp gives out what the port has (scenario q35-acpi-headroom)."""
    _, said = explained(hotplugctl, recordings, "q35-rootport-acpi", "before", "0000:01:00")
    assert (said["kind"], said["prospect"]["mechanism"], said["prospect"]["comes"]) == ("slot", "acpiphp", True)
    assert not any("widens" in note for note in said["prospect"]["notes"])


def test_a_slot_that_only_firmware_names(hotplugctl, recordings):
    status, said = explained(hotplugctl, recordings, "pc-acpiphp-disable", "before", "slot:2")
    assert (status, said["prospect"]["comes"]) == (1, False)
    assert "firmware" in said["prospect"]["notes"][0]


def test_an_address_where_one_was(hotplugctl, recordings):
    status, said = explained(hotplugctl, recordings, "pc-virtio", "after", "00:02.0")
    assert (status, said["kind"]) == (1, "nowhere")
    assert [(one["action"], one["nodes"]) for one in said["passages"]] == [("add", ["vdb"])]
    assert said["nowhere"]["announced_by"] == "acpiphp, slot 2"
    assert any("[1af4:1001]" in line["text"] for line in said["log"])


def test_a_mount_that_outlived_its_disk(hotplugctl, recordings):
    status, said = explained(hotplugctl, recordings, "pc-virtio", "removed-while-mounted", "/dev/vdb1")
    assert status == 1
    assert any("still mounted on /mnt/h" in one["value"] for one in said["nowhere"]["looked_at"])
    assert any("Buffer I/O error on dev vdb1" in line["text"] for line in said["log"])
    assert said["passages"][0]["address"] == "0000:00:02.0"


@pytest.mark.parametrize("target", ["slot:99", "nosuch", "/dev/vdz", "net:eth9", "0000:07:00.0", "serial:NONE"])
def test_what_is_not_there(hotplugctl, recordings, target):
    status, said = explained(hotplugctl, recordings, "pc-virtio", "added", target)
    assert (status, said["kind"], said["good"]) == (1, "nowhere", False)


def test_a_bus_that_is_not_there(hotplugctl, recordings):
    _, said = explained(hotplugctl, recordings, "pc-virtio", "added", "0000:07:00.0")
    assert "no bus 0000:07" in said["nowhere"]["why"]


# Findings.


def test_the_page_of_a_finding(hotplugctl):
    done = hotplugctl("explain", "bar.unassigned")
    assert (done.status, done.err) == (0, "")
    assert "drivers/pci/setup-res.c" in done.out
    assert "driver.probe-failed" in done.out
    said = hotplugctl("explain", "bar.unassigned", "--json").document
    assert (said["kind"], said["finding"]["severity"]) == ("finding", "warning")
    assert "driver.not-bound" in said["finding"]["effects"]


def test_every_finding_has_a_page(hotplugctl):
    from hotplugctl.rules.registry import RULES

    for identifier, rule in RULES.items():
        said = hotplugctl("explain", identifier, "--json").document["finding"]
        assert (said["id"], said["title"], said["side"]) == (identifier, rule.title, rule.side)


@pytest.mark.parametrize(
    "typed, meant", [("bus.unservd", "bus.unserved"), ("driver.", "driver.not-bound"), ("bar.x", "bar.unassigned")]
)
def test_a_finding_that_is_mistyped(hotplugctl, recordings, typed, meant):
    done = hotplugctl("explain", typed, "--root", recordings.stage("pc-virtio", "added"))
    assert (done.status, done.out) == (2, "")
    assert meant in done.err and done.err.count("\n") == 1


def test_an_ambiguous_target_is_asked_wrongly(hotplugctl, recordings):
    done = hotplugctl("explain", "0", "--root", recordings.stage("q35-rootport-acpi", "before"))
    assert done.status == 2 and "slot:0-2" in done.err


# Bad evidence.


@pytest.mark.parametrize("family", ["bar", "bar.", "image"])
def test_a_family_of_findings_is_asked_wrongly(hotplugctl, recordings, family):
    done = hotplugctl("explain", family, "--root", recordings.stage("pc-virtio", "added"))
    assert (done.status, done.out) == (2, "")
    assert {"bar": "bar.unassigned", "image": "image.no-kernel"}[family.strip(".")] in done.err


def test_a_node_that_is_called_like_a_family_is_meant(hotplugctl, recordings, tmp_path):
    """syn: an interface of a recording under another name."""
    root = _copy(recordings, tmp_path, "pc-nics", "added")
    name = next(link for link in (root / "sys/class/net").iterdir() if "0000:00" in str(link.readlink()))
    target = name.parent / name.readlink()
    target.rename(target.with_name("bar"))
    (name.parent / "bar").symlink_to(name.readlink().with_name("bar"))
    name.unlink()
    done = hotplugctl("explain", "bar", "--json", "--root", root)
    assert done.document["kind"] == "function"


def test_the_page_of_a_finding_of_images(hotplugctl):
    done = hotplugctl("explain", "image.no-kernel")
    assert done.status == 0 and "image.no-kernel" in done.out.splitlines()[0]


def test_a_stage_in_the_name_of_the_story(hotplugctl, recordings):
    story = recordings.story("pc-virtio")
    done = hotplugctl("explain", "--root", f"{story}:added")
    assert done.status == 2 and f"--root {story} --stage added" in done.err


def test_a_log_that_has_wrapped_proves_nothing(hotplugctl, recordings, tmp_path):
    """syn: the log of a recording cut down to lines that say nothing of the device. What sysfs shows stays reached."""
    root = _with_log(recordings, tmp_path, "q35-rootport-native", "added", "[  900.000000] audit: something else\n")
    said = hotplugctl("explain", "01:00.0", "--json", "--root", root).document
    stages = {stage["name"]: stage for stage in said["stages"]}
    assert said["good"] is True and said["settled"] is True
    assert stages["announced"]["reached"] is None
    assert all(stages[name]["reached"] for name in ("enumerated", "resources", "enabled", "bound", "child", "node"))
    for stage in said["stages"]:
        assert stage["at"] is None
        if stage["reached"]:
            assert "does not reach back" in stage["unknown"]["at"]
    assert said["log_about"]["whole"] is False
    text = hotplugctl("explain", "01:00.0", "--root", root).out
    assert "does not reach back to the boot" in text
    assert hotplugctl("explain", "00:1f.7", "--root", root).out.count("proves little") == 1


def test_of_a_log_that_is_very_long_it_says_what_was_not_read(hotplugctl, recordings, tmp_path):
    """syn: a slot that flaps ten thousand times after the insertions of a recording."""
    root = _copy(recordings, tmp_path, "q35-rootport-native", "added")
    said = "pcieport 0000:00:02.0: pciehp: Slot(1): "
    flaps = [f"{said}Link Down", f"{said}Card not present", f"{said}Card present", f"{said}Link Up"] * 2500
    with (root / "cmd/kmsg").open("a") as log:
        log.writelines(f"6,{5000 + number},{1000 + number}000000,-;{text}\n" for number, text in enumerate(flaps))
    survey = hotplugctl("explain", "--json", "--root", root).document
    unread = survey["log_about"]["unread"]
    assert unread["lines"] > 4000 and 100 < unread["since"] < unread["until"] < 11_000
    assert [one["nodes"] for one in survey["overview"]["arrivals"]] == [["ens4"], ["ens3"], ["nvme0n1"], ["vdb"]]
    assert f"{unread['lines']} lines in the middle" in hotplugctl("explain", "--root", root).out
    disk = hotplugctl("explain", "vdb", "--json", "--root", root).document
    assert disk["log_about"]["unread"] == unread
    assert all(stage["at"] < 100 for stage in disk["stages"])


def test_a_log_that_may_not_be_read(hotplugctl, recordings, tmp_path):
    root = _copy(recordings, tmp_path, "pc-virtio", "added")
    (root / "cmd/kmsg").unlink()
    done = hotplugctl("explain", "vdb", "--json", "--root", root)
    assert (done.status, done.document["settled"]) == (0, True)
    assert done.document["log_about"]["unknown"]["whole"]
    assert "cannot be read" in done.document["stages"][1]["unknown"]["at"]
    survey = hotplugctl("explain", "--root", root)
    assert survey.status == 3 and "The kernel log cannot be read" in survey.out


def test_log_and_sysfs_contradict_each_other(hotplugctl, recordings, tmp_path):
    """syn: the last word of the log on a BAR is a failure, and sysfs shows its address. Both are shown."""
    log = (
        "[    0.000000] Linux version 6.1.0-50-amd64\n"
        "[   60.000000] pci 0000:00:02.0: [1af4:1001] type 00 class 0x010000\n"
        "[   60.100000] pci 0000:00:02.0: BAR 4: no space for [mem size 0x00004000 64bit pref]\n"
        "[   60.200000] pci 0000:00:02.0: BAR 4: failed to assign [mem size 0x00004000 64bit pref]\n"
    )
    root = _with_log(recordings, tmp_path, "pc-virtio", "added", log)
    done = hotplugctl("explain", "vdb", "--json", "--root", root)
    (stage,) = [one for one in done.document["stages"] if one["name"] == "resources"]
    assert stage["reached"] is None
    assert "contradict" in stage["unknown"]["reached"]
    assert {one["source"].rpartition("/")[2] for one in stage["evidence"]} == {"resource", "dmesg"}
    assert (done.status, done.document["good"]) == (3, None)


def test_no_slots_could_be_read(hotplugctl, recordings, tmp_path):
    root = _copy(recordings, tmp_path, "pc-virtio", "before")
    shutil.rmtree(root / "sys/bus/pci/slots")
    status = hotplugctl("explain", "00:02.0", "--json", "--root", root)
    assert status.document["nowhere"]["rescan_finds"] is None
    assert hotplugctl("explain", "slot:2", "--root", root).status == 3


def test_a_target_that_vanishes_while_it_is_read(hotplugctl, recordings):
    """It was found, and then there is no such function any more."""
    from hotplugctl.cli import explaining
    from hotplugctl.model.target import Target
    from hotplugctl.source.door import open_tree

    tree = open_tree(str(recordings.stage("pc-virtio", "before")), None, None)
    here = explaining.scene(tree, None, None)
    found = Target("vdb", "node", "0000:00:02.0", None, None, ("0000:00:02.0",), ())
    told = explaining.explain(here, found)
    tree.close()
    assert (told.kind, told.good) == ("nowhere", False)


def test_what_is_on_no_pci_function(hotplugctl, recordings, tmp_path):
    root = _copy(recordings, tmp_path, "pc-virtio", "added")
    (root / "sys/devices/virtual/net/lo").mkdir(parents=True, exist_ok=True)
    done = hotplugctl("explain", "lo", "--json", "--root", root)
    assert (done.status, done.document["good"], done.document["findings"]) == (3, None, [])
    assert "on no PCI function" in done.document["headline"]


def test_not_a_guest_at_all(hotplugctl, tmp_path):
    (tmp_path / "sys").mkdir()
    for target in ((), ("00:02.0",), ("vda",), ("slot:1",)):
        done = hotplugctl("explain", *target, "--json", "--root", tmp_path)
        assert (done.status, done.err) == (3, "")
        assert done.document["unknown"]["good"]


def test_five_thousand_partitions(hotplugctl, recordings, tmp_path):
    """syn: a disk with partitions without end, all mounted. All are in the document, the text shows a few."""
    root = _copy(recordings, tmp_path, "pc-virtio", "added")
    disk = "devices/pci0000:00/0000:00:02.0/virtio1/block/vdb"
    for number in range(3, 1003):
        (root / "sys" / disk / f"vdb{number}").mkdir()
        (root / "sys" / disk / f"vdb{number}/size").write_text("2048\n")
        (root / "sys/class/block" / f"vdb{number}").symlink_to(f"../../{disk}/vdb{number}")
    # What is told here is in /proc/mounts, which counts where mountinfo is not.
    (root / "proc/self/mountinfo").unlink(missing_ok=True)
    with (root / "proc/mounts").open("a") as file:
        file.writelines(f"/dev/vdb{number} /mnt/{number} ext4 rw 0 0\n" for number in range(3, 1003))
    said = hotplugctl("explain", "vdb", "--json", "--root", root).document
    assert len(said["function"]["nodes"]) == 1003
    assert {"node": "vdb1002", "kind": "mount", "what": "/mnt/1002"} in said["lineage"]["uses"]
    assert len(hotplugctl("explain", "vdb", "--root", root).out.splitlines()) < 120


def test_events_tell_the_times_where_they_were_recorded(hotplugctl, recordings, tmp_path):
    """syn: a story whose stage knows the number of its last uevent. What came after it is not told."""
    root = tmp_path / "story"
    shutil.copytree(recordings.story("q35-rootport-native"), root, symlinks=True)
    (root / "added/manifest.json").unlink()
    lines = [json.loads(line) for line in (root / "events/netlink-uevent.jsonl").read_text().splitlines()]
    events = [base64.b64decode(one["b64"]) for one in lines if one["group"] == 1]
    gone = min(int(one.partition(b"SEQNUM=")[2].partition(b"\0")[0]) for one in events if one.startswith(b"remove@"))
    (root / "added/sys/kernel").mkdir(parents=True, exist_ok=True)
    (root / "added/sys/kernel/uevent_seqnum").write_text(f"{gone - 1}\n")
    said = hotplugctl("explain", "01:00.0", "--json", "--root", root, "--stage", "added").document
    assert [one["action"] for one in said["passages"]] == ["add"]
    sources = [piece["source"].partition(":")[0] for stage in said["stages"] for piece in stage["evidence"]]
    assert "events/netlink-uevent.jsonl" in sources
    assert {stage["name"] for stage in said["passages"][0]["stages"]} >= {"bound", "node", "udev"}


def test_where_nobody_serves_a_slot_the_host_is_not_said_to_refuse(hotplugctl, recordings):
    """QEMU took the device there (host/qmp.jsonl): none is free only where there are slots."""
    told = hotplugctl("explain", "--root", recordings.stage("pc-acpiphp-disable", "added"))
    assert "free slots: 0" in told.out
    assert "the host refuses the next device" not in told.out
