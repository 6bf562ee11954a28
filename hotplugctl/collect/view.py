"""What is looked at to find the device that a monitor command brings, or takes away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Optional

from hotplugctl.model.devices import Functions, PciFunction, Slots
from hotplugctl.model.monitor import View
from hotplugctl.source.tree import Tree

if TYPE_CHECKING:
    from hotplugctl.model.lspci import LspciRecord


def collect(tree: Tree) -> View:
    """Functions with their nodes, and which bus takes devices."""
    from hotplugctl.collect import details, functions, nodes
    from hotplugctl.collect.snapshot import topology

    listed = functions.collect(tree)
    where = topology(tree, listed.items)
    of_nodes, failure = nodes.collect(tree)
    of_details = details.collect(tree, listed.items, where.services)
    return View(listed, of_nodes, failure, where.slots, where.buses, of_details, where.acpi.express)


def of_lspci(records: Iterable[LspciRecord], path: str) -> View:
    """What a text of lspci tells: functions, with ids or classes where it has them. Of slots it tells nothing.

    A class that is only named is looked up by its name; nodes are unknown.
    """
    from hotplugctl.model.reads import Unrecorded

    codes = class_codes()
    said = Unrecorded(path)
    items = tuple(_function(record, class_of(record, codes)) for record in records)
    return View(Functions(items, None), {}, said, Slots((), said), {}, {}, frozenset())


def class_codes() -> Mapping[str, str]:
    """Name of a class → its four digits, by the built-in table."""
    from hotplugctl.parse.builtin_names import NAMES

    return {name: code for code, name in NAMES.classes.items() if len(code) == 4}


def class_of(record: LspciRecord, codes: Mapping[str, str]) -> Optional[str]:
    """The class that a record gives, or the one that bears the name that it gives."""
    return record.class_ or codes.get(record.class_name or "")


def _function(record: LspciRecord, class_: Optional[str]) -> PciFunction:
    return PciFunction(
        str(record.address), "", class_, record.vendor, record.device, record.subsystem_vendor,
        record.subsystem_device, record.revision, record.driver, None, None, None, {},
    )  # fmt: skip
