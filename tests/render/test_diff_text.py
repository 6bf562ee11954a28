"""The text and the JSON of ``diff`` against fixtures/goldens/diff, so that a change of them is seen."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from hotplugctl.cli import cmd_diff
from hotplugctl.model.difference import Change, Difference, Held, Omission
from hotplugctl.render import diff_text

GOLDENS = Path(__file__).resolve().parents[2] / "fixtures/goldens/diff"
# Name → story, two stages.
CASES = {
    "in": ("pc-virtio", "before", "added"),
    "out": ("q35-rootport-native@forky", "added", "after"),
    "bridge": ("q35-hotbridge-short", "before", "after"),
    "dead": ("pc-bridge-shpc", "rescanned", "after"),
    "driver": ("q35-nodriver", "added", "after"),
    "same": ("pc-noacpi", "before", "added"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", ["txt", "json"])
def test_golden_output(hotplugctl, recordings, golden, monkeypatch, name, form):
    # Names are those of the recording: the pci.ids of this machine must not matter.
    monkeypatch.setattr(cmd_diff, "reference", lambda tree: nullcontext())
    story, first, second = CASES[name]
    path = recordings.story(story)
    done = hotplugctl("diff", f"{path}:{first}", f"{path}:{second}", *(["--json"] if form == "json" else []))
    golden(GOLDENS / f"{name}.{form}", f"{done.out}{done.err}".replace(str(path), story))


@pytest.mark.parametrize("form", ["lspci", "lspci_Dnnk"])
def test_golden_of_texts(hotplugctl, recordings, golden, form):
    path = recordings.story("pc-scsi")
    before, after = (path / stage / "cmd" / form for stage in ("before", "added"))
    done = hotplugctl("diff", before, after)
    golden(GOLDENS / f"text-{form}.txt", f"{done.out}{done.err}".replace(str(path), "pc-scsi"))


def test_no_golden_is_left_over():
    held = {path.stem for path in GOLDENS.iterdir()}
    assert held == {*CASES, "text-lspci", "text-lspci_Dnnk"}


def shown(*changes, functions=(), omissions=(), color=False):
    found = Difference(not changes, changes, tuple(omissions), ())
    return diff_text.diff(found, {held.key: held for held in functions}, color).splitlines()


def node(name, **facts):
    return Held(name, {"subsystem": "block", "name": name, "function": "0000:00:04.0", **facts})


def test_a_moved_function_and_a_renamed_disk():
    there, here = (Held(address, {"address": address, "name": "NIC"}) for address in ("0000:00:03.0", "0000:00:04.0"))
    lines = shown(
        Change("function", "moved", "0000:00:04.0", there, here, ("address",), "0000:00:04.0"),
        Change("node", "renamed", "vdc", node("vdb"), node("vdc"), ("name",), "0000:00:04.0"),
    )
    assert lines[:2] == ["> 0000:00:03.0 -> 0000:00:04.0 NIC", "    > block vdb -> vdc"]
    assert lines[-1] == "1 function moved, 1 node renamed"


def test_a_node_of_a_function_that_stays_stands_below_its_name():
    about = Held("0000:00:04.0", {"address": "0000:00:04.0", "class": "010000", "vendor": "1af4", "device": "1001"})
    change = Change(
        "node", "changed", "vda", node("vda", size=1 << 20), node("vda", size=1 << 30), ("size",), about.key
    )
    lines = shown(change, functions=[about])
    assert lines[:2] == ["  0000:00:04.0 010000: 1af4:1001", "    ~ block vda: size 1M -> 1G"]


def test_a_disk_that_moved_says_from_where():
    there = node("vdb")._replace(facts={**node("vdb").facts, "function": "0000:00:03.0"})
    change = Change("node", "moved", "sda", there, node("sda"), ("function", "name"), "0000:00:04.0")
    assert "    > block vdb -> sda, was on 0000:00:03.0" in shown(change)


def test_bars_that_got_an_address():
    sizes = [(None, 4096, None, None, None, None), (1 << 14, 4096, None, None, None, None)]
    there, here = (Held("0000:00:04.0", {"address": "0000:00:04.0", "bars": bars}) for bars in sizes)
    change = Change("function", "changed", "0000:00:04.0", there, here, ("bars",), "0000:00:04.0")
    assert shown(change)[0] == "~ 0000:00:04.0: BAR 0 unassigned -> 16K"


def test_few_slots_are_told_one_by_one():
    def slot(number):
        held = Held(str(number), {"name": str(number), "address": f"0000:01:0{number}", "mechanism": "shpchp"})
        return Change("slot", "added", held.key, None, held, ())

    assert [line[:6] for line in shown(*map(slot, range(3)))[:3]] == ["+ slot"] * 3
    assert shown(*map(slot, range(4)))[0] == "+ 4 slots on 0000:01: 0 to 3 (shpchp)"


def test_what_is_not_compared_is_told_once():
    both = [Omission(what, side, "a text", True) for what in ("node", "slot") for side in ("A", "B")]
    assert shown(omissions=both)[-1] == "not compared: nodes and slots (both: a text)"
    apart = [Omission("slot", "A", "denied", True), Omission("slot", "B", "absent", True)]
    assert shown(omissions=apart)[-1] == "not compared: slots (A: denied; B: absent)"
    part = [Omission("node", "A", "a part", False)]
    assert shown(omissions=part)[-1] == "not told whether nodes came or went (A: a part)"


@pytest.mark.parametrize("word, code", [("added", "32"), ("removed", "31")])
def test_colour(word, code):
    held = Held("0000:00:04.0", {"address": "0000:00:04.0"})
    there, here = (None, held) if word == "added" else (held, None)
    line = shown(Change("function", word, held.key, there, here, (), held.key), color=True)[0]
    assert line.startswith(f"\033[{code}m") and line.endswith("\033[0m")


def test_names_are_made_safe():
    held = Held("0000:00:04.0", {"address": "0000:00:04.0", "name": "a\x1b[2Jb", "driver": "c\x07", "slot": "\u202e"})
    line = shown(Change("function", "added", held.key, None, held, (), held.key))[0]
    assert line == r"+ 0000:00:04.0 a\x1b[2Jb [c\x07] slot \u202e"
