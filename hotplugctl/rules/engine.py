"""Runs the rules: a crash or missing evidence becomes an outcome, never silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from hotplugctl.model.reads import Failure, reason
from hotplugctl.model.report import SEVERITIES, Finding
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.causes import link_causes
from hotplugctl.rules.facts import in_trouble
from hotplugctl.rules.registry import Fault, Outcome, Rule, Undecided

_STATUS_ORDER = ("crashed", "fail", "unknown", "pass")


def run(rules: Iterable[Rule], snapshot: Snapshot) -> tuple[Finding, ...]:
    """Every rule's findings, one ``pass`` for a rule that finds nothing: root causes first, then by severity."""
    found = [pair for rule in rules for pair in _run_one(rule, snapshot)]
    if in_trouble(snapshot, _STUCK) is not None:
        found = [(_without_hanging_remedy(finding), what) for finding, what in found]
    return _ordered(link_causes([finding for finding, _ in found], [what for _, what in found]))


_Found = tuple[Finding, Optional[str]]
# Whoever writes to these then waits for a lock that is never given back, and cannot be killed.
_STUCK = ("oops", "panic", "hung-task")
_HANGING = ("> /sys/bus/pci/rescan", "/remove", "/power")


def _without_hanging_remedy(finding: Finding) -> Finding:
    hangs = finding.remedy is not None and any(word in finding.remedy for word in _HANGING)
    return finding._replace(remedy=None) if hangs else finding


def _run_one(rule: Rule, snapshot: Snapshot) -> Sequence[_Found]:
    """The rule's findings, each with what it relies on."""
    missing = _missing(rule.needs, snapshot)
    if missing is not None:
        return [(Finding(rule.id, "unknown", rule.severity, summary=rule.title, detail=missing, side=rule.side), None)]
    try:
        outcomes = list(rule.check(snapshot))
    except Exception as error:  # noqa: BLE001 - a rule that crashes must not silence the others
        detail = f"{type(error).__name__}: {error}"
        return [(Finding(rule.id, "crashed", rule.severity, summary=rule.title, detail=detail, side=rule.side), None)]
    if not outcomes:
        return [(Finding(rule.id, "pass", "info", summary=rule.title, side=rule.side), None)]
    return [(_finding(rule, outcome), getattr(outcome, "relies_on", None)) for outcome in outcomes]


def _finding(rule: Rule, outcome: Outcome) -> Finding:
    if isinstance(outcome, Undecided):
        return Finding(
            rule.id, "unknown", rule.severity, outcome.subject, None, rule.title, outcome.why, side=rule.side
        )
    return _of_fault(rule, outcome)


def _of_fault(rule: Rule, fault: Fault) -> Finding:
    return Finding(
        rule.id, "fail", fault.severity or rule.severity, fault.subject, fault.address, fault.summary, fault.detail,
        (), fault.evidence, (rule.remedy if fault.remedy is None else fault.remedy) or None, fault.side or rule.side,
    )  # fmt: skip


def _missing(needs: Iterable[str], snapshot: Snapshot) -> Optional[str]:
    for need in needs:
        failure = _failure_of(need, snapshot)
        if failure is not None:
            return reason(failure)
    return None


def _failure_of(need: str, snapshot: Snapshot) -> Optional[Failure]:
    part: object = getattr(snapshot, need)
    failure: Optional[Failure] = getattr(part, "failure", None)
    return failure


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Stable: what explains others before what it explains, then the graver, then in the order of the catalogue."""
    depth = _depths(findings)
    return tuple(
        sorted(
            findings,
            key=lambda f: (_STATUS_ORDER.index(f.status), depth[f.id], -SEVERITIES.index(f.severity)),
        )
    )


def _depths(findings: Sequence[Finding]) -> dict[str, int]:
    """Id → how many causes stand one behind the other, at most."""
    because: dict[str, set[str]] = {}
    for finding in findings:
        because.setdefault(finding.id, set()).update(finding.because)
    depths: dict[str, int] = {}

    def depth(id: str, above: tuple[str, ...]) -> int:
        if id not in depths:
            causes = because.get(id, set()).difference(above, (id,))
            depths[id] = max((1 + depth(cause, (*above, id)) for cause in causes), default=0)
        return depths[id]

    for id in because:
        depth(id, ())
    return depths
