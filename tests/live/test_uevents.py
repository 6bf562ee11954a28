"""Insertions and removals out of uevents: in order, out of order, doubled, missing, and such as are none."""

from __future__ import annotations

from hotplugctl.model.live import FunctionFact

DISK = "/devices/pci0000:00/0000:00:04.0"
VIRTIO = f"{DISK}/virtio1"
VDB = f"{VIRTIO}/block/vdb"
INSERTION = ["function-added", "driver-bound", "node-added", "device-ready"]
REMOVAL = ["node-removed", "driver-unbound", "function-removed"]


def test_an_insertion(story):
    story.insert_disk()
    assert story.events == INSERTION
    added, bound, node, ready = story.said
    assert (added.address, added.slot, added.subsystem, added.stage) == ("0000:00:04.0", "4", "pci", "enumerated")
    # The log spoke first; the driver's first message came before its bind event.
    assert added.since_first_ms == 0 and bound.since_first_ms == 200
    assert (bound.driver, node.name, node.node, node.subsystem) == ("virtio-pci", "vdb", "/dev/vdb", "block")
    assert (ready.stage, ready.node, ready.since_first_ms) == ("udev", "/dev/vdb", 700)


def test_a_removal(story):
    story.insert_disk()
    story.said.clear()
    story.remove_disk()
    assert story.events == REMOVAL
    assert {one.reason for one in story.said} == {None}
    assert not story.state.functions


def test_without_udevd_the_node_is_the_last_stage(story):
    story.state.udev = False
    story.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    story.kernel("add", VDB, "block", DEVNAME="vdb")
    assert story.events == ["function-added", "node-added", "device-ready"]
    assert story.last.stage == "node"


def test_where_only_udev_is_heard(story):
    story.state.udev_only = True
    story.udev("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    story.udev("add", VDB, "block", DEVNAME="/dev/vdb")
    story.udev("remove", VDB, "block")
    story.udev("remove", DISK)
    assert story.events == ["function-added", "node-added", "device-ready", "node-removed", "function-removed"]


def test_it_comes_back_at_the_same_address(story):
    for _ in range(3):
        story.insert_disk()
        story.remove_disk()
    assert story.events == (INSERTION + REMOVAL) * 3
    assert {one.since_first_ms for one in story.said if one.event == "device-ready"} == {700}


def test_a_removal_in_mid_insertion(story):
    story.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    story.kernel("remove", DISK)
    assert story.events == ["function-added", "function-removed"]
    assert "before it was ready" in story.last.reason
    assert story.wait(60) == []


def test_its_removal_was_not_heard(story):
    """The kernel announces a function before it has a driver: announced without one, it is another."""
    story.insert_disk()
    story.said.clear()
    story.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    assert story.events == ["node-removed", "function-removed", "function-added"]
    assert "was not heard" in story.said[1].reason


def test_what_announces_the_known_is_no_insertion(story):
    story.insert_disk()
    story.said.clear()
    story.kernel("add", DISK, SYNTH_UUID="0", DRIVER="virtio-pci", PCI_CLASS="10000")
    story.kernel("add", VDB, "block", SYNTH_UUID="0", DEVNAME="vdb")
    story.udev("add", VDB, "block", SYNTH_UUID="0", DEVNAME="/dev/vdb")
    story.kernel("change", VDB, "block", SYNTH_UUID="1-2-3")
    story.kernel("bind", DISK, SYNTH_UUID="0", DRIVER="virtio-pci")
    assert story.said == []


def test_udevadm_trigger_of_a_kernel_that_marks_nothing(story):
    """Before Linux 4.13 such an event bears no mark, but the driver that the kernel's own add never has."""
    story.insert_disk()
    story.said.clear()
    story.kernel("add", DISK, DRIVER="virtio-pci", PCI_CLASS="10000")
    assert story.said == []


def test_a_made_up_removal_is_none(story):
    story.insert_disk()
    story.said.clear()
    for action, path, subsystem in (("remove", VDB, "block"), ("unbind", DISK, "pci"), ("remove", DISK, "pci")):
        story.kernel(action, path, subsystem, SYNTH_UUID="0")
    assert story.said == []


def test_doubled_events(story):
    story.kernel("add", DISK, seq=1, PCI_CLASS="10000")
    story.kernel("add", DISK, seq=1, PCI_CLASS="10000")
    story.kernel("bind", DISK, seq=2, DRIVER="virtio-pci")
    story.kernel("bind", DISK, seq=2, DRIVER="virtio-pci")
    story.kernel("add", DISK, seq=1, PCI_CLASS="10000")
    story.kernel("remove", DISK, seq=3)
    story.kernel("remove", DISK, seq=3)
    story.kernel("add", DISK, seq=1, PCI_CLASS="10000")
    assert story.events == ["function-added", "driver-bound", "function-removed"]


def test_out_of_order_the_later_one_counts(story):
    story.kernel("remove", DISK, seq=20)
    story.kernel("add", DISK, seq=10, PCI_CLASS="10000")
    assert story.said == [] and not story.state.functions
    story.kernel("add", DISK, seq=30, PCI_CLASS="10000")
    story.kernel("remove", DISK, seq=20)
    assert story.events == ["function-added"] and "0000:00:04.0" in story.state.functions


def test_udev_is_late(story):
    """A device that is gone does not come back because udev got to its add only now."""
    story.insert_disk()
    story.remove_disk()
    story.said.clear()
    story.udev("add", VDB, "block", seq=1003, DEVNAME="/dev/vdb")
    story.udev("add", DISK, seq=1001)
    assert story.said == [] and not story.state.functions


def test_udev_is_heard_first(story):
    """Two sockets are read one after the other."""
    story.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
    story.udev("add", VDB, "block", seq=77, DEVNAME="/dev/vdb")
    story.kernel("add", VDB, "block", seq=77, DEVNAME="vdb")
    assert story.events == ["function-added", "node-added", "device-ready"]


def test_a_function_whose_add_was_not_heard(story):
    story.kernel("add", VDB, "block", DEVNAME="vdb")
    assert story.events == ["function-added", "node-added"]
    assert "not heard" in story.said[0].reason


def test_a_removal_of_what_was_never_there(story):
    story.kernel("remove", DISK)
    story.kernel("remove", VDB, "block")
    story.kernel("unbind", DISK)
    assert story.said == []


def test_a_guest_that_was_never_looked_at(blind):
    """What was there is learnt as it is spoken of, and its removal is one."""
    blind.kernel("add", DISK, SYNTH_UUID="0", DRIVER="virtio-pci")
    assert blind.said == []
    blind.kernel("unbind", DISK)
    blind.kernel("remove", DISK)
    blind.kernel("remove", "/devices/pci0000:00/0000:00:05.0")
    assert blind.events == ["driver-unbound", "function-removed", "function-removed"]
    assert blind.last.unknown == {"slot": "no look at /sys/bus/pci/slots was taken"}


def test_an_interface_gets_its_name(story):
    eth0, ens4 = f"{VIRTIO}/net/eth0", f"{VIRTIO}/net/ens4"
    story.kernel("add", DISK, PCI_CLASS="20000", PCI_ID="1AF4:1000")
    added = story.seq + 1
    story.kernel("add", eth0, "net", INTERFACE="eth0")
    story.kernel("move", ens4, "net", DEVPATH_OLD=eth0, INTERFACE="ens4")
    story.udev("add", ens4, "net", seq=added, INTERFACE="ens4")
    assert story.events == ["function-added", "node-added", "node-renamed", "device-ready"]
    assert (story.said[2].name, story.said[2].reason, story.last.name, story.last.node) == (
        "ens4", "was eth0", "ens4", None,
    )  # fmt: skip
    story.kernel("remove", ens4, "net", INTERFACE="ens4")
    assert (story.last.event, story.last.name) == ("node-removed", "ens4")


def test_a_disk_behind_a_controller_that_was_there(story):
    """No PCI event: the controller is settled long ago."""
    story.insert_disk()
    story.said.clear()
    story.kernel("add", f"{DISK}/host2/target2:0:3/2:0:3:0/block/sde", "block", DEVNAME="sde")
    assert story.events == ["node-added"]
    assert (story.last.address, story.last.node, story.last.stage, story.last.since_first_ms) == (
        "0000:00:04.0", "/dev/sde", None, None,
    )  # fmt: skip


def test_a_bridge_takes_along_what_is_behind_it(story):
    bridge = "/devices/pci0000:00/0000:00:05.0"
    story.kernel("add", bridge, PCI_CLASS="60400")
    story.kernel("add", f"{bridge}/0000:03:01.0", PCI_CLASS="20000")
    story.kernel("add", f"{bridge}/0000:03:01.0/net/eth0", "net", INTERFACE="eth0")
    story.said.clear()
    story.kernel("remove", bridge)
    assert [(one.event, one.address) for one in story.said] == [
        ("node-removed", "0000:03:01.0"), ("function-removed", "0000:03:01.0"), ("function-removed", "0000:00:05.0"),
    ]  # fmt: skip


def test_virtual_functions_are_functions(story):
    story.kernel("add", "/devices/pci0000:00/0000:00:06.0", PCI_CLASS="20000")
    story.kernel("add", "/devices/pci0000:00/0000:00:06.1", PCI_CLASS="20000")
    story.kernel("add", "/devices/pci0000:00/0000:00:06.1/net/eth1", "net", INTERFACE="eth1")
    assert [one.address for one in story.said] == ["0000:00:06.0", "0000:00:06.1", "0000:00:06.1"]
    assert set(story.state.functions) == {"0000:00:06.0", "0000:00:06.1"}


def test_what_is_no_function_is_passed_over(story):
    for path, subsystem in (
        ("/devices/virtual/block/loop0", "block"),
        ("/devices/pci0000:00/0000:00:04.0/0000:00:04.0:pcie004", "pci_express"),
        ("/devices/pci0000:00", "pci"),
        ("/devices/pci0000:00/0000:00:04.0/wakeup/wakeup3", "wakeup"),
    ):
        story.kernel("add", path, subsystem)
    assert story.said == [] and not story.state.functions


def test_names_are_told_as_they_are(story):
    """Escaping is for who writes them out."""
    story.kernel("add", DISK, PCI_CLASS="10000")
    story.kernel("add", f"{DISK}/block/cciss!c0d0", "block", DEVNAME="cciss/c0d0")
    assert (story.last.name, story.last.node) == ("cciss/c0d0", "/dev/cciss/c0d0")


def test_one_that_comes_while_the_first_look_is_taken(story):
    """Its event is in the queue and its directory in the look: an insertion all the same."""
    from hotplugctl.live import reducer
    from hotplugctl.model.live import Look

    there = FunctionFact("0000:00:04.0", DISK, "010000", "1af4:1001", "virtio-pci")
    story.state = reducer.start(Look("start", (there,), {}, True, seqnums=(1000, 1002)))
    story.kernel("add", DISK, seq=1000, PCI_CLASS="10000")
    assert story.said == []
    story.kernel("add", DISK, seq=1001, PCI_CLASS="10000")
    assert story.events == ["function-added"]


def test_bridges_behind_bridges_without_end(blind):
    """A recording may tell of more of them than a function can call itself."""
    many = 3000
    names = [f"0000:{number >> 5:02x}:{number & 31:02x}.0" for number in range(many)]
    for above, name in zip(names, names[1:]):
        blind.kernel("add", f"/devices/{above}/{name}", PCI_CLASS="60400")
    blind.kernel("remove", f"/devices/{names[0]}/{names[1]}")
    assert [one.address for one in blind.said if one.event == "function-removed"] == names[:0:-1]
    assert not blind.state.functions


def test_a_function_that_is_behind_itself(blind):
    path = "/devices/0000:00:04.0/0000:00:04.0"
    blind.kernel("add", path, PCI_CLASS="60400")
    blind.kernel("remove", path)
    assert blind.events == ["function-added", "function-removed"]
