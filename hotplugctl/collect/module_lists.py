"""The lists of loaded modules that a recording holds: /proc/modules, /sys/module, and the text of lsmod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hotplugctl.model.reads import Value
from hotplugctl.model.validation import ModuleLists
from hotplugctl.parse import lsmod, modules
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import NAMES_LIMIT

_LIMIT = 4 << 20


def collect(tree: Rooted) -> ModuleLists:
    """All three; None for one that is not there."""
    proc = tree.read("/proc/modules", _LIMIT)
    text = tree.read("/cmd/lsmod", _LIMIT)
    of_proc: Optional[Mapping[str, str]] = None
    # A list that is cut off is told as such, and what it lacks is no more than that.
    if isinstance(proc, Value) and _is_whole(proc.data):
        of_proc = {module.name: module.state for module in modules.parse_proc_modules(proc.text)}
    of_text = None
    if isinstance(text, Value) and _is_whole(text.data):
        of_text = lsmod.names(text.data.decode("utf-8", "backslashreplace"))
    return ModuleLists(of_proc, _sysfs(tree), of_text)


def _is_whole(data: bytes) -> bool:
    return not data or data.endswith(b"\n")


def _sysfs(tree: Rooted) -> Optional[Mapping[str, Optional[str]]]:
    """Name → ``initstate``, None for what is built in: the folders that are there, a manifest adds none."""
    if tree.gaps is not None and tree.gaps.manifest is not None:
        # What was read of /sys/module is what was asked for: that a module is not among it says nothing.
        return None
    try:
        names = tree.entries_at("/sys/module", NAMES_LIMIT)
    except OSError:
        return None
    states: dict[str, Optional[str]] = {}
    for name in names:
        read = tree.read(f"/sys/module/{name}/initstate")
        states[name] = read.text.strip() if isinstance(read, Value) else None
    return states
