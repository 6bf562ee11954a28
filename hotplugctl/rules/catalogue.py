"""All rules, by family: importing a family registers its rules."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.rules import (
    access,
    announce,
    bar,
    bus,
    card,
    driver,
    function,
    guest,
    kernel,
    log,
    node,
    slot,
    udev,
    virtio,
)
from hotplugctl.rules.registry import RULES, Rule

FAMILIES = (guest, kernel, log, bus, announce, slot, card, bar, function, driver, virtio, node, udev, access)


def select(only: Iterable[str] = (), skip: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The rules to run: ``only`` those named, or all but those to ``skip``. A family's name stands for all of it."""
    wanted, unwanted = tuple(only), frozenset(skip)
    return tuple(rule for rule in RULES.values() if (not wanted or _named(rule, wanted)) and not _named(rule, unwanted))


def unknown_ids(identifiers: Iterable[str]) -> tuple[str, ...]:
    """Those that name neither a finding nor a family."""
    families = {identifier.partition(".")[0] for identifier in RULES}
    return tuple(name for name in identifiers if name not in RULES and name not in families)


def _named(rule: Rule, names: Iterable[str]) -> bool:
    return any(name in (rule.id, rule.id.partition(".")[0]) for name in names)
