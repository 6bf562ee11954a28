"""The JSON documents: the one place that names their keys (the contract of the command line)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Callable, Optional, Union

from hotplugctl.model.reads import FAILURES, Failure, reason
from hotplugctl.render.escape import is_printable

if TYPE_CHECKING:
    # Records of commands other than the one at hand are not loaded.
    from hotplugctl.model.devices import Functions, Node, PciFunction, Slot
    from hotplugctl.model.holdings import Heard
    from hotplugctl.model.names import Names
    from hotplugctl.model.report import Evidence, Finding, Headroom, Report, Room
    from hotplugctl.model.snapshot import Guest, Mechanism, Snapshot
    from hotplugctl.model.validation import Validation

Json = dict[str, object]
_NOTHING: Mapping[str, str] = {}


def with_unknown(record: Json, unknown: Mapping[str, str]) -> Json:
    """Add the reasons of what could not be known; a record without any carries no such key."""
    if unknown:
        record["unknown"] = dict(unknown)
    return record


def evidence(items: Iterable[Evidence]) -> list[Json]:
    """``[{"source", "value"}]``."""
    return [{"source": item.source, "value": item.value} for item in items]


def check(
    snapshot: Snapshot, report: Report, room: Headroom, usable: Mapping[str, Optional[bool]], names: Optional[str],
    verdicts: Sequence[tuple[str, str]] = (),
) -> Json:  # fmt: skip
    """The document of ``check``; ``verdicts``: of the kernels of an image."""
    counts = snapshot.scene.served()
    return {
        "schema": "hotplugctl.check/1",
        "verdict": report.verdict,
        "why": report.why,
        "guest": guest(snapshot.guest, names),
        "core": core(snapshot.core),
        "mechanisms": [
            _mechanism(item, counts.get(item.name, (0, 0)), usable.get(item.name), snapshot)
            for item in snapshot.mechanisms
        ],
        "headroom": headroom(room),
        "kernels": _kernels(snapshot, verdicts),
        "findings": [finding(item) for item in report.findings],
    }


def _kernels(snapshot: Snapshot, verdicts: Sequence[tuple[str, str]]) -> list[Json]:
    if snapshot.image is None:
        return []
    from hotplugctl.render import document_image

    return document_image.kernels(snapshot.image, verdicts)


def guest(item: Guest, names: Optional[str]) -> Json:
    """What the guest is."""
    return with_unknown(
        {
            "kernel": item.kernel,
            "architecture": item.architecture,
            "hypervisor": item.hypervisor,
            "machine": item.machine,
            "source": item.source,
            "names_from": names,
            "physical": item.physical,
            "container": item.container,
            "evidence": evidence(item.evidence),
        },
        item.unknown,
    )


def core(item: Mechanism) -> Json:
    """The core of PCI hot-plug."""
    return with_unknown(
        {
            "name": item.name,
            "symbol": item.symbol,
            "config": item.config,
            "state": item.state,
            "evidence": evidence(item.evidence),
        },
        {key: why for key, why in item.unknown.items() if key in ("config", "state")},
    )


def _mechanism(item: Mechanism, counts: tuple[int, int], usable: Optional[bool], snapshot: Snapshot) -> Json:
    failure = snapshot.slots.failure
    unknown = dict(item.unknown)
    if failure is not None:
        unknown.update(dict.fromkeys(("slots", "free_slots"), reason(failure)))
        if usable is None:
            unknown["usable"] = reason(failure)
    return with_unknown(
        {
            "name": item.name,
            "symbol": item.symbol,
            "state": item.state,
            "present": item.present,
            "blocked_by": item.blocked_by,
            "config": item.config,
            "autoload": list(item.autoload),
            "slots": None if failure is not None else counts[0],
            "free_slots": None if failure is not None else counts[1],
            "usable": usable,
            "evidence": evidence(item.evidence),
        },
        unknown,
    )


def headroom(item: Headroom) -> Json:
    """How much still fits, in all and bus by bus."""
    unknown = dict(item.unknown)
    return with_unknown(
        {
            "free_slots": item.free_slots,
            "slots": item.slots,
            "buses": [one_room(room, unknown.get("slots")) for room in item.rooms],
        },
        unknown,
    )


def one_room(room: Room, why: Optional[str]) -> Json:
    """``why``: the reason where no slot could be listed, so that nobody knows who serves the bus."""
    unlisted = {} if why is None else dict.fromkeys(("mechanism", "slots", "free_slots"), why)
    return with_unknown(
        {
            "bus": room.bus,
            "port": room.port,
            "mechanism": room.mechanism,
            "slots": None if why is not None else room.slots,
            "free_slots": None if why is not None else room.free_slots,
            "io_largest": room.io_largest,
            "mem_largest": room.mem_largest,
            "pref_largest": room.pref_largest,
            "bus_numbers_free": room.bus_numbers_free,
        },
        {**unlisted, **dict(room.unknown)},
    )


def finding(item: Finding) -> Json:
    """One finding."""
    return {
        "id": item.id,
        "status": item.status,
        "severity": item.severity,
        "subject": item.subject,
        "address": item.address,
        # Without docstrings (PYTHONOPTIMIZE=2) rules have no titles.
        "summary": item.summary or item.id,
        "detail": item.detail,
        "because": list(item.because),
        "evidence": evidence(item.evidence),
        "remedy": item.remedy if is_printable(item.remedy or "") else None,
        "side": item.side,
    }


def slots(items: Iterable[Slot], failure: Optional[Failure], room: Headroom) -> Json:
    """The document of ``slots``."""
    return with_unknown(
        {
            "schema": "hotplugctl.slots/1",
            "slots": None if failure is not None else [one_slot(item) for item in items],
            "headroom": headroom(room),
        },
        {} if failure is None else {"slots": reason(failure)},
    )


def one_slot(item: Slot) -> Json:
    """One slot."""
    return with_unknown(
        {
            "name": item.name,
            "address": item.address,
            "mechanism": item.mechanism if item.hotplug or "mechanism" in item.unknown else "none",
            "occupied": item.occupied,
            "power": item.power,
            "attention": item.attention,
            "latch": item.latch,
            "adapter": item.adapter,
            "speed": item.speed,
            "max_speed": item.max_speed,
            "port": item.port,
            "functions": list(item.functions),
        },
        item.unknown,
    )


def functions(
    listed: Functions,
    nodes: Mapping[str, tuple[Node, ...]],
    slots_of: Mapping[str, str],
    modules: Union[Mapping[str, tuple[str, ...]], Failure],
    names: Names,
    unknown_of: Callable[[str], Mapping[str, str]] = lambda _address: {},
) -> Json:
    """The document of ``list``; ``unknown_of``: why nodes and slot of a function are not known."""
    document: Json = {"schema": "hotplugctl.list/1", "names_from": names.source, "functions": None}
    if listed.failure is not None:
        return with_unknown(document, {"functions": reason(listed.failure)})
    document["functions"] = [
        function(
            item, nodes.get(item.address, ()), slots_of.get(item.address), modules, names, unknown_of(item.address)
        )
        for item in listed.items
    ]
    return document


def function(
    item: PciFunction,
    nodes: Iterable[Node],
    slot: Optional[str],
    modules: Union[Mapping[str, tuple[str, ...]], Failure],
    names: Names,
    hidden: Mapping[str, str] = _NOTHING,
) -> Json:
    """One function, as ``list`` and ``wait`` give it; ``hidden``: why its nodes, its slot are not known."""
    unknown = {**item.unknown, **hidden}
    claims: Optional[list[str]] = None
    if isinstance(modules, FAILURES):
        unknown = {**unknown, "modules": reason(modules)}
    else:
        claims = list(modules.get(item.modalias or "", ()))
    record: Json = {
        "address": item.address,
        "class": item.class_,
        "class_name": names.class_(item.class_),
        "vendor": item.vendor,
        "device": item.device,
        "subsystem_vendor": item.subsystem_vendor,
        "subsystem_device": item.subsystem_device,
        "vendor_name": names.vendor(item.vendor),
        "device_name": names.device(item.vendor, item.device),
        "revision": item.revision,
        "driver": item.driver,
        "modules": claims,
        "slot": slot,
        "parent": item.parent,
        "enabled": item.enabled,
        "nodes": None if "nodes" in hidden else [node(one) for one in nodes],
    }
    if unknown:
        record["unknown"] = unknown
    return record


def node(item: Node) -> Json:
    """One node of a function."""
    return {
        "subsystem": item.subsystem,
        "name": item.name,
        "node": item.node,
        "via": list(item.via),
        "detail": with_unknown(dict(item.detail), item.unknown),
    }


def record(path: str, files: int, size: int, scrubbed: Mapping[str, int], heard: Optional[Heard]) -> Json:
    """The document of ``record``."""
    return {
        "schema": "hotplugctl.record/1",
        "path": path,
        "files": files,
        "bytes": size,
        "scrubbed": dict(scrubbed),
        "heard": None
        if heard is None
        else {"source": heard.source, "seconds": heard.seconds, "unheard": list(heard.unheard)},
    }


def collector(script: str) -> Json:
    """The document of ``collector``."""
    return {"schema": "hotplugctl.collector/1", "script": script}


def validate(recordings: Iterable[Validation]) -> Json:
    """The document of ``validate``."""
    records = [_validation(item) for item in recordings]
    return {
        "schema": "hotplugctl.validate/1",
        "valid": all(record["valid"] for record in records),
        "recordings": records,
    }


def _validation(item: Validation) -> Json:
    return {
        "path": item.path,
        "valid": item.valid,
        "problems": [
            {
                "id": problem.id,
                "where": problem.where,
                "summary": problem.summary,
                "witnesses": evidence(problem.witnesses),
            }
            for problem in item.problems
        ],
    }


def wait(found: bool, listed: Json, waited: float, stage: Optional[str], why: Optional[str]) -> Json:
    """The document of ``wait``; ``listed``: the devices, as the document of ``list``."""
    return {
        "schema": "hotplugctl.wait/1",
        "found": found,
        "devices": listed["functions"],
        "waited_s": waited,
        "stage": stage,
        "reason": why,
    }
