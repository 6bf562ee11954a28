"""One side of a comparison: what a tree, or a text of lspci, tells of functions, nodes, slots and mechanisms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Optional

from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.difference import Facts, Held, Side
from hotplugctl.model.reads import Failure, reason
from hotplugctl.source.tree import Tree

if TYPE_CHECKING:
    from hotplugctl.model.devices import Slot
    from hotplugctl.model.names import Names
    from hotplugctl.model.snapshot import Detail, Mechanism, Snapshot

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:([01][0-9a-f]\.[0-7])\Z")
_BARS = 6
_BARS_OF_BRIDGE = 2
_FILES = (("bars", "resource"), ("answers", "config"))
_NOT_WHOLE = "it may hold a part of the devices only"
_SCRUBBED = ("serial", "address")
_OF_NODES = ("size", "ro", "model", "serial", "address", "state")


class Found(NamedTuple):
    """A side, and its functions as the tree has them: names are looked up for those that are shown."""

    side: Side
    functions: tuple[PciFunction, ...]


def of_tree(tree: Tree, label: str, *, functions_only: bool) -> Found:
    """All that a tree tells. ``functions_only``: the other side tells of nothing else."""
    from hotplugctl.collect import details, functions

    if functions_only:
        listed = functions.collect(tree)
        of_details = details.collect(tree, listed.items, {})
        slots = _slot_names(tree)
        held = tuple(_function(item, of_details.get(item.address), slots, ()) for item in listed.items)
        silent = _silent_functions(tree, listed.failure)
        return Found(Side(label, tree.kind, held, {}, (), (), silent, _partial(tree, None)), listed.items)
    return _whole(tree, label)


def _whole(tree: Tree, label: str) -> Found:
    from hotplugctl.collect import nodes, serials, snapshot

    found = snapshot.collect(tree, asks=False)
    of_nodes, nodes_failure = nodes.collect(tree)
    held_nodes = {
        address: tuple(_node(node, address, serials.marks(tree, node)) for node in items)
        for address, items in of_nodes.items()
    }
    slots = _SlotNames(
        {slot.address: slot.name for slot in found.slots.items if slot.address is not None},
        found.slots.failure is None,
    )
    listed = found.functions
    held = tuple(
        _function(item, found.details.get(item.address), slots, held_nodes.get(item.address, ()))
        for item in listed.items
    )
    mechanisms = tuple(_mechanism(item) for item in (found.core, *found.mechanisms))
    side = Side(
        label, tree.kind, held, held_nodes, tuple(_slot(item) for item in found.slots.items), mechanisms,
        _silent(tree, found, mechanisms), _partial(tree, nodes_failure),
    )  # fmt: skip
    return Found(side, listed.items)


def _silent(tree: Tree, found: Snapshot, mechanisms: Iterable[Held]) -> Mapping[str, str]:
    silent = dict(_silent_functions(tree, found.functions.failure))
    if found.slots.failure is not None:
        silent["slot"] = reason(found.slots.failure)
    if not any(held.facts.get("state") for held in mechanisms):
        silent["mechanism"] = next((held.unknown["state"] for held in mechanisms), "no evidence")
    return silent


def _silent_functions(tree: Tree, failure: Optional[Failure]) -> Mapping[str, str]:
    if failure is None:
        return {}
    why = "a guest image runs nothing" if tree.kind == "image" else reason(failure)
    return dict.fromkeys(("function", "driver", "node"), why)


def _partial(tree: Tree, nodes_failure: Optional[Failure]) -> Mapping[str, str]:
    if not tree.whole:
        return dict.fromkeys(("function", "node"), _NOT_WHOLE)
    return {} if nodes_failure is None else {"node": reason(nodes_failure)}


class _SlotNames(NamedTuple):
    """Slot address → name; ``known``: what is not in there has no slot."""

    names: Mapping[str, str]
    known: bool


def _slot_names(tree: Tree) -> _SlotNames:
    from hotplugctl.collect import slot_names
    from hotplugctl.model.listing import Names

    names, failure = slot_names.collect(tree)
    return _SlotNames(names, failure is None and isinstance(tree.names("/sys/bus/pci/slots"), Names))


_PLAIN = (
    ("class", "class_"), ("vendor", "vendor"), ("device", "device"), ("subsystem_vendor", "subsystem_vendor"),
    ("subsystem_device", "subsystem_device"), ("revision", "revision"), ("driver", "driver"), ("enabled", "enabled"),
)  # fmt: skip


def _function(item: PciFunction, detail: Optional[Detail], slots: _SlotNames, nodes: Iterable[Held]) -> Held:
    facts: dict[str, object] = {"address": item.address}
    unknown = dict(item.unknown)
    for key, attribute in _PLAIN:
        if key not in unknown:
            facts[key] = getattr(item, attribute)
    if slots.known or item.slot_address in slots.names:
        facts["slot"] = slots.names.get(item.slot_address)
    if detail is not None:
        facts.update(_of_detail(item, detail))
        unknown.update((key, detail.unknown[file]) for key, file in _FILES if file in detail.unknown)
    return Held(item.address, facts, unknown, _marks_of_function(nodes), place_of(item.path))


def _of_detail(item: PciFunction, detail: Detail) -> Facts:
    found: dict[str, object] = {}
    if detail.config is not None:
        found["answers"] = not detail.config.all_ones
    if detail.resources is not None:
        count = _BARS_OF_BRIDGE if item.is_bridge else _BARS
        sizes = [line.size if line.assigned else None for line in detail.resources[:count]]
        found["bars"] = (*sizes, *[None] * (_BARS - len(sizes)))
    return found


def _marks_of_function(nodes: Iterable[Held]) -> frozenset[str]:
    """What marks the function itself: a MAC address, the serial number of a virtio disk or of an NVMe controller."""
    return frozenset(
        mark
        for node in nodes
        if node.facts["subsystem"] in ("net", "nvme") or _is_virtio_disk(node)
        for mark in node.marks
    )


def _is_virtio_disk(node: Held) -> bool:
    return node.number is None and len(node.place) == 2 and node.place[0].startswith("virtio")


def place_of(path: str) -> tuple[str, ...]:
    """The way from the root bus to a function, without the bus numbers: ``("pci0000:00", "03.0", "00.0")``."""
    _, found, way = path.partition("/pci")
    if not found:
        return ()
    parts = [_ADDRESS.match(part) for part in way.split("/")[1:]]
    if not parts or None in parts:
        return ()
    return ("pci" + way.split("/")[0], *(part[1] for part in parts if part is not None))


def _node(node: Node, address: str, marks: frozenset[str]) -> Held:
    facts: dict[str, object] = {
        "subsystem": node.subsystem, "name": node.name, "node": node.node, "function": address, "hung": bool(node.hung),
    }  # fmt: skip
    facts.update((key, node.detail.get(key)) for key in _OF_NODES if key not in node.unknown)
    number = node.detail.get("partition") if node.subsystem == "block" else None
    if node.subsystem == "block" and number is None and not facts.get("serial"):
        _find_serial(facts, marks)
    if node.subsystem == "net" and isinstance(facts.get("address"), str) and _is_own(str(facts["address"])):
        marks = marks | {f"mac:{facts['address']}"}
    if node.subsystem == "nvme" and facts.get("serial"):
        marks = marks | {f"serial:{str(facts['serial']).strip()}"}
    partition = number if isinstance(number, int) else None
    return Held(node.name, facts, dict(node.unknown), marks, node.via, partition)


def _find_serial(facts: dict[str, object], marks: Iterable[str]) -> None:
    """Of a disk that has no ``serial`` file: the kernel's word before udev's; nobody asks the disk itself."""
    said = dict(mark.split(":", 1) for mark in marks)
    found = said.get("serial") or said.get("ID_SERIAL_SHORT") or said.get("ID_SERIAL")
    facts.pop("serial", None)
    if found is not None:
        facts["serial"] = found


def _is_own(mac: str) -> bool:
    return mac.strip("0:") != ""


def _slot(slot: Slot) -> Held:
    mechanism = slot.mechanism if slot.hotplug or "mechanism" in slot.unknown else "none"
    values = {
        "name": slot.name, "address": slot.address, "mechanism": mechanism, "occupied": slot.occupied,
        "power": slot.power,
    }  # fmt: skip
    return Held(slot.name, {key: value for key, value in values.items() if key not in slot.unknown}, dict(slot.unknown))


def _mechanism(item: Mechanism) -> Held:
    facts: dict[str, object] = {"name": item.name}
    if item.state != "unknown":
        facts.update({"state": item.state, "blocked_by": item.blocked_by})
    return Held(item.name, facts, dict(item.unknown))


def anonymous(side: Side) -> Side:
    """The side less what a scrubbed recording has pseudonyms for: another recording has others, or others' names."""
    nodes = {address: tuple(_less_pseudonyms(held) for held in items) for address, items in side.nodes.items()}
    functions = tuple(held._replace(marks=frozenset()) for held in side.functions)
    return side._replace(functions=functions, nodes=nodes)


def _less_pseudonyms(held: Held) -> Held:
    hidden = [key for key in _SCRUBBED if held.facts.get(key) is not None]
    return held._replace(
        facts={key: value for key, value in held.facts.items() if key not in hidden},
        marks=frozenset(),
        unknown={**held.unknown, **dict.fromkeys(hidden, "scrubbed")},
    )


def named(held: Held, names: Names) -> Held:
    """A function with what it is called."""
    get = held.facts.get
    class_, vendor, device = (_text(get(key)) for key in ("class", "vendor", "device"))
    words = (names.vendor(vendor) or vendor, names.device(vendor, device) or device)
    return held._replace(
        facts={
            **held.facts,
            "class_name": names.class_(class_),
            "name": " ".join(word for word in words if word) or None,
        }
    )


def _text(value: object) -> Optional[str]:
    return value if isinstance(value, str) else None
