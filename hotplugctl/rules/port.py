"""Ports and bridges that cannot take a device although somebody serves them."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import by_address, served_buses
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("port.no-bus-number", "warning", side="host", needs=("functions",), remedy="")
def no_bus_number(snapshot: Snapshot) -> Iterable[Outcome]:
    """A bridge got no bus number of its own: nothing behind it is ever seen.

    The port above it was given as many numbers as firmware thought it needs: one. Reserve more on the host
    (bus-reserve= of pcie-root-port), or boot with pci=assign-busses,hpbussize=8. On 6.1 and 7.2 the kernel then may
    crash in shpchp (log.hotplug-oops). Source: drivers/pci/probe.c, pci_scan_bridge_extend(); docs/pcie.txt of QEMU.
    """
    functions = by_address(snapshot)
    with_bus = set(snapshot.buses.values())
    said = {event.address: event for event in snapshot.log.events if event.kind == "no-bus-number"}
    for function in functions.values():
        detail = snapshot.details.get(function.address)
        buses = detail.config.buses if detail is not None and detail.config is not None else None
        if not function.is_bridge or function.address in with_bus or buses is None or buses.secondary != 0:
            continue
        evidence = [Evidence(f"{function.path}/config", "secondary bus 00")]
        if said.keys() & {function.address, function.parent}:
            evidence.append(Evidence(snapshot.log.source or "kernel log", "No bus number available"))
        yield Fault(
            function.address,
            f"bridge {function.address} has no bus number: what is plugged in behind it is not seen",
            tuple(evidence),
            function.address,
            severity="info" if snapshot.guest.physical else None,
            detail="on the host: -device pcie-root-port,…,bus-reserve=4 for the port that it is plugged into; "
            "or boot the guest with pci=assign-busses,hpbussize=8",
        )


@rule("port.suspended", "info", needs=("functions",), remedy="")
def suspended(snapshot: Snapshot) -> Iterable[Outcome]:
    """A hot-plug port sleeps (D3): should its wake-up be lost, an arrival is missed until something wakes it.

    The kernel puts an idle port to sleep where its platform allows that; a device that appears as soon as lspci is run
    shows that the wake-up does not work. ``power/control`` keeps it awake, and pcie_port_pm=off all of them.
    Source: Documentation/power/pci.rst, drivers/pci/pci.c, pci_bridge_d3_possible().
    """
    if snapshot.guest.physical:
        return
    served = served_buses(snapshot)
    functions = by_address(snapshot)
    full = {function.parent for function in functions.values()}
    for bus, port in snapshot.buses.items():
        detail = snapshot.details.get(port or "")
        if port is None or detail is None or detail.power != "suspended" or port in full or bus not in served:
            continue
        path = f"{functions[port].path}/power"
        yield Fault(
            port,
            f"hot-plug port {port} (bus {bus}) sleeps: an arrival may be missed until it is woken",
            (Evidence(f"{path}/runtime_status", "suspended"),),
            port,
            remedy=f"echo on > {path}/control",
        )
