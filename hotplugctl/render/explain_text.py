"""The text of ``explain``: what a person reads from top to bottom, the answer first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Optional

from hotplugctl.render.check_text import one_finding, paint, unknown
from hotplugctl.render.escape import is_printable, printable
from hotplugctl.render.size import size
from hotplugctl.render.table import UNKNOWN, cell, table

if TYPE_CHECKING:
    from hotplugctl.model.explanation import (
        Arrival,
        BarPlace,
        Explanation,
        Lineage,
        Log,
        Nowhere,
        Overview,
        Page,
        Port,
        Prospect,
        Stage,
        Subject,
    )
    from hotplugctl.model.timeline import Passage

_WORDS = {True: ("ready", "ready"), False: ("error", "error"), None: ("unknown", "unknown")}
_SIGNS = {True: "ok", False: "no", None: "unknown"}


def explain(item: Explanation, color: bool) -> str:
    """The whole answer."""
    parts = [_headline(item, color)]
    if item.subject is not None:
        parts += [_stages(item.subject.stages), _up_and_down(item.subject)]
    if item.overview is not None:
        parts += _survey(item.overview, item.log)
    if item.nowhere is not None:
        parts.append(_nowhere(item.nowhere))
    if item.prospect is not None:
        parts.append(_prospect(item.prospect))
    if item.subject is None:
        parts.append(_passages(item.log.passages))
    shown = [one for one in item.findings if one.status in ("fail", "crashed")]
    parts += [one_finding(one, color) for one in shown]
    parts += [unknown(item.findings), _log(item), _unread(item.log)]
    return "\n\n".join(part for part in parts if part)


def _headline(item: Explanation, color: bool) -> str:
    word = _SIGNS[item.good]
    said = f"{paint(word, _WORDS[item.good][1], color)}: {printable(item.headline)}"
    why = f"\n  {printable(item.why)}" if item.why is not None and item.why not in item.headline else ""
    return said + why


def _stages(stages: Sequence[Stage]) -> str:
    rows = [[one.name, _reached(one), _at(one), printable(_because(one))] for one in stages if one.applies]
    return table(("STAGE", "REACHED", "AT", "BECAUSE"), rows, right=(2,))


def _reached(stage: Stage) -> str:
    return cell(stage.reached, unknown=True)


def _at(stage: Stage) -> str:
    if stage.at is not None:
        return f"{stage.at:.3f}"
    return UNKNOWN if stage.reached else ""


def _because(stage: Stage) -> str:
    if stage.reached is None:
        both = "; ".join(f"{piece.source}: {piece.value}" for piece in stage.evidence)
        why = stage.unknown.get("reached", "")
        return f"{why}: {both}" if both and why else why or both
    pieces = stage.evidence if stage.reached is False else stage.evidence[:1]
    return "; ".join(f"{piece.source}: {piece.value}" for piece in pieces[:3])


def _up_and_down(subject: Subject) -> str:
    function, lineage = subject.function, subject.lineage
    lines = [_port_line(port) for port in lineage.ports]
    lines.append(f"function {function.address}: {_what(subject)}")
    if lineage.near.slot_name is not None:
        lines.append(f"slot {lineage.near.slot_name}")
    lines += [_bar_line(bar, bool(lineage.ports)) for bar in lineage.bars]
    if "bars" in lineage.unknown:
        lines.append(f"BARs: not known: {lineage.unknown['bars']}")
    lines.append(_driver_line(subject))
    lines += [f"virtio {child.name}: {child.driver or 'no driver'}" for child in lineage.children]
    lines += _nodes(lineage)
    if subject.others:
        lines.append(f"in the same slot: {', '.join(subject.others[:8])}")
    return "\n".join(printable(line) for line in lines)


def _what(subject: Subject) -> str:
    function, names = subject.function, subject.called.names
    if function.vendor is None:
        return f"what it is could not be read ({function.unknown.get('vendor', 'not known')})"
    words = (names.vendor(function.vendor), names.device(function.vendor, function.device))
    ids = f"{function.vendor}:{function.device or UNKNOWN}"
    kind = names.class_(function.class_) or function.class_ or UNKNOWN
    return f"{kind}: {' '.join(word for word in words if word) or ids} [{ids}]"


def _port_line(port: Port) -> str:
    slot = "" if port.slot is None else f", slot {port.slot}"
    windows = [
        f"{kind} {'disabled' if base is None or limit is None else f'{base:#x}-{limit:#x}'}"
        for kind, base, limit in port.windows
    ]
    told = ", ".join(windows) or port.unknown.get("windows", "no windows")
    return f"port {port.address} [{port.driver or 'no driver'}]{slot}, bus {port.bus or UNKNOWN} behind it: {told}"


def _bar_line(bar: BarPlace, behind: bool) -> str:
    words = [size(bar.size or None), "64-bit" if bar.is64 else "", "prefetchable" if bar.prefetchable else ""]
    where = "no address" if bar.start is None else f"at {bar.start:#x}"
    if bar.within is not None:
        where += f", within {bar.within}"
    elif bar.start is not None and behind:
        where += ", in no window of the port above"
    return f"BAR {bar.index}: {bar.kind} {' '.join(word for word in words if word)} {where}"


def _driver_line(subject: Subject) -> str:
    function, near = subject.function, subject.lineage.near
    if function.driver is None:
        why = function.unknown.get("driver")
        return f"driver: not known: {why}" if why else "driver: none"
    module = f" (module {near.module})" if near.module is not None else ""
    return f"driver: {function.driver}{module}"


def _nodes(lineage: Lineage) -> Iterable[str]:
    near = lineage.near
    used: dict[str, list[str]] = {}
    for one in near.uses:
        word = {"mount": "mounted on ", "swap": "swap", "holder": "used by "}[one.kind]
        used.setdefault(one.node, []).append(word + (one.what if one.kind != "swap" else ""))
    states = {one.name: one for one in near.interfaces}
    for node in near.nodes[:_NODES_SHOWN]:
        amount = node.detail.get("size")
        told = f" {size(amount)}" if isinstance(amount, int) and not isinstance(amount, bool) else ""
        serial = node.detail.get("serial")
        told += f" serial {serial}" if isinstance(serial, str) else ""
        told += " (hung)" if node.hung else ""
        uses = used.get(node.name, [])
        told += f", {', '.join(uses[:8])}" + (f" and {len(uses) - 8} more" if len(uses) > 8 else "") if uses else ""
        if node.name in states and node.subsystem == "net":
            told += _interface(states[node.name].operstate, states[node.name].carrier, states[node.name].addresses)
        yield f"{node.subsystem} {node.name}{'' if not node.via else ' by ' + '/'.join(node.via)}{told}"
    if len(near.nodes) > _NODES_SHOWN:
        yield f"and {len(near.nodes) - _NODES_SHOWN} more nodes"


_NODES_SHOWN = 40


def _interface(state: Optional[str], carrier: Optional[bool], addresses: Optional[Sequence[str]]) -> str:
    link = {True: ", link up", False: ", no link", None: ""}[carrier]
    own = "" if addresses is None else ", no address" if not addresses else f", {', '.join(addresses[:8])}"
    return f": {state or UNKNOWN}{link}{own}"


def _prospect(item: Prospect) -> str:
    word = {True: "would come", False: "would not come to work", None: "cannot be foretold"}[item.comes]
    lines = [f"A device that is put there: {word}"]
    if item.announced is not None:
        lines.append(f"  {item.mechanism}: announced {item.announced}")
    room = item.room
    if room is not None:
        buses = cell(room.bus_numbers_free, unknown=True)
        lines.append(
            f"  largest BAR: io {size(room.io_largest)}, mem {size(room.mem_largest)}, pref {size(room.pref_largest)}; "
            f"bus numbers free: {buses}"
        )
    lines += [f"  {note}" for note in item.notes]
    return "\n".join(printable(line) for line in lines)


def _passages(passages: Sequence[Passage]) -> str:
    """What was there before, the latest first."""
    lines = []
    for one in passages[:_PASSAGES_SHOWN]:
        what = ", ".join(word for word in (one.ids, one.driver, *one.nodes[:4]) if word) or "what it was is not known"
        word = "came" if one.action == "add" else "went"
        when = "" if one.first is None else f" at {one.first:.2f} s"
        ended = one.outcome or one.unknown.get("outcome", "")
        why = f": {one.reason}" if one.reason else ""
        lines.append(f"  {word}{when}: {one.address or 'slot ' + str(one.slot)} ({what}): {ended}{why}")
    return "\n".join(["What is known of before:", *map(printable, lines)]) if lines else ""


_PASSAGES_SHOWN = 6


def _nowhere(item: Nowhere) -> str:
    lines = []
    if item.announced_by is not None:
        lines.append(f"What would announce a device there: {item.announced_by}")
    if item.rescan is not None:
        lines.append(
            "Only a rescan would find one: echo 1 > /sys/bus/pci/rescan" if item.rescan else "A rescan: no use"
        )
    lines.append("What was looked at:")
    lines += [f"  {one.source}: {one.value}" for one in item.looked_at]
    return "\n".join(printable(line) for line in lines)


def _survey(item: Overview, log: Log) -> list[str]:
    rows = [_arrival(one) for one in item.arrivals]
    parts = [table(("CAME AT", "ADDRESS", "IDS", "NODES", "NOW", "WHY"), rows, right=(0,)) if rows else ""]
    if not rows:
        parts.append("" if log.failure is not None else f"Nothing has come, as far as {_told_by(log)} tells.")
    lines = [f"waits: {one.source} ({one.value})" for one in item.waiting]
    lines += [f"{one.value} ({one.source})" for one in item.announced]
    if item.full:
        lines.append(f"full: bus {', '.join(item.full[:8])}")
    if item.unserved:
        lines.append(f"nobody serves: bus {', '.join(item.unserved[:8])}")
    lines.append(f"free slots: {cell(item.free, unknown=True)}")
    parts.append("\n".join(printable(line) for line in lines))
    host = ["What cannot be seen from in here:"]
    for check in item.host:
        host += [f"  {check.what}", *(f"    {how}" for how in check.commands)]
    parts.append("\n".join(printable(line) for line in host))
    return parts


def _arrival(item: Arrival) -> list[str]:
    one = item.passage
    now, why = _now(item)
    return [
        UNKNOWN if one.first is None else f"{one.first:.2f}",
        printable(one.address or f"slot {one.slot}"),
        cell(one.ids),
        cell(one.nodes[:4]),
        now,
        printable(why or ""),
    ]


def _now(item: Arrival) -> tuple[str, Optional[str]]:
    if item.passage.address is None:
        return "never came", item.passage.reason
    if item.here is None:
        return UNKNOWN, None
    if not item.here:
        return "gone", None
    if item.standing is None:
        return "there", item.fault
    if item.standing.settled:
        return ("ready", item.standing.reason) if item.fault is None else ("faulty", item.fault)
    return "not ready", f"{item.standing.missing}: {item.standing.reason}"


def _log(item: Explanation) -> str:
    log = item.log
    if log.failure is not None:
        return printable(f"The kernel log cannot be read: {log.failure}")
    if not log.lines:
        # What was looked at says so already; without a target there is nothing to look for.
        return "" if item.nowhere is not None or item.overview is not None else _reach(log)
    lines = []
    life: Optional[int] = -1
    for one in log.lines:
        if one.life != life:
            life = one.life
            lines.append(_heading(life, log.source))
        lines.append(f"  {_stamp(one.at, one.time)}{printable(one.text)}")
    if log.left_out:
        lines.append(f"  and {log.left_out} lines more")
    reach = _reach(log) if not log.whole else ""
    return "\n".join(lines + ([reach] if reach else []))


def _heading(life: Optional[int], source: Optional[str]) -> str:
    where = f" ({printable(source)})" if source is not None else ""
    if life is None:
        return "Before that:"
    return f"The kernel's own words{where}:" if life == 0 else f"Of the insertion before{' that' * (life > 1)}:"


def _stamp(at: Optional[float], time: Optional[str]) -> str:
    return f"[{at:12.6f}] " if at is not None else f"{printable(time)} " if time is not None else ""


def _reach(log: Log) -> str:
    if log.whole:
        return "" if log.lines else "The kernel log has no line about it."
    begins = "" if log.since is None else f" (it begins at {log.since:.0f} s)"
    return f"The kernel log does not reach back to the boot{begins}: what it lacks proves nothing."


def _told_by(log: Log) -> str:
    return "the kernel log" if log.unread is None else "what was read of the kernel log"


def _unread(log: Log) -> str:
    """That the log was too long to be read line by line."""
    passed = log.unread
    if passed is None:
        return ""
    when = ""
    if passed.since is not None and passed.until is not None:
        when = f" ({passed.since:.0f} to {passed.until:.0f} s)"
    named = "searched for the name alone" if log.lines else "passed over"
    return (
        f"The kernel log is long: {passed.lines} lines in the middle{when} were {named}. What came and went in that "
        "time is not told here; hotplugctl timeline reads them all."
    )


def page(item: Page, color: bool) -> str:
    """The page of a finding."""
    lines = [f"{paint(item.severity, item.severity, color)}: {item.id}", ""]
    lines += [line for line in (item.title, "", *_wrapped(item.text)) if line is not None]
    lines += ["", f"Who can mend it: the {item.side}"]
    if item.remedy and is_printable(item.remedy):
        lines.append(f"Try: {item.remedy}")
    if item.causes:
        lines.append(f"May follow from: {', '.join(item.causes)}")
    if item.effects:
        lines.append(f"May explain: {', '.join(item.effects)}")
    if item.source is not None:
        lines += _wrapped(f"Source: {item.source}")
    return "\n".join(lines)


def _wrapped(text: str, width: int = 96) -> list[str]:
    """Folded at blanks (textwrap would load half of re's grammar for it)."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
