"""How far a function has come by a look alone: the reducer's own rules, asked for one moment."""

from __future__ import annotations

import pytest

from hotplugctl.live.standing import standing, troubles
from hotplugctl.model.live import FunctionFact, Look, NodeFact

PATH = "/devices/pci0000:00/0000:00:04.0"
ADDRESS = "0000:00:04.0"
VDB = NodeFact("block", "vdb", "/dev/vdb", f"{PATH}/virtio1/block/vdb", True)


def fact(class_="010000", ids="1af4:1001", **more):
    return FunctionFact(ADDRESS, PATH, class_, ids, **more)


def of(one, udev=True, trouble=None, bars=()):
    return standing(Look("start", (one,), {}), udev, trouble or {}, bars)[ADDRESS]


def test_a_disk_that_came_all_the_way():
    found = of(fact(driver="virtio-pci", nodes=(VDB,), children={f"{PATH}/virtio1": "virtio_blk"}))
    assert found == (True, "udev", None, None)


def test_without_udev_the_node_is_the_last_stage():
    assert of(fact(driver="virtio-pci", nodes=(VDB,)), udev=False).last == "node"


def test_udev_is_at_work():
    found = of(fact(driver="virtio-pci", nodes=(VDB._replace(udev=False),)))
    assert (found.settled, found.missing) == (False, "udev")


@pytest.mark.parametrize(
    "more, missing, word",
    [
        ({"modules": ()}, "bound", "no module of this kernel"),
        ({"driver": "virtio-pci", "children": {f"{PATH}/virtio1": None}}, "child", "virtio1: no driver bound"),
        ({"driver": "virtio-pci", "children": {f"{PATH}/virtio1": "virtio_blk"}}, "node", "no disk"),
    ],
)
def test_what_is_missing(more, missing, word):
    found = of(fact(**more))
    assert (found.settled, found.missing) == (False, missing)
    assert word in found.reason


def test_a_controller_without_disks_is_as_it_should_be():
    host = NodeFact("scsi_host", "host3", None, f"{PATH}/host3/scsi_host/host3", None)
    found = of(fact(ids="1000:0012", driver="sym53c8xx", nodes=(host,)))
    assert found == (True, "udev", None, "SCSI host3: no disk behind it")
    lost = of(fact(ids="1000:0012", driver="sym53c8xx", nodes=(host,)), trouble={ADDRESS: "the kernel loses its disks"})
    assert (lost.settled, lost.missing, lost.reason) == (False, "node", "the kernel loses its disks")


def test_what_a_rule_finds_wrong_is_the_reason():
    found = of(fact(), trouble={ADDRESS: "virtio_pci is blacklisted"})
    assert (found.missing, found.reason) == ("bound", "virtio_pci is blacklisted")


def test_a_bar_comes_before_the_driver():
    found = of(fact(), trouble={ADDRESS: "BAR 4 has no address"}, bars=[(ADDRESS, "BAR 4"), ("0000:09:00.0", "BAR 0")])
    assert (found.settled, found.missing) == (False, "resources")


def test_what_needs_no_driver_is_settled_unless_something_is_wrong():
    memory = fact("050000", "1af4:1110")
    assert of(memory).settled
    assert not of(memory, trouble={ADDRESS: "BAR 2 has no address"}, bars=[(ADDRESS, "BAR 2")]).settled


def test_the_first_trouble_counts():
    assert troubles([("a", "one"), (None, "two"), ("a", "three"), ("b", "four")]) == {"a": "one", "b": "four"}
