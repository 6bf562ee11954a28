"""Who makes the device nodes when a device arrives."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("udev.not-running", "info", remedy="")
def not_running(snapshot: Snapshot) -> Iterable[Outcome]:
    """No udevd runs: nothing loads modules for new devices, renames interfaces or makes links in /dev/disk.

    Source: systemd-udevd.service(8).
    """
    if snapshot.udev.running is False:
        yield Fault(
            None,
            "no udevd runs: the driver of a new device is not loaded by itself, no link appears in /dev/disk",
            tuple(item for item in snapshot.udev.evidence if "mounts" not in item.source),
            detail="built-in drivers bind all the same; for modules start udevd, or mdev, or modprobe by hand",
        )


@rule("udev.no-dev-nodes", "warning", side="image")
def no_dev_nodes(snapshot: Snapshot) -> Iterable[Outcome]:
    """Neither devtmpfs nor udevd: a new disk gets no file in /dev.

    The disk is in /proc/partitions, and /dev/vdb is missing. Source: drivers/base/Kconfig (DEVTMPFS).
    """
    if snapshot.udev.devtmpfs is False and snapshot.udev.running is False:
        yield Fault(
            None,
            "neither devtmpfs nor udevd: a new disk gets no file in /dev",
            snapshot.udev.evidence,
            remedy="mount -t devtmpfs devtmpfs /dev",
        )
