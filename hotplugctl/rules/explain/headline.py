"""The answer in one sentence, and whether it is a good one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hotplugctl.model.devices import Slot
from hotplugctl.model.explanation import Log, Nowhere, Overview, Prospect, Subject
from hotplugctl.model.report import Finding, Report
from hotplugctl.model.target import Target
from hotplugctl.rules.explain.concern import wrong
from hotplugctl.rules.explain.stages import used

Answer = tuple[Optional[bool], str]


def of_function(subject: Subject, findings: Sequence[Finding]) -> Answer:
    """A function that is there: well, if it is settled and nothing that concerns it is wrong."""
    address, stands = subject.function.address, subject.standing
    faults = wrong(findings)
    doubts = [stage for stage in subject.stages if stage.applies and stage.reached is None and len(stage.evidence) > 1]
    unread = [key for key in ("driver", "class") if key in subject.function.unknown]
    if unread:
        return None, f"{address} is there, and how far it came cannot be told: {subject.function.unknown[unread[0]]}"
    if not stands.settled:
        if faults:
            return False, f"{address} is there and not ready: {faults[0].summary}"
        return False, f"{address} is there and not ready: {stands.missing}: {stands.reason}"
    if faults and faults[0].id == "function.gone":
        return False, faults[0].summary
    if faults:
        return False, f"{address} has come all the way, but: {faults[0].summary}"
    if doubts:
        said = doubts[0].unknown.get("reached", "")
        return None, f"{address}: whether it reached {doubts[0].name} cannot be told: {said}"
    names = [node.name for node in used(subject.lineage.near.nodes, subject.function)]
    made = f", as {', '.join(names[:4])}" if names else ""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    bare = "" if stands.reason is None else f"; {stands.reason}"
    return True, f"{address} is there and ready{made}{more}{bare}"


def of_slot(slot: Slot, foretold: Prospect, findings: Sequence[Finding]) -> tuple[Optional[bool], str, Optional[str]]:
    """A slot without a function: would one come?"""
    name = f"slot {slot.name} ({slot.address or 'no address'})"
    held = "holds a card that shows no function" if slot.occupied else "is empty"
    if slot.occupied is None:
        held = "may hold a card"
    faults = wrong(findings)
    why = (faults[0].summary if faults else None) or (foretold.notes[0] if foretold.notes else None)
    if foretold.comes is None:
        reason = why or slot.unknown.get("occupied") or "what decides could not be read"
        return None, f"{name} {held}: whether a device would come cannot be told", reason
    if foretold.comes:
        return True, f"{name} {held}: a device that is put there comes by {foretold.mechanism}", None
    if slot.occupied:
        return False, f"{name} {held}" + (f": {why}" if why else ""), None
    return False, f"{name} {held}: a device that is put there would not come to work: {why}", None


def of_nothing(target: Target, missing: Nowhere, log: Log, off_pci: bool, why: Optional[str]) -> str:
    """Nothing is there; ``why``: that cannot be told."""
    if why is not None:
        return f"{target.address or target.text}: whether it is there cannot be told"
    if off_pci:
        return f"{target.text} is there, and on no PCI function: {missing.why}"
    what = target.address or target.text
    came = [one for one in log.passages if one.stages]
    if came and came[0].address is not None:
        last = came[0]
        when = "" if last.first is None else f" (at {last.first:.2f} s)"
        word = "came" if last.action == "add" else "went"
        who = f"one {word} before" if last.address == target.address else f"it {word} before, on {last.address}"
        return f"{what}: nothing is there; {who}{when}: {missing.why}"
    if any(line.life is not None for line in log.lines) and target.address is not None:
        return f"{what}: nothing is there now, and the kernel log speaks of one that was: {missing.why}"
    return f"{what}: nothing is there: {missing.why}"


def of_all(
    report: Report, seen: Overview, findings: Sequence[Finding], log: Log, unheard: Optional[str] = None
) -> tuple[Optional[bool], str, Optional[str]]:
    """Without a target. Nothing wrong in here is a yes, not a proof that the host did its part.

    ``unheard``: announcements for which nothing came.
    """
    if report.verdict == "not-applicable":
        return None, report.why, report.why
    faults = wrong(findings)
    stalled = [one for one in seen.arrivals if one.here and one.standing is not None and not one.standing.settled]
    lost = [one for one in seen.arrivals if one.passage.address is None]
    if faults:
        return False, faults[0].summary, None
    if stalled and stalled[0].standing is not None:
        first = stalled[0]
        return False, f"{first.passage.address} came and is not ready: {stalled[0].standing.reason}", None
    if lost:
        return False, f"slot {lost[0].passage.slot} announced a device that never came: {lost[0].passage.reason}", None
    if report.verdict == "unknown":
        return None, report.why, report.why
    if seen.arrivals:
        return True, f"nothing is wrong in here; the last that came: {_named(seen)}", None
    if log.failure is not None:
        return None, "nothing is wrong in here, and what came lately cannot be told", log.failure
    if unheard is not None:
        return True, f"nothing is wrong in here; {unheard}: one may have gone, or it waits for its function 0", None
    told = "the log tells" if log.unread is None else "was read of a long log"
    return True, f"nothing is wrong in here, and no device has come since the boot, as far as {told}", None


def _named(seen: Overview) -> str:
    last = seen.arrivals[0].passage
    nodes = f" ({', '.join(last.nodes[:4])})" if last.nodes else ""
    when = "" if last.first is None else f" at {last.first:.2f} s"
    return f"{last.address}{nodes}{when}"
