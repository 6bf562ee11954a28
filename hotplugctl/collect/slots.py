"""Slots out of /sys/bus/pci/slots, each with the mechanism that answers for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.services import serves_hotplug
from hotplugctl.model.devices import PciFunction, Slot, Slots, bus_of_slot
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Failed, Malformed, Read, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Acpi, Detail
from hotplugctl.source.tree import Tree

SLOTS = "/sys/bus/pci/slots"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}(:[0-9a-f]{2})?\Z")
_NUMBER = re.compile(rb"\d{1,9}\Z")


class Around(NamedTuple):
    """What decides who serves a slot: the ports above the buses, their services, and the ACPI nodes."""

    functions: Mapping[str, PciFunction]
    buses: Mapping[str, Optional[str]]
    services: Mapping[str, Mapping[str, Optional[str]]]
    acpi: Acpi


def collect(tree: Tree, around: Around) -> Slots:
    """Every slot, ordered by address, then by name (slots of one number on several buses are named N, N-2 …)."""
    listing = tree.names(SLOTS)
    if isinstance(listing, Absent) and tree.kind == "live" and isinstance(tree.kind_of("/sys/bus"), str):
        # No folder, no slot, unless all of sysfs is missing. A tree that was copied may have lost an empty folder on
        # the way: there it stays a failure.
        return Slots((), None)
    if not isinstance(listing, Names):
        return Slots((), listing)
    by_address = _functions_by_slot(around.functions)
    slots = [_slot(tree, name, around, by_address) for name in listing.names]
    return Slots(tuple(sorted(slots, key=lambda slot: (len(slot.address or ""), slot.address or "", slot.name))), None)


# Root and downstream ports of QEMU: pcie-root-port, ioh3420, x3130-upstream's downstream port.
_QEMU_PORTS = (("1b36", "000c"), ("8086", "3420"), ("104c", "8233"))


def unreached(
    items: tuple[Slot, ...], acpi: Acpi, functions: Mapping[str, PciFunction], details: Mapping[str, Detail]
) -> Mapping[str, Evidence]:
    """The slots that pciehp serves while the host announces by ACPI, each with what shows it; empty where none is.

    QEMU's q35 has PCI hot-plug resources in its ACPI tables (docs/specs/acpi_pci_hotplug.rst) exactly where it
    announces so. Without ACPI it shows when a device was added: QEMU then switches the power of the slot on by itself
    and reports no presence, while an empty native slot is off. The choice holds for all ports of the machine.
    """
    native = [slot for slot in items if slot.mechanism == "pciehp"]
    shown: Optional[Evidence] = None
    for slot in native:
        if slot.power == 1 and slot.adapter == 0 and _qemu_power(slot, functions, details):
            shown = Evidence(f"{SLOTS}/{slot.name}/power", "1, and adapter 0: on without a card")
            break
    found: dict[str, Evidence] = {}
    for slot in native:
        if acpi.phpr is not None and (not acpi.slots or slot.bus in acpi.slots):
            found[slot.name] = Evidence(acpi.phpr, "PCI Hotplug resources")
        elif shown is not None:
            found[slot.name] = shown
    return found


def _qemu_power(slot: Slot, functions: Mapping[str, PciFunction], details: Mapping[str, Detail]) -> bool:
    """Only a slot with a power controller tells by its power: without one it always reads on."""
    port, detail = functions.get(slot.port or ""), details.get(slot.port or "")
    cap = detail.config.pcie if detail is not None and detail.config is not None else None
    known = port is not None and (port.vendor, port.device) in _QEMU_PORTS
    return known and cap is not None and cap.power_controller


def _functions_by_slot(functions: Mapping[str, PciFunction]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address, function in functions.items():
        found.setdefault(function.slot_address, []).append(address)
        found.setdefault(function.bus, []).append(address)
    return found


def _slot(tree: Tree, name: str, around: Around, by_address: Mapping[str, list[str]]) -> Slot:
    path = f"{SLOTS}/{name}"
    unknown: dict[str, str] = {}
    directory = tree.directory(path)
    if isinstance(directory, FAILURES):
        why = reason(directory)
        keys = ("address", "mechanism", "occupied", "power", "attention", "latch", "adapter", "speed", "max_speed")
        return Slot(
            name, None, False, None, "", None, None, None, None, None, None, None, None, (), dict.fromkeys(keys, why)
        )
    with directory:
        reads = {key: directory.read(key) for key in ("power", "adapter", "attention", "latch")}
        module = directory.link("module")
        address = _address(directory.read("address"), unknown)
        speed = _text(directory.read("cur_bus_speed"), "speed", unknown)
        max_speed = _text(directory.read("max_bus_speed"), "max_speed", unknown)
    numbers = {key: _number(key, read, unknown) for key, read in reads.items()}
    hotplug = not isinstance(reads["power"], Absent) and not isinstance(reads["adapter"], Absent)
    port = around.buses.get(bus_of_slot(address)) if address else None
    mechanism, source = _mechanism(path, address, port, reads, module, around) if hotplug else (None, "")
    if hotplug and mechanism is None:
        unknown["mechanism"] = f"{path}: neither its module, its port, an ACPI node nor its files tell"
    functions = _functions_in(address, port, mechanism, by_address)
    return Slot(
        name, address, hotplug, mechanism, source, _occupied(numbers["adapter"], functions, hotplug, unknown),
        numbers["power"], numbers["attention"], numbers["latch"], numbers["adapter"],
        speed, max_speed, port, functions, unknown,
    )  # fmt: skip


def _address(read: Read, unknown: dict[str, str]) -> Optional[str]:
    if isinstance(read, Value):
        if _ADDRESS.match(read.text):
            return read.text
        read = Malformed(read.path, "not a slot address")
    unknown["address"] = reason(read)
    return None


def _text(read: Read, key: str, unknown: dict[str, str]) -> Optional[str]:
    if isinstance(read, Value):
        return read.text
    if not isinstance(read, Absent):
        unknown[key] = reason(read)
    return None


def _number(key: str, read: Read, unknown: dict[str, str]) -> Optional[int]:
    if isinstance(read, Value):
        text = read.data.strip()
        if _NUMBER.match(text):
            return int(text)
        read = Malformed(read.path, "not a number")
    if not isinstance(read, Absent):
        unknown[key] = reason(read)
    return None


def _mechanism(
    path: str, address: Optional[str], port: Optional[str], reads: Mapping[str, Read], module: Read, around: Around
) -> tuple[Optional[str], str]:
    """Who serves it, and what says so.

    Kernels from 6.12 on set no ``module`` link for slots that built-in drivers registered at boot: then the port
    above decides, then the ACPI nodes, and only then which attributes there are.
    """
    if isinstance(module, Value):
        return module.text.rpartition("/")[2], module.path
    if port is not None and serves_hotplug(around.services.get(port, {})):
        return "pciehp", f"/sys/bus/pci_express/devices/{port}:pcie004/driver"
    above = around.functions.get(port or "")
    if above is not None and above.driver == "shpchp":
        return "shpchp", f"{above.path}/driver"
    node = around.acpi.slots.get(bus_of_slot(address), {}).get(address) if address else None
    if node is not None:
        return "acpiphp", node
    return _mechanism_by_attributes(path, reads)


def _mechanism_by_attributes(path: str, reads: Mapping[str, Read]) -> tuple[Optional[str], str]:
    attention, latch = reads["attention"], reads["latch"]
    if isinstance(attention, Failed) and isinstance(latch, Value):
        return "acpiphp", attention.path
    if isinstance(attention, Value) and isinstance(latch, Absent):
        return "pciehp", attention.path
    if isinstance(attention, Value) and isinstance(latch, Value):
        return "shpchp", attention.path
    return None, path


def _functions_in(
    address: Optional[str], port: Optional[str], mechanism: Optional[str], by_address: Mapping[str, list[str]]
) -> tuple[str, ...]:
    if address is None:
        return ()
    # Behind a PCIe port there is one slot, and with ARI its functions bear other device numbers too.
    whole_bus = mechanism == "pciehp" and port is not None
    return tuple(by_address.get(bus_of_slot(address) if whole_bus else address, ()))


def _occupied(
    adapter: Optional[int], functions: tuple[str, ...], hotplug: bool, unknown: dict[str, str]
) -> Optional[bool]:
    """A card is in where the slot says so or a function answers there: acpiphp's ``adapter`` lags behind."""
    if functions or adapter == 1:
        return True
    if hotplug and "adapter" in unknown:
        unknown["occupied"] = unknown["adapter"]
        return None
    return False
