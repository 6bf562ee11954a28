"""The milestones of a function that is there: sysfs says which are reached, the log and recorded events say when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Callable, NamedTuple, Optional

from hotplugctl.model.devices import Node, PciFunction, Slot
from hotplugctl.model.explanation import Log, Near, Stage, Standing
from hotplugctl.model.live import (
    ANNOUNCED,
    BOUND,
    CHILD,
    ENABLED,
    ENUMERATED,
    NODE,
    RESOURCES,
    STAGES,
    UDEV,
)  # fmt: skip
from hotplugctl.model.report import Evidence, Finding
from hotplugctl.model.snapshot import Child, Detail, Snapshot
from hotplugctl.model.timeline import ADD, Milestone, Passage

_TELLING = ("pciehp", "shpchp")
_BARS = 6
# Classes whose drivers register SCSI hosts: SCSI, IDE, RAID, SATA, SAS (PCI Code and ID Assignment Specification).
_HOSTS = ("0100", "0101", "0104", "0106", "0107")
_NVME = "0108"
_USED_BY = {"01": "block", "02": "net"}
_FEW = 4


class Known(NamedTuple):
    """All that is known of the function. ``findings``: those that concern it."""

    snapshot: Snapshot
    function: PciFunction
    slot: Optional[Slot]
    near: Near
    standing: Standing
    log: Log
    findings: tuple[Finding, ...]

    @property
    def detail(self) -> Optional[Detail]:
        return self.snapshot.details.get(self.function.address)

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(child for child in self.snapshot.children if child.address == self.function.address)

    @property
    def passage(self) -> Optional[Passage]:
        """The insertion by which it came; None where it was there at boot, or nothing tells of one."""
        for one in self.log.passages:
            if any(stage.name == ENUMERATED for stage in one.stages):
                return one if one.action == ADD else None
        return None


def stages(known: Known) -> tuple[Stage, ...]:
    """Every milestone, in the order in which they are listed."""
    when = {} if known.passage is None else {stage.name: stage for stage in known.passage.stages}
    return tuple(_timed(_STATES[name](known), when.get(name), known) for name in STAGES)


def _timed(stage: Stage, when: Optional[Milestone], known: Known) -> Stage:
    """With the time that the log or an event gives it, and that evidence. What sysfs says is not reached has none."""
    if stage.at is None and when is not None and stage.reached is not False:
        told = (when.evidence,) if when.evidence is not None else ()
        stage = stage._replace(at=when.at, evidence=(*told, *stage.evidence))
    mark = known.log.marks.get(stage.name)
    if stage.at is None and mark is not None and stage.reached:
        stage = stage._replace(at=mark.at, evidence=(mark.evidence, *stage.evidence))
    if stage.at is None and stage.reached and "at" not in stage.unknown:
        return stage._replace(unknown={**stage.unknown, "at": _why_no_time(known.log)})
    return stage


def _why_no_time(log: Log) -> str:
    if log.failure is not None:
        return f"the kernel log cannot be read: {log.failure}"
    if not log.whole:
        return "the kernel log does not tell, and does not reach back to the boot"
    return "the kernel log does not tell"


def _stage(name: str, reached: Optional[bool], *evidence: Evidence, applies: bool = True, why: str = "") -> Stage:
    unknown = {"reached": why} if reached is None and applies else {}
    return Stage(name, applies, reached, None, evidence, unknown)


def _announced(known: Known) -> Stage:
    passage = known.passage
    told = passage is not None and any(stage.name == ANNOUNCED for stage in passage.stages)
    if told:
        return _stage(ANNOUNCED, True)
    mechanism = None if known.slot is None else known.slot.mechanism
    if mechanism not in _TELLING:
        # acpiphp prints nothing before it finds the function; a function outside of every slot is announced by nobody.
        return _stage(ANNOUNCED, None, applies=False)
    if known.log.whole and passage is None:
        # It was there when the kernel first looked.
        return _stage(ANNOUNCED, None, applies=False)
    why = _why_no_time(known.log)
    return _stage(ANNOUNCED, None, why=why)


def _enumerated(known: Known) -> Stage:
    return _stage(ENUMERATED, True, Evidence("/sys/bus/pci/devices", known.function.address))


def _resources(known: Known) -> Stage:
    function, detail = known.function, known.detail
    path = f"{function.path}/resource"
    failed = [one for one in known.findings if one.id == "bar.unassigned" and one.address == function.address]
    wrong = [one for one in failed if one.severity != "info"]
    if wrong:
        return _stage(RESOURCES, False, *(piece for one in wrong for piece in one.evidence))
    if detail is None or detail.resources is None:
        why = "" if detail is None else detail.unknown.get("resource", "")
        return _stage(RESOURCES, None, why=why or f"{path}: not readable")
    lines = [line for line in detail.resources[:_BARS] if line.assigned]
    against = _contradictions(known, detail)
    if against:
        there = Evidence(path, _addresses(len(lines)))
        return _stage(RESOURCES, None, there, *against, why="the kernel log and sysfs contradict each other")
    if failed:
        said = Evidence(path, f"{_addresses(len(lines))}, {len(failed)} without one: it does without")
        return _stage(RESOURCES, True, said)
    if not lines:
        return _stage(RESOURCES, None, Evidence(path, "no BAR"), applies=False)
    return _stage(RESOURCES, True, Evidence(path, _addresses(len(lines))))


def _addresses(count: int) -> str:
    return "1 BAR has an address" if count == 1 else f"{count} BARs have an address"


def _contradictions(known: Known, detail: Detail) -> list[Evidence]:
    """BARs whose last word in the log is a failure, and that have an address."""
    log = known.snapshot.log
    return [
        Evidence(log.source or "kernel log", f"BAR {index}: failed to assign")
        for index, line in enumerate((detail.resources or ())[:_BARS])
        if line.assigned and log.bars.get((known.function.address, f"BAR {index}")) == "failed"
    ]


def _applies(known: Known, stage: str) -> bool:
    return known.function.driver is not None or STAGES.index(stage) <= STAGES.index(known.standing.last)


def _enabled(known: Known) -> Stage:
    function = known.function
    path = f"{function.path}/enable"
    applies = _applies(known, ENABLED)
    if function.enabled is None:
        return _stage(ENABLED, None, applies=applies, why=function.unknown.get("enabled", f"{path}: not readable"))
    return _stage(ENABLED, function.enabled, Evidence(path, "1" if function.enabled else "0"), applies=applies)


def _bound(known: Known) -> Stage:
    function = known.function
    path = f"{function.path}/driver"
    applies = _applies(known, BOUND)
    if function.driver is None and "driver" in function.unknown:
        return _stage(BOUND, None, applies=applies, why=function.unknown["driver"])
    evidence = Evidence(path, function.driver or "absent")
    return _stage(BOUND, function.driver is not None, evidence, applies=applies)


def _child(known: Known) -> Stage:
    children = known.children
    if children:
        bound = [child for child in children if child.driver is not None]
        shown = (bound or list(children))[:_FEW]
        return _stage(
            CHILD, bool(bound), *(Evidence(f"{child.path}/driver", child.driver or "absent") for child in shown)
        )
    class_ = known.function.class_ or ""
    wanted = "nvme" if class_.startswith(_NVME) else "scsi_host" if class_.startswith(_HOSTS) else None
    virtio = known.function.vendor == "1af4" and "1000" <= (known.function.device or "") <= "107f"
    if wanted is None and not virtio:
        return _stage(CHILD, None, applies=False)
    made = [node for node in known.near.nodes if node.subsystem == wanted][:_FEW]
    if made:
        return _stage(CHILD, True, *(Evidence(node.path, node.subsystem) for node in made))
    if "nodes" in known.near.unknown and not virtio:
        return _stage(CHILD, None, why=known.near.unknown["nodes"])
    where = "/sys/bus/virtio/devices" if virtio else f"/sys/class/{wanted}"
    return _stage(CHILD, False, Evidence(where, f"none below {known.function.address}"))


def used(nodes: Iterable[Node], function: PciFunction) -> list[Node]:
    """The nodes that it is there for: disks, no partitions; interfaces."""
    wanted = _USED_BY.get((function.class_ or "")[:2])
    return [node for node in nodes if node.subsystem == wanted and node.detail.get("partition") is None]


def _node(known: Known) -> Stage:
    if STAGES.index(known.standing.last) < STAGES.index(NODE):
        return _stage(NODE, None, applies=False)
    there = used(known.near.nodes, known.function)
    if there:
        return _stage(NODE, True, *(Evidence(node.path, node.name) for node in there[:_FEW]))
    if "nodes" in known.near.unknown:
        return _stage(NODE, None, why=known.near.unknown["nodes"])
    wanted = _USED_BY.get((known.function.class_ or "")[:2])
    return _stage(NODE, False, Evidence(f"/sys/class/{wanted}", f"none below {known.function.address}"))


def _udev(known: Known) -> Stage:
    if known.standing.last != UDEV:
        return _stage(UDEV, None, applies=False)
    there = used(known.near.nodes, known.function)
    done = [node for node in there if node.name in known.near.done]
    if not done:
        why = known.near.unknown.get("udev", "nothing tells whether udev is done with it")
        return _stage(UDEV, False if not there else None, why=why)
    times = [known.near.done[node.name] for node in done]
    since = [time for time in times if time is not None]
    stage = _stage(UDEV, True, *(Evidence("/run/udev/data", node.name) for node in done[:_FEW]))
    # What udev notes at first, of devices that were there before it, says nothing of their insertion.
    came = None if known.passage is None else known.passage.first
    if since and came is not None and min(since) >= came:
        return stage._replace(at=min(since))
    return stage


_STATES: Mapping[str, Callable[[Known], Stage]] = {
    ANNOUNCED: _announced, ENUMERATED: _enumerated, RESOURCES: _resources, ENABLED: _enabled, BOUND: _bound,
    CHILD: _child, NODE: _node, UDEV: _udev,
}  # fmt: skip
