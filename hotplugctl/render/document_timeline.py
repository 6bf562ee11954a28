"""The JSON document of ``timeline``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from hotplugctl.render.document import Json, evidence, with_unknown

if TYPE_CHECKING:
    from hotplugctl.model.timeline import Milestone, Passage, Spread, Timeline, Wait

_NOT_SINCE_BOOT = "the log does not tell seconds since boot"


def timeline(item: Union[Timeline, str]) -> Json:
    """The document of ``timeline``; of a reason where there is nothing to read one from."""
    if isinstance(item, str):
        told: Json = {"schema": "hotplugctl.timeline/1", "sources": [], "notes": [], "devices": None, "summary": []}
        return with_unknown(told, {"devices": item})
    return {
        "schema": "hotplugctl.timeline/1",
        "sources": list(item.sources),
        "notes": list(item.notes),
        "devices": [one_passage(passage) for passage in item.passages],
        "summary": [_spread(spread) for spread in item.spreads],
    }


def one_passage(item: Passage) -> Json:
    """One insertion or removal."""
    return with_unknown(
        {
            "address": item.address,
            "ids": item.ids,
            "action": item.action,
            "slot": item.slot,
            "driver": item.driver,
            "nodes": list(item.nodes),
            "first": item.first,
            "stages": [_milestone(stage) for stage in item.stages],
            "waits": [_wait(wait) for wait in item.waits],
            "outcome": item.outcome,
            "reason": item.reason,
        },
        {**item.unknown, **({"first": _NOT_SINCE_BOOT} if item.first is None else {})},
    )


def _milestone(item: Milestone) -> Json:
    unknown = {}
    if item.at is None:
        unknown["at"] = _NOT_SINCE_BOOT
    if item.after_ms is None:
        unknown["after_ms"] = "the log has no times"
    if item.evidence is None:
        unknown["evidence"] = "too long ago when it was asked for"
    said = None if item.evidence is None else evidence([item.evidence])[0]
    return with_unknown({"name": item.name, "at": item.at, "after_ms": item.after_ms, "evidence": said}, unknown)


def _wait(item: Wait) -> Json:
    return with_unknown(
        {
            "name": item.name,
            "stage": item.stage,
            "nominal_s": item.nominal_s,
            "took_s": item.took_s,
            "summary": item.summary,
        },
        {} if item.took_s is not None else {"took_s": "no sign in the guest shows its end"},
    )


def _spread(item: Spread) -> Json:
    return {
        "action": item.action,
        "stage": item.stage,
        "count": item.devices,
        "median_ms": item.median_ms,
        "p95_ms": item.p95_ms,
    }
