"""Announcements that nobody heard: the ACPI event of QEMU, and cards that wait at a port."""

from __future__ import annotations

from collections.abc import Iterable

from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import by_address, hotplug_port, pcie, served_buses
from hotplugctl.rules.registry import Fault, Outcome, rule


@rule("announce.gpe-missed", "warning", needs=("slots",), remedy="echo 1 > /sys/bus/pci/rescan")
def gpe_missed(snapshot: Snapshot) -> Iterable[Outcome]:
    """The host announced a PCI device by ACPI, and nobody in this guest listened.

    QEMU's PCI hot-plug raises GPE 1; the kernel counts it in /sys/firmware/acpi/interrupts/gpe01 also where acpiphp is
    absent or switched off. It counts no devices: a burst raises it a few times, and a removal raises it too.
    Source: docs/specs/acpi_pci_hotplug.rst of QEMU.
    """
    acpi = snapshot.acpi
    listening = any(slot.mechanism == "acpiphp" for slot in snapshot.slots.items)
    if acpi.phpr is not None and acpi.gpe and not listening:
        times = "once" if acpi.gpe == 1 else f"{acpi.gpe} times"
        yield Fault(
            None,
            f"the host announced PCI changes {times} by ACPI, and acpiphp was not there to hear it",
            (Evidence(acpi.gpe_path, str(acpi.gpe)), Evidence(acpi.phpr, "PCI Hotplug resources")),
            relies_on="acpiphp",
        )


@rule("announce.gpe-pending", "warning", needs=("slots",), remedy="echo 1 > /sys/bus/pci/rescan")
def gpe_pending(snapshot: Snapshot) -> Iterable[Outcome]:
    """The host raised the ACPI event of PCI hot-plug, and the kernel does not take it: no interrupt brings it there.

    /sys/firmware/acpi/interrupts/gpe01 says ``STS`` and its count stands still. It is a moment's state too while an
    event is being handled, so it is only said where nothing was counted yet. Source: drivers/acpi/sysfs.c,
    docs/specs/acpi_pci_hotplug.rst of QEMU.
    """
    acpi = snapshot.acpi
    if acpi.phpr is not None and acpi.pending and acpi.gpe == 0:
        yield Fault(
            None,
            "the host announced a PCI change by ACPI, and the event never reached the kernel",
            (Evidence(acpi.gpe_path, "0 STS"), Evidence(acpi.phpr, "PCI Hotplug resources")),
            detail="the ACPI interrupt does not come through; boot without pci=noacpi, noapic and the like",
        )


@rule("announce.other-mechanism", "error", needs=("slots",), remedy="echo 1 > /sys/bus/pci/rescan")
def other_mechanism(snapshot: Snapshot) -> Iterable[Outcome]:
    """The host announces devices by ACPI, and this guest took the ports with pciehp: no device comes by itself.

    QEMU's q35 plugs by ACPI unless it is told otherwise; a guest that was booted with pcie_ports=native, pci=noacpi or
    acpi=off listens to the ports all the same. The tables show it, or a slot that is powered without a card in it.
    A rescan finds what was added. Source: docs/specs/acpi_pci_hotplug.rst of QEMU, drivers/pci/pcie/portdrv.c.
    """
    deaf = snapshot.scene.unreached
    if not deaf:
        return
    line = snapshot.cmdline
    given = [] if line is None else _takes_ports(line)
    yield Fault(
        None,
        f"the host announces devices by ACPI, and pciehp serves the ports: {len(deaf)} slots hear of none",
        (*dict.fromkeys(deaf.values()), *(Evidence("/proc/cmdline", text) for text in given)),
        detail=f"boot without {' '.join(given) or 'what keeps this kernel from ACPI hot-plug'}, or switch ACPI "
        "hot-plug off on the host (-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off)",
    )


def _takes_ports(line: CommandLine) -> list[str]:
    found = [f"acpi={value}" for value in ("off", "ht") if line.last("acpi") == value]
    found += ["pci=noacpi"] if "noacpi" in line.comma("pci") else []
    return found + [f"pcie_ports={value}" for value in ("native", "dpc-native") if line.last("pcie_ports") == value]


@rule("announce.acpi-unread", "info", needs=("slots",), remedy="")
def acpi_unread(snapshot: Snapshot) -> Iterable[Outcome]:
    """With acpi=off a guest on QEMU's q35 cannot know whether the host announces devices by ACPI.

    QEMU does from 6.1 on, unless it is told otherwise, and pciehp then serves the ports and hears of no device. Nothing
    but the ACPI tables tells before the first device is added: config space, address maps and log are the same, and
    the ports have SltCap HotPlug+ either way (seen with QEMU 7.2). A port that reports a card shows that cards are
    announced natively; one that is on without a card, the opposite (announce.other-mechanism).
    Source: docs/specs/acpi_pci_hotplug.rst of QEMU.
    """
    line = snapshot.cmdline
    if snapshot.guest.machine != "q35" or snapshot.acpi.phpr is not None or snapshot.scene.unreached or line is None:
        return
    off = [f"acpi={value}" for value in ("off", "ht") if line.last("acpi") == value]
    native = [slot for slot in snapshot.slots.items if slot.mechanism == "pciehp"]
    if off and native and not any(slot.adapter == 1 for slot in native):
        yield Fault(
            None,
            "whether the host announces devices by ACPI cannot be told; if it does, pciehp hears of none",
            (Evidence("/proc/cmdline", off[0]), Evidence("/sys/bus/pci/slots", f"{len(native)} served by pciehp")),
            detail="QEMU's q35 does unless it is started with "
            "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off: look there, or boot without " + off[0],
        )


@rule("announce.card-waits", "warning", needs=("slots", "functions"), remedy="")
def card_waits(snapshot: Snapshot) -> Iterable[Outcome]:
    """A card waits at a port that nobody serves: its presence is latched in the port's slot status.

    A rescan does not help: the slot's power is off, and only pciehp would switch it on. That the presence changed is
    latched as well, and stays so when the card is gone again: only the presence itself counts.
    Source: PCIe Base 5.0, 7.5.3.11.
    """
    served = served_buses(snapshot)
    functions = by_address(snapshot)
    full = {function.parent for function in functions.values()}
    for bus, port in snapshot.buses.items():
        cap = pcie(snapshot, port)
        if port is None or cap is None or bus in served or port in full or port not in functions:
            continue
        if cap.presence and hotplug_port(snapshot, port):
            pressed = ", AttnBtn+" if cap.attn_button_pressed else ""
            yield Fault(
                port,
                f"a card waits at port {port} (bus {bus}), and nobody switches its slot on",
                (Evidence(f"{functions[port].path}/config", f"SltSta PresDet+{pressed}"),),
                port,
                severity="info" if snapshot.guest.physical else None,
                detail="a rescan does not find it: the slot is powered off; "
                "boot with pciehp enabled and the card appears",
                relies_on="pciehp",
            )
