"""Which finding explains which: the root cause comes first, its consequences name it."""

from __future__ import annotations

from collections.abc import Sequence
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
    return [
        finding._replace(because=_because(finding, mechanism, failed))
        for finding, mechanism in zip(findings, mechanisms)
    ]


def _because(finding: Finding, mechanism: Optional[str], failed: Sequence[Finding]) -> tuple[str, ...]:
    if finding.status != "fail" or finding.severity == "info":
        return ()
    causes = [
        cause
        for effect, cause, scope in _CAUSES
        if effect == finding.id
        and any(other.id == cause and _in_scope(scope, finding, mechanism, other) for other in failed)
    ]
    return tuple(dict.fromkeys(causes))


def _in_scope(scope: str, finding: Finding, mechanism: Optional[str], cause: Finding) -> bool:
    if scope == "mechanism":
        return cause.subject == mechanism
    return scope == "any" or cause.address == finding.address
