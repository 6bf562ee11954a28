"""A look at sysfs: whether udev is done with a node; and the times of raw records."""

from __future__ import annotations

import pytest

from hotplugctl.collect import signs
from hotplugctl.model.live import RawLine
from hotplugctl.source.door import open_tree
from tests.machine import BUS, Machine

CARD = "0000:00:04.0"
OTHER = "0000:00:05.0"


@pytest.fixture
def machine(tmp_path):
    """Two disks, of which udev has a record of the first, 259:0."""
    made = Machine(tmp_path)
    for address, disk, number in ((CARD, "nvme0n1", "259:0"), (OTHER, "nvme1n1", "259:1")):
        made.plug(address, disk)
        (made.sys / BUS / address / "block" / disk / "dev").write_text(f"{number}\n")
    (tmp_path / "run/udev/data").mkdir(parents=True)
    (tmp_path / "run/udev/data/b259:0").write_text("I:1\n")
    yield made
    made.close()


def done_by_udev(folder, kind="resync", only=None):
    tree = open_tree(str(folder), None, None)
    found = signs.look(tree, kind, only)
    tree.close()
    return {node.name: node.udev for fact in found.functions for node in fact.nodes}


def test_udevd_at_work_has_not_done_what_it_has_no_record_of(machine, tmp_path):
    (tmp_path / "run/udev/queue").write_text("")
    assert done_by_udev(tmp_path) == {"nvme0n1": True, "nvme1n1": False}


def test_what_a_quiet_udevd_was_never_told_of_is_unknown(machine, tmp_path):
    assert done_by_udev(tmp_path) == {"nvme0n1": None, "nvme1n1": None}
    assert done_by_udev(tmp_path, "facts", (CARD, OTHER)) == {"nvme0n1": True, "nvme1n1": None}


def test_without_udev_nothing_is_known(machine, tmp_path):
    (tmp_path / "run/udev/data/b259:0").unlink()
    (tmp_path / "run/udev/data").rmdir()
    (tmp_path / "run/udev/queue").write_text("")
    assert done_by_udev(tmp_path) == {"nvme0n1": None, "nvme1n1": None}


def test_a_stamp_from_the_future_makes_nothing_happen_before_the_boot():
    hearing = signs.Hearing()
    hearing.sign(RawLine(1.0, "6,1,999999999999999999,-;x"))
    assert hearing.sign(RawLine(2.0, "6,2,5,-;y")).at == 0.0
