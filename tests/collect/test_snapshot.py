"""The whole of it: the log's marks, the scene, and what is not read where nothing asks for it."""

from __future__ import annotations

from hotplugctl.collect import snapshot


class Counting:
    """A tree that notes which paths were read."""

    def __init__(self, tree) -> None:
        self.tree = tree
        self.read_paths: list[str] = []

    def read(self, path, *rest):
        self.read_paths.append(path)
        return self.tree.read(path, *rest)

    def __getattr__(self, name):
        return getattr(self.tree, name)


def read_of(guest):
    tree = Counting(guest.tree())
    snapshot.collect(tree)
    return tree.read_paths


def test_big_files_are_read_only_where_a_device_has_no_driver(pc):
    pc.function("0000:00:03.0", driver="virtio-pci")
    pc.function("0000:00:00.0", "8086", "1237", "060000", driver="agp")
    assert not [path for path in read_of(pc) if path.endswith("modules.alias")]
    pc.function("0000:00:04.0")
    assert [path for path in read_of(pc) if path.endswith("modules.alias")]


def test_the_log_tells_bus_ranges_and_drivers(pc):
    pc.log(
        "pci_bus 0000:00: root bus resource [bus 00-7f]",
        "pci_bus 0000:80: root bus resource [bus 80]",
        "shpchp: Standard Hot Plug PCI Controller Driver version: 0.4",
    )
    log = pc.check().snapshot.log
    assert dict(log.root_ends) == {"0000:00": 0x7F, "0000:80": 0x80}
    assert log.drivers_up == {"shpchp"}
    assert (log.events, log.failure, log.source) == ((), None, "/cmd/dmesg")


def test_the_log_of_trouble_is_read(pc):
    pc.log("virtio-pci 0000:00:03.0: probe with driver virtio-pci failed with error -5", "nothing else")
    assert [event.kind for event in pc.check().snapshot.log.events] == ["probe-failed"]


def test_no_log(pc):
    pc.remove("cmd")
    log = pc.check().snapshot.log
    assert log.failure is not None
    assert (log.events, log.bars, log.root_ends) == ((), {}, {})


def test_slots_and_check_see_the_same_scene(q35):
    tree = q35.tree()
    assert snapshot.for_slots(tree) == snapshot.collect(tree).scene


def test_switches_of_the_buses(pc):
    pc.file("sys/bus/pci/drivers_autoprobe", "0\n")
    pc.file("sys/bus/virtio/drivers_autoprobe", "what\n")
    assert pc.check().snapshot.autoprobe == {"pci": False, "virtio": None}
