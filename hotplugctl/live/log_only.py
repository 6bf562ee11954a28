"""What a kernel log says beyond the reducer's own reading where there are no uevents beside it.

Uevents name the function that a device is below; lines of the log often do not. Whose they are is inferred here: the
bus above from the bridges that the log names, a virtio device or SCSI host from the order in which functions were
enabled (drivers are asked in that order, and virtio numbers its devices as they come). A log tells no removal; that a
disk or a driver lets go is told as what it is.
"""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.live.stages import bound, settle
from hotplugctl.live.state import State, told
from hotplugctl.model.live import (
    CHILD,
    DRIVER_UNBOUND,
    ENUMERATED,
    FUNCTION_ADDED,
    NODE,
    NODE_ADDED,
    NODE_REMOVED,
    NODE_RENAMED,
    Journey,
    NodeFact,
    NodeState,
    Sign,
    Transition,
)
from hotplugctl.model.log import KernelEvent, LogLine

# Messages of an arrival whose first line is not in the log: up to Linux 2.6.35 it was printed for debugging alone.
_ARRIVALS = frozenset(("hba-found", "enabling", "irq-routed", "bar-sized", "nvme-controller"))
_VIRTIO = {
    "virtio_net": ("1af4:1000", "1af4:1041"),
    "virtio_blk": ("1af4:1001", "1af4:1042"),
    "virtio_scsi": ("1af4:1004", "1af4:1048"),
}
_SCSI_DRIVERS = {"Virtio SCSI HBA": "virtio_scsi"}
_WAITING = 1024
_BUSES = 65_536


class LogReader:
    """Knows of the log what the reducer need not know beside uevents. Bounded, whatever the log."""

    def __init__(self) -> None:
        self._ports: dict[str, str] = {}
        # Functions that wait for what their driver makes, in the order in which they were enabled; each once.
        self._waiting: dict[str, int] = {}
        self._count = 0
        self._offset: Optional[int] = None

    def know(self, log: LogReader, state: State, before: State) -> None:
        """Take over from an earlier reader and its state: the bridges, and which functions are there."""
        self._ports = log._ports
        for address, journey in before.functions.items():
            known = Journey(address, None)
            known.ids, known.class_ = journey.ids, journey.class_
            known.told = known.settled = True
            state.know(known, journey.path)

    def before(self, state: State, sign: Sign) -> list[Transition]:
        """What must be known before the reducer reads the line."""
        line = sign.what
        if not isinstance(line, LogLine) or line.event is None:
            return []
        event = line.event
        if event.kind == "bridge":
            self._bridge(event)
        if state.booting:
            self._seen_at_boot(state, event)
            return []
        if event.kind in ("disk-sized", "disk-attached", "net-renamed", "queues"):
            self._own_virtio(state, line, sign.at)
        elif event.kind == "scsi-host":
            self._own_host(state, str(event.get("name")), str(event.get("what")))
        out = self._arrive(state, event, sign.at)
        if event.address is not None and event.kind == "enabling":
            self._wait(event.address)
        return out

    def after(self, state: State, sign: Sign, out: list[Transition]) -> list[Transition]:
        """What the reducer said of the line, and what there is to add."""
        for one in out:
            journey = None if one.address is None else state.functions.get(one.address)
            if one.event == FUNCTION_ADDED and journey is not None:
                self._place(state, journey)
                self._wait(journey.address)
        line = sign.what
        if not isinstance(line, LogLine) or line.event is None or state.booting:
            return out
        return out + self._rest(state, line, line.event, sign.at)

    def port_of(self, address: str) -> Optional[str]:
        """The bridge above a function, where the log named it."""
        return self._ports.get(address[:-5])

    def _bridge(self, event: KernelEvent) -> None:
        address = event.address
        if address is not None and len(self._ports) < _BUSES:
            self._ports[f"{address.partition(':')[0]}:{event.get('secondary')}"] = address

    def _seen_at_boot(self, state: State, event: KernelEvent) -> None:
        address = event.address
        if address is not None and event.kind in _ARRIVALS and address not in state.functions:
            journey = Journey(address, None)
            state.know(journey)
            journey.told = journey.settled = True

    def _place(self, state: State, journey: Journey) -> None:
        """Where the function is: the reducer finds what is in a slot by the path, and announcements by the bridge."""
        port = self.port_of(journey.address)
        if port is None or journey.path is not None:
            return
        above = state.functions.get(port)
        path = above.path if above is not None and above.path is not None else f"/devices/pci{port[:7]}/{port}"
        state.know(journey, f"{path}/{journey.address}")
        state.announce(journey, port)

    def _arrive(self, state: State, event: KernelEvent, at: float) -> list[Transition]:
        """An arrival of which the log lacks the line that names the ids."""
        address = event.address
        if address is None or event.kind not in _ARRIVALS or address in state.functions:
            return []
        if (event.kind == "bar-sized" and not str(event.get("bar")).startswith("BAR")) or self._is_port(address):
            return []
        journey = Journey(address, at)
        state.know(journey)
        journey.told = True
        journey.reach(ENUMERATED, at)
        self._place(state, journey)
        self._wait(address)
        state.arm(journey)
        return [told(state, FUNCTION_ADDED, at, journey, None, ENUMERATED)]

    def _is_port(self, address: str) -> bool:
        return address in self._ports.values() if len(self._ports) < _WAITING else False

    def _wait(self, address: str) -> None:
        if address not in self._waiting:
            self._count += 1
            self._waiting[address] = self._count
            if len(self._waiting) > _WAITING:
                del self._waiting[next(iter(self._waiting))]

    def _own_virtio(self, state: State, line: LogLine, at: float) -> None:
        """``virtio_blk virtio4: [vdc] …``: the function that virtio4 is on."""
        driver, _, device = (line.prefix or "").rpartition(" ")
        number = device[6:]
        if driver not in _VIRTIO or not (number.isascii() and number.isdigit()):
            return
        if _is_taken(state.functions.get(state.owners.get(device, "")), driver, line.event):
            return
        address = self._next(state, driver, int(number[:9]))
        if address is not None:
            state.owners[device] = address
            journey = state.functions[address]
            journey.children[f"{journey.path or address}/{device}"] = driver
            journey.reach(CHILD, at)

    def _next(self, state: State, driver: str, number: Optional[int]) -> Optional[str]:
        """The function that has waited longest for this driver; of several, the one whose number fits."""
        fitting = [
            address
            for address in self._waiting
            if (journey := state.functions.get(address)) is not None and journey.ids in _VIRTIO[driver]
        ]
        if not fitting:
            return None
        chosen = fitting[0]
        if number is not None:
            if self._offset is not None:
                by_number = [one for one in fitting if self._waiting[one] == number - self._offset]
                chosen = by_number[0] if by_number else chosen
            elif len(fitting) == 1:
                self._offset = number - self._waiting[chosen]
        del self._waiting[chosen]
        return chosen

    def _own_host(self, state: State, host: str, what: str) -> None:
        """``scsi host2: Virtio SCSI HBA``, ``scsi2 : sym-2.2.3``, ``scsi host3: ahci``: the function of the host."""
        if host in state.owners:
            return
        if what in _SCSI_DRIVERS:
            address = self._next(state, _SCSI_DRIVERS[what], None)
        else:
            address = next((one for one in reversed(self._waiting) if _may_have_hosts(state.functions.get(one))), None)
        if address is not None:
            state.owners[host] = address

    def _rest(self, state: State, line: LogLine, event: KernelEvent, at: float) -> list[Transition]:
        journey = _journey(state, line, event)
        if journey is None or not journey.told:
            return []
        if event.kind == "net-renamed":
            return _renamed(state, journey, event, at)
        if event.kind == "partitions":
            return _appeared(state, journey, "block", event.get("node"), at)
        if event.kind == "disk-leaving":
            return _node_gone(state, journey, event, at)
        if event.kind == "driver-leaving":
            return [told(state, DRIVER_UNBOUND, at, journey)]
        return []


_NAMESPACE = re.compile(r"(nvme[0-9]{1,9})n[0-9]{1,9}\Z")


def _renamed(state: State, journey: Journey, event: KernelEvent, at: float) -> list[Transition]:
    """``renamed from eth0``: of a virtio interface the first line there is."""
    before = journey.nodes.pop(f"net/{event.get('from')}", None)
    out = _appeared(state, journey, "net", event.get("name"), at)
    if before is None:
        return out
    return [one._replace(event=NODE_RENAMED, stage=None, reason=f"was {before.name}") for one in out]


def _appeared(state: State, journey: Journey, subsystem: str, name: object, at: float) -> list[Transition]:
    path = f"{subsystem}/{name}"
    if not isinstance(name, str) or path in journey.nodes:
        return []
    if journey.log_driver is not None:
        bound(state, journey, at, journey.log_driver)
    file = f"/dev/{name}" if subsystem == "block" else None
    node = journey.nodes[path] = NodeState(NodeFact(subsystem, name, file, path), at)
    journey.reach(NODE, at)
    return [told(state, NODE_ADDED, at, journey, node, NODE), *settle(state, journey, at)]


def _journey(state: State, line: LogLine, event: KernelEvent) -> Optional[Journey]:
    scsi, device = event.get("scsi"), event.get("device")
    space = _NAMESPACE.match(str(event.get("node"))) if event.kind == "partitions" else None
    if space is not None:
        address = state.owners.get(space[1])
    elif isinstance(scsi, str):
        address = state.owners.get("host" + scsi.partition(":")[0])
    elif isinstance(device, str):
        address = state.owners.get(device)
    else:
        address = event.address or line.address
    return None if address is None else state.functions.get(address)


def _is_taken(owner: Optional[Journey], driver: str, event: Optional[KernelEvent]) -> bool:
    """Whether the number is that of a device that is known. Numbers come again when their devices have gone."""
    if owner is None or owner.ids not in _VIRTIO[driver]:
        return False
    before = None if event is None else event.get("from")
    return not owner.nodes or (before is not None and f"net/{before}" in owner.nodes)


def _may_have_hosts(journey: Optional[Journey]) -> bool:
    if journey is None or journey.settled:
        return False
    class_ = journey.class_ or "01"
    return class_.startswith("01") and not class_.startswith("0108") and not (journey.ids or "").startswith("1af4:")


def _node_gone(state: State, journey: Journey, event: KernelEvent, at: float) -> list[Transition]:
    node = journey.nodes.pop(f"block/{event.get('node')}", None)
    return [] if node is None else [told(state, NODE_REMOVED, at, journey, node)]
