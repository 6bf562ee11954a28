"""Names of vendors, devices and classes."""

from collections.abc import Mapping
from typing import NamedTuple, Optional


class Names(NamedTuple):
    """What things are called, and by which file: ``source`` is its path, ``udev``, ``built-in`` or None for nobody."""

    vendors: Mapping[str, str]
    devices: Mapping[tuple[str, str], str]
    classes: Mapping[str, str]
    source: Optional[str]

    def vendor(self, vendor: Optional[str]) -> Optional[str]:
        """The vendor's name."""
        return self.vendors.get(vendor or "")

    def device(self, vendor: Optional[str], device: Optional[str]) -> Optional[str]:
        """The device's name."""
        return self.devices.get((vendor or "", device or ""))

    def class_(self, class_: Optional[str]) -> Optional[str]:
        """The name of the subclass, as lspci prints it; where it has none, that of the base class."""
        code = class_ or ""
        return self.classes.get(code[:4]) or self.classes.get(code[:2])
