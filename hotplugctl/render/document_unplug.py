"""The JSON document of ``can-unplug``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from hotplugctl.render.document import Json, with_unknown
from hotplugctl.render.escape import is_printable

if TYPE_CHECKING:
    from hotplugctl.model.target import Target
    from hotplugctl.model.users import Answer, Blocker, Going


def can_unplug(target: Target, going: Optional[Going], answer: Answer) -> Json:
    """The document of ``can-unplug``; ``safe`` is null without a reason in ``unknown`` where nothing is there."""
    there = going is not None and bool(going.functions or going.nodes)
    nobody_knows = answer.safe is None and (there or target.unknown is not None)
    return with_unknown(
        {
            "schema": "hotplugctl.can-unplug/1",
            "target": target.text,
            "safe": answer.safe,
            "reason": answer.reason,
            "blockers": [_blocker(item) for item in answer.blockers],
            "functions": [function.address for function in going.functions] if going is not None else [],
            "nodes": [
                {"subsystem": node.subsystem, "name": node.name, "node": node.node}
                for node in (going.nodes if going is not None else ())
            ],
            "slots": [slot.name for slot in going.slots] if going is not None else [],
            "unseen": [{"what": one.what, "reason": one.reason, "privilege": one.privilege} for one in answer.unseen],
            "notes": list(answer.notes),
        },
        {"safe": answer.reason or "unknown"} if nobody_knows else {},
    )


def _blocker(item: Blocker) -> Json:
    remedy = item.remedy if item.remedy is not None and is_printable(item.remedy) else None
    return {"kind": item.kind, "subject": item.subject, "summary": item.summary, "remedy": remedy}
