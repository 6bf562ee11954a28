"""/proc/modules, /sys/module and lsmod: the same modules, but for those that come or go at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import ModuleLists, Problem
from hotplugctl.rules.validation.words import shown

_PROC, _SYS, _LSMOD = "/proc/modules", "/sys/module", "/cmd/lsmod"
_EACH = 8


def modules(lists: ModuleLists) -> Iterator[Problem]:
    """A module that one list has and another has not. Built-in ones are in /sys/module alone, without ``initstate``."""
    if lists.proc is None:
        return
    # A tree that was reduced to what is read holds some folders of modules, and no state.
    if lists.sysfs is not None and any(state is not None for state in lists.sysfs.values()):
        yield from _sysfs(lists.proc, lists.sysfs)
    if lists.lsmod is not None:
        live = (name for name in lists.proc.keys() - lists.lsmod if lists.proc[name] == "Live")
        yield from _problems("module.lsmod-differs", live, _PROC, _LSMOD)
        yield from _problems("module.lsmod-differs", lists.lsmod - lists.proc.keys(), _LSMOD, _PROC)


def _sysfs(proc: Mapping[str, str], sysfs: Mapping[str, Optional[str]]) -> Iterator[Problem]:
    live = [name for name, state in proc.items() if state == "Live"]
    yield from _problems("module.sysfs-missing", (name for name in live if name not in sysfs), _PROC, _SYS)
    there = (name for name, state in sysfs.items() if state == "live" and name not in proc)
    yield from _problems("module.proc-missing", there, f"{_SYS}/*/initstate", _PROC)
    bare = (name for name in live if sysfs.get(name, "") is None)
    yield from _problems("module.initstate-missing", bare, _PROC, f"{_SYS}/*/initstate")


def _problems(identifier: str, names: Iterable[str], has: str, lacks: str) -> Iterator[Problem]:
    """One each; many have one cause, a list that was cut off or emptied, and are told in one."""
    found = sorted(names)
    if len(found) <= _EACH:
        for name in found:
            yield _problem(identifier, name, has.replace("*", name), lacks.replace("*", name))
        return
    why = f"{has} has {len(found)} modules that {lacks} does not have: {shown(found)}"
    yield Problem(identifier, lacks, why, (Evidence(has, shown(found)), Evidence(lacks, "none of these")))


def _problem(identifier: str, name: str, has: str, lacks: str) -> Problem:
    why = f"{has} has the module, {lacks} does not"
    return Problem(identifier, name, why, (Evidence(has, name), Evidence(lacks, "none")))
