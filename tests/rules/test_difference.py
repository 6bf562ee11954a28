"""In what two sides differ: who is whom, what is told, and what is left alone because one side cannot tell."""

from __future__ import annotations

import pytest

from hotplugctl.model.difference import Held, Side
from hotplugctl.rules.difference import difference

VIRTIO_BLK = {"vendor": "1af4", "device": "1001", "subsystem_vendor": "1af4", "subsystem_device": "0002"}
VIRTIO_NET = {"vendor": "1af4", "device": "1000", "subsystem_vendor": "1af4", "subsystem_device": "0001"}
E1000 = {"vendor": "8086", "device": "100e", "subsystem_vendor": "1af4", "subsystem_device": "1100"}
LSI = {"vendor": "1000", "device": "0012", "subsystem_vendor": "0000", "subsystem_device": "1000"}


def function(address, ids, *marks, place=(), **facts):
    return Held(address, {"address": address, **ids, **facts}, {}, frozenset(marks), place)


def disk(name, at, *marks, via=("virtio1", "block"), number=None, **facts):
    known = {"subsystem": "block", "name": name, "node": f"/dev/{name}", "function": at, "hung": False, **facts}
    return Held(name, known, {}, frozenset(marks), via, number)


def interface(name, at, mac, via=("virtio1", "net")):
    known = {"subsystem": "net", "name": name, "node": None, "function": at, "hung": False, "address": mac}
    return Held(name, known, {}, frozenset({f"mac:{mac}"}), via)


def slot(name, address, **facts):
    return Held(name, {"name": name, "address": address, "mechanism": "acpiphp", "occupied": False, **facts})


def side(*functions, nodes=(), slots=(), mechanisms=(), silent=None, partial=None, label="A"):
    by_function: dict[str, list[Held]] = {}
    for node in nodes:
        by_function.setdefault(node.facts["function"], []).append(node)
    held = {address: tuple(items) for address, items in by_function.items()}
    return Side(label, "recording", functions, held, tuple(slots), tuple(mechanisms), silent or {}, partial or {})


def told(before, after):
    """(what, change, key) of every change."""
    return [(change.what, change.change, change.key) for change in difference(before, after).changes]


def test_nothing_differs_from_itself():
    one = side(function("0000:00:03.0", E1000, driver="e1000"), nodes=[interface("ens3", "0000:00:03.0", "52:54:00:1")])
    found = difference(one, one)
    assert (found.same, found.changes, found.omissions) == (True, (), ())


def test_what_came_and_what_went():
    before = side(function("0000:00:03.0", E1000), nodes=[interface("ens3", "0000:00:03.0", "m1")])
    after = side(function("0000:00:04.0", VIRTIO_BLK), nodes=[disk("vda", "0000:00:04.0")])
    assert told(before, after) == [
        ("function", "removed", "0000:00:03.0"),
        ("node", "removed", "ens3"),
        ("function", "added", "0000:00:04.0"),
        ("node", "added", "vda"),
    ]
    assert difference(before, after).same is False


def test_a_driver_is_bound_changed_and_taken_away():
    bare, bound = (side(function("0000:00:03.0", E1000, driver=name)) for name in (None, "e1000"))
    other = side(function("0000:00:03.0", E1000, driver="vfio-pci"))
    assert told(bare, bound) == [("driver", "added", "0000:00:03.0")]
    assert told(bound, other) == [("driver", "changed", "0000:00:03.0")]
    assert told(other, bare) == [("driver", "removed", "0000:00:03.0")]
    (change,) = difference(bound, bare).changes
    assert change.before.facts["driver"] == "e1000" and change.after is None


def test_another_device_at_one_address_is_another_device():
    before, after = side(function("0000:00:03.0", E1000)), side(function("0000:00:03.0", VIRTIO_NET))
    assert told(before, after) == [("function", "removed", "0000:00:03.0"), ("function", "added", "0000:00:03.0")]


def test_of_the_same_kind_but_with_another_serial_number_it_is_another_device():
    before = side(function("0000:00:03.0", VIRTIO_BLK, "serial:one"))
    after = side(function("0000:00:03.0", VIRTIO_BLK, "serial:two"))
    assert [change[:2] for change in told(before, after)] == [("function", "removed"), ("function", "added")]


def test_whose_word_a_serial_number_is_matters():
    """udev may spell it otherwise than the kernel: that proves nothing."""
    before = side(function("0000:00:03.0", VIRTIO_BLK, "serial:one two"))
    after = side(function("0000:00:03.0", VIRTIO_BLK, "ID_SERIAL:one_two"))
    assert told(before, after) == []


def test_a_new_mac_address_makes_no_new_device():
    before, after = (
        side(function("0000:00:03.0", E1000, f"mac:{mac}"), nodes=[interface("ens3", "0000:00:03.0", mac)])
        for mac in ("m1", "m2")
    )
    (change,) = difference(before, after).changes
    assert (change.what, change.change, change.differs) == ("node", "changed", ("address",))


@pytest.mark.parametrize("mark", ["serial:one", "mac:52:54:00:12:34:56"])
def test_a_device_at_another_address_is_known_by_its_mark(mark):
    """Even among others of its kind."""
    kind = [function(f"0000:00:0{number}.0", VIRTIO_BLK, f"serial:{number}") for number in (7, 8)]
    before = side(function("0000:00:03.0", VIRTIO_BLK, mark), *kind)
    after = side(function("0000:00:05.0", VIRTIO_BLK, mark), *kind)
    (change,) = difference(before, after).changes
    assert (change.what, change.change, change.key) == ("function", "moved", "0000:00:05.0")
    assert change.before.facts["address"] == "0000:00:03.0"
    assert change.differs == ("address",)


def test_two_that_change_places_are_both_moved():
    before = side(function("0000:00:03.0", VIRTIO_BLK, "serial:a"), function("0000:00:04.0", VIRTIO_BLK, "serial:b"))
    after = side(function("0000:00:03.0", VIRTIO_BLK, "serial:b"), function("0000:00:04.0", VIRTIO_BLK, "serial:a"))
    assert [change[:2] for change in told(before, after)] == [("function", "moved")] * 2


def test_two_that_change_places_are_known_by_their_names_where_no_ids_are_told():
    one, other = {"class": "0200", "name": "Intel 82540EM"}, {"class": "0200", "name": "Realtek RTL-8139"}
    before = side(function("0000:00:03.0", {}, **one), function("0000:00:04.0", {}, **other))
    after = side(function("0000:00:03.0", {}, **other), function("0000:00:04.0", {}, **one))
    assert sorted(told(before, after)) == [("function", "moved", f"0000:00:0{number}.0") for number in (3, 4)]


def test_a_mark_that_two_bear_marks_nobody():
    """Interfaces of one bond have one MAC address."""
    before = side(function("0000:00:03.0", VIRTIO_NET, "mac:m"), function("0000:00:04.0", VIRTIO_NET, "mac:m"))
    after = side(function("0000:00:05.0", VIRTIO_NET, "mac:m"), function("0000:00:06.0", VIRTIO_NET, "mac:m"))
    assert sorted(change[1] for change in told(before, after)) == ["added", "added", "removed", "removed"]


def test_a_mark_does_not_make_one_of_two_kinds():
    before, after = side(function("0000:00:03.0", E1000, "mac:m")), side(function("0000:00:04.0", VIRTIO_NET, "mac:m"))
    assert [change[1] for change in told(before, after)] == ["removed", "added"]


def test_the_only_one_of_its_kind_is_the_same_elsewhere():
    before, after = side(function("0000:00:03.0", E1000)), side(function("0000:00:05.0", E1000))
    assert told(before, after) == [("function", "moved", "0000:00:05.0")]


@pytest.mark.parametrize("twice", ["before", "after"])
def test_of_two_alike_nobody_knows_which_it_is(twice):
    """One of them is where it was: the other may be any that came since."""
    stays = function("0000:00:02.0", E1000)
    before = [function("0000:00:03.0", E1000), *([stays] if twice == "before" else [])]
    after = [function("0000:00:05.0", E1000), *([stays] if twice == "after" else [])]
    assert "moved" not in {change[1] for change in told(side(*before), side(*after))}


def test_the_only_one_of_its_kind_with_another_mac_address_is_another():
    before, after = side(function("0000:00:03.0", E1000, "mac:a")), side(function("0000:00:05.0", E1000, "mac:b"))
    assert [change[1] for change in told(before, after)] == ["removed", "added"]


def test_buses_that_were_numbered_anew():
    """A port that came before them took their numbers: by address 02:00.0 would be the one that it is not."""
    before = side(
        function("0000:01:00.0", E1000, place=("pci0000:00", "02.0", "00.0")),
        function("0000:02:00.0", E1000, place=("pci0000:00", "03.0", "00.0")),
    )
    after = side(
        function("0000:01:00.0", LSI, place=("pci0000:00", "01.0", "00.0")),
        function("0000:02:00.0", E1000, place=("pci0000:00", "02.0", "00.0")),
        function("0000:03:00.0", E1000, place=("pci0000:00", "03.0", "00.0")),
    )
    found = {change.key: change for change in difference(before, after).changes}
    assert {key: change.change for key, change in found.items()} == {
        "0000:01:00.0": "added", "0000:02:00.0": "moved", "0000:03:00.0": "moved",
    }  # fmt: skip
    assert found["0000:02:00.0"].before.key == "0000:01:00.0"
    text = side(function("0000:01:00.0", E1000), function("0000:02:00.0", E1000))
    assert told(text, before) == [], "a text does not tell the way"


def test_ids_that_one_side_does_not_tell_are_no_difference():
    text = side(function("0000:00:03.0", {}, **{"class": "0200"}))
    tree = side(function("0000:00:03.0", E1000, **{"class": "020000", "revision": "03"}))
    assert told(text, tree) == told(tree, text) == []


def test_a_class_is_all_that_a_plain_text_tells():
    before = side(function("0000:00:03.0", {}, **{"class": "0200", "name": "Intel Corporation 82540EM"}))
    after = side(function("0000:00:03.0", {}, **{"class": "0100", "name": "LSI Logic 53c895a"}))
    assert [change[1] for change in told(before, after)] == ["removed", "added"]


def test_another_name_is_a_difference_where_no_ids_are_told():
    before = side(function("0000:00:03.0", {}, **{"class": "0200", "name": "Intel 82540EM"}))
    after = side(function("0000:00:03.0", {}, **{"class": "0200", "name": "Realtek RTL-8139"}))
    (change,) = difference(before, after).changes
    assert (change.change, change.differs) == ("changed", ("name",))
    with_ids = side(function("0000:00:03.0", E1000, **{"class": "020000", "name": "Intel 82540EM (another pci.ids)"}))
    assert told(with_ids, side(function("0000:00:03.0", E1000, **{"class": "020000", "name": "x"}))) == []


@pytest.mark.parametrize(
    "field, was, now",
    [
        ("revision", "02", "03"),
        ("enabled", False, True),
        ("answers", True, False),
        ("bars", (None, 4096, None, None, None, None), (16384, 4096, None, None, None, None)),
    ],
)
def test_details_that_matter(field, was, now):
    before, after = (side(function("0000:00:03.0", E1000, **{field: value})) for value in (was, now))
    (change,) = difference(before, after).changes
    assert (change.what, change.change, change.differs) == ("function", "changed", (field,))


def test_a_disk_with_another_name_is_known_by_its_place():
    before = side(function("0000:00:03.0", VIRTIO_BLK), nodes=[disk("vdb", "0000:00:03.0")])
    after = side(function("0000:00:03.0", VIRTIO_BLK), nodes=[disk("vdc", "0000:00:03.0", via=("virtio7", "block"))])
    (change,) = difference(before, after).changes
    assert (change.what, change.change, change.key, change.before.key) == ("node", "renamed", "vdc", "vdb")


def test_partitions_go_with_their_disk():
    def parts(name):
        return [disk(name, "0000:00:03.0"), *(
            disk(f"{name}{number}", "0000:00:03.0", via=("virtio1", "block", name), number=number) for number in (1, 2)
        )]  # fmt: skip

    before, after = (side(function("0000:00:03.0", VIRTIO_BLK), nodes=parts(name)) for name in ("vdb", "vdc"))
    assert told(before, after) == [("node", "renamed", name) for name in ("vdc", "vdc1", "vdc2")]


def test_a_partition_that_is_new():
    whole = disk("vdb", "0000:00:03.0")
    part = disk("vdb1", "0000:00:03.0", via=("virtio1", "block", "vdb"), number=1)
    before, after = (side(function("0000:00:03.0", VIRTIO_BLK), nodes=nodes) for nodes in ([whole], [whole, part]))
    assert told(before, after) == [("node", "added", "vdb1")]
    assert told(after, before) == [("node", "removed", "vdb1")]


def test_disks_that_changed_their_names_are_told_by_serial_number():
    at = "0000:00:05.0"
    before = side(
        function(at, LSI),
        nodes=[disk("sda", at, "serial:1", via=("host2", "x")), disk("sdb", at, "serial:2", via=("host2", "y"))],
    )
    after = side(
        function(at, LSI),
        nodes=[disk("sda", at, "serial:2", via=("host2", "x")), disk("sdb", at, "serial:1", via=("host2", "y"))],
    )
    assert told(before, after) == [("node", "renamed", "sdb"), ("node", "renamed", "sda")]


def test_another_disk_at_one_place_is_another_disk():
    at = "0000:00:05.0"
    before, after = (side(function(at, LSI), nodes=[disk("sda", at, f"serial:{number}")]) for number in (1, 2))
    assert told(before, after) == [("node", "removed", "sda"), ("node", "added", "sda")]


def test_a_disk_behind_another_function_has_moved():
    before = side(function("0000:00:03.0", VIRTIO_BLK), nodes=[disk("vdb", "0000:00:03.0", "serial:HOT")])
    after = side(function("0000:00:05.0", LSI), nodes=[disk("sda", "0000:00:05.0", "serial:HOT", via=("host2", "x"))])
    (change,) = [change for change in difference(before, after).changes if change.what == "node"]
    assert (change.change, change.key, change.differs) == ("moved", "sda", ("function", "name"))


def test_a_node_whose_function_moved_has_not():
    before = side(function("0000:00:03.0", E1000, "mac:m"), nodes=[interface("ens3", "0000:00:03.0", "m")])
    after = side(function("0000:00:05.0", E1000, "mac:m"), nodes=[interface("ens3", "0000:00:05.0", "m")])
    assert told(before, after) == [("function", "moved", "0000:00:05.0")]
    renamed = side(function("0000:00:05.0", E1000, "mac:m"), nodes=[interface("ens5", "0000:00:05.0", "m")])
    assert told(before, renamed)[1:] == [("node", "renamed", "ens5")]


def test_two_ports_of_one_card():
    """They are at one place: their names tell them apart, and where those are new, their MAC addresses."""
    at = "0000:00:05.0"
    before = side(function(at, E1000), nodes=[interface("p0", at, "m0", ("net",)), interface("p1", at, "m1", ("net",))])
    after = side(function(at, E1000), nodes=[interface("q1", at, "m1", ("net",)), interface("p0", at, "m0", ("net",))])
    assert told(before, after) == [("node", "renamed", "q1")]


@pytest.mark.parametrize(
    "field, was, now",
    [("size", 1 << 20, 2 << 20), ("ro", False, True), ("state", "live", "dead"), ("hung", False, True)],
)
def test_details_of_nodes_that_matter(field, was, now):
    before, after = (
        side(function("0000:00:03.0", VIRTIO_BLK), nodes=[disk("vda", "0000:00:03.0", **{field: value})])
        for value in (was, now)
    )
    (change,) = difference(before, after).changes
    assert (change.what, change.change, change.differs) == ("node", "changed", (field,))


def test_slots_are_known_by_their_address():
    before = side(slots=[slot("5", "0000:00:05"), slot("6", "0000:00:06"), slot("7", "0000:00:07")])
    after = side(slots=[slot("5-2", "0000:00:05"), slot("6", "0000:00:06", occupied=True), slot("8", "0000:00:08")])
    found = {(change.change, change.key): change.differs for change in difference(before, after).changes}
    assert found == {
        ("renamed", "5-2"): ("name",),
        ("changed", "6"): ("occupied",),
        ("removed", "7"): (),
        ("added", "8"): (),
    }


def test_mechanisms():
    def one(name, **facts):
        return Held(name, {"name": name, **facts})

    before = side(mechanisms=[one("acpiphp", state="builtin", blocked_by=None), one("cpcihp", state="builtin")])
    after = side(mechanisms=[one("acpiphp", state="disabled", blocked_by="acpiphp.disable=1"), one("pciehp")])
    (change,) = difference(before, after).changes
    assert (change.key, change.change, change.differs) == ("acpiphp", "changed", ("state", "blocked_by"))


def test_what_one_side_cannot_tell_is_left_out_and_named():
    full = side(
        function("0000:00:03.0", E1000, driver="e1000"), nodes=[disk("vda", "0000:00:03.0")],
        slots=[slot("3", "0000:00:03")], mechanisms=[Held("acpiphp", {"name": "acpiphp", "state": "builtin"})],
    )  # fmt: skip
    silent = dict.fromkeys(("driver", "node", "slot", "mechanism"), "a text")
    text = side(function("0000:00:03.0", E1000), silent=silent, label="B")
    found = difference(full, text)
    assert (found.same, found.changes) == (True, ())
    assert [(item.what, item.side, item.wholly) for item in found.omissions] == [
        (what, "B", True) for what in ("driver", "node", "slot", "mechanism")
    ]


def test_functions_that_cannot_be_compared_decide_nothing():
    nothing = side(silent=dict.fromkeys(("function", "driver", "node"), "not recorded"))
    full = side(function("0000:00:03.0", E1000), slots=[slot("3", "0000:00:03")])
    assert difference(nothing, full).same is False, "a slot differs, whatever the functions do"
    bare = side(function("0000:00:03.0", E1000))
    assert difference(nothing, bare).same is None
    assert difference(bare, nothing).same is None


def test_what_is_missing_from_a_part_has_not_gone():
    part = side(function("0000:00:03.0", E1000, driver="e1000"), partial={"function": "a part", "node": "a part"})
    full = side(
        function("0000:00:03.0", E1000, driver=None), function("0000:00:04.0", LSI), nodes=[disk("sda", "0000:00:04.0")]
    )
    assert told(part, full) == [("driver", "removed", "0000:00:03.0")]
    assert told(full, part) == [("driver", "added", "0000:00:03.0")]
    assert [(item.what, item.wholly) for item in difference(part, full).omissions] == [
        ("function", False), ("node", False),
    ]  # fmt: skip


def test_changes_stand_in_the_order_of_addresses():
    """Domains of five digits come after those of four."""
    addresses = ["0000:00:10.0", "10000:00:02.0", "0000:00:03.0", "ffff:00:01.0"]
    found = told(side(), side(*(function(address, E1000) for address in addresses)))
    assert [key for _, _, key in found] == ["0000:00:03.0", "0000:00:10.0", "ffff:00:01.0", "10000:00:02.0"]
