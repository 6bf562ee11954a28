"""The JSON of ``check`` that only images have: the one place that names its keys."""

from __future__ import annotations

from collections.abc import Sequence

from hotplugctl.model.image import BootLine, Driver, Image, Kernel
from hotplugctl.model.snapshot import Mechanism
from hotplugctl.render.document import Json, core, evidence, with_unknown


def kernels(image: Image, verdicts: Sequence[tuple[str, str]]) -> list[Json]:
    """Every kernel, each with its verdict and the reason for it."""
    return [_kernel(item, *said) for item, said in zip(image.kernels, verdicts)]


def _kernel(item: Kernel, verdict: str, why: str) -> Json:
    return with_unknown(
        {
            "release": item.release,
            "default": item.default,
            "bootable": item.bootable,
            "verdict": verdict,
            "why": why,
            "core": core(item.core),
            "mechanisms": [_mechanism(one, item.serves(one.name)) for one in item.mechanisms],
            "drivers": [_driver(one) for one in item.drivers],
            "command_lines": [_line(one) for one in item.lines],
            "config": item.config,
            "modules": item.modules,
        },
        item.unknown,
    )


def _mechanism(item: Mechanism, serves: object) -> Json:
    unknown = {key: why for key, why in item.unknown.items() if key in ("config", "state")}
    if serves is None:
        unknown["at_work"] = item.unknown.get("state", "no evidence")
    return with_unknown(
        {
            "name": item.name,
            "symbol": item.symbol,
            "state": item.state,
            "config": item.config,
            "blocked_by": item.blocked_by,
            "autoload": list(item.autoload),
            "at_work": serves,
            "evidence": evidence(item.evidence),
        },
        unknown,
    )


def _driver(item: Driver) -> Json:
    return with_unknown(
        {
            "name": item.name,
            "for": item.purpose,
            "common": item.common,
            "state": item.state,
            "evidence": evidence(item.evidence),
        },
        item.unknown,
    )


def _line(item: BootLine) -> Json:
    return with_unknown(
        {
            "source": item.source,
            "entry": item.entry,
            "default": item.default,
            "recovery": item.recovery,
            "text": item.text,
            "forbids": [{"parameter": one.parameter, "what": list(one.what)} for one in item.forbids],
        },
        item.unknown,
    )
