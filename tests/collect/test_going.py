"""What goes with a target, on guests made by hand: virtual functions, slot mates, disks that go alone."""

from __future__ import annotations

from hotplugctl.collect import going
from hotplugctl.collect.targets import resolve


def function(guest, address, above="", **links):
    path = f"devices/pci0000:00/{above}{address}"
    guest.file(f"sys/{path}/modalias", "pci:v00008086d000010C9sv0sd0bc02sc00i00\n")
    guest.link(f"sys/bus/pci/devices/{address}", f"../../../{path}")
    for name, target in links.items():
        guest.link(f"sys/{path}/{name}", target)
    return f"sys/{path}"


def addresses(guest, text):
    tree = guest.tree()
    return [item.address for item in going.collect(tree, resolve(tree, text)).going.functions]


def syn_sriov(guest):
    """A card with two functions, of which the first has made two virtual ones on another device number."""
    card = function(
        guest, "0000:00:04.0", virtfn0="../0000:00:05.0", virtfn1="../0000:00:05.1", iommu_group="../../../groups/7"
    )
    guest.file(f"{card}/sriov_numvfs", "2\n")
    function(guest, "0000:00:04.1")
    for virtual in ("0000:00:05.0", "0000:00:05.1"):
        function(guest, virtual, physfn="../0000:00:04.0")
    return guest


def test_virtual_functions_go_with_theirs(guest):
    syn_sriov(guest)
    everything = ["0000:00:04.0", "0000:00:04.1", "0000:00:05.0", "0000:00:05.1"]
    assert addresses(guest, "00:04.0") == everything
    assert addresses(guest, "00:04.1") == everything
    tree = guest.tree()
    found = going.collect(tree, resolve(tree, "00:04.0")).going
    assert found.virtual["0000:00:04.0"].children == ("0000:00:05.0", "0000:00:05.1")
    assert found.groups == {"0000:00:04.0": "7"}


def test_a_virtual_function_goes_alone(guest):
    syn_sriov(guest)
    assert addresses(guest, "00:05.1") == ["0000:00:05.1"]
    tree = guest.tree()
    assert going.collect(tree, resolve(tree, "00:05.1")).going.virtual["0000:00:05.1"].physical == "0000:00:04.0"


def test_a_bridge_takes_all_that_is_behind_it_also_bridges(guest):
    function(guest, "0000:00:03.0")
    function(guest, "0000:01:00.0", "0000:00:03.0/")
    function(guest, "0000:02:00.0", "0000:00:03.0/0000:01:00.0/")
    function(guest, "0000:00:06.0")
    assert addresses(guest, "00:03.0") == ["0000:00:03.0", "0000:01:00.0", "0000:02:00.0"]
    assert addresses(guest, "01:00.0") == ["0000:01:00.0", "0000:02:00.0"]
    assert addresses(guest, "02:00.0") == ["0000:02:00.0"]


def disk(guest, via, name, *partitions):
    path = f"devices/pci0000:00/0000:00:04.0/{via}/block/{name}"
    for one in (path, *(f"{path}/{part}" for part in partitions)):
        guest.file(f"sys/{one}/dev", "8:0\n")
        guest.link(f"sys/class/block/{one.rpartition('/')[2]}", f"../../{one}")


def test_a_disk_of_a_controller_goes_alone_with_its_partitions(guest):
    function(guest, "0000:00:04.0")
    disk(guest, "host0/target0:0:0/0:0:0:0", "sda", "sda1")
    disk(guest, "host0/target0:0:1/0:0:1:0", "sdb", "sdb1", "sdb2")
    tree = guest.tree()
    for text in ("sdb", "sdb2"):
        found = going.collect(tree, resolve(tree, text)).going
        assert (found.unit, found.functions, found.stays) == ("device", (), "0000:00:04.0")
        assert [node.name for node in found.nodes] == ["sdb", "sdb1", "sdb2"]
    whole = going.collect(tree, resolve(tree, "00:04.0")).going
    assert [node.name for node in whole.nodes] == ["sda", "sda1", "sdb", "sdb1", "sdb2"]


def test_a_disk_that_is_its_function_takes_it_along(guest):
    function(guest, "0000:00:04.0")
    disk(guest, "virtio1", "vdb", "vdb1")
    tree = guest.tree()
    found = going.collect(tree, resolve(tree, "vdb1")).going
    assert [item.address for item in found.functions] == ["0000:00:04.0"]
    assert [node.name for node in found.nodes] == ["vdb", "vdb1"]


def test_what_is_on_no_function_goes_with_its_partitions(guest):
    for path in ("loop0", "loop0/loop0p1", "loop01"):
        guest.file(f"sys/devices/virtual/block/{path}/dev", "7:0\n")
        guest.link(f"sys/class/block/{path.rpartition('/')[2]}", f"../../devices/virtual/block/{path}")
    tree = guest.tree()
    for text in ("loop0", "loop0p1"):
        assert [node.name for node in going.collect(tree, resolve(tree, text)).going.nodes] == ["loop0", "loop0p1"]
