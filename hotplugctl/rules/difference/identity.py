"""Which thing of one side is which of the other: each is matched once at most, and never by a guess.

What two things both tell and tell otherwise speaks against their being one. What only one of them tells says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Callable, Optional

from hotplugctl.model.difference import Held

_IDS = ("vendor", "device", "subsystem_vendor", "subsystem_device")
_MAC = "mac"
# Numbers that the kernel counts on with every device that comes: virtio3, host2, target2:0:0, 2:0:0:0, ata4, nvme1.
_COUNTED = re.compile(r"(?:virtio|host|ata|nvme|target|end_device-|port-|\A)[0-9]+(?=\Z|:)")

Compatible = Callable[[Held, Held], bool]
Keys = Callable[[Held], Iterable[Hashable]]
Homes = Sequence[Optional[str]]


class Pairs:
    """Who is whom, growing step by step; what one step has matched is not looked at by the next.

    ``homes``: for each thing where it belongs, the same words on both sides; None: nowhere that both have.
    """

    def __init__(
        self, before: Sequence[Held], after: Sequence[Held], homes: Optional[tuple[Homes, Homes]] = None
    ) -> None:
        self.before, self.after = before, after
        self.of: dict[int, int] = {}
        self._taken: set[int] = set()
        self._homes = homes

    def match(self, keys: Keys, compatible: Compatible, *, among_all: bool = False) -> None:
        """Match those that have a key which no other on their side has.

        ``among_all``: no other at all; otherwise no other at its home that is not matched yet.
        """
        there = _by_key(self._candidates(0, among_all), keys)
        here = _by_key(self._candidates(1, among_all), keys)
        for key, first in there.items():
            second = here.get(key, ())
            if len(first) == 1 and len(second) == 1 and compatible(self.before[first[0]], self.after[second[0]]):
                self.join(first[0], second[0])

    def join(self, before: int, after: int) -> None:
        """Match these two, unless one of them is matched already."""
        if before not in self.of and after not in self._taken:
            self.of[before] = after
            self._taken.add(after)

    def left(self, side: int) -> Iterator[int]:
        """Those of the first (0) or the second side (1) that are not matched."""
        taken: Iterable[int] = self._taken if side else self.of
        return (index for index in range(len(self.after if side else self.before)) if index not in taken)

    def _candidates(self, side: int, among_all: bool) -> Iterator[tuple[int, Optional[str], Held]]:
        items = self.after if side else self.before
        if among_all:
            return ((index, None, held) for index, held in enumerate(items))
        homes = self._homes[side] if self._homes is not None else None
        found = ((index, "" if homes is None else homes[index], items[index]) for index in self.left(side))
        return (each for each in found if each[1] is not None)


def _by_key(items: Iterable[tuple[int, Optional[str], Held]], keys: Keys) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for index, home, held in items:
        for key in keys(held):
            found.setdefault((home, key), []).append(index)
    return found


def functions(before: Sequence[Held], after: Sequence[Held]) -> Pairs:
    """Functions: by what marks one device, then at the same place, at the same address, then by ids that are unique.

    The place before the address: buses are numbered anew when a port comes before them.
    """
    pairs = Pairs(before, after)
    pairs.match(lambda held: held.marks, _same_kind, among_all=True)
    pairs.match(lambda held: (held.place,) if held.place else (), _one_device)
    # Names do not contradict, since another pci.ids has others; but of one that only one has, that is looked for.
    pairs.match(_name_alone, _unmarked, among_all=True)
    pairs.match(lambda held: (held.key,), _not_elsewhere)
    # Only where the whole guest has one of its kind, before and after: of two that are alike nobody knows which it is.
    pairs.match(_kind, _unmarked, among_all=True)
    return pairs


def _name_alone(held: Held) -> Iterator[Hashable]:
    """The name of a function of which there is no id."""
    if all(held.facts.get(key) is None for key in _IDS[:2]):
        yield from _kind(held)


def _kind(held: Held) -> Iterator[Hashable]:
    ids = tuple(held.facts.get(key) for key in _IDS)
    if None not in ids[:2]:
        yield ids
    elif held.facts.get("name") is not None:
        yield held.facts["name"], held.facts.get("class_name")


def _same_kind(before: Held, after: Held) -> bool:
    if any(differs(before, after, key) for key in _IDS):
        return False
    if all(key in before.facts and key in after.facts for key in _IDS[:2]):
        return True
    # Where ids are not told, the class is what there is; it is called otherwise by another pci.ids.
    by_code = all("class" in held.facts for held in (before, after))
    return not differs(before, after, "class" if by_code else "class_name")


def _one_device(before: Held, after: Held) -> bool:
    """Whether nothing speaks against two functions being one: neither ids nor serial numbers of their own."""
    return _same_kind(before, after) and not _marked_otherwise(before, after)


def _not_elsewhere(before: Held, after: Held) -> bool:
    """One address is one place, unless both sides tell the way to it and it is another."""
    return _one_device(before, after) and (not before.place or not after.place or before.place == after.place)


def _unmarked(before: Held, after: Held) -> bool:
    """The same for two at different addresses: there a MAC address speaks against it, too."""
    return _one_device(before, after) and not _apart(before, after, _MAC)


def _marked_otherwise(before: Held, after: Held) -> bool:
    """By a serial number and the like. A MAC address belongs to no device: interfaces can swap theirs."""
    words = {mark.partition(":")[0] for mark in before.marks}
    return any(_apart(before, after, word) for word in words if word != _MAC)


def _apart(before: Held, after: Held, word: str) -> bool:
    """Whether both have marks of this kind and none in common."""
    there = {mark for mark in before.marks if mark.startswith(f"{word}:")}
    here = {mark for mark in after.marks if mark.startswith(f"{word}:")}
    return bool(there and here) and not there & here


def differs(before: Held, after: Held, field: str) -> bool:
    """Whether both tell a field, and otherwise. A class is compared as far as both have digits of it."""
    if field not in before.facts or field not in after.facts:
        return False
    there, here = before.facts[field], after.facts[field]
    if field == "class" and isinstance(there, str) and isinstance(here, str):
        digits = min(len(there), len(here))
        return there[:digits] != here[:digits]
    return there != here


def nodes(before: Sequence[Held], after: Sequence[Held], same_function: Mapping[str, str]) -> Pairs:
    """Nodes: disks by what marks one disk, wherever they are now; others within functions that are one.

    ``same_function``: its address before → after. Of disks first; a partition goes with its disk.
    """
    homes = (
        [same_function.get(str(held.facts["function"])) for held in before],
        [str(held.facts["function"]) for held in after],
    )
    pairs = Pairs(before, after, homes)
    pairs.match(_disk_marks, _one_node, among_all=True)
    pairs.match(_macs, _one_node)
    for place in (_place, _uncounted, _named):
        pairs.match(place, _one_node)
    _partitions(pairs)
    return pairs


def _disk_marks(held: Held) -> Iterable[Hashable]:
    """Those of a disk and not of its controller, which bears the same serial number."""
    return held.marks if held.facts["subsystem"] == "block" and held.number is None else ()


def _macs(held: Held) -> Iterable[Hashable]:
    return [mark for mark in held.marks if mark.startswith(f"{_MAC}:")]


def _place(held: Held) -> Iterable[Hashable]:
    return () if held.number is not None else ((held.facts["subsystem"], held.place),)


def _uncounted(held: Held) -> Iterable[Hashable]:
    if held.number is None:
        yield held.facts["subsystem"], tuple(_COUNTED.sub(_less_number, part) for part in held.place)


def _less_number(found: re.Match[str]) -> str:
    return found[0].rstrip("0123456789")


def _named(held: Held) -> Iterable[Hashable]:
    return () if held.number is not None else ((held.facts["subsystem"], held.key),)


def _one_node(before: Held, after: Held) -> bool:
    return not differs(before, after, "subsystem") and not _marked_otherwise(before, after)


def _partitions(pairs: Pairs) -> None:
    """The partition of the same number on the same disk."""
    disks = {
        (pairs.before[first].facts["function"], pairs.before[first].key): pairs.after[second]
        for first, second in pairs.of.items()
    }
    numbered: dict[Hashable, int] = {
        (held.facts["function"], held.place[-1:], held.number): index
        for index, held in enumerate(pairs.after)
        if held.number is not None
    }
    for index in list(pairs.left(0)):
        held = pairs.before[index]
        disk = disks.get((held.facts["function"], held.place[-1])) if held.number is not None and held.place else None
        if disk is not None:
            other = numbered.get((disk.facts["function"], (disk.key,), held.number))
            if other is not None:
                pairs.join(index, other)


def slots(before: Sequence[Held], after: Sequence[Held]) -> Pairs:
    """Slots: by address, and where several have the same one by name; by name alone where an address is not known."""
    pairs = Pairs(before, after)
    pairs.match(lambda held: ((held.facts.get("address"), held.key),), _nothing_against)
    pairs.match(lambda held: (held.facts["address"],) if held.facts.get("address") else (), _nothing_against)
    pairs.match(lambda held: (held.key,), lambda there, here: not differs(there, here, "address"))
    return pairs


def mechanisms(before: Sequence[Held], after: Sequence[Held]) -> Pairs:
    """Mechanisms, by name."""
    pairs = Pairs(before, after)
    pairs.match(lambda held: (held.key,), _nothing_against)
    return pairs


def _nothing_against(_before: Held, _after: Held) -> bool:
    return True
