"""The text of ``check`` for an image that does not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hotplugctl.model.image import BootLine, Driver, Image, Kernel
from hotplugctl.model.report import Report
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.render.check_text import findings, paint, unknown
from hotplugctl.render.escape import printable
from hotplugctl.render.table import cell, table

_COLUMNS = ("acpiphp", "pciehp", "shpchp")
_SHOWN = 16


def check(snapshot: Snapshot, report: Report, verdicts: Sequence[tuple[str, str]], color: bool) -> str:
    """Verdict, kernels, what boots them, the drivers of the kernel that boots, findings."""
    image = snapshot.image
    assert image is not None
    kernel = image.default or (image.kernels[0] if len(image.kernels) == 1 else None)
    parts = [
        f"{paint(report.verdict, report.verdict, color)}: {printable(report.why)}",
        _image(snapshot, image),
        _kernels(image, verdicts),
        _lines(image),
        _drivers(kernel),
        *findings(report.findings, color),
        unknown(report.findings),
        "Slots, buses and devices are the machine's: they are not known before it runs.\n"
        "Remedies are for a shell in the image: chroot(8) where it is mounted.",
    ]
    return "\n\n".join(part for part in parts if part)


def _image(snapshot: Snapshot, image: Image) -> str:
    words = [word for word in (image.distribution, snapshot.guest.architecture) if word]
    lines = ["Image: " + printable(" ".join(words) or "of an unknown system")]
    if snapshot.guest.kernel is not None and image.why is not None:
        boots = f"Boots: {snapshot.guest.kernel}, by {image.why.source}: {image.why.value}"
        lines.append(printable(boots))
    elif "kernel" in snapshot.guest.unknown:
        lines.append("Boots: not known, " + printable(snapshot.guest.unknown["kernel"]))
    return "\n".join(lines)


def _kernels(image: Image, verdicts: Sequence[tuple[str, str]]) -> str:
    rows = [
        [
            printable(kernel.release),
            cell(kernel.default, "default" in kernel.unknown),
            cell(kernel.bootable, "bootable" in kernel.unknown),
            *(_state(kernel, name) for name in _COLUMNS),
            verdict,
        ]
        for kernel, (verdict, _) in zip(image.kernels[:_SHOWN], verdicts)
    ]
    if not rows:
        return ""
    made = table(("KERNEL", "DEFAULT", "BOOTABLE", *(name.upper() for name in _COLUMNS), "VERDICT"), rows)
    more = len(image.kernels) - _SHOWN
    return f"{made}\n({more} more, see --json)" if more > 0 else made


def _state(kernel: Kernel, name: str) -> str:
    found = kernel.mechanism(name)
    return cell(None if found is None or found.state == "unknown" else found.state, True)


def _lines(image: Image) -> str:
    rows = [
        [printable(kernel.release), cell(line.default), printable(line.source), _title(line), _forbids(line)]
        for kernel in image.kernels[:_SHOWN]
        for line in kernel.lines[:_SHOWN]
        if line.entry is not None or not image.loaders
    ]
    rows += [["-", "no", printable(line.source), _title(line), _forbids(line)] for line in image.templates if rows]
    unique = list(dict.fromkeys(tuple(row) for row in rows))
    if not unique:
        return ""
    return table(("KERNEL", "DEFAULT", "COMMAND LINE OF", "ENTRY", "FORBIDS"), unique[:_SHOWN])


def _title(line: BootLine) -> str:
    return "yet to be made" if line.entry is None else printable(line.entry.rpartition(" > ")[2][:60])


def _forbids(line: BootLine) -> str:
    if line.text is None:
        return "?"
    return printable("; ".join(f"{', '.join(item.what)} ({item.parameter})" for item in line.forbids)) or "-"


def _drivers(kernel: Optional[Kernel]) -> str:
    if kernel is None:
        return ""
    rows = [
        [driver.name, driver.purpose, "?" if driver.state == "unknown" else driver.state, _why(driver)]
        for driver in kernel.drivers
        if driver.common or driver.state in ("builtin", "module")
    ]
    return table(("DRIVER", "FOR", "STATE", "WHY"), rows)


def _why(driver: Driver) -> str:
    if not driver.evidence:
        return printable(driver.unknown.get("state", ""))
    return printable(f"{driver.evidence[0].source}: {driver.evidence[0].value}")
