"""What would happen to a device in an empty slot, and what can be said of an address where nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.model.devices import Slot
from hotplugctl.model.explanation import Log, Look, Nowhere, Prospect
from hotplugctl.model.reads import Failure, reason
from hotplugctl.model.report import Finding, Headroom, Room
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.model.target import Target
from hotplugctl.rules.explain.concern import wrong
from hotplugctl.rules.facts import hotplug_port, in_trouble, mechanism, needed, pcie

HOW = {
    "acpiphp": "by an ACPI event, at once; the kernel log says nothing until the function is found",
    "pciehp": "by the attention button of its port, which QEMU presses: the log has a line of it, and the device comes "
    "at once; a removal takes 5 s, in which a second press cancels it",
    "shpchp": "by the attention button of its slot; the kernel waits 5 s, and the device comes after about 6 s; a "
    "second press within the 5 s cancels it",
}
"""How a guest learns of a device, by mechanism (drivers/pci/hotplug/acpiphp_glue.c, pciehp_ctrl.c, shpchp_ctrl.c)."""

_WIDEN = ("pciehp", "shpchp")
_CRASH = ("oops", "panic")
# Findings that say what would become of a device: it would not work, or nobody knows.
_FORETELL: Mapping[str, Optional[bool]] = {"bus.window-over-interrupts": False, "announce.acpi-unread": None}


def prospect(snapshot: Snapshot, headroom: Headroom, slot: Slot, findings: Iterable[Finding]) -> Prospect:
    """What would happen to a device that is put into this slot, which holds none; ``findings``: those of the slot."""
    room = next((one for one in headroom.rooms if one.bus == slot.bus), None)
    if not slot.hotplug:
        return Prospect(False, None, None, room, ("only firmware names this slot: nothing announces a device in it",))
    crash = in_trouble(snapshot, _CRASH)
    if crash is not None:
        note = f"the kernel crashed in its hot-plug code ({crash}): nothing is enumerated until a reboot"
        return Prospect(False, slot.mechanism, None, room, (note,))
    if slot.name in snapshot.scene.unreached:
        note = "the host announces devices by ACPI, and pciehp serves this slot: it hears of none; a rescan finds it"
        return Prospect(False, slot.mechanism, None, room, (note,))
    notes = [] if slot.free else [_not_free(slot)]
    short = _short(room)
    comes: Optional[bool] = slot.free and not short if slot.occupied is not None else None
    if snapshot.autoprobe.get("pci") is False:
        notes.append("drivers_autoprobe of the pci bus is off: a driver that is loaded later does not take it")
    if snapshot.autoprobe.get("virtio") is False:
        notes.append("drivers_autoprobe of the virtio bus is off: a virtio device gets no driver")
    stuck = in_trouble(snapshot, ("hung-task",))
    if stuck is not None:
        notes.append(f"the kernel's hot-plug thread was stuck ({stuck}): what comes waits behind it")
    if slot.mechanism is None:
        comes = None
        notes.append(slot.unknown.get("mechanism", "who serves the slot is not known"))
    notes += short
    notes += [*_widened(headroom, room, slot), *_rest(room, slot)]
    comes, before = _foretold(findings) if comes else (comes, [])
    return Prospect(comes, slot.mechanism, HOW.get(slot.mechanism or ""), room, (*before, *notes))


def _foretold(findings: Iterable[Finding]) -> tuple[Optional[bool], list[str]]:
    """What findings say of a device that would come otherwise."""
    failed = {one.id: one for one in findings if one.status == "fail"}
    for key, comes in _FORETELL.items():
        if key in failed:
            return comes, [failed[key].summary]
    return not any(one.severity == "error" for one in wrong(failed.values())), []


def _not_free(slot: Slot) -> str:
    if slot.occupied is None:
        return slot.unknown.get("occupied", "whether a card is in it could not be read")
    return "a card is in it, and no function answers there: another device has no place"


def _short(room: Optional[Room]) -> list[str]:
    """The BAR failures that are foretold: a bridge whose windows are disabled, or full."""
    if room is None or room.port is None:
        return []
    if room.mem_largest == 0 and room.pref_largest == 0:
        return [
            f"port {room.port} has no room for memory: a device is found, its BARs get no address, and its driver "
            "refuses it (virtio-pci with error -5)"
        ]
    return []


def _widened(headroom: Headroom, room: Optional[Room], slot: Slot) -> list[str]:
    """What may come beyond the windows as they are now.

    pciehp and shpchp have the windows of a bridge laid out anew for what was found behind it, as long as nothing there
    is in use; acpiphp leaves them (drivers/pci/setup-bus.c, ``pci_assign_unassigned_bridge_resources``).
    """
    if slot.mechanism not in _WIDEN or room is None or room.port is None:
        return []
    above = room.port[:-5]
    outer = next((one for one in headroom.rooms if one.bus == above), None)
    if outer is None or not (outer.mem_largest or outer.pref_largest):
        return []
    return [
        f"a larger BAR may fit as well: while nothing is behind {room.port}, the kernel widens its windows out of what "
        f"bus {above} has left"
    ]


def _rest(room: Optional[Room], slot: Slot) -> list[str]:
    notes = []
    if room is not None and room.io_largest == 0:
        notes.append("no I/O space is free: devices that work by I/O ports alone (legacy virtio) fail; others do not")
    if room is not None and room.bus_numbers_free == 0:
        notes.append("no bus number is free: a bridge that is put in here opens no bus")
    if slot.mechanism == "pciehp":
        notes.append("only a device with a function 0 is found; functions beside it come together with that one")
    return notes


_NAME_SHORTEST = 3


def node_name(target: Target) -> Optional[str]:
    """What to look for in the log where a name was asked for; None where the name would be found in every line."""
    if target.address is not None or target.kind == "slot":
        return None
    name = target.text.rpartition("/")[2].rpartition(":")[2]
    return name if len(name) >= _NAME_SHORTEST and not name.isdigit() else None


def nowhere(snapshot: Snapshot, target: Target, slot: Optional[Slot], log: Log, still: tuple[str, ...] = ()) -> Nowhere:
    """Of an address, or a name, where nothing is. ``still``: where a disk of that name is mounted all the same."""
    looked = looked_at(snapshot, target, slot, log)
    if still:
        looked += (Look("/proc/mounts", f"still mounted on {', '.join(still[:4])}: what is written there is lost"),)
    bus = None if target.address is None else target.address[:-5]
    if snapshot.functions.failure is not None:
        return Nowhere(None, None, "what is there could not be listed", looked)
    if target.nodes:
        return Nowhere(None, None, "no PCI hot-plug brings it or takes it", looked)
    if target.address is None:
        return Nowhere(None, None, f"nothing of this machine is called {target.text}", looked)
    if bus not in snapshot.buses:
        why = f"there is no bus {bus}: it would come with a bridge that is plugged in"
        return Nowhere(None, None, why, looked)
    if slot is not None and slot.hotplug:
        return _served(snapshot, slot, target, looked)
    return _unserved(snapshot, target, bus or "", looked)


def _served(snapshot: Snapshot, slot: Slot, target: Target, looked: tuple[Look, ...]) -> Nowhere:
    by = f"{slot.mechanism or 'a mechanism that nothing names'}, slot {slot.name}"
    if slot.name in snapshot.scene.unreached:
        why = "the host announces devices by ACPI, and pciehp listens here: only a rescan finds one"
        return Nowhere(None, True, why, looked)
    if slot.occupied and not slot.functions:
        return Nowhere(by, None, f"slot {slot.name} holds a card, and no function answers", looked)
    if slot.functions:
        why = f"slot {slot.name} holds {', '.join(slot.functions[:4])}, and that has no such function"
        return Nowhere(by, None, why, looked)
    if target.address is not None and not target.address.endswith(".0"):
        why = f"slot {slot.name} is empty: a further function is announced only together with function 0"
        return Nowhere(by, False, why, looked)
    why = f"slot {slot.name} is empty: a device that is put into it is announced by {slot.mechanism or 'it'}"
    return Nowhere(by, False, why, looked)


def _unserved(snapshot: Snapshot, target: Target, bus: str, looked: tuple[Look, ...]) -> Nowhere:
    if snapshot.slots.failure is not None:
        return Nowhere(None, None, f"who serves bus {bus} is not known: {reason(snapshot.slots.failure)}", looked)
    on_bus = [slot for slot in snapshot.slots.items if slot.bus == bus and slot.hotplug]
    port = snapshot.buses.get(bus)
    if on_bus:
        why = f"bus {bus} is served, and none of its slots is at {(target.slot_address or '')}: nothing comes there"
        return Nowhere(None, None, why, looked)
    missing = needed(snapshot).get(bus)
    item = None if missing is None else mechanism(snapshot, missing)
    state = "" if item is None else f", which is {item.state}"
    by = None if missing is None else f"{missing}{state}"
    if port is not None and hotplug_port(snapshot, port) and bus not in snapshot.acpi.slots:
        why = f"nobody serves port {port}: a card there waits without power, and a rescan does not find it"
        return Nowhere(by, False, why, looked)
    if missing is None and port is None:
        why = f"bus {bus} takes no hot-plugged device itself"
        return Nowhere(None, None, why, looked)
    why = f"nobody serves bus {bus}: a device there is announced to nobody, and a rescan is the only way to find it"
    return Nowhere(by, True, why, looked)


def looked_at(snapshot: Snapshot, target: Target, slot: Optional[Slot], log: Log) -> tuple[Look, ...]:
    """What was asked, and what it said."""
    found = [_functions(snapshot, target)]
    if target.nodes:
        return (*found, *(Look(node.path, f"{node.subsystem}, below no PCI function") for node in target.nodes[:4]))
    if target.address is None:
        found.append(Look("/sys/class", f"nothing called {target.text}"))
    found.append(_slots(snapshot, target, slot))
    port = None if target.address is None else snapshot.buses.get(target.address[:-5])
    cap = pcie(snapshot, port)
    if port is not None and cap is not None and cap.slot_implemented:
        signs = f"PresDet{'+' if cap.presence else '-'} AttnBtn{'+' if cap.attn_button_pressed else '-'}"
        found.append(Look(f"/sys/bus/pci/devices/{port}/config", f"slot status of the port above: {signs}"))
    acpi = snapshot.acpi
    if acpi.phpr is not None and acpi.gpe is not None:
        found.append(Look(acpi.gpe_path, f"{acpi.gpe} ACPI announcements since boot, of any slot, removals too"))
    found.append(_log(log))
    return tuple(found)


def _functions(snapshot: Snapshot, target: Target) -> Look:
    failure = snapshot.functions.failure
    if failure is not None:
        return Look("/sys/bus/pci/devices", _why(failure))
    said = f"{len(snapshot.functions.items)} functions"
    return Look("/sys/bus/pci/devices", said if target.address is None else f"{said}, no {target.address}")


def _why(failure: Failure) -> str:
    """The path stands beside it."""
    return reason(failure).partition(": ")[2] or reason(failure)


def _slots(snapshot: Snapshot, target: Target, slot: Optional[Slot]) -> Look:
    if snapshot.slots.failure is not None:
        return Look("/sys/bus/pci/slots", _why(snapshot.slots.failure))
    if slot is None:
        where = f"slot {target.slot}" if target.slot is not None else target.slot_address or "slot of it"
        return Look("/sys/bus/pci/slots", f"{len(snapshot.slots.items)} slots, no {where}")
    state = "holds a card" if slot.occupied else "state not known" if slot.occupied is None else "empty"
    return Look(f"/sys/bus/pci/slots/{slot.name}", f"{slot.address}: {state}")


def _log(log: Log) -> Look:
    if log.failure is not None:
        return Look("kernel log", log.failure)
    lines = len(log.lines) + log.left_out
    said = "no line about it" if not lines else "1 line about it" if lines == 1 else f"{lines} lines about it"
    if not log.whole:
        begins = "" if log.since is None else f" (it begins at {log.since:.0f} s)"
        said += f"; it does not reach back to the boot{begins}, so that proves little"
    if log.unread is not None:
        said += f"; {log.unread.lines} lines in its middle were searched for the name alone"
    return Look(log.source or "kernel log", said)
