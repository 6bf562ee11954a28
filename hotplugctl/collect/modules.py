"""Kernel modules: which are there, which claim a device, and which are forbidden by whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Failure, Read, Unrecorded, Value
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Modules
from hotplugctl.parse import modalias, modules
from hotplugctl.source.tree import Tree

# modules.alias of a distribution is 1.3 MB, modules.dep 0.5 MB.
LIMIT = 16 << 20
CMDLINE = "/proc/cmdline"
MODPROBE_D = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
LOAD_D = ("/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d")
# systemd-modules-load.service(8) and dracut.cmdline(7); the kernel takes - and _ in a key for the same.
_LOAD_PARAMETERS = ("modules-load", "rd.modules-load", "rd.driver.pre")


class Installed(NamedTuple):
    """What the kernel has or could have: loaded modules, built-in ones, and the files of modules.dep."""

    loaded: Optional[frozenset[str]]
    builtin: frozenset[str]
    files: Optional[Mapping[str, str]]
    sources: Mapping[str, str]


def directory_of(release: Optional[str]) -> Optional[str]:
    """Where modprobe looks: /lib/modules/RELEASE."""
    return None if release is None or "/" in release else f"/lib/modules/{release}"


def installed(tree: Tree, release: Optional[str], wanted: Collection[str], base: Optional[str] = None) -> Installed:
    """Of the ``wanted`` modules: which are loaded (/proc/modules), built in, or lie in /lib/modules or ``base``."""
    sources: dict[str, str] = {}
    loaded = _loaded(tree.read("/proc/modules"))
    base = base or directory_of(release)
    names: set[str] = set()
    files: Optional[Mapping[str, str]] = None
    if base is not None and wanted:
        for read, parse in (
            (tree.read(f"{base}/modules.builtin.modinfo", LIMIT), modules.builtin_modinfo_names),
            (
                tree.read(f"{base}/modules.builtin", LIMIT),
                lambda data: modules.builtin_names(data.decode("utf-8", "replace")),
            ),
        ):
            if isinstance(read, Value):
                fresh = parse(read.data) - names
                sources.update(dict.fromkeys(fresh, read.path))
                names |= fresh
        dep = tree.read(f"{base}/modules.dep", LIMIT)
        files = modules.dep_paths(dep.data, wanted) if isinstance(dep, Value) else None
    return Installed(loaded, frozenset(names), files, sources)


def _loaded(read: Read) -> Optional[frozenset[str]]:
    if isinstance(read, Value):
        return frozenset(module.name for module in modules.parse_proc_modules(read.text))
    # A kernel without CONFIG_MODULES has no /proc/modules: nothing is loaded.
    return frozenset() if isinstance(read, Absent) else None


def autoload(
    tree: Tree, cmdline: Optional[CommandLine], wanted: Iterable[str], source: str = CMDLINE
) -> Mapping[str, tuple[str, ...]]:
    """Module → the files that will load it at boot, in the order in which they are read; ``source`` of ``cmdline``."""
    left = frozenset(wanted)
    found: dict[str, list[str]] = {}

    def note(names: Iterable[str], path: str) -> None:
        for name in names:
            if name in left and path not in found.setdefault(name, []):
                found[name].append(path)

    read = tree.read("/etc/modules")
    if isinstance(read, Value):
        note(modules.load_list(read.text), read.path)
    for read in texts(tree, LOAD_D, ".conf"):
        # Debian links modules-load.d/modules.conf to /etc/modules: one file.
        if not (read.path.endswith("/modules.conf") and tree.resolve(read.path) == "/etc/modules"):
            note(modules.load_list(read.text), read.path)
    for read in texts(tree, ("/etc/sysconfig/modules",), ".modules"):
        note(modules.sysconfig_modules(read.text), read.path)
    for key in _LOAD_PARAMETERS if cmdline is not None else ():
        assert cmdline is not None
        note((modules.normalise(name) for name in cmdline.comma(key)), f"{source}:{key}")
    return {name: tuple(paths) for name, paths in found.items()}


def texts(tree: Tree, directories: Iterable[str], suffix: str) -> Iterable[Value]:
    """The files of drop-in directories; one that hides another of the same name in a later directory wins."""
    seen: set[str] = set()
    for directory in directories:
        listing = tree.names(directory)
        for name in listing.names if isinstance(listing, Names) else ():
            if name.endswith(suffix) and name not in seen:
                # A link to /dev/null is how a file of a later directory is switched off: it is not read, and hides it.
                seen.add(name)
                read = tree.read(f"{directory}/{name}")
                if isinstance(read, Value):
                    yield read


def forbidden(tree: Tree, cmdline: Optional[CommandLine], source: str = CMDLINE) -> Mapping[str, Evidence]:
    """Module → what forbids it, the strongest first: ``module_blacklist=`` (the kernel itself refuses it), ``install``
    with a command that loads nothing (modprobe refuses it), ``blacklist`` and ``modprobe.blacklist=`` (only loading by
    alias is refused). Kernel-parameters.txt, modprobe.d(5). What dracut's ``rd.driver.blacklist=`` forbids, it forbids
    in the initial RAM disk alone.
    """
    found: dict[str, Evidence] = {}
    rules = [(read.path, modules.parse_modprobe(read.text)) for read in texts(tree, MODPROBE_D, ".conf")]
    _note_parameter(cmdline, "module_blacklist", source, found)
    for path, said in rules:
        for name, command in said.install:
            if _refuses(command):
                found.setdefault(name, Evidence(path, f"install {name} {command}"))
    _note_parameter(cmdline, "modprobe.blacklist", source, found)
    for path, said in rules:
        for name in said.blacklist:
            found.setdefault(name, Evidence(path, f"blacklist {name}"))
    return found


def _note_parameter(cmdline: Optional[CommandLine], key: str, source: str, found: dict[str, Evidence]) -> None:
    for name in cmdline.comma(key) if cmdline is not None else ():
        found.setdefault(modules.normalise(name), Evidence(source, f"{key}={name}"))


def _refuses(command: str) -> bool:
    first = command.split(None, 1)[0] if command.strip() else ""
    return first.rpartition("/")[2] in ("true", "false", ":", "exit")


def matches(
    tree: Tree, release: Optional[str], modaliases: Iterable[str]
) -> tuple[Mapping[str, tuple[str, ...]], Optional[Failure]]:
    """Modalias → the modules of this kernel that claim it, by /lib/modules/RELEASE/modules.alias."""
    base = directory_of(release)
    if base is None:
        return {}, Unrecorded("/lib/modules")
    read = tree.read(f"{base}/modules.alias", LIMIT)
    if isinstance(read, Value):
        return modalias.match(read.data, modaliases), None
    return {}, read


def builtin_matches(tree: Tree, release: Optional[str], modaliases: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Modalias → the built-in drivers that claim it, by modules.builtin.modinfo (kernel 5.2 and later)."""
    base = directory_of(release)
    read = tree.read(f"{base}/modules.builtin.modinfo", LIMIT) if base is not None else None
    if not isinstance(read, Value):
        return {}
    lines = "".join(f"alias {alias} {name}\n" for alias, name in modules.builtin_modinfo_aliases(read.data))
    return modalias.match(lines.encode("utf-8", "replace"), modaliases)


def collect(
    tree: Tree,
    release: Optional[str],
    cmdline: Optional[CommandLine],
    modaliases: Iterable[str],
    loaded: Optional[frozenset[str]],
) -> Modules:
    """What ``check`` needs to know of modules; the big files are read only where a device has no driver."""
    wanted = tuple(modaliases)
    claimed: Mapping[str, tuple[str, ...]] = {}
    failure: Optional[Failure] = None
    built_in: set[str] = set()
    if wanted:
        claimed, failure = matches(tree, release, wanted)
        inside = builtin_matches(tree, release, wanted)
        claimed = {alias: (*claimed.get(alias, ()), *inside.get(alias, ())) for alias in {**claimed, **inside}}
        built_in.update(*inside.values())
    source = f"{directory_of(release) or '/lib/modules'}/modules.alias"
    return Modules(claimed, failure, forbidden(tree, cmdline), (loaded or frozenset()) | built_in, source)
