"""Files about kernel modules: ``/proc/modules``, ``/lib/modules/*/modules.*`` and the lists of what to load at boot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.modules import LoadedModule, ModprobeConfig

_STATES = ("Live", "Loading", "Unloading")
_DIGITS = 20
_DEP_LOOKUPS = 12


def normalise(name: str) -> str:
    """The name as the kernel spells it: ``-`` and ``_`` are the same to modprobe, and ``_`` is what /sys shows."""
    return name.replace("-", "_")


def parse_proc_modules(text: str) -> tuple[LoadedModule, ...]:
    """``/proc/modules`` (kernel/module/procfs.c, ``m_show``); lines that are no module are skipped.

    The name, the size in bytes, the reference count, users joined by commas (``-`` for none, ``[permanent],`` for a
    module without exit), the state and the address. Before 2.6 and in trimmed copies the tail may be missing.
    """
    modules = []
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) < 3 or not _is_number(fields[1]) or not (_is_number(fields[2]) or fields[2] == "-"):
            continue
        refcount = int(fields[2]) if fields[2] != "-" else None
        users = fields[3] if len(fields) > 3 else "-"
        used_by = tuple(user for user in users.split(",") if user and user != "-" and user[0] != "[")
        state = fields[4] if len(fields) > 4 and fields[4] in _STATES else "Live"
        modules.append(LoadedModule(fields[0], int(fields[1]), refcount, used_by, state))
    return tuple(modules)


def builtin_names(text: str) -> frozenset[str]:
    """The modules in ``modules.builtin`` (one path a line, ``kernel/drivers/pci/hotplug/acpiphp.ko``)."""
    names = (_module_of(line.strip()) for line in text.split("\n"))
    return frozenset(name for name in names if name)


def builtin_modinfo_names(data: bytes) -> frozenset[str]:
    """The modules in ``modules.builtin.modinfo``: NUL-separated ``name.key=value`` (since Linux 5.2)."""
    names = set()
    for entry in data.split(b"\0"):
        name, dot, _ = entry.partition(b"=")[0].partition(b".")
        if name and dot:
            names.add(name)
    return frozenset(normalise(name.decode("utf-8", "backslashreplace")) for name in names)


def builtin_modinfo_aliases(data: bytes) -> tuple[tuple[str, str], ...]:
    """(alias pattern, module) of every ``name.alias=pattern`` in ``modules.builtin.modinfo``, in file order."""
    aliases = []
    for entry in data.split(b"\0"):
        key, equals, value = entry.partition(b"=")
        if equals and key.endswith(b".alias"):
            name = key[: -len(b".alias")].decode("utf-8", "backslashreplace")
            aliases.append((value.decode("utf-8", "backslashreplace"), normalise(name)))
    return tuple(aliases)


def dep_paths(data: bytes, wanted: Iterable[str]) -> dict[str, str]:
    """The file of each ``wanted`` module in ``modules.dep``: normalised name → path as it stands there.

    depmod(8) writes ``path: path …``, relative to the folder of the file or absolute, with ``.ko``, ``.ko.gz``,
    ``.ko.xz`` or ``.ko.zst``. A module that has no line is not in the answer.
    """
    names = {normalise(name) for name in wanted}
    found = _dep_all(data, names) if len(names) > _DEP_LOOKUPS else _dep_few(data, names)
    return {name: path.decode("utf-8", "backslashreplace") for name, path in found.items()}


def dependencies(data: bytes, wanted: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The files that loading each ``wanted`` module takes, its own first, as ``modules.dep`` lists them all."""
    names = {normalise(name) for name in wanted}
    found: dict[str, tuple[str, ...]] = {}
    for line in data.decode("utf-8", "backslashreplace").split("\n"):
        path, colon, others = line.partition(":")
        name = _module_of(path)
        if colon and name in names:
            found.setdefault(name, (path, *others.split()))
    return found


def softdep_names(text: str) -> tuple[str, ...]:
    """The modules that ``softdep NAME`` asks for before and after itself: ``pre: a b post: c`` (modprobe.d(5))."""
    return tuple(normalise(word) for word in text.split() if word not in ("pre:", "post:"))


def load_list(text: str) -> tuple[str, ...]:
    """Modules named in ``/etc/modules`` or a file of modules-load.d(5), in order; what follows a name is dropped."""
    names = []
    for line in text.split("\n"):
        fields = line.split(None, 1)
        if fields and fields[0][0] not in "#;":
            names.append(normalise(fields[0]))
    return tuple(names)


def sysconfig_modules(text: str) -> tuple[str, ...]:
    """Modules that a script of ``/etc/sysconfig/modules/*.modules`` loads: its modprobe and insmod calls, in order.

    The shell is not run: a call inside a condition counts, a name made of variables does not. Removals do not count.
    """
    names: list[str] = []
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").split("\n"):
        for command in re.split(r"[;&|()`{}]", _without_comment(line)):
            names.extend(_loaded_by(command.split()))
    return tuple(names)


def _without_comment(line: str) -> str:
    if line.lstrip().startswith("#"):
        return ""
    return re.split(r"[ \t]#", line, maxsplit=1)[0]


def _loaded_by(words: list[str]) -> tuple[str, ...]:
    """The modules of one simple command; none where it is not modprobe or insmod."""
    while words and (words[0] in _SHELL_WORDS or re.match(r"\w+=", words[0])):
        words = words[1:]
    tool = words[0].rpartition("/")[2] if words else ""
    if tool not in ("modprobe", "insmod"):
        return ()
    arguments = _arguments(words[1:], tool)
    if arguments is None or not arguments:
        return ()
    return tuple(name for name in map(_plain_name, arguments) if name)


def _arguments(words: list[str], tool: str) -> Optional[list[str]]:
    """The operands that are modules; None where the call loads nothing (``modprobe -r``)."""
    operands: list[str] = []
    several = False
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word[0] in "<>" or re.match(r"\d?[<>]", word):
            skip = word.rstrip("<>&0123456789") == "" and word[-1] in "<>"
        elif word[0] == "-" and tool == "modprobe":
            if _loads_nothing(word):
                return None
            several = several or word in ("-a", "--all") or bool(re.match(r"-[a-zA-Z]*a", word))
            skip = word in _WITH_VALUE
        elif word[0] != "-":
            operands.append(word)
    return operands if several else operands[:1]


def _loads_nothing(word: str) -> bool:
    if word.startswith("--"):
        return word.partition("=")[0] in _NO_LOAD
    return any(letter in word[1:] for letter in "rcnDlV")


_SHELL_WORDS = frozenset(("if", "then", "else", "elif", "while", "until", "do", "!", "exec", "command", "sudo", "time"))
_WITH_VALUE = frozenset(("-C", "-d", "-S", "--config", "--dirname", "--set-version"))
_NO_LOAD = frozenset(
    ("--remove", "--showconfig", "--dry-run", "--show", "--show-depends", "--resolve-alias", "--version", "--help")
)


def _plain_name(word: str) -> str:
    name = _module_of(word.strip("\"'"))
    return name if re.fullmatch(r"\w+", name, re.ASCII) else ""


def _module_of(path: str) -> str:
    """``acpiphp`` for ``kernel/drivers/pci/hotplug/acpiphp.ko.xz``; a bare name is itself."""
    base = path.rpartition("/")[2]
    stem, dot, tail = base.rpartition(".ko")
    if dot and (not tail or tail[0] == "."):
        base = stem
    return normalise(base)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _dep_few(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    spelled = data.replace(b"-", b"_")
    found: dict[str, bytes] = {}
    for name in names:
        path = _dep_one(data, spelled, name.encode("utf-8", "backslashreplace") + b".ko") if name else None
        if path is not None:
            found[name] = path
    return found


def _dep_one(data: bytes, spelled: bytes, needle: bytes) -> Optional[bytes]:
    """Only the module before the colon is the line's own; the hits behind it are what others depend on."""
    start = spelled.find(needle)
    while start >= 0:
        end = start + len(needle)
        if spelled[start - 1 : start] in (b"/", b"\n", b""):
            head = spelled[end : end + _SUFFIX].partition(b":")
            line = spelled.rfind(b"\n", max(0, start - _PATH), start) + 1
            if head[1] and _is_suffix(head[0]) and b":" not in spelled[line:start] and b" " not in spelled[line:start]:
                return data[line : end + len(head[0])]
        start = spelled.find(needle, end)
    return None


_SUFFIX = 16
_PATH = 4096


def _is_suffix(tail: bytes) -> bool:
    return not tail or (tail[:1] == b"." and tail[1:].isalnum())


def _dep_all(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    wanted = {name.encode("utf-8", "backslashreplace") for name in names}
    found: dict[str, bytes] = {}
    for line in data.split(b"\n"):
        path, colon, _ = line.partition(b":")
        stem, dot, tail = path.rpartition(b"/")[2].rpartition(b".ko")
        name = stem.replace(b"-", b"_")
        if colon and dot and name in wanted and _is_suffix(tail):
            found.setdefault(name.decode("utf-8", "backslashreplace"), path)
    return found


_PAIRS = ("install", "remove", "options", "softdep")
# "weakdep" is newer (kmod 33) and asks for nothing; "config" and "include" are of old days and do nothing now.
_IGNORED = ("weakdep", "config", "include")


def parse_modprobe(text: str) -> ModprobeConfig:
    """Every command of one file of modprobe.d(5), as libkmod reads it (libkmod-config.c).

    A backslash before the newline joins lines; ``#`` starts a comment line.
    """
    blacklist: list[str] = []
    alias: list[tuple[str, str]] = []
    pairs: dict[str, list[tuple[str, str]]] = {command: [] for command in _PAIRS}
    unparsed = 0
    for line in _logical_lines(text):
        words = line.split(None, 2)
        command = words[0]
        if command == "blacklist" and len(words) >= 2:
            blacklist.append(normalise(words[1]))
        elif command == "alias" and len(words) == 3:
            alias.append((words[1], normalise(words[2].split(None, 1)[0])))
        elif command in pairs and len(words) == 3:
            pairs[command].append((normalise(words[1]), words[2].rstrip()))
        elif command not in _IGNORED:
            unparsed += 1
    install, remove, options, softdep = (tuple(pairs[command]) for command in _PAIRS)
    return ModprobeConfig(tuple(blacklist), install, remove, options, tuple(alias), softdep, unparsed)


def _logical_lines(text: str) -> Iterator[str]:
    """Lines that hold a command. A comment line that ends with a backslash goes on as well, as in libkmod."""
    parts: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        parts.append(line)
        joined = "".join(parts).strip()
        parts.clear()
        if joined and joined[0] != "#":
            yield joined
    joined = "".join(parts).strip()
    if joined and joined[0] != "#":
        yield joined
