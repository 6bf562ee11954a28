"""GRUB 2: the script ``grub.cfg`` and the environment block ``grubenv`` (GRUB manual, "Shell-like scripting").

The script is not run: every command of it counts, whatever ``if`` says, but those of functions. So a variable has the
last value that is not empty, and what the environment block says of it goes before. One pass, linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional, Union

LINE_LIMIT = 4096
"""Characters of a command line at most: COMMAND_LINE_SIZE is 2048 to 4096 on the architectures that have PCI."""

ENTRIES_LIMIT = 4096
"""Menu entries of one script at most; the rest is passed over."""

DEPTH_LIMIT = 8
"""Submenus in submenus at most; what is deeper is passed over."""

_BRACES_LIMIT = 2 * DEPTH_LIMIT
_KERNEL = frozenset(("linux", "linux16", "linuxefi", "kernel"))
_LEADING = frozenset(("if", "then", "else", "elif", "while", "until", "do", "!"))
_VALUED = frozenset(("--class", "--users", "--hotkey"))
_NAME = re.compile(r"[A-Za-z_]\w{0,127}\Z", re.ASCII)
_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r\f\v]|\\\r?\n)+)|(?P<end>[\n;])|(?P<brace>[{}])|(?P<other>[&|<>]+)"""
    r"""|(?P<single>'[^']*(?:'|\Z))|(?P<double>"(?:[^"\\]|\\[\s\S])*(?:"|\\?\Z))|(?P<escape>\\[\s\S]?)"""
    r"""|(?P<plain>(?:\$\{\w{1,128}\}|\$|[^\s;{}&|<>'"\\$])+)|(?P<rest>[\s\S])"""
)
_VARIABLE = re.compile(r"\$(?:\{(\w{1,128})\}|(\w+|\?))", re.ASCII)
_ENVIRONMENT = "# GRUB Environment Block"


class Part(NamedTuple):
    """A piece of a word; ``kind``: plain, double or single, by its quotes."""

    text: str
    kind: str


Word = tuple[Part, ...]


class Entry(NamedTuple):
    """A menu entry that boots a kernel.

    ``place``: its number in each menu on the way, from 0; ``titles`` and ``ids``: of the submenus on the way and of
    itself. ``kernel``: the path as it stands there, without a device; ``text``: the command line.
    """

    place: tuple[int, ...]
    titles: tuple[str, ...]
    ids: tuple[str, ...]
    kernel: str
    text: str


class Script(NamedTuple):
    """``default``: the last that is set, None where none is. ``sources``: other scripts that it reads.

    ``bls``: the place in the menu of the entries that ``blscfg`` adds, None without it. ``variables``: as they end.
    """

    entries: tuple[Entry, ...]
    default: Optional[str]
    sources: tuple[str, ...]
    bls: Optional[int]
    variables: Mapping[str, str]


def environment(text: str) -> dict[str, str]:
    """``grubenv``: name → value. Empty where the text is no environment block (grub-editenv(1))."""
    found: dict[str, str] = {}
    if text.startswith(_ENVIRONMENT):
        for line in re.sub(r"\\\r?\n", "", text).split("\n"):
            name, equals, value = line.partition("=")
            if equals and _NAME.match(name):
                found[name] = re.sub(r"\\(.)", r"\1", value)[:LINE_LIMIT]
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$name`` and ``${name}`` replaced, once; a variable that is not set is empty, as to GRUB."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2] or "", ""), text)[:LINE_LIMIT]


def parse(text: str, given: Mapping[str, str], start: Optional[Mapping[str, str]] = None) -> Script:
    """A script; ``given``: what the environment block says; ``start``: variables that it finds set (``prefix``)."""
    reader = _Reader(given, start or {})
    for statement in _statements(text):
        if isinstance(statement, str):
            reader.brace(statement)
        elif len(reader.entries) < ENTRIES_LIMIT:
            reader.command(statement)
    return reader.script()


Statement = Union[list[Word], str]


def _statements(text: str) -> Iterator[Statement]:
    """Simple commands as words, and the braces between them."""
    words: list[Word] = []
    parts: list[Part] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        assert found is not None and found.end() > position
        kind = str(found.lastgroup)
        if kind == "plain" and not parts and found[0][0] == "#":
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
            continue
        position = found.end()
        if kind in ("single", "double", "plain", "escape"):
            parts.append(_part(kind, found[0]))
            continue
        if parts:
            words.append(tuple(parts))
            parts = []
        if kind in ("end", "brace", "other"):
            if words:
                yield words
                words = []
            if kind == "brace":
                yield found[0]
    if parts:
        words.append(tuple(parts))
    if words:
        yield words


def _part(kind: str, text: str) -> Part:
    if kind == "single":
        return Part(text[1:].rstrip("'") if text.endswith("'") and len(text) > 1 else text[1:], "single")
    if kind == "double":
        inner = text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:]
        return Part(re.sub(r'\\(["\\\n])', r"\1", inner), "double")
    return Part(text[1:], "single") if kind == "escape" else Part(text, "plain")


class _Menu(NamedTuple):
    """What an open brace belongs to: a submenu, an entry, or (``kind`` other) what does not matter."""

    kind: str
    title: Word
    id: Word
    place: int


class _Reader:
    """Takes commands in their order; what is in entries is expanded at the end, since GRUB runs it last of all."""

    def __init__(self, given: Mapping[str, str], start: Mapping[str, str]) -> None:
        self.entries: list[tuple[tuple[_Menu, ...], list[Word], dict[str, str]]] = []
        self._given = dict(given)
        self._variables = {**start, **given}
        self._local: dict[str, str] = {}
        self._default: Optional[str] = None
        self._sources: list[str] = []
        self._bls: Optional[int] = None
        self._open: list[_Menu] = []
        self._pending: Optional[_Menu] = None
        self._counts: list[int] = [0]
        self._deeper = 0

    def brace(self, which: str) -> None:
        """A block opens or ends."""
        if len(self._open) > _BRACES_LIMIT and (which == "{" or self._deeper):
            self._deeper += 1 if which == "{" else -1
        elif which == "{":
            menu = self._pending or _Menu("other", (), (), 0)
            if menu.kind == "submenu":
                self._counts.append(0)
            elif menu.kind == "menuentry":
                self._local = {}
            self._open.append(menu)
        elif self._open and self._open.pop().kind == "submenu":
            self._counts.pop()
        self._pending = None

    def command(self, words: list[Word]) -> None:
        """A simple command."""
        first = next((at for at, word in enumerate(words) if _plain(word) not in _LEADING), len(words))
        words = words[first:]
        name = _plain(words[0]) if words else ""
        self._pending = None
        if name == "function":
            self._pending = _Menu("function", (), (), 0)
        elif not words or any(menu.kind == "function" for menu in self._open):
            return
        elif name in ("menuentry", "submenu"):
            title, identifier = _title(words[1:])
            self._pending = _Menu(name, title, identifier, self._counts[-1])
            self._counts[-1] += 1
        elif name in _KERNEL:
            self._linux(words)
        elif name in ("source", "configfile", ".") and len(words) > 1:
            self._sources.append(self._text(words[1]))
        elif name == "blscfg" and not self._menus():
            self._bls = self._counts[0] if self._bls is None else self._bls
        else:
            self._assign(words[1] if name == "set" and len(words) > 1 else words[0])

    def _menus(self) -> tuple[_Menu, ...]:
        return tuple(menu for menu in self._open if menu.kind != "other")

    def _linux(self, words: list[Word]) -> None:
        menus = self._menus()
        if menus and menus[-1].kind == "menuentry" and len(menus) <= DEPTH_LIMIT and len(words) > 1:
            self.entries.append((menus, words[1:], dict(self._local)))

    def _assign(self, word: Word) -> None:
        name, equals, _ = word[0].text.partition("=")
        if not equals or word[0].kind != "plain" or not _NAME.match(name):
            return
        rest = (Part(word[0].text[len(name) + 1 :], "plain"), *word[1:])
        if name == "default" and not self._menus():
            # next_entry is for one boot, and then forgotten.
            if "next_entry" not in "".join(part.text for part in rest):
                self._default = self._text(rest)
            return
        value = self._text(rest)
        if self._menus():
            self._local[name] = value
        elif value and name not in self._given:
            self._variables[name] = value

    def _text(self, word: Word, more: Optional[Mapping[str, str]] = None) -> str:
        variables = {**self._variables, **more} if more else self._variables
        return "".join(part.text if part.kind == "single" else expand(part.text, variables) for part in word)

    def script(self) -> Script:
        """All that was read."""
        entries = []
        for menus, words, local in self.entries:
            texts = [_quoted(word, self._text(word, local)) for word in words]
            entries.append(
                Entry(
                    tuple(menu.place for menu in menus),
                    tuple(self._text(menu.title) for menu in menus),
                    tuple(self._text(menu.id) for menu in menus),
                    re.sub(r"^\([^)]*\)", "", texts[0]),
                    " ".join(filter(None, texts[1:]))[:LINE_LIMIT],
                )
            )
        return Script(tuple(entries), self._default, tuple(self._sources), self._bls, self._variables)


def _plain(word: Word) -> str:
    return "".join(part.text for part in word)


def _quoted(word: Word, text: str) -> str:
    """As GRUB hands it to the kernel: what blanks in quotes hold together goes into quotes."""
    together = any(part.kind != "plain" and re.search(r"\s", part.text) for part in word)
    return f'"{text}"' if together and '"' not in text else text


def _title(words: list[Word]) -> tuple[Word, Word]:
    """The title and the id of ``menuentry`` or ``submenu``."""
    title: Word = ()
    identifier: Word = ()
    take = ""
    for word in words:
        text = _plain(word)
        if take:
            identifier = word if take == "id" else identifier
            take = ""
        elif text in _VALUED:
            take = "other"
        elif text in ("--id", "$menuentry_id_option", "${menuentry_id_option}"):
            take = "id"
        elif text.startswith("--id="):
            identifier = (Part(text[5:], "plain"),)
        elif not text.startswith("--") and not title:
            title = word
    return title, identifier
