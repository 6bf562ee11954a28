"""Thirty devices in one burst, on a root bus and two bridges that ACPI serves, and out again."""

from __future__ import annotations

from tests.lab.plan import Empty, Hardware, Heard, Listen, Plug, Scenario, Snap
from tests.lab.scenarios.devices import sees

_HARDWARE = Hardware(
    "pc", devices=("pci-bridge,id=br1,bus=pci.0,chassis_nr=1,addr=5", "pci-bridge,id=br2,bus=pci.0,chassis_nr=2,addr=6")
)
_ACPIPHP = frozenset({"acpiphp"})
# The root bus has 30 slots less two for the bridges, which QEMU does not let go; by ACPI a bridge has all 32.
_SLOTS = 28 + 32 + 32
_FREE = _SLOTS - 2  # root disk and channel
_COUNT = 30
_IDS = tuple(f"v{number}" for number in range(_COUNT))


def _kind(number: int) -> str:
    return "virtio-blk-pci" if number % 2 else "virtio-net-pci"


def _device(number: int) -> str:
    bus = ("pci.0", "br1", "br2")[number % 3]
    backend = f"drive=burst{number},serial=BURST{number:02}" if number % 2 else f"netdev=burst{number}"
    return f"{_kind(number)},id=v{number},bus={bus},{backend}"


SCENARIOS = (
    Scenario(
        "pc-burst",
        _HARDWARE,
        (
            Listen(),
            Snap("before", "ready", mechanisms=_ACPIPHP, free=_FREE, slots=_SLOTS),
            *(Plug(_device(number)) for number in range(_COUNT)),
            Snap(
                "added", "ready", mechanisms=_ACPIPHP, free=_FREE - _COUNT, slots=_SLOTS, within=120,
                sees=tuple(sees(f"v{number}", _kind(number)) for number in range(_COUNT)),
            ),
            Empty(),
            Snap("after", "ready", mechanisms=_ACPIPHP, free=_FREE, slots=_SLOTS),
            Heard(added=_IDS, removed=_IDS),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        why="the kernel is told of thirty devices at once; none may be lost, going or coming",
    ),
)  # fmt: skip
