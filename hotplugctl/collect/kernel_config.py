"""The configuration of the running kernel: which file to believe, and the symbols that matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.packed import unzip
from hotplugctl.model.reads import Absent, Failure, Malformed, Read, Unrecorded, Value
from hotplugctl.parse import kconfig
from hotplugctl.source.tree import Tree

# The configs of distributions are some 300 KB; an allmodconfig stays below 1 MB.
LIMIT = 4 << 20
RUNNING = "/proc/config.gz"
_PCI, _HOTPLUG = "CONFIG_PCI", "CONFIG_HOTPLUG_PCI"
_TELLING = (_PCI, _HOTPLUG)


class KernelConfig(NamedTuple):
    """``symbols``: those of the wanted that the file at ``path`` names; ``failures``: the files that gave nothing."""

    path: Optional[str]
    symbols: Mapping[str, str]
    failures: tuple[Failure, ...]

    def line(self, symbol: str) -> str:
        """How the file writes a symbol."""
        value = self.symbols.get(symbol)
        if value is None:
            return f"{symbol} does not occur"
        return f"# {symbol} is not set" if value == "n" else f"{symbol}={value}"


def collect(tree: Tree, release: Optional[str], wanted: Iterable[str]) -> KernelConfig:
    """The first of /proc/config.gz, /boot/config-RELEASE, /lib/modules/RELEASE/config that belongs to this kernel."""
    failures: list[Failure] = []
    names = (*wanted, _PCI)
    for path in _candidates(release):
        read = unzip(tree.read(path, LIMIT), LIMIT) if path == RUNNING else tree.read(path, LIMIT)
        if isinstance(read, Value) and path != RUNNING:
            read = _of_this_kernel(read, release)
        if isinstance(read, Value):
            symbols = kconfig.symbols(read.data, names)
            if any(symbol.startswith(_TELLING) for symbol in symbols):
                return KernelConfig(path, symbols, tuple(failures))
            # An empty file, a fragment or the head of a config: that a symbol does not occur means nothing then.
            read = Malformed(path, f"names neither {_PCI} nor {_HOTPLUG}")
        failures.append(read)
    return KernelConfig(None, {}, tuple(failures))


def _candidates(release: Optional[str]) -> tuple[str, ...]:
    if release is None or "/" in release:
        return (RUNNING,)
    return (
        RUNNING,
        f"/boot/config-{release}",
        f"/lib/modules/{release}/config",
        f"/usr/lib/modules/{release}/config",
    )


def _of_this_kernel(read: Value, release: Optional[str]) -> Read:
    """A config whose header names another kernel proves nothing of this one.

    Distributions name 6.1.176 "6.1.0-50-amd64", so only the first two numbers are held against the release.
    """
    version = kconfig.version_of(read.data)
    if version is None or release is None or _series(version) == _series(release):
        return read
    return Malformed(read.path, f"the config of another kernel ({version[:40]})")


def _series(version: str) -> Optional[str]:
    found = re.match(r"\d{1,3}\.\d{1,3}", version)
    return None if found is None else found[0]


def unknown_reason(failures: Iterable[Failure]) -> Optional[Failure]:
    """Of several files that gave nothing, the one that explains best why the config is not known."""
    decisive = [failure for failure in failures if not isinstance(failure, (Absent, Unrecorded))]
    unrecorded = [failure for failure in failures if isinstance(failure, Unrecorded)]
    return next(iter(decisive + unrecorded + list(failures)), None)
