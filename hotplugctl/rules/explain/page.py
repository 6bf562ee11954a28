"""The page of a finding, and what somebody may have meant who mistyped one."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.explanation import Page
from hotplugctl.rules.causes import causes_of, effects_of
from hotplugctl.rules.registry import RULES


def page(identifier: str) -> Optional[Page]:
    """The page of an id; None where no finding is called so. The families must have been imported."""
    rule = RULES.get(identifier)
    if rule is None:
        return None
    text, marked, source = rule.text.rpartition("Source: ")
    return Page(
        rule.id, rule.title, " ".join((text if marked else source).split()),
        " ".join(source.split()) if marked else None, rule.severity, rule.side, rule.remedy or None,
        causes_of(rule.id), effects_of(rule.id),
    )  # fmt: skip


def near(text: str) -> tuple[str, ...]:
    """Ids that are spelt nearly so, and those of a family that is named."""
    from difflib import get_close_matches

    family = of_family(text.partition(".")[0])
    close = get_close_matches(text[:80], list(RULES), n=4, cutoff=0.7)
    return tuple(dict.fromkeys([*close, *family[:8]]))


def of_family(text: str) -> tuple[str, ...]:
    """The ids of the family that is called so (``bar``, ``bar.``), in their order."""
    family = text[:-1] if text.endswith(".") else text
    return tuple(sorted(name for name in RULES if name.partition(".")[0] == family))


def looks_like_one(text: str) -> bool:
    """Whether it can only be meant for a finding: a known family before a dot."""
    family, dot, name = text.partition(".")
    return bool(dot) and any(known.startswith(f"{family}.") for known in RULES) and not name.isdigit()
