"""``slots`` where nothing takes a device: why, in one line, and where there is more."""

from __future__ import annotations

import shutil

import pytest


@pytest.mark.parametrize(
    "story, said",
    [
        ("q35-native-nohp", "no slots: pciehp is switched off by pcie_ports=compat"),
        ("pc-noacpi", "no slots: acpiphp is switched off by acpi=off"),
        ("pc-acpiphp-disable", "no slot is served: acpiphp is switched off by acpiphp.disable=Y"),
    ],
)
def test_why_there_is_none(hotplugctl, recordings, story, said):
    root = recordings.stage(story, "before")
    done = hotplugctl("slots", "--root", root)
    assert done.status == 0
    assert done.err.startswith(f"hotplugctl: {said}")
    assert done.err.count("\n") == 1 and "hotplugctl check" in done.err
    assert hotplugctl("check", "--json", "--root", root).document["why"] in done.err


def test_the_document_says_nothing_beside(hotplugctl, recordings):
    done = hotplugctl("slots", "--json", "--root", recordings.stage("q35-native-nohp", "before"))
    assert (done.status, done.err, done.document["slots"]) == (0, "", [])


def test_slots_that_are_served_need_no_word(hotplugctl, recordings):
    done = hotplugctl("slots", "--root", recordings.stage("q35-rootport-native", "before"))
    assert (done.status, done.err) == (0, "")
    assert "pciehp" in done.out


def test_the_last_free_slot_is_told(hotplugctl, recordings, tmp_path):
    """syn: three of the four ports of a recording are said to hold a card."""
    root = tmp_path / "guest"
    shutil.copytree(recordings.stage("q35-rootport-native", "before"), root, symlinks=True)
    (root / "manifest.json").unlink(missing_ok=True)
    for name in ("1", "2", "4"):
        (root / f"sys/bus/pci/slots/{name}/adapter").write_text("1\n")
    done = hotplugctl("slots", "--root", root)
    assert (done.status, done.err) == (0, "hotplugctl: slot 3 is the last free one (hotplugctl check says more)\n")
    assert hotplugctl("slots", "--json", "--root", root).err == ""
