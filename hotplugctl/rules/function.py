"""Functions that are there and do not answer."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import shell
from hotplugctl.rules.registry import Fault, Outcome, rule

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
    """An attribute that asks the device did not return: the device behind is gone or dead.

    The read was left behind in a child process, which may stay until a reboot. Seen for ``serial`` of a virtio disk
    that the host had already taken away. Source: drivers/block/virtio_blk.c.
    """
    for address, nodes in snapshot.nodes.items():
        for node in nodes:
            for key in node.hung:
                yield Fault(
                    node.name,
                    f"{node.name} ({address}) does not answer: reading its {key} hung",
                    (Evidence(f"{node.path}/{key}", node.unknown.get(key, "hung")),),
                    address,
                    remedy="",
                    detail="the host took the device away without telling this guest, or it died; "
                    "unmount what can be unmounted and reboot",
                )
