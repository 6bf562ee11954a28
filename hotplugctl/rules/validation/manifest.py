"""Breaches of the manifest as problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Breach, Problem
from hotplugctl.rules.validation.words import capped, shown

_SOURCE = "manifest.json"

# Breach → (problem id, summary with the values as they were noted and found).
_FAULTS = {
    "missing": ("manifest.file-missing", "the manifest notes a {noted}, and it cannot be read: {found}"),
    "extra": ("manifest.file-extra", "a {found} that the manifest does not have"),
    "kind": ("manifest.kind-differs", "the manifest notes a {noted}, and it is a {found}"),
    "size": ("manifest.size-differs", "the manifest notes {noted}, and it has {found}"),
    "hash": ("manifest.hash-differs", "its content is not what was recorded: the SHA-256 differs"),
    "link": ("manifest.link-differs", "the manifest notes a link to {noted}, and it leads to {found}"),
    "path": ("manifest.path-malformed", "the manifest holds what is no path inside a recording"),
}


def manifest(breaches: Iterable[Breach]) -> tuple[Problem, ...]:
    """A problem for every breach."""
    return tuple(capped(_problem(breach) for breach in breaches))


def archive(refused: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """A problem for every member of a tar that is not in the tree as it was packed: its name, and why."""
    for name, why in refused:
        yield Problem("recording.member-refused", name, why, (Evidence(name, why),))


def _problem(breach: Breach) -> Problem:
    identifier, summary = _FAULTS[breach.fault]
    witnesses = []
    if breach.noted:
        witnesses.append(Evidence(f"{_SOURCE}:{breach.path}", breach.noted))
    if breach.found:
        witnesses.append(Evidence(breach.path, breach.found))
    text = summary.format(noted=shown(breach.noted), found=shown(breach.found or "not there"))
    return Problem(identifier, breach.path, text, tuple(witnesses))
