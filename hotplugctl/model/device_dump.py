"""Texts in which other programs write down the devices of a machine."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class DumpedDevice(NamedTuple):
    """One device. ``devpath`` begins with ``/devices/`` and has no ``..``; strings hold other bytes as surrogates.

    ``node`` and ``links`` are relative to /dev; ``properties``: what the kernel and udev say; ``attributes``: files of
    its directory, and ``targets``: links, by names that may have a ``/`` in them. A dump of udevadm has neither.
    """

    devpath: str
    node: Optional[str]
    links: tuple[str, ...]
    properties: Mapping[str, str]
    attributes: Mapping[str, bytes]
    targets: Mapping[str, str]


class DeviceDump(NamedTuple):
    """``form``: ``umockdev``, ``export-db``, or ``none`` where no device is in it; of two records of one device the
    later one counts. ``unparsed``: lines that fit no grammar."""

    form: str
    devices: tuple[DumpedDevice, ...]
    unparsed: int

    @property
    def whole(self) -> bool:
        """Whether it holds every device: /dev/null is on each machine, and nobody dumps it for its own sake."""
        return any(device.devpath == "/devices/virtual/mem/null" for device in self.devices)
