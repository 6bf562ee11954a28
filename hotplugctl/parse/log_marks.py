"""What can be found in a whole kernel log at once, without reading it line by line.

A log has a thousand lines and more; to read what each means takes longer than all the rest of ``check``. Most guests'
logs speak of no trouble, and then these few marks are all that is asked of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# drivers/pci/probe.c since 3.x; drivers/acpi/pci_root.c since 2.6.3x.
_ROOT_BUSES = (
    rb"pci_bus ([0-9a-f]{4,8}:[0-9a-f]{2}): root bus resource \[bus [0-9a-f]{2}-([0-9a-f]{2})\]"
    rb"|PCI Root Bridge \[\w{1,4}\] \(domain ([0-9a-f]{4,8}) \[bus ([0-9a-f]{2})-([0-9a-f]{2})\]\)"
)
_DRIVERS = (
    rb"(pci_hotplug): PCI Hot Plug PCI Core version|(acpiphp): ACPI Hot Plug PCI Controller Driver version"
    rb"|(pciehp): PCI Express Hot Plug Controller Driver version"
    rb"|(shpchp): Standard Hot Plug PCI Controller Driver version"
)
# In every text, of any kernel, that says: a BAR failed, a driver refused, an SHPC was not given, the kernel crashed.
_TROUBLE = (
    rb"no space|failed to assign|can't (?:assign|claim|enable|reserve)|not (?:assigned|claimed)|collision"
    rb"|bogus alignment|failed with error|control of SHPC|Oops|BUG|nable to handle|general protection|panic|blocked for more than"
)


def root_buses(data: bytes) -> Mapping[str, int]:
    """Root bus (``dddd:bb``) → the last bus number that may be below it."""
    found: dict[str, int] = {}
    for bus, last, domain, first, old_last in re.findall(_ROOT_BUSES, data):
        name = bus or domain + b":" + first
        found.setdefault(name.decode("ascii"), int(last or old_last, 16))
    return found


def drivers_up(data: bytes) -> frozenset[str]:
    """The hot-plug drivers that announced themselves: not every kernel's do, so silence says nothing."""
    return frozenset(name.decode("ascii") for names in re.findall(_DRIVERS, data) for name in names if name)


def speaks_of_trouble(data: bytes) -> bool:
    """Whether some line may mean a fault; False: reading the lines will find none."""
    return re.search(_TROUBLE, data) is not None
