"""The text of ``diff``: a line for each difference, by function, and a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Optional

from hotplugctl.model.difference import KINDS, Change, Difference, Held, Omission
from hotplugctl.render.escape import printable
from hotplugctl.render.size import size

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "renamed": ">"}
_COLORS = {"+": "32", "-": "31", "~": "33", ">": "36"}
_PLURAL = {
    "function": "functions", "driver": "drivers", "node": "nodes", "slot": "slots", "mechanism": "mechanisms",
}  # fmt: skip
_MANY = 3


def diff(item: Difference, functions: Mapping[str, Held], color: bool) -> str:
    """``functions``: those that the changes speak of, by address."""
    lines = [*_functions(item.changes, functions), *_slots(item.changes), *_mechanisms(item.changes)]
    text = [_paint(line, color) for line in lines]
    if text:
        text.append("")
    return "\n".join([*text, *_summary(item)])


def _paint(line: str, color: bool) -> str:
    sign = line.lstrip()[:1]
    return f"\033[{_COLORS[sign]}m{line}\033[0m" if color and sign in _COLORS else line


def _functions(changes: Iterable[Change], functions: Mapping[str, Held]) -> Iterator[str]:
    of_functions = (change for change in changes if change.address is not None)
    # What went from an address and what came there are two.
    for key, group in groupby(of_functions, lambda change: (change.address or "", change.change == "removed")):
        members, address = list(group), key[0]
        head = [change for change in members if change.what == "function"]
        if not head and any(change.what == "node" for change in members):
            about = functions.get(address)
            yield f"  {address}" + ("" if about is None else _called(about))
        for change in members:
            yield from _of_node(change) if change.what == "node" else _of_function(change)


def _of_function(change: Change) -> Iterator[str]:
    sign, held = _SIGNS[change.change], change.after or change.before
    if held is None:
        return
    if change.what == "driver":
        was, now = (_driver(one) for one in (change.before, change.after))
        yield f"~ {change.key}{_called(held)}: driver {was} -> {now}"
    elif change.change in ("added", "removed"):
        yield f"{sign} {change.key}{_called(held)}{_bound(held)}"
    else:
        what = f"{_text(change.before, 'address')} -> {change.key}" if change.change == "moved" else change.key
        more = _fields(change, ("address",))
        yield f"{sign} {what}{_called(held)}" + (f": {more}" if more else "")


def _driver(held: Optional[Held]) -> str:
    return "none" if held is None else _text(held, "driver")


def _called(held: Held) -> str:
    """Its class, and what it is called; the ids of a class and of a device that nobody has named."""
    get = held.facts.get
    class_ = get("class_name") or get("class")
    name = get("name") or ":".join(str(get(key)) for key in ("vendor", "device") if get(key))
    words = ": ".join(printable(str(word)) for word in (class_, name) if word)
    return f" {words}" if words else ""


def _bound(held: Held) -> str:
    driver, slot = held.facts.get("driver"), held.facts.get("slot")
    bound = f" [{printable(str(driver))}]" if driver is not None else ""
    return bound + (f" slot {printable(str(slot))}" if slot is not None else "")


def _of_node(change: Change) -> Iterator[str]:
    sign, held = _SIGNS[change.change], change.after or change.before
    if held is None:
        return
    there = change.before
    kind = printable(str(held.facts["subsystem"]))
    name = printable(held.key)
    if change.change in ("added", "removed"):
        yield f"    {sign} {kind} {name}{_details(held)}"
        return
    if "name" in change.differs:
        name = f"{_text(there, 'name')} -> {name}"
    if "function" in change.differs:
        name += f", was on {_text(there, 'function')}"
    more = _fields(change, ("name", "function"))
    yield f"    {sign} {kind} {name}" + (f": {more}" if more else "")


def _details(held: Held) -> str:
    get = held.facts.get
    parts = [
        size(amount) if isinstance(amount := get("size"), int) else "",
        str(get("address") or ""),
        str(get("model") or "").strip(),
        f"serial {str(get('serial')).strip()}" if get("serial") else "",
    ]
    text = " ".join(printable(part) for part in parts if part)
    return f" {text}" if text else ""


def _fields(change: Change, said: Sequence[str]) -> str:
    """``field before -> after`` of all that differs but what was said already."""
    there, here = change.before, change.after
    return ", ".join(_field(key, there, here) for key in change.differs if key not in said)


def _field(key: str, there: Optional[Held], here: Optional[Held]) -> str:
    if key == "bars":
        return _bars(there, here)
    if key == "answers":
        return "answers again" if here is not None and here.facts.get(key) else "answers no more (reads as ones)"
    if key == "hung":
        return "a read of it hangs" if here is not None and here.facts.get(key) else "reads of it hang no more"
    if key == "size":
        return f"size {_size(there)} -> {_size(here)}"
    return f"{_WORDS.get(key, key.replace('_', ' '))} {_text(there, key)} -> {_text(here, key)}"


_WORDS = {"address": "MAC address", "ro": "read-only", "blocked_by": "blocked by"}


def _size(held: Optional[Held]) -> str:
    amount = None if held is None else held.facts.get("size")
    return size(amount if isinstance(amount, int) else None)


def _bars(there: Optional[Held], here: Optional[Held]) -> str:
    pairs = enumerate(zip(*(_sizes(held) for held in (there, here))))
    return ", ".join(f"BAR {index} {_bar(was)} -> {_bar(now)}" for index, (was, now) in pairs if was != now)


def _sizes(held: Optional[Held]) -> Sequence[Optional[int]]:
    found = None if held is None else held.facts.get("bars")
    return found if isinstance(found, tuple) else ()


def _bar(amount: Optional[int]) -> str:
    return "unassigned" if amount is None else size(amount)


def _text(held: Optional[Held], key: str) -> str:
    value = None if held is None else held.facts.get(key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else printable(str(value))


def _slots(changes: Iterable[Change]) -> Iterator[str]:
    """Slots one by one; where more than a few come or go on one bus (behind a bridge), they are one line."""
    of_slots = [change for change in changes if change.what == "slot"]
    for (word, bus, mechanism), group in groupby(of_slots, _alike):
        members = list(group)
        if word in ("added", "removed") and len(members) > _MANY:
            names = f"{printable(members[0].key)} to {printable(members[-1].key)}"
            yield f"{_SIGNS[word]} {len(members)} slots on {bus}: {names} ({mechanism})"
            continue
        for change in members:
            yield _slot(change)


def _alike(change: Change) -> tuple[str, str, str]:
    held = change.after or change.before
    address = _text(held, "address")
    return change.change, address.rpartition(":")[0] or address, _text(held, "mechanism")


def _slot(change: Change) -> str:
    held = change.after or change.before
    name = printable(change.key)
    if "name" in change.differs:
        name = f"{_text(change.before, 'name')} -> {name}"
    line = f"{_SIGNS[change.change]} slot {name} ({_text(held, 'address')})"
    if change.change in ("added", "removed"):
        return f"{line}: {_text(held, 'mechanism')}"
    more = _fields(change, ("name",))
    return f"{line}: {more}" if more else line


def _mechanisms(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if change.what == "mechanism":
            held = change.after or change.before
            more = _fields(change, ()) or _text(held, "state")
            yield f"{_SIGNS[change.change]} mechanism {printable(change.key)}: {more}"


def _summary(item: Difference) -> Iterator[str]:
    """What was counted, what was not compared, and what was odd."""
    left_out = {omission.what for omission in item.omissions if omission.wholly}
    compared = [_PLURAL[what] for what in KINDS if what not in left_out]
    if item.changes:
        yield _counted(item.changes)
    elif compared:
        yield f"no difference in {_and(compared)}"
    else:
        yield "nothing could be compared"
    yield from _omissions(item.omissions)
    yield from (f"note: {printable(remark)}" for remark in item.remarks)


def _omissions(items: Iterable[Omission]) -> Iterator[str]:
    """Kinds that are left out for the same reasons are told together."""
    whys: dict[tuple[str, bool], list[tuple[str, str]]] = {}
    for item in items:
        whys.setdefault((item.what, item.wholly), []).append((item.side, item.reason))
    kinds: dict[tuple[bool, tuple[tuple[str, str], ...]], list[str]] = {}
    for (what, wholly), said in whys.items():
        kinds.setdefault((wholly, tuple(said)), []).append(_PLURAL[what])
    for (wholly, reasons), named in kinds.items():
        what = f"not compared: {_and(named)}" if wholly else f"not told whether {_and(named)} came or went"
        alike = len({why for _, why in reasons}) == 1 and len(reasons) > 1
        shown = f"both: {reasons[0][1]}" if alike else "; ".join(f"{side}: {why}" for side, why in reasons)
        yield f"{what} ({printable(shown)})"


def _counted(changes: Sequence[Change]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for change in changes:
        # A driver that came or went is a change of its function.
        word = "changed" if change.what == "driver" else change.change
        counts[(change.what, word)] = counts.get((change.what, word), 0) + 1
    ranked = sorted(counts.items(), key=_rank)
    return ", ".join(f"{count} {what if count == 1 else _PLURAL[what]} {word}" for (what, word), count in ranked)


def _rank(item: tuple[tuple[str, str], int]) -> tuple[int, int]:
    return KINDS.index(item[0][0]), list(_SIGNS).index(item[0][1])


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
