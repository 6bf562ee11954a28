"""Devices without a driver: which of the reasons it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.binding import explain
from hotplugctl.rules.facts import in_hotplug_slot
from hotplugctl.rules.registry import Fault, Outcome, rule

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

# Base classes whose devices are of no use without a driver: storage, network, and USB and the like behind 0c03.
_NEEDS_DRIVER = ("01", "02", "0c03")
_VIRTIO = "1af4"
# Inter-VM shared memory bears the virtio vendor id, is no virtio device and has no driver in Linux.
_IVSHMEM = ("1af4", "1110")
_AUTOPROBE = "/sys/bus/{}/drivers_autoprobe"


def needs_driver(function: PciFunction) -> bool:
    """Is a device of this class useless without a driver? Bridges, memory and VGA are not."""
    if (function.vendor, function.device) == _IVSHMEM:
        return False
    return (function.class_ or "").startswith(_NEEDS_DRIVER) or function.vendor == _VIRTIO


@rule("driver.not-bound", "warning", needs=("functions",))
def not_bound(snapshot: Snapshot) -> Iterable[Outcome]:
    """A storage, network, USB or virtio function has no driver, and is of no use so.

    Told apart: blacklisted, no module of this kernel claims it, a module claims it and nothing loaded it, the driver
    is loaded and did not bind, driver_override points elsewhere. Chipset functions outside of every hot-plug slot are
    only mentioned. Source: Documentation/driver-api/driver-model/binding.rst, modprobe.d(5).
    """
    for function in snapshot.functions.items:
        if function.driver is None and "driver" not in function.unknown and needs_driver(function):
            yield _why(snapshot, function, function.modalias)


def _why(snapshot: Snapshot, function: PciFunction, modalias: Optional[str]) -> Outcome:
    address = function.address
    fixed = not in_hotplug_slot(snapshot, function) and bool(snapshot.slots.items)
    severity = "info" if fixed or snapshot.guest.physical else None
    said = explain(snapshot, modalias, function.path)
    if isinstance(said, str):
        return Fault(
            address, f"{address} has no driver", (Evidence(f"{function.path}/driver", "absent"),), address,
            detail=said, severity=severity,
        )  # fmt: skip
    override = snapshot.details[address].override if address in snapshot.details else None
    if override is not None:
        return Fault(
            address, f"{address} has no driver: driver_override asks for {override}",
            (Evidence(f"{function.path}/driver_override", override),), address, severity=severity,
        )  # fmt: skip
    return Fault(
        address, f"{address} has no driver: {said.summary}",
        (Evidence(f"{function.path}/driver", "absent"), *said.evidence), address, remedy=said.remedy,
        severity=severity, side=said.side,
    )  # fmt: skip


@rule("driver.autoprobe-off", "warning")
def autoprobe_off(snapshot: Snapshot) -> Iterable[Outcome]:
    """The bus binds no drivers by itself: drivers_autoprobe is 0.

    Devices are added and stay without a driver; nothing is logged. Source: Documentation/ABI/testing/sysfs-bus-pci.
    """
    for bus, value in snapshot.autoprobe.items():
        if value is False:
            path = _AUTOPROBE.format(bus)
            yield Fault(
                bus,
                f"drivers_autoprobe of the {bus} bus is off: new devices get no driver",
                (Evidence(path, "0"),),
                remedy=f"echo 1 > {path}",
            )


@rule("driver.probe-failed", "warning", needs=("functions", "log"), remedy="")
def probe_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """A driver was offered the device and refused it with an error.

    Only the last word of the log counts, and only where the device has no driver now. Source: drivers/base/dd.c.
    """
    unbound = {function.address for function in snapshot.functions.items if function.driver is None}
    child_of = {child.name: child.address for child in snapshot.children if child.driver is None}
    unbound |= set(child_of.values())
    last: dict[str, KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind == "probe-failed":
            address = event.address or child_of.get(str(event.get("device")))
            if address is not None:
                last[address] = event
    for address, event in last.items():
        if address in unbound:
            driver, error = event.get("driver") or "the driver", event.get("error")
            yield Fault(
                address,
                f"{driver} refused {address} with error {error}",
                (
                    Evidence(
                        snapshot.log.source or "kernel log", f"probe of {event.get('device')} failed with error {error}"
                    ),
                ),
                address,
                detail="its BARs, its interrupts or the device itself are not as the driver needs them",
            )
