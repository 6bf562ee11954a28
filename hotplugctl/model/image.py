"""The image of a guest that does not run: its kernels, what boots them and how, and the drivers that each has."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.reads import Failure
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Mechanism

DRIVER_STATES = ("builtin", "module", "missing", "blacklisted", "unknown")


class Forbids(NamedTuple):
    """A parameter of a command line and what it keeps from working (``acpiphp``, ``virtio_net``)."""

    parameter: str
    what: tuple[str, ...]


class BootLine(NamedTuple):
    """A command line with which something would boot a kernel.

    ``source``: the file that holds it; ``entry``: the menu entry's title, None where it is a template that no entry was
    made of yet (``/etc/default/grub``). ``default``: it is what boots by itself; None: not known. ``text`` None:
    unknown, and ``unknown`` says why. ``recovery``: an entry that boots for repairs.
    """

    source: str
    entry: Optional[str]
    default: Optional[bool]
    text: Optional[str]
    forbids: tuple[Forbids, ...]
    recovery: bool
    unknown: Mapping[str, str]


class Driver(NamedTuple):
    """A driver that a hot-plugged device needs. ``purpose``: which device; ``common``: one that most hosts give.

    ``state``: builtin, module (its file and all that it depends on are there), missing, blacklisted or unknown.
    """

    name: str
    purpose: str
    common: bool
    state: str
    evidence: tuple[Evidence, ...]
    unknown: Mapping[str, str]


class Kernel(NamedTuple):
    """One kernel of an image. ``default``: it boots by itself, None: not known. ``bootable``: its file is there.

    ``config``, ``modules``: its configuration file and its folder in /lib/modules, None where there is none.
    ``lines``: its command lines, the one with which it boots first; ``core`` and ``mechanisms`` are as they are then.
    """

    release: str
    default: Optional[bool]
    bootable: Optional[bool]
    core: Mechanism
    mechanisms: tuple[Mechanism, ...]
    drivers: tuple[Driver, ...]
    lines: tuple[BootLine, ...]
    config: Optional[str]
    modules: Optional[str]
    unknown: Mapping[str, str]

    def mechanism(self, name: str) -> Optional[Mechanism]:
        """The mechanism of that name."""
        return next((item for item in self.mechanisms if item.name == name), None)

    def serves(self, name: str) -> Optional[bool]:
        """Whether a mechanism will be at work in this kernel once it is booted; None: not known."""
        found = self.mechanism(name)
        if found is None or self.core.state in ("absent", "disabled"):
            return False
        if found.state == "loadable":
            return bool(found.autoload)
        return None if found.state == "unknown" else found.state in ("builtin", "loaded")


class Image(NamedTuple):
    """All that an image decides.

    ``why``: what tells which kernel boots by default. ``loaders``: the boot loaders' files that were read;
    ``failures``: those that could not be. ``unmounted``: partitions that /etc/fstab puts where boot files belong, and
    nothing is there.
    ``templates``: command lines of entries yet to be made. ``more``: kernels that were not looked at, being too many.
    ``distribution``: ID of os-release.
    """

    kernels: tuple[Kernel, ...]
    why: Optional[Evidence]
    loaders: tuple[str, ...]
    failures: tuple[Failure, ...]
    unmounted: tuple[Evidence, ...]
    templates: tuple[BootLine, ...]
    more: int
    distribution: Optional[str]

    @property
    def default(self) -> Optional[Kernel]:
        """The kernel that boots by default, None where that is not known."""
        return next((kernel for kernel in self.kernels if kernel.default), None)
