"""The PCI address and its one spelling, ``dddd:bb:dd.f`` (lower-case hex)."""

import re
from typing import NamedTuple, Optional

# Compiled where it is first needed: most commands never parse one.
_ADDRESS = r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([01][0-9a-fA-F])\.([0-7])\Z"
# Any address that fills a part of a path: /devices/pci0000:00/0000:00:03.0/0000:02:00.0/virtio1/block/vdb. The services
# of a port (0000:00:03.0:pcie004) and buses (pci_bus/0000:02) are no functions.
_IN_PATH = re.compile(r"/([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?=/|\Z)")
_MARK = re.compile(r"\.[0-7](?:/|\Z)")


class PciAddress(NamedTuple):
    """Domain, bus, device and function. Orders as ``lspci`` does. PCI Local Bus Specification 3.0, 3.2.2.3.2."""

    domain: int
    bus: int
    device: int
    function: int

    @classmethod
    def parse(cls, text: str) -> "Optional[PciAddress]":
        """Read ``[dddd:]bb:dd.f``, a missing domain taken as 0; None where the text is no such thing.

        Domains may have more than four digits (VMD and Hyper-V make such: ``10000:00:00.0``).
        """
        found = re.match(_ADDRESS, text)
        if found is None:
            return None
        domain, bus, device, function = found.groups()
        return cls(int(domain or "0", 16), int(bus, 16), int(device, 16), int(function))

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function}"

    @property
    def slot(self) -> str:
        """The address without its function, ``dddd:bb:dd``, as a slot's ``address`` file spells it."""
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}"


def owner(devpath: str) -> "Optional[tuple[str, str]]":
    """The PCI function nearest above a devpath (or the one that it is), and its own devpath; None: there is none."""
    if _MARK.search(devpath) is None:
        return None
    found = list(_IN_PATH.finditer(devpath))
    return (found[-1][1], devpath[: found[-1].end()]) if found else None


def parent(devpath: str) -> Optional[str]:
    """The function above the one of this devpath: the bridge that it is behind."""
    found = owner(devpath.rpartition("/")[0])
    return None if found is None else found[0]
