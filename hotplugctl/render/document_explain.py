"""The JSON document of ``explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from hotplugctl.render.document import Json, evidence, finding, function, one_room, one_slot, with_unknown
from hotplugctl.render.document_timeline import one_passage

if TYPE_CHECKING:
    from hotplugctl.model.explanation import (
        Arrival,
        BarPlace,
        Explanation,
        Interface,
        Lineage,
        Log,
        Look,
        Nowhere,
        Overview,
        Page,
        Port,
        Prospect,
        Said,
        Stage,
        Standing,
        Subject,
        Use,
    )

_SCHEMA = "hotplugctl.explain/1"


def explain(item: Explanation) -> Json:
    """The document of ``explain``: the same keys whatever was asked for."""
    subject = item.subject
    unknown = {}
    if item.good is None:
        unknown["good"] = item.why or item.headline
    record: Json = {
        "schema": _SCHEMA,
        "kind": item.kind,
        "target": item.target,
        "source": item.source,
        "address": item.address,
        "slot": item.slot_name,
        "good": item.good,
        "headline": item.headline,
        "settled": None if subject is None else subject.standing.settled,
        "held_up": None if subject is None else _standing(subject.standing),
        "stages": [] if subject is None else [_stage(one) for one in subject.stages],
        "function": None if subject is None else _function(subject, item.slot_name),
        "others": [] if subject is None else list(subject.others),
        "lineage": None if subject is None else _lineage(subject.lineage),
        "slot_state": None if item.slot is None else one_slot(item.slot),
        "prospect": None if item.prospect is None else _prospect(item.prospect),
        "nowhere": None if item.nowhere is None else _nowhere(item.nowhere),
        "overview": None if item.overview is None else _overview(item.overview),
        "finding": None,
        "findings": [finding(one) for one in item.findings],
        "log": [_said(one) for one in item.log.lines],
        "log_about": _about(item.log),
        "passages": [one_passage(one) for one in item.log.passages],
    }
    return with_unknown(record, unknown)


def page(item: Page) -> Json:
    """The page of a finding: the keys of ``explain``, with nothing of a guest in them."""
    empty: Json = dict.fromkeys(
        ("address", "slot", "settled", "held_up", "function", "lineage", "slot_state", "prospect", "nowhere",
         "overview", "log_about")
    )  # fmt: skip
    lists: Json = {key: [] for key in ("stages", "others", "findings", "log", "passages")}
    return {
        "schema": _SCHEMA, "kind": "finding", "target": item.id, "source": None, "good": True,
        "headline": item.title or item.id, **empty, **lists,
        "finding": {
            "id": item.id,
            "title": item.title,
            "text": item.text,
            "source": item.source,
            "severity": item.severity,
            "side": item.side,
            "remedy": item.remedy,
            "causes": list(item.causes),
            "effects": list(item.effects),
        },
    }  # fmt: skip


def _standing(item: Standing) -> Optional[Json]:
    return None if item.settled else {"stage": item.missing, "reason": item.reason}


def _stage(item: Stage) -> Json:
    return with_unknown(
        {
            "name": item.name,
            "applies": item.applies,
            "reached": item.reached,
            "at": item.at,
            "evidence": evidence(item.evidence),
        },
        item.unknown,
    )


def _function(item: Subject, slot: Optional[str]) -> Json:
    near, called = item.lineage.near, item.called
    hidden = {key: why for key, why in near.unknown.items() if key == "nodes"}
    return function(item.function, near.nodes, slot, called.claims, called.names, hidden)


def _lineage(item: Lineage) -> Json:
    near = item.near
    unknown = dict(item.unknown)
    hidden = [near.unknown[key] for key in ("mounts", "swap") if key in near.unknown]
    if hidden and not near.uses:
        unknown["uses"] = "; ".join(hidden)
    if "udev" in near.unknown:
        unknown["udev_done"] = near.unknown["udev"]
    record: Json = {
        "ports": [_port(one) for one in item.ports],
        "bars": None if "bars" in item.unknown else [_bar(one) for one in item.bars],
        "driver_module": near.module,
        "children": [{"name": one.name, "driver": one.driver, "modalias": one.modalias} for one in item.children],
        "uses": None if "uses" in unknown else [_use(one) for one in near.uses],
        "interfaces": [_interface(one) for one in near.interfaces],
        "udev_done": None if "udev_done" in unknown else [{"name": name, "at": at} for name, at in near.done.items()],
    }
    return with_unknown(record, unknown)


def _use(item: Use) -> Json:
    return {"node": item.node, "kind": item.kind, "what": item.what}


def _port(item: Port) -> Json:
    windows = None
    if "windows" not in item.unknown:
        windows = [
            {
                "kind": kind,
                "base": base,
                "limit": limit,
                "size": 0 if base is None or limit is None else limit - base + 1,
            }
            for kind, base, limit in item.windows
        ]
    record: Json = {
        "address": item.address, "driver": item.driver, "bus": item.bus, "slot": item.slot, "windows": windows,
    }  # fmt: skip
    return with_unknown(record, item.unknown)


def _bar(item: BarPlace) -> Json:
    return {
        "index": item.index,
        "kind": item.kind,
        "prefetchable": item.prefetchable,
        "bits": 64 if item.is64 else 32,
        "size": item.size or None,
        "start": item.start,
        "window": item.within,
    }


def _interface(item: Interface) -> Json:
    return with_unknown(
        {
            "name": item.name,
            "operstate": item.operstate,
            "carrier": item.carrier,
            "mac": item.mac,
            "addresses": None if item.addresses is None else list(item.addresses),
        },
        item.unknown,
    )


def _prospect(item: Prospect) -> Json:
    unknown = {}
    if item.comes is None:
        unknown["comes"] = "; ".join(item.notes) or "what decides could not be read"
    return with_unknown(
        {
            "comes": item.comes,
            "mechanism": item.mechanism,
            "announced": item.announced,
            "room": None if item.room is None else one_room(item.room, None),
            "notes": list(item.notes),
        },
        unknown,
    )


def _nowhere(item: Nowhere) -> Json:
    return with_unknown(
        {
            "announced_by": item.announced_by,
            "rescan_finds": item.rescan,
            "why": item.why,
            "looked_at": [_look(one) for one in item.looked_at],
        },
        {"rescan_finds": "a rescan cannot be judged here"} if item.rescan is None else {},
    )


def _look(item: Look) -> Json:
    return {"source": item.source, "value": item.value}


def _overview(item: Overview) -> Json:
    return with_unknown(
        {
            "arrivals": [_arrival(one) for one in item.arrivals],
            "waiting": [_look(one) for one in item.waiting],
            "announced": [_look(one) for one in item.announced],
            "unserved": list(item.unserved),
            "full": list(item.full),
            "free_slots": item.free,
            "host": [{"what": one.what, "how": list(one.commands)} for one in item.host],
        },
        {} if item.free is not None else {"free_slots": "whether a slot is free could not be read"},
    )


def _arrival(item: Arrival) -> Json:
    stands = item.standing
    return {
        **one_passage(item.passage),
        "here": item.here,
        "settled": None if stands is None else stands.settled,
        "held_up": None if stands is None else _standing(stands),
        "fault": item.fault,
    }


def _said(item: Said) -> Json:
    return {"at": item.at, "time": item.time, "level": item.level, "text": item.text, "life": item.life}


def _about(item: Log) -> Json:
    return with_unknown(
        {
            "source": item.source,
            "since": item.since,
            "whole": None if item.failure is not None else item.whole,
            "left_out": item.left_out,
            "unread": None if item.unread is None else item.unread._asdict(),
        },
        {} if item.failure is None else dict.fromkeys(("source", "whole", "since"), item.failure),
    )
