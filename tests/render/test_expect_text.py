"""The text and the JSON of ``expect`` against fixtures/goldens/expect, so that a change of them is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotplugctl.model.monitor import Fault
from hotplugctl.render import expect_text

GOLDENS = Path(__file__).resolve().parents[2] / "fixtures/goldens/expect"
# Name → story, stage (two: between them), command.
CASES = {
    "pci_add-scsi": ("pc-scsi", "before", "pci_add auto storage file=x.img,if=scsi"),
    "pci_add-seen": ("pc-scsi", "before added", "pci_add auto nic model=e1000"),
    "pci_add-root-bus": ("q35-rootport-acpi", "before", "pci_add pci_addr=auto nic model=virtio"),
    "pci_add-ide": ("pc-scsi", "before", "pci_add auto storage file=x.img,if=ide"),
    "pci_del": ("pc-nics", "added after", "pci_del 4"),
    "reply": ("pc-nics", "added", "pci_add auto nic model=e1000\nOK domain 0, bus 0, slot 4, function 0"),
    "device_add-many": ("burst", "before added", "device_add virtio-net-pci,bus=br1"),
    "device_add-unknown": ("pc-nics", "added", "device_add frobnicator,id=x"),
    "device_add-unseen": ("pc-bridge-shpc", "before added", "device_add virtio-blk-pci,id=vb1,bus=br1,addr=03.0"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", ["txt", "json"])
def test_golden_output(hotplugctl, recordings, golden, name, form):
    story, stages, text = CASES[name]
    places = [recordings.stage(story, stage) for stage in stages.split()]
    where = ["--between", *places] if len(places) == 2 else ["--root", *places]
    done = hotplugctl("expect", *where, *(["--json"] if form == "json" else []), text)
    golden(GOLDENS / f"{name}.{form}", f"{done.out}{done.err}")


def test_no_golden_is_left_over():
    assert {path.stem for path in GOLDENS.iterdir()} == set(CASES)


def test_colour_is_for_a_terminal(hotplugctl):
    plain = hotplugctl("expect", "pci_add auto sound").out
    painted = hotplugctl("expect", "--color", "always", "pci_add auto sound").out
    assert "\033[31mrefused" in painted
    assert painted.replace("\033[31m", "").replace("\033[0m", "") == plain


def test_a_caret_below_what_is_escaped():
    lines = expect_text.fault("\x1b\x1b;", Fault(2, "no")).split("\n")
    assert lines[1:] == ["  \\x1b\\x1b;", "          ^"]


def test_what_is_allowed_is_cut():
    text = expect_text.fault("x", Fault(0, "m" * 9000, tuple(f"word{number}" for number in range(50))))
    assert "and 38 more" in text
    assert len(text) < 600
