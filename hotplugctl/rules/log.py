"""What the kernel log alone can tell."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.reads import Absent, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import in_trouble
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("log.hotplug-oops", "error", needs=("log",), remedy="reboot")
def hotplug_oops(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel crashed inside its PCI hot-plug code: nothing is enumerated any more, whatever sysfs shows.

    The thread that died holds the lock that every scan needs. Seen where a hot-added bridge got no bus numbers
    (a NULL pointer in shpc_init) on 6.1 and 7.2. Only a reboot helps. Source: drivers/pci/hotplug/shpchp_core.c,
    pci_lock_rescan_remove() in drivers/pci/probe.c.
    """
    where = in_trouble(snapshot, ("oops", "panic"))
    if where is not None:
        yield Fault(
            where,
            f"the kernel crashed in its hot-plug code ({where}): no device is enumerated until a reboot",
            (Evidence(snapshot.log.source or "kernel log", f"Oops in {where}"),),
        )


@rule("log.hotplug-hung", "warning", needs=("log",), remedy="")
def hotplug_hung(snapshot: Snapshot) -> Iterable[Outcome]:
    """The thread that handles PCI hot-plug was stuck for minutes: while it is, no device comes or goes.

    So it is where a device is taken away under a mounted file system, or a driver waits for a device that is gone:
    the removal waits, and all that follows waits for the removal. Source: kernel/hung_task.c.
    """
    where = in_trouble(snapshot, ("hung-task",))
    if where is not None:
        yield Fault(
            where,
            f"the kernel's hot-plug thread was stuck ({where}): later arrivals and removals wait behind it",
            (Evidence(snapshot.log.source or "kernel log", f"blocked: {where}"),),
            detail="unmount and close what uses the device that is being removed; if the thread stays stuck, reboot",
        )


@rule("log.swiotlb-full", "warning", needs=("log",), remedy="")
def swiotlb_full(snapshot: Snapshot) -> Iterable[Outcome]:
    """The bounce buffers for DMA ran full: devices lose requests, most of all in confidential guests.

    There all DMA goes through them, and each device that is added takes its share. Boot with a larger swiotlb=, in
    slots of 2 KiB. Texts: "swiotlb buffer is full", "Out of SW-IOMMU space". Source: kernel/dma/swiotlb.c,
    Documentation/admin-guide/kernel-parameters.txt.
    """
    full = [event for event in snapshot.log.events if event.kind == "swiotlb-full"]
    if full:
        wanted = full[-1].get("wanted")
        yield Fault(
            None,
            "the bounce buffers for DMA ran full: devices lost requests",
            (Evidence(snapshot.log.source or "kernel log", f"swiotlb buffer is full ({wanted} bytes wanted)"),),
            detail="boot with swiotlb=262144 (512 MiB) or more",
            severity="info" if snapshot.guest.physical else None,
        )


@rule("log.headless", "info", needs=("log",), remedy="")
def headless(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel log does not reach back to the boot: that it does not say something proves nothing.

    Its buffer is a ring, and what is new takes the place of what is old; or somebody cleared it (dmesg -C). A larger
    one is had with log_buf_len=4M on the kernel's command line; a journal keeps all (journalctl -k -b).
    Source: Documentation/admin-guide/kernel-parameters.txt, kernel/printk/printk.c.
    """
    if snapshot.log.headless and snapshot.guest.source != "image":
        yield Fault(
            None,
            "the kernel log has lost its beginning: what it does not say may have been said",
            (Evidence(snapshot.log.source or "kernel log", "no Linux version"),),
        )


@rule("log.unreadable", "info", remedy="")
def unreadable(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel log could not be read: what only it knows stays unknown.

    Reading it needs CAP_SYSLOG where kernel.dmesg_restrict is 1. Source: Documentation/admin-guide/sysctl/kernel.rst.
    """
    failure = snapshot.log.failure
    if failure is not None and not isinstance(failure, Absent):
        why = reason(failure).partition(": ")[2]  # the path is named beside it
        yield Fault(None, "the kernel log could not be read", (Evidence(failure.path, why),))
