"""What is made of a function, down to who uses it: nodes, udev's word on them, mounts, the state of interfaces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Optional

from hotplugctl.collect import uses
from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.explanation import Interface, Near
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Failure, Read, Value, reason
from hotplugctl.parse import udevdb
from hotplugctl.source.tree import Tree

_UDEV_DATA = "/run/udev/data"
_UDEV_KEYS = {"block": ("b", "dev"), "net": ("n", "ifindex")}
_CARRIER = {"0": False, "1": True}
_NUMBER_LONGEST = 40


def collect(
    tree: Tree, function: PciFunction, nodes: tuple[Node, ...], nodes_failure: Optional[Failure], slot: Optional[str]
) -> Near:
    """Of one function that is there; ``nodes``: those that it made (``collect.nodes``)."""
    unknown: dict[str, str] = {}
    if nodes_failure is not None:
        unknown["nodes"] = reason(nodes_failure)
    used = uses.collect(tree, nodes, unknown)
    interfaces = [node for node in nodes if node.subsystem == "net"]
    hidden: dict[str, str] = {}
    addresses = uses.addresses(tree, [node.name for node in interfaces], hidden)
    return Near(
        nodes, module(tree, function), used,
        tuple(_interface(tree, node, addresses.get(node.name, ()), hidden) for node in interfaces),
        _done(tree, nodes, unknown), slot, unknown,
    )  # fmt: skip


def evidence(tree: Tree, functions: Iterable[PciFunction], nodes: Mapping[str, tuple[Node, ...]]) -> None:
    """Read of every function what ``collect`` reads of one, for a tree that takes notes."""
    for function in functions:
        collect(tree, function, nodes.get(function.address, ()), None, None)


def module(tree: Tree, function: PciFunction) -> Optional[str]:
    """The module that the driver of a function is in, by sysfs; None where it is built in, or there is no driver."""
    if function.driver is None:
        return None
    link = tree.link(f"/sys/bus/pci/drivers/{function.driver}/module")
    return link.text.rpartition("/")[2] if isinstance(link, Value) else None


def _done(tree: Tree, nodes: Collection[Node], unknown: dict[str, str]) -> Mapping[str, Optional[float]]:
    """What udev has finished, with the time that it notes (sd-device's database, ``I:``)."""
    listing = tree.names(_UDEV_DATA)
    if not isinstance(listing, Names):
        unknown["udev"] = reason(listing)
        return {}
    records = frozenset(listing.names)
    found: dict[str, Optional[float]] = {}
    for node in nodes:
        # Partitions come by the hundred, and a disk is ready without them.
        whole = node.detail.get("partition") is None
        letter, attribute = _UDEV_KEYS.get(node.subsystem, ("", "")) if whole else ("", "")
        number = tree.read(f"{node.path}/{attribute}") if letter else None
        record = _record(letter, number)
        if record in records:
            read = tree.read(f"{_UDEV_DATA}/{record}")
            usec = udevdb.parse(read.text).init_usec if isinstance(read, Value) else None
            found[node.name] = None if usec is None else usec / 1e6
    return found


def _record(letter: str, number: Optional[Read]) -> Optional[str]:
    if not isinstance(number, Value):
        return None
    text = number.text.strip()
    sound = text and len(text) < _NUMBER_LONGEST and all(one in "0123456789:" for one in text)
    return f"{letter}{text}" if sound else None


def _interface(tree: Tree, node: Node, addresses: tuple[str, ...], hidden: Mapping[str, str]) -> Interface:
    """The kernel refuses to tell the carrier of an interface that is down (EINVAL, net/core/net-sysfs.c)."""
    unknown: dict[str, str] = {key: why for key, why in node.unknown.items() if key == "operstate"}
    carrier = tree.read(f"{node.path}/carrier")
    link = _CARRIER.get(carrier.text.strip()) if isinstance(carrier, Value) else None
    if link is None:
        unknown["carrier"] = f"{carrier.path}: not 0 or 1" if isinstance(carrier, Value) else reason(carrier)
    unknown.update(hidden)
    state, mac = node.detail.get("operstate"), node.detail.get("address")
    if mac is None and "address" in node.unknown:
        unknown["mac"] = node.unknown["address"]
    return Interface(
        node.name, state if isinstance(state, str) else None, link, mac if isinstance(mac, str) else None,
        None if hidden and not addresses else addresses, unknown,
    )  # fmt: skip
