"""The JSON of ``watch``: the keys of its lines (the contract of the command line)."""

from __future__ import annotations

from hotplugctl.model.live import Hello, Transition
from hotplugctl.render.document import Json, with_unknown


def hello(item: Hello) -> Json:
    """The first line of ``watch --json``."""
    return with_unknown(
        {
            "event": "hello",
            "schema": "hotplugctl.watch/1",
            "source": item.source,
            "reason": item.reason,
            "seqnum": item.seqnum,
            "monotonic": item.monotonic,
            "time": item.time,
        },
        item.unknown,
    )


def transition(item: Transition) -> Json:
    """A line of ``watch --json``."""
    return with_unknown(
        {
            "event": item.event,
            "time": item.time,
            "monotonic": round(item.monotonic, 6),
            "address": item.address,
            "slot": item.slot,
            "subsystem": item.subsystem,
            "name": item.name,
            "node": item.node,
            "driver": item.driver,
            "stage": item.stage,
            "since_first_ms": item.since_first_ms,
            "reason": item.reason,
        },
        item.unknown,
    )
