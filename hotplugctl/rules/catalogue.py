"""All rules, by family: importing a family registers its rules."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

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

# Loaded for images only.
OF_IMAGES = "image"
_SAY_OF_IMAGES = (OF_IMAGES, "guest", "kernel.core-absent")
FAMILIES = (guest, kernel, log, bus, announce, slot, card, bar, function, driver, virtio, node, udev, access)


def every_family() -> tuple[ModuleType, ...]:
    """All families, that of images too."""
    from hotplugctl.rules import image

    return (*FAMILIES, image)


def select(only: Iterable[str] = (), skip: Iterable[str] = (), *, image: bool = False) -> tuple[Rule, ...]:
    """The rules to run: ``only`` those named, or all but those to ``skip``. A family's name stands for all of it.

    Those of the family ``OF_IMAGES`` run on an ``image`` alone, and of the others none that asks a running guest.
    """
    if image:
        every_family()
    wanted, unwanted = tuple(only), frozenset(skip)
    return tuple(
        rule
        for rule in RULES.values()
        if (not wanted or _named(rule, wanted))
        and not _named(rule, unwanted)
        and (_named(rule, _SAY_OF_IMAGES) if image else not _named(rule, (OF_IMAGES,)))
    )


def unknown_ids(identifiers: Iterable[str]) -> tuple[str, ...]:
    """Those that name neither a finding nor a family."""
    identifiers = tuple(identifiers)
    if any(identifier.partition(".")[0] == OF_IMAGES for identifier in identifiers):
        every_family()
    families = {identifier.partition(".")[0] for identifier in RULES}
    return tuple(name for name in identifiers if name not in RULES and name not in families)


def _named(rule: Rule, names: Iterable[str]) -> bool:
    return any(name in (rule.id, rule.id.partition(".")[0]) for name in names)
