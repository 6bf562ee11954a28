"""Stacks on a device, made by hand, and what ``can-unplug`` says of them: for the tests of ``rules.unplug``."""

from __future__ import annotations

from hotplugctl.model.devices import Node, PciFunction, Slot
from hotplugctl.model.users import Block, Going, Interface, Mount, Network, Processes, Users
from hotplugctl.rules import unplug

CARD = "0000:00:04.0"
PATH = f"/sys/devices/pci0000:00/{CARD}"
NOBODY = Processes((), (), ())
NO_NETWORK = Network({}, (), (), (), {})


def block(name, number="", holders=(), slaves=(), disk=None, dm=None, md=None, **more):
    fields = {"backing": None, "alive": True, "bcache": None, "system": None, "holds": None, **more}
    return Block(name, f"/sys/block/{name}", number or None, disk, tuple(holders), tuple(slaves), dm, md, **fields)


def mount(point, number, source="/dev/vdb", id=0, parent=1, type="ext4", peers=(), options="rw"):
    return Mount(id or 100 + sum(map(ord, point)), parent, number, "/", point, tuple(peers), type, source, options)


def users(blocks=(), mounts=(), **more):
    fields = {
        "swaps": (), "exports": (), "network": NO_NETWORK, "btrfs": {}, "tags": {}, "resume": None,
        "consoles": frozenset(), "pools": frozenset(), "unseen": {}, **more,
    }  # fmt: skip
    return Users({one.name: one for one in blocks}, tuple(mounts), **fields)


def function(address=CARD, class_="010000", driver="virtio-pci"):
    path = f"/sys/devices/pci0000:00/{address}"
    return PciFunction(address, path, class_, "1af4", "1001", None, None, "00", driver, True, None, None, {})


def node(name, subsystem="block", path=PATH):
    file = None if subsystem == "net" else f"/dev/{name}"
    return Node(subsystem, name, file, ("virtio1", subsystem), f"{path}/virtio1/{subsystem}/{name}", {}, {})


def slot(**more):
    fields = {"attention": None, "power": 1, **more}
    return Slot(
        "4", "0000:00:04", True, "acpiphp", "", True, fields["power"], fields["attention"], None, 1, None, None, None,
        (CARD,), {},
    )  # fmt: skip


def going(*names, nodes=(), functions=None, **more):
    found = {"slots": (slot(),), "virtual": {}, "groups": {}, "stays": None, **more}
    there = (function(),) if functions is None else functions
    return Going("slot", there, tuple(node(name) for name in names) + tuple(nodes), **found)


def ask(goes, found, processes=NOBODY, children=(), ports=None):
    at_stake = unplug.stake(goes, found)
    wanted = unplug.interest(goes, found, at_stake)
    evidence = unplug.Evidence(goes, found, children, ports or {}, None)
    return unplug.answer(evidence, at_stake, wanted, processes)


def told(answer):
    return [(one.kind, one.subject) for one in answer.blockers]


def interface(name, master=None, uppers=(), lowers=(), kind=None, virtual=False, up=True, carrier=True):
    path = f"/sys/devices/virtual/net/{name}" if virtual else f"{PATH}/virtio1/net/{name}"
    return Interface(name, path, 2, master, tuple(uppers), tuple(lowers), kind, up, carrier, None)


def network(*interfaces, routes=(), addresses=(), connections=(), sessions=None):
    return Network(
        {one.name: one for one in interfaces}, tuple(routes), tuple(addresses), tuple(connections), sessions or {}
    )
