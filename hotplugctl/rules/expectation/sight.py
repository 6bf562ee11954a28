"""Is the expected there? In a guest as it is now, or between two looks at it."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Optional

from hotplugctl.model.address import PciAddress
from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.monitor import Clues, Expectation, Sighting, View
from hotplugctl.model.reads import Failure, reason

_LISTED = 5


def comes(expected: Expectation, view: View) -> bool:
    """Whether there is anything to wait for: no command that is refused, or that the guest sees nothing of."""
    if view.functions.failure is not None:
        return False
    return expected.valid is not False and (expected.clues.function or expected.expects.subsystem is not None)


def now(expected: Expectation, view: Optional[View]) -> Sighting:
    """What one look tells: only where the place, a serial number or a MAC address says which device it is."""
    clues = expected.clues
    address = clues.place.address if clues.place is not None else None
    if expected.valid is False and not expected.told:
        return _unknown(address, "not looked for: it is refused")
    if view is None or view.functions.failure is not None:
        return _unknown(address, "the guest's functions could not be listed", view and view.functions.failure)
    if not clues.function and not expected.told:
        return _unknown(address, "not looked for")
    if address is None and clues.serial is None and clues.mac is None:
        return _unknown(None, "nothing says which of those that are there it would be")
    if expected.action == "remove":
        gone = all(function.address != address for function in view.functions.items)
        return Sighting(gone, address, (), (f"nothing is at {address}",) if gone else ())
    marked = [function for function in view.functions.items if fits(function, expected, view)]
    if address is None:
        marked = [function for function in marked if _marked(function, clues, view)]
    return _found(marked, expected, address, view)


def between(expected: Expectation, before: View, after: View) -> Sighting:
    """What two looks tell: what is new in the second, or no more there."""
    address = expected.clues.place.address if expected.clues.place is not None else None
    for view in (before, after):
        if view.functions.failure is not None:
            return _unknown(address, "the guest's functions could not be listed", view.functions.failure)
    if expected.action == "remove":
        return _gone(expected, address, before, after)
    if not expected.clues.function and not expected.told:
        return _new_node(expected, address, before, after)
    was = {function.address: _identity(function) for function in before.functions.items}
    new = [one for one in after.functions.items if was.get(one.address) != _identity(one)]
    found = _found([one for one in new if fits(one, expected, after)], expected, address, after)
    if not found.seen and address in was:
        return found._replace(remarks=(f"{address} was there before already",))
    return found


def _identity(function: PciFunction) -> tuple[Optional[str], ...]:
    return function.vendor, function.device, function.subsystem_vendor, function.subsystem_device


def fits(function: PciFunction, expected: Expectation, view: View) -> bool:
    """Whether a function may be the expected one: its ids, its place, and what its nodes say of themselves.

    What could not be read speaks against nothing.
    """
    clues = expected.clues
    address = PciAddress.parse(function.address)
    if address is None or not _placed(address, clues):
        return False
    if expected.expects.ids and None not in (function.vendor, function.device):
        if f"{function.vendor}:{function.device}" not in expected.expects.ids:
            return False
    elif expected.expects.class_ and not expected.expects.class_.startswith(function.class_ or ""):
        return False
    return not any(_contradicts(node, clues) for node in view.nodes.get(function.address, ()))


def _placed(address: PciAddress, clues: Clues) -> bool:
    if clues.place is not None and clues.place.address is not None:
        return str(address) == clues.place.address
    if clues.device is not None and address.device != clues.device:
        return False
    return clues.number is None or address.function == clues.number


def _said(node: Node, clues: Clues) -> tuple[tuple[Optional[str], object], ...]:
    """What the command says, and what the node says, of its serial number and its MAC address."""
    serial = node.detail.get("serial") if node.subsystem in ("block", "nvme") else None
    mac = node.detail.get("address") if node.subsystem == "net" else None
    return (clues.serial, serial), (clues.mac and clues.mac.lower(), mac)


def _contradicts(node: Node, clues: Clues) -> bool:
    pairs = _said(node, clues)
    return any(asked and said and not _same(asked, said) for asked, said in pairs)


def _same(asked: str, said: object) -> bool:
    """A virtio disk tells no more than 20 characters of its serial number; others pad it."""
    text = str(said).strip().lower()
    return text in (asked.strip().lower(), asked.strip().lower()[:20])


def _marked(function: PciFunction, clues: Clues, view: View) -> bool:
    return any(
        asked and said and _same(asked, said)
        for node in view.nodes.get(function.address, ())
        for asked, said in _said(node, clues)
    )


def _found(fitting: list[PciFunction], expected: Expectation, address: Optional[str], view: View) -> Sighting:
    if not fitting:
        return Sighting(False, address)
    chosen = [one for one in fitting if _marked(one, expected.clues, view)] or fitting
    if len(chosen) > 1 and expected.clues.on_root is not None:
        on_root = expected.clues.on_root
        chosen = [one for one in chosen if (one.parent is None) == on_root] or chosen
    if len(chosen) == 1:
        return Sighting(True, chosen[0].address)
    return Sighting(True, None, (("address", f"{len(chosen)} fit: {_some(one.address for one in chosen)}"),))


def _some(addresses: Iterable[str]) -> str:
    named = list(addresses)
    return ", ".join(named[:_LISTED]) + (" ..." if len(named) > _LISTED else "")


def _gone(expected: Expectation, address: Optional[str], before: View, after: View) -> Sighting:
    if not expected.clues.function:
        return Sighting(False, None)
    left = {function.address for function in after.functions.items}
    gone = [function for function in before.functions.items if function.address not in left]
    if address is not None:
        if any(function.address == address for function in gone):
            return Sighting(True, address)
        note = "was not there before" if address not in left else "is there still"
        return Sighting(False, address, (), (f"{address} {note}",))
    # Functions of one card, and what was behind a bridge, go together.
    names = {function.address for function in gone}
    firsts = {function.slot_address: function for function in reversed(gone) if function.parent not in names}
    if len(firsts) == 1:
        return Sighting(True, next(iter(firsts.values())).address)
    if not firsts:
        return Sighting(False, None)
    all_of_them = _some(sorted(function.address for function in firsts.values()))
    return Sighting(True, None, (("address", f"{len(firsts)} devices went: {all_of_them}"),))


def _new_node(expected: Expectation, address: Optional[str], before: View, after: View) -> Sighting:
    """A disk on a controller that is there: a new node below a function."""
    wanted = expected.expects
    if wanted.subsystem is None:
        return Sighting(False, None)
    was = {(where, node.subsystem, node.name) for where, nodes in before.nodes.items() for node in nodes}
    found = [
        where
        for where, nodes in after.nodes.items()
        if address in (None, where)
        for node in nodes
        if node.subsystem == wanted.subsystem
        and (where, node.subsystem, node.name) not in was
        and node.detail.get("partition") is None
        and fnmatchcase(node.node or "", wanted.node or "*")
        and not _contradicts(node, expected.clues)
        and _on_target(node, expected.clues.target)
    ]
    failure = before.nodes_failure or after.nodes_failure
    if not found and failure is not None:
        return _unknown(address, "nodes may be hidden", failure)
    if not found:
        return Sighting(False, address)
    owners = sorted(set(found))
    if len(owners) == 1:
        return Sighting(True, owners[0])
    return Sighting(True, None, (("address", f"new disks below {_some(owners)}"),))


def _on_target(node: Node, target: Optional[int]) -> bool:
    """The name of a SCSI device is host:channel:target:lun (drivers/scsi/scsi_sysfs.c)."""
    numbers = next((part.split(":") for part in node.via if part.count(":") == 3), None)
    return target is None or numbers is None or numbers[2] == str(target)


def _unknown(address: Optional[str], why: str, failure: Optional[Failure] = None) -> Sighting:
    return Sighting(None, address, (("seen", why if failure is None else f"{why}: {reason(failure)}"),))
