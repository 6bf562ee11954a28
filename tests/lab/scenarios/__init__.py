"""All scenarios, in the order in which they are listed."""

from __future__ import annotations

from tests.lab.plan import Scenario
from tests.lab.scenarios import (
    access,
    burst,
    busybox,
    classics,
    drivers,
    headroom,
    in_use,
    live,
    pc,
    pc_failing,
    q35,
    q35_failing,
    q35_native,
    unplug,
)

_MODULES = (
    pc, pc_failing, burst, q35, q35_native, q35_failing, drivers, access, in_use, unplug, classics, live, busybox,
    headroom,
)  # fmt: skip
ALL: tuple[Scenario, ...] = tuple(scenario for module in _MODULES for scenario in module.SCENARIOS)
