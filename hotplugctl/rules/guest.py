"""Is this a machine that the question applies to?"""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.reads import Absent
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules import facts
from hotplugctl.rules.facts import vmbus_functions
from hotplugctl.rules.registry import Fault, Outcome, Undecided, rule


@rule("guest.container", "error", side="host", remedy="")
def container(snapshot: Snapshot) -> Iterable[Outcome]:
    """This is a container: it sees its host's PCI bus, and no uevent reaches it.

    Ask on the machine that runs the container. Source: systemd.io/CONTAINER_INTERFACE, podman-run(1).
    """
    if snapshot.guest.container is not None:
        # What names the container is the last piece of what is known of the guest.
        evidence = snapshot.guest.evidence[-1:]
        yield Fault(
            snapshot.guest.container,
            f"this is a container ({snapshot.guest.container})",
            evidence,
            detail="sysfs shows the PCI bus of the machine below; whether a device arrives is decided there",
        )


@rule("guest.no-pci-bus", "error", side="host", remedy="")
def no_pci_bus(snapshot: Snapshot) -> Iterable[Outcome]:
    """The machine has no PCI bus: there is nothing that a device could be plugged into.

    So it is on microvm machines and Firecracker without PCI (devices are virtio-mmio), on s390 without zPCI, and on
    kernels without CONFIG_PCI or booted with pci=off.
    """
    failure = snapshot.functions.failure
    shown = facts.no_pci_bus(snapshot)
    off = snapshot.cmdline is not None and "off" in snapshot.cmdline.comma("pci")
    why = (Evidence("/proc/cmdline", "pci=off"),) if off else ()
    if shown:
        yield Fault(None, "this machine has no PCI bus", (Evidence("/sys/bus/pci/devices", shown), *why))
    elif isinstance(failure, Absent) and snapshot.guest.source != "image":
        yield Undecided(None, "/sys: not there or not mounted")


@rule("guest.vmbus", "info", side="host", remedy="")
def vmbus(snapshot: Snapshot) -> Iterable[Outcome]:
    """PCI functions of this guest come over Hyper-V's VMBus: they come and go without a slot.

    hv_pci makes a PCI domain for each and takes it away again; none of the hot-plug mechanisms has a part in it.
    Source: Documentation/virt/hyperv/vpci.rst, drivers/pci/controller/pci-hyperv.c.
    """
    found = vmbus_functions(snapshot)
    if found:
        yield Fault(
            found[0].address,
            f"{len(found)} PCI functions come over VMBus: hv_pci adds and removes them",
            (Evidence(found[0].path, "below VMBus"),),
            found[0].address,
        )


@rule("guest.physical", "info", side="host", remedy="")
def physical(snapshot: Snapshot) -> Iterable[Outcome]:
    """This is a physical machine: cards go into slots that the board and its firmware provide.

    x86 without the CPU flag "hypervisor" and without a hypervisor's DMI names. Unserved ports are normal there.
    """
    if snapshot.guest.physical and snapshot.guest.source != "image":
        yield Fault(None, "this is a physical machine, not a guest", snapshot.guest.evidence)
