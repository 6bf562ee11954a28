"""The text of ``can-unplug``: the answer, what goes, what stands against it, and where was not looked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.target import Target
from hotplugctl.model.users import Answer, Blocker, Going
from hotplugctl.render.escape import is_printable, printable

_COLORS = {"in use": "\x1b[31m", "safe": "\x1b[32m", "cannot tell": "\x1b[33m"}
_PLAIN = "\x1b[0m"


def text(target: Target, going: Optional[Going], answer: Answer, color: bool) -> str:
    """All of it."""
    return "\n".join(_lines(target, going, answer, color))


def _lines(target: Target, going: Optional[Going], answer: Answer, color: bool) -> Iterator[str]:
    verdict = {True: "safe", False: "in use", None: "cannot tell"}[answer.safe]
    painted = f"{_COLORS[verdict]}{verdict}{_PLAIN}" if color else verdict
    yield f"{printable(target.text)}: {painted}"
    if going is not None:
        yield from _going(going)
    if answer.blockers:
        yield ""
        yield "What uses it, in the order in which to end that:"
        for number, item in enumerate(answer.blockers, 1):
            yield from _blocker(number, item)
    if answer.unseen:
        yield ""
        yield "What could not be looked at:"
        for one in answer.unseen:
            tells = "" if one.privilege is None else f" [told with: {one.privilege}]"
            yield f"  {one.what}: {printable(one.reason)}{tells}"
    if answer.notes:
        yield ""
        yield from (f"note: {printable(note)}" for note in answer.notes)


def _going(going: Going) -> Iterator[str]:
    parts = []
    if going.slots:
        parts.append("slot " + ", ".join(slot.name for slot in going.slots))
    parts += [
        function.address if function.driver is None else f"{function.address} ({function.driver})"
        for function in going.functions
    ]
    parts += [node.node or node.name for node in going.nodes]
    if parts:
        yield printable("goes: " + ", ".join(parts))


def _blocker(number: int, item: Blocker) -> Iterator[str]:
    yield f"  {number}. [{item.kind}] {printable(item.summary)}"
    if item.remedy is not None and is_printable(item.remedy):
        yield f"       {item.remedy}"
