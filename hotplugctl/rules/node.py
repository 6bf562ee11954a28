"""What should come of a function after its driver took it, and did not: NVMe and SCSI disks, interfaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot, Stranded
from hotplugctl.rules.facts import by_address, in_hotplug_slots, shell
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

_NVME = "0108"
_FATE = frozenset({"nvme-controller", "nvme-down", "nvme-failed", "nvme-timeout", "queues"})
# Their disks are found by a scan alone: parallel SCSI has no message for an arrival.
_SILENT = ("sym53c8xx", "mptspi", "BusLogic", "am53c974", "initio", "dc395x", "aic7xxx", "aic79xx")
_REGRESSED = ("6.5.", "6.5-", "6.6.", "6.6-")


@rule("node.nvme-failed", "warning", needs=("functions", "log"))
def nvme_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """The NVMe driver found the controller and gave it up: there is no disk.

    The last word of the log on the controller counts. Texts: "Device not ready; aborting initialisation, CSTS=0x0",
    "failed to mark controller live", "Removing after probe failure" (4.4 to 6.x), "probe failed" (newer). Where the
    backend on the host was slow, a second try succeeds. Source: drivers/nvme/host/pci.c, drivers/nvme/host/core.c.
    """
    functions = by_address(snapshot)
    for address, event in _last_words(snapshot).items():
        function = functions.get(address)
        if function is None or event.kind != "nvme-failed" or not (function.class_ or "").startswith(_NVME):
            continue
        reason = str(event.get("reason") or "probe failed")
        again = function.driver is None
        yield Fault(
            address,
            f"the NVMe driver gave {address} up: {reason.lower()}",
            (Evidence(snapshot.log.source or "kernel log", f"{event.get('name')}: {reason}"),),
            address,
            remedy=f"echo {shell(address)} > /sys/bus/pci/drivers_probe" if again else "",
            detail="if it fails again, look at the device's backend on the host",
            severity="info" if snapshot.guest.physical else None,
        )


@rule("node.nvme-timeouts", "warning", side="host", needs=("functions", "log"), remedy="")
def nvme_timeouts(snapshot: Snapshot) -> Iterable[Outcome]:
    """The NVMe controller does not answer its commands in time.

    "completion polled": the command was done, and the interrupt that should have said so was lost; seen on arm64 with
    5.10 and 5.15 where processors had been taken offline. Else the backend on the host does not answer.
    Source: drivers/nvme/host/pci.c, nvme_timeout().
    """
    functions = by_address(snapshot)
    for address, event in _last_words(snapshot).items():
        if event.kind == "nvme-timeout" and address in functions:
            reason = str(event.get("reason") or "timeout")
            polled = "polled" in reason
            yield Fault(
                address,
                f"NVMe commands of {address} time out"
                + (": interrupts are lost" if polled else ": the host does not answer them"),
                (Evidence(snapshot.log.source or "kernel log", f"{event.get('name')}: {reason}"),),
                address,
                detail="bring all processors online (/sys/devices/system/cpu/offline)" if polled else None,
                severity="info" if snapshot.guest.physical else None,
            )


@rule("node.scsi-scan-needed", "info", needs=("functions",))
def scsi_scan_needed(snapshot: Snapshot) -> Iterable[Outcome]:
    """A disk that the host adds to this controller announces nothing: it is found by a scan of the SCSI bus.

    Parallel SCSI (LSI 53C8xx, BusLogic, mptspi of VMware) has no message for it, and PCI is not concerned. virtio-scsi,
    SAS and pvscsi tell of new disks. Source: Documentation/scsi/scsi_mid_low_api.rst, scsi_host's ``scan``.
    """
    for function in snapshot.functions.items:
        if function.driver in _SILENT and not snapshot.guest.physical:
            yield Fault(
                function.address,
                f"a disk that is added to {function.address} ({function.driver}) is seen after a scan only",
                (Evidence(f"{function.path}/driver", str(function.driver)),),
                function.address,
                remedy=f'for scan in {shell(function.path)}/host*/scsi_host/*/scan; do echo "- - -" > "$scan"; done',
            )


@rule("node.scsi-lost-by-kernel", "info", side="image", needs=("functions", "slots"), remedy="")
def scsi_lost_by_kernel(snapshot: Snapshot) -> Iterable[Outcome]:
    """A virtio SCSI controller came by acpiphp on kernel 6.5 or 6.6 and shows no disk: a fault of those kernels.

    They assigned the windows of the bridge anew while the driver was already scanning, and its disks were never seen.
    Later releases of 6.6 took that back. Update the kernel; or switch ACPI hot-plug off on the host
    (acpi-pci-hotplug-with-bridge-support=off). A controller to which no disk was given looks the same.
    Source: commits 40613da52b13 and cc22522fd55e of Linux, and their reverts.
    """
    release = snapshot.guest.kernel or ""
    if not release.startswith(_REGRESSED) or not snapshot.nodes:
        # Not all who ask for a snapshot have the disks looked at.
        return
    served = {slot.bus for slot in snapshot.slots.items if slot.mechanism == "acpiphp"}
    functions = by_address(snapshot)
    for address in sorted(in_hotplug_slots(snapshot)):
        function = functions[address]
        with_disk = any(node.subsystem == "block" for node in snapshot.nodes.get(address, ()))
        if (
            function.vendor == "1af4"
            and (function.class_ or "").startswith("0100")
            and function.driver
            and function.bus in served
            and not with_disk
        ):
            yield Fault(
                address,
                f"SCSI controller {address} came by acpiphp on kernel {release} and shows no disk",
                (
                    Evidence("/proc/sys/kernel/osrelease", release),
                    Evidence(f"{function.path}/driver", function.driver),
                ),
                address,
                detail="kernels 6.5 and early 6.6 lose such disks: update the kernel; or the host gave it no disk",
            )


@rule("node.gone-in-use", "error")
def gone_in_use(snapshot: Snapshot) -> Iterable[Outcome]:
    """A file system is still mounted, or the kernel still swaps to a disk, and the disk has gone.

    A mount outlives its disk; so does a logical volume or a RAID made of it. What is written there is lost, what is
    read comes from memory or fails, and the kernel log has no line before somebody tries. Stop what has files open
    there, then unmount; a disk that comes anew may take another name as long as the old one is held. Swap to a disk
    that has gone cannot be switched off, since swapoff(8) asks for its file. Source: proc_pid_mountinfo(5),
    proc_swaps(5), del_gendisk() of block/genhd.c.
    """
    if snapshot.guest.container is not None:
        # Its /sys is not that of its mounts.
        return
    for item in snapshot.stranded:
        if item.unknown is not None:
            yield Undecided(item.name, item.unknown)
        elif item.kind == "swap":
            yield Fault(
                item.name,
                f"the kernel swaps to {item.source}, and its disk has gone: what was swapped out is lost",
                item.evidence,
                remedy="",
                detail="programs that want it back are killed; nothing but a reboot ends it",
            )
        else:
            yield _mounted(item)


def _mounted(item: Stranded) -> Fault:
    where = ", ".join(item.points[:4]) + (f" and {len(item.points) - 4} more" if len(item.points) > 4 else "")
    what = "the disk below it" if item.name.startswith(("dm-", "md")) else "its disk"
    remedy, detail = "", "the system runs from memory: only a reboot helps"
    if "/" not in item.points:
        typed = item.points[::-1] if len(item.points) <= 8 and all(map(str.isprintable, item.points)) else ()
        remedy = " ".join(["umount -l", *map(shell, typed)]) if typed else ""
        detail = "stop what has files open there first (fuser -m tells); what was not written yet is lost"
    return Fault(
        item.name,
        f"{item.source} is mounted on {where}, and {what} has gone: what is written there is lost",
        item.evidence,
        remedy=remedy,
        detail=detail,
    )


@rule("node.rename-failed", "info", needs=("log",), remedy="")
def rename_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """udev could not give an interface the name that its rules ask for: it keeps the kernel's, and no profile fits.

    "File exists": another interface has the name already, as where hot-plug slots turn enp1s0 into ens1 for one of two.
    Name interfaces by their MAC address (systemd.link(5), MACAddress=). Where udevd writes to the journal alone, the
    kernel log has no line of it. Texts: "Error changing net interface name", "could not rename interface"; since
    systemd 240 "Failed to rename network interface". Source: net/core/dev.c, systemd-udevd(8).
    """
    last: dict[str, KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind == "net-rename-failed":
            last[str(event.get("from"))] = event
        elif event.kind == "net-renamed":
            # It was given another name after all, or udev tried again.
            last.pop(str(event.get("from")), None)
    for name, event in last.items():
        yield Fault(
            name,
            f"interface {name} could not be renamed to {event.get('name')}: {event.get('reason')}",
            (Evidence(snapshot.log.source or "kernel log", f"rename from '{name}' to '{event.get('name')}'"),),
            event.address,
        )


def _last_words(snapshot: Snapshot) -> Mapping[str, KernelEvent]:
    """Function → the last that the log says of its controller, which is called by name from "pci function" on."""
    of_name: dict[str, str] = {}
    last: dict[str, KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind == "device-found":
            last.pop(event.address or "", None)
        elif event.kind in _FATE:
            name = str(event.get("name"))
            if event.address is not None:
                of_name[name] = event.address
            if name in of_name:
                last[of_name[name]] = event
    return last
