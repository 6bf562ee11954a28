"""How far functions have come by what is there now: the answer of ``explain``, by the reducer's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.live.reducer import start
from hotplugctl.live.stages import has_scsi_host, last_stage, overdue
from hotplugctl.live.wanted import SETTLED, reached
from hotplugctl.model.explanation import Standing
from hotplugctl.model.live import NODE, Look


def standing(
    look: Look, udev: Optional[bool], trouble: Mapping[str, str], bars: Iterable[tuple[str, str]] = ()
) -> Mapping[str, Standing]:
    """Address → standing, of the functions in a look of kind ``start``.

    ``udev``: udevd runs (None: unknown). ``trouble``: address → what a rule finds wrong there, in one line. ``bars``:
    address and name (``BAR 2``) of those that have no address and are missed.
    """
    facts = tuple(fact._replace(trouble=trouble.get(fact.address)) for fact in look.functions)
    state = start(look._replace(functions=facts, udev=udev))
    for address, bar in bars:
        if address in state.functions:
            state.functions[address].bars[bar] = "failed"
    found: dict[str, Standing] = {}
    for address, journey in state.functions.items():
        last = last_stage(state, journey)
        if reached(state, journey, SETTLED):
            found[address] = Standing(True, last, None, None)
        else:
            missing, why = overdue(state, journey)
            # A controller of disks without any is as it should be: nothing says that one is to come.
            bare = missing == NODE and journey.trouble is None and has_scsi_host(journey)
            found[address] = Standing(bare, last, None if bare else missing, why)
    return found


def troubles(summaries: Iterable[tuple[Optional[str], str]]) -> Mapping[str, str]:
    """The first summary of each address."""
    found: dict[str, str] = {}
    for address, summary in summaries:
        if address is not None:
            found.setdefault(address, summary)
    return found
