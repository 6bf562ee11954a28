"""A fresh look: what it lacks or has is told and marked, and nothing is said where nothing differs."""

from __future__ import annotations

from hotplugctl.model.live import FunctionFact, Look, NodeFact

from .conftest import DISK, VDB, disk_fact, look


def test_nothing_differs_and_nothing_is_said(story):
    story.insert_disk()
    story.said.clear()
    story.sign(look("resync", [disk_fact()]))
    assert story.said == []


def test_a_loss_is_told_even_where_nothing_differs(story):
    story.insert_disk()
    story.said.clear()
    story.sign(look("resync", [disk_fact()], lost="the receive buffer ran over"))
    assert story.events == ["lost", "resync"]
    assert "ran over" in story.said[0].reason and "no difference" in story.said[1].reason


def test_what_was_missed_is_told_and_marked(story):
    story.sign(look("resync", [disk_fact()]))
    assert story.events == ["lost", "function-added", "driver-bound", "node-added", "device-ready", "resync"]
    assert all(one.reason.startswith("resync") for one in story.said[1:-1])
    assert story.last.reason.startswith("4 differences")


def test_what_has_gone_is_told_and_marked(story):
    story.insert_disk()
    story.said.clear()
    story.sign(look("resync"))
    assert story.events == ["lost", "node-removed", "function-removed", "resync"]
    assert all(one.reason.startswith("resync") for one in story.said[1:-1])
    assert not story.state.functions


def test_drivers_and_nodes_differ(story):
    story.insert_disk()
    story.said.clear()
    sda = NodeFact("block", "vda", "/dev/vda", VDB[:-1] + "a")
    story.sign(look("resync", [disk_fact()._replace(driver="vfio-pci", nodes=(sda,))]))
    assert story.events == ["lost", "driver-unbound", "driver-bound", "node-removed", "node-added", "resync"]
    assert (story.said[1].driver, story.said[2].driver) == ("virtio-pci", "vfio-pci")


def test_a_look_that_could_not_see_all_takes_nothing_away(story):
    story.insert_disk()
    story.said.clear()
    story.sign(look("resync", lost="ENOBUFS", complete=False))
    assert story.events == ["lost", "resync"] and "could not be listed" in story.last.reason
    assert "0000:00:04.0" in story.state.functions


def test_where_looks_are_all_there_is_they_are_not_marked(story):
    story.sign(look("scan", [disk_fact()]))
    assert story.events == ["function-added", "driver-bound", "node-added", "device-ready"]
    assert {one.reason for one in story.said} == {None}
    story.said.clear()
    story.sign(look("scan"))
    assert story.events == ["node-removed", "function-removed"] and {one.reason for one in story.said} == {None}


def test_events_from_before_the_look_are_in_it(story):
    """They waited in the buffer while sysfs was read."""
    story.sign(look("resync", [disk_fact()], seqnums=(2000, 2002)))
    story.said.clear()
    story.kernel("remove", "/devices/pci0000:00/0000:00:04.0", seq=1999)
    story.kernel("add", "/devices/pci0000:00/0000:00:04.0", seq=2001, PCI_CLASS="10000")
    assert story.said == []
    story.kernel("remove", "/devices/pci0000:00/0000:00:04.0", seq=2003)
    assert story.events == ["node-removed", "function-removed"]


def test_what_is_there_at_the_start_is_not_told(story):
    from hotplugctl.live import reducer

    story.state = reducer.start(Look("start", (disk_fact(),), {"0000:00:04": "4"}, True))
    assert story.said == []
    story.remove_disk()
    assert story.events == ["node-removed", "driver-unbound", "function-removed"]
    assert {one.slot for one in story.said} == {"4"}


def test_one_that_is_not_ready_yet_is_waited_for(story):
    story.sign(look("resync", [disk_fact(driver=None, nodes=False)]))
    story.wait(60)
    assert (story.last.event, story.last.stage) == ("device-stalled", "bound")


def test_facts_of_the_unknown_are_nothing(story):
    story.sign(Look("facts", (FunctionFact("0000:00:09.0", "/devices/pci0000:00/0000:00:09.0"),), {}))
    assert story.said == [] and not story.state.functions


def test_a_node_that_udev_is_at_work_on_is_not_ready(story):
    busy = disk_fact()._replace(nodes=(disk_fact().nodes[0]._replace(udev=False),))
    story.sign(look("resync", [busy], lost="ENOBUFS"))
    assert "device-ready" not in story.events
    story.udev("add", VDB, "block", DEVNAME="/dev/vdb")
    assert story.events[-1] == "device-ready" and story.last.stage == "udev"


def test_a_node_whose_word_from_udev_was_lost_is_ready_by_a_look(story):
    """The look that is taken for the reason of a stall finds that there is none."""
    story.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    story.kernel("add", VDB, "block", DEVNAME="vdb")
    done = disk_fact()._replace(nodes=(disk_fact().nodes[0]._replace(udev=True),))
    story.now += 20
    story.sign(look("facts", [done]))
    assert story.events == ["function-added", "node-added", "device-ready"]
