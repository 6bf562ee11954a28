"""Which finding explains which: the root cause comes first, its consequences name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Optional

from hotplugctl.model.report import Finding

# effect → its possible causes; "same": only where both speak of one device; "mechanism": only where the cause is about
# the mechanism that the effect's fault would need.
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
    ("driver.probe-failed", "bar.unassigned", "same"),
    ("driver.not-bound", "bar.unassigned", "same"),
    ("driver.not-bound", "driver.autoprobe-off", "any"),
    ("function.never-enabled", "bar.unassigned", "same"),
    ("function.never-enabled", "driver.not-bound", "same"),
    ("virtio.child-unbound", "driver.autoprobe-off", "any"),
    ("announce.card-waits", "kernel.core-absent", "any"),
    ("slot.card-without-function", "log.hotplug-oops", "any"),
    ("slot.card-without-function", "log.hotplug-hung", "any"),
    *((effect, cause, "mechanism") for effect in ("bus.unserved", "announce.gpe-missed", "announce.card-waits")
      for cause in _OF_MECHANISM),
)  # fmt: skip


def link_causes(findings: Sequence[Finding], mechanisms: Sequence[Optional[str]]) -> list[Finding]:
    """The findings with ``because`` filled in. Only faults explain, and only faults are explained.

    ``mechanisms``: for each finding the mechanism that would have to serve there.
    """
    failed = [finding for finding in findings if finding.status == "fail" and finding.severity != "info"]
    # What each scope asks for: that there is such a cause, one of this device, one about this mechanism.
    known: Mapping[str, AbstractSet[tuple[str, Optional[str]]]] = {
        "any": {(finding.id, None) for finding in failed},
        "same": {(finding.id, finding.address) for finding in failed},
        "mechanism": {(finding.id, finding.subject) for finding in failed},
    }
    return [
        finding._replace(because=_because(finding, mechanism, known))
        for finding, mechanism in zip(findings, mechanisms)
    ]


def _because(
    finding: Finding, mechanism: Optional[str], known: Mapping[str, AbstractSet[tuple[str, Optional[str]]]]
) -> tuple[str, ...]:
    if finding.status != "fail" or finding.severity == "info":
        return ()
    key = {"any": None, "same": finding.address, "mechanism": mechanism}
    causes = [cause for effect, cause, scope in _CAUSES if effect == finding.id and (cause, key[scope]) in known[scope]]
    return tuple(dict.fromkeys(causes))
