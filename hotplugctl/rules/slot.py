"""Slots: full ones, stuck ones, and those that only firmware names."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.devices import Slot
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import shell
from hotplugctl.rules.headroom import last_free
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

_SLOTS = "/sys/bus/pci/slots"
_ADD_PORTS = "add root ports or a bridge on the host before the next boot, or unplug a device"


@rule("slot.none-free", "warning", side="host", needs=("slots",), remedy="")
def none_free(snapshot: Snapshot) -> Iterable[Outcome]:
    """Every slot that a mechanism serves is occupied: the next device has no place.

    The host refuses it ("no more available PCI slots", "does not support hotplugging"), and the guest hears nothing.
    Give the machine more root ports or bridges before it boots, or unplug something. On a physical machine it is only
    mentioned: a slot for a disk or a wireless card on the board is full all its life.
    """
    hot = snapshot.scene.hearing()
    if not hot or any(slot.free for slot in hot):
        return
    unread = next((slot for slot in hot if slot.occupied is None), None)
    if unread is not None:
        yield Undecided(f"slot {unread.name}", unread.unknown.get("occupied", "occupied: not known"))
        return
    yield Fault(
        None,
        f"none of {len(hot)} hot-plug slots is free",
        tuple(Evidence(f"{_SLOTS}/{slot.name}/adapter", str(slot.adapter)) for slot in hot[:4]),
        severity="info" if snapshot.guest.physical else None,
        detail=None if snapshot.guest.physical else _ADD_PORTS,
    )


@rule("slot.last-free", "info", side="host", needs=("slots",), remedy="")
def one_left(snapshot: Snapshot) -> Iterable[Outcome]:
    """Of several slots only one still takes a device: the next one but one has no place.

    The guest works, so this only says when to act: root ports are added before the machine starts, not while it runs.
    """
    slot = last_free(snapshot.scene)
    if slot is not None and not snapshot.guest.physical:
        yield Fault(
            f"slot {slot.name}",
            f"slot {slot.name} ({slot.address}) is the last free one: one more device fits",
            (Evidence(f"{_SLOTS}/{slot.name}/adapter", str(slot.adapter)),),
            detail="add root ports or a bridge on the host before the next boot, or unplug what is not needed",
        )


@rule("slot.card-without-function", "warning", needs=("slots", "functions"))
def card_without_function(snapshot: Snapshot) -> Iterable[Outcome]:
    """A slot says that a card is in it, and no function answers there.

    The link did not train, function 0 is missing, the slot was switched off by hand, or the kernel's hot-plug code is
    stuck. Source: Documentation/ABI/testing/sysfs-bus-pci, drivers/pci/hotplug/pciehp_hpc.c.
    """
    for slot in snapshot.slots.items:
        if slot.hotplug and slot.adapter == 1 and not slot.functions:
            evidence = [
                Evidence(f"{_SLOTS}/{slot.name}/adapter", "1"),
                Evidence("/sys/bus/pci/devices", f"no {slot.address}.*"),
            ]
            if slot.power is not None:
                evidence.append(Evidence(f"{_SLOTS}/{slot.name}/power", str(slot.power)))
            yield Fault(
                f"slot {slot.name}",
                f"slot {slot.name} ({slot.address}) holds a card, and no function answers",
                tuple(evidence),
                severity="info" if snapshot.guest.physical else None,
                remedy=_wake(slot),
            )


def _wake(slot: Slot) -> str:
    if slot.power == 0:
        return f"echo 1 > {shell(f'{_SLOTS}/{slot.name}/power')}"
    return "echo 1 > /sys/bus/pci/rescan"


@rule("slot.firmware-only", "info", needs=("slots",), remedy="")
def firmware_only(snapshot: Snapshot) -> Iterable[Outcome]:
    """These slots have an address and speeds only: firmware names them, no mechanism answers for them.

    pci_slot lists them from ACPI or SMBIOS. They announce nothing. Source: drivers/acpi/pci_slot.c.
    """
    plain = [slot for slot in snapshot.slots.items if not slot.hotplug and not _unread(slot)]
    if plain:
        names = ", ".join(slot.name for slot in plain[:4]) + (" …" if len(plain) > 4 else "")
        yield Fault(
            None,
            f"{len(plain)} slots are only named by firmware, no mechanism serves them ({names})",
            tuple(Evidence(f"{_SLOTS}/{slot.name}", "no power, no adapter") for slot in plain[:2]),
        )


def _unread(slot: Slot) -> bool:
    return "power" in slot.unknown or "adapter" in slot.unknown
