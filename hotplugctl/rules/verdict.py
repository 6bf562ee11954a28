"""From facts and findings to the one word that ``check`` answers with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from hotplugctl.model.devices import Slot
from hotplugctl.model.reads import Absent, reason
from hotplugctl.model.report import Finding, Headroom
from hotplugctl.model.snapshot import Snapshot

_DEAD = "log.hotplug-oops"


def verdict(snapshot: Snapshot, headroom: Headroom, findings: Sequence[Finding]) -> tuple[str, str]:
    """The verdict and one sentence why (the contract's ``check``)."""
    apart = _not_applicable(snapshot)
    if apart is not None:
        return "not-applicable", apart
    failed = [finding for finding in findings if finding.status == "fail"]
    if headroom.slots and not any(finding.id == _DEAD for finding in failed):
        return _served(headroom, failed)
    return _unserved(snapshot, headroom, failed)


def _not_applicable(snapshot: Snapshot) -> Optional[str]:
    if snapshot.guest.container is not None:
        return f"this is a container ({snapshot.guest.container}): devices are the host's business"
    if snapshot.guest.source == "image":
        return None
    if isinstance(snapshot.functions.failure, Absent) or snapshot.functions == ((), None):
        return "this machine has no PCI bus"
    return None


def _served(headroom: Headroom, failed: Iterable[Finding]) -> tuple[str, str]:
    names = ", ".join(sorted({room.mechanism for room in headroom.rooms if room.mechanism}))
    if not headroom.free_slots:
        return "limited", f"{names or 'hot-plug'} works, but none of {headroom.slots} slots is free"
    room = f"{headroom.free_slots} of {headroom.slots} slots free by {names}"
    wrong = [finding for finding in failed if finding.severity != "info"]
    if wrong:
        return "limited", f"{room}, but: {wrong[0].summary}"
    return "ready", room


def _unserved(snapshot: Snapshot, headroom: Headroom, failed: Sequence[Finding]) -> tuple[str, str]:
    errors = [finding for finding in failed if finding.severity == "error"]
    if snapshot.core.state == "absent" or (headroom.slots is not None and snapshot.functions.failure is None):
        return "not-ready", errors[0].summary if errors else "no bus of this machine is served by a hot-plug mechanism"
    if any(finding.id == _DEAD for finding in errors):
        return "not-ready", errors[0].summary
    failure = snapshot.slots.failure or snapshot.functions.failure
    return "unknown", "what decides could not be read: " + (reason(failure) if failure is not None else "")


def usable(name: str, slots: Iterable[Slot], findings: Iterable[Finding]) -> bool:
    """A mechanism is usable where it serves a slot and the kernel's hot-plug code is alive."""
    return any(slot.mechanism == name for slot in slots) and not any(
        finding.id == _DEAD and finding.status == "fail" for finding in findings
    )
