"""Questions that several families ask of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.model.config_space import PcieCap
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Mechanism, Snapshot

# Device/port types of the PCI Express capability (PCIe Base 5.0, 7.5.3.2).
_ON_ROOT_COMPLEX = ("root-port", "rc-endpoint", "rc-event-collector")


_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")


def shell(word: str) -> str:
    """A name as a remedy may hold it: quoted where a shell would read it as something else (sh(1), Quoting)."""
    return word if word and _BARE.issuperset(word) else "'" + word.replace("'", "'\\''") + "'"


def by_address(snapshot: Snapshot) -> Mapping[str, PciFunction]:
    """Address → function."""
    return {function.address: function for function in snapshot.functions.items}


def mechanism(snapshot: Snapshot, name: str) -> Optional[Mechanism]:
    """The mechanism of that name, the core included."""
    return next((m for m in (snapshot.core, *snapshot.mechanisms) if m.name == name), None)


def served_buses(snapshot: Snapshot) -> frozenset[str]:
    """The buses with a slot that some mechanism answers for."""
    return frozenset(slot.bus for slot in snapshot.slots.items if slot.hotplug and slot.bus is not None)


def pcie(snapshot: Snapshot, address: Optional[str]) -> Optional[PcieCap]:
    """The PCI Express capability of a function, where its config space could be read."""
    detail = snapshot.details.get(address or "")
    return detail.config.pcie if detail is not None and detail.config is not None else None


def has_shpc(snapshot: Snapshot, address: Optional[str]) -> bool:
    """Does the bridge have a Standard Hot-Plug Controller capability (id 0x0c)?"""
    detail = snapshot.details.get(address or "")
    return detail is not None and detail.config is not None and detail.config.shpc


def hotplug_port(snapshot: Snapshot, address: Optional[str]) -> bool:
    """A root or downstream port whose slot says that it is hot-plug capable (SltCap HotPlug+)."""
    cap = pcie(snapshot, address)
    return cap is not None and cap.slot_implemented and cap.hotplug_capable


def express_root(snapshot: Snapshot, bus: str) -> bool:
    """Is this root bus a PCIe root complex, which takes no hot-plugged device itself?

    PNP0A08 says so; without ACPI, a root port or integrated endpoint on the bus does.
    """
    if bus in snapshot.acpi.express:
        return True
    for function in snapshot.functions.items:
        if function.bus == bus:
            cap = pcie(snapshot, function.address)
            if cap is not None and cap.port_type in _ON_ROOT_COMPLEX:
                return True
    return False


def functions_behind(snapshot: Snapshot, port: str) -> tuple[PciFunction, ...]:
    """The functions right behind a port."""
    return tuple(function for function in snapshot.functions.items if function.parent == port)


def shown(mechanisms: Iterable[Mechanism]) -> tuple[Evidence, ...]:
    """What shows the state of mechanisms, each piece once."""
    return tuple(dict.fromkeys(item for m in mechanisms for item in m.evidence))


def in_hotplug_slot(snapshot: Snapshot, function: PciFunction) -> bool:
    """Does it sit in a slot, so that it can have been hot-plugged, or behind a bridge that does?"""
    served = {slot.address for slot in snapshot.slots.items if slot.hotplug}
    if function.slot_address in served:
        return True
    return any(function.address in slot.functions for slot in snapshot.slots.items if slot.hotplug)
