"""The JSON document of ``expect``: its keys are named here (the contract of the command line)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.monitor import Expectation, Expects, Sighting
from hotplugctl.render.document import Json, with_unknown


def expect(item: Expectation, sighting: Sighting, waited: Optional[float]) -> Json:
    """The document of ``expect``; ``waited``: seconds, None where it was not waited."""
    return with_unknown(
        {
            "schema": "hotplugctl.expect/1",
            "command": item.command,
            "action": item.action,
            "kind": item.kind,
            "valid": item.valid,
            "reason": item.reason if item.valid is False else None,
            "today": list(item.today),
            "expects": _expects(item.expects),
            "seen": sighting.seen,
            "address": sighting.address,
            "waited_s": waited,
            "remarks": [*item.remarks, *sighting.remarks],
        },
        {**({"valid": item.reason or ""} if item.valid is None else {}), **dict(sighting.unknown)},
    )


def _expects(item: Expects) -> Json:
    known: Json = {
        "class": item.class_,
        "ids": list(item.ids),
        "driver": item.driver,
        "subsystem": item.subsystem,
        "node": item.node,
    }
    missing = [key for key, value in known.items() if value is None or value == []]
    return with_unknown(known, dict.fromkeys(missing, item.unknown) if item.unknown is not None else {})
