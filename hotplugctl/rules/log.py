"""What the kernel log alone can tell."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("log.hotplug-oops", "error", needs=("log",), remedy="reboot")
def hotplug_oops(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel crashed inside its PCI hot-plug code: nothing is enumerated any more, whatever sysfs shows.

    The thread that died holds the lock that every scan needs. Seen where a hot-added bridge got no bus numbers
    (a NULL pointer in shpc_init) on 6.1 and 7.2. Only a reboot helps. Source: drivers/pci/hotplug/shpchp_core.c.
    """
    for event in snapshot.log.events:
        if event.kind == "hotplug-oops":
            fields = dict(event.fields)
            yield Fault(
                str(fields.get("function") or "kernel"),
                f"the kernel crashed in its hot-plug code ({fields.get('function') or 'see the log'}): "
                "no device is enumerated until a reboot",
                (Evidence(snapshot.log.source or "kernel log", str(fields.get("text", "Oops"))),),
                event.address,
            )
            return


@rule("log.unreadable", "info", remedy="")
def unreadable(snapshot: Snapshot) -> Iterable[Outcome]:
    """The kernel log could not be read: what only it knows stays unknown.

    Reading it needs CAP_SYSLOG where kernel.dmesg_restrict is 1. Source: Documentation/admin-guide/sysctl/kernel.rst.
    """
    from hotplugctl.model.reads import Absent, reason

    failure = snapshot.log.failure
    if failure is not None and not isinstance(failure, Absent):
        yield Fault(None, "the kernel log could not be read", (Evidence(failure.path, reason(failure)),))
