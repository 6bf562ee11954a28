"""SYSLINUX, EXTLINUX and ISOLINUX configurations, and U-Boot's ``extlinux.conf`` (wiki.syslinux.org, "Config").

Keywords are the same in any case; a line is a keyword and what follows it.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

LINE_LIMIT = 4096
"""Characters of a command line at most."""

ENTRIES_LIMIT = 4096
"""Labels of one text at most; the rest is passed over."""


class Entry(NamedTuple):
    """A label that boots a kernel."""

    label: str
    title: str
    kernel: str
    text: str


class Menu(NamedTuple):
    """``default``: the label that is booted by itself, None where none is named; ``sources``: other files it reads."""

    entries: tuple[Entry, ...]
    default: Optional[str]
    sources: tuple[str, ...]


class _Label:
    def __init__(self, name: str) -> None:
        self.name = name
        self.title = ""
        self.kernel = ""
        self.append: Optional[str] = None

    def entry(self, common: str) -> Entry:
        append = common if self.append is None else "" if self.append == "-" else self.append
        # What follows the kernel on its own line goes before the rest.
        kernel, _, options = self.kernel.partition(" ")
        text = " ".join(filter(None, (options.strip(), append)))
        return Entry(self.name, self.title or self.name, kernel, text[:LINE_LIMIT])


def parse(text: str) -> Menu:
    """A whole configuration. Files that it includes are named, not read."""
    labels: list[_Label] = []
    sources: list[str] = []
    common = ""
    default: Optional[str] = None
    marked: Optional[str] = None
    for line in text.split("\n"):
        keyword, rest = _split(line)
        here = labels[-1] if labels else None
        if keyword == "label" and rest and len(labels) < ENTRIES_LIMIT:
            labels.append(_Label(rest))
        elif keyword in ("default", "ontimeout"):
            default = rest or default
        elif keyword == "include" and rest:
            sources.append(rest.split()[0])
        elif keyword == "menu":
            marked = _menu(here, rest, marked)
        elif keyword == "append" and here is None:
            common = rest
        elif here is not None:
            _take(here, keyword, rest)
    entries = tuple(label.entry(common) for label in labels if label.kernel)
    return Menu(entries, marked or default, tuple(sources))


def _split(line: str) -> tuple[str, str]:
    words = line.strip().split(None, 1)
    if not words or words[0][0] == "#":
        return "", ""
    return words[0].lower(), words[1].strip() if len(words) > 1 else ""


def _menu(here: Optional[_Label], rest: str, marked: Optional[str]) -> Optional[str]:
    keyword, more = _split(rest)
    if here is not None and keyword == "label":
        here.title = more.replace("^", "")
    return here.name if here is not None and keyword == "default" else marked


def _take(label: _Label, keyword: str, rest: str) -> None:
    if keyword in ("kernel", "linux"):
        # Menus are .c32 programs.
        label.kernel = "" if rest.split(" ")[0].endswith((".c32", ".com", ".bin")) else rest
    elif keyword == "append":
        label.append = rest
