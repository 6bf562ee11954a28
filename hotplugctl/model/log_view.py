"""What the kernel log says last of each function and disk, to be held against sysfs."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class LogFunction(NamedTuple):
    """A function: ``ids`` (``vvvv:dddd``) and ``class_`` as it was found last; ``driver``: the last that spoke for it.

    ``at_boot``: the scan of the buses at boot found it. ``shifted``: the class was printed without its interface.
    ``line``: the number of the line that found it.
    """

    ids: str
    class_: str
    shifted: bool
    at_boot: bool
    line: int
    driver: Optional[str] = None


class LogGone(NamedTuple):
    """A slot was switched off or emptied: the number of the line, and its words."""

    line: int
    words: str


class LogBar(NamedTuple):
    """The last word on a BAR (``BAR 0``): ``assigned`` with its range, or another state of ``parse.kernel_events``."""

    state: str
    start: Optional[int]
    end: Optional[int]


class LogDisk(NamedTuple):
    """A disk by its name. ``holder``: ``virtio3`` or a SCSI address. ``size`` in bytes, None where it changed since.

    ``attached``: the SCSI disk driver took it and has not let go of it. ``cached``: it would say so if it did, because
    a write cache is flushed then.
    """

    holder: Optional[str]
    size: Optional[int]
    attached: bool = False
    cached: bool = False


class LogView(NamedTuple):
    """``whole``: it begins with the boot and nothing is missing in it, so that what it does not say did not happen.

    ``gone``: ports whose slot was switched off or emptied last.
    """

    source: str
    whole: bool
    functions: Mapping[str, LogFunction]
    bars: Mapping[tuple[str, str], LogBar]
    disks: Mapping[str, LogDisk]
    gone: Mapping[str, LogGone]


class SysfsDisk(NamedTuple):
    """A disk of /sys/class/block below a PCI function, ``size`` in bytes where it can be read."""

    name: str
    path: str
    size: Optional[int]


class SysfsDisks(NamedTuple):
    """The disks, the names of all block devices, and the SCSI hosts; None where a list is not there."""

    disks: tuple[SysfsDisk, ...]
    names: Optional[frozenset[str]]
    hosts: Optional[frozenset[str]]
