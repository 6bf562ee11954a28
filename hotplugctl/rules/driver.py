"""Devices without a driver: which of the reasons it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.binding import explain
from hotplugctl.rules.facts import by_address, in_hotplug_slots
from hotplugctl.rules.registry import Fault, Outcome, rule

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

# Base classes whose devices are of no use without a driver: storage, network, and USB and the like behind 0c03.
_NEEDS_DRIVER = ("01", "02", "0c03")
# These too are plugged in to be used: 3D controllers, multimedia, communication, encryption, accelerators.
_ALSO_USED = ("0302", "04", "07", "0b40", "10", "12")
_VIRTIO = "1af4"
# Inter-VM shared memory bears the virtio vendor id, is no virtio device and has no driver in Linux.
_IVSHMEM = ("1af4", "1110")
_AUTOPROBE = "/sys/bus/{}/drivers_autoprobe"
_UNFIT = "its BARs, its interrupts or the device itself are not as the driver needs them"
# What drivers mean by the errors that they give up with (errno(3)).
_MEANS = {
    -2: "something that the driver asks for is not there: firmware, or a register of the device",
    -5: "the device could not be talked to: a BAR without an address, or a dead backend on the host",
    -12: "there was no memory for it, or no room for the memory that it has to map",
    -16: "its BAR or its interrupt is taken by another driver",
    -22: "the device offers what the driver does not know, or lacks what it needs",
    -28: "there were not enough interrupt vectors: give the device fewer queues, or the guest fewer processors",
    -110: "the device did not answer in time: look at its backend on the host",
    -517: "it waits for another driver that is not there yet",
}
_LEFT = {
    "pci": "a driver that is loaded after its device does not take it",
    "virtio": "new devices get no driver",
}


def needs_driver(function: PciFunction) -> bool:
    """Is a device of this class useless without a driver? Bridges, memory and VGA are not."""
    if (function.vendor, function.device) == _IVSHMEM:
        return False
    return (function.class_ or "").startswith(_NEEDS_DRIVER) or function.vendor == _VIRTIO


@rule("driver.not-bound", "warning", needs=("functions",))
def not_bound(snapshot: Snapshot) -> Iterable[Outcome]:
    """A storage, network, USB or virtio function has no driver, and is of no use so.

    Told apart: blacklisted, no module of this kernel claims it, a module claims it and nothing loaded it, the driver
    is there and did not bind, driver_override points elsewhere. An accelerator or the like counts where it sits in a
    hot-plug slot. Chipset functions outside of every hot-plug slot are only mentioned, and so is all on a physical
    machine. Source: Documentation/driver-api/driver-model/binding.rst, modprobe.d(5).
    """
    hot = in_hotplug_slots(snapshot)
    refused = _last_failures(snapshot)
    for function in snapshot.functions.items:
        if function.driver is None and "driver" not in function.unknown and _wants(function, hot):
            outcome = _why(snapshot, function, _severity(snapshot, function, hot))
            probes = outcome.remedy is not None and outcome.remedy.endswith("/drivers_probe")
            # What the driver has refused it refuses again.
            yield outcome._replace(remedy="") if probes and function.address in refused else outcome


def _wants(function: PciFunction, hot: frozenset[str]) -> bool:
    if needs_driver(function):
        return True
    return function.address in hot and (function.class_ or "").startswith(_ALSO_USED)


def _severity(snapshot: Snapshot, function: PciFunction, hot: frozenset[str]) -> Optional[str]:
    """The rule's own, or info for what belongs to the board."""
    chipset = function.address not in hot and function.vendor != _VIRTIO and bool(snapshot.slots.items)
    return "info" if chipset or snapshot.guest.physical else None


def _why(snapshot: Snapshot, function: PciFunction, severity: Optional[str]) -> Fault:
    address = function.address
    absent = Evidence(f"{function.path}/driver", "absent")
    override = snapshot.details[address].override if address in snapshot.details else None
    if override is not None:
        return Fault(
            address, f"{address} has no driver: driver_override asks for {override}",
            (absent, Evidence(f"{function.path}/driver_override", override)), address, severity=severity,
        )  # fmt: skip
    said = explain(snapshot, function.modalias, function.path)
    if isinstance(said, str):
        return Fault(address, f"{address} has no driver", (absent,), address, detail=said, severity=severity)
    return Fault(
        address, f"{address} has no driver: {said.summary}", (absent, *said.evidence), address, remedy=said.remedy,
        severity=severity, side=said.side,
    )  # fmt: skip


@rule("driver.autoprobe-off", "warning")
def autoprobe_off(snapshot: Snapshot) -> Iterable[Outcome]:
    """The bus binds no drivers by itself: drivers_autoprobe is 0.

    On the virtio bus devices stay without a driver. On the pci bus a driver that is loaded already still takes a new
    device (pci_bus_add_device() asks it); one that is loaded later takes none. Nothing is logged.
    Source: Documentation/ABI/testing/sysfs-bus-pci, drivers/pci/bus.c.
    """
    for bus, value in snapshot.autoprobe.items():
        if value is False:
            path = _AUTOPROBE.format(bus)
            yield Fault(
                bus,
                f"drivers_autoprobe of the {bus} bus is off: {_LEFT[bus]}",
                (Evidence(path, "0"),),
                remedy=f"echo 1 > {path}",
            )


@rule("driver.probe-failed", "warning", needs=("functions", "log"), remedy="")
def probe_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """A driver was offered the device and refused it with an error.

    Only the last word of the log on the device counts, and only where it has no driver now. Functions of the board are
    only mentioned. Source: drivers/base/dd.c.
    """
    functions = by_address(snapshot)
    hot = in_hotplug_slots(snapshot)
    for address, event in _last_failures(snapshot).items():
        function = functions.get(address)
        if function is None:
            continue
        driver, error = event.get("driver") or "the driver", event.get("error")
        said = f"probe of {event.get('device')} failed with error {error}"
        yield Fault(
            address,
            f"{driver} refused {address} with error {error}",
            (Evidence(snapshot.log.source or "kernel log", said),),
            address,
            detail=_MEANS.get(error if isinstance(error, int) else 0, _UNFIT),
            severity=_severity(snapshot, function, hot) if needs_driver(function) else "info",
        )


@rule("driver.deferred", "warning", needs=("functions", "log"), remedy="")
def deferred(snapshot: Snapshot) -> Iterable[Outcome]:
    """The driver waits for another one: its probe was put off, and nothing has ended that.

    Text: "deferred probe pending"; /sys/kernel/debug/devices_deferred lists them for root.
    Source: drivers/base/dd.c, Documentation/driver-api/driver-model/binding.rst.
    """
    said = [event for event in snapshot.log.events if event.kind == "probe-deferred"]
    waiting = {event.address for event in said}
    names = {str(event.get("device")) for event in said}
    # Below virtio-pci it is the virtio device that waits.
    below = {one.address for one in snapshot.children if one.driver is None and one.name in names}
    for function in snapshot.functions.items:
        if (function.address in waiting and function.driver is None) or function.address in below:
            yield Fault(
                function.address,
                f"the driver of {function.address} waits for another one",
                (Evidence(snapshot.log.source or "kernel log", "deferred probe pending"),),
                function.address,
                severity=None if needs_driver(function) and not snapshot.guest.physical else "info",
            )


def _last_failures(snapshot: Snapshot) -> dict[str, KernelEvent]:
    """Function without driver → the last failure of a driver with it, since the function was found."""
    child_of = {child.name: child.address for child in snapshot.children if child.driver is None}
    unbound = {function.address for function in snapshot.functions.items if function.driver is None}
    unbound.update(child_of.values())
    last: dict[str, KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind == "probe-failed":
            address = event.address or child_of.get(str(event.get("device")))
            if address in unbound and address is not None:
                last[address] = event
        elif event.kind == "device-found":
            last.pop(event.address or "", None)
    return last
