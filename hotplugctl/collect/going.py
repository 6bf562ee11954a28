"""What goes when a target is pulled: its functions, those that go with the slot, all that is behind a bridge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect import details, nodes
from hotplugctl.collect.functions import collect as all_functions
from hotplugctl.collect.snapshot import topology
from hotplugctl.model.address import owner
from hotplugctl.model.devices import Functions, Node, PciFunction, Slots
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Failure, Value, reason
from hotplugctl.model.snapshot import Detail
from hotplugctl.model.target import Target
from hotplugctl.model.users import Going, Virtual
from hotplugctl.source.tree import Tree

# What can be taken from its controller alone: a SCSI device, a USB device.
_ALONE = re.compile(r"[0-9]+:[0-9]+:[0-9]+:[0-9]+\Z|[0-9]+-[0-9]+(?:\.[0-9]+)*\Z")


class Scope(NamedTuple):
    """What goes, and where it was looked: ``ports``: port above a slot that goes → its registers."""

    going: Going
    slots: Slots
    functions: Functions
    ports: Mapping[str, Detail]
    nodes_unknown: Optional[str]


def collect(tree: Tree, target: Target) -> Scope:
    """Of a target that was found."""
    listed = all_functions(tree)
    where = topology(tree, listed.items)
    by_address, failure = nodes.bare(tree)
    alone = _alone(tree, target, by_address)
    if alone is not None:
        stays = target.address
        return Scope(Going("device", (), alone, (), {}, {}, stays), where.slots, listed, {}, _why(failure))
    virtuals: dict[str, Virtual] = {}
    going = _closure(tree, target, listed.items, virtuals)
    addresses = {function.slot_address for function in going}
    slots = tuple(
        slot for slot in where.slots.items if slot.address in addresses or slot.address == target.slot_address
    )
    ports = [where.functions[slot.port] for slot in slots if slot.port is not None and slot.port in where.functions]
    found = Going(
        "slot" if any(slot.hotplug for slot in slots) else "function",
        going,
        tuple(node for function in going for node in by_address.get(function.address, ())),
        slots,
        virtuals,
        {function.address: group for function in going for group in groups(tree, function)},
        None,
    )
    return Scope(found, where.slots, listed, details.collect(tree, ports, where.services), _why(failure))


def _why(failure: Optional[Failure]) -> Optional[str]:
    return None if failure is None else reason(failure)


def _alone(tree: Tree, target: Target, by_address: Mapping[str, tuple[Node, ...]]) -> Optional[tuple[Node, ...]]:
    """The nodes that go without a PCI function: those of a SCSI or USB device, or of what is on none."""
    if not target.nodes:
        return None
    node = target.nodes[0]
    if target.address is None:
        return _below(tree, node)
    above = owner(node.path)
    parts = [at for at, part in enumerate(node.via) if _ALONE.match(part)]
    if not parts or above is None:
        return None
    root = "/".join((above[1], *node.via[: parts[-1] + 1]))
    return tuple(one for one in by_address.get(target.address, ()) if one.path.startswith(root + "/"))


def _below(tree: Tree, node: Node) -> tuple[Node, ...]:
    """A disk with its partitions; of a partition the disk with all of them."""
    if node.subsystem != "block":
        return (node,)
    disk, last = node.path.rpartition("/")[0], node.path.rpartition("/")[2]
    root = disk if last.startswith(disk.rpartition("/")[2]) and "/block/" in disk else node.path
    listing = tree.names("/sys/class/block")
    names = listing.names if isinstance(listing, Names) else (node.name,)
    base = root.rpartition("/")[2]
    found = []
    for name in names:
        if name.startswith(base):
            path = f"{root}/{name}" if name != base else root
            if name == base or isinstance(tree.kind_of(path), str):
                found.append(nodes.named("block", path))
    return tuple(found) or (node,)


def _closure(
    tree: Tree, target: Target, items: tuple[PciFunction, ...], virtuals: dict[str, Virtual]
) -> tuple[PciFunction, ...]:
    """The functions that go: with the slot, behind the bridge, and the virtual ones that a function has made."""
    by_address = {function.address: function for function in items}
    below: dict[str, list[str]] = {}
    mates: dict[str, list[str]] = {}
    for function in items:
        mates.setdefault(function.slot_address, []).append(function.address)
        if function.parent is not None:
            below.setdefault(function.parent, []).append(function.address)
    pending = [address for address in target.functions if address in by_address]
    found: dict[str, PciFunction] = {}
    while pending:
        address = pending.pop()
        if address in found:
            continue
        function = found[address] = by_address[address]
        of_function = virtuals[address] = virtual(tree, function)
        more: Iterable[str] = (*below.get(address, ()), *of_function.children)
        # A virtual function shares its device number with others, and is in no slot.
        beside = () if of_function.physical is not None else mates[function.slot_address]
        pending += [one for one in (*more, *beside) if one in by_address]
    return tuple(function for function in items if function.address in found)


def virtual(tree: Tree, function: PciFunction) -> Virtual:
    """SR-IOV (Documentation/PCI/pci-iov-howto.rst): sriov_numvfs, the links virtfnN and physfn."""
    physical = tree.link(f"{function.path}/physfn")
    above = physical.text.rpartition("/")[2] if isinstance(physical, Value) else None
    count = tree.read(f"{function.path}/sriov_numvfs")
    number = count.text.strip() if isinstance(count, Value) else "0"
    children = []
    if number.isdigit() and number.strip("0"):
        for index in range(min(int(number[:6]), 1 << 16)):
            link = tree.link(f"{function.path}/virtfn{index}")
            if not isinstance(link, Value):
                break
            children.append(link.text.rpartition("/")[2])
    return Virtual(tuple(children), above)


def groups(tree: Tree, function: PciFunction) -> tuple[str, ...]:
    """The number of its IOMMU group: the name of the file in /dev/vfio."""
    link = tree.link(f"{function.path}/iommu_group")
    return (link.text.rpartition("/")[2],) if isinstance(link, Value) else ()
