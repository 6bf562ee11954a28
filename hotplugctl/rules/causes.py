"""Which finding explains which: the root cause comes first, its consequences name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Optional

from hotplugctl.model.report import Finding

# effect → its possible causes; "same": only where both speak of one device, "subject": of one slot; "relies": only
# where the cause is about what the effect's fault relies on, a mechanism or a bus.
_OF_MECHANISM = (
    "kernel.mechanism-absent",
    "kernel.module-not-loaded",
    "kernel.module-blacklisted",
    "kernel.mechanism-disabled",
)
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("kernel.mechanism-absent", "kernel.core-absent", "any"),
    ("kernel.module-not-loaded", "kernel.core-absent", "any"),
    ("bus.unserved", "kernel.core-absent", "any"),
    ("bus.unserved", "log.hotplug-oops", "any"),
    ("announce.gpe-missed", "kernel.core-absent", "any"),
    ("announce.gpe-missed", "announce.other-mechanism", "any"),
    ("announce.card-waits", "log.hotplug-oops", "any"),
    ("bar.unassigned", "bus.no-window", "relies"),
    ("bar.over-interrupts", "bus.window-over-interrupts", "relies"),
    # Of a bus that nobody serves, the guest hears no removal.
    ("function.gone", "bus.unserved", "relies"),
    ("function.read-hung", "function.gone", "same"),
    *((effect, "bar.over-interrupts", "same")
      for effect in ("function.read-hung", "driver.probe-failed", "node.nvme-failed", "node.nvme-timeouts")),
    ("driver.probe-failed", "bar.unassigned", "same"),
    ("driver.not-bound", "bar.unassigned", "same"),
    ("driver.not-bound", "driver.autoprobe-off", "any"),
    *(("driver.not-bound", cause, "same")
      for cause in ("node.nvme-failed", "virtio.refused", "driver.deferred", "driver.probe-failed")),
    ("driver.probe-failed", "virtio.refused", "same"),
    ("driver.probe-failed", "node.nvme-failed", "same"),
    ("virtio.child-unbound", "virtio.refused", "same"),
    ("virtio.child-unbound", "driver.deferred", "same"),
    ("virtio.refused", "bar.unassigned", "same"),
    ("node.nvme-failed", "bar.unassigned", "same"),
    ("function.sriov-failed", "bar.unassigned", "same"),
    ("function.never-enabled", "bar.unassigned", "same"),
    ("function.never-enabled", "driver.not-bound", "same"),
    ("virtio.child-unbound", "driver.autoprobe-off", "any"),
    ("announce.card-waits", "kernel.core-absent", "any"),
    ("slot.card-without-function", "log.hotplug-oops", "any"),
    ("slot.card-without-function", "log.hotplug-hung", "any"),
    *(("slot.card-without-function", cause, "subject")
      for cause in ("card.no-link", "card.power-fault", "card.latch-open", "card.request-canceled")),
    ("log.hotplug-oops", "bus.no-number", "any"),
    *((effect, cause, "relies") for effect in ("bus.unserved", "announce.gpe-missed", "announce.card-waits")
      for cause in _OF_MECHANISM),
)  # fmt: skip


def causes_of(identifier: str) -> tuple[str, ...]:
    """The ids that may explain a finding, the first ones first."""
    return tuple(dict.fromkeys(cause for effect, cause, _ in _CAUSES if effect == identifier))


def effects_of(identifier: str) -> tuple[str, ...]:
    """The ids that a finding may explain."""
    return tuple(dict.fromkeys(effect for effect, cause, _ in _CAUSES if cause == identifier))


def link_causes(findings: Sequence[Finding], relied_on: Sequence[Optional[str]]) -> list[Finding]:
    """The findings with ``because`` filled in. Only faults explain, and only faults are explained.

    ``relied_on``: for each finding what would have to work there.
    """
    failed = [finding for finding in findings if finding.status == "fail" and finding.severity != "info"]
    # What each scope asks for: that there is such a cause, one of this device, one about this subject.
    known: Mapping[str, AbstractSet[tuple[str, Optional[str]]]] = {
        "any": {(finding.id, None) for finding in failed},
        "same": {(finding.id, finding.address) for finding in failed},
        "subject": {(finding.id, finding.subject) for finding in failed},
        "relies": {(finding.id, finding.subject) for finding in failed},
    }
    return [finding._replace(because=_because(finding, what, known)) for finding, what in zip(findings, relied_on)]


def _because(
    finding: Finding, what: Optional[str], known: Mapping[str, AbstractSet[tuple[str, Optional[str]]]]
) -> tuple[str, ...]:
    if finding.status != "fail" or finding.severity == "info":
        return ()
    key = {"any": None, "same": finding.address, "subject": finding.subject, "relies": what}
    causes = [cause for effect, cause, scope in _CAUSES if effect == finding.id and (cause, key[scope]) in known[scope]]
    return tuple(dict.fromkeys(causes))
