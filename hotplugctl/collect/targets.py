"""What a TARGET of the command line stands for in this tree: which function, slot or node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from hotplugctl.collect import nodes, serials, slot_names
from hotplugctl.collect.functions import DEVICES, device_path
from hotplugctl.errors import BadTarget
from hotplugctl.model.address import PciAddress, owner
from hotplugctl.model.devices import FILELESS, NODE_CLASSES, Node
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Vanished, reason
from hotplugctl.model.target import ADDRESS, NET, NODE, SERIAL, SLOT, Target, Wish, wish
from hotplugctl.source.tree import Tree

_SLOT_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([01][0-9a-fA-F])\Z")
# What the kernel appends to the number of a slot that is taken on another bus (make_slot_name, drivers/pci/slot.c).
_SUFFIX = re.compile(r"-[0-9]+\Z")
_SCSI = re.compile(r"[0-9]+:[0-9]+:[0-9]+:[0-9]+\Z")
_SHOWN = 8


class _Seen(NamedTuple):
    """What fits a wish, and the first reason for which more may fit."""

    found: list[Target]
    unknown: Optional[str]


def resolve(tree: Tree, text: str) -> Target:
    """The one thing in ``tree`` that ``text`` names; ``Target.found`` is False where nothing is called so.

    An address, a slot (/sys/bus/pci/slots), a node or an interface (/sys/class), also by a link in /dev. Serial numbers
    are looked at where none of these is called so: reading one can ask the device. Raises BadTarget where nothing
    can be called so, or more than one thing is: a name that two slots differ in by the kernel's suffix alone (4, 4-2),
    a slot, node and interface of one name, a serial number that two disks have.
    """
    asked = wish(text)
    if asked.kind == ADDRESS:
        return _address(tree, asked)
    seen = _Seen([], None)
    for kind, look in _LOOKS.items():
        if asked.kind == kind or (asked.kind is None and (kind != SERIAL or not seen.found)):
            more = look(tree, asked)
            seen = _Seen(seen.found + more.found, seen.unknown or more.unknown)
    if len(seen.found) > 1:
        raise BadTarget(f"{asked.text!r}: ambiguous", f"say which: {_candidates(seen.found)}")
    if seen.found:
        return seen.found[0]
    slot = asked.name if asked.kind == SLOT else None
    return Target(asked.text, asked.kind, None, slot, None, (), (), seen.unknown)


def _candidates(found: Sequence[Target]) -> str:
    shown = ", ".join(_spelt(one) for one in found[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown}, and {len(found) - _SHOWN} more"


def _spelt(one: Target) -> str:
    """A spelling by which this one alone is meant, and where it is."""
    if one.kind == SLOT:
        return f"slot:{one.slot} ({one.slot_address})"
    name = one.nodes[0].name if one.nodes else one.text
    kind = NET if one.kind == NET else NODE
    return f"{kind}:{name} ({one.address or 'on no PCI function'})"


def _address(tree: Tree, asked: Wish) -> Target:
    address = asked.address or ""
    parsed = PciAddress.parse(address)
    there, unknown = _there(tree, DEVICES, address)
    of_slot = parsed.slot if parsed is not None else None
    return Target(asked.text, ADDRESS, address, None, of_slot, (address,) if there else (), (), unknown)


def _there(tree: Tree, folder: str, name: str) -> tuple[bool, Optional[str]]:
    """Whether a folder of sysfs holds a name, and why that is not known. What was listed without it has it not."""
    listing = tree.names(folder)
    if isinstance(listing, Names):
        return name in listing.names, None
    kind = tree.kind_of(f"{folder}/{name}")
    if isinstance(kind, str):
        return True, None
    return False, None if isinstance(kind, (Absent, Vanished)) else reason(listing)


def _slots(tree: Tree, asked: Wish) -> _Seen:
    by_address, failure = slot_names.collect(tree)
    unknown = None if failure is None else reason(failure)
    place = _SLOT_ADDRESS.match(asked.name)
    if place is not None:
        spelt = f"{int(place[1] or '0', 16):04x}:{place[2]}:{place[3]}".lower()
        matching = {spelt: by_address[spelt]} if spelt in by_address else {}
    else:
        exact = {address: name for address, name in by_address.items() if name == asked.name}
        siblings = {address: name for address, name in by_address.items() if _SUFFIX.sub("", name) == asked.name}
        # Said with its prefix, a name is that of the directory in sysfs; without it, that of the slot on any bus.
        matching = exact if asked.kind == SLOT and exact else {**exact, **siblings}
    if not matching and failure is None:
        unknown = _unlisted(tree, slot_names.SLOTS)
    inside = _functions_in(tree, matching)
    return _Seen([_slot(asked, address, name, inside) for address, name in sorted(matching.items())], unknown)


def _unlisted(tree: Tree, folder: str) -> Optional[str]:
    listing = tree.names(folder)
    return None if isinstance(listing, (Names, Absent)) else reason(listing)


def _functions_in(tree: Tree, slots: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Address of a slot (``dddd:bb:dd``, or a placeholder's ``dddd:bb``) → the functions in it."""
    listing = tree.names(DEVICES)
    names = listing.names if isinstance(listing, Names) else ()
    wanted = tuple(slots)
    return {slot: tuple(name for name in names if name[:-2] == slot or name[:-5] == slot) for slot in wanted}


def _slot(asked: Wish, address: str, name: str, inside: Mapping[str, tuple[str, ...]]) -> Target:
    return Target(asked.text, SLOT, None, name, address, inside[address], ())


def _nodes(tree: Tree, asked: Wish) -> _Seen:
    return _of_classes(tree, asked, NODE, (one for one in NODE_CLASSES if one not in FILELESS))


def _interfaces(tree: Tree, asked: Wish) -> _Seen:
    return _of_classes(tree, asked, NET, ("net",))


def _of_classes(tree: Tree, asked: Wish, kind: str, classes: Iterable[str]) -> _Seen:
    names = _kernel_names(tree, asked.name) if kind == NODE else (asked.name,)
    unknown: Optional[str] = None
    # A device can be in several classes by one name (rtc0); it is the same device then.
    found: dict[str, Target] = {}
    for subsystem in classes:
        folder = f"/sys/class/{subsystem}"
        for name in names:
            there, why = _there(tree, folder, name)
            path = device_path(tree, f"{folder}/{name}") if there else None
            if isinstance(path, str):
                found.setdefault(path, _node(asked, kind, nodes.named(subsystem, path)))
            elif subsystem in ("block", "net"):
                # Of the other classes, a recording lacks those that were not there.
                unknown = unknown or why
    return _Seen(list(found.values()), unknown if not found else None)


def _kernel_names(tree: Tree, name: str) -> tuple[str, ...]:
    """The names in sysfs that a name in /dev may stand for: its own, with ! for /, and that which a link leads to."""
    inner = name[len("/dev/") :] if name.startswith("/dev/") else name
    found = [inner.replace("/", "!"), inner.rpartition("/")[2] if inner.startswith(("snd/", "dri/")) else ""]
    if name.startswith("/dev/"):
        target = tree.resolve(name)
        if isinstance(target, str) and target.startswith("/dev/"):
            found.append(target[len("/dev/") :].replace("/", "!"))
    return tuple(dict.fromkeys(one for one in found if one))


def _node(asked: Wish, kind: str, node: Node) -> Target:
    above = owner(node.path)
    address = None if above is None else above[0]
    return Target(asked.text, kind, address, None, None, () if address is None else (address,), (node,))


def _serials(tree: Tree, asked: Wish) -> _Seen:
    by_address, failure = nodes.collect(tree)
    found: dict[str, Target] = {}
    for address, node in _disks(by_address):
        if asked.name.strip() in serials.collect(tree, (node,)):
            unit = next((part for part in node.via if _SCSI.match(part)), address)
            before = found.get(unit)
            named = (node,) if before is None else (*before.nodes, node)
            found[unit] = Target(asked.text, SERIAL, address, None, None, (address,), named)
    return _Seen(list(found.values()), reason(failure) if failure is not None else _unlisted(tree, "/sys/class/block"))


def _disks(by_address: Mapping[str, tuple[Node, ...]]) -> Iterator[tuple[str, Node]]:
    """Disks and NVMe controllers, no partitions: udev notes the serial number of the disk with each."""
    for address, items in sorted(by_address.items()):
        for node in items:
            if node.subsystem == "nvme" or (node.subsystem == "block" and node.detail.get("partition") is None):
                yield address, node


_LOOKS = {SLOT: _slots, NODE: _nodes, NET: _interfaces, SERIAL: _serials}
