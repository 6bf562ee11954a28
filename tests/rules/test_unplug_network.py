"""What stands against pulling a network card, or a function that is neither card nor disk. Made by hand."""

from __future__ import annotations

import pytest

from hotplugctl.model.snapshot import Child
from hotplugctl.model.users import Address, Connection, NetSpace, Process, Processes, Route, Seen, Use, Virtual
from hotplugctl.rules import unplug
from hotplugctl.rules.unplug.network import route_to
from hotplugctl.rules.unplug.volumes import lvm
from tests.unplug_stacks import (
    CARD,
    PATH,
    ask,
    block,
    function,
    going,
    interface,
    mount,
    network,
    node,
    slot,
    told,
    users,
)

# --- the network ------------------------------------------------------------------------------------------------------


ENS3 = going(nodes=[node("ens3", "net")], functions=(function(class_="020000"),))
DEFAULT = Route(4, "0.0.0.0/0", "10.0.2.2", "ens3", 0)
ON_LINK = Route(4, "10.0.2.0/24", None, "ens3", 0)


def test_an_interface_without_address_or_route_is_safe():
    idle = network(interface("ens3"), routes=[Route(6, "fe80::/64", None, "ens3", 256)])
    assert ask(ENS3, users(network=idle)).safe is True


def test_routes_and_addresses():
    used = network(
        interface("ens3"),
        routes=[
            DEFAULT,
            ON_LINK,
            Route(6, "fd00::/64", "fe80::1", "ens3", 1),
            Route(4, "10.1.0.0/16", "10.0.9.1", "ens4", 0),
        ],
        addresses=[Address(4, "10.0.2.15", 24, ("ens3",)), Address(4, "10.0.9.15", 24, ("ens4",))],
    )
    answer = ask(ENS3, users(network=used))
    assert told(answer) == [("default-route", "default"), ("route", "fd00::/64"), ("address", "10.0.2.15/24")]
    assert [one.remedy for one in answer.blockers] == [
        "ip route del default via 10.0.2.2 dev ens3",
        "ip -6 route del fd00::/64 via fe80::1 dev ens3",
        "ip address del 10.0.2.15/24 dev ens3",
    ]


def test_an_address_of_two_interfaces_in_one_network_may_be_of_either():
    used = network(interface("ens3"), addresses=[Address(4, "10.0.2.15", 24, ("ens3", "ens4"))])
    found = ask(ENS3, users(network=used)).blockers[0]
    assert (found.kind, found.remedy) == ("address", None)
    assert "ens3 or ens4" in found.summary


def test_another_default_route_is_named():
    used = network(interface("ens3"), routes=[DEFAULT, DEFAULT._replace(device="ens4", metric=100)])
    assert "ens4 has another" in ask(ENS3, users(network=used)).blockers[0].summary


def bond(*others):
    ports = [interface("ens3", master="bond0", uppers=["bond0"]), *others]
    top = interface("bond0", lowers=[one.name for one in ports], kind="bond", virtual=True)
    return network(*ports, top, routes=[DEFAULT._replace(device="bond0")])


def test_a_bond_with_another_port_goes_on():
    other = interface("ens4", master="bond0")
    answer = ask(ENS3, users(network=bond(other)))
    assert told(answer) == [("bond-port", "bond0")]
    assert answer.blockers[0].remedy == "ip link set dev ens3 nomaster"


@pytest.mark.parametrize(
    "other",
    [
        [],
        [interface("ens4", master="bond0", carrier=False)],
        [interface("ens4", master="bond0", up=False)],
        [interface("tap0", master="bond0", virtual=True)],
    ],
)
def test_the_last_port_takes_the_bond_with_it(other):
    assert told(ask(ENS3, users(network=bond(*other)))) == [("default-route", "default"), ("bond", "bond0")]


def test_a_vlan_below_a_bridge_is_undone_from_the_top():
    stack = network(
        interface("ens3", uppers=["ens3.7"]),
        interface("ens3.7", master="br0", uppers=["br0"], lowers=["ens3"], kind="vlan", virtual=True),
        interface("br0", lowers=["ens3.7", "tap0"], kind="bridge", virtual=True),
        interface("tap0", master="br0", virtual=True),
        routes=[DEFAULT._replace(device="br0")],
    )
    answer = ask(ENS3, users(network=stack))
    assert told(answer) == [("default-route", "default"), ("bridge", "br0"), ("vlan", "ens3.7")]
    assert answer.blockers[-1].remedy == "ip link delete dev ens3.7"


def test_interfaces_on_one_another_in_a_circle_end():
    stack = network(
        interface("ens3", uppers=["a"]),
        interface("a", uppers=["b"], lowers=["ens3"], kind="macvlan", virtual=True),
        interface("b", uppers=["a"], lowers=["a"], kind="ipvlan", virtual=True),
    )
    assert {kind for kind, _ in told(ask(ENS3, users(network=stack)))} == {"macvlan", "ipvlan"}


def test_the_login_of_whoever_asks_is_told_first_and_nothing_undoes_it():
    login = Connection("10.0.2.15", "192.0.2.9", "/proc/7/fd/4")
    used = network(interface("ens3"), routes=[DEFAULT], connections=[login])
    answer = ask(ENS3, users(network=used))
    assert [kind for kind, _ in told(answer)] == ["connection", "default-route"]
    assert answer.blockers[0].remedy is None
    elsewhere = network(interface("ens3"), routes=[DEFAULT._replace(device="ens4")], connections=[login])
    assert ask(ENS3, users(network=elsewhere)).safe is True


def test_file_systems_and_disks_that_come_over_the_network():
    share = mount("/home", "0:80", "srv:/home", type="nfs4", options="rw,vers=4.2,addr=192.0.2.7")
    used = network(interface("ens3"), routes=[DEFAULT], sessions={"1": "192.0.2.8"})
    answer = ask(ENS3, users((), [share], network=used))
    assert told(answer) == [("network-mount", "/home"), ("iscsi", "session1"), ("default-route", "default")]
    root = share._replace(point="/")
    assert told(ask(ENS3, users((), [root], network=used)))[0] == ("root-filesystem", "/")
    away = network(interface("ens3"), routes=[DEFAULT._replace(device="ens4")], sessions={"1": "192.0.2.8"})
    assert ask(ENS3, users((), [share], network=away)).safe is True


def test_an_interface_that_is_up_may_be_used_from_another_namespace():
    def asked(up, *spaces, unseen=()):
        goes, found = ENS3, users(network=network(interface("ens3", up=up)))
        at_stake = unplug.stake(goes, found)
        evidence = unplug.Evidence(goes, found, (), {}, None, spaces, unseen)
        return unplug.answer(evidence, at_stake, unplug.interest(goes, found, at_stake), Processes((), (), ()))

    answer = asked(True, NetSpace(70, ("macvlan0",)))
    assert (answer.safe, answer.unseen[0].what) == (None, "interfaces")
    assert "process 70" in answer.reason
    assert asked(True).safe is True
    assert asked(False, NetSpace(70, ("macvlan0",))).safe is True
    assert asked(True, unseen=(Seen("interfaces", "denied", "root"),)).safe is None


def test_a_card_whose_interface_is_not_here_may_be_used_in_another_namespace():
    card = going(functions=(function(class_="020000", driver="e1000"),))
    answer = ask(card, users(network=network()))
    assert answer.safe is None
    assert "network namespace" in answer.reason
    asleep = (Child("virtio1", CARD, None, None, f"{PATH}/virtio1"),)
    idle = going(functions=(function(class_="020000"),))
    assert ask(idle, users(network=network()), children=asleep).safe is True


@pytest.mark.parametrize(
    "address, device",
    [("10.0.2.7", "ens3"), ("10.0.9.9", "ens4"), ("192.0.2.1", "ens4"), ("fd00::1", None), ("nowhere", None)],
)
def test_the_nearest_route_leads_there(address, device):
    routes = [ON_LINK, DEFAULT._replace(device="ens4"), DEFAULT._replace(metric=9)]
    assert route_to(address, routes) == device


# --- functions --------------------------------------------------------------------------------------------------------


def test_a_slot_that_blinks_is_left_alone():
    answer = ask(going(slots=(slot(attention=2),)), users())
    assert told(answer) == [("slot-busy", "4")]
    assert ask(going(slots=(slot(attention=1),)), users()).safe is True


def test_virtual_functions_go_with_their_function():
    with_two = going(virtual={CARD: Virtual(("0000:00:05.0", "0000:00:05.1"), None)})
    answer = ask(with_two, users())
    assert told(answer) == [("sriov", CARD)]
    assert answer.blockers[0].remedy == f"echo 0 > /sys/bus/pci/devices/{CARD}/sriov_numvfs"


def test_a_program_that_drives_a_device_by_itself():
    passed = going(functions=(function(driver="vfio-pci"),), groups={CARD: "7"})
    wanted = unplug.interest(passed, users(), unplug.stake(passed, users()))
    assert "/dev/vfio/7" in wanted.files
    machine = Process(70, "qemu", None, (Use("open", "/dev/vfio/7"),))
    assert told(ask(passed, users(), Processes((machine,), (), ()))) == [("vfio", "70")]
    seen = Seen("processes", "denied", "root")
    assert ask(passed, users(), Processes((), (), (seen,))).safe is None
    assert ask(passed, users()).safe is True


def test_console_memory_and_the_machine_itself():
    tty = going(nodes=[node("ttyS4", "tty")])
    assert told(ask(tty, users(consoles=frozenset(["ttyS4"])))) == [("console", "/dev/ttyS4")]
    assert ask(tty, users(consoles=frozenset(["ttyS0"]))).safe is True
    memory = (Child("virtio1", CARD, None, "virtio_mem", f"{PATH}/virtio1"),)
    assert told(ask(going(), users(), children=memory)) == [("memory", CARD)]
    assert told(ask(going(functions=(function(class_="060000"),)), users())) == [("machine", CARD)]


def test_dma_of_other_devices_goes_through_an_iommu():
    remapper = (Child("virtio1", CARD, None, "virtio_iommu", f"{PATH}/virtio1"),)
    assert told(ask(going(), users(), children=remapper)) == [("machine", CARD)]


@pytest.mark.parametrize("driver, class_, safe", [
    ("nvidia", "030200", None), ("neuron", "120000", None), (None, "030200", True), ("vfio-pci", "030200", True),
    ("virtio-pci", "00ff00", True),
])  # fmt: skip
def test_who_computes_on_an_accelerator_is_not_told(driver, class_, safe):
    card = going(functions=(function(class_=class_)._replace(driver=driver),))
    assert ask(card, users()).safe is safe


def test_a_display_whose_files_are_known():
    shown = going(nodes=[node("card0", "drm")], functions=(function(class_="030000"),))
    answer = ask(shown, users())
    assert not any(one.what == "files" for one in answer.unseen)


def test_notes_stand_against_nothing():
    disk = going("sdb", functions=(), slots=(), stays=CARD)
    answer = ask(disk, users([block("sdb", "8:16")]))
    assert answer.safe is True
    assert CARD in answer.notes[0]
    unserved = slot()._replace(hotplug=False, mechanism=None)
    assert "no mechanism" in ask(going(slots=(unserved,)), users()).notes[0]


def test_of_a_slot_that_could_not_be_read_nothing_is_claimed():
    unread = slot()._replace(hotplug=False, mechanism=None, unknown={"power": "/sys/bus/pci/slots/4/power: EACCES"})
    assert ask(going(slots=(unread,)), users()).notes == ()


@pytest.mark.parametrize(
    "name, found",
    [
        ("hot-data", ("hot", "data")),
        ("my--hot-da--ta", ("my-hot", "da-ta")),
        ("vault", None),
        ("-x", None),
        ("x-", None),
    ],
)
def test_the_names_of_logical_volumes(name, found):
    assert lvm(name) == found


def test_an_upper_that_does_not_say_what_it_is_counts_all_the_same():
    # A macvlan's uevent has no DEVTYPE.
    under = interface("ens3", uppers=["mv0"])
    over_it = interface("mv0", lowers=["ens3"], virtual=True)
    answer = ask(ENS3, users(network=network(under, over_it)))
    assert told(answer) == [("tunnel", "mv0")]
    assert answer.blockers[0].remedy == "ip link delete dev mv0"


def test_a_team_is_told_once():
    port = interface("ens3", master="team0", uppers=["team0"])
    team = interface("team0", lowers=["ens3"], virtual=True)
    assert told(ask(ENS3, users(network=network(port, team)))) == [("team", "team0")]


def test_an_address_that_no_route_places_may_be_of_any_interface_that_is_up():
    # /32, or noprefixroute: fib_trie has it and /proc/net/route has nothing that fits.
    loose = [Address(4, "10.9.9.9", 32, ())]
    answer = ask(ENS3, users(network=network(interface("ens3"), addresses=loose)))
    assert answer.safe is None
    assert [(one.what, "10.9.9.9" in one.reason) for one in answer.unseen] == [("addresses", True)]
    assert ask(ENS3, users(network=network(interface("ens3", up=False), addresses=loose))).safe is True


def test_what_needs_neither_address_nor_route():
    below_ip = network(interface("ens3"))._replace(packet=frozenset({2}), pppoe=frozenset({"ens3"}))
    assert told(ask(ENS3, users(network=below_ip))) == [("pppoe", "ens3"), ("packet-socket", "ens3")]
    others = network(interface("ens3"))._replace(packet=frozenset({3}), pppoe=frozenset({"ens4"}))
    assert ask(ENS3, users(network=others)).safe is True


def test_a_copy_without_routes_tells_nothing_of_an_interface_that_is_up():
    missing = {"routes": Seen("routes", "/proc/net/route: not there", None)}
    assert ask(ENS3, users(network=network(interface("ens3")), unseen=missing)).safe is None
    assert ask(ENS3, users(network=network(interface("ens3", up=False)), unseen=missing)).safe is True


@pytest.mark.parametrize("key", ["listeners", "tables"])
def test_what_is_not_told_of_an_interface_counts_while_it_is_up(key):
    unseen = {key: Seen(key, "not in the recording", None)}
    for up, safe in ((True, None), (None, None), (False, True)):
        idle = network(interface("ens3", up=up))
        assert ask(ENS3, users(network=idle, unseen=unseen)).safe is safe
    assert ask(going("vdb"), users([block("vdb", "254:16")], unseen=unseen)).safe is True
