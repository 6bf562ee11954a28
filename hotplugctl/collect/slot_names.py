"""What slots are called, by their addresses: names repeat with suffixes, addresses do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Failure, Unrecorded, Value, Vanished
from hotplugctl.source.tree import Tree

SLOTS = "/sys/bus/pci/slots"


def collect(tree: Tree) -> tuple[Mapping[str, str], Optional[Failure]]:
    """``dddd:bb:dd`` → name, out of /sys/bus/pci/slots; the failure is the first that may hide one."""
    listing = tree.names(SLOTS)
    found: dict[str, str] = {}
    failed: Optional[Failure] = None
    if isinstance(listing, FAILURES) and not isinstance(listing, Absent):
        failed = listing
    for name in listing.names if isinstance(listing, Names) else ():
        address = tree.read(f"{SLOTS}/{name}/address")
        if isinstance(address, Value):
            found[address.text] = name
        elif failed is None and not isinstance(address, (Absent, Unrecorded, Vanished)):
            failed = address
    return found, failed
