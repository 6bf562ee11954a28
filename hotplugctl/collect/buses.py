"""PCI buses and the port above each, out of /sys/class/pci_bus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from hotplugctl.collect.functions import parent_of
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value
from hotplugctl.source.tree import Tree

_CLASS = "/sys/class/pci_bus"
_BUS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}\Z")
_ROOT = re.compile(r"/sys/devices/(?:[^/]+/)*pci([0-9a-f]{4,8}:[0-9a-f]{2})(?=/)")
_SECONDARY = 0x19


def collect(tree: Tree, functions: tuple[PciFunction, ...]) -> Mapping[str, Optional[str]]:
    """Bus (``dddd:bb``) → the address of the port above it, None for a root bus; ordered by bus."""
    listing = tree.names(_CLASS)
    if isinstance(listing, Names):
        found = _of_class(tree, [name for name in listing.names if _BUS.match(name)])
    else:
        found = _of_functions(tree, functions)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _of_class(tree: Tree, names: list[str]) -> dict[str, Optional[str]]:
    found: dict[str, Optional[str]] = {}
    for name in names:
        link = tree.link(f"{_CLASS}/{name}")
        # ../../devices/pci0000:00/0000:00:02.0/pci_bus/0000:01: what precedes pci_bus is the port.
        found[name] = parent_of(link.text.replace("/pci_bus/", "/", 1)) if isinstance(link, Value) else None
    return found


def _of_functions(tree: Tree, functions: tuple[PciFunction, ...]) -> dict[str, Optional[str]]:
    """Where the class was not recorded: bridges name their secondary bus in their config space."""
    found: dict[str, Optional[str]] = {}
    for function in functions:
        root = _ROOT.match(function.path)
        if root is not None:
            found.setdefault(root[1], None)
        found[function.bus] = function.parent
        if function.is_bridge:
            config = tree.read(f"{function.path}/config")
            if isinstance(config, Value) and len(config.data) > _SECONDARY and config.data[_SECONDARY] not in (0, 255):
                found.setdefault(f"{function.address[:-7]}{config.data[_SECONDARY]:02x}", function.address)
    return found
