"""Which stages apply to a function, whether it has reached the last of them, and why not."""

from __future__ import annotations

from typing import Optional

from hotplugctl.live.state import State, told
from hotplugctl.model.live import (
    BOUND,
    CHILD,
    DEVICE_READY,
    DRIVER_BOUND,
    ENUMERATED,
    NODE,
    NODE_ADDED,
    RESOURCES,
    UDEV,
    Journey,
    NodeState,
    Transition,
    milliseconds,
)  # fmt: skip

# Base classes of PCI devices (PCI Code and ID Assignment Specification): those whose use is a disk or an interface, and
# those that work, or sit there, without a driver: memory, bridges, system peripherals.
_NODES = {"01": "block", "02": "net"}
_DRIVERLESS = ("05", "06", "08")
_FEW = 64
_HOST = "scsi_host"
_WORDS = {"block": "no disk", "net": "no interface"}


def wanted_node(journey: Journey) -> Optional[str]:
    """The subsystem of the node that a function of this class is used through; None for other classes."""
    return _NODES.get((journey.class_ or "")[:2])


def needs_driver(journey: Journey) -> bool:
    """Whether a function of this class is of no use without a driver."""
    return not (journey.class_ or "").startswith(_DRIVERLESS)


def last_stage(state: State, journey: Journey) -> str:
    """The last stage that applies to the function: reached, it is settled."""
    if wanted_node(journey) is not None:
        return UDEV if state.udev else NODE
    if not needs_driver(journey):
        return ENUMERATED
    return CHILD if _is_virtio(journey) else BOUND


def settle(
    state: State, journey: Journey, at: float, reason: Optional[str] = None, node: Optional[NodeState] = None
) -> list[Transition]:
    """Tell that the function is ready, where the last stage that applies to it was just reached.

    ``node``: the one that something has just come of. Without it all of them are looked at, if they are few: a host
    adapter may have thousands, and then it is one of these that something comes of.
    """
    if journey.settled or not journey.told:
        return []
    if wanted_node(journey) is None:
        return ready(state, journey, at, None, reason) if complete(state, journey) else []
    if node is None:
        node = _used(state, journey) if len(journey.nodes) <= _FEW else None
    elif not _is_usable(state, journey, node):
        node = None
    return [] if node is None else ready(state, journey, at, node, reason)


def complete(state: State, journey: Journey) -> bool:
    """Whether a function has all that one of its class is to have, told or not."""
    if wanted_node(journey) is not None:
        return _used(state, journey) is not None
    if not needs_driver(journey):
        # A driver that has spoken is about to be bound.
        alone = journey.udev_done and journey.log_driver is None
        return (journey.driver is not None or alone) and not failed_bars(journey)
    if _is_virtio(journey):
        return any(driver is not None for driver in journey.children.values()) or bool(journey.nodes)
    return journey.driver is not None


def ready(
    state: State, journey: Journey, at: float, node: Optional[NodeState], reason: Optional[str] = None
) -> list[Transition]:
    """Mark it settled and say so; a driver that was never heard to be bound is told with it."""
    out = []
    if journey.driver is None and journey.log_driver is not None and needs_driver(journey):
        out += bound(state, journey, at, journey.log_driver, reason)
    journey.settled = True
    journey.deadline = None
    journey.stalled = None
    stage = last_stage(state, journey)
    if stage == UDEV:
        journey.reach(UDEV, at)
    out.append(told(state, DEVICE_READY, at, journey, node, stage, reason))
    return out


def bound(
    state: State, journey: Journey, at: float, driver: Optional[str], reason: Optional[str] = None
) -> list[Transition]:
    """The function has a driver: told once, with the time of the first evidence as its stage's."""
    journey.reach(BOUND, at)
    if journey.driver is not None and journey.driver == driver:
        return []
    journey.driver = driver
    return [] if driver is None else [told(state, DRIVER_BOUND, at, journey, None, BOUND, reason)]


def node_added(state: State, journey: Journey, node: NodeState, at: float, reason: Optional[str] = None) -> Transition:
    """A node has come. It is a stage of the insertion, unless that was over; a SCSI host is no disk yet."""
    subsystem = wanted_node(journey)
    if subsystem is None or node.subsystem == subsystem:
        journey.reach(NODE, at)
    since = None if journey.settled else milliseconds(journey.first, at)
    return told(state, NODE_ADDED, at, journey, node, None if journey.settled else NODE, reason, since)


def failed_bars(journey: Journey) -> list[str]:
    """The BARs whose last message in the log is a failure; windows of bridges are no device's own."""
    return [
        bar for bar, state in journey.bars.items() if state == "failed" and not bar.startswith(("bridge", "VF", "ROM"))
    ]


def overdue(state: State, journey: Journey) -> tuple[str, str]:
    """The stage that a device was to reach, and why it may not have."""
    stage = _missing(state, journey)
    return stage, journey.trouble or _reason(journey, stage)


def _missing(state: State, journey: Journey) -> str:
    if not journey.told:
        return ENUMERATED
    if journey.driver is None:
        return RESOURCES if failed_bars(journey) else BOUND if needs_driver(journey) else ENUMERATED
    if _is_virtio(journey) and not journey.nodes and not any(journey.children.values()):
        return CHILD
    if wanted_node(journey) is not None and _node(journey) is None:
        return NODE
    return last_stage(state, journey)


def _reason(journey: Journey, stage: str) -> str:
    bars = failed_bars(journey)
    if bars and stage in (RESOURCES, BOUND, CHILD):
        named = ", ".join(sorted(bars)[:6])
        said = f"; {journey.faults[-1]}" if journey.faults else ""
        return f"{named} not assigned: no room in the windows above{said}"
    if journey.faults:
        return journey.faults[-1]
    if stage == ENUMERATED:
        return "nothing more was heard of it" if journey.told else "the kernel found it, and no add event came"
    if stage == BOUND:
        if journey.modules == ():
            return "no driver: no module of this kernel claims it"
        if journey.modules:
            return f"no driver bound; {', '.join(journey.modules[:4])} would claim it"
        return "no driver bound"
    if stage == CHILD:
        return _childless(journey)
    return _nodeless(journey, stage)


def _childless(journey: Journey) -> str:
    names = [path.rpartition("/")[2] for path, driver in journey.children.items() if driver is None]
    if not names:
        return f"{journey.driver or 'the driver'} made no virtio device"
    return f"{', '.join(sorted(names)[:4])}: no driver bound"


def _nodeless(journey: Journey, stage: str) -> str:
    if stage == UDEV:
        node = _node(journey)
        return f"udev is not done with {node.name if node is not None else 'its node'}"
    hosts = sorted(node.name for node in journey.nodes.values() if node.subsystem == _HOST)
    word = _WORDS.get(wanted_node(journey) or "", "no node")
    if hosts:
        return f"SCSI {', '.join(hosts[:4])}: {word} behind it"
    return f"{word} came of it"


def has_scsi_host(journey: Journey) -> bool:
    """Whether it is a controller that disks may be behind, or not (drivers/scsi/hosts.c)."""
    return any(node.subsystem == _HOST for node in journey.nodes.values())


def _is_virtio(journey: Journey) -> bool:
    """Red Hat's vendor id with virtio's range of devices (Virtual I/O Device Specification 1.2, 4.1.2), or a child."""
    ids = journey.ids or ""
    if ids.startswith("1af4:"):
        return "1000" <= ids[5:] <= "107f"
    return any("/virtio" in path for path in journey.children)


def _node(journey: Journey) -> Optional[NodeState]:
    """The node that the function is used through: a disk (no partition of it), an interface."""
    subsystem = wanted_node(journey)
    for node in journey.nodes.values():
        if node.subsystem == subsystem and not is_part(journey, node):
            return node
    return None


def _used(state: State, journey: Journey) -> Optional[NodeState]:
    """That node where it is ready for use: udev is done with it, if there is a udev."""
    if wanted_node(journey) is None:
        return None
    return next((node for node in journey.nodes.values() if _is_usable(state, journey, node)), None)


def _is_usable(state: State, journey: Journey, node: NodeState) -> bool:
    if node.subsystem != wanted_node(journey) or is_part(journey, node):
        return False
    return node.ready or not state.udev


def is_part(journey: Journey, node: NodeState) -> bool:
    """Whether a node is a partition of another that is there."""
    above = journey.nodes.get(node.path.rpartition("/")[0])
    return above is not None and above.subsystem == "block"
