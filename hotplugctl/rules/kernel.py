"""The kernel's side: the hot-plug core and its mechanisms, built in, loadable, switched off."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.snapshot import Mechanism, Snapshot
from hotplugctl.rules.binding import load_command
from hotplugctl.rules.facts import needed, served_buses
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

_RESCAN = "echo 1 > /sys/bus/pci/rescan"
_WHAT_FOR = {
    "acpiphp": "ACPI hot-plug (i440fx guests, and q35 guests of QEMU 6.1 and later)",
    "pciehp": "native PCIe hot-plug (root ports and switch ports)",
    "shpchp": "hot-plug behind conventional PCI bridges (SHPC)",
}


def _needed(snapshot: Snapshot) -> Iterable[Mechanism]:
    names = frozenset(needed(snapshot).values())
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
            remedy="" if snapshot.guest.source == "image" else None,
        )
    elif snapshot.core.state == "unknown":
        yield Undecided(snapshot.core.symbol, snapshot.core.unknown.get("state", "no evidence"))


@rule("kernel.mechanism-absent", "error", side="image", needs=("functions",), remedy=_RESCAN)
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
            lacks = f"the kernel was built without {mechanism.name} ({mechanism.symbol})"
            detail = f"boot a kernel with {mechanism.symbol}=y"
            if mechanism.config == "m":
                lacks = f"{mechanism.name} is a module of this kernel, and it is not installed"
                detail = f"install the package that holds {mechanism.name} (linux-modules-extra, kernel-modules)"
            yield Fault(
                mechanism.name,
                f"{lacks}: {_WHAT_FOR[mechanism.name]} is not possible",
                mechanism.evidence,
                severity=_severity(snapshot),
                detail=detail,
            )
        elif mechanism.state == "unknown":
            yield Undecided(mechanism.name, mechanism.unknown.get("state", "no evidence"))


@rule("kernel.module-not-loaded", "error", needs=("functions",))
def module_not_loaded(snapshot: Snapshot) -> Iterable[Outcome]:
    """The mechanism is a module, and it is not loaded: nothing listens.

    So it was with acpiphp up to kernel 3.8 and with shpchp up to 4.x. List it in /etc/modules or modules-load.d, and
    rescan once for what was attached before. Source: modules-load.d(5), drivers/pci/hotplug/Kconfig.
    """
    loadable = [mechanism for mechanism in _needed(snapshot) if mechanism.state == "loadable"]
    if not loadable and not served_buses(snapshot) and snapshot.core.state == "loadable":
        # modprobe loads the core with the mechanism; alone it is no remedy, and all that can be named.
        loadable = [snapshot.core]
    for mechanism in loadable:
        later = f"; {', '.join(mechanism.autoload)} will load it at the next boot" if mechanism.autoload else ""
        keep = "" if mechanism.autoload else f" && echo {mechanism.name} >> /etc/modules"
        yield Fault(
            mechanism.name,
            f"{mechanism.name} is a module and not loaded{later}",
            mechanism.evidence,
            severity=_severity(snapshot),
            remedy=f"modprobe {mechanism.name}{keep} && {_RESCAN}",
        )


@rule("kernel.module-blacklisted", "error", needs=("functions",))
def module_blacklisted(snapshot: Snapshot) -> Iterable[Outcome]:
    """The mechanism is a module, and modprobe or the kernel was told not to load it.

    ``blacklist`` only keeps it from being loaded by itself; ``install … /bin/false`` and ``module_blacklist=`` refuse
    an explicit modprobe too. Source: modprobe.d(5), kernel-command-line(7).
    """
    for mechanism in _needed(snapshot):
        if mechanism.state == "blacklisted":
            command = load_command(mechanism.name, mechanism.evidence[0])
            yield Fault(
                mechanism.name,
                f"{mechanism.name} is blacklisted: {mechanism.blocked_by}",
                mechanism.evidence,
                severity=_severity(snapshot),
                remedy=f"{command} && {_RESCAN}" if command else "",
                detail="take the blacklist away for the next boot",
            )


@rule("kernel.mechanism-disabled", "error", needs=("functions",))
def mechanism_disabled(snapshot: Snapshot) -> Iterable[Outcome]:
    """A parameter switches off the mechanism that a bus of this machine needs.

    acpiphp.disable=1, acpi=off, pci=noacpi; pcie_ports=compat, and what makes Linux ask firmware for nothing:
    pci=nomsi, pci=nommconf, pcie_aspm=off; initcall_blacklist= of a driver that is built in.
    Source: Documentation/admin-guide/kernel-parameters.txt, drivers/acpi/pci_root.c.
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
