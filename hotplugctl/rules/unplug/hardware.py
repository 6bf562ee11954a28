"""What stands against pulling a function that is neither disk nor interface: SR-IOV, VFIO, consoles, a busy slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotplugctl.model.devices import Slot
from hotplugctl.model.snapshot import Child, Detail
from hotplugctl.model.users import Blocker, Going, Users
from hotplugctl.rules.unplug.command import line

_BLINKING = 2
# Host bridge, ISA bridge, what ACPI and the like call a bridge.
_MACHINE = ("0600", "0601", "0680")


def slots(going: Going, ports: Mapping[str, Detail]) -> Iterator[Blocker]:
    """A slot in the five seconds after its button was pressed (PCI Express Base Specification 5.0, 6.7.1.5)."""
    for slot in going.slots:
        if slot.attention == _BLINKING or _blinks(slot, ports):
            summary = f"slot {slot.name} blinks: an insertion or removal is under way; ask again when it has ended"
            yield Blocker("slot-busy", slot.name, summary, None)


def _blinks(slot: Slot, ports: Mapping[str, Detail]) -> bool:
    detail = ports.get(slot.port or "")
    cap = detail.config.pcie if detail is not None and detail.config is not None else None
    return cap is not None and "blink" in (cap.power_indicator_state, cap.attn_indicator_state)


def functions(going: Going, users: Users, children: tuple[Child, ...]) -> Iterator[Blocker]:
    """Virtual functions, the kernel's console, memory."""
    for node in going.nodes:
        if node.subsystem == "tty" and node.name in users.consoles:
            yield Blocker(
                "console", f"/dev/{node.name}", f"{node.name} is a console of the kernel (/proc/consoles)", None
            )
    for function in going.functions:
        if (function.class_ or "").startswith(_MACHINE):
            yield Blocker("machine", function.address, f"{function.address} is a part of the machine itself", None)
        for child in children:
            if child.address == function.address and child.driver == "virtio_mem":
                yield Blocker("memory", function.address, "it gives the guest memory, which the kernel may use", None)
            if child.address == function.address and child.driver == "virtio_iommu":
                yield Blocker("machine", function.address, "other devices do their DMA through it (IOMMU)", None)
        count = len(going.virtual[function.address].children) if function.address in going.virtual else 0
        if count:
            path = line(f"/sys/bus/pci/devices/{function.address}/sriov_numvfs")
            summary = f"{function.address} has {count} virtual function{'s' if count > 1 else ''}, which go with it"
            yield Blocker("sriov", function.address, summary, None if path is None else f"echo 0 > {path}")


def notes(going: Going) -> Iterator[str]:
    """What is worth knowing and stands against nothing."""
    if going.stays is not None:
        yield f"this is about the disk alone, not about its controller: for that, ask for {going.stays}"
    if going.slots and not any(slot.hotplug or {"power", "adapter"} & slot.unknown.keys() for slot in going.slots):
        yield "no mechanism serves its slot: this guest would not be told of a removal"
    for function in going.functions:
        of_function = going.virtual.get(function.address)
        if of_function is not None and of_function.physical is not None:
            yield f"{function.address} is a virtual function of {of_function.physical}"
