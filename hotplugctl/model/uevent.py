"""Uevents: what the kernel and udev announce."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class Uevent(NamedTuple):
    """One announcement.

    ``action`` is empty for a record that is a state and no event (``udevadm info -e``). ``devpath`` begins with ``/``
    and has no ``/sys`` before it. ``at`` is seconds of CLOCK_MONOTONIC, None where the source does not say. ``group``
    is 1 for the kernel's own message, 2 for udev's, None for neither. ``properties`` are as received, in order.
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
