"""Everything that ``check`` knows of a guest: facts with their sources, before any verdict."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Optional

from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.devices import Functions, Node, Slot, Slots
from hotplugctl.model.reads import Failure
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import Range, ResourceLine

if TYPE_CHECKING:
    # Most logs speak of no trouble, and then no event is ever made; few trees are images.
    from hotplugctl.model.image import Image
    from hotplugctl.model.log import KernelEvent


class Guest(NamedTuple):
    """What the guest is. None: there is none, unless ``unknown`` names the key.

    ``container``: what kind, where this is a container; ``physical``: True on bare metal.
    """

    kernel: Optional[str]
    architecture: Optional[str]
    hypervisor: Optional[str]
    machine: Optional[str]
    source: str
    container: Optional[str]
    physical: Optional[bool]
    evidence: tuple[Evidence, ...]
    unknown: Mapping[str, str]


class Mechanism(NamedTuple):
    """A hot-plug mechanism of the kernel, the core included.

    ``state``: builtin, loaded, loadable, absent, disabled, blacklisted or unknown. ``present``: its code is in the
    running kernel. ``config``: y, m, n, or None (``unknown`` then names it, or the symbol is not in the config).
    ``autoload``: the files that will load the module. ``blocked_by``: what keeps it from working, in a few words.
    """

    name: str
    symbol: str
    state: str
    present: Optional[bool]
    blocked_by: Optional[str]
    config: Optional[str]
    autoload: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    unknown: Mapping[str, str]


class Detail(NamedTuple):
    """What only ``check`` reads of a function: its config space and BARs, or why they could not be read.

    ``listed``: the ACPI node belongs to it or not (``firmware_node``). ``services``: names of the PCIe port services
    below a port with the driver bound to each (``{"pcie004": "pciehp"}``). ``override``: ``driver_override``.
    ``power``: of a hot-plug port its ``power/runtime_status`` (``active``, ``suspended`` …).
    """

    config: Optional[ConfigSpace]
    resources: Optional[tuple[ResourceLine, ...]]
    services: Mapping[str, Optional[str]]
    override: Optional[str]
    unknown: Mapping[str, str]
    power: Optional[str] = None


class Child(NamedTuple):
    """A virtio device below a function: name, modalias and driver (None: none bound), its path."""

    name: str
    address: str
    modalias: Optional[str]
    driver: Optional[str]
    path: str


class Acpi(NamedTuple):
    """The ACPI side: is there ACPI at all, QEMU's PCI hot-plug resources (PHPR), its GPE count, and slot nodes.

    ``slots``: per bus, slot address (``dddd:bb:dd``) → path of the ``sun`` of its ACPI node. ``express``: root buses
    (``dddd:bb``) whose host bridge is PNP0A08. ``pending``: the GPE is raised, and nobody has taken it.
    """

    present: Optional[bool]
    phpr: Optional[str]
    gpe: Optional[int]
    gpe_path: str
    slots: Mapping[str, Mapping[str, str]]
    express: frozenset[str]
    unknown: Mapping[str, str]
    pending: bool = False


class Modules(NamedTuple):
    """Modules: what matches which modalias, what is forbidden and by whom, what is there.

    ``matches``: modalias → modules of this kernel that claim it (/lib/modules/RELEASE/modules.alias and what is built
    in); ``matches_failure``: why that is unknown. ``forbidden``: module → evidence (blacklist, install, cmdline).
    ``known``: loaded or built in. ``source``: the path of modules.alias.
    """

    matches: Mapping[str, tuple[str, ...]]
    matches_failure: Optional[Failure]
    forbidden: Mapping[str, Evidence]
    known: frozenset[str]
    source: str


class Udev(NamedTuple):
    """Who makes device nodes: is udevd there (None: unknown), is /dev a devtmpfs (None: unknown)."""

    running: Optional[bool]
    devtmpfs: Optional[bool]
    evidence: tuple[Evidence, ...]


class KernelLog(NamedTuple):
    """The facts of the kernel log, in its order; ``failure`` where it could not be read.

    ``bars``: (address, BAR as ``BAR 0``) → its last state in the log, ``assigned`` or ``failed``.
    ``root_ends``: root bus → the last bus number below it. ``drivers_up``: drivers that announced themselves.
    ``shpc_refused``: bridges whose SHPC the kernel was not given. A log that speaks of no trouble is not read line by
    line: it has no ``events`` then. ``headless``: it does not reach back to the boot, so what it does not say may have
    been said. ``native_refused``: what root bridges said that keep native hot-plug (_OSC).
    """

    source: Optional[str]
    events: "tuple[KernelEvent, ...]"
    failure: Optional[Failure]
    bars: Mapping[tuple[str, str], str]
    root_ends: Mapping[str, int]
    drivers_up: frozenset[str]
    shpc_refused: frozenset[str]
    headless: bool = False
    native_refused: tuple[str, ...] = ()


class Scene(NamedTuple):
    """The part of a snapshot that tells what still fits: all that ``slots`` reads.

    ``buses``: bus → the port above it, None for a root bus. ``root_ends``: root bus → the last bus number below it.
    ``iomem`` and ``ioports`` are None where they are not readable or bear no addresses. ``unreached``: slot that
    listens to another mechanism than the host announces by → what shows it.
    """

    functions: Functions
    details: Mapping[str, Detail]
    slots: Slots
    buses: Mapping[str, Optional[str]]
    root_ends: Mapping[str, int]
    iomem: Optional[tuple[Range, ...]]
    ioports: Optional[tuple[Range, ...]]
    unreached: Mapping[str, Evidence]

    def hearing(self) -> list[Slot]:
        """The slots that some mechanism serves, and that the host's announcements reach."""
        return [slot for slot in self.slots.items if slot.hotplug and slot.name not in self.unreached]

    def takes(self, slot: Slot) -> bool:
        """Whether the slot can take a device now: it is free, and the host speaks the mechanism that serves it."""
        return slot.free and slot.name not in self.unreached

    def served(self) -> Mapping[str, tuple[int, int]]:
        """Mechanism → its slots, and how many of them can take a device."""
        counts: dict[str, tuple[int, int]] = {}
        for slot in self.slots.items:
            if slot.mechanism is not None:
                total, free = counts.get(slot.mechanism, (0, 0))
                counts[slot.mechanism] = (total + 1, free + self.takes(slot))
        return counts


class Stranded(NamedTuple):
    """What goes on using a disk that has gone: ``kind`` mount or swap. ``name``: of the node that was used (``vdb1``).

    ``source``: its file, as it was mounted; ``points``: where. ``unknown``: why it cannot be told whether it has gone.
    """

    kind: str
    name: str
    source: str
    points: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    unknown: Optional[str]


class Snapshot(NamedTuple):
    """A guest at one moment. ``sysfs``: is /sys there, so that what is absent below it says something?

    ``image``: what is known of an image that does not run; ``core`` and ``mechanisms`` are then of the kernel that
    boots by default.
    ``read_only``: the line of /proc/mounts that mounts /sys read-only, as the last one on /sys.
    """

    guest: Guest
    functions: Functions
    details: Mapping[str, Detail]
    nodes: Mapping[str, tuple[Node, ...]]
    children: tuple[Child, ...]
    slots: Slots
    core: Mechanism
    mechanisms: tuple[Mechanism, ...]
    acpi: Acpi
    cmdline: Optional[CommandLine]
    autoprobe: Mapping[str, Optional[bool]]
    modules: Modules
    udev: Udev
    log: KernelLog
    buses: Mapping[str, Optional[str]]
    scene: Scene
    sysfs: bool
    image: "Optional[Image]" = None
    read_only: Optional[Evidence] = None
    stranded: tuple[Stranded, ...] = ()
