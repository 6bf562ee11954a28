"""What ``list`` shows: functions with their nodes, slots, modules and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

from hotplugctl.collect import functions, guest, modules, names, nodes, slot_names
from hotplugctl.model.devices import Functions, Node
from hotplugctl.model.names import Names
from hotplugctl.model.reads import Failure, reason
from hotplugctl.source.tree import Tree

Claims = Union[Mapping[str, tuple[str, ...]], Failure]


class Listing(NamedTuple):
    """``slots``: address of a function → the name of its slot; ``modules``: modalias → modules that claim it.

    ``nodes_failure``, ``slots_failure``: what may have hidden nodes, or the slot of a function that has none here.
    """

    functions: Functions
    nodes: Mapping[str, tuple[Node, ...]]
    slots: Mapping[str, str]
    modules: Claims
    names: Names
    nodes_failure: Optional[Failure] = None
    slots_failure: Optional[Failure] = None

    def unknown(self, address: str) -> Mapping[str, str]:
        """Why a function's ``nodes`` and ``slot`` are not known, where nothing of them was found."""
        failed = {
            "slot": None if address in self.slots else self.slots_failure,
            "nodes": None if self.nodes.get(address) else self.nodes_failure,
        }
        return {key: reason(failure) for key, failure in failed.items() if failure is not None}


class Found(NamedTuple):
    """``evidence``: fields as in ``Listing``."""

    modules: Claims
    nodes: Mapping[str, tuple[Node, ...]]
    slots: Mapping[str, str]
    nodes_failure: Optional[Failure]
    slots_failure: Optional[Failure]


def collect(tree: Tree, reference: Optional[Tree]) -> Listing:
    """Everything that ``list`` needs; ``reference`` is this machine, for pci.ids alone."""
    found = functions.collect(tree)
    read = evidence(tree, found)
    called = names.collect(tree, reference, found.items)
    return Listing(found, read.nodes, read.slots, read.modules, called, read.nodes_failure, read.slots_failure)


def evidence(tree: Tree, found: Functions) -> Found:
    """What is read of the tree beside its functions: modules that claim them, nodes, names of slots."""
    aliases = {item.modalias for item in found.items if item.modalias is not None}
    claims, failure = modules.matches(tree, guest.release(tree)[0], aliases)
    of_nodes, nodes_failure = nodes.collect(tree)
    by_address, slots_failure = slot_names.collect(tree)
    of_slots = {item.address: by_address[item.slot_address] for item in found.items if item.slot_address in by_address}
    return Found(claims if failure is None else failure, of_nodes, of_slots, nodes_failure, slots_failure)
