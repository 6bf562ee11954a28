"""What ``list`` shows: functions with their nodes, slots, modules and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

from hotplugctl.collect import functions, guest, modules, names, nodes
from hotplugctl.model.devices import Functions, Node
from hotplugctl.model.listing import Names as Entries
from hotplugctl.model.names import Names
from hotplugctl.model.reads import Failure, Value
from hotplugctl.source.tree import Tree

_SLOTS = "/sys/bus/pci/slots"
Claims = Union[Mapping[str, tuple[str, ...]], Failure]


class Listing(NamedTuple):
    """``slots``: address of a function → the name of its slot; ``modules``: modalias → modules that claim it."""

    functions: Functions
    nodes: Mapping[str, tuple[Node, ...]]
    slots: Mapping[str, str]
    modules: Claims
    names: Names


def collect(tree: Tree, reference: Optional[Tree]) -> Listing:
    """Everything that ``list`` needs; ``reference`` is this machine, for pci.ids alone."""
    found = functions.collect(tree)
    claims, of_nodes, of_slots = evidence(tree, found)
    return Listing(found, of_nodes, of_slots, claims, names.collect(tree, reference, found.items))


def evidence(tree: Tree, found: Functions) -> tuple[Claims, Mapping[str, tuple[Node, ...]], Mapping[str, str]]:
    """What is read of the tree beside its functions: modules that claim them, nodes, names of slots."""
    aliases = {item.modalias for item in found.items if item.modalias is not None}
    claims, failure = modules.matches(tree, guest.release(tree)[0], aliases)
    return (claims if failure is None else failure), nodes.collect(tree), _slot_names(tree, found)


def _slot_names(tree: Tree, found: Functions) -> Mapping[str, str]:
    """By address: names repeat with suffixes, addresses do not."""
    listing = tree.names(_SLOTS)
    by_address: dict[str, str] = {}
    for name in listing.names if isinstance(listing, Entries) else ():
        address = tree.read(f"{_SLOTS}/{name}/address")
        if isinstance(address, Value):
            by_address[address.text] = name
    if not by_address:
        return {}
    return {item.address: by_address[item.slot_address] for item in found.items if item.slot_address in by_address}
