"""An image that does not run: its kernels, which of them boots by default and with what command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from hotplugctl.collect import image_boot, image_drivers, image_loading, kernel_config, mechanisms, modules
from hotplugctl.collect.guest import ARCHITECTURE_SYMBOLS
from hotplugctl.collect.image_boot import Boot, Entry
from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.image import BootLine, Forbids, Image, Kernel
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Unrecorded, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Mechanism
from hotplugctl.parse import assignments, fstab, release
from hotplugctl.parse import cmdline as cmdline_grammar
from hotplugctl.parse.modules import normalise
from hotplugctl.source.tree import Tree

KERNELS_LIMIT = 64
"""Kernels of an image that are looked at: the default and the newest."""

LINES_LIMIT = 16
"""Command lines that are kept of one kernel."""

# Each entry is held against each of them.
_MATCHED_LIMIT = 1024
_FOLDERS = ("/lib/modules", "/usr/lib/modules")
_BOOT_FOLDERS = ("/boot", "/boot/efi", "/efi")
_FILES = ("vmlinuz", "vmlinux", "Image", "bzImage", "zImage", "kernel")
_LINKS = ("/vmlinuz", "/boot/vmlinuz", "/boot/Image", "/boot/vmlinux")
_MAIN = tuple(name for name, _ in mechanisms.MAIN)


class _Files(NamedTuple):
    """Where kernels are: release → its folder of modules, and release → its file (None: none was found)."""

    folders: dict[str, str]
    images: dict[str, str]
    boot: tuple[str, ...]


def collect(tree: Tree) -> Image:
    """Everything that the image decides. Of more kernels than ``KERNELS_LIMIT`` the rest is only counted."""
    files = _files(tree)
    boot = image_boot.collect(tree)
    every = sorted({*files.folders, *files.images, *_configured(files.boot)}, key=release.order, reverse=True)
    releases = every[:_MATCHED_LIMIT]
    by_entry = [(entry, _release_of(tree, entry.kernel, releases)) for entry in boot.entries]
    default, why = _default(tree, files, boot, by_entry, releases)
    unmounted = _unmounted(tree)
    looked = sorted(releases, key=lambda name: name != default)[:KERNELS_LIMIT]
    kernels = tuple(
        _kernel(tree, name, files, boot, _entries_of(name, by_entry), _is(name, default), bool(unmounted))
        for name in sorted(looked, key=release.order, reverse=True)
    )
    templates = tuple(_template(template.source, template.text, False) for template in boot.templates)
    return Image(
        kernels,
        why,
        boot.loaders,
        boot.failures,
        unmounted,
        templates,
        len(every) - len(looked),
        _distribution(tree),
    )


def _is(name: str, default: Optional[str]) -> Optional[bool]:
    return None if default is None else name == default


def _names(tree: Tree, path: str) -> tuple[str, ...]:
    listing = tree.names(path)
    return listing.names if isinstance(listing, Names) else ()


def _files(tree: Tree) -> _Files:
    folders: dict[str, str] = {}
    for top in _FOLDERS:
        for name in _names(tree, top):
            if release.is_release(name) and tree.kind_of(f"{top}/{name}") in ("dir", "link"):
                folders.setdefault(name, f"{top}/{name}")
    boot = _names(tree, "/boot")
    images: dict[str, str] = {}
    for name in boot:
        kind, _, rest = name.partition("-")
        if kind in _FILES and release.is_release(rest) and not rest.startswith("0-rescue"):
            images.setdefault(rest, f"/boot/{name}")
    for name, folder in folders.items():
        if name not in images and isinstance(tree.resolve(f"{folder}/vmlinuz"), str):
            images[name] = f"{folder}/vmlinuz"
    return _Files(folders, images, boot)


def _configured(boot: Iterable[str]) -> Iterable[str]:
    for name in boot:
        kind, _, rest = name.partition("-")
        if kind == "config" and release.is_release(rest):
            yield rest


def _release_of(tree: Tree, path: str, releases: Sequence[str]) -> Optional[str]:
    """The kernel that an entry's path means: by its name, by a folder on the way, by the flavour, by where it links."""
    found = _by_name(path, releases)
    if found is None:
        for top in ("", "/boot"):
            link = tree.link(f"{top}/{path.lstrip('/')}")
            if isinstance(link, Value):
                found = found or _by_name(link.text, releases)
    if found is None and len(releases) == 1 and path.rpartition("/")[2].partition("-")[0] in (*_FILES, "linux"):
        # One kernel, and a name that is no other's.
        rest = release.of_file(path)
        return releases[0] if rest is None or not release.is_release(rest) else None
    return found


def _by_name(path: str, releases: Sequence[str]) -> Optional[str]:
    name = path.rpartition("/")[2]
    rest = release.of_file(path)
    if rest in releases:
        return rest
    on_the_way = next((part for part in path.split("/")[:-1] if part in releases), None)
    if on_the_way is not None:
        return on_the_way
    if rest is not None and not release.is_release(rest):
        # Alpine's vmlinuz-lts is the kernel 6.6.4-0-lts.
        return next((known for known in releases if known.endswith(f"-{rest}")), None)
    return next((known for known in releases if known in name), None) if len(name) <= _NAME_LIMIT else None


_NAME_LIMIT = 512


def _default(
    tree: Tree, files: _Files, boot: Boot, entries: Sequence[tuple[Entry, Optional[str]]], releases: Sequence[str]
) -> tuple[Optional[str], Optional[Evidence]]:
    """The kernel that boots by itself, and what says so."""
    for entry, name in entries:
        if entry.default:
            return name, Evidence(entry.source, f"{entry.title}: {entry.kernel}")
    if boot.newest is not None and files.images and not boot.failures:
        name = max(files.images, key=release.order)
        return name, Evidence(boot.newest, f"GRUB_DEFAULT is the first entry, and {name} the newest kernel")
    for path in _LINKS:
        link = tree.link(path)
        name = _by_name(link.text, releases) if isinstance(link, Value) else None
        if name is not None and isinstance(link, Value):
            return name, Evidence(path, f"-> {link.text}")
    if len(releases) == 1:
        return releases[0], Evidence(files.folders.get(releases[0]) or "/boot", "the only kernel")
    return None, None


def _entries_of(name: str, entries: Sequence[tuple[Entry, Optional[str]]]) -> list[Entry]:
    """The default first, then in the order of the menu."""
    return sorted((entry for entry, known in entries if known == name), key=lambda entry: not entry.default)


def _kernel(
    tree: Tree,
    name: str,
    files: _Files,
    boot: Boot,
    entries: Sequence[Entry],
    default: Optional[bool],
    unmounted: bool,
) -> Kernel:
    base = files.folders.get(name)
    lines = [_line(entry) for entry in entries[:LINES_LIMIT]]
    lines = sorted(lines, key=lambda line: (not line.default, line.recovery))
    lines += [_template(item.source, item.text, _of_template(boot, default)) for item in boot.templates]
    first = lines[0] if lines else None
    cmdline = cmdline_grammar.parse(first.text) if first is not None and first.text is not None else None
    source = first.source if first is not None else modules.CMDLINE
    config = kernel_config.collect(tree, name, (*mechanisms.SYMBOLS, *ARCHITECTURE_SYMBOLS, *image_drivers.SYMBOLS))
    there = modules.installed(tree, name, (*mechanisms.undecided(config), *image_drivers.NAMES), base)
    forbidden = modules.forbidden(tree, cmdline, source)
    autoload = image_loading.autoload(tree, base, cmdline, source, mechanisms.MODULES)
    seen = mechanisms.Witnesses(config, there, autoload, forbidden, cmdline, {}, frozenset(), source)
    core, others = _without_pci(mechanisms.collect(tree, seen), cmdline, source)
    unknown: dict[str, str] = {}
    image = files.images.get(name) or _other_file(tree, name, files.boot, entries)
    bootable = True if image is not None else None if unmounted else False
    if bootable is None:
        unknown["bootable"] = "/boot: a partition of its own, and not mounted here"
    if default is None:
        unknown["default"] = "no boot loader's configuration says which kernel boots"
    if config.path is None:
        failure = kernel_config.unknown_reason(config.failures)
        if failure is not None and not isinstance(failure, (Absent, Unrecorded)):
            unknown["config"] = reason(failure)
    drivers = image_drivers.collect(tree, base, config, there, forbidden)
    return Kernel(name, default, bootable, core, others, drivers, tuple(lines), config.path, base, unknown)


def _of_template(boot: Boot, default: Optional[bool]) -> Optional[bool]:
    """Whether entries yet to be made are what boots: they are where there are no others."""
    return None if boot.failures else default if not boot.entries else False


def _other_file(tree: Tree, name: str, boot: Iterable[str], entries: Iterable[Entry]) -> Optional[str]:
    """A kernel whose file does not bear its release: a flavour's, one that an entry names, a unified image."""
    for file in boot:
        kind, dash, rest = file.partition("-")
        if kind in _FILES and (not dash or (not rest[:1].isdigit() and name.endswith(f"-{rest}"))):
            return f"/boot/{file}"
    for entry in entries:
        if entry.text is None:
            return entry.source
        for top in ("", *_BOOT_FOLDERS):
            path = f"{top}/{entry.kernel.lstrip('/')}"
            if isinstance(tree.resolve(path), str):
                return path
    return None


def _without_pci(
    found: tuple[Mechanism, tuple[Mechanism, ...]], cmdline: Optional[CommandLine], source: str
) -> tuple[Mechanism, tuple[Mechanism, ...]]:
    """With pci=off there is no PCI bus, so no mechanism either."""
    if cmdline is None or "off" not in cmdline.comma("pci"):
        return found
    why = Evidence(source, "pci=off")
    core, others = found
    return core, tuple(
        item
        if item.state == "absent"
        else item._replace(
            state="disabled", blocked_by=f"pci=off ({source})", present=item.present, evidence=(why, *item.evidence)
        )
        for item in others
    )


def _line(entry: Entry) -> BootLine:
    recovery = any(word in entry.title.lower() for word in ("recovery", "rescue")) or any(
        word in ("single", "emergency", "rescue") for word in (entry.text or "").split()
    )
    unknown = {"text": entry.why} if entry.text is None else {}
    return BootLine(
        entry.source, entry.title, entry.default, entry.text, _forbids(entry.text), recovery and not entry.default,
        unknown,
    )  # fmt: skip


def _template(source: str, text: str, default: Optional[bool]) -> BootLine:
    unknown = {"default": "no entry was made of it yet"} if default is None else {}
    return BootLine(source, None, default, text, _forbids(text), False, unknown)


def _forbids(text: Optional[str]) -> tuple[Forbids, ...]:
    """The parameters that keep a mechanism or a driver from working."""
    found: dict[str, list[str]] = {}
    line = cmdline_grammar.parse(text or "")
    for name in _MAIN:
        for parameter in mechanisms.parameters_against(name, line):
            found.setdefault(parameter, []).append(name)
    if "off" in line.comma("pci"):
        found["pci=off"] = list(_MAIN)
    for key in ("module_blacklist", "modprobe.blacklist"):
        for word in line.comma(key):
            name = normalise(word)
            if name in mechanisms.MODULES or name in image_drivers.NAMES:
                found.setdefault(f"{key}={word}", []).append(name)
    return tuple(Forbids(parameter, tuple(dict.fromkeys(names))) for parameter, names in found.items())


def _unmounted(tree: Tree) -> tuple[Evidence, ...]:
    """The boot partitions of /etc/fstab that are not mounted here: there is nothing in their folders."""
    read = tree.read("/etc/fstab")
    points = fstab.mount_points(read.text) if isinstance(read, Value) else ()
    return tuple(
        Evidence("/etc/fstab", point)
        for point in points
        if point in _BOOT_FOLDERS and not [name for name in _names(tree, point) if name not in _NOTHING]
    )


_NOTHING = ("lost+found", "efi", "grub", "grub2")


def _distribution(tree: Tree) -> Optional[str]:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        read = tree.read(path)
        if isinstance(read, Value):
            return assignments.parse(read.text).get("ID") or None
    return None
