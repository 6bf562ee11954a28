"""What can be found in a whole kernel log at once, without reading it line by line.

A log has a thousand lines and more; to read what each means takes longer than all the rest of ``check``. Most guests'
logs speak of no trouble, and then these few marks are all that is asked of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

# drivers/pci/probe.c since 3.x; drivers/acpi/pci_root.c since 2.6.3x. Apart, since each is quick by its first word.
_ROOT_BUS = rb"pci_bus ([0-9a-f]{4,8}:[0-9a-f]{2}): root bus resource \[bus (?:[0-9a-f]{2}-)?([0-9a-f]{2})\]"
_ROOT_BRIDGE = rb"PCI Root Bridge \[\w{1,4}\] \(domain ([0-9a-f]{4,8}) \[bus ([0-9a-f]{2})-([0-9a-f]{2})\]\)"
_DRIVERS = {
    "pci_hotplug": b"pci_hotplug: PCI Hot Plug PCI Core version",
    "acpiphp": b"acpiphp: ACPI Hot Plug PCI Controller Driver version",
    "pciehp": b"pciehp: PCI Express Hot Plug Controller Driver version",
    "shpchp": b"shpchp: Standard Hot Plug PCI Controller Driver version",
}
_SHPC_REFUSED = rb"(?:shpchp|pci) ([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): Cannot get control of SHPC"
# drivers/acpi/pci_root.c, since 3.4; the quote ends it in a JSON log.
_CONTROL = rb"_OSC(?::| failed) [^\n\"\\]{1,160}"
_NOT_GIVEN = (b"_OSC: not requesting", b"_OSC: platform retains control", b"_OSC failed")
_NOT_SUPPORTED = b"platform does not support ["
# Kinds of trouble: what stands in every text, of any kernel, that speaks of it, and in the lines that tell more of it.
_TROUBLE: tuple[tuple[tuple[bytes, ...], bytes], ...] = (
    # A BAR failed; that it was assigned later, or that the function is another one, is said elsewhere.
    (
        (b"no space", b"failed to assign", b"can't assign", b"can't claim", b"can't enable", b"can't reserve",
         b"not assigned", b"not claimed", b"collision", b"bogus alignment"),
        rb"BAR [0-9]|ROM |type [0-9]+ class",
    ),
    ((b"failed with error", b"deferred probe"), rb"probe (?:of|with|pending)|type [0-9]+ class"),
    (
        (b"failed to mark controller", b"after probe failure", b"Device not ready; abort", b"QID"),
        rb"nvme|type [0-9]+ class",
    ),
    ((b"VIRTIO_F_", b"leaving for legacy"), rb"VIRTIO_F_|leaving for legacy|type [0-9]+ class"),
    ((b"for SR-IOV", b" VFs"), rb"SR-IOV| VFs|type [0-9]+ class"),
    ((b"swiotlb buffer is full", b"SW-IOMMU space"), rb"swiotlb buffer|SW-IOMMU"),
    (
        (b"Error changing net interface", b"Failed to rename network interface", b"could not rename interface"),
        rb"changing net interface|rename",
    ),
    (
        (b"Oops", b"BUG", b"nable to handle", b"general protection", b"panic", b"blocked for more than"),
        rb"Oops|BUG|[Uu]nable to handle|IP:|pc :|general protection|panic|blocked for|lockup|WARNING:|Comm:|Workqueue:"
        rb"| (?:pci|shpc|acpi|enable_|disable_|hotplug_)\w+\+0x|type [0-9]+ class",
    ),
    # A card that did not come up, a request that was taken back; all that is said of slots tells how it went on.
    (
        (b"ink training", b"ink Training", b"Cannot train", b"No link", b"Failed to check link", b"Link Active not set",
         b"No device found", b"No adapter on", b"ower fault", b"cancel", b"already exists at", b"ower on slot",
         b"Cannot add device at", b"_EJ0 failed"),
        rb"[Ss]lot|[Ll]ink (?:T|t)raining|Link Active|_EJ0|Cannot (?:train|add)|check link|already exists|Button",
    ),
    ((b"No bus number available", b"without secondary bus"), rb"No bus number|without secondary|type [0-9]+ class"),
)  # fmt: skip


def root_buses(data: bytes) -> Mapping[str, int]:
    """Root bus (``dddd:bb``) → the last bus number that may be below it."""
    found = {bus.decode("ascii"): int(last, 16) for bus, last in re.findall(_ROOT_BUS, data)}
    for domain, first, last in re.findall(_ROOT_BRIDGE, data):
        found.setdefault(f"{domain.decode('ascii')}:{first.decode('ascii')}", int(last, 16))
    return found


def shpc_refused(data: bytes) -> frozenset[str]:
    """The bridges whose SHPC firmware did not hand over (drivers/pci/hotplug/acpi_pcihp.c)."""
    return frozenset(address.decode("ascii") for address in re.findall(_SHPC_REFUSED, data))


def native_refused(data: bytes) -> tuple[str, ...]:
    """The messages by which a root bridge keeps native hot-plug, or by which the kernel does not ask for it."""
    said = dict.fromkeys(re.findall(_CONTROL, data)) if b"_OSC" in data else {}
    kept = [one for one in said if one.startswith(_NOT_GIVEN) or (_NOT_SUPPORTED in one and b"PCIeHotplug" in one)]
    return tuple(one.decode("ascii", "backslashreplace").strip() for one in kept)


def drivers_up(data: bytes) -> frozenset[str]:
    """The hot-plug drivers that announced themselves: not every kernel's do, so silence says nothing."""
    return frozenset(name for name, text in _DRIVERS.items() if text in data)


def headless(data: bytes) -> bool:
    """Whether a log has lost its beginning: every boot's first message is the kernel's version (init/main.c)."""
    return bool(data.strip()) and b"Linux version " not in data


def lines_to_read(data: bytes) -> Optional[bytes]:
    """A pattern for the lines that tell more of the troubles that the log speaks of; None: it speaks of none."""
    patterns = [pattern for words, pattern in _TROUBLE if any(word in data for word in words)]
    return b"|".join(patterns) or None
