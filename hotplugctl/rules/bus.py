"""Buses: which of them nobody serves, and which have no room for a BAR."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import by_address, express_root, has_shpc, hotplug_port, pcie, served_buses
from hotplugctl.rules.headroom import is_free
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("bus.unserved", "warning", side="host", needs=("slots", "functions"), remedy="")
def unserved(snapshot: Snapshot) -> Iterable[Outcome]:
    """No mechanism serves this bus: what is plugged in there stays unseen.

    A conventional root bus without ACPI slots, a hot-plug port (SltCap HotPlug+) with neither pciehp nor ACPI slots, a
    bridge whose SHPC the kernel could not take or that has none. The root bus of a PCIe machine is never served: that
    is no fault, and only said. Source: drivers/pci/hotplug/acpiphp_glue.c, drivers/pci/pcie/portdrv.c, SHPC 1.0.
    """
    served = served_buses(snapshot)
    for bus, port in snapshot.buses.items():
        if bus not in served:
            fault = _of_root(snapshot, bus) if port is None else _of_port(snapshot, bus, port)
            if fault is not None:
                yield fault


_USE_A_PORT = (
    "on the host add root ports (-device pcie-root-port,id=rp0,chassis=1,slot=1), and plug into these (bus=rp0)"
)


def _of_root(snapshot: Snapshot, bus: str) -> Optional[Fault]:
    nothing = Evidence("/sys/bus/pci/slots", f"no hot-plug slot on {bus}")
    if express_root(snapshot, bus):
        return Fault(
            bus, f"bus {bus} is a PCIe root bus: it takes no hot-plugged device itself", (nothing,),
            severity="info", detail=_USE_A_PORT,
        )  # fmt: skip
    if snapshot.guest.physical:
        return None
    serious = "warning" if served_buses(snapshot) else "error"
    return Fault(
        bus, f"nobody serves root bus {bus}: a device plugged in there is not seen", (nothing,),
        severity=serious, side="guest" if bus in snapshot.acpi.slots else "host",
        detail="firmware describes no slots for it (or ACPI is off)" if bus not in snapshot.acpi.slots else None,
    )  # fmt: skip


def _of_port(snapshot: Snapshot, bus: str, port: str) -> Optional[Fault]:
    function = by_address(snapshot).get(port)
    path = function.path if function is not None else f"/sys/bus/pci/devices/{port}"
    if hotplug_port(snapshot, port):
        return _of_hotplug_port(snapshot, bus, port, path)
    if pcie(snapshot, port) is not None and not has_shpc(snapshot, port):
        # A port without a hot-plug slot was never meant to take one.
        return None
    if snapshot.guest.physical:
        return None
    if has_shpc(snapshot, port):
        return _of_shpc(snapshot, bus, port, path)
    return Fault(
        bus, f"nobody serves bus {bus} behind bridge {port}: it has no hot-plug controller and no ACPI slots",
        (Evidence(f"{path}/config", "no SHPC capability"),), port,
        remedy="", detail="plug into another bus, or give the bridge shpc=on or ACPI hot-plug on the host",
    )  # fmt: skip


def _of_hotplug_port(snapshot: Snapshot, bus: str, port: str, path: str) -> Fault:
    cap = pcie(snapshot, port)
    listens = cap is not None and cap.hotplug_interrupt_enable
    physical = snapshot.guest.physical
    return Fault(
        bus,
        f"nobody serves hot-plug port {port} (bus {bus})",
        (
            Evidence(f"{path}/config", f"SltCap HotPlug+, SltCtl HPIrq{'+' if listens else '-'}"),
            Evidence("/sys/bus/pci_express/devices", f"no hot-plug service for {port}"),
            Evidence("/sys/bus/pci/slots", f"no hot-plug slot on {bus}"),
        ),
        port,
        severity="info" if physical else ("warning" if served_buses(snapshot) else "error"),
        side="guest",
        detail="neither pciehp nor acpiphp took it; see what the kernel log says of _OSC",
    )


def _of_shpc(snapshot: Snapshot, bus: str, port: str, path: str) -> Fault:
    refused = any(event.kind == "shpc-refused" and event.address == port for event in snapshot.log.events)
    evidence = [
        Evidence(f"{path}/config", "SHPC capability"),
        Evidence("/sys/bus/pci/slots", f"no hot-plug slot on {bus}"),
    ]
    if refused:
        evidence.append(Evidence(snapshot.log.source or "kernel log", "Cannot get control of SHPC hotplug"))
    return Fault(
        bus,
        f"nobody serves bus {bus}: the kernel did not take the SHPC of bridge {port}",
        tuple(evidence),
        port,
        detail="QEMU accepts a device there, and this guest never learns of it, not even its removal; "
        "plug into another bus",
    )


@rule("bus.no-window", "warning", side="host", needs=("slots", "functions"))
def no_window(snapshot: Snapshot) -> Iterable[Outcome]:
    """A port with a free slot has no memory window: the BARs of what is plugged in will not be assigned.

    Firmware gives an empty bridge no window unless it is told to; a boot without firmware (-kernel with a machine
    that has none) gives it to no bridge. Reserve room on the host (mem-reserve= and pref64-reserve= of
    pcie-root-port), or boot with pci=realloc,hpmemsize=…. Source: docs/pcie.txt of QEMU, drivers/pci/setup-bus.c.
    """
    for bus, port in snapshot.buses.items():
        free = any(is_free(slot) for slot in snapshot.slots.items if slot.bus == bus)
        detail = snapshot.details.get(port or "")
        if port is None or not free or detail is None or detail.config is None or detail.config.all_ones:
            continue
        if not any(w.enabled for w in detail.config.windows if w.kind in ("mem", "pref")):
            function = by_address(snapshot)[port]
            yield Fault(
                bus,
                f"port {port} (bus {bus}) has no memory window: a device plugged in there gets no BAR",
                (Evidence(f"{function.path}/config", "memory and prefetchable windows disabled"),),
                port,
                remedy="",
                detail="on the host: -device pcie-root-port,…,mem-reserve=2M,pref64-reserve=32M; "
                "or boot the guest with pci=realloc",
            )
