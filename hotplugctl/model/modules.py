"""Kernel modules: what is loaded, and what modprobe was told."""

from typing import NamedTuple, Optional


class LoadedModule(NamedTuple):
    """A line of ``/proc/modules``.

    ``size`` in bytes. ``refcount`` is None for a kernel that cannot unload modules (it prints ``-``). ``used_by`` are
    the modules that need this one. ``state`` is ``Live``, ``Loading`` or ``Unloading`` (``Live`` where the kernel is
    too old to say).
    """

    name: str
    size: int
    refcount: Optional[int]
    used_by: tuple[str, ...]
    state: str


class ModprobeConfig(NamedTuple):
    """A file of modprobe.d(5), in file order. Names are normalised (``-`` is ``_``), commands and options verbatim.

    ``alias`` holds (pattern, module); ``install``, ``remove`` (module, command); ``options`` and ``softdep``
    (module, text). ``unparsed`` counts lines with an unknown command or without what the command needs.
    """

    blacklist: tuple[str, ...]
    install: tuple[tuple[str, str], ...]
    remove: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]
    alias: tuple[tuple[str, str], ...]
    softdep: tuple[tuple[str, str], ...]
    unparsed: int
