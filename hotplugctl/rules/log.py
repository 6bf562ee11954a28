"""What the kernel log alone can tell."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.registry import Fault, Outcome, rule

# Functions that run under the lock of every scan, or on the work queue of every hot-plug event.
_HOTPLUG_CODE = (
    "acpi_pci_", "acpiphp_", "disable_slot", "enable_slot", "hotplug_event", "pci_assign_", "pci_bus_add",
    "pci_bus_assign", "pci_bus_scan", "pci_hp_", "pci_remove_", "pci_rescan_", "pci_scan_", "pci_stop_",
    "pciehp_", "shpc_", "shpchp_",
)  # fmt: skip


@rule("log.hotplug-oops", "error", needs=("log",), remedy="reboot")
def hotplug_oops(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel crashed inside its PCI hot-plug code: nothing is enumerated any more, whatever sysfs shows.

    The thread that died holds the lock that every scan needs. Seen where a hot-added bridge got no bus numbers
    (a NULL pointer in shpc_init) on 6.1 and 7.2. Only a reboot helps. Source: drivers/pci/hotplug/shpchp_core.c.
    """
    dead = False
    for event in snapshot.log.events:
        symbol = str(event.get("symbol") or "")
        dead = dead or event.kind in ("oops", "panic")
        if dead and event.kind == "oops-at" and symbol.startswith(_HOTPLUG_CODE):
            yield Fault(
                symbol,
                f"the kernel crashed in its hot-plug code ({symbol}): no device is enumerated until a reboot",
                (Evidence(snapshot.log.source or "kernel log", f"Oops in {symbol}"),),
            )
            return


@rule("log.unreadable", "info", remedy="")
def unreadable(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel log could not be read: what only it knows stays unknown.

    Reading it needs CAP_SYSLOG where kernel.dmesg_restrict is 1. Source: Documentation/admin-guide/sysctl/kernel.rst.
    """
    from hotplugctl.model.reads import Absent, reason

    failure = snapshot.log.failure
    if failure is not None and not isinstance(failure, Absent):
        yield Fault(None, "the kernel log could not be read", (Evidence(failure.path, reason(failure)),))
