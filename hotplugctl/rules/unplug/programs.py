"""The programs that use what goes: services by their names, others by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotplugctl.model.users import Blocker, Going, Interest, Process, Use
from hotplugctl.rules.unplug.command import line
from hotplugctl.rules.unplug.stake import in_user_space

_SHOWN = 8
_HOW = {
    "open": "has {} open",
    "directory": "works in {}",
    "root": "has its root in {}",
    "program": "runs {}",
    "mapped": "has {} mapped",
}


def programs(processes: Iterable[Process], going: Going, wanted: Interest) -> Iterator[Blocker]:
    """Each service once, then each process that belongs to none."""
    services: dict[str, list[Process]] = {}
    others = []
    vfio = any(in_user_space(function.driver) for function in going.functions)
    for process in processes:
        uses = tuple(use for use in process.uses if not _is_checker(process, use, wanted))
        if uses:
            kept = process._replace(uses=uses)
            services.setdefault(kept.unit, []).append(kept) if kept.unit is not None else others.append(kept)
    for unit, items in sorted(services.items()):
        yield _service(unit, items)
    for process in others:
        yield _process(process, vfio=vfio and any(use.path.startswith("/dev/vfio/") for use in process.uses))


def _is_checker(process: Process, use: Use, wanted: Interest) -> bool:
    """multipathd holds every path open to test it, and lets go of it when it goes."""
    return process.name == "multipathd" and use.path in wanted.files


def _service(unit: str, items: list[Process]) -> Blocker:
    numbers = ", ".join(str(item.pid) for item in items[:_SHOWN])
    more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    what = f"process {numbers}" if len(items) == 1 else f"processes {numbers}{more}"
    return Blocker("process", unit, f"{items[0].name} {_doing(items[0])} ({what})", line("systemctl", "stop", unit))


def _process(item: Process, *, vfio: bool) -> Blocker:
    if item.asks:
        remedy = line("cd", "/") if all(use.how == "directory" for use in item.uses) else None
        return Blocker("process", str(item.pid), f"{item.name}, in which this is asked, {_doing(item)}", remedy)
    kind = "vfio" if vfio else "process"
    return Blocker(kind, str(item.pid), f"{item.name} {_doing(item)} (process {item.pid})", line("kill", item.pid))


def _doing(item: Process) -> str:
    first = item.uses[0]
    more = f", and {len(item.uses) - 1} more" if len(item.uses) > 1 else ""
    return _HOW.get(first.how, "uses {}").format(first.path) + more
