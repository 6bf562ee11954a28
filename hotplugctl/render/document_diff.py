"""The JSON document of ``diff``: its keys are named here (the contract of the command line)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.difference import FIELDS, KINDS, Change, Difference, Held, Omission
from hotplugctl.render.document import Json, with_unknown

_NOT_TOLD = "not told"


def diff(item: Difference) -> Json:
    """The document of ``diff``."""
    left_out = [omission for omission in item.omissions if omission.wholly]
    why = "; ".join(f"{omission.side}: {omission.reason}" for omission in left_out if omission.what == "function")
    return with_unknown(
        {
            "schema": "hotplugctl.diff/1",
            "same": item.same,
            "compared": [what for what in KINDS if what not in {omission.what for omission in left_out}],
            "omitted": [_omission(omission) for omission in item.omissions],
            "remarks": list(item.remarks),
            "changes": [_change(change) for change in item.changes],
        },
        {"same": why} if item.same is None else {},
    )


def _omission(item: Omission) -> Json:
    return {"what": item.what, "side": item.side, "wholly": item.wholly, "reason": item.reason}


def _change(item: Change) -> Json:
    return {
        "what": item.what,
        "change": item.change,
        "key": item.key,
        "function": item.address,
        "differs": list(item.differs),
        "before": _held(item.what, item.before),
        "after": _held(item.what, item.after),
    }


def _held(what: str, held: Optional[Held]) -> Optional[Json]:
    if held is None:
        return None
    fields = FIELDS[what]
    missing = {key: held.unknown.get(key, _NOT_TOLD) for key in fields if key not in held.facts}
    return with_unknown({key: held.facts.get(key) for key in fields}, missing)
