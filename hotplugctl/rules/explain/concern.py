"""Which findings concern a target, in the order in which one would read them: root causes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hotplugctl.model.report import Finding

# They keep every device of the machine from coming, or from being of use.
_FOR_ALL = ("log.hotplug-oops", "log.hotplug-hung", "driver.autoprobe-off")


class Names(NamedTuple):
    """What a target is called in findings: addresses of functions, and subjects (``slot 4``, ``virtio3``, a bus)."""

    addresses: frozenset[str]
    subjects: frozenset[str]


OWN, STALLED, PLACE = "own", "stalled", "place"
"""How far to look: what is about the target alone; what may hold up any device too; what keeps one from coming too."""


def concerning(findings: Sequence[Finding], names: Names, scope: str) -> tuple[Finding, ...]:
    """The findings about these names, and those that explain them; in the order of the report, mere notes last.

    ``scope``: one of the words above. What could not be told is kept where it may concern the target.
    """
    own = [one for one in findings if one.status in ("fail", "crashed") and _about(one, names, scope)]
    wanted = {id(one) for one in own}
    causes = {cause for one in own for cause in one.because}
    while causes:
        more = [one for one in findings if one.status == "fail" and one.id in causes and id(one) not in wanted]
        more = [one for one in more if _may_explain(one, names)]
        wanted.update(id(one) for one in more)
        causes = {cause for one in more for cause in one.because}
    unknown = [one for one in findings if one.status == "unknown" and _undecided(one, names)]
    wanted.update(id(one) for one in unknown)
    chosen = [one for one in findings if id(one) in wanted]
    return tuple(sorted(chosen, key=lambda one: (one.status == "unknown", one.severity == "info")))


def _about(finding: Finding, names: Names, scope: str) -> bool:
    if finding.status == "crashed" or (finding.id in _FOR_ALL and scope != OWN):
        return True
    if finding.address in names.addresses or finding.subject in names.subjects | names.addresses:
        return True
    return finding.id in _KEEPS_OUT and scope == PLACE


_KEEPS_OUT = (
    "kernel.core-absent", "kernel.mechanism-absent", "kernel.module-not-loaded", "kernel.module-blacklisted",
    "kernel.mechanism-disabled", "announce.other-mechanism", "announce.acpi-unread", "announce.gpe-missed",
    "slot.none-free", "guest.container",
)  # fmt: skip


def _may_explain(finding: Finding, names: Names) -> bool:
    """Of a cause that is about one device: is it this one?"""
    return finding.address is None or finding.address in names.addresses or finding.subject in names.subjects


def _undecided(finding: Finding, names: Names) -> bool:
    return finding.subject is None or finding.subject in names.subjects | names.addresses


def wrong(findings: Iterable[Finding]) -> list[Finding]:
    """Those that say that something is wrong, and do not only mention it."""
    return [one for one in findings if one.status == "fail" and one.severity != "info"]


def bars(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Address and name of the BARs that have no address, and are missed."""
    return [
        (one.address, (one.subject or "").partition(" ")[2])
        for one in findings
        if one.id == "bar.unassigned" and one.address is not None
    ]
