"""PCIe port services out of /sys/bus/pci_express/devices: who serves hot-plug, AER and PME of a port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

from hotplugctl.collect.functions import device_path
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Failure, Unrecorded, Value
from hotplugctl.source.tree import Tree

DEVICES = "/sys/bus/pci_express/devices"

Services = Mapping[str, Mapping[str, Optional[str]]]


def collect(tree: Tree) -> Union[Services, Failure]:
    """Port → service (``pcie004`` is hot-plug) → the driver bound to it, None where none is.

    A kernel without port services has no such bus: the answer is then empty, unless nothing shows that it was
    looked for. Documentation/PCI/pciebus-howto.rst; names are ``BDF:pcieTSS``, T the port's type, SS the service.
    """
    listing = tree.names(DEVICES)
    if not isinstance(listing, Names):
        return listing if isinstance(listing, Unrecorded) else {}
    found: dict[str, dict[str, Optional[str]]] = {}
    for name in listing.names:
        port, _, service = name.rpartition(":")
        found.setdefault(port, {})[service] = _driver(tree, name)
    return found


def _driver(tree: Tree, name: str) -> Optional[str]:
    path = device_path(tree, f"{DEVICES}/{name}")
    link = tree.link(f"{path}/driver") if isinstance(path, str) else None
    return link.text.rpartition("/")[2] if isinstance(link, Value) else None


def serves_hotplug(services: Mapping[str, Optional[str]]) -> bool:
    """Is a hot-plug service (number 04, whatever the port's type before it) of this port bound to pciehp?"""
    return any(driver == "pciehp" and service.endswith("04") for service, driver in services.items())
