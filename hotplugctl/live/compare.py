"""In what a look differs from what was told."""

from __future__ import annotations

from hotplugctl.live.state import State
from hotplugctl.model.live import Look

Difference = tuple[str, str, str]


def differences(state: State, look: Look) -> frozenset[Difference]:
    """(kind, address, what) of every function, driver and node that one of them has and the other has not.

    A look that is not complete tells nothing of what it lacks.
    """
    missing, extra = sides(state, look)
    return frozenset(missing | extra if look.complete else extra)


def sides(state: State, look: Look) -> tuple[set[Difference], set[Difference]]:
    """The same apart: what was told and is not in the look, and what is in the look and was not told."""
    told = _told(state)
    seen = _seen(look)
    return told - seen, seen - told


def _told(state: State) -> set[Difference]:
    found: set[Difference] = set()
    for address, journey in state.functions.items():
        if not journey.told:
            continue
        found.add(("function", address, ""))
        if journey.driver is not None:
            found.add(("driver", address, journey.driver))
        found.update(("node", address, f"{node.path} {node.name}") for node in journey.nodes.values())
    return found


def _seen(look: Look) -> set[Difference]:
    found: set[Difference] = set()
    for fact in look.functions:
        found.add(("function", fact.address, ""))
        if fact.driver is not None:
            found.add(("driver", fact.address, fact.driver))
        found.update(("node", fact.address, f"{node.path} {node.name}") for node in fact.nodes)
    return found
