"""The lines of a recorded stream against each other, as problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Flaw, Problem
from hotplugctl.rules.validation.words import shown

_WORDS = {
    "malformed": ("events.malformed", "not what is recorded of a stream"),
    "cut-off": ("events.cut-off", "it ends in the middle of a line"),
    "carriage-return": (
        "text.carriage-return",
        "its lines end with a carriage return, which a checkout or an editor put there",
    ),
    "disordered": ("events.disordered", "heard before the line above it: lines were moved"),
    "doubled": ("events.doubled", "a number that a line above it has already"),
    "props-differ": ("events.props-differ", "its props are not those of its datagram"),
    "log-differs": ("events.log-differs", "the kernel log of a stage has other words under this number"),
    "stages": ("story.stages-disordered", "by the number of uevents that were sent, not when its name says"),
    "lost": ("events.lost", "the kernel's own event is missing, which udev answered"),
}
_LOST_RECORD = "the kernel log of a stage has this record, and the lines around it are here"
CONSEQUENCES = frozenset(("events.malformed", "events.cut-off", "events.disordered"))
"""Of a stream with these, what it tells of devices need not be believed."""


def streams(flaws: Iterable[Flaw]) -> Iterator[Problem]:
    """A problem for each kind of flaw that a file has."""
    for flaw in flaws:
        identifier, why = _WORDS[flaw.fault]
        if flaw.fault == "lost" and not flaw.line:
            why = _LOST_RECORD
        where = f"{flaw.source}:{flaw.line}" if flaw.line else flaw.source
        more = f" (and {flaw.times - 1} more)" if flaw.times > 1 else ""
        said = f"{shown(flaw.what)}: " if flaw.what else ""
        yield Problem(identifier, where, f"{said}{why}{more}", (Evidence(where, shown(flaw.what)),))
