"""What udev keeps of a device."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class UdevRecord(NamedTuple):
    """A file of ``/run/udev/data``.

    ``links`` and ``node`` are relative to /dev. ``tags`` were ever given, ``current_tags`` hold now (since systemd
    247). ``init_usec`` is microseconds of CLOCK_MONOTONIC, None for a device that udev has not finished.
    """

    links: tuple[str, ...]
    properties: Mapping[str, str]
    tags: tuple[str, ...]
    current_tags: tuple[str, ...]
    init_usec: Optional[int]
    node: Optional[str]
    version: Optional[int]
    unparsed: int
