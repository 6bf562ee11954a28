"""Functions that are there and do not answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import bars_to_interrupts, shell
from hotplugctl.rules.registry import Fault, Outcome, rule

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

_USED = ("01", "02")
# They keep a function for a user of their own, who enables it.
_STAND_INS = ("vfio-pci", "pci-stub", "uio_pci_generic", "igb_uio", "pciback", "xen-pciback")


@rule("function.gone", "warning", needs=("functions",))
def gone(snapshot: Snapshot) -> Iterable[Outcome]:
    """The function is listed, and its config space reads all ones: the device behind it is gone.

    lspci shows it as "rev ff". It was pulled without the guest being told, or died. Where a driver is bound, what it
    is asked may never return, and so may its removal. Source: PCIe Base 5.0, 2.3.2.
    """
    for function in snapshot.functions.items:
        detail = snapshot.details.get(function.address)
        if detail is not None and detail.config is not None and detail.config.all_ones:
            bound = function.driver is not None
            yield Fault(
                function.address,
                f"{function.address} does not answer any more: its config space reads ff",
                (Evidence(f"{function.path}/config", "ff ff ff ff …"),),
                function.address,
                severity="error" if bound else None,
                remedy="" if bound else f"echo 1 > {shell(f'{function.path}/remove')}",
                detail=f"{function.driver} is still bound: unmount and close what uses it; to remove it may hang for "
                "ever, and then only a reboot helps"
                if bound
                else None,
                relies_on=function.bus,
            )


@rule("function.never-enabled", "warning", needs=("functions",), remedy="")
def never_enabled(snapshot: Snapshot) -> Iterable[Outcome]:
    """A storage or network driver is bound to the function, and never enabled it.

    ``enable`` counts pci_enable_device(); 0 means that the device decodes nothing. Source:
    Documentation/ABI/testing/sysfs-bus-pci.
    """
    for function in snapshot.functions.items:
        if function.enabled is False and function.driver is not None and (function.class_ or "").startswith(_USED):
            if function.driver in _STAND_INS:
                continue
            yield Fault(
                function.address,
                f"{function.address} is bound to {function.driver} and was never enabled",
                (Evidence(f"{function.path}/enable", "0"),),
                function.address,
                severity="info" if snapshot.guest.physical else None,
            )


@rule("function.read-hung", "warning", needs=("functions",))
def read_hung(snapshot: Snapshot) -> Iterable[Outcome]:
    """An attribute that asks the device did not return: the device is gone or dead, or its interrupts do not arrive.

    The read was left behind in a child process, which may stay until a reboot. Seen for ``serial`` of a virtio disk
    that the host had already taken away. Source: drivers/block/virtio_blk.c.
    """
    for address, nodes in snapshot.nodes.items():
        for node in nodes:
            for key in node.hung:
                yield Fault(
                    node.name,
                    f"{node.name} ({address}) does not answer: reading its {key} hung",
                    (Evidence(f"{node.path}/{key}", node.unknown.get(key, "hung").rpartition(": ")[2]),),
                    address,
                    remedy="",
                    detail=_why_hung(snapshot, address),
                )


def _why_hung(snapshot: Snapshot, address: str) -> str:
    detail = snapshot.details.get(address)
    if bars_to_interrupts(snapshot, address):
        return "it is there, and its interrupts never arrive; what asks it stays hung until a reboot"
    if detail is not None and detail.config is not None and detail.config.all_ones:
        return "the device is gone; unmount what can be unmounted and reboot"
    return (
        "it is gone on the host, or dead, or its interrupts do not arrive: nothing in here tells which. "
        "Look whether the host has it still; unmount what can be unmounted and reboot"
    )


@rule("function.kept-for-userspace", "info", needs=("functions",), remedy="")
def kept_for_userspace(snapshot: Snapshot) -> Iterable[Outcome]:
    """A driver holds the function for a program of its own (vfio-pci, uio): no disk or interface comes of it.

    So DPDK, SPDK and nested virtual machines want it. To give it back to the kernel: unbind it, and clear its
    driver_override. Source: Documentation/driver-api/vfio.rst, Documentation/ABI/testing/sysfs-bus-pci.
    """
    for function in snapshot.functions.items:
        if function.driver in _STAND_INS and (function.class_ or "").startswith(_USED):
            yield Fault(
                function.address,
                f"{function.driver} holds {function.address} for a program: no disk or interface comes of it",
                (Evidence(f"{function.path}/driver", function.driver),),
                function.address,
            )


@rule("function.sriov-failed", "warning", side="host", needs=("functions", "log"), remedy="")
def sriov_failed(snapshot: Snapshot) -> Iterable[Outcome]:
    """Virtual functions were asked for, and there is no room for them: memory windows or bus numbers are short.

    Texts: "not enough MMIO resources for SR-IOV", "can't enable N VFs (bus NN out of range of [bus NN])". Boot with
    pci=realloc or pci=assign-busses, and give the port larger windows on the host. Source: drivers/pci/iov.c.
    """
    functions = {function.address: function for function in snapshot.functions.items}
    said: dict[Optional[str], KernelEvent] = {}
    for event in snapshot.log.events:
        if event.kind == "sriov-failed":
            said[event.address] = event
        elif event.kind == "device-found":
            # Another card, or the same one anew.
            said.pop(event.address, None)
    for address, event in said.items():
        if address in functions:
            reason = str(event.get("reason"))
            more = event.get("detail")
            yield Fault(
                address,
                f"the virtual functions of {address} could not be made: {reason}",
                (Evidence(snapshot.log.source or "kernel log", reason if more is None else f"{reason} ({more})"),),
                address,
                severity="info" if snapshot.guest.physical else None,
                detail="boot with pci=realloc" + (",assign-busses" if more is not None else ""),
            )
