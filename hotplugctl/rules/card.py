"""Cards in slots that do not come up, and requests at a slot that came to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.devices import Slot
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import by_address, pcie, shell
from hotplugctl.rules.registry import Fault, Outcome, rule

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

_SLOTS = "/sys/bus/pci/slots"
# What the log says of one slot; a timed-out command is an erratum of many ports and says nothing.
_SAYINGS = frozenset({
    "add-failed", "already", "button-canceled", "button-ignored", "button-pressed", "card-absent", "card-present",
    "latch-closed", "latch-open", "link-down", "link-failed", "link-up", "no-device", "power-failed", "power-fault",
    "powering-off", "powering-on",
})  # fmt: skip
_PCIE = "pciehp"


@rule("card.no-link", "warning", side="host", needs=("slots", "log"))
def no_link(snapshot: Snapshot) -> Iterable[Outcome]:
    """A card was announced at the slot, and its link did not come up, or no function answered: the slot is off again.

    The last word of the log on the slot counts. In a guest the device behind was not ready, or was taken away at once.
    Texts: "Failed to check link status" and "Data Link Layer Link Active not set" up to 5.x; "No link", "No device
    found", "Cannot train link" since 5.13; "No adapter on slot" of shpchp. Source: drivers/pci/hotplug/pciehp_hpc.c,
    drivers/pci/hotplug/shpchp_ctrl.c.
    """
    for slot, event in _last_words(snapshot):
        if event.kind in ("link-failed", "no-device") and not slot.functions and slot.adapter == 1:
            yield Fault(
                f"slot {slot.name}",
                f"slot {slot.name} ({slot.address}): a card was announced, and it did not come up",
                (_said(snapshot, event), Evidence(f"{_SLOTS}/{slot.name}/adapter", "1")),
                slot.port,
                remedy=f"echo 1 > {shell(f'{_SLOTS}/{slot.name}/power')}" if slot.power == 0 else "",
                severity="info" if snapshot.guest.physical else None,
                detail="take the device away on the host and add it again",
            )


@rule("card.power-fault", "warning", side="host", needs=("slots",), remedy="")
def power_fault(snapshot: Snapshot) -> Iterable[Outcome]:
    """The slot reported a power fault, or could not be switched on: the card in it gets no power.

    The port latches it in its slot status (SltSta PowerFlt+) until somebody clears it. Texts: "Power fault", "Failed to
    power on slot". Source: PCIe Base 5.0, 7.5.3.11; drivers/pci/hotplug/pciehp_ctrl.c.
    """
    words = {slot.name: event for slot, event in _last_words(snapshot)}
    for slot in snapshot.slots.items:
        cap = pcie(snapshot, slot.port) if slot.mechanism == _PCIE else None
        event = words.get(slot.name)
        evidence = []
        if cap is not None and cap.power_fault:
            evidence.append(Evidence(_config(snapshot, slot), "SltSta PowerFlt+"))
        if event is not None and event.kind in ("power-fault", "power-failed"):
            evidence.append(_said(snapshot, event))
        if evidence and not slot.functions:
            yield Fault(
                f"slot {slot.name}",
                f"slot {slot.name} ({slot.address}) had a power fault, and no function answers in it",
                tuple(evidence),
                slot.port,
                severity="info" if snapshot.guest.physical else None,
            )


@rule("card.latch-open", "warning", side="host", needs=("slots",), remedy="")
def latch_open(snapshot: Snapshot) -> Iterable[Outcome]:
    """A card is in the slot, and the slot's latch is open: it is not switched on before that is closed.

    Said of slots with a latch sensor (MRL) alone, those of pciehp and shpchp: acpiphp's ``latch`` only repeats whether
    a card is there. Source: PCIe Base 5.0, 7.5.3.9; drivers/pci/hotplug/shpchp_ctrl.c.
    """
    for slot in snapshot.slots.items:
        if slot.mechanism in ("pciehp", "shpchp") and slot.latch == 1 and slot.adapter == 1 and not slot.functions:
            yield Fault(
                f"slot {slot.name}",
                f"slot {slot.name} ({slot.address}) holds a card, and its latch is open",
                (Evidence(f"{_SLOTS}/{slot.name}/latch", "1"), Evidence(f"{_SLOTS}/{slot.name}/adapter", "1")),
                slot.port,
                severity="info" if snapshot.guest.physical else None,
            )


@rule("card.request-canceled", "info", side="host", needs=("slots", "log"), remedy="")
def request_canceled(snapshot: Snapshot) -> Iterable[Outcome]:
    """The last request at the slot was taken back: a second press of its button within 5 s does that.

    A host that repeats device_del (or adds where it has just removed) within the 5 s presses the button again, and
    what it asked for first does not happen. Wait more than 6 s between two requests. Where a card is in the slot and
    shows no function, that is why, and a warning. Texts: "Button cancel", "Action canceled due to button press"; since
    6.12 "Button press: canceling request to power on".
    Source: PCIe Base 5.0, 6.7.1.5; drivers/pci/hotplug/pciehp_ctrl.c.
    """
    physical = snapshot.guest.physical
    for slot, event in _last_words(snapshot):
        if event.kind == "button-canceled":
            yield Fault(
                f"slot {slot.name}",
                f"slot {slot.name} ({slot.address}): the last request was taken back by a second one within 5 s",
                (_said(snapshot, event),),
                slot.port,
                severity="warning" if slot.adapter == 1 and not slot.functions and not physical else None,
                detail="ask again on the host, once, and wait 6 s before the next request",
            )


@rule("card.request-pending", "info", side="host", needs=("slots", "functions"), remedy="")
def request_pending(snapshot: Snapshot) -> Iterable[Outcome]:
    """The slot's power indicator blinks: its button was pressed, and within 5 s another press takes that back.

    With no card in the slot the press was a mistake, and on kernels 4.19 to 6.2 the indicator goes on blinking: then
    the next card is taken for the second press. Source: PCIe Base 5.0, 6.7.1.5; drivers/pci/hotplug/pciehp_ctrl.c.
    """
    for slot in snapshot.slots.items:
        cap = pcie(snapshot, slot.port) if slot.mechanism == _PCIE else None
        if cap is None or cap.power_indicator_state != "blink":
            continue
        empty = not cap.presence and slot.adapter == 0
        what = " with no card in it: the next card is taken for a second press" if empty else ": a request is under way"
        yield Fault(
            f"slot {slot.name}",
            f"slot {slot.name} ({slot.address}) blinks{what}",
            (Evidence(_config(snapshot, slot), "SltCtl PwrInd Blink"),),
            slot.port,
            detail="wait 6 s and look again" + ("; if it still blinks, add the device twice" if empty else ""),
        )


@rule("card.stale-device", "warning", needs=("slots", "functions", "log"), remedy="")
def stale_device(snapshot: Snapshot) -> Iterable[Outcome]:
    """A card was announced where the kernel still lists an old device: the new one was not looked at.

    The old one was taken away without the kernel taking note. Text: "Device … already exists at …, skipping hot-add"
    ("cannot hot-add" up to 4.18; at the level debug only since 4.19). Source: drivers/pci/hotplug/pciehp_pci.c.
    """
    functions = by_address(snapshot)
    stale: dict[str, None] = {}
    for event in snapshot.log.events:
        if event.kind == "add-failed" and str(event.get("reason")) in ("skipping", "cannot"):
            stale[str(event.get("device"))] = None
        elif event.kind == "device-found":
            stale.pop(event.address or "", None)
    for address in stale:
        function = functions.get(address)
        if function is not None:
            yield Fault(
                address,
                f"{address} was already listed when a card was announced there: the old device stands in its way",
                (Evidence(snapshot.log.source or "kernel log", f"Device {address} already exists"),),
                address,
                remedy=f"echo 1 > {shell(f'{function.path}/remove')} && echo 1 > /sys/bus/pci/rescan",
                severity="info" if snapshot.guest.physical else None,
            )


@rule("card.eject-failed", "warning", side="host", needs=("log",), remedy="")
def eject_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """Firmware refused to eject a device: the guest has let it go, and the host still has it in the slot.

    Text: "_EJ0 failed". Take it away on the host, or reboot. Source: drivers/pci/hotplug/acpiphp_glue.c.
    """
    failed = [event for event in snapshot.log.events if event.kind == "eject-failed"]
    if failed:
        yield Fault(
            None,
            "firmware refused to eject a device that this guest had already let go",
            (Evidence(snapshot.log.source or "kernel log", "_EJ0 failed"),),
            severity="info" if snapshot.guest.physical else None,
        )


def _last_words(snapshot: Snapshot) -> Iterator[tuple[Slot, KernelEvent]]:
    """Each slot that somebody serves with the log's last word on it: by its name, or by the port above."""
    last: dict[tuple[str, str], KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind in _SAYINGS:
            if event.slot is not None:
                last["slot", event.slot] = event
            if event.address is not None:
                last["port", event.address] = event
    for slot in snapshot.slots.items if last else ():
        word = _of_slot(slot, last) if slot.hotplug else None
        if word is not None:
            yield slot, word


def _of_slot(slot: Slot, last: Mapping[tuple[str, str], KernelEvent]) -> Optional[KernelEvent]:
    # A bridge with an SHPC has many slots: there only the name tells which one is meant.
    by_port = last.get(("port", slot.port or "")) if slot.mechanism == _PCIE else None
    return by_port or last.get(("slot", slot.name))


def _said(snapshot: Snapshot, event: KernelEvent) -> Evidence:
    words = str(event.get("reason") or event.kind.replace("-", " "))
    where = "" if event.slot is None else f"Slot({event.slot}): "
    return Evidence(snapshot.log.source or "kernel log", f"{where}{words}")


def _config(snapshot: Snapshot, slot: Slot) -> str:
    above = by_address(snapshot).get(slot.port or "")
    return "config" if above is None else f"{above.path}/config"
