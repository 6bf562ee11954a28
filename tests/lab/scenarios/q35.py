"""The q35 machine as QEMU has it by default: its root ports take devices by ACPI (acpiphp)."""

from __future__ import annotations

from tests.lab.plan import CI, Gone, Hardware, Plug, Pull, Rest, Scenario, Sees, Sh, Snap, Step
from tests.lab.scenarios.devices import sees

PORTS = tuple(f"pcie-root-port,id=rp{n},bus=pcie.0,chassis={n + 1},slot={n + 1},addr={n + 2:#x}" for n in range(4))
# The last one has bus numbers in reserve, so that a bridge fits below it; being the last, it moves no other bus.
RESERVED = (*PORTS[:3], f"{PORTS[3]},bus-reserve=3")
ACPI = Hardware("q35", devices=RESERVED)
ACPIPHP = frozenset({"acpiphp"})
BOTH = frozenset({"acpiphp", "shpchp"})
FULL = frozenset({"slot.none-free"})
OOPS = frozenset({"bus.no-number", "log.hotplug-oops"})
IDLE = Snap("before", "ready", mechanisms=ACPIPHP, free=4, slots=4)

FOUR = (
    Plug("virtio-blk-pci,id=vb1,drive=d1,bus=rp0"),
    Plug("nvme,id=nv1,drive=d2,serial=NV1,bus=rp1"),
    Plug("e1000e,id=en1,netdev=u1,bus=rp2"),
    Plug("virtio-net-pci,id=vn1,netdev=u2,bus=rp3"),
)
FOUR_SEEN: tuple[Sees, ...] = (
    sees("vb1", "virtio-blk-pci"),
    sees("nv1", "nvme"),
    sees("en1", "e1000e"),
    sees("vn1", "virtio-net-pci"),
)
TWO_SEEN = (sees("f0", "e1000e"), sees("f1", "e1000e"))


def slot(address: str) -> str:
    """Shell: the folder of the slot at this address; slots by ACPI are named by numbers that repeat."""
    return f"$(dirname $(grep -lx {address} /sys/bus/pci/slots/*/address))"


# A bridge below a port without bus numbers for it crashes shpchp.
NO_BUS_NUMBERS = (
    Plug("pcie-pci-bridge,id=pb1,bus=rp0"),
    Rest(5),
    Snap("bridge", "not-ready", OOPS, frozenset(), sees=(sees("pb1", "pcie-pci-bridge"),)),
    Plug("virtio-blk-pci,id=vb1,drive=d1,bus=rp1"),
    Rest(5),
    # The card answers in its slot, and nobody is left to enumerate it.
    Snap("added", "not-ready", OOPS | {"slot.card-without-function"}, frozenset(), unseen=("vb1",)),
)  # fmt: skip


def card_behind_bridge(mechanisms: frozenset[str]) -> tuple[Step, ...]:
    """A bridge hot-added below a port with bus numbers in reserve, and a card behind its SHPC."""
    bridge = sees("pb1", "pcie-pci-bridge")
    return (
        Plug("pcie-pci-bridge,id=pb1,bus=rp3"),
        Snap("bridge", "ready", mechanisms=mechanisms, free=3 + 31, slots=4 + 31, sees=(bridge,)),
        Plug("e1000,id=n1,bus=pb1,addr=0x3,netdev=u5"),
        Snap("added", "ready", mechanisms=mechanisms, free=3 + 30, slots=4 + 31, sees=(bridge, sees("n1", "e1000"))),
    )


SCENARIOS = (
    Scenario(
        "q35-acpi",
        ACPI,
        (
            IDLE,
            *FOUR,
            Snap("added", "limited", FULL, ACPIPHP, free=0, slots=4, sees=FOUR_SEEN),
            Pull("vb1"),
            Pull("nv1"),
            Pull("en1"),
            Pull("vn1"),
            IDLE._replace(stage="after"),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        ci=CI,
        why="root ports by ACPI: disks and network cards in and out",
    ),
    Scenario(
        "q35-acpi-power",
        ACPI,
        (
            FOUR[0],
            Snap("added", "ready", mechanisms=ACPIPHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            Sh(f"echo 0 > {slot('0000:01:00')}/power"),
            Gone("vb1"),
            Snap("powered-off", "ready", mechanisms=ACPIPHP, free=4, slots=4),
            # Nothing is there to be switched on.
            Sh(f"echo 1 > {slot('0000:01:00')}/power", code=None),
            IDLE._replace(stage="powered-on"),
            FOUR[0],
            Snap("again", "ready", mechanisms=ACPIPHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            Pull("vb1"),
            IDLE._replace(stage="after"),
        ),
        why="a slot switched off in the guest gives its device back; the next one is taken",
    ),
    Scenario(
        "q35-acpi-multifunction",
        ACPI,
        (
            Plug("e1000e,id=f1,bus=rp0,addr=0.1,multifunction=on,netdev=u3"),
            Rest(3),
            # Announced, and not found: nothing is enumerated without a function 0.
            Snap("function1-only", "ready", mechanisms=ACPIPHP, free=4, slots=4, unseen=("f1",)),
            Plug("e1000e,id=f0,bus=rp0,addr=0.0,multifunction=on,netdev=u4"),
            Snap("added", "ready", mechanisms=ACPIPHP, free=3, slots=4, sees=TWO_SEEN),
            Pull("f0"),
            Gone("f1"),
            IDLE._replace(stage="after"),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        why="functions 1 and then 0; pulling 0 takes both",
    ),
    Scenario(
        "q35-acpi-root-bus",
        ACPI,
        (
            Plug("virtio-rng-pci,id=x1,bus=pcie.0", refused="Bus 'pcie.0' does not support hotplugging"),
            Plug("virtio-rng-pci,id=x2", refused="Bus 'pcie.0' does not support hotplugging"),
            FOUR[0],
            Plug("virtio-rng-pci,id=x3,bus=rp0,addr=0x0", refused="in use by virtio-blk-pci"),
            Pull("vb1"),
            IDLE._replace(stage="after"),
        ),
        why="what QEMU refuses: the root bus, and a port that is taken",
    ),
    Scenario(
        "q35-acpi-hotbridge",
        ACPI,
        (
            *card_behind_bridge(BOTH),
            Pull("n1"),
            Snap("pulled", "ready", mechanisms=BOTH, free=3 + 31, slots=4 + 31),
            Pull("pb1"),
            IDLE._replace(stage="after"),
        ),
        ci=CI,
        why="a bridge hot-added below a port with bus numbers in reserve, and a card behind its SHPC",
    ),
    Scenario(
        "q35-acpi-no-bus-numbers",
        ACPI,
        NO_BUS_NUMBERS,
        spoils=True,
        cause="bus.no-number",
        why="a bridge below a port without bus numbers for it: the kernel crashes in shpchp, and hotplugctl says so",
    ),
)  # fmt: skip
