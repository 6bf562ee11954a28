"""The timeline as a table: a row a device, a column a stage, milliseconds after its first sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable

from hotplugctl.model.timeline import ACTIONS, Passage, Spread, Timeline, Wait
from hotplugctl.render.columns import Column
from hotplugctl.render.escape import printable
from hotplugctl.render.table import UNKNOWN, cell, table

_COLUMNS = (
    ("announced", "ANNOUNCED", "announced or asked for at its slot", False),
    ("enumerated", "ENUM", "found by the kernel; of a removal: gone", True),
    ("resources", "RES", "every BAR has an address", False),
    ("enabled", "ENAB", "its driver enabled it", True),
    ("bound", "BOUND", "a driver has it; of a removal: has let go of it", True),
    ("child", "CHILD", "its driver registered what is behind it: virtio device, SCSI host", True),
    ("node", "NODE", "its last disk or interface; of a removal: gone", True),
    ("udev", "UDEV", "udev was done with that", True),
)
_MEANING = "ms after the first sign"


def _stage(name: str) -> Callable[[Passage], str]:
    def show(passage: Passage) -> str:
        found = next((stage for stage in passage.stages if stage.name == name), None)
        if found is None:
            return cell(None)
        return UNKNOWN if found.after_ms is None else f"{found.after_ms:.0f}"

    return show


def _first(passage: Passage) -> str:
    return UNKNOWN if passage.first is None else f"{passage.first:.2f}"


COLUMNS = (
    Column("AT", _first, "the first sign of it, seconds since boot", True),
    Column("ACTION", lambda one: one.action, "add: it came; remove: it went"),
    Column("ADDRESS", lambda one: cell(one.address), "the PCI function"),
    Column("IDS", lambda one: cell(one.ids), "vendor and device", usual=False),
    Column("SLOT", lambda one: cell(one.slot), "the slot's name", usual=False),
    Column("DRIVER", lambda one: cell(one.driver), "its driver", usual=False),
    *(
        Column(heading, _stage(name), f"{_MEANING}: {meaning}", True, usual)
        for name, heading, meaning, usual in _COLUMNS
    ),
    Column("OUTCOME", lambda one: cell(one.outcome, "outcome" in one.unknown), "ready, stalled, failed or removed"),
    Column("NODES", lambda one: cell(one.nodes), "the nodes that came or went with it", usual=False),
    Column("REASON", lambda one: cell(one.reason), "why it is not ready", usual=False),
)


_HEADINGS = {heading: name for name, heading, _, _ in _COLUMNS}


def rows(wanted: Sequence[Column], timeline: Timeline, headings: bool, numbers: bool) -> str:
    """The table; with ``numbers`` the last rows are median and 95th percentile of what stands above."""
    cells = [[column.show(passage) for column in wanted] for passage in timeline.passages]
    if numbers:
        cells += _numbers(wanted, timeline.spreads)
    right = [index for index, column in enumerate(wanted) if column.right]
    return table([column.heading for column in wanted] if headings else None, cells, right)


def _numbers(wanted: Sequence[Column], spreads: Sequence[Spread]) -> list[list[str]]:
    found = []
    for action in ACTIONS:
        of_stage = {one.stage: one for one in spreads if one.action == action}
        for label, index in (("median", 3), ("95%", 4)) if of_stage else ():
            words = {"ACTION": action, "ADDRESS": label}
            words.update(
                (heading, f"{of_stage[name][index]:.0f}") for heading, name in _HEADINGS.items() if name in of_stage
            )
            found.append([words.get(column.heading, "") for column in wanted])
    return found


def below(timeline: Timeline) -> str:
    """What stands below the table: reasons, and the waits that explain gaps."""
    return "\n".join([*_reasons(timeline.passages), *_waits(timeline.passages)])


def _reasons(passages: Iterable[Passage]) -> list[str]:
    lines = []
    for one in passages:
        why = one.reason or one.unknown.get("outcome")
        if why is not None:
            name = one.address or f"slot {one.slot}"
            lines.append(f"{printable(name)}: {one.action}: {printable(why)}")
    return lines


def _waits(passages: Iterable[Passage]) -> list[str]:
    """Each kind of wait once: what it is, and where it was."""
    kinds: dict[str, tuple[Wait, list[str]]] = {}
    for one in passages:
        for wait in one.waits:
            took = "" if wait.took_s is None else f" {wait.took_s:.1f} s"
            kinds.setdefault(wait.name, (wait, []))[1].append(f"{one.address or one.slot}{took}")
    return [f"{wait.name}: {wait.summary}: {_listed(where)}" for wait, where in kinds.values()]


def _listed(where: list[str]) -> str:
    more = f" and {len(where) - _LISTED} more" if len(where) > _LISTED else ""
    return printable(", ".join(where[:_LISTED]) + more)


_LISTED = 4
