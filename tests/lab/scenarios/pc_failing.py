"""The pc machine where devices come in other ways than by its root bus and ACPI, or do not come at all."""

from __future__ import annotations

from tests.lab.plan import CI, Hardware, Plug, Pull, Rest, Says, Scenario, Sees, Sh, Snap, Step
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.pc import ACPIPHP, FREE, KERNELS, SLOTS

_NONE: frozenset[str] = frozenset()
_RESCAN = Sh("echo 1 > /sys/bus/pci/rescan")
_BRIDGE = 32  # slots behind a bridge, by ACPI
_ROOT_OFF = ("-global", "PIIX4_PM.acpi-root-pci-hotplug=off")
_BRIDGES_OFF = ("-global", "PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off")

_DISABLED = frozenset({"kernel.mechanism-disabled", "bus.unserved"})
# Without the windows that ACPI tells of, the south bridge's IDE gets no ports, and ata_piix refuses it.
_NO_IDE = frozenset({"bar.unassigned", "driver.not-bound", "driver.probe-failed"})
# As long as nothing must come. By ACPI a device is there within a second.
_WAIT = Rest(3)


def _deaf(word: str, before: frozenset[str], heard: frozenset[str] = _NONE) -> tuple[Step, ...]:
    """A guest whose kernel was told not to listen: a rescan finds what was plugged, and nothing lets go of it.

    ``heard``: findings in addition as soon as the host has announced the device.
    """

    def snap(stage: str, more: frozenset[str], found: tuple[Sees, ...] = (), unseen: tuple[str, ...] = ()) -> Snap:
        return Snap(stage, "not-ready", before | more, _NONE, free=0, slots=0, sees=found, unseen=unseen)

    disk = (sees("late", "virtio-blk-pci"),)
    return (
        Sh(f"grep -qw {word} /proc/cmdline"),
        snap("before", _NONE),
        Plug("virtio-blk-pci,id=late,drive=late,serial=LATE"),
        _WAIT,
        snap("added", heard, unseen=("late",)),
        _RESCAN,
        snap("rescanned", heard, disk),
        Pull("late", deleted=False, within=8),
        snap("after", heard, disk),
    )


def _hears(word: str) -> tuple[Step, ...]:
    """A guest in which the parameter changes nothing of what it can take."""
    ready = Snap("", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS)
    added = ready._replace(free=FREE - 1, sees=(sees("late", "virtio-blk-pci"),))
    return (
        Sh(f"grep -qw {word} /proc/cmdline"),
        ready._replace(stage="before"),
        Plug("virtio-blk-pci,id=late,drive=late,serial=LATE"),
        added._replace(stage="added"),
        _RESCAN,
        added._replace(stage="rescanned"),
        Pull("late"),
        ready._replace(stage="after"),
    )


_PARAMETERS = (
    Scenario(
        "pc-acpiphp-disable",
        Hardware("pc", ("acpiphp.disable=1",)),
        _deaf("acpiphp.disable=1", _DISABLED, frozenset({"announce.gpe-missed"})),
        releases=KERNELS,
        spoils=True,
        ci=CI,
        cause="kernel.mechanism-disabled",
        why="acpiphp is there and switched off: slots are named that announce nothing",
    ),
    Scenario(
        "pc-acpi-off",
        Hardware("pc", ("acpi=off",)),
        _deaf("acpi=off", _DISABLED),
        spoils=True,
        ci=CI,
        cause="kernel.mechanism-disabled",
        why="no ACPI, so no slots on a pc",
    ),
    Scenario(
        "pc-pci-noacpi",
        Hardware("pc", ("pci=noacpi",)),
        _deaf("pci=noacpi", _DISABLED | _NO_IDE, frozenset({"announce.gpe-missed"})),
        spoils=True,
        cause="kernel.mechanism-disabled",
        why="ACPI, but not for PCI",
    ),
    Scenario(
        "pc-pci-nomsi",
        Hardware("pc", ("pci=nomsi",)),
        _hears("pci=nomsi"),
        why="ACPI announces without message interrupts, too",
    ),
    Scenario(
        "pc-pcie-ports-compat",
        Hardware("pc", ("pcie_ports=compat",)),
        _hears("pcie_ports=compat"),
        why="a pc has no PCIe port that this could take away",
    ),
)  # fmt: skip

_TWO_BRIDGES = ("pci-bridge,id=br1,chassis_nr=1,addr=5,shpc=on", "pci-bridge,id=br2,chassis_nr=2,addr=6,shpc=off")

_REFUSED = frozenset({"bus.unserved"})
_BRIDGES_WITHOUT = Hardware("pc", devices=_TWO_BRIDGES, options=_BRIDGES_OFF)
# SeaBIOS gives windows to an empty bridge only where it sees an SHPC in it.
_NO_WINDOW = frozenset({"bus.no-window"})
_NO_ADDRESS = _NO_WINDOW | {"bar.unassigned", "driver.not-bound", "driver.probe-failed"}
_ALL_SLOTS, _ALL_FREE = SLOTS - 2 + 2 * _BRIDGE, FREE - 2 + 2 * _BRIDGE

_BUSES = (
    Scenario(
        "pc-bridges",
        Hardware("pc", devices=_TWO_BRIDGES),
        (
            Snap("before", "limited", _NO_WINDOW, ACPIPHP, free=_ALL_FREE, slots=_ALL_SLOTS),
            Plug("virtio-blk-pci,id=b1,bus=br1,addr=3,drive=b1,serial=B1"),
            Plug("virtio-blk-pci,id=b2,bus=br2,addr=3,drive=b2,serial=B2"),
            Snap(
                "added", "limited", _NO_ADDRESS, ACPIPHP, free=_ALL_FREE - 2,
                sees=(sees("b1", "virtio-blk-pci"), Sees("b2", None, {})),
            ),
            _RESCAN,
            Snap(
                "rescanned", "limited", _NO_ADDRESS, ACPIPHP, free=_ALL_FREE - 2,
                sees=(sees("b1", "virtio-blk-pci"), Sees("b2", None, {})),
            ),
            Pull("b1"),
            Pull("b2"),
            Snap("after", "limited", _NO_WINDOW, ACPIPHP, free=_ALL_FREE, slots=_ALL_SLOTS),
        ),
        cause="bus.no-window",
        why="ACPI serves bridges with an SHPC and without; SeaBIOS leaves the latter without windows",
    ),
    Scenario(
        "pc-root-off",
        Hardware("pc", options=_ROOT_OFF),
        (
            Snap("before", "not-ready", _REFUSED, _NONE, free=0, slots=0),
            Plug("virtio-rng-pci,id=rng", refused="does not support hotplugging"),
            _RESCAN,
            Snap("rescanned", "not-ready", _REFUSED, _NONE, free=0, slots=0),
        ),
        why="the host takes nothing, and the guest says so beforehand",
    ),
    Scenario(
        "pc-root-off-bridge",
        Hardware("pc", devices=_TWO_BRIDGES[:1], options=_ROOT_OFF),
        (
            Snap("before", "ready", _NONE, ACPIPHP, free=_BRIDGE, slots=_BRIDGE),
            Plug("virtio-rng-pci,id=rng", refused="does not support hotplugging"),
            Plug("virtio-blk-pci,id=b1,bus=br1,addr=3,drive=b1,serial=B1"),
            Snap("added", "ready", mechanisms=ACPIPHP, free=_BRIDGE - 1, sees=(sees("b1", "virtio-blk-pci"),)),
            Pull("b1"),
            Snap("after", "ready", mechanisms=ACPIPHP, free=_BRIDGE, slots=_BRIDGE),
        ),
        why="the root bus takes nothing, the bridge does",
    ),
    Scenario(
        "pc-bridge-plain",
        _BRIDGES_WITHOUT,
        (
            Plug("virtio-rng-pci,id=rng,bus=br2,addr=3", refused="does not support hotplugging"),
            Snap("refused", "limited", _REFUSED, ACPIPHP, free=FREE - 2, slots=SLOTS - 2),
        ),
        why="a bridge without any hot-plug controller: the host refuses, so that the guest need not warn",
    ),
    Scenario(
        "pc-no-acpi-hotplug",
        Hardware("pc", devices=_TWO_BRIDGES, options=(*_ROOT_OFF, *_BRIDGES_OFF)),
        (
            Snap("before", "not-ready", _REFUSED, _NONE, free=0, slots=0),
            Plug("virtio-rng-pci,id=rng", refused="does not support hotplugging"),
            Plug("virtio-rng-pci,id=plain,bus=br2,addr=3"),
            _WAIT,
            Snap("added", "not-ready", _REFUSED, _NONE, free=0, slots=0, unseen=("plain",)),
            _RESCAN,
            Snap("rescanned", "not-ready", _REFUSED, _NONE, free=0, slots=0, sees=(sees("plain", "virtio-rng-pci"),)),
            Pull("plain", deleted=False, within=8),
        ),
        spoils=True,
        why="the host has no ACPI hot-plug at all, and then takes a device into a bridge that has no controller",
    ),
)  # fmt: skip

_GONE = _REFUSED | {"function.gone", "function.read-hung"}
# A read of it must really hang, or this scenario shows nothing.
_HANGS = (
    "for disk in /sys/block/vd?; do case $(readlink $disk) in */0000:01:03.0/*) cat $disk/serial > /dev/null 2>&1 & "
    "reader=$!; sleep 2; cut -d' ' -f3 /proc/$reader/stat;; esac; done"
)

_GHOST = Scenario(
    "pc-shpc-ghost",
    _BRIDGES_WITHOUT,
    (
        Snap("before", "limited", _REFUSED, ACPIPHP, free=FREE - 2, slots=SLOTS - 2),
        Plug("virtio-blk-pci,id=ghost,bus=br1,addr=3,drive=ghost,serial=GHOST"),
        _WAIT,
        Snap("added", "limited", _REFUSED, ACPIPHP, free=FREE - 2, unseen=("ghost",)),
        _RESCAN,
        Snap("rescanned", "limited", _REFUSED, ACPIPHP, free=FREE - 2, sees=(sees("ghost", "virtio-blk-pci"),)),
        Pull("ghost"),
        Sh(_HANGS, prints="^D$"),
        # Each command leaves a read behind after two seconds.
        Says("check", 0, (r"0000:01:03\.0 does not answer any more", r"reading its serial hung")),
        Says("check --strict", 1),
        Says("list", 0, (r"^0000:01:03\.0 .* virtio-pci ",)),
        Says("slots", 0, not_stdout=("0000:01:03",)),
        Says("record --no-scrub - | tar -tf - | grep -c .", 0, (r"^\d{3,}$",), through="set -o pipefail; {}"),
        Snap("after", "limited", _GONE, ACPIPHP, free=FREE - 2, ghosts=("ghost",)),
    ),
    spoils=True,
    ci=CI,
    cause="bus.unserved",
    why="an SHPC that the guest cannot take: nothing seen, a rescan, then a disk whose serial hangs in the kernel",
)  # fmt: skip

_BAR = Scenario(
    "pc-bar-too-big",
    Hardware(
        "pc",
        options=(
            "-global", "i440FX-pcihost.pci-hole64-size=0",
            "-object", "memory-backend-ram,id=big,size=4G,share=on",
            "-object", "memory-backend-ram,id=small,size=64M,share=on",
        ),
    ),
    (
        Snap("before", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
        Plug("ivshmem-plain,id=iv1,memdev=big"),
        Plug("ivshmem-plain,id=iv2,memdev=small"),
        Snap(
            "added", "limited", frozenset({"bar.unassigned"}), ACPIPHP, free=FREE - 2,
            sees=(sees("iv1", "ivshmem-plain"), sees("iv2", "ivshmem-plain")),
        ),
        Says("check", 0, (r"BAR 2 of 0000:00:02\.0 has no address", ), (r"of 0000:00:03\.0",)),
        _RESCAN,
        Snap("rescanned", "limited", frozenset({"bar.unassigned"}), ACPIPHP, free=FREE - 2),
        Pull("iv2"),
        Pull("iv1"),
        Snap("after", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
    ),
    ci=CI,
    why="4 GiB where there is room for one: the device is there, and of no use",
)  # fmt: skip

SCENARIOS = (*_PARAMETERS, *_BUSES, _GHOST, _BAR)
