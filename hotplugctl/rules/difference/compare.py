"""All differences of two sides, in the order in which a person reads them: by function, its nodes under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from hotplugctl.model.difference import KINDS, Change, Difference, Held, Omission, Side
from hotplugctl.rules.difference import identity
from hotplugctl.rules.difference.identity import Pairs, differs

# What is compared of things that are one. Names, and what follows from where a thing is, are left to their kinds.
_COMPARED = {
    "function": (
        "class", "vendor", "device", "subsystem_vendor", "subsystem_device", "revision", "slot", "enabled", "answers",
        "bars",
    ),
    "node": ("size", "ro", "model", "address", "state", "hung"),
    "slot": ("mechanism", "occupied", "power"),
    "mechanism": ("state", "blocked_by"),
}  # fmt: skip
_NAMES = {"node": ("name",), "slot": ("name",)}


def difference(before: Side, after: Side) -> Difference:
    """In what they differ. What one side cannot tell is no difference: it is among the omissions."""
    omissions = tuple(_omissions(before, after))
    left_out = {item.what for item in omissions if item.wholly}
    changes: list[Change] = []
    if "function" not in left_out:
        changes += _functions(before, after, left_out)
    for what, there, here, match in (
        ("slot", before.slots, after.slots, identity.slots),
        ("mechanism", before.mechanisms, after.mechanisms, identity.mechanisms),
    ):
        if what not in left_out:
            found = _plain(what, match(there, here), before, after)
            # Of a mechanism that one side does not name it just knows no config that names it.
            changes += [change for change in found if what == "slot" or None not in (change.before, change.after)]
    decided = bool(changes) or "function" not in left_out
    remarks = tuple(dict.fromkeys((*before.remarks, *after.remarks)))
    return Difference(not changes if decided else None, tuple(changes), omissions, remarks)


def _omissions(before: Side, after: Side) -> Iterator[Omission]:
    for what in KINDS:
        for side in (before, after):
            if what in side.silent:
                yield Omission(what, side.label, side.silent[what], True)
            elif what in side.partial:
                yield Omission(what, side.label, side.partial[what], False)


def _functions(before: Side, after: Side, left_out: set[str]) -> list[Change]:
    """Those of functions, drivers and nodes, sorted by function."""
    pairs = identity.functions(before.functions, after.functions)
    changes = _plain("function", pairs, before, after)
    if "driver" not in left_out:
        changes += _drivers(pairs)
    if "node" not in left_out:
        same = {before.functions[there].key: after.functions[here].key for there, here in pairs.of.items()}
        changes += _plain("node", identity.nodes(_row(before), _row(after), same), before, after, same)
    ranks = {"function": 0, "driver": 1, "node": 2}
    # Stable: within a function the nodes stay in their order.
    return sorted(changes, key=lambda change: (*_by_address(change.address), _going(change), ranks[change.what]))


def _by_address(address: Optional[str]) -> tuple[int, str]:
    """Domains are at least four digits and unpadded beyond."""
    text = address or ""
    return len(text), text


def _going(change: Change) -> int:
    """At one address: what went, then what came in its place."""
    return 0 if change.change == "removed" else 1


def _row(side: Side) -> tuple[Held, ...]:
    return tuple(held for address in side.nodes for held in side.nodes[address])


def _plain(
    what: str, pairs: Pairs, before: Side, after: Side, same_function: Optional[Mapping[str, str]] = None
) -> list[Change]:
    """What is on one side alone, and what is on both and differs. ``same_function``: its address before → after."""
    found = []
    if what not in after.partial:
        found += [_alone(what, "removed", pairs.before[index]) for index in pairs.left(0)]
    for index, held in enumerate(pairs.before):
        if index in pairs.of:
            found += _of_pair(what, held, pairs.after[pairs.of[index]], same_function or {})
    if what not in before.partial:
        found += [_alone(what, "added", pairs.after[index]) for index in pairs.left(1)]
    return found


def _alone(what: str, change: str, held: Held) -> Change:
    there, here = (held, None) if change == "removed" else (None, held)
    return Change(what, change, held.key, there, here, (), _function_of(what, held))


def _function_of(what: str, held: Held) -> Optional[str]:
    address = held.facts.get("function") if what == "node" else held.key if what in ("function", "driver") else None
    return None if address is None else str(address)


def _of_pair(what: str, there: Held, here: Held, same_function: Mapping[str, str]) -> Iterator[Change]:
    moved = _moved(what, there, here, same_function)
    renamed = _differing(there, here, _NAMES.get(what, ()))
    changed = _differing(there, here, _compared(what, there, here))
    if moved or renamed or changed:
        word = "moved" if moved else "renamed" if renamed else "changed"
        yield Change(what, word, here.key, there, here, (*moved, *renamed, *changed), _function_of(what, here))


def _moved(what: str, there: Held, here: Held, same_function: Mapping[str, str]) -> tuple[str, ...]:
    """A node whose function has moved with it has not."""
    if what == "function":
        return _differing(there, here, ("address",))
    if what != "node":
        return ()
    was = str(there.facts["function"])
    return () if same_function.get(was, was) == here.facts["function"] else ("function",)


def _compared(what: str, there: Held, here: Held) -> Sequence[str]:
    fields = _COMPARED[what]
    if what == "function" and not all(key in held.facts for held in (there, here) for key in ("vendor", "device")):
        # Without ids, what it is called is all that tells it from another.
        return (*fields, "name")
    return fields


def _differing(there: Held, here: Held, fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(field for field in fields if differs(there, here, field))


def _drivers(pairs: Pairs) -> Iterator[Change]:
    """Of functions that are on both sides: what comes or goes brings or takes its driver along."""
    for first, second in pairs.of.items():
        there, here = pairs.before[first], pairs.after[second]
        if differs(there, here, "driver"):
            was, now = there.facts["driver"], here.facts["driver"]
            word = "added" if was is None else "removed" if now is None else "changed"
            yield Change(
                "driver", word, here.key, None if was is None else there, None if now is None else here, ("driver",),
                here.key,
            )  # fmt: skip
