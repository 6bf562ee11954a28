"""A story's uevents against its trees, as problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Drift, Problem
from hotplugctl.rules.validation.words import capped, shown

_EVENTS = "events/netlink-uevent.jsonl"
_WORDS = {"function": "", "driver": " driver", "node": " node"}


def uevents(drifts: Iterable[Drift]) -> tuple[Problem, ...]:
    """A problem for each function, driver and node that the events and a stage's tree do not agree on."""
    return tuple(capped(problem for drift in drifts for problem in _problems(drift)))


def _problems(drift: Drift) -> Iterator[Problem]:
    functions = {address for kind, address, _ in (*drift.missing, *drift.extra) if kind == "function"}
    for side, items in (("missing", drift.missing), ("extra", drift.extra)):
        for kind, address, what in items:
            if kind != "function" and address in functions:
                # What is below a function that is not there need not be told.
                continue
            yield _problem(drift.stage, side, kind, address, what)


def _problem(stage: str, side: str, kind: str, address: str, what: str) -> Problem:
    name = shown(what.rpartition(" ")[2])
    subject = f"the {kind} {name}" if what else "the function"
    tree = f"{stage}/sys/bus/pci/devices/{address}"
    if side == "missing":
        why = f"by the uevents {subject} is there in {stage}, and its tree does not have it"
        said = (Evidence(_EVENTS, what or address), Evidence(tree, "none"))
    else:
        why = f"the tree of {stage} has {subject}, and no uevent brought it"
        said = (Evidence(_EVENTS, "none"), Evidence(tree, what or address))
    return Problem(f"uevent.{kind}-{side}", f"{stage}: {address}{_WORDS[kind]}", why, said)
