"""What boots an image: the entries of its boot loaders, in the order of their menus, and which is the default.

GRUB 2 (``grub.cfg``, ``grubenv``, ``blscfg``), systemd-boot (``loader/entries``, and the names of unified kernel
images, which are too large to be read for one section), GRUB 0.97 (``menu.lst``), SYSLINUX's family;
``/etc/default/grub`` and ``/etc/kernel/cmdline`` for entries yet to be made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple, Optional

from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Absent, Failed, Failure, NotRegular, Unrecorded, Value
from hotplugctl.parse import assignments, bls, grub, grub_legacy, release, syslinux
from hotplugctl.source.tree import Tree

LIMIT = 4 << 20
"""Bytes of one boot loader's file at most; a menu of a thousand kernels takes half of that."""

FILES_LIMIT = 64
"""Scripts that one boot loader reads at most, by ``source`` and ``include``, and drop-in files of a folder."""

ENTRIES_LIMIT = 4096
"""Menu entries of an image at most, and of files in ``loader/entries`` the last by name: those of the newest."""

_BOOTS = ("/boot", "/boot/efi", "/efi")
_GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
_LEGACY = ("/boot/grub/menu.lst", "/boot/grub/grub.conf", "/boot/boot/grub/menu.lst")
_SYSLINUX = (
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux.cfg",
    "/syslinux/syslinux.cfg",
    "/boot/isolinux/isolinux.cfg",
    "/isolinux/isolinux.cfg",
)
_LINE_KEYS = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
_UKI = "a unified kernel image holds its command line itself, in its section .cmdline, which is not read"


class Entry(NamedTuple):
    """A menu entry: where it was read, its title, the path or name of its kernel, its command line (None: unknown)."""

    source: str
    title: str
    kernel: str
    text: Optional[str]
    default: bool
    why: str


class Template(NamedTuple):
    """A command line for entries to come; ``recovery``: what only some of them get is not in it."""

    source: str
    text: str


class Boot(NamedTuple):
    """``entries`` of all boot loaders; ``newest``: /etc/default/grub says that the first, so the newest, is booted."""

    entries: tuple[Entry, ...]
    loaders: tuple[str, ...]
    failures: tuple[Failure, ...]
    templates: tuple[Template, ...]
    newest: Optional[str]


def collect(tree: Tree) -> Boot:
    """Everything that would boot a kernel of this image."""
    reader = _Reader(tree)
    found = reader.of_grub() or reader.of_loader() or ()
    found = found or reader.of_legacy() or reader.of_syslinux()
    templates, newest = reader.templates()
    return Boot(found, tuple(reader.loaders), tuple(reader.failures), templates, newest)


class _Reader:
    def __init__(self, tree: Tree) -> None:
        self.loaders: list[str] = []
        self.failures: list[Failure] = []
        self._tree = tree
        self._seen: set[str] = set()

    def _read(self, path: str) -> Optional[Value]:
        """A file once, by whatever path; None where it is not there or cannot be read (noted)."""
        spot = self._tree.resolve(path)
        if isinstance(spot, str):
            if spot in self._seen or len(self._seen) >= FILES_LIMIT + ENTRIES_LIMIT:
                return None
            self._seen.add(spot)
        read = self._tree.read(path, LIMIT)
        if isinstance(read, Value):
            return read
        if not isinstance(read, (Absent, Unrecorded, NotRegular)):
            self.failures.append(read)
        return None

    def _names(self, path: str) -> tuple[str, ...]:
        listing = self._tree.names(path)
        if isinstance(listing, Names):
            return listing.names
        if not isinstance(listing, (Absent, Unrecorded, Failed)):
            self.failures.append(listing)
        return ()

    # GRUB.

    def of_grub(self) -> tuple[Entry, ...]:
        """The entries of the first grub.cfg that is there."""
        # The EFI partition is often root's alone: it is looked at only where nothing else is there.
        vendors = (f"{top}/EFI/{name}/grub.cfg" for top in _BOOTS[1:] for name in self._names(f"{top}/EFI"))
        for path in chain(_GRUB, vendors):
            read = self._read(path)
            if read is not None:
                self.loaders.append(path)
                return self._script(path, read)
        return ()

    def _script(self, path: str, first: Value) -> tuple[Entry, ...]:
        folder = path.rpartition("/")[0]
        block = self._read(f"{folder}/grubenv")
        given = grub.environment(block.text) if block is not None else {}
        variables: Mapping[str, str] = {"prefix": folder, "config_directory": folder}
        default: Optional[str] = None
        waiting = [first]
        found: list[tuple[str, grub.Entry]] = []
        base = 0
        while waiting and len(found) < ENTRIES_LIMIT:
            read = waiting.pop(0)
            script = grub.parse(read.text, given, variables)
            variables = script.variables
            default = script.default if script.default is not None else default
            entries = [(read.path, _moved(entry, base)) for entry in script.entries]
            if script.bls is not None:
                entries = self._with_bls(entries, script.bls + base, variables)
            base = max([base, *(entry.place[0] + 1 for _, entry in entries)])
            found += entries
            waiting += self._sourced(script.sources, folder)
        del found[ENTRIES_LIMIT:]
        chosen = _chosen([entry for _, entry in found], default or "0")
        return tuple(
            Entry(source, _title(entry), entry.kernel, entry.text, entry is chosen, f"default {default or '0'}")
            for source, entry in found
        )

    def _sourced(self, paths: Iterable[str], folder: str) -> list[Value]:
        """The scripts that one reads; a path without its device can be one of the boot partition."""
        reads = []
        for name in paths:
            path = re.sub(r"^\([^)]*\)", "", name)
            if "//" in f"{path}/" or not path:
                path = path.replace("//", "/")
            for candidate in (path, f"/boot{path}") if path.startswith("/") else (f"{folder}/{path}",):
                read = self._read(candidate) if len(self.loaders) <= FILES_LIMIT else None
                if read is not None:
                    self.loaders.append(candidate)
                    reads.append(read)
                    break
        return reads

    def _with_bls(
        self, entries: list[tuple[str, grub.Entry]], place: int, variables: Mapping[str, str]
    ) -> list[tuple[str, grub.Entry]]:
        """The entries of loader/entries where ``blscfg`` puts them, the newest first."""
        made = []
        for number, (name, entry) in enumerate(self._entries("/boot")):
            text = " ".join(grub.expand(entry.options, variables).split())
            menu = grub.Entry((place + number,), (entry.title or name,), (name,), entry.kernel or "", text)
            made.append((f"/boot/loader/entries/{name}.conf", menu))
        moved = [(source, _moved(entry, len(made)) if entry.place[0] >= place else entry) for source, entry in entries]
        return sorted(made + moved, key=lambda pair: pair[1].place)

    def _entries(self, top: str) -> list[tuple[str, bls.Entry]]:
        """The files of loader/entries by their names without ``.conf``, the newest first."""
        folder = f"{top}/loader/entries"
        found = []
        for name in [name for name in self._names(folder) if name.endswith(".conf")][-ENTRIES_LIMIT:]:
            read = self._read(f"{folder}/{name}")
            entry = bls.entry(read.text) if read is not None else None
            if entry is not None and entry.kernel:
                found.append((name[:-5], entry))
        return sorted(found, key=lambda pair: (release.order(pair[1].version), release.order(pair[0])), reverse=True)

    # systemd-boot.

    def of_loader(self) -> tuple[Entry, ...]:
        """The entries of systemd-boot: those of loader/entries, and unified kernel images."""
        found: list[Entry] = []
        pattern: Optional[str] = None
        for top in _BOOTS:
            conf = self._read(f"{top}/loader/loader.conf")
            if conf is not None:
                self.loaders.append(conf.path)
                pattern = bls.default(conf.text) or pattern
            for name, entry in self._entries(top):
                source = f"{top}/loader/entries/{name}.conf"
                text = None if entry.efi else " ".join(entry.options.split())
                found.append(Entry(source, entry.title or name, entry.kernel or "", text, False, _UKI))
            for name in self._names(f"{top}/EFI/Linux"):
                if name.lower().endswith(".efi"):
                    found.append(Entry(f"{top}/EFI/Linux/{name}", name, name[:-4], None, False, _UKI))
        if found and not self.loaders:
            self.loaders.append(found[0].source.rpartition("/")[0])
        number = _matching([entry.source.rpartition("/")[2] for entry in found], pattern)
        why = f"default {pattern}" if pattern else "the first entry"
        return tuple(
            entry._replace(default=place == number, why=entry.why if entry.text is None else why)
            for place, entry in enumerate(found)
        )

    # GRUB 0.97.

    def of_legacy(self) -> tuple[Entry, ...]:
        """The titles of the first menu that is there, but for those that boot no kernel."""
        for path in _LEGACY:
            read = self._read(path)
            if read is not None:
                self.loaders.append(path)
                return self._titles(path, grub_legacy.parse(read.text))
        return ()

    def _titles(self, path: str, menu: grub_legacy.Menu) -> tuple[Entry, ...]:
        default = menu.default or "0"
        if default == "saved":
            kept = self._read(f"{path.rpartition('/')[0]}/default")
            default = grub_legacy.saved(kept.text) or default if kept is not None else default
        # The first is booted where there is none of that number, and where nothing was saved.
        number = int(default) if default.isdecimal() and len(default) < 5 else 0
        number = number if number < len(menu.entries) else 0
        return tuple(
            Entry(path, entry.title or "no title", entry.kernel, entry.text, place == number, f"default {default}")
            for place, entry in enumerate(menu.entries)
            if entry.kernel
        )

    # SYSLINUX and its family.

    def of_syslinux(self) -> tuple[Entry, ...]:
        """The labels of the first configuration that is there, and of what it includes."""
        for path in _SYSLINUX:
            read = self._read(path)
            if read is not None:
                self.loaders.append(path)
                return self._labels(path.rpartition("/")[0], read)
        return ()

    def _labels(self, folder: str, first: Value) -> tuple[Entry, ...]:
        waiting = [first]
        found: list[tuple[str, syslinux.Entry]] = []
        default: Optional[str] = None
        while waiting and len(found) < ENTRIES_LIMIT:
            read = waiting.pop(0)
            menu = syslinux.parse(read.text)
            default = default or menu.default
            found += [(read.path, entry) for entry in menu.entries]
            for name in menu.sources[:FILES_LIMIT]:
                here = len(self.loaders) <= FILES_LIMIT
                more = self._read(name if name.startswith("/") else f"{folder}/{name}") if here else None
                if more is not None:
                    self.loaders.append(more.path)
                    waiting.append(more)
        del found[ENTRIES_LIMIT:]
        labels = [entry.label.lower() for _, entry in found]
        # Where the default is a menu, its first entry is what its time-out boots.
        number = labels.index(default.lower()) if default and default.lower() in labels else 0
        return tuple(
            Entry(source, entry.title, entry.kernel, entry.text, place == number, f"default {default or labels[0]}")
            for place, (source, entry) in enumerate(found)
        )

    # What entries will be made of.

    def templates(self) -> tuple[tuple[Template, ...], Optional[str]]:
        """The command lines that update-grub and kernel-install will write, and the file by which the newest boots."""
        found = []
        values: dict[str, str] = {}
        path = "/etc/default/grub"
        read = self._read(path)
        last = path
        drop_ins = [self._read(f"{path}.d/{name}") for name in self._names(f"{path}.d") if name.endswith(".cfg")]
        for one in (read, *drop_ins[:FILES_LIMIT]):
            before = [values.get(key) for key in _LINE_KEYS]
            values = assignments.parse(one.text, values) if one is not None else values
            if one is not None and before != [values.get(key) for key in _LINE_KEYS]:
                last = one.path
        words = (values.get(key, "") for key in _LINE_KEYS)
        if values:
            found.append(Template(last, " ".join(" ".join(words).split())[: grub.LINE_LIMIT]))
        for path in ("/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"):
            plain = self._read(path)
            if plain is not None:
                found.append(Template(path, " ".join(plain.text.split())[: grub.LINE_LIMIT]))
                break
        first = values.get("GRUB_DEFAULT", "0").strip() in ("0", "", "saved")
        return tuple(found), last if values and first else None


def _moved(entry: grub.Entry, by: int) -> grub.Entry:
    return entry._replace(place=(entry.place[0] + by, *entry.place[1:]))


def _title(entry: grub.Entry) -> str:
    return " > ".join(filter(None, entry.titles)) or "no title"


def _chosen(entries: list[grub.Entry], default: str) -> Optional[grub.Entry]:
    """The entry that GRUB boots by itself: by number, title or id, with ``>`` between the levels of menus."""
    parts = default.split(">")
    for entry in entries:
        levels = list(zip(entry.place, entry.titles, entry.ids))
        if len(parts) <= len(levels) and all(_is(part, *level) for part, level in zip(parts, levels)):
            return entry
    for entry in entries:
        if default in (entry.titles[-1], entry.ids[-1]):
            return entry
    # GRUB boots the first where there is no such entry.
    return entries[0] if entries else None


def _is(part: str, place: int, title: str, identifier: str) -> bool:
    text = part.strip()
    return bool(text) and text in (str(place), title, identifier)


def _matching(names: list[str], pattern: Optional[str]) -> int:
    """The first that the pattern fits, as systemd-boot tries it: with ``.conf`` or without; else the first of all."""
    if pattern is None or len(pattern) > _PATTERN_LIMIT or pattern.count("*") > _STARS_LIMIT:
        return 0
    import fnmatch

    for number, name in enumerate(names):
        for spelled in (name, name.rpartition(".")[0]):
            if fnmatch.fnmatchcase(spelled.lower(), pattern.lower()):
                return number
    return 0


_PATTERN_LIMIT = 256
_STARS_LIMIT = 4
