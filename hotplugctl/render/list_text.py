"""The text of ``list``: a table, or a tree of ports and what is behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from hotplugctl.model.devices import Node, PciFunction
from hotplugctl.model.names import Names
from hotplugctl.render.columns import Column
from hotplugctl.render.escape import printable
from hotplugctl.render.size import size
from hotplugctl.render.table import UNKNOWN, cell


class Line(NamedTuple):
    """A function with what else is known of it.

    ``slot_hidden``, ``nodes_hidden``: there may be a slot, or more nodes, that could not be read.
    """

    function: PciFunction
    nodes: tuple[Node, ...]
    slot: Optional[str]
    modules: tuple[str, ...]
    names: Names
    slot_hidden: bool = False
    nodes_hidden: bool = False


def _device(line: Line) -> str:
    function, names = line.function, line.names
    vendor = names.vendor(function.vendor) or function.vendor
    device = names.device(function.vendor, function.device) or function.device
    return printable(" ".join(word for word in (vendor, device) if word)) or "?"


def _class(line: Line) -> str:
    function = line.function
    return cell(line.names.class_(function.class_) or function.class_, "class" in function.unknown)


def _ids(line: Line) -> str:
    function = line.function
    return f"{function.vendor or '?'}:{function.device or '?'}"


def _driver(line: Line) -> str:
    return cell(line.function.driver, "driver" in line.function.unknown)


def _nodes(line: Line) -> str:
    return printable(",".join(shown(line.nodes) + [UNKNOWN] * line.nodes_hidden)) or "-"


def shown(nodes: Iterable[Node]) -> list[str]:
    """The nodes that a user looks for, by name: all but the hosts and generic twins of disks."""
    return [_name(node) for node in nodes if node.subsystem not in ("scsi_host", "scsi_generic", "nvme")]


COLUMNS = (
    Column("ADDRESS", lambda line: line.function.address, "PCI address"),
    Column("CLASS", _class, "what kind of function it is"),
    Column("DEVICE", _device, "vendor and device, by name where pci.ids knows them"),
    Column("IDS", _ids, "vendor and device id", usual=False),
    Column(
        "REV", lambda line: cell(line.function.revision, "revision" in line.function.unknown), "revision", usual=False
    ),
    Column("DRIVER", _driver, "the driver that is bound"),
    Column("MODULES", lambda line: cell(line.modules), "modules of this kernel that claim it", usual=False),
    Column("SLOT", lambda line: cell(line.slot, line.slot_hidden), "the slot that it sits in"),
    Column("PARENT", lambda line: cell(line.function.parent), "the port or bridge above", usual=False),
    Column(
        "ENABLED",
        lambda line: cell(line.function.enabled, "enabled" in line.function.unknown),
        "a driver has enabled it",
        usual=False,
    ),
    Column("NODES", _nodes, "disks, partitions and interfaces"),
)


LINES = "├└─│"
# Ports nest a few levels deep; 255 buses allow no more than this.
_DEEPEST = 256
_PLAIN = str.maketrans({"├": "|", "└": "`", "─": "-", "│": "|"})


def tree(lines: Sequence[Line], drawn: bool = True) -> str:
    """Every root bus with its functions, ports with what is behind them, and each function's nodes.

    ``drawn``: with the characters of ``LINES``, which not every terminal has.
    """
    below: dict[Optional[str], list[Line]] = {}
    above = {line.function.address: line.function.parent for line in lines}
    for line in lines:
        parent = line.function.parent
        below.setdefault(parent if _leads_up(parent, above) else None, []).append(line)
    roots: dict[str, list[Line]] = {}
    for line in below.get(None, ()):
        roots.setdefault(line.function.bus, []).append(line)
    text: list[str] = []
    for bus, members in roots.items():
        text.append(f"{bus}")
        text += _branch(members, below, "")
    whole = "\n".join(text)
    return whole if drawn else whole.translate(_PLAIN)


def _leads_up(parent: Optional[str], above: Mapping[str, Optional[str]]) -> bool:
    """Whether a root bus is found above ``parent``: a recording may claim ports without end, or in a circle."""
    if parent not in above:
        return False
    for _ in range(_DEEPEST):
        parent = above.get(parent or "")
        if parent not in above:
            return True
    return False


def _branch(members: Sequence[Line], below: Mapping[Optional[str], list[Line]], indent: str) -> list[str]:
    text: list[str] = []
    for line in members:
        last = line is members[-1]
        text.append(f"{indent}{'└─' if last else '├─'}{_one_line(line)}")
        deeper = indent + ("  " if last else "│ ")
        children = below.get(line.function.address, [])
        text += [f"{deeper}{'│ ' if children else '  '}{_node_line(node)}" for node in line.nodes]
        text += _branch(children, below, deeper)
    return text


def _one_line(line: Line) -> str:
    driver = line.function.driver
    slot = f" slot {printable(line.slot)}" if line.slot is not None else ""
    bound = f" [{printable(driver)}]" if driver is not None else ""
    return f"{line.function.address} {_class(line)}: {_device(line)}{bound}{slot}"


def _node_line(node: Node) -> str:
    detail = node.detail.get("size")
    amount = f" {size(detail)}" if isinstance(detail, int) else ""
    return printable(f"{node.subsystem} {_name(node)}") + amount


def _name(node: Node) -> str:
    """What never answered a read is no healthy device."""
    return f"{node.name}(hung)" if node.hung else node.name
