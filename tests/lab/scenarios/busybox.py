"""Guests without Python: the collector is sent in, and what it brings out is read on the host."""

from __future__ import annotations

from tests.lab.plan import CI, Collect, Hardware, Plug, Pull, Rest, Scenario, Sh, Snap
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.pc import ACPIPHP, SLOTS

_MEMORY = 256
# Of the slots only the channel's is taken: there is no root disk.
_FREE = SLOTS - 1
# The pause between two looks at a read that may hang outlives the collector by a second at most.
_LEFT_NOTHING = Sh(
    "sleep 2; ls -d /run/hotplugctl-collect* /dev/shm/* /tmp 2>/dev/null; pidof sleep", code=1, prints=r"\A\Z"
)

_PC = Scenario(
    "pc-busybox",
    Hardware("pc", busybox=True, memory=_MEMORY),
    (
        Collect(Snap("before", "ready", mechanisms=ACPIPHP, free=_FREE, slots=SLOTS)),
        Plug("virtio-blk-pci,id=b1,drive=b1,serial=HOTB1"),
        Plug("virtio-net-pci,id=n1,netdev=n1"),
        Collect(
            Snap(
                "added", "ready", mechanisms=ACPIPHP, free=_FREE - 2, slots=SLOTS,
                sees=(sees("b1", "virtio-blk-pci"), sees("n1", "virtio-net-pci")),
            )
        ),
        _LEFT_NOTHING,
        Pull("n1"),
        Pull("b1"),
        Collect(Snap("after", "ready", mechanisms=ACPIPHP, free=_FREE, slots=SLOTS)),
    ),
    releases=("bookworm", "bullseye", "trixie"),
    ci=CI,
    why="busybox on a read-only root, no Python: sh collects, the host reads",
)  # fmt: skip

_PORTS = ("pcie-root-port,id=rp0,chassis=1,slot=1,addr=2", "pcie-root-port,id=rp1,chassis=2,slot=2,addr=3")
_Q35 = Scenario(
    "q35-busybox-native",
    Hardware(
        "q35", devices=_PORTS, options=("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"), busybox=True,
        memory=_MEMORY,
    ),
    (
        Collect(Snap("before", "ready", mechanisms=frozenset({"pciehp"}), free=2, slots=2)),
        Plug("virtio-blk-pci,id=b1,bus=rp0,drive=b1,serial=HOTB1"),
        Collect(
            Snap(
                "added", "ready", mechanisms=frozenset({"pciehp"}), free=1, slots=2,
                sees=(sees("b1", "virtio-blk-pci"),),
            )
        ),
        Pull("b1"),
        Collect(Snap("after", "ready", mechanisms=frozenset({"pciehp"}), free=2, slots=2)),
    ),
    why="the same with pciehp",
)  # fmt: skip

_BRIDGE = ("pci-bridge,id=br1,chassis_nr=1,shpc=on,addr=0x10",)
_HUNG = r"\Ahotplugctl-collect: left out, because it hangs: /sys/devices/\S+/0000:01:03\.0/\S+/serial\n\Z"
_UNSERVED = frozenset({"bus.unserved"})
_GHOST = Scenario(
    "pc-busybox-ghost",
    Hardware(
        "pc", devices=_BRIDGE, options=("-global", "PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off"), busybox=True,
        memory=_MEMORY,
    ),
    (
        Plug("virtio-blk-pci,id=ghost,bus=br1,addr=3,drive=ghost,serial=GHOST"),
        Rest(3),
        Sh("echo 1 > /sys/bus/pci/rescan"),
        Collect(Snap("rescanned", "limited", _UNSERVED, ACPIPHP, sees=(sees("ghost", "virtio-blk-pci"),))),
        Pull("ghost"),
        Sh("cat /sys/block/vda/serial > /dev/null 2>&1 & sleep 2; cut -d' ' -f3 /proc/$!/stat", prints="^D$"),
        Collect(
            Snap(
                "after", "limited", _UNSERVED | {"function.gone", "function.read-hung"}, ACPIPHP,
                ghosts=("ghost",),
            ),
            stderr=_HUNG,
        ),
    ),
    spoils=True,
    cause="bus.unserved",
    why="a disk whose serial hangs in the kernel: the collector leaves it behind",
)  # fmt: skip

SCENARIOS = (_PC, _Q35, _GHOST)
