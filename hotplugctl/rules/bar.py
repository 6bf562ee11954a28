"""BARs that were never assigned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.config_space import Bar
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.registry import Fault, Outcome, rule

_BARS = 6


@rule("bar.unassigned", "warning", needs=("functions",))
def unassigned(snapshot: Snapshot) -> Iterable[Outcome]:
    """A BAR of the function has no address: there was no room for it behind its port.

    Its ``resource`` line is empty or unset while the config space still shows the type bits of a BAR, or the last word
    of the kernel log on it is that it failed. An I/O BAR or a ROM does not matter to a function whose driver is bound.
    Source: drivers/pci/setup-res.c, PCI Local Bus 3.0, 6.2.5.1.
    """
    for function in snapshot.functions.items:
        detail = snapshot.details.get(function.address)
        if detail is None or detail.resources is None or (detail.config is not None and detail.config.all_ones):
            continue
        for index in range(2 if function.is_bridge else _BARS):
            line = detail.resources[index] if index < len(detail.resources) else None
            if line is None or line.assigned:
                continue
            evidence = _evidence(snapshot, function, index, line, detail.config.bars if detail.config else ())
            if evidence:
                yield _fault(function, index, evidence)


def _evidence(
    snapshot: Snapshot, function: PciFunction, index: int, line: ResourceLine, bars: Iterable[Bar]
) -> tuple[Evidence, ...]:
    path = function.path
    found = [Evidence(f"{path}/resource:{index + 1}", "a size without an address")] if line.flags else []
    raw = next((bar for bar in bars if bar.index == index), None)
    if raw is not None and raw.kind != "none" and raw.base == 0 and _has_type_bits(raw):
        found.append(Evidence(f"{path}/config", f"BAR {index} is {raw.kind}, base 0"))
    if snapshot.log.bars.get((function.address, f"BAR {index}")) == "failed":
        found.append(Evidence(snapshot.log.source or "kernel log", f"BAR {index}: failed to assign"))
    return tuple(found)


def _has_type_bits(raw: Bar) -> bool:
    """A 32-bit memory BAR that is not prefetchable reads 0 when it is unassigned, and also when it is not there."""
    return raw.kind != "mem32" or raw.prefetchable


def _fault(function: PciFunction, index: int, evidence: tuple[Evidence, ...]) -> Fault:
    severity: Optional[str] = "info" if function.driver is not None or function.is_bridge else None
    return Fault(
        f"{function.address} BAR {index}",
        f"BAR {index} of {function.address} has no address: no room for it behind its port",
        evidence,
        function.address,
        remedy="",
        severity=severity,
        side="host",
        detail="give the port a larger window on the host (mem-reserve=, pref64-reserve=), a machine with more room "
        "above 4 GiB for a large BAR, or boot the guest with pci=realloc",
    )
