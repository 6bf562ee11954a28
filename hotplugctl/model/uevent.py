"""Uevents: what the kernel and udev announce."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

KERNEL_GROUP = 1
UDEV_GROUP = 2
"""The multicast groups of NETLINK_KOBJECT_UEVENT: whose message it is."""


class Uevent(NamedTuple):
    """One announcement.

    ``action`` is empty for a record that is a state and no event (``udevadm info -e``). ``devpath`` begins with ``/``
    and has no ``/sys`` before it. ``at`` is seconds of CLOCK_MONOTONIC, None where the source does not say. ``group``
    is ``KERNEL_GROUP``, ``UDEV_GROUP``, or None for neither. ``properties`` are as received, in order.
    """

    action: str
    devpath: str
    subsystem: Optional[str]
    seqnum: Optional[int]
    at: Optional[float]
    group: Optional[int]
    properties: Mapping[str, str]


class UeventsText(NamedTuple):
    """``form`` is ``udevadm-monitor``, ``netlink-jsonl``, ``udevadm-info`` or ``none``.

    ``unparsed`` counts lines that fit no grammar.
    """

    form: str
    records: tuple[Uevent, ...]
    unparsed: int
