"""Without a target: what came lately, what waits, what was announced, and what nobody in here can see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Optional

from hotplugctl.model.explanation import Arrival, Check, Look, Overview, Standing
from hotplugctl.model.report import Finding, Headroom
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.model.timeline import ADD, Passage, Timeline
from hotplugctl.rules.explain.concern import wrong
from hotplugctl.rules.facts import express_roots, needed

ARRIVALS_SHOWN = 8
_WAITING = ("announce.card-waits", "slot.card-without-function", "card.request-pending")
# Notes on what may keep a device from being seen, and what one can look at.
_HINTS = (
    "card.request-canceled",
    "announce.acpi-unread",
    "bus.port-sleeps",
    "node.scsi-lost-by-kernel",
    "node.rename-failed",
)
_UNSERVED = "bus.unserved"
_SCANNED = "node.scsi-scan-needed"

# What QEMU and those who manage it are called by; None: nothing tells.
_QEMU = (None, "qemu", "kvm")


def latest(timeline: Optional[Timeline]) -> tuple[Passage, ...]:
    """The last insertions, the latest first, whether or not anything came of them."""
    came = [] if timeline is None else [one for one in timeline.passages if one.action == ADD]
    return tuple(reversed(came[-ARRIVALS_SHOWN:]))


def overview(
    snapshot: Snapshot, headroom: Headroom, findings: Sequence[Finding], came: Iterable[Passage],
    standings: Mapping[str, Standing],
) -> Overview:  # fmt: skip
    """All of it, of all ``findings``; ``standings``: of the functions among ``came`` that are there."""
    faults: dict[str, str] = {}
    for finding in wrong(findings):
        if finding.address is not None:
            faults.setdefault(finding.address, finding.summary)
    arrivals = _arrivals(snapshot, came, standings, faults)
    failed = [one for one in findings if one.status == "fail"]
    waiting = tuple(_look(one) for one in failed if one.id in _WAITING)
    full = tuple(room.bus for room in headroom.rooms if room.slots and not room.free_slots)
    unserved = tuple(one.subject or "" for one in causes(findings, snapshot) if one.id == _UNSERVED)
    return Overview(
        arrivals, waiting, _announced(snapshot), unserved, full, headroom.free_slots,
        tuple(_host(snapshot, headroom, unserved, failed)),
    )  # fmt: skip


def _arrivals(
    snapshot: Snapshot, came: Iterable[Passage], standings: Mapping[str, Standing], faults: Mapping[str, str]
) -> tuple[Arrival, ...]:
    """Of two that came to one address, the first has gone: a log alone does not say so."""
    there = {function.address for function in snapshot.functions.items}
    known = snapshot.functions.failure is None
    found: list[Arrival] = []
    later: set[Optional[str]] = set()
    for one in came:
        here = None
        if known and one.address is not None:
            here = one.address in there and one.address not in later
        about = one.address if here is not False and one.address is not None else ""
        found.append(Arrival(one, here, standings.get(about), faults.get(about)))
        later.add(one.address)
    return tuple(found)


def _look(finding: Finding) -> Look:
    said = "; ".join(f"{piece.source}: {piece.value}" for piece in finding.evidence)
    return Look(finding.summary, said)


def _announced(snapshot: Snapshot) -> tuple[Look, ...]:
    """The ACPI event of QEMU's PCI hot-plug: counted whether or not anybody listens."""
    acpi = snapshot.acpi
    if acpi.phpr is None:
        return ()
    if acpi.gpe is None:
        return (Look(acpi.gpe_path, acpi.unknown.get("gpe", "not readable")),)
    listening = any(slot.mechanism == "acpiphp" for slot in snapshot.slots.items)
    heard = "acpiphp listens" if listening else "nobody here listens"
    if not acpi.gpe:
        return (Look(acpi.gpe_path, f"the host announced nothing by ACPI since the boot; {heard}"),)
    said = f"the host announced PCI changes {_times(acpi.gpe)} by ACPI (arrivals and removals, several at once)"
    return (Look(acpi.gpe_path, f"{said}; {heard}"),)


def _host(
    snapshot: Snapshot, headroom: Headroom, unserved: Sequence[str], failed: Sequence[Finding]
) -> Iterable[Check]:
    """What leaves no trace in a guest: the cases that this machine can have."""
    if snapshot.guest.physical:
        card = "a card that is not seated, gets no power, or sits in a slot that firmware has switched off"
        yield Check(card, ("this is no virtual machine: look at the slot, and at the firmware's setup",))
        yield from _hinted(failed)
        return
    refused = (
        "the host refused the device, or has put it elsewhere: the command's own error tells, and its list of devices"
    )
    if snapshot.guest.hypervisor not in _QEMU:
        yield Check(refused, (f"the hypervisor's own console ({snapshot.guest.hypervisor}): its error, its devices",))
        yield from _hinted(failed)
        return
    yield Check(
        refused,
        ("QEMU: the error of device_add, and (qemu) info pci, or query-pci by QMP",
         "libvirt: the error of virsh attach-device, and virsh dumpxml DOMAIN (the live XML, and its address)"),
    )  # fmt: skip
    # Where nobody serves a slot, the host takes the device; that is told of the buses.
    if headroom.free_slots == 0 and headroom.slots:
        yield Check(
            "no slot is free: the host refuses the next device, and the guest hears nothing",
            ("QEMU: more -device pcie-root-port before the boot", "libvirt: more pcie-root-port controllers"),
        )
    # Where firmware describes slots on it, a PCIe root bus takes devices too (Cloud Hypervisor, Firecracker).
    taken = _served(headroom).union(snapshot.acpi.slots)
    roots = sorted(express_roots(snapshot).intersection(snapshot.buses).difference(taken))
    if roots:
        yield Check(
            f"bus {', '.join(roots)} takes no hot-plugged device: without bus= QEMU tries it, and refuses",
            ("QEMU: device_add …,bus=ID of an empty pcie-root-port",
             "libvirt: <controller type='pci' model='pcie-root-port'/> in the domain before it starts"),
        )  # fmt: skip
    yield from _function_zero(snapshot)
    behind = [bus for bus in unserved if snapshot.buses.get(bus) is not None]
    if behind:
        buses = ", ".join(behind[:4])
        yield Check(
            f"a device on bus {buses}: the host takes it, and announces it to nobody",
            ("QEMU: the bus= that it was given, and (qemu) info pci", "in here: hotplugctl explain bus.unserved"),
        )
    yield from _hinted(failed)


def _function_zero(snapshot: Snapshot) -> Iterable[Check]:
    """Functions beside one that is not there: pciehp is told of none, acpiphp is told and finds none."""
    by = {slot.mechanism for slot in snapshot.slots.items}
    if "pciehp" in by:
        said = "a function 1 and up without function 0 waits for that one: nothing is announced before"
    elif "acpiphp" in by and snapshot.acpi.gpe:
        said = "a function 1 and up without function 0 is announced, and not found before function 0 comes"
    else:
        return
    yield Check(said, ("QEMU: addr= of the device_add: function 0 comes last",))


def unheard(seen: Overview, snapshot: Snapshot) -> Optional[str]:
    """The announcements, where nothing came that they can have been for: one that went leaves no line in the log."""
    acpi = snapshot.acpi
    if seen.arrivals or acpi.phpr is None or not acpi.gpe or snapshot.log.failure is not None or snapshot.log.headless:
        return None
    return f"the host announced PCI changes {_times(acpi.gpe)} by ACPI, and the log tells of no device that came"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _served(headroom: Headroom) -> frozenset[str]:
    return frozenset(room.bus for room in headroom.rooms if room.slots)


def _hinted(failed: Sequence[Finding]) -> Iterable[Check]:
    """Findings that are no fault, and may be the answer: the first of each kind."""
    for key in _HINTS:
        found = [one for one in failed if one.id == key and one.severity == "info"]
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            first, asks = found[0], f"in here: hotplugctl explain {key}"
            how = f"in here: {first.remedy}" if first.remedy else first.detail or asks
            yield Check(f"{first.summary}{more}", (how,))
    # Adapters whose disks come by a scan of their bus alone.
    for one in failed:
        if one.id == _SCANNED:
            how = f"in here: {one.remedy}" if one.remedy else f"in here: hotplugctl explain {_SCANNED}"
            yield Check(f"{one.summary}: no PCI event tells of it", (how,))


def causes(findings: Sequence[Finding], snapshot: Snapshot) -> list[Finding]:
    """What may keep a device from coming or from being of use, causes first; of notes those about unserved buses."""
    kept = [one for one in findings if one.status in ("fail", "crashed")]
    missing = needed(snapshot)
    return [one for one in kept if one.severity != "info" or (one.id == _UNSERVED and one.subject in missing)]
