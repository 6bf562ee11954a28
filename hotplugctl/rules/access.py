"""What may not be read, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("access.config-truncated", "info", needs=("functions",), remedy="")
def config_truncated(snapshot: Snapshot) -> Iterable[Outcome]:
    """Only the first 64 bytes of config space could be read: capabilities are unknown.

    Linux shows more only to root (CAP_SYS_ADMIN). Whether a port is hot-plug capable, has an SHPC, or holds a card
    that waits, is then not known. Source: drivers/pci/pci-sysfs.c, pci_read_config().
    """
    short = [
        function
        for function in snapshot.functions.items
        if (detail := snapshot.details.get(function.address)) is not None
        and detail.config is not None
        and detail.config.truncated
    ]
    if short:
        yield Fault(
            None,
            f"the capabilities of {len(short)} functions could not be read: run as root for all that can be said",
            (Evidence(f"{short[0].path}/config", "64 bytes"),),
        )


@rule("access.sysfs-read-only", "info", remedy="")
def sysfs_read_only(snapshot: Snapshot) -> Iterable[Outcome]:
    """/sys is mounted read-only: no rescan, no removal and no power switch of a slot works from in here.

    So it is in most containers and in some sandboxes. What the kernel does by itself when a device arrives goes on.
    Source: sysfs(5), mount(8).
    """
    if snapshot.read_only is not None:
        yield Fault(
            None,
            "/sys is mounted read-only: a rescan cannot be asked for from in here",
            (snapshot.read_only,),
            detail="ask for it where /sys is writable: outside of the container or sandbox",
        )
