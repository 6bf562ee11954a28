"""The catalogue's frame: what a rule is, and how a family registers its rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Optional, Union

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot


class Fault(NamedTuple):
    """One thing that is wrong: its subject, a sentence, and what shows it. Empty fields fall back to the rule's.

    ``relies_on``: what would have to work here, a mechanism by its name or a bus; what is wrong with it explains this.
    """

    subject: Optional[str]
    summary: str
    evidence: tuple[Evidence, ...] = ()
    address: Optional[str] = None
    detail: Optional[str] = None
    remedy: Optional[str] = None
    severity: Optional[str] = None
    side: Optional[str] = None
    relies_on: Optional[str] = None


class Undecided(NamedTuple):
    """The rule cannot tell for this subject; ``why`` names what is missing."""

    subject: Optional[str]
    why: str


Outcome = Union[Fault, Undecided]
Check = Callable[[Snapshot], Iterable[Outcome]]


class Rule(NamedTuple):
    """A fault that is looked for. ``needs`` names the parts of a snapshot without which nothing can be said."""

    id: str
    severity: str
    side: str
    needs: tuple[str, ...]
    remedy: Optional[str]
    check: Check

    @property
    def title(self) -> str:
        """What it means, in one sentence: the first line of the check's docstring."""
        return (self.check.__doc__ or "").strip().partition("\n")[0]

    @property
    def text(self) -> str:
        """The rest of the docstring: when it fires, and the source."""
        lines = (self.check.__doc__ or "").strip().partition("\n")[2].splitlines()
        return "\n".join(line.strip() for line in lines).strip()


RULES: dict[str, Rule] = {}


def rule(
    identifier: str,
    severity: str,
    *,
    side: str = "guest",
    needs: tuple[str, ...] = (),
    remedy: Optional[str] = None,
) -> Callable[[Check], Check]:
    """Register a check under its id, ``family.fault-in-kebab-case``; an id is never renamed or reused."""

    def register(check: Check) -> Check:
        if identifier in RULES:
            raise ValueError(f"finding id {identifier} is taken")
        RULES[identifier] = Rule(identifier, severity, side, needs, remedy, check)
        return check

    return register
