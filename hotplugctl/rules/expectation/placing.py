"""Where in this guest a hot-plugged device would come: which bus takes one, and of which kind that bus is."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hotplugctl.model.monitor import Command, View

FIRST_ROOT = "0000:00"
# Device/port types of the PCI Express capability that sit on a PCIe root bus alone (PCIe Base 5.0, 7.5.3.2).
_ON_ROOT_COMPLEX = ("root-port", "rc-endpoint", "rc-event-collector")


class Placing(NamedTuple):
    """``bus``: the bus, None where only QEMU knows it. ``express``: is it a PCIe one (None: not known)?

    ``refused``: why it takes no device.
    """

    bus: Optional[str]
    express: Optional[bool]
    refused: Optional[str] = None
    remarks: tuple[str, ...] = ()


def placing(command: Command, view: Optional[View]) -> Placing:
    """The bus that a command plugs into. Only QEMU knows which bus has the id that ``bus=`` names."""
    named = command.get("bus") if command.name == "device_add" else None
    if named is not None:
        name = named.rpartition("/")[2]
        if name == "pcie.0":
            return Placing(FIRST_ROOT, True, _root_refuses("pcie.0 is the PCIe root bus", view))
        if name != "pci.0":
            return Placing(None, None, _NOWHERE if _has_no_port(view) else None)
        found = _on(FIRST_ROOT, command, view)
        # On a PCIe machine somebody has called another bus so.
        return Placing(None, None) if found.express else found._replace(express=False)
    place = command.place
    number = place.bus if place is not None and place.bus is not None else 0
    if place is not None and place.domain:
        return Placing(None, None, "QEMU knows no PCI domain but 0 in this command")
    return _on(f"0000:{number:02x}", command, view)


def _on(bus: str, command: Command, view: Optional[View]) -> Placing:
    if view is None or view.functions.failure is not None or view.slots.failure is not None:
        return Placing(bus, None)
    if bus not in view.buses:
        return Placing(bus, None, f"this guest has no bus {bus}") if view.buses else Placing(bus, None)
    express = is_express(view, bus)
    served = any(slot.hotplug and slot.bus == bus for slot in view.slots.items)
    if served:
        return Placing(bus, express)
    if view.buses[bus] is None and express:
        why = f"{bus} is a PCIe root bus in this guest, and no slot on it is served"
        if command.name == "device_add":
            why = f"without bus= QEMU takes the root bus; {why}"
        return Placing(bus, True, _root_refuses(why, view))
    note = f"no mechanism serves a slot on {bus} in this guest: nothing would come without a rescan (see check)"
    return Placing(bus, express, None, (note,))


_NOWHERE = (
    "this guest has no root port, nor any other bus that takes a device: nothing can be plugged until it is started "
    "with root ports (-device pcie-root-port,id=ID,chassis=1,slot=1; libvirt: <controller type='pci' "
    "model='pcie-root-port'/>)"
)


def _root_refuses(why: str, view: Optional[View]) -> str:
    how = _NOWHERE if _has_no_port(view) else "devices are plugged into its root ports, with bus=ID"
    return f"{why}: {how}"


def _has_no_port(view: Optional[View]) -> bool:
    """Whether the machine is known to be a PCIe root complex alone, without a bridge, and without a slot in use."""
    if view is None or view.functions.failure is not None or view.slots.failure is not None:
        return False
    if any(slot.hotplug for slot in view.slots.items) or any(port is not None for port in view.buses.values()):
        return False
    if any(function.is_bridge or function.class_ is None for function in view.functions.items):
        return False
    return bool(view.functions.items) and is_express(view, FIRST_ROOT) is True


def is_express(view: View, bus: str) -> Optional[bool]:
    """Whether a bus is a PCIe one: by ACPI or what sits on it for a root bus, by the port above for others."""
    port = view.buses.get(bus)
    if port is not None:
        detail = view.details.get(port)
        if detail is None or detail.config is None:
            return None
        if detail.config.pcie is None:
            return None if detail.config.truncated else False
        # A bridge from PCIe to PCI has the capability as well.
        return detail.config.pcie.port_type in ("root-port", "downstream-port")
    if bus in view.express:
        return True
    for function in view.functions.items:
        detail = view.details.get(function.address)
        cap = detail.config.pcie if detail is not None and detail.config is not None else None
        if function.bus == bus and cap is not None and cap.port_type in _ON_ROOT_COMPLEX:
            return True
    return False


def served_kinds(view: View) -> frozenset[bool]:
    """Of which kinds, PCIe or not, the buses are that take devices; empty where that is not known."""
    kinds = {is_express(view, slot.bus) for slot in view.slots.items if slot.hotplug and slot.bus is not None}
    return frozenset() if None in kinds else frozenset(kind for kind in kinds if kind is not None)
