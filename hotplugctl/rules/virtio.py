"""virtio has two levels: virtio-pci takes the function, and the device below needs a driver of its own."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.binding import explain
from hotplugctl.rules.facts import in_hotplug_slots, lacks_memory, served_buses
from hotplugctl.rules.registry import Fault, Outcome, rule

# Type 0 is reserved and marks a device that only keeps a place.
_RESERVED = "virtio:d00000000"
# Network, disk, SCSI host, file system (include/uapi/linux/virtio_ids.h): missed wherever they are.
_MISSED = tuple(f"virtio:d{number:08X}" for number in (1, 2, 8, 26))


@rule("virtio.child-unbound", "warning")
def child_unbound(snapshot: Snapshot) -> Iterable[Outcome]:
    """virtio-pci took the function, and nothing took the virtio device below: no disk, no interface.

    Told apart as for PCI functions: blacklisted, no module for it, not loaded. Outside of every hot-plug slot a
    balloon, a console or the like without driver is only mentioned. Source: drivers/virtio/virtio.c, modprobe.d(5).
    """
    hot, served = in_hotplug_slots(snapshot), served_buses(snapshot)
    for child in snapshot.children:
        modalias = child.modalias or ""
        if child.driver is not None or modalias.startswith(_RESERVED):
            continue
        severity = None if child.address in hot or not served or modalias.startswith(_MISSED) else "info"
        said = explain(snapshot, child.modalias, child.path)
        summary = f"{child.name} below {child.address} has no driver"
        absent = Evidence(f"{child.path}/driver", "absent")
        if isinstance(said, str):
            yield Fault(child.name, summary, (absent,), child.address, detail=said, severity=severity)
        else:
            yield Fault(
                child.name, f"{summary}: {said.summary}", (absent, *said.evidence), child.address,
                remedy=said.remedy, side=said.side, severity=severity,
            )  # fmt: skip


@rule("virtio.refused", "warning", side="host", needs=("functions", "log"), remedy="")
def refused(snapshot: Snapshot) -> Iterable[Outcome]:
    """The driver and the device could not agree on the form of virtio: modern or legacy.

    A device that is modern by its registers and does not offer VIRTIO_F_VERSION_1; one that insists on features
    which this kernel does not have; or one that virtio-pci left for the legacy driver, which then had no I/O BAR.
    On the host: disable-legacy=on for a kernel of 4.0 and later, disable-modern=on for one before.
    Source: Virtual I/O Device 1.2, 4.1.2 and 6; drivers/virtio/virtio.c, drivers/virtio/virtio_pci_common.c.
    """
    unbound = {child.name: child.address for child in snapshot.children if child.driver is None}
    # Modern registers that lie in no memory are given up on as if there were none: bar.unassigned tells it.
    nowhere = {function.address for function in snapshot.functions.items if lacks_memory(snapshot, function)}
    without = {function.address for function in snapshot.functions.items if function.driver is None}
    last: dict[str, str] = {}
    for event in snapshot.log.events:
        if event.kind in ("virtio-refused", "virtio-legacy"):
            address = event.address or unbound.get(str(event.get("device")))
            if address is not None and not (event.kind == "virtio-legacy" and address in nowhere):
                last[address] = str(event.get("reason") or "leaving for legacy driver")
        elif event.kind == "device-found":
            last.pop(event.address or "", None)
    for address, words in last.items():
        if address in without or address in unbound.values():
            yield Fault(
                address,
                f"{address} and its virtio driver could not agree: {words}",
                (Evidence(snapshot.log.source or "kernel log", words),),
                address,
                detail="on the host: disable-legacy=on (kernels from 4.0 on), or disable-modern=on (older ones)",
            )
