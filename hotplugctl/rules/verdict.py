"""From facts and findings to the one word that ``check`` answers with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from hotplugctl.model.reads import reason
from hotplugctl.model.report import Finding, Headroom
from hotplugctl.model.snapshot import Mechanism, Snapshot
from hotplugctl.rules.facts import capabilities_unknown, in_trouble, needed, no_pci_bus, vmbus_functions

_AT_WORK = ("builtin", "loaded", "unknown")
_CRASH = ("oops", "panic")
_OF_DEVICES = ("node.", "function.")
_NOTHING = "no bus of this machine is served by a hot-plug mechanism"


def verdict(snapshot: Snapshot, headroom: Headroom, findings: Sequence[Finding]) -> tuple[str, str]:
    """The verdict and one sentence why (the contract's ``check``)."""
    apart = _not_applicable(snapshot)
    if apart:
        return "not-applicable", apart
    failed = [finding for finding in findings if finding.status == "fail"]
    if snapshot.image is not None:
        return _of_image(snapshot, failed)
    crash = in_trouble(snapshot, _CRASH)
    if crash is not None:
        return "not-ready", f"the kernel crashed in its hot-plug code ({crash}): no device is enumerated until a reboot"
    deaf = _unreached(snapshot, headroom, failed)
    if deaf:
        return "not-ready", deaf
    if headroom.slots:
        return _served(headroom, failed)
    return _unserved(snapshot, failed)


def _not_applicable(snapshot: Snapshot) -> str:
    if snapshot.guest.container is not None:
        return f"this is a container ({snapshot.guest.container}): devices are the host's business"
    if snapshot.guest.source == "image":
        return ""
    functions = snapshot.functions
    if no_pci_bus(snapshot):
        return "this machine has no PCI bus"
    if functions.items and len(vmbus_functions(snapshot)) == len(functions.items):
        return "all PCI functions come over VMBus: hv_pci adds and removes them, no hot-plug mechanism is involved"
    return ""


def _unreached(snapshot: Snapshot, headroom: Headroom, failed: Iterable[Finding]) -> str:
    """Why no device can come though slots are served: the host announces to another mechanism than serves them."""
    if not snapshot.scene.unreached or headroom.free_slots != 0:
        return ""
    said = next((finding.summary for finding in failed if finding.id == "announce.other-mechanism"), None)
    return said or "the host announces devices to another mechanism than serves the slots"


def _served(headroom: Headroom, failed: Iterable[Finding]) -> tuple[str, str]:
    names = ", ".join(sorted({room.mechanism for room in headroom.rooms if room.mechanism}))
    if headroom.free_slots is None:
        return "unknown", f"{names or 'hot-plug'} works, but whether a slot is free could not be read: " + "; ".join(
            why for key, why in headroom.unknown if key == "free_slots"
        )
    if not headroom.free_slots:
        return "limited", f"{names or 'hot-plug'} works, but none of {headroom.slots} slots is free"
    room = f"{headroom.free_slots} of {headroom.slots} slots free by {names or 'a mechanism that nothing names'}"
    wrong = [finding for finding in failed if finding.severity != "info"]
    if wrong:
        return "limited", f"{room}, but: {wrong[0].summary}"
    return "ready", room


def _unserved(snapshot: Snapshot, failed: Sequence[Finding]) -> tuple[str, str]:
    # A device that is there and useless is no reason why none comes.
    errors = [one for one in failed if one.severity == "error" and not one.id.startswith(_OF_DEVICES)]
    why = errors[0].summary if errors else _NOTHING
    if snapshot.core.state == "absent":
        return "not-ready", why
    if snapshot.functions.failure is not None:
        return "unknown", "what decides could not be read: " + reason(snapshot.functions.failure)
    if snapshot.slots.failure is None or _nothing_can_serve(snapshot):
        return "not-ready", why
    return "unknown", "what decides could not be read: " + reason(snapshot.slots.failure)


def _nothing_can_serve(snapshot: Snapshot) -> bool:
    """Without a list of slots: is every mechanism that some bus would need known not to run?"""
    if not snapshot.buses or any(port and capabilities_unknown(snapshot, port) for port in snapshot.buses.values()):
        return False
    names = frozenset(needed(snapshot).values())
    return all(item.state not in _AT_WORK for item in snapshot.mechanisms if item.name in names)


def _of_image(snapshot: Snapshot, failed: Sequence[Finding]) -> tuple[str, str]:
    """The root of an image is no machine: what it decides is told, and nothing else."""
    from hotplugctl.rules.image import judged

    return judged.verdict(snapshot, failed)


def usable(item: Mechanism, snapshot: Snapshot) -> Optional[bool]:
    """A mechanism is usable where it serves a slot that the host reaches, and the kernel's hot-plug code is alive.

    None where that hangs on slots which could not be listed: what runs, or may run, may serve one of them.
    """
    if in_trouble(snapshot, _CRASH) is not None:
        return False
    if snapshot.slots.failure is not None and snapshot.image is None and item.state in _AT_WORK:
        return None
    deaf = snapshot.scene.unreached
    return any(slot.mechanism == item.name and slot.name not in deaf for slot in snapshot.slots.items)
