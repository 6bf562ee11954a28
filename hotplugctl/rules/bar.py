"""BARs that were never assigned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from hotplugctl.model.config_space import Bar
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.snapshot import Detail, Snapshot
from hotplugctl.rules.facts import (
    apic,
    bars_to_interrupts,
    boot_with_windows,
    in_hotplug_slots,
    served_buses,
    without_windows,
)
from hotplugctl.rules.registry import Fault, Outcome, rule

_BARS = 6
_VENDOR_SPECIFIC = 0x09


class _Missing(NamedTuple):
    """A BAR without an address: is it one of I/O, and what shows it."""

    index: int  # type: ignore[assignment]
    io: bool
    evidence: tuple[Evidence, ...]


@rule("bar.unassigned", "warning", needs=("functions",))
def unassigned(snapshot: Snapshot) -> Iterable[Outcome]:
    """A BAR of the function has no address: there was no room for it behind its port.

    Its ``resource`` line is empty or unset while the config space still shows the type bits of a BAR, or the last word
    of the kernel log on it is that it failed. It is only said where a driver is bound all the same, of an I/O BAR
    beside memory BARs (only the oldest virtio devices need it), and of functions that belong to the board.
    Source: drivers/pci/setup-res.c, PCI Local Bus 3.0, 6.2.5.1.
    """
    hot = in_hotplug_slots(snapshot)
    for function in snapshot.functions.items:
        detail = snapshot.details.get(function.address)
        if detail is None or detail.resources is None or (detail.config is not None and detail.config.all_ones):
            continue
        for missing in _missing(snapshot, function, detail, detail.resources):
            matters = _matters(snapshot, function, detail, missing, hot)
            yield _fault(snapshot, function, missing, None if matters else "info")


@rule("bar.over-interrupts", "warning", needs=("functions",), remedy="")
def over_interrupts(snapshot: Snapshot) -> Iterable[Outcome]:
    """A BAR lies at addresses that x86 takes for interrupts: the device is not reached by it, and seems dead.

    1 MiB from 0xfee00000 on belongs to the local APICs. A kernel that does not know the windows of the host bridge
    (pci=noacpi, acpi=off, pci=nocrs) may put a BAR there; where it holds the MSI-X table, as in virtio disks, no
    interrupt of the device ever comes, and what asks the disk hangs. Source: Intel SDM volume 3, "Message Signalled
    Interrupts"; drivers/acpi/pci_root.c.
    """
    for function in snapshot.functions.items:
        for line in bars_to_interrupts(snapshot, function.address):
            yield _over_interrupts(snapshot, function, line)


def _over_interrupts(snapshot: Snapshot, function: PciFunction, line: ResourceLine) -> Fault:
    where = Evidence(f"{function.path}/resource:{line.index + 1}", f"{line.start:#x}-{line.end:#x}")
    return Fault(
        f"{function.address} BAR {line.index}",
        f"BAR {line.index} of {function.address} lies where x86 takes accesses for interrupts: "
        "the device is not reached there",
        (where, *apic(snapshot)),
        function.address,
        severity="info" if snapshot.guest.physical else None,
        detail=boot_with_windows(snapshot),
        relies_on=function.bus,
    )


def _missing(
    snapshot: Snapshot, function: PciFunction, detail: Detail, lines: tuple[ResourceLine, ...]
) -> Iterable[_Missing]:
    bars = {bar.index: bar for bar in detail.config.bars} if detail.config is not None else {}
    for index, line in enumerate(lines[: 2 if function.is_bridge else _BARS]):
        if not line.assigned:
            raw = bars.get(index)
            evidence = _evidence(snapshot, function, line, raw)
            if evidence:
                yield _Missing(index, line.is_io or (raw is not None and raw.kind == "io"), evidence)


def _evidence(
    snapshot: Snapshot, function: PciFunction, line: ResourceLine, raw: Optional[Bar]
) -> tuple[Evidence, ...]:
    index, path = line.index, function.path
    found = [Evidence(f"{path}/resource:{index + 1}", "a size without an address")] if line.flags else []
    if raw is not None and raw.kind != "none" and raw.base == 0 and _has_type_bits(raw):
        found.append(Evidence(f"{path}/config", f"BAR {index} is {raw.kind}, base 0"))
    if snapshot.log.bars.get((function.address, f"BAR {index}")) == "failed":
        found.append(Evidence(snapshot.log.source or "kernel log", f"BAR {index}: failed to assign"))
    return tuple(found)


def _has_type_bits(raw: Bar) -> bool:
    """A 32-bit memory BAR that is not prefetchable reads 0 when it is unassigned, and also when it is not there."""
    return raw.kind != "mem32" or raw.prefetchable


def _matters(snapshot: Snapshot, function: PciFunction, detail: Detail, missing: _Missing, hot: frozenset[str]) -> bool:
    if function.driver is not None or function.is_bridge or snapshot.guest.physical:
        return False
    if missing.io and not _needs_io(function, detail):
        return False
    # On a board many a function without driver has no address, and nobody misses it.
    return function.address in hot or not served_buses(snapshot) or function.vendor == "1af4"


def _needs_io(function: PciFunction, detail: Detail) -> bool:
    """Legacy virtio works by I/O alone; else it is needed only where there is no memory BAR to use in its place."""
    legacy = function.vendor == "1af4" and "1000" <= (function.device or "") <= "103f"
    config = detail.config
    if legacy and config is not None and not config.truncated:
        return all(capability.id != _VENDOR_SPECIFIC for capability in config.capabilities)
    return not any(line.is_mem and line.assigned for line in (detail.resources or ())[:_BARS])


def _fault(snapshot: Snapshot, function: PciFunction, missing: _Missing, severity: Optional[str]) -> Fault:
    index = missing.index
    size = _size(snapshot, function.address, index)
    if function.parent is None:
        return _on_root(snapshot, function, missing, severity, size)
    return Fault(
        f"{function.address} BAR {index}",
        f"BAR {index} of {function.address} has no address: no room for {_bytes(size)} behind port {function.parent}",
        (*missing.evidence, *_windows(snapshot, function.parent)),
        function.address,
        remedy="",
        severity=severity,
        side="host",
        detail=_LARGE if size is not None and size >= _HUGE else _PORT,
        relies_on=function.bus,
    )


_PORT = (
    "give the port a larger window on the host (mem-reserve=, pref64-reserve=), a machine with more room "
    "above 4 GiB for a large BAR, or boot the guest with pci=realloc"
)
# The windows that firmware gives by itself end at some 512 MiB; a graphics card or accelerator wants more.
_HUGE = 512 << 20
_LARGE = (
    "a BAR of that size goes above 4 GiB: on the host pref64-reserve= for its port, and for OVMF "
    "-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=65536 with host-phys-bits=on; or boot the guest with pci=realloc"
)


_LARGE_ON_ROOT = (
    "a BAR of that size goes above 4 GiB: give the host bridge a window there (-global q35-pcihost.pci-hole64-size=…, "
    "i440FX-pcihost.pci-hole64-size=…; for OVMF -fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=65536), "
    "or boot the guest with pci=realloc"
)


def _size(snapshot: Snapshot, address: str, index: int) -> Optional[int]:
    """How large the BAR is by the last line of the log that says so."""
    size = None
    for event in snapshot.log.events:
        if event.address == address and event.get("bar") == f"BAR {index}" and isinstance(event.get("size"), int):
            size = event.get("size")
    return size if isinstance(size, int) and size > 0 else None


def _bytes(size: Optional[int]) -> str:
    if size is None:
        return "it"
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"its {size >> shift} {unit}"
    return f"its {size} bytes"


def _windows(snapshot: Snapshot, port: str) -> tuple[Evidence, ...]:
    """What the port forwards, by its registers."""
    detail = snapshot.details.get(port)
    above = next((function for function in snapshot.functions.items if function.address == port), None)
    if above is None or detail is None or detail.config is None:
        return ()
    known = {window.kind: window for window in detail.config.windows}
    said = [
        f"{kind} {known[kind].base:x}-{known[kind].limit:x}" if known[kind].enabled else f"{kind} disabled"
        for kind in ("mem", "pref")
        if kind in known and not (known[kind].enabled and known[kind].zero)
    ]
    return (Evidence(f"{above.path}/config", "windows: " + (", ".join(said) or "none")),)


def _on_root(
    snapshot: Snapshot, function: PciFunction, missing: _Missing, severity: Optional[str], size: Optional[int]
) -> Fault:
    """No port is above it: the windows are those of the host bridge, which the kernel knows by ACPI."""
    evidence, without = missing.evidence, without_windows(snapshot)
    side, detail = "host", "give the machine more room for PCI below or above 4 GiB, or boot the guest with pci=realloc"
    if size is not None and size >= _HUGE:
        detail = _LARGE_ON_ROOT
    if without:
        side, detail = "guest", f"boot without {' '.join(without)}: without ACPI the kernel does not know the windows"
        evidence = (*evidence, *(Evidence("/proc/cmdline", text) for text in without))
    return Fault(
        f"{function.address} BAR {missing.index}",
        f"BAR {missing.index} of {function.address} has no address: the host bridge has no room for {_bytes(size)}",
        evidence,
        function.address,
        remedy="",
        severity=severity,
        side=side,
        detail=detail,
    )
