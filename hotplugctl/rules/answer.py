"""From a snapshot to the whole answer of ``check``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.report import Headroom, Report
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.engine import run
from hotplugctl.rules.headroom import headroom
from hotplugctl.rules.registry import Rule
from hotplugctl.rules.verdict import usable, verdict


class Answer(NamedTuple):
    """The report, the room that is left, and per mechanism whether it can be used (None: nobody knows).

    ``kernels``: verdict and reason of each kernel of an image, in the image's order.
    """

    report: Report
    headroom: Headroom
    usable: Mapping[str, Optional[bool]]
    kernels: tuple[tuple[str, str], ...] = ()


def answer(snapshot: Snapshot, rules: Iterable[Rule]) -> Answer:
    """Run the rules and draw the verdict from what they found."""
    findings = run(rules, snapshot)
    room = headroom(snapshot.scene)
    word, why = verdict(snapshot, room, findings)
    can = {item.name: usable(item, snapshot) for item in snapshot.mechanisms}
    return Answer(Report(word, why, findings), room, can, _kernels(snapshot))


def _kernels(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    if snapshot.image is None:
        return ()
    from hotplugctl.rules.image import judged

    return tuple(judged.of_kernel(kernel, judged.needed(snapshot)) for kernel in snapshot.image.kernels)
