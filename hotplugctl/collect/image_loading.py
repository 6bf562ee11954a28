"""What an image will load at boot beside modules-load.d: the lists of initial RAM disks, and soft dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.collect import modules as loading
from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.reads import Value
from hotplugctl.parse import assignments, modules
from hotplugctl.source.tree import Tree

_DRACUT = ("/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d")


def autoload(
    tree: Tree, base: Optional[str], cmdline: Optional[CommandLine], source: str, wanted: Iterable[str]
) -> Mapping[str, tuple[str, ...]]:
    """Module → the files that will load it; ``base``: the kernel's folder in /lib/modules.

    initramfs-tools(7) loads what its ``modules`` lists, dracut what is in ``force_drivers`` (``add_drivers`` only
    packs it), mkinitcpio what is in MODULES. What a soft dependency of any of these names is loaded too.
    """
    names = frozenset(wanted)
    softdeps = _softdeps(tree, base)
    asked = names.union(name for name, (_, needed) in softdeps.items() if names.intersection(needed))
    found = {name: list(paths) for name, paths in loading.autoload(tree, cmdline, asked, source).items()}
    for path, listed in _of_initramfs(tree):
        for name in listed:
            if name in asked:
                found.setdefault(name, []).append(path)
    for name, (path, needed) in softdeps.items():
        for module in needed if found.get(name) else ():
            if module in names and path not in found.setdefault(module, []):
                found[module].append(path)
    return {name: tuple(paths) for name, paths in found.items() if name in names and paths}


def _softdeps(tree: Tree, base: Optional[str]) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Module → file, and what it asks for. modprobe.d goes before what modules say of themselves."""
    reads = list(loading.texts(tree, loading.MODPROBE_D, ".conf"))
    own = tree.read(f"{base}/modules.softdep") if base is not None else None
    if isinstance(own, Value):
        reads.append(own)
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for read in reads:
        for name, text in modules.parse_modprobe(read.text).softdep:
            found.setdefault(name, (read.path, modules.softdep_names(text)))
    return found


def _of_initramfs(tree: Tree) -> Iterable[tuple[str, tuple[str, ...]]]:
    read = tree.read("/etc/initramfs-tools/modules")
    if isinstance(read, Value):
        yield read.path, modules.load_list(read.text)
    plain = [tree.read(path) for path in ("/etc/dracut.conf", "/etc/mkinitcpio.conf")]
    for one in (*plain, *loading.texts(tree, _DRACUT, ".conf")):
        if isinstance(one, Value):
            values = assignments.parse(one.text)
            key = "MODULES" if one.path.endswith("/mkinitcpio.conf") else "force_drivers"
            yield one.path, tuple(modules.normalise(name) for name in values.get(key, "").split())
