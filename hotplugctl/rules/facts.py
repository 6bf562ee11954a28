"""Questions that several families ask of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.config_space import PcieCap
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.reads import Absent
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.snapshot import Mechanism, Snapshot

if TYPE_CHECKING:
    from hotplugctl.model.log import KernelEvent

# Device/port types of the PCI Express capability (PCIe Base 5.0, 7.5.3.2).
_ON_ROOT_COMPLEX = ("root-port", "rc-endpoint", "rc-event-collector")
# Functions that run under the lock of every scan, or on the work queue of every hot-plug event.
_HOTPLUG_CODE = (
    "acpi_hotplug_", "acpi_pci_", "acpiphp_", "disable_slot", "enable_slot", "hotplug_event", "pci_assign_",
    "pci_bus_add", "pci_bus_assign", "pci_bus_scan", "pci_hp_", "pci_remove_", "pci_rescan_", "pci_scan_",
    "pci_stop_", "pciehp_", "shpc_", "shpchp_",
)  # fmt: skip


_MESSAGES = 0xFEE00000
_X86 = ("x86_64", "i386", "i486", "i586", "i686")
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")


def shell(word: str) -> str:
    """A name as a remedy may hold it: quoted where a shell would read it as something else (sh(1), Quoting)."""
    return word if word and _BARE.issuperset(word) else "'" + word.replace("'", "'\\''") + "'"


def by_address(snapshot: Snapshot) -> Mapping[str, PciFunction]:
    """Address → function."""
    return {function.address: function for function in snapshot.functions.items}


def mechanism(snapshot: Snapshot, name: str) -> Optional[Mechanism]:
    """The mechanism of that name, the core included."""
    return next((m for m in (snapshot.core, *snapshot.mechanisms) if m.name == name), None)


def served_buses(snapshot: Snapshot) -> frozenset[str]:
    """The buses with a slot that some mechanism answers for."""
    return frozenset(slot.bus for slot in snapshot.slots.items if slot.hotplug and slot.bus is not None)


def pcie(snapshot: Snapshot, address: Optional[str]) -> Optional[PcieCap]:
    """The PCI Express capability of a function, where its config space could be read."""
    detail = snapshot.details.get(address or "")
    return detail.config.pcie if detail is not None and detail.config is not None else None


def has_shpc(snapshot: Snapshot, address: Optional[str]) -> bool:
    """Does the bridge have a Standard Hot-Plug Controller capability (id 0x0c)?"""
    detail = snapshot.details.get(address or "")
    return detail is not None and detail.config is not None and detail.config.shpc


def capabilities_unknown(snapshot: Snapshot, address: str) -> bool:
    """Nobody but root sees more than 64 bytes of config space: what the function can do is then not known."""
    detail = snapshot.details.get(address)
    if detail is None or detail.config is None:
        return True
    return detail.config.truncated and not detail.config.all_ones


def hotplug_port(snapshot: Snapshot, address: Optional[str]) -> bool:
    """A root or downstream port whose slot says that it is hot-plug capable (SltCap HotPlug+)."""
    cap = pcie(snapshot, address)
    return cap is not None and cap.slot_implemented and cap.hotplug_capable


def to_interrupts(snapshot: Snapshot, start: int, end: int) -> bool:
    """Whether addresses lie where x86 takes every access for an interrupt: a device is not reached there.

    1 MiB from 0xfee00000 on, of which /proc/iomem shows the local APIC's first page. Source: Intel SDM volume 3,
    "Message Signalled Interrupts" (Message Address Register Format).
    """
    if not (start < _MESSAGES + (1 << 20) and end >= _MESSAGES):
        return False
    architecture = snapshot.guest.architecture
    return architecture in _X86 or (architecture is None and bool(_local_apic(snapshot)))


def bars_to_interrupts(snapshot: Snapshot, address: str) -> tuple[ResourceLine, ...]:
    """The memory BARs of a function that lie there."""
    detail = snapshot.details.get(address)
    lines = () if detail is None or detail.resources is None else detail.resources[:6]
    return tuple(
        line for line in lines if line.is_mem and line.assigned and to_interrupts(snapshot, line.start, line.end)
    )


def apic(snapshot: Snapshot) -> tuple[Evidence, ...]:
    """The line of /proc/iomem that claims them, and what on the command line keeps the kernel from knowing better."""
    return (*_local_apic(snapshot), *(Evidence("/proc/cmdline", text) for text in without_windows(snapshot)))


def _local_apic(snapshot: Snapshot) -> tuple[Evidence, ...]:
    known = [line for line in snapshot.scene.iomem or () if line.name == "Local APIC"][:1]
    return tuple(Evidence("/proc/iomem", f"{line.start:x}-{line.end:x} : {line.name}") for line in known)


def boot_with_windows(snapshot: Snapshot) -> Optional[str]:
    """What to leave out of the command line, for the kernel to know the host bridge's windows."""
    words = " ".join(without_windows(snapshot))
    return f"boot without {words}: the kernel then knows the host bridge's windows" if words else None


def without_windows(snapshot: Snapshot) -> list[str]:
    """Words of the command line by which the kernel does not learn the host bridge's windows from ACPI."""
    line = snapshot.cmdline
    if line is None:
        return []
    found = [f"acpi={value}" for value in ("off", "ht") if line.last("acpi") == value]
    return found + [f"pci={word}" for word in ("noacpi", "nocrs") if word in line.comma("pci")]


def no_pci_bus(snapshot: Snapshot) -> str:
    """What shows that the machine has no PCI bus, empty where it has one or nothing tells (/sys not mounted)."""
    failure = snapshot.functions.failure
    if snapshot.guest.source == "image":
        return ""
    if failure is None:
        return "" if snapshot.functions.items else "empty"
    return "absent" if isinstance(failure, Absent) and snapshot.sysfs else ""


def express_roots(snapshot: Snapshot) -> frozenset[str]:
    """The root buses that are PCIe root complexes, which take no hot-plugged device themselves.

    PNP0A08 says so; without ACPI, a root port or integrated endpoint on the bus does.
    """
    found = set(snapshot.acpi.express)
    for function in snapshot.functions.items:
        if function.parent is None and function.bus not in found:
            cap = pcie(snapshot, function.address)
            if cap is not None and cap.port_type in _ON_ROOT_COMPLEX:
                found.add(function.bus)
    return frozenset(found)


def vmbus_functions(snapshot: Snapshot) -> tuple[PciFunction, ...]:
    """The functions that Hyper-V hands out over VMBus: each is on a root bus of its own, which hv_pci makes."""
    return tuple(f for f in snapshot.functions.items if "/VMBUS:" in f.path or "/MSFT1000:" in f.path)


def needed(snapshot: Snapshot) -> Mapping[str, str]:
    """Bus that nobody serves → the mechanism that would serve it; buses that no mechanism could serve are left out."""
    served = served_buses(snapshot)
    virtual = {function.bus for function in vmbus_functions(snapshot)}
    roots = express_roots(snapshot)
    found: dict[str, str] = {}
    for bus, port in snapshot.buses.items():
        name = None if bus in served or bus in virtual else _needs(snapshot, bus, port, roots)
        if name is not None:
            found[bus] = name
    return found


def _needs(snapshot: Snapshot, bus: str, port: Optional[str], roots: frozenset[str]) -> Optional[str]:
    described = bus in snapshot.acpi.slots
    if port is None:
        return "acpiphp" if described or bus not in roots else None
    if hotplug_port(snapshot, port):
        # Elsewhere than in QEMU the firmware names the slots of ports too that are pciehp's.
        return "acpiphp" if described and snapshot.acpi.phpr is not None else "pciehp"
    if described:
        return "acpiphp"
    return "shpchp" if has_shpc(snapshot, port) else None


def in_hotplug_slots(snapshot: Snapshot) -> frozenset[str]:
    """The functions that sit in a slot, so that they can have been hot-plugged."""
    hot = [slot for slot in snapshot.slots.items if slot.hotplug]
    places = {slot.address for slot in hot}
    held = {address for slot in hot for address in slot.functions}
    return frozenset(
        function.address
        for function in snapshot.functions.items
        if function.address in held or function.slot_address in places
    )


def lacks_memory(snapshot: Snapshot, function: PciFunction) -> bool:
    """Whether a memory BAR of it has a size and no address; bridges are not asked."""
    detail = snapshot.details.get(function.address)
    lines = (detail.resources or ())[:6] if detail is not None and not function.is_bridge else ()
    failed = any(snapshot.log.bars.get((function.address, f"BAR {line.index}")) == "failed" for line in lines)
    return failed or any(line.flags and line.is_mem and not line.assigned for line in lines)


def in_trouble(snapshot: Snapshot, kinds: tuple[str, ...]) -> Optional[str]:
    """Where in its hot-plug code the kernel is in trouble of one of these kinds (``oops``, ``hung-task``), by its log.

    The function at fault tells, or the thread or work queue that it happened in. After a mere warning all goes on; and
    a function that is found after a hang shows that the hang has ended.
    """
    report: Optional[str] = None
    found: dict[str, str] = {}
    told: set[str] = set()
    for event in snapshot.log.events:
        if event.kind in _REPORTS:
            report = event.kind if event.kind in kinds else None
        elif event.kind == "device-found":
            found.pop(_HUNG, None)
            told.discard(_HUNG)
            report = None if report == _HUNG else report
        if report is not None and report not in told:
            symbol, thread = _symbol(event), _thread(event)
            if symbol is not None:
                found[report] = symbol
                told.add(report)
            elif thread is not None:
                found.setdefault(report, thread)
    return next(iter(found.values()), None)


def _symbol(event: KernelEvent) -> Optional[str]:
    symbol = str(event.get("symbol") or "")
    return symbol if symbol.startswith(_HOTPLUG_CODE if event.kind != "called-by" else _UNDER_LOCK) else None


def _thread(event: KernelEvent) -> Optional[str]:
    task, queue = str(event.get("task") or ""), str(event.get("queue") or "")
    return str(event.get("work") or task) if queue.startswith(_HOTPLUG_QUEUES) or task.endswith("-pciehp") else None


_HUNG = "hung-task"
# Whoever was called by one of these has the lock of every scan, or waits for it; of the others a driver may be called.
_UNDER_LOCK = (
    "acpi_hotplug_", "acpiphp_", "disable_slot", "enable_slot", "hotplug_event", "pci_bus_add", "pci_lock_rescan",
    "pci_remove_bus", "pci_rescan_", "pci_scan_", "pci_stop_", "pciehp_", "shpchp_",
)  # fmt: skip
_REPORTS = ("oops", "panic", "hung-task", "soft-lockup", "warning")
_HOTPLUG_QUEUES = ("kacpi_hotplug", "pciehp", "shpchp")
