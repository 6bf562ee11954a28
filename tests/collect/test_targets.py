"""What a TARGET stands for: on recorded guests, and on guests made by hand where a name is several things."""

from __future__ import annotations

import pytest

from hotplugctl.collect.targets import resolve
from hotplugctl.errors import BadTarget
from hotplugctl.model.target import Target
from hotplugctl.source.door import open_tree

CARD = "0000:00:04.0"


@pytest.fixture
def on(recordings):
    """Resolve a target on a recorded guest."""

    def ask(text: str, story: str = "pc-virtio", stage: str = "added") -> Target:
        tree = open_tree(str(recordings.stage(story, stage)), None, None)
        try:
            return resolve(tree, text)
        finally:
            tree.close()

    return ask


@pytest.mark.parametrize("text", ["0000:00:02.0", "00:02.0", "0000:00:02.0".upper()])
def test_an_address_with_or_without_its_domain(on, text):
    found = on(text)
    assert (found.kind, found.address, found.functions) == ("address", "0000:00:02.0", ("0000:00:02.0",))
    assert found.slot_address == "0000:00:02"


def test_an_address_where_nothing_is_keeps_its_spelling(on):
    found = on("0:1F.7".replace("0:", "00:"))
    assert (found.found, found.address, found.functions, found.unknown) == (False, "0000:00:1f.7", (), None)


@pytest.mark.parametrize("text", ["vdb", "/dev/vdb", "node:vdb", "node:/dev/vdb"])
def test_a_disk_by_its_name_or_file(on, text):
    found = on(text)
    assert (found.kind, found.address) == ("node", "0000:00:02.0")
    assert [node.node for node in found.nodes] == ["/dev/vdb"]


def test_a_partition_is_on_the_function_of_its_disk(on):
    found = on("vdb1")
    assert (found.functions, found.nodes[0].name) == (("0000:00:02.0",), "vdb1")


def test_a_slot_by_its_name_and_by_its_address(on):
    by_name = on("slot:2")
    assert (by_name.slot, by_name.slot_address, by_name.functions) == ("2", "0000:00:02", ("0000:00:02.0",))
    for text in ("2", "0000:00:02", "slot:00:02"):
        assert on(text)[1:] == by_name[1:]


def test_a_slot_counts_without_a_device_in_it(on):
    found = on("slot:9")
    assert (found.found, found.functions) == (True, ())


def test_an_interface(on):
    name = next(node.name for node in on("net:ens4", "pc-nics", "added").nodes)
    assert name == "ens4"
    assert on("ens4", "pc-nics", "added").kind == "net"
    assert not on("node:ens4", "pc-nics", "added").found


@pytest.mark.parametrize("text", ["HOTVB1", "serial:HOTVB1"])
def test_a_serial_number_is_the_disk_that_bears_it(on, text):
    found = on(text)
    assert (found.kind, [node.name for node in found.nodes], found.address) == ("serial", ["vdb"], "0000:00:02.0")


@pytest.mark.parametrize("text", ["nothing", "slot:99", "node:vdz", "net:ens99", "serial:none", "vdb99"])
def test_what_is_nowhere_is_not_found_and_not_unknown(on, text):
    found = on(text)
    assert (found.found, found.unknown) == (False, None)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "slot:", "node:", "net:a/b", "slot:a/b", "a/b", "x" * 256, "a\nb", "\x1b[2J", "/dev/", "/dev/..",
        "/dev//x", "node:../../etc/passwd", "/dev/../etc/passwd", "serial:\0",
    ],
)  # fmt: skip
def test_what_nothing_can_be_called_is_refused(on, text):
    with pytest.raises(BadTarget) as refused:
        on(text)
    assert "\n" not in refused.value.message and "\x1b" not in refused.value.message


def test_a_tree_that_holds_nothing_cannot_tell(tmp_path):
    (tmp_path / "sys").mkdir()
    tree = open_tree(str(tmp_path), None, None)
    for text in ("00:04.0", "vdb", "ens3", "slot:4", "serial:x"):
        found = resolve(tree, text)
        assert not found.found
        assert found.unknown


# --- names that are several things ------------------------------------------------------------------------------------


def put(guest, subsystem, name, device, via="virtio1"):
    path = f"devices/pci0000:00/{device}/{via}/{subsystem}/{name}"
    guest.folder(f"sys/{path}")
    guest.file(f"sys/{path}/dev", "254:16\n")
    guest.link(f"sys/class/{subsystem}/{name}", f"../../{path}")


def function(guest, address):
    guest.file(f"sys/devices/pci0000:00/{address}/modalias", "pci:v00001AF4d00001001sv0sd0bc01sc00i00\n")
    guest.link(f"sys/bus/pci/devices/{address}", f"../../../devices/pci0000:00/{address}")


@pytest.fixture
def syn_two(guest):
    """Two disks, two slots of one number, and an interface that somebody has called as a disk."""
    for address in (CARD, "0000:00:05.0"):
        function(guest, address)
    for name, address in (("4", "0000:00:04"), ("4-2", "0000:01:04"), ("5", "0000:00:05")):
        guest.file(f"sys/bus/pci/slots/{name}/address", f"{address}\n")
    put(guest, "block", "vdb", CARD)
    put(guest, "block", "vdc", "0000:00:05.0", "virtio2")
    put(guest, "net", "vdc", CARD)
    return guest


def refused(guest, text):
    with pytest.raises(BadTarget) as error:
        resolve(guest.tree(), text)
    return error.value


def test_a_slot_name_on_two_buses_is_ambiguous_until_it_is_said_which(syn_two):
    error = refused(syn_two, "4")
    assert "ambiguous" in error.message
    assert "slot:4 (0000:00:04)" in error.hint and "slot:4-2 (0000:01:04)" in error.hint
    assert resolve(syn_two.tree(), "slot:4").slot_address == "0000:00:04"
    assert resolve(syn_two.tree(), "4-2").slot_address == "0000:01:04"
    assert resolve(syn_two.tree(), "5").functions == ("0000:00:05.0",)


def test_a_disk_and_an_interface_of_one_name(syn_two):
    error = refused(syn_two, "vdc")
    assert "node:vdc (0000:00:05.0)" in error.hint and f"net:vdc ({CARD})" in error.hint
    assert resolve(syn_two.tree(), "node:vdc").address == "0000:00:05.0"
    assert resolve(syn_two.tree(), "net:vdc").address == CARD
    assert resolve(syn_two.tree(), "/dev/vdc").address == "0000:00:05.0"


def test_a_serial_number_twice(syn_two):
    for name, device, via in (("vdb", CARD, "virtio1"), ("vdc", "0000:00:05.0", "virtio2")):
        syn_two.file(f"sys/devices/pci0000:00/{device}/{via}/block/{name}/serial", "TWIN\n")
    error = refused(syn_two, "TWIN")
    assert "node:vdb" in error.hint and "node:vdc" in error.hint


def test_the_partitions_of_a_disk_do_not_make_its_serial_number_ambiguous(syn_two):
    path = f"devices/pci0000:00/{CARD}/virtio1/block/vdb"
    syn_two.file(f"sys/{path}/serial", "ONE\n")
    syn_two.file(f"sys/{path}/vdb1/dev", "254:17\n")
    syn_two.link("sys/class/block/vdb1", f"../../{path}/vdb1")
    syn_two.file("run/udev/data/b254:17", "E:ID_SERIAL=ONE\n")
    assert [node.name for node in resolve(syn_two.tree(), "ONE").nodes] == ["vdb"]


def test_a_link_in_dev_leads_to_the_node(syn_two):
    syn_two.file("dev/vdb", "")
    syn_two.link("dev/disk/by-id/virtio-HOT1", "../../vdb")
    found = resolve(syn_two.tree(), "/dev/disk/by-id/virtio-HOT1")
    assert (found.address, found.nodes[0].name) == (CARD, "vdb")


def test_the_slash_of_a_name_in_dev(guest):
    function(guest, CARD)
    put(guest, "block", "cciss!c0d0", CARD)
    found = resolve(guest.tree(), "/dev/cciss/c0d0")
    assert (found.address, found.nodes[0].node) == (CARD, "/dev/cciss/c0d0")


def test_what_is_on_no_function_is_found_all_the_same(guest):
    guest.file("sys/devices/virtual/block/dm-0/dev", "253:0\n")
    guest.link("sys/class/block/dm-0", "../../devices/virtual/block/dm-0")
    found = resolve(guest.tree(), "dm-0")
    assert (found.found, found.address, found.functions, found.nodes[0].name) == (True, None, (), "dm-0")
