"""What the commands say of every recorded guest, against fixtures/TRUTH.tsv, which was made on the host's side."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple, Optional

import pytest

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


class Device(NamedTuple):
    """A hot-added device as the truth has it; ``nodes``: how many of each kind it made."""

    address: str
    ids: str
    driver: Optional[str]
    nodes: dict[str, int]


def devices(row: dict[str, str]) -> list[Device]:
    """``NAME=ADDRESS:VENDOR:DEVICE:DRIVER:KIND=COUNT,…;…``"""
    return [_device(text.split("=", 1)[1]) for text in _items(row["devices"])]


def _device(text: str) -> Device:
    address, vendor, device, driver, nodes = text.rsplit(":", 4)
    counts = {} if nodes == "-" else {kind: int(count) for kind, count in (n.split("=") for n in nodes.split(","))}
    return Device(address, f"{vendor}:{device}", None if driver == "-" else driver, counts)


def addresses(column: str) -> set[str]:
    """``NAME=ADDRESS;…``"""
    return {text.split("=", 1)[1] for text in _items(column)}


def _items(column: str) -> list[str]:
    return [] if column == "-" else column.split(";")


def found(function: dict) -> Device:
    """A function of ``list`` in the words of the truth, which counts whole disks and no generic twins of them."""
    counted = Counter(
        node["subsystem"]
        for node in function["nodes"]
        if node["subsystem"] != "scsi_generic" and not node["detail"].get("partition")
    )
    return Device(function["address"], f"{function['vendor']}:{function['device']}", function["driver"], dict(counted))


def test_the_verdict(truth, answers):
    check = answers("check", truth["story"], truth["stage"])
    usable = sorted(item["name"] for item in check["mechanisms"] if item["usable"])
    room = check["headroom"]
    assert {
        "verdict": check["verdict"],
        "mechanisms": ",".join(usable) or "-",
        "free_slots": str(room["free_slots"]),
        "slots": str(room["slots"]),
        "kernel": check["guest"]["kernel"],
        "machine": check["guest"]["machine"],
    } == {key: truth[key] for key in ("verdict", "mechanisms", "free_slots", "slots", "kernel", "machine")}


def test_the_hot_added_devices(truth, answers):
    functions = {item["address"]: item for item in answers("list", truth["story"], truth["stage"])["functions"]}
    wanted = devices(truth)
    assert [found(functions[device.address]) for device in wanted if device.address in functions] == wanted


def test_nothing_else_was_added(truth, answers):
    """Beside the hot-added devices only ghosts are new, and none of those that the guest cannot see."""
    listed = {item["address"] for item in answers("list", truth["story"], truth["stage"])["functions"]}
    before = {item["address"] for item in answers("list", truth["story"], "before")["functions"]}
    assert listed - before == {device.address for device in devices(truth)} | addresses(truth["ghosts"])
    assert before <= listed
    assert not listed & addresses(truth["invisible"])


def test_ghosts_are_told(truth, answers):
    check = answers("check", truth["story"], truth["stage"])
    gone = {item["address"] for item in check["findings"] if item["status"] == "fail" and item["id"] == "function.gone"}
    assert gone == addresses(truth["ghosts"])


def test_the_slots_agree(truth, answers):
    """``slots`` counts as ``check`` does, and every hot-added device in a slot of the root bus or a port is in one."""
    slots = answers("slots", truth["story"], truth["stage"])
    served = [slot for slot in slots["slots"] if slot["mechanism"] != "none"]
    assert (str(len(served)), str(sum(slot["occupied"] is False for slot in served))) == (
        truth["slots"], truth["free_slots"],
    )  # fmt: skip
    assert slots["headroom"] == answers("check", truth["story"], truth["stage"])["headroom"]
    assert {slot["mechanism"] for slot in served} == set(_items(truth["mechanisms"].replace(",", ";")))
    held = {address for slot in served for address in slot["functions"]}
    buses = {slot["address"][:7] for slot in served}
    assert {device.address for device in devices(truth) if device.address[:7] in buses} <= held


def test_every_row_has_a_recording_and_every_recording_a_row(recordings):
    with (FIXTURES / "TRUTH.tsv").open(encoding="utf-8", newline="") as file:
        rows = [(row["story"], row["stage"]) for row in csv.DictReader(file, delimiter="\t")]
    held = [(story, stage) for story in recordings.archives for stage in recordings.stages(story)]
    assert sorted(rows) == sorted(held)


@pytest.mark.parametrize(
    "text, device",
    [
        ("x=0000:00:02.0:1000:0012:sym53c8xx:scsi_host=1,block=2",
         Device("0000:00:02.0", "1000:0012", "sym53c8xx", {"scsi_host": 1, "block": 2})),
        ("x=0000:00:02.0:1af4:1110:-:-", Device("0000:00:02.0", "1af4:1110", None, {})),
    ],
)  # fmt: skip
def test_the_truth_is_read(text, device):
    assert devices({"devices": f"{text};{text}"}) == [device, device]
