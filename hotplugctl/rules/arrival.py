"""Whether a device that is waited for can come at all; asked only where nothing that is there may still become it."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.report import Report
from hotplugctl.model.snapshot import Snapshot

# Where devices of a bus come through its slots alone: others have front-ends that add functions on their own.
_BY_SLOT = ("kvm", "qemu")


def impossible(
    snapshot: Snapshot, report: Report, address: Optional[str], slot: Optional[str], virtual: bool
) -> Optional[str]:
    """Why it is certain that nothing comes, short of a rescan by hand; None where it is not certain.

    ``address`` and ``slot``: where it would have to come, None for anywhere. ``virtual``: some function of this machine
    can make others (SR-IOV), and these use no slot.
    """
    if report.verdict == "not-ready" and not _announced(report):
        return report.why
    if slot is not None:
        known = next((item for item in snapshot.slots.items if item.name == slot), None)
        if known is not None and not known.hotplug and "mechanism" not in known.unknown:
            return f"slot {slot}: only firmware names it, and nothing announces a device in it"
    if address is not None and not virtual and snapshot.guest.hypervisor in _BY_SLOT:
        return _off_the_slots(snapshot, address)
    return None


def _announced(report: Report) -> bool:
    """Something waits, and may come when somebody helps it."""
    return any(finding.status == "fail" and finding.id.startswith("announce.") for finding in report.findings)


def _off_the_slots(snapshot: Snapshot, address: str) -> Optional[str]:
    bus = address[:-5]
    if snapshot.slots.failure is not None or bus not in snapshot.buses:
        return None
    if any(item.bus == bus and (item.hotplug or item.unknown) for item in snapshot.slots.items):
        return None
    return f"no slot of bus {bus} takes hot-plugged devices"
