"""PCI functions, the nodes that they made, and slots, as the kernel names them in sysfs."""

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

from hotplugctl.model.reads import Failure

Detail = Union[str, int, bool, None]

NODE_CLASSES = (
    "block", "drm", "infiniband", "net", "nvme", "ptp", "rtc", "scsi_generic", "scsi_host", "scsi_tape",
    "sound", "tpm", "tty", "uio", "usbmisc", "video4linux", "virtio-ports", "watchdog",
)  # fmt: skip
"""Classes whose members a user would call a device; bdi, bsg, scsi_device and the like only mirror these."""

FILELESS = frozenset({"net", "scsi_host", "infiniband"})
"""Those of them whose members have no file in /dev."""


class Node(NamedTuple):
    """A kernel device that a function's driver made: a disk, a partition, an interface, a SCSI host.

    ``name`` as in /sys/class/SUBSYSTEM, ``node`` the file in /dev or None where the subsystem has none,
    ``via`` the parts of the devpath between the PCI function and this node (``("virtio1", "block")``).
    ``hung`` names the attributes whose read never returned: the device behind is gone or dead.
    """

    subsystem: str
    name: str
    node: Optional[str]
    via: tuple[str, ...]
    path: str
    detail: Mapping[str, Detail]
    unknown: Mapping[str, str]
    hung: tuple[str, ...] = ()


class PciFunction(NamedTuple):
    """One PCI function out of /sys/bus/pci/devices (Documentation/ABI/testing/sysfs-bus-pci).

    ``address`` is spelt ``dddd:bb:dd.f``; ids are four and ``class_`` six lower-case hex digits without 0x.
    What could not be read is None and named in ``unknown``; ``driver`` None otherwise means that none is bound.
    ``parent`` is the bridge above, None on a root bus. ``path`` is the directory under /sys/devices.
    """

    address: str
    path: str
    class_: Optional[str]
    vendor: Optional[str]
    device: Optional[str]
    subsystem_vendor: Optional[str]
    subsystem_device: Optional[str]
    revision: Optional[str]
    driver: Optional[str]
    enabled: Optional[bool]
    modalias: Optional[str]
    parent: Optional[str]
    unknown: Mapping[str, str]

    @property
    def bus(self) -> str:
        """The bus that it sits on, ``dddd:bb``."""
        return self.address[:-5]

    @property
    def slot_address(self) -> str:
        """The address without the function, ``dddd:bb:dd``, as in a slot's ``address`` file."""
        return self.address[:-2]

    @property
    def is_bridge(self) -> bool:
        """A PCI-to-PCI bridge (class 0604), root ports and switch ports included."""
        return (self.class_ or "").startswith("0604")


class Slot(NamedTuple):
    """One directory of /sys/bus/pci/slots (Documentation/ABI/testing/sysfs-bus-pci, drivers/pci/slot.c).

    ``address`` is ``dddd:bb:dd``, or ``dddd:bb`` for a placeholder. ``hotplug`` tells whether a mechanism answers
    for it (it has ``power`` and ``adapter``); otherwise only firmware names it and ``mechanism`` is None.
    Numbers are None where the slot has no such file, or where ``unknown`` says that it could not be read.
    """

    name: str
    address: Optional[str]
    hotplug: bool
    mechanism: Optional[str]
    mechanism_source: str
    occupied: Optional[bool]
    power: Optional[int]
    attention: Optional[int]
    latch: Optional[int]
    adapter: Optional[int]
    speed: Optional[str]
    max_speed: Optional[str]
    port: Optional[str]
    functions: tuple[str, ...]
    unknown: Mapping[str, str]

    @property
    def free(self) -> bool:
        """A mechanism serves the slot and nothing is in it."""
        return self.hotplug and self.occupied is False

    @property
    def bus(self) -> Optional[str]:
        """The bus that the slot is on, ``dddd:bb``."""
        return None if self.address is None else bus_of_slot(self.address)


def bus_of_slot(address: str) -> str:
    """The bus of a slot address: ``dddd:bb`` of ``dddd:bb:dd``, and of a placeholder's ``dddd:bb``."""
    return ":".join(address.split(":")[:2])


class Functions(NamedTuple):
    """All functions in the order of their addresses; ``failure`` where the bus itself could not be listed."""

    items: tuple[PciFunction, ...]
    failure: Optional[Failure]


class Slots(NamedTuple):
    """All slots in the order of their addresses; ``failure`` where /sys/bus/pci/slots could not be listed."""

    items: tuple[Slot, ...]
    failure: Optional[Failure]
