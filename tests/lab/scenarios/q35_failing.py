"""q35 guests in which hot-plug is switched off, or ends at the wrong door: kernel parameters, ports that take nothing.

Each device is plugged, and then looked for by hand (``rescan``). What a parameter takes away is in the kernel's
Documentation/admin-guide/kernel-parameters.txt and drivers/acpi/pci_root.c: acpiphp needs ACPI; without ACPI, or with
``pcie_ports=native``, pciehp takes the ports unasked; with ``pcie_ports=compat`` or ``pci=nomsi`` it takes none.
"""

from __future__ import annotations

from tests.lab.plan import CI, Hardware, Plug, Pull, Rest, Scenario, Sh, Snap, Step
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import mentions
from tests.lab.scenarios.q35 import ACPIPHP, PORTS
from tests.lab.scenarios.q35_native import BY_PORT, PCIEHP

TWO_PORTS = PORTS[:2]
NOTHING: frozenset[str] = frozenset()
# Both of these come from what a parameter takes away: the mechanism itself, and the ports that it would have served.
OFF = frozenset({"kernel.mechanism-disabled", "bus.unserved"})
MISSED = frozenset({"announce.gpe-missed"})
WAITS = frozenset({"announce.card-waits"})
HUNG = frozenset({"bar.over-interrupts", "function.read-hung"})
# Linux does not know the host bridge's windows, and gives the first port one that begins at the local APIC, 0xfee00000.
OVER = frozenset({"bus.window-over-interrupts"})
PENDING = frozenset({"announce.gpe-pending"})
OTHER = frozenset({"announce.other-mechanism"})

_PLUG = Plug("virtio-blk-pci,id=vb1,drive=d1,bus=rp0")
_SEEN = (sees("vb1", "virtio-blk-pci"),)
# What hangs here must not depend on when the kernel comes to say so (log.hotplug-hung, after 120 s).
_NO_WATCHDOG = Sh("echo 0 > /proc/sys/kernel/hung_task_timeout_secs")
_RESCAN_ASIDE = Sh("setsid sh -c 'echo 1 > /sys/bus/pci/rescan' < /dev/null > /dev/null 2>&1 & sleep 5")
_RESCAN = Sh("echo 1 > /sys/bus/pci/rescan; udevadm settle -t 20")


def _acpi(*parameters: str) -> Hardware:
    return Hardware("q35", append=parameters, devices=TWO_PORTS)


def _native(*parameters: str) -> Hardware:
    return Hardware("q35", append=parameters, devices=TWO_PORTS, options=BY_PORT)


def _works(mechanisms: frozenset[str]) -> tuple[Step, ...]:
    """The parameter does no harm here: in, a rescan that changes nothing, out."""
    return (
        Snap("before", "ready", mechanisms=mechanisms, free=2, slots=2),
        _PLUG,
        Snap("added", "ready", mechanisms=mechanisms, free=1, slots=2, sees=_SEEN),
        _RESCAN,
        Snap("rescanned", "ready", mechanisms=mechanisms, free=1, slots=2, sees=_SEEN),
        Pull("vb1"),
        Snap("after", "ready", mechanisms=mechanisms, free=2, slots=2),
    )


def _powered_off() -> tuple[Step, ...]:
    """Native ports that nobody serves: the slot stays without power, so that a rescan finds nothing either."""
    return (
        Snap("before", "not-ready", OFF, NOTHING, free=0, slots=0),
        _PLUG,
        Rest(3),
        Snap("added", "not-ready", OFF | WAITS, NOTHING, free=0, slots=0, unseen=("vb1",)),
        _RESCAN,
        Snap("rescanned", "not-ready", OFF | WAITS, NOTHING, free=0, slots=0, unseen=("vb1",)),
        # Where the power is off QEMU asks nobody.
        Pull("vb1"),
        Snap("after", "not-ready", OFF, NOTHING, free=0, slots=0),
    )


def _announced_to_nobody(why: frozenset[str], slots: int) -> tuple[Step, ...]:
    """By ACPI, which nobody hears: a rescan finds the disk."""
    return (
        Snap("before", "not-ready", why, NOTHING, free=0, slots=slots),
        _PLUG,
        Rest(3),
        Snap("added", "not-ready", why | MISSED, NOTHING, free=0, slots=slots, unseen=("vb1",)),
        _RESCAN,
        Snap("rescanned", "not-ready", why | MISSED, NOTHING, free=0, slots=slots, sees=_SEEN),
    )


SCENARIOS = (
    Scenario(
        "q35-acpi-acpi-off",
        _acpi("acpi=off"),
        (
            # Nothing in the guest tells yet that the host will announce by ACPI: its tables are not read.
            Snap("before", "ready", mechanisms=PCIEHP, free=2, slots=2),
            mentions("announce.acpi-unread"),
            _PLUG,
            Rest(3),
            Snap("added", "not-ready", OTHER, NOTHING, free=0, slots=2, unseen=("vb1",)),
            _RESCAN,
            Snap("rescanned", "not-ready", OTHER, NOTHING, free=0, slots=2, sees=_SEEN),
            Pull("vb1", deleted=False, within=10.0),
        ),
        why="the host announces by ACPI, the guest listens to its ports: only a rescan finds the device",
    ),
    Scenario(
        "q35-acpi-pci-noacpi",
        _acpi("pci=noacpi"),
        (
            _NO_WATCHDOG,
            Snap("before", "not-ready", OTHER | OVER, NOTHING, free=0, slots=2),
            _PLUG,
            Rest(3),
            # gpe01 stays at 0, its status set: the interrupt of ACPI itself does not come through.
            Snap("added", "not-ready", OTHER | OVER | PENDING, NOTHING, free=0, slots=2, unseen=("vb1",)),
            # A BAR is laid over the local APIC, at 0xfee01000: MSI-X is lost, no read of the disk ever ends, and the
            # rescan with them.
            _RESCAN_ASIDE,
            Snap("rescanned", "not-ready", OTHER | OVER | PENDING | HUNG, NOTHING, free=0, slots=2, sees=_SEEN),
        ),
        spoils=True,
        cause="announce.other-mechanism",
        why="the same with ACPI kept from PCI: its tables show it at once, and a rescan finds a disk that hangs",
    ),
    Scenario(
        "q35-acpi-ports-native",
        _acpi("pcie_ports=native"),
        _announced_to_nobody(OTHER, slots=2),
        cause="announce.other-mechanism",
        why="the guest takes the ports although firmware keeps them: the host announces to nobody",
    ),
    Scenario(
        "q35-acpi-acpiphp-disable",
        _acpi("acpiphp.disable=1"),
        _announced_to_nobody(OFF, slots=0),
        cause="kernel.mechanism-disabled",
        why="acpiphp switched off, and the ports not the guest's: nobody serves them",
    ),
    Scenario(
        "q35-acpi-ports-compat", _acpi("pcie_ports=compat"), _works(ACPIPHP), why="acpiphp needs no port services"
    ),
    Scenario("q35-acpi-nomsi", _acpi("pci=nomsi"), _works(ACPIPHP), why="acpiphp needs no MSI"),
    Scenario(
        "q35-native-ports-compat",
        _native("pcie_ports=compat"),
        _powered_off(),
        ci=CI,
        cause="kernel.mechanism-disabled",
        why="the guest leaves the ports alone: the card waits, and a rescan does not find it",
    ),
    Scenario(
        "q35-native-nomsi",
        _native("pci=nomsi"),
        _powered_off(),
        cause="kernel.mechanism-disabled",
        why="without MSI Linux asks firmware for no port: the card waits, and a rescan does not find it",
    ),
    Scenario("q35-native-acpi-off", _native("acpi=off"), _works(PCIEHP), why="pciehp needs no ACPI"),
    Scenario(
        "q35-native-pci-noacpi",
        _native("pci=noacpi"),
        (
            _NO_WATCHDOG,
            Snap("before", "limited", OVER, PCIEHP, free=2, slots=2),
            _PLUG,
            # The disk comes by itself, and hangs as with ACPI hot-plug (q35-acpi-pci-noacpi).
            Rest(3),
            Snap("added", "limited", OVER | HUNG, PCIEHP, free=1, slots=2, sees=_SEEN),
            _RESCAN_ASIDE,
            Snap("rescanned", "limited", OVER | HUNG, PCIEHP, free=1, slots=2, sees=_SEEN),
        ),
        spoils=True,
        cause="bus.window-over-interrupts",
        why="pciehp needs no ACPI, but the disk's BAR is laid over the local APIC: its reads hang",
    ),
    Scenario("q35-native-acpiphp-disable", _native("acpiphp.disable=1"), _works(PCIEHP), why="pciehp needs no acpiphp"),
    Scenario(
        "q35-native-ports-native", _native("pcie_ports=native"), _works(PCIEHP), why="taken unasked, and rightly so"
    ),
    Scenario(
        "q35-acpi-ports-off",
        Hardware("q35", devices=tuple(f"{port},hotplug=off" for port in TWO_PORTS)),
        (
            Snap("before", "not-ready", frozenset({"bus.unserved"}), NOTHING, free=0, slots=0),
            Plug("virtio-rng-pci,id=r1,bus=rp0", refused="does not support hotplugging"),
            _RESCAN,
            Snap("after", "not-ready", frozenset({"bus.unserved"}), NOTHING, free=0, slots=0),
        ),
        why="root ports with hotplug=off: the host refuses",
    ),
    Scenario(
        "q35-native-ports-off",
        Hardware("q35", devices=(f"{PORTS[0]},hotplug=off", PORTS[1]), options=BY_PORT),
        (
            Snap("before", "ready", NOTHING, PCIEHP, free=1, slots=1),
            Plug("virtio-rng-pci,id=r1,bus=rp0", refused="unsupported by the port device"),
            Plug("virtio-rng-pci,id=r2,bus=rp1"),
            Snap(
                "added", "limited", frozenset({"slot.none-free"}), PCIEHP, free=0, slots=1,
                sees=(sees("r2", "virtio-rng-pci"),),
            ),
            Pull("r2"),
            Snap("after", "ready", NOTHING, PCIEHP, free=1, slots=1),
        ),
        why="one root port with hotplug=off, one that takes a device",
    ),
    Scenario(
        "q35-no-ports",
        Hardware("q35"),
        (
            Snap("before", "not-ready", frozenset({"bus.unserved"}), NOTHING, free=0, slots=0),
            Plug("virtio-rng-pci,id=r1", refused="Bus 'pcie.0' does not support hotplugging"),
            _RESCAN,
            Snap("after", "not-ready", frozenset({"bus.unserved"}), NOTHING, free=0, slots=0),
        ),
        why="no root port at all: nothing can be plugged",
    ),
)  # fmt: skip
