"""/proc/modules, /sys/module and lsmod: the same modules, but for those that come or go at that moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import ModuleLists, Problem

_PROC, _SYS, _LSMOD = "/proc/modules", "/sys/module", "/cmd/lsmod"


def modules(lists: ModuleLists) -> Iterator[Problem]:
    """A module that one list has and another has not. Built-in ones are in /sys/module alone, without ``initstate``."""
    if lists.proc is None:
        return
    # A tree that was reduced to what is read holds some folders of modules, and no state.
    if lists.sysfs is not None and any(state is not None for state in lists.sysfs.values()):
        yield from _sysfs(lists.proc, lists.sysfs)
    if lists.lsmod is not None:
        for name in sorted(name for name in lists.proc.keys() - lists.lsmod if lists.proc[name] == "Live"):
            yield _problem("module.lsmod-differs", name, _PROC, _LSMOD)
        for name in sorted(lists.lsmod - lists.proc.keys()):
            yield _problem("module.lsmod-differs", name, _LSMOD, _PROC)


def _sysfs(proc: Mapping[str, str], sysfs: Mapping[str, Optional[str]]) -> Iterator[Problem]:
    for name in sorted(name for name, state in proc.items() if state == "Live" and name not in sysfs):
        yield _problem("module.sysfs-missing", name, _PROC, _SYS)
    for name in sorted(name for name, state in sysfs.items() if state == "live" and name not in proc):
        yield _problem("module.proc-missing", name, f"{_SYS}/{name}/initstate", _PROC)
    for name in sorted(name for name, state in proc.items() if state == "Live" and sysfs.get(name, "") is None):
        yield _problem("module.initstate-missing", name, _PROC, f"{_SYS}/{name}/initstate")


def _problem(identifier: str, name: str, has: str, lacks: str) -> Problem:
    why = f"{has} has the module, {lacks} does not"
    return Problem(identifier, name, why, (Evidence(has, name), Evidence(lacks, "none")))
