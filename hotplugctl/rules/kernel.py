"""The kernel's side: the hot-plug core and its mechanisms, built in, loadable, switched off."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.snapshot import Mechanism, Snapshot
from hotplugctl.rules.facts import express_root, has_shpc, hotplug_port, served_buses
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

_RESCAN = "echo 1 > /sys/bus/pci/rescan"
_WHAT_FOR = {
    "acpiphp": "ACPI hot-plug (i440fx guests, and q35 guests of QEMU 6.1 and later)",
    "pciehp": "native PCIe hot-plug (root ports and switch ports)",
    "shpchp": "hot-plug behind conventional PCI bridges (SHPC)",
}


def wanted(snapshot: Snapshot) -> tuple[str, ...]:
    """The mechanisms that this machine would need for a bus that nobody serves now."""
    served = served_buses(snapshot)
    names: list[str] = []
    for bus, port in snapshot.buses.items():
        if bus in served:
            continue
        if hotplug_port(snapshot, port):
            names.append("acpiphp" if bus in snapshot.acpi.slots else "pciehp")
        elif port is not None and has_shpc(snapshot, port):
            names.append("acpiphp" if bus in snapshot.acpi.slots else "shpchp")
        elif bus in snapshot.acpi.slots or (port is None and not express_root(snapshot, bus)):
            names.append("acpiphp")
    return tuple(dict.fromkeys(names))


def _needed(snapshot: Snapshot) -> Iterable[Mechanism]:
    names = wanted(snapshot)
    return (m for m in snapshot.mechanisms if m.name in names)


def _severity(snapshot: Snapshot) -> str:
    if served_buses(snapshot):
        return "info" if snapshot.guest.physical else "warning"
    return "info" if snapshot.guest.physical else "error"


@rule("kernel.core-absent", "error", side="image", remedy=_RESCAN)
def core_absent(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel was built without PCI hot-plug: no device can announce itself.

    CONFIG_HOTPLUG_PCI is not set, so no mechanism exists either. A device that was attached all the same may be found
    by a rescan. Take a kernel with CONFIG_HOTPLUG_PCI=y, CONFIG_HOTPLUG_PCI_ACPI=y and CONFIG_HOTPLUG_PCI_PCIE=y.
    Source: drivers/pci/hotplug/Kconfig.
    """
    if snapshot.core.state == "absent":
        yield Fault(
            snapshot.core.symbol,
            "the kernel was built without PCI hot-plug (CONFIG_HOTPLUG_PCI)",
            snapshot.core.evidence,
            detail="boot a kernel with CONFIG_HOTPLUG_PCI=y and the mechanism of this machine; "
            "until then rescan the bus after a device was attached",
        )
    elif snapshot.core.state == "unknown":
        yield Undecided(snapshot.core.symbol, snapshot.core.unknown.get("state", "no evidence"))


@rule("kernel.mechanism-absent", "error", side="image", needs=("slots",), remedy=_RESCAN)
def mechanism_absent(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel was built without the mechanism that a bus of this machine needs.

    acpiphp for buses with ACPI slot nodes and conventional root buses, pciehp for ports with SltCap HotPlug+, shpchp
    for bridges with an SHPC. A device that is attached there is found by a rescan at best.
    Source: drivers/pci/hotplug/Kconfig.
    """
    if snapshot.core.state == "absent":
        return
    for mechanism in _needed(snapshot):
        if mechanism.state == "absent":
            yield Fault(
                mechanism.name,
                f"the kernel was built without {mechanism.name} ({mechanism.symbol}): "
                f"{_WHAT_FOR[mechanism.name]} is not possible",
                mechanism.evidence,
                severity=_severity(snapshot),
                detail=f"boot a kernel with {mechanism.symbol}=y",
            )
        elif mechanism.state == "unknown":
            yield Undecided(mechanism.name, mechanism.unknown.get("state", "no evidence"))


@rule("kernel.module-not-loaded", "error", needs=("slots",))
def module_not_loaded(snapshot: Snapshot) -> Iterable[Outcome]:
    """The mechanism is a module, and it is not loaded: nothing listens.

    So it was with acpiphp up to kernel 3.8 and with shpchp up to 4.x. List it in /etc/modules or modules-load.d, and
    rescan once for what was attached before. Source: modules-load.d(5), drivers/pci/hotplug/Kconfig.
    """
    for mechanism in (*_modular_core(snapshot), *_needed(snapshot)):
        if mechanism.state == "loadable":
            later = f"; {', '.join(mechanism.autoload)} will load it at the next boot" if mechanism.autoload else ""
            keep = "" if mechanism.autoload else f" && echo {mechanism.name} >> /etc/modules"
            yield Fault(
                mechanism.name,
                f"{mechanism.name} is a module and not loaded{later}",
                mechanism.evidence,
                severity=_severity(snapshot),
                remedy=f"modprobe {mechanism.name}{keep} && {_RESCAN}",
            )


def _modular_core(snapshot: Snapshot) -> tuple[Mechanism, ...]:
    return () if served_buses(snapshot) else (snapshot.core,)


@rule("kernel.module-blacklisted", "error", needs=("slots",))
def module_blacklisted(snapshot: Snapshot) -> Iterable[Outcome]:
    """The mechanism is a module, and modprobe was told not to load it.

    Source: modprobe.d(5), kernel-command-line(7).
    """
    for mechanism in _needed(snapshot):
        if mechanism.state == "blacklisted":
            yield Fault(
                mechanism.name,
                f"{mechanism.name} is blacklisted: {mechanism.blocked_by}",
                mechanism.evidence,
                severity=_severity(snapshot),
                remedy=f"modprobe {mechanism.name} && {_RESCAN}",
                detail="take the blacklist away for the next boot",
            )


@rule("kernel.mechanism-disabled", "error", needs=("slots",))
def mechanism_disabled(snapshot: Snapshot) -> Iterable[Outcome]:
    """A parameter switches off the mechanism that a bus of this machine needs.

    acpiphp.disable=1, acpi=off, pci=noacpi; pcie_ports=compat, and what makes Linux ask firmware for nothing:
    pci=nomsi, pci=nommconf, pcie_aspm=off. Source: Documentation/admin-guide/kernel-parameters.txt,
    drivers/acpi/pci_root.c.
    """
    for mechanism in _needed(snapshot):
        if mechanism.state == "disabled":
            yield Fault(
                mechanism.name,
                f"{mechanism.name} is switched off by {mechanism.blocked_by}",
                mechanism.evidence,
                severity=_severity(snapshot),
                remedy="" if mechanism.name == "pciehp" else _RESCAN,
                detail="boot without the parameter"
                + ("" if mechanism.name == "pciehp" else "; until then rescan the bus after a device was attached"),
            )
