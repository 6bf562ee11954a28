"""What a PCI modalias says of its device."""

from typing import NamedTuple


class PciIds(NamedTuple):
    """Lower-case hex of fixed width: ids of four digits, ``class_`` of six (base, subclass, interface)."""

    vendor: str
    device: str
    subsystem_vendor: str
    subsystem_device: str
    class_: str
