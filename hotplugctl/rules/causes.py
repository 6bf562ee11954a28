"""Which finding explains which: the root cause comes first, its consequences name it."""

from __future__ import annotations

from collections.abc import Sequence

from hotplugctl.model.report import Finding

# effect → its possible causes; "same": only where both speak of one device.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("kernel.mechanism-absent", "kernel.core-absent", "any"),
    ("kernel.module-not-loaded", "kernel.core-absent", "any"),
    ("bus.unserved", "kernel.core-absent", "any"),
    ("bus.unserved", "kernel.mechanism-absent", "any"),
    ("bus.unserved", "kernel.module-not-loaded", "any"),
    ("bus.unserved", "kernel.module-blacklisted", "any"),
    ("bus.unserved", "kernel.mechanism-disabled", "any"),
    ("bus.unserved", "log.hotplug-oops", "any"),
    ("announce.gpe-missed", "kernel.core-absent", "any"),
    ("announce.gpe-missed", "kernel.mechanism-absent", "any"),
    ("announce.gpe-missed", "kernel.module-not-loaded", "any"),
    ("announce.gpe-missed", "kernel.mechanism-disabled", "any"),
    ("announce.card-waits", "kernel.mechanism-disabled", "any"),
    ("announce.card-waits", "kernel.mechanism-absent", "any"),
    ("announce.card-waits", "log.hotplug-oops", "any"),
    ("slot.firmware-only", "kernel.mechanism-disabled", "any"),
    ("slot.firmware-only", "kernel.core-absent", "any"),
    ("slot.firmware-only", "kernel.mechanism-absent", "any"),
    ("driver.probe-failed", "bar.unassigned", "same"),
    ("driver.not-bound", "bar.unassigned", "same"),
    ("driver.not-bound", "driver.autoprobe-off", "any"),
    ("function.never-enabled", "bar.unassigned", "same"),
    ("function.never-enabled", "driver.not-bound", "same"),
    ("virtio.child-unbound", "driver.autoprobe-off", "any"),
)


def link_causes(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with ``because`` filled in. Only faults explain, and only faults are explained."""
    failed = [finding for finding in findings if finding.status == "fail"]
    return [finding._replace(because=_because(finding, failed)) for finding in findings]


def _because(finding: Finding, failed: Sequence[Finding]) -> tuple[str, ...]:
    if finding.status != "fail" or finding.severity == "info":
        return ()
    causes = [
        cause
        for effect, cause, scope in _CAUSES
        if effect == finding.id
        and any(
            other.id == cause and other.severity != "info" and (scope == "any" or other.address == finding.address)
            for other in failed
        )
    ]
    return tuple(dict.fromkeys(causes))
