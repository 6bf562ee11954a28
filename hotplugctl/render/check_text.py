"""The text of ``check``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.model.report import Finding, Headroom, Report
from hotplugctl.model.snapshot import Guest, Mechanism, Snapshot
from hotplugctl.render.escape import is_printable, printable
from hotplugctl.render.rooms_text import rooms
from hotplugctl.render.table import UNKNOWN, cell, table

_COLORS = {
    "ready": "32", "limited": "33", "not-ready": "31", "unknown": "35", "not-applicable": "36",
    "error": "31", "warning": "33", "info": "36", "crashed": "35",
}  # fmt: skip


def check(snapshot: Snapshot, report: Report, room: Headroom, usable: Mapping[str, Optional[bool]], color: bool) -> str:
    """Verdict, guest, mechanisms, buses and findings: what a person reads from top to bottom."""
    parts = [
        f"{paint(report.verdict, report.verdict, color)}: {printable(report.why)}",
        _guest(snapshot.guest),
        _mechanisms(snapshot, usable),
        rooms(room),
        *findings(report.findings, color),
        unknown(report.findings),
    ]
    return "\n\n".join(part for part in parts if part)


def findings(items: Iterable[Finding], color: bool) -> list[str]:
    """What is wrong, one paragraph each."""
    return [one_finding(item, color) for item in _grave_first(items)]


def _grave_first(items: Iterable[Finding]) -> list[Finding]:
    """What is wrong, in the order of the report: causes before effects; what is only worth a word comes last."""
    wrong = [item for item in items if item.status in ("fail", "crashed")]
    return sorted(wrong, key=lambda item: item.status == "fail" and item.severity == "info")


def paint(text: str, kind: str, color: bool) -> str:
    """The text in the color of a verdict or severity."""
    return f"\033[{_COLORS[kind]}m{text}\033[0m" if color else text


def _guest(guest: Guest) -> str:
    kernel = " ".join(word for word in (guest.kernel, guest.architecture) if word) or "unknown"
    machine = " ".join(word for word in (guest.hypervisor, guest.machine) if word)
    if not machine:
        machine = "physical machine" if guest.physical else "unknown hypervisor"
    where = "" if guest.source == "live" else f", from a {guest.source}"
    return f"Guest: {printable(machine)}, kernel {printable(kernel)}{where}"


def _mechanisms(snapshot: Snapshot, usable: Mapping[str, Optional[bool]]) -> str:
    counts = snapshot.scene.served()
    listed = snapshot.slots.failure is None
    rows = [_row(snapshot.core, ("", ""), "")]
    rows += [
        _row(
            item,
            _texts(counts.get(item.name, (0, 0))) if listed else (UNKNOWN, UNKNOWN),
            cell(usable.get(item.name), unknown=True),
        )
        for item in snapshot.mechanisms
        if item.present is not False or item.config == "m" or item.name in _ALWAYS
    ]
    return table(("MECHANISM", "STATE", "CONFIG", "SLOTS", "FREE", "USABLE", "WHY"), rows, right=(3, 4))


_ALWAYS = ("acpiphp", "pciehp", "shpchp")


def _texts(counts: tuple[int, int]) -> tuple[str, str]:
    return str(counts[0]), str(counts[1])


def _row(item: Mechanism, counts: tuple[str, str], usable: str) -> list[str]:
    why = item.blocked_by or (f"autoload: {', '.join(item.autoload)}" if item.autoload else "")
    if not why and item.evidence:
        why = f"{item.evidence[0].source}: {item.evidence[0].value}"
    return [
        item.name,
        item.state,
        cell(item.config, "config" in item.unknown),
        *counts,
        usable,
        printable(why),
    ]


def one_finding(item: Finding, color: bool) -> str:
    kind = "crashed" if item.status == "crashed" else item.severity
    lines = [f"{paint(kind, kind, color)}: {printable(item.summary or item.id)} [{item.id}]"]
    if item.detail:
        lines.append(f"  {printable(item.detail)}")
    lines += [f"  {printable(piece.source)}: {printable(piece.value)}" for piece in item.evidence]
    if item.because:
        lines.append(f"  because of {', '.join(item.because)}")
    if item.remedy and is_printable(item.remedy):
        lines.append(f"  try: {item.remedy}")
    return "\n".join(lines)


def unknown(items: Iterable[Finding]) -> str:
    """What could not be told, and why; empty where all could."""
    rows = {item.detail or "": None for item in items if item.status == "unknown"}
    if not rows:
        return ""
    return "Not known:\n" + "\n".join(f"  {printable(text)}" for text in rows)
