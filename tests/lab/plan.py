"""A scenario as data: the guest that it needs, what is done on the host and in the guest, and what must be seen then.

Nothing here acts: ``runner`` carries a scenario out, ``oracle`` holds what hotplugctl said against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union


class Hardware(NamedTuple):
    """The virtual machine that QEMU is to be, and how Linux is booted in it. Equal ones may share a boot."""

    machine: str
    """``pc`` (i440fx) or ``q35``."""
    append: tuple[str, ...] = ()
    """Words for the kernel's command line."""
    devices: tuple[str, ...] = ()
    """``-device`` arguments, as in QEMU's manual; the root disk (00:1e.0) and the lab's channel (00:1d.0) come by
    themselves."""
    options: tuple[str, ...] = ()
    """Other words of QEMU's command line."""
    memory: int = 1024
    """MiB."""
    virtio: bool = True
    """False: root on IDE or AHCI and the channel on the second UART, so that no virtio driver is needed."""
    busybox: bool = False
    """True: an initial RAM disk with busybox is all there is (``busybox``); hotplugctl cannot run in it."""


class Sees(NamedTuple):
    """What ``list`` must say of one plugged device. Its address and ids are what QMP says of it."""

    id: str
    """The ``id=`` that it was plugged with."""
    driver: Optional[str]
    nodes: Mapping[str, int]
    """How many nodes of each subsystem that counts (``COUNTED`` in ``oracle``); those not named must be none."""


class Plug(NamedTuple):
    """``device_add``; ``drive=NAME`` and ``netdev=NAME`` in it make their backends first."""

    device: str
    refused: str = ""
    """A piece of QEMU's answer, where QEMU must refuse."""


class Pull(NamedTuple):
    """``device_del``, and then the wait for DEVICE_DELETED, which alone proves an unplug."""

    id: str
    deleted: bool = True
    """False: the event must not come."""
    refused: str = ""
    within: float = 60.0
    """Seconds."""
    waits: bool = True
    """False: do not wait for the event; a later ``Gone`` does."""


class Gone(NamedTuple):
    """Wait for DEVICE_DELETED of a device that was pulled before, or that the guest gives back by itself."""

    id: str
    within: float = 60.0


class Sh(NamedTuple):
    """A command for the guest's shell, as root."""

    command: str
    code: Optional[int] = 0
    """The exit status that it must have; None: any."""
    prints: str = ""
    """A regular expression that must be found in what it wrote to stdout."""
    within: float = 60.0


class Hmp(NamedTuple):
    """A command of QEMU's human monitor; its answer must hold ``prints``."""

    command: str
    prints: str = ""


class Rest(NamedTuple):
    """Let time pass in which something must not happen, or must."""

    seconds: float


class Fill(NamedTuple):
    """Plug ``device`` (``{n}`` in it counts from 0) until QEMU refuses, which must happen after ``takes`` of them."""

    device: str
    takes: int
    refused: str


class Fits(NamedTuple):
    """Plug ``device`` with a BAR (``{size}`` in it) as large as ``check`` says that one fits on ``bus``: it must get an
    address. Then one of twice the size, which must get none, unless ``grows``: the kernel opens a wider window."""

    bus: str
    """As ``check`` names it: ``0000:01``."""
    device: str
    grows: bool = False
    at_most: Optional[int] = None
    """Bytes of the largest device that is tried; where more is said to fit, only this must."""


class Exhaust(NamedTuple):
    """Plug ``device`` (``{n}`` in it counts from 0), whose I/O BAR has ``size`` bytes, until ``check`` says that no
    such BAR fits on ``bus`` any more: each must get an address there, and one more must get none."""

    bus: str
    device: str
    size: int


class Empty(NamedTuple):
    """Pull all that ``Fill`` or ``Plug`` has plugged and that is still there, in the order of plugging."""

    within: float = 120.0


class Says(NamedTuple):
    """Run hotplugctl in the guest, and hold what it says against this."""

    arguments: str
    """As for a shell: ``check --strict``."""
    code: int
    stdout: tuple[str, ...] = ()
    """Regular expressions that must be found in it."""
    not_stdout: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()
    through: str = "{}"
    """What runs it: ``setpriv --reuid 65534 {}``."""
    within: float = 60.0


class Cure(NamedTuple):
    """Paste into the guest's shell, as root, what ``check`` offers as the remedy of this finding, of each one if there
    are several. There must be one, and it must end well."""

    finding: str
    remedies: tuple[str, ...] = ()
    """Regular expressions, one for each remedy in the order of ``check``; none: any will do."""
    within: float = 60.0


class Snap(NamedTuple):
    """What ``check``, ``slots`` and ``list`` must say now, live and from a recording taken at the same moment.

    The functions in ``list`` are those that QMP knows, but for ``unseen`` and ``ghosts``; this is waited for.
    """

    stage: str
    """Its name in the story: ``before``, ``added``, ``after``."""
    verdict: str
    findings: frozenset[str] = frozenset()
    """Ids of all findings with status ``fail`` and a severity above info; no others may be there."""
    mechanisms: Optional[frozenset[str]] = None
    """The usable ones."""
    free: Optional[int] = None
    slots: Optional[int] = None
    sees: tuple[Sees, ...] = ()
    unseen: tuple[str, ...] = ()
    """Ids of devices that the host has, and the guest cannot know of."""
    ghosts: tuple[str, ...] = ()
    """Ids of devices that are gone on the host, which the guest was not told."""
    within: float = 60.0
    """Seconds until the guest has come to this."""


class Collect(NamedTuple):
    """Send the collector into a guest without Python, and hold what the commands say of its tar against ``snap``."""

    snap: Snap
    stderr: str = r"\A\Z"
    """A regular expression that what it wrote to stderr must match."""


class Listen(NamedTuple):
    """Start ``watch --json`` in the guest, and wait until it says hello; ``Heard`` ends it."""

    source: str = "both"
    """What its hello must name: ``kernel``, ``udev``, ``both``, ``scan``."""
    through: str = "{}"


class Heard(NamedTuple):
    """What ``watch`` has told since ``Listen`` of these devices, and of no others. Their addresses are those that QMP
    gave at the last ``Snap``; ``timeline`` must know the same insertions and removals."""

    added: tuple[str, ...] = ()
    """Ids of devices that came, in any order, and got ready."""
    stalled: tuple[str, ...] = ()
    """Ids of devices that came, and stalled with a reason."""
    removed: tuple[str, ...] = ()
    within: float = 30.0
    """Seconds until all has been told."""


class Meanwhile(NamedTuple):
    """Start hotplugctl in the guest, do ``steps`` once it runs, and hold what it then says against ``says``."""

    says: Says
    steps: tuple[Union[Plug, Pull, Sh, Rest], ...]
    after: float = 0.0
    """Seconds that it has listened for uevents before; 0: it is not waited for, they are as close as can be."""


Step = Union[
    Plug, Pull, Gone, Sh, Hmp, Rest, Fill, Fits, Exhaust, Empty, Says, Cure, Snap, Collect, Listen, Heard, Meanwhile
]  # fmt: skip


class Scenario(NamedTuple):
    """One thing that happens to a guest, told step by step."""

    name: str
    hardware: Hardware
    steps: tuple[Step, ...]
    releases: tuple[str, ...] = ("bookworm",)
    """Debian releases (``recipe.RELEASES``) whose kernels it is run on."""
    spoils: bool = False
    """True: the guest is not fit for another scenario afterwards."""
    ci: tuple[str, ...] = ()
    """The releases on which it is part of ``make lab-ci``."""
    fixture: bool = False
    """True: its story becomes a fixture."""
    disks: Mapping[str, str] = {}
    """What lies on the disks that ``drive=`` names: ``partitions`` (two primary ones); the others are empty."""
    cause: str = ""
    """The finding that must come first wherever ``check`` has several above info: the root of the others."""
    why: str = ""
    """What it is there to show, in a sentence."""


CI = ("bookworm",)
CI_OLDEST = ("bookworm", "bullseye")
"""``Scenario.ci`` of those that CI also runs on the oldest Python, pyudev and tabulate."""


def label(scenario: Scenario, release: str) -> str:
    """The name of one run: as the scenario's own, ``@release`` where it is not Debian 12."""
    return scenario.name if release == "bookworm" else f"{scenario.name}@{release}"
