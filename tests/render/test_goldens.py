"""Whole outputs against fixtures/goldens/, so that a change of them is seen. ``make golden`` writes them anew.

Names are taken from the recording's udev database: the pci.ids of this machine must not matter.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from hotplugctl.cli import cmd_check, cmd_explain, cmd_list, cmd_wait

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GOLDENS = FIXTURES / "goldens"

# Each mechanism, and each way in which it fails.
STAGES = {
    "acpiphp": ("pc-virtio", "added"),
    "acpiphp-no-driver": ("q35-nodriver", "added"),
    "acpiphp-no-module": ("q35-rootport-acpi@cloud", "added"),
    "acpiphp-no-address": ("pc-nobar", "added"),
    "acpiphp-off": ("pc-acpiphp-disable", "added"),
    "acpi-off": ("pc-noacpi", "rescanned"),
    "pciehp-full": ("q35-rootport-native@forky", "added"),
    "pciehp-off": ("q35-native-nohp", "added"),
    "shpchp": ("q35-hotbridge-short", "after"),
    "shpchp-refused": ("pc-bridge-shpc", "after"),
}
CALLS = (
    [(name, "check") for name in STAGES]
    + [(name, "slots") for name in ("acpiphp-off", "acpi-off", "pciehp-full", "shpchp")]
    + [(name, "list") for name in ("acpiphp", "acpiphp-no-driver", "acpiphp-no-module", "shpchp-refused")]
    + [(name, "list --tree") for name in ("acpiphp", "pciehp-full", "shpchp")]
    + [(name, f"{command} --json") for name in ("pciehp-full", "acpiphp-off") for command in ("check", "slots", "list")]
)


@pytest.fixture
def without_pci_ids(monkeypatch):
    for module in (cmd_check, cmd_explain, cmd_list, cmd_wait):
        monkeypatch.setattr(module, "reference", lambda tree: nullcontext())


@pytest.mark.parametrize("name, command", CALLS, ids=lambda value: value.replace(" ", ""))
def test_golden_output(hotplugctl, recordings, golden, without_pci_ids, name, command):
    done = hotplugctl(*command.split(), "--root", recordings.stage(*STAGES[name]))
    ending = "json" if command.endswith("--json") else "txt"
    file = command.replace(" --json", "").replace(" --", "-")
    golden(GOLDENS / name / f"{file}.{ending}", f"{done.out}{done.err}")


def test_golden_columns(hotplugctl, recordings, golden):
    """Every column there is, in a table whose cells are not all dashes."""
    root = recordings.stage("q35-rootport-native", "added")
    columns = [line.split()[0] for line in hotplugctl("slots", "--list-columns").out.splitlines()]
    golden(GOLDENS / "columns" / "slots.txt", hotplugctl("slots", "--root", root, "-o", ",".join(columns)).out)
    for command in ("slots", "list"):
        golden(GOLDENS / "columns" / f"{command}-legend.txt", hotplugctl(command, "--list-columns").out)


@pytest.mark.parametrize("path", sorted((FIXTURES / "texts").glob("*/*.txt")), ids=lambda path: path.stem)
def test_golden_parse(hotplugctl, golden, path):
    done = hotplugctl("parse", path.parent.name, path)
    assert (done.status, done.err) == (0, "")
    golden(GOLDENS / "parse" / f"{path.parent.name}-{path.stem}.json", done.out)


@pytest.mark.parametrize(
    "name, asked",
    [
        ("found", ["--class", "storage", "--count", "2"]),
        ("driverless", ["--class", "network"]),
        ("still-there", ["--gone", "--any"]),
        ("gone", ["--gone", "--node", "vdz"]),
    ],
)
def test_golden_wait(hotplugctl, recordings, golden, without_pci_ids, name, asked):
    stage = ("q35-nodriver", "added") if name == "driverless" else ("pc-virtio", "added")
    done = hotplugctl("wait", "--root", recordings.stage(*stage), *asked)
    golden(GOLDENS / "wait" / f"{name}.txt", f"{done.out}{done.err}")


@pytest.mark.parametrize("name", ["trixie", "bookworm-grub"])
@pytest.mark.parametrize("ending", ["txt", "json"])
def test_golden_image(hotplugctl, golden, without_pci_ids, name, ending):
    options = ["--json"] if ending == "json" else []
    done = hotplugctl("check", *options, "--root", FIXTURES / "images" / f"{name}.tar.xz")
    golden(GOLDENS / "image" / f"{name}.{ending}", f"{done.out}{done.err}")


@pytest.mark.parametrize(
    "name, story, stage, target",
    [
        ("settled", "q35-rootport-native", "added", "01:00.0"),
        ("interface", "q35-rootport-acpi", "added", "enp4s0"),
        ("controller", "pc-scsi", "added", "00:02.0"),
        ("no-address", "pc-nobar", "added", "00:02.0"),
        ("no-driver", "q35-nodriver", "added", "slot:0"),
        ("no-module", "q35-rootport-acpi@cloud", "added", "0000:03:00.0"),
        ("ghost", "pc-bridge-shpc", "after", "01:03.0"),
        ("empty-slot", "q35-rootport-native", "after", "slot:4"),
        ("firmware-slot", "pc-acpiphp-disable", "before", "slot:2"),
        ("nobody-listens", "pc-noacpi", "added", "00:02.0"),
        ("card-waits", "q35-native-nohp", "added", "01:00.0"),
        ("gone-while-mounted", "pc-virtio", "removed-while-mounted", "/dev/vdb1"),
        ("nothing-came", "pc-bridge-shpc", "added", None),
        ("all-came", "pc-nics", "added", None),
        ("full", "q35-rootport-acpi@cloud", "added", None),
    ],
)
def test_golden_explain(hotplugctl, recordings, golden, without_pci_ids, name, story, stage, target):
    asked = [] if target is None else [target]
    root = recordings.stage(story, stage)
    done = hotplugctl("explain", *asked, "--root", root)
    golden(GOLDENS / "explain" / f"{name}.txt", f"{done.out}{done.err}")
    if name in ("settled", "nobody-listens", "full", "empty-slot"):
        golden(GOLDENS / "explain" / f"{name}.json", hotplugctl("explain", *asked, "--json", "--root", root).out)


def test_golden_explain_a_finding(hotplugctl, golden):
    golden(GOLDENS / "explain" / "finding.txt", hotplugctl("explain", "announce.card-waits").out)
    golden(GOLDENS / "explain" / "finding.json", hotplugctl("explain", "announce.card-waits", "--json").out)


def test_golden_help(hotplugctl, golden):
    golden(GOLDENS / "help.txt", hotplugctl("--help").out)


def test_no_golden_is_left_over():
    held = {path.relative_to(GOLDENS).parts[0] for path in GOLDENS.iterdir()}
    commands = {"diff", "expect", "explain", "image", "parse", "record", "timeline", "unplug", "wait", "watch"}
    assert held == {*STAGES, *commands, "columns", "help.txt"}
