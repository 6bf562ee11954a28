"""Buses: which of them nobody serves, and which have no room for a BAR."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import (
    apic,
    boot_with_windows,
    by_address,
    capabilities_unknown,
    express_roots,
    has_shpc,
    hotplug_port,
    lacks_memory,
    mechanism,
    needed,
    pcie,
    served_buses,
    to_interrupts,
    vmbus_functions,
)
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

_SLOTS = "/sys/bus/pci/slots"
_WITH_SLOT = ("root-port", "downstream-port")


class _Place(NamedTuple):
    """A bus that nobody serves, and what decides how bad that is."""

    snapshot: Snapshot
    bus: str
    mechanism: Optional[str]
    path: str
    class_: Optional[str]
    served: bool
    ways: bool
    express: bool

    @property
    def nothing(self) -> Evidence:
        return Evidence(_SLOTS, f"no hot-plug slot on {self.bus}")

    def severity(self, otherwise: str = "warning") -> str:
        """A board has ports that nobody serves; where nothing else is served a guest has nothing."""
        if self.snapshot.guest.physical:
            return "info"
        return otherwise if self.served else "error"


@rule("bus.window-over-interrupts", "warning", needs=("functions", "slots"), remedy="")
def window_over_interrupts(snapshot: Snapshot) -> Iterable[Outcome]:
    """The memory window of a hot-plug port begins where x86 takes every access for an interrupt.

    What is plugged in there gets its first BAR at addresses of the local APICs (1 MiB from 0xfee00000 on), and is not
    reached by it. So it goes where the kernel does not know the windows of the host bridge: pci=noacpi, acpi=off,
    pci=nocrs. Source: Intel SDM volume 3, "Message Signalled Interrupts"; drivers/pci/setup-bus.c.
    """
    functions, served = by_address(snapshot), served_buses(snapshot)
    for bus, port in snapshot.buses.items():
        detail = snapshot.details.get(port or "")
        if bus not in served or port is None or detail is None or detail.config is None:
            continue
        for window in detail.config.windows:
            if window.kind == "mem" and window.enabled and to_interrupts(snapshot, window.base, window.base):
                yield Fault(
                    bus,
                    f"the memory of bus {bus} begins where x86 takes accesses for interrupts: "
                    "a device that is plugged in there will not work",
                    (Evidence(f"{functions[port].path}/config", f"windows: mem {window.base:x}-{window.limit:x}"),
                     *apic(snapshot)),
                    severity="info" if snapshot.guest.physical else None,
                    detail=boot_with_windows(snapshot),
                )  # fmt: skip


@rule("bus.unserved", "warning", side="host", needs=("slots", "functions"), remedy="")
def unserved(snapshot: Snapshot) -> Iterable[Outcome]:
    """No mechanism serves this bus: what is plugged in there stays unseen.

    A conventional root bus without ACPI slots, a hot-plug port (SltCap HotPlug+) with neither pciehp nor ACPI slots, a
    bridge whose SHPC the kernel could not take or that has none. It is a warning where the host takes a device that
    the guest then never sees, and only said where the host refuses it: on the root bus of a PCIe machine, a port that
    is not hot-plug capable, a bridge without any hot-plug controller on a machine that serves other buses (where
    QEMU's ACPI hot-plug is off altogether it accepts a device there). Source: drivers/pci/hotplug/acpiphp_glue.c,
    drivers/pci/pcie/portdrv.c, SHPC 1.0.
    """
    served = served_buses(snapshot)
    wants = needed(snapshot)
    functions = by_address(snapshot)
    virtual = {function.bus for function in vmbus_functions(snapshot)}
    left = {bus: port for bus, port in snapshot.buses.items() if bus not in served and bus not in virtual}
    blind = [port for port in left.values() if port is not None and capabilities_unknown(snapshot, port)]
    hidden = frozenset(blind)
    roots = express_roots(snapshot)
    ways = bool(served or wants or blind)
    for bus, port in left.items():
        above = functions.get(port or "")
        path, class_ = ("", None) if above is None else (above.path, above.class_)
        place = _Place(snapshot, bus, wants.get(bus), path, class_, bool(served), ways, bus in roots)
        if port is None:
            yield _of_root(place)
        elif port not in hidden:
            yield from _of_port(place, port)
    if blind:
        more = f" and {len(blind) - 1} more" if len(blind) > 1 else ""
        yield Undecided(blind[0], f"{blind[0]}{more}: the capabilities of a port that nobody serves are not readable")


_USE_A_PORT = (
    "on the host add root ports (-device pcie-root-port,id=rp0,chassis=1,slot=1), and plug into these (bus=rp0)"
)


def _of_root(place: _Place) -> Fault:
    snapshot, bus = place.snapshot, place.bus
    quiet = "info" if snapshot.guest.physical or place.ways else "error"
    if place.express and bus not in snapshot.acpi.slots:
        summary = f"bus {bus} is a PCIe root bus: it takes no hot-plugged device itself"
        if quiet == "error":
            summary += ", and there is no hot-plug port"
        how = _USE_A_PORT if snapshot.guest.hypervisor in (None, "qemu") else "the host must offer hot-plug ports"
        return Fault(bus, summary, (place.nothing,), severity=quiet, detail=how)
    described = snapshot.acpi.slots.get(bus, {})
    evidence = (place.nothing, *(Evidence(path, "a slot by ACPI") for path in list(described.values())[:1]))
    acpiphp = mechanism(snapshot, "acpiphp")
    blocked = (acpiphp.blocked_by or "") if acpiphp is not None else ""
    without_acpi = snapshot.acpi.present is False or blocked.startswith(("acpi=", "pci="))
    detail = None
    # Where acpiphp runs and took none of the slots that firmware names, these are not for hot-plug (no _EJ0).
    passed = not described or (acpiphp is not None and acpiphp.state in ("builtin", "loaded"))
    if without_acpi:
        detail = "its slots are those that ACPI describes, and this machine runs without ACPI"
    elif not described:
        detail = "firmware describes no slots for it"
        detail += " (QEMU: acpi-root-pci-hotplug=off)" if snapshot.guest.hypervisor in (None, "qemu") else ""
    return Fault(
        bus, f"nobody serves root bus {bus}: a device plugged in there is not seen", evidence,
        severity=place.severity("info" if passed else "warning"), side="guest" if described or without_acpi else "host",
        detail=detail, relies_on=place.mechanism,
    )  # fmt: skip


def _of_port(place: _Place, port: str) -> Iterable[Fault]:
    snapshot, bus = place.snapshot, place.bus
    cap = pcie(snapshot, port)
    if hotplug_port(snapshot, port):
        yield _of_hotplug_port(place, port)
    elif has_shpc(snapshot, port):
        yield _of_shpc(place, port)
    elif snapshot.guest.physical or place.class_ not in ("060400", "060401"):
        # Not a bridge with a bus of its own kind: VMD and the like bring host bridges along.
        return
    elif bus in snapshot.acpi.slots:
        yield Fault(
            bus, f"nobody serves bus {bus} behind {port}, though firmware describes slots there",
            (place.nothing, Evidence(next(iter(snapshot.acpi.slots[bus].values())), "a slot by ACPI")), port,
            severity=place.severity(), side="guest", relies_on=place.mechanism,
        )  # fmt: skip
    elif cap is None or cap.port_type == "pcie-to-pci-bridge":
        yield Fault(
            bus, f"nobody serves bus {bus} behind bridge {port}: it has no hot-plug controller and no ACPI slots",
            (Evidence(f"{place.path}/config", "no SHPC capability"), place.nothing), port,
            severity="info" if place.served else "warning",
            detail="plug into another bus, or give the bridge shpc=on or ACPI hot-plug on the host",
        )  # fmt: skip
    elif cap.port_type in _WITH_SLOT:
        yield Fault(
            bus, f"port {port} (bus {bus}) is not hot-plug capable",
            (Evidence(f"{place.path}/config", "SltCap HotPlug-"), place.nothing), port,
            severity="info", detail="a device behind it is there from the boot on, and stays",
        )  # fmt: skip


def _of_hotplug_port(place: _Place, port: str) -> Fault:
    snapshot, bus = place.snapshot, place.bus
    cap = pcie(snapshot, port)
    listens = cap is not None and cap.hotplug_interrupt_enable
    osc, detail = _not_given(snapshot)
    return Fault(
        bus,
        f"nobody serves hot-plug port {port} (bus {bus})",
        (
            Evidence(f"{place.path}/config", f"SltCap HotPlug+, SltCtl HPIrq{'+' if listens else '-'}"),
            Evidence("/sys/bus/pci_express/devices", f"no hot-plug service for {port}"),
            place.nothing,
            *osc,
        ),
        port,
        severity=place.severity(),
        side="guest",
        detail=detail,
        relies_on=place.mechanism,
    )


def _not_given(snapshot: Snapshot) -> tuple[tuple[Evidence, ...], str]:
    """Why pciehp did not get the ports, as far as the kernel log says, and what to do."""
    said = snapshot.log.native_refused
    if not said:
        return (), "neither pciehp nor acpiphp took it"
    detail = "firmware keeps native hot-plug to itself, and acpiphp serves nothing there: "
    if any(one.startswith("_OSC: not requesting") for one in said):
        detail = (
            "the kernel asks for native hot-plug only where it has all of [ExtendedConfig ASPM ClockPM MSI]: "
            "boot without pcie_aspm=off, pci=nomsi and pci=nommconf, and with a firmware that has an MCFG table; or "
        )
    if snapshot.acpi.phpr is not None:
        # The host announces to acpiphp: pciehp would hear of nothing.
        detail += "see that acpiphp works, or switch it off on the host "
        detail += "(-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off)"
    else:
        detail += "boot with pcie_ports=native"
    return tuple(Evidence(snapshot.log.source or "kernel log", one) for one in said[:2]), detail


def _of_shpc(place: _Place, port: str) -> Fault:
    snapshot, bus = place.snapshot, place.bus
    refused = port in snapshot.log.shpc_refused
    evidence = [Evidence(f"{place.path}/config", "SHPC capability"), place.nothing]
    if refused:
        evidence.append(Evidence(snapshot.log.source or "kernel log", "Cannot get control of SHPC hotplug"))
    return Fault(
        bus,
        f"nobody serves bus {bus}: the kernel did not take the SHPC of bridge {port}",
        tuple(evidence),
        port,
        severity="info" if snapshot.guest.physical else None,
        detail="QEMU accepts a device there, and this guest never learns of it, not even its removal; "
        "plug into another bus",
        relies_on=place.mechanism,
    )


@rule("bus.no-window", "warning", side="host", needs=("slots", "functions"))
def no_window(snapshot: Snapshot) -> Iterable[Outcome]:
    """A port has no memory window: the BARs of what is plugged in behind it are not assigned.

    Firmware gives an empty bridge no window unless it is told to; a boot without firmware (-kernel with a machine
    that has none) gives it to no bridge. Reserve room on the host (mem-reserve= and pref64-reserve= of
    pcie-root-port), or boot with pci=realloc,hpmemsize=…. Source: docs/pcie.txt of QEMU, drivers/pci/setup-bus.c.
    """
    paths = {function.address: function.path for function in snapshot.functions.items}
    wanting = {slot.bus for slot in snapshot.slots.items if slot.free} | _short(snapshot)
    for bus, port in snapshot.buses.items():
        detail = snapshot.details.get(port or "")
        config = detail.config if detail is not None else None
        if port is None or bus not in wanting or config is None or not config.windows:
            continue
        # Registers that nobody ever wrote read 0, which would be a window from 0 on: no bridge forwards that.
        if not any(w.enabled and not w.zero for w in config.windows if w.kind in ("mem", "pref")):
            yield Fault(
                bus,
                f"port {port} (bus {bus}) has no memory window: a device behind it gets no BAR",
                (Evidence(f"{paths.get(port)}/config", "memory and prefetchable windows disabled"),),
                port,
                severity="info" if snapshot.guest.physical else None,
                remedy="",
                detail="on the host: -device pcie-root-port,…,mem-reserve=2M,pref64-reserve=32M; "
                "or boot the guest with pci=realloc",
            )


def _short(snapshot: Snapshot) -> set[str]:
    """The buses with a function one of whose memory BARs has a size and no address."""
    return {function.bus for function in snapshot.functions.items if lacks_memory(snapshot, function)}


@rule("bus.no-number", "warning", side="host", needs=("functions",), remedy="")
def no_number(snapshot: Snapshot) -> Iterable[Outcome]:
    """A bridge got no bus number of its own: nothing behind it is ever seen.

    The port above it was given as many numbers as firmware thought it needs: one. The kernel leaves the bridge without
    a number, or writes one into it that is another bridge's. Reserve more on the host (bus-reserve= of
    pcie-root-port), or boot with pci=assign-busses,hpbussize=8. On 6.1 and 7.2 the kernel then may crash in shpchp
    (log.hotplug-oops). Source: drivers/pci/probe.c, pci_scan_bridge_extend(); docs/pcie.txt of QEMU.
    """
    functions = by_address(snapshot)
    with_bus = set(snapshot.buses.values())
    said = {event.address: event for event in snapshot.log.events if event.kind == "no-bus-number"}
    for function in functions.values():
        if not function.is_bridge or function.address in with_bus:
            continue
        evidence = _not_its_own(snapshot, function)
        if evidence is None:
            continue
        if said.keys() & {function.address, function.parent}:
            evidence = (*evidence, Evidence(snapshot.log.source or "kernel log", "No bus number available"))
        yield Fault(
            function.address,
            f"bridge {function.address} has no bus number: what is plugged in behind it is not seen",
            evidence,
            function.address,
            severity="info" if snapshot.guest.physical else None,
            detail="on the host: -device pcie-root-port,…,bus-reserve=4 for the port that it is plugged into; "
            "or boot the guest with pci=assign-busses,hpbussize=8",
        )


def _not_its_own(snapshot: Snapshot, bridge: PciFunction) -> Optional[tuple[Evidence, ...]]:
    """What shows that the bridge has no bus number, or one that is another's; None where it may have its own."""
    detail = snapshot.details.get(bridge.address)
    buses = detail.config.buses if detail is not None and detail.config is not None else None
    if buses is None:
        return None
    written = Evidence(f"{bridge.path}/config", f"secondary bus {buses.secondary:02x}")
    if buses.secondary == 0:
        return (written,)
    bus = f"{bridge.address.partition(':')[0]}:{buses.secondary:02x}"
    owner = snapshot.buses.get(bus)
    return None if owner is None else (written, Evidence(f"/sys/class/pci_bus/{bus}", f"below {owner}"))


@rule("bus.port-sleeps", "info", needs=("functions",), remedy="")
def port_sleeps(snapshot: Snapshot) -> Iterable[Outcome]:
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
