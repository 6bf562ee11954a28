"""A piece of the user's text that remembers where each of its characters stood, so that a fault can name the place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SPACE = " \t\r\n\v\f"
_HMP_ESCAPES = {"n": "\n", "r": "\r"}
_HMP_PLAIN = "\\'\""


class Wrong(Exception):
    """The text is no command: ``at`` counts the characters before the fault. Never leaves this package."""

    def __init__(self, at: int, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.allowed = tuple(allowed)


class Text(NamedTuple):
    """``where[i]`` is the place of ``text[i]`` in what the user gave, ``end`` the place after the last of them."""

    text: str
    where: Sequence[int]
    end: int

    @classmethod
    def of(cls, text: str) -> Text:
        """The whole of a text."""
        return cls(text, range(len(text)), len(text))

    def at(self, index: int) -> int:
        """The place of a character of this piece."""
        return self.where[index] if index < len(self.where) else self.end

    @property
    def start(self) -> int:
        """The place of the first character."""
        return self.at(0)

    def cut(self, first: int, last: int) -> Text:
        """The characters from ``first`` to before ``last``."""
        return Text(self.text[first:last], self.where[first:last], self.at(last))

    def stripped(self) -> Text:
        """Without white space around it."""
        first = len(self.text) - len(self.text.lstrip(_SPACE))
        return self.cut(first, max(first, len(self.text.rstrip(_SPACE))))

    def without(self, prefix: str) -> Text:
        """What follows a prefix that is there."""
        return self.cut(len(prefix), len(self.text))

    def partition(self, mark: str) -> tuple[Text, bool, Text]:
        """What is before the first ``mark``, whether it is there, and what is after it."""
        found = self.text.find(mark)
        if found < 0:
            return self, False, self.cut(len(self.text), len(self.text))
        return self.cut(0, found), True, self.cut(found + len(mark), len(self.text))


def first_word(text: Text) -> tuple[Text, Text]:
    """The first word of a line, as it stands, and what follows it."""
    line = text.stripped()
    for index, character in enumerate(line.text):
        if character in _SPACE:
            return line.cut(0, index), line.cut(index, len(line.text)).stripped()
    return line, line.cut(len(line.text), len(line.text))


def words(text: Text) -> list[Text]:
    """The words of a monitor command (QEMU, monitor/hmp.c): between blanks, or in double quotes with escapes."""
    return list(_words(text, _hmp_word))


def shell_words(text: Text) -> list[Text]:
    """The words of a shell's command line: quotes of both kinds and backslashes; nothing is expanded."""
    return list(_words(text, _shell_word))


def _words(text: Text, read: _Reader) -> Iterator[Text]:
    line, index = text.text, 0
    while index < len(line):
        if line[index] in _SPACE:
            index += 1
            continue
        kept: list[int] = []
        said: list[str] = []
        index = read(text, index, kept, said)
        places = [text.at(one) for one in kept]
        yield Text("".join(said), places, text.at(index))


class _Reader:
    """Reads one word from ``index`` on: the characters that it means and where they stand. Returns where it ends."""

    def __call__(self, text: Text, index: int, kept: list[int], said: list[str]) -> int:
        raise NotImplementedError


class _HmpWord(_Reader):
    def __call__(self, text: Text, index: int, kept: list[int], said: list[str]) -> int:
        line = text.text
        if line[index] != '"':
            while index < len(line) and line[index] not in _SPACE:
                kept.append(index)
                said.append(line[index])
                index += 1
            return index
        opened = index
        index += 1
        while index < len(line) and line[index] != '"':
            character = line[index]
            if character == "\\":
                index += 1
                character = _unescaped(text, index)
            kept.append(index)
            said.append(character)
            index += 1
        if index >= len(line):
            raise Wrong(text.at(opened), "a quotation mark that is never closed")
        return index + 1


def _unescaped(text: Text, index: int) -> str:
    character = text.text[index : index + 1]
    if character in _HMP_ESCAPES:
        return _HMP_ESCAPES[character]
    if character and character in _HMP_PLAIN:
        return character
    raise Wrong(text.at(index), "no escape of the monitor", (r"\n", r"\r", r"\\", r"\'", r"\""))


class _ShellWord(_Reader):
    def __call__(self, text: Text, index: int, kept: list[int], said: list[str]) -> int:
        line = text.text
        quote, opened = "", index
        while index < len(line) and (quote or line[index] not in _SPACE):
            character = line[index]
            if character == quote:
                quote = ""
            elif not quote and character in "'\"":
                quote, opened = character, index
            else:
                if character == "\\" and _escapes(quote, line[index + 1 : index + 2]):
                    index += 1
                kept.append(index)
                said.append(line[index])
            index += 1
        if quote:
            raise Wrong(text.at(opened), "a quotation mark that is never closed")
        return index


def _escapes(quote: str, following: str) -> bool:
    """Does a backslash before this character stand for an escape? In double quotes only before a few (sh(1))."""
    if quote == "'" or not following:
        return False
    return not quote or following in '"\\$`'


_hmp_word = _HmpWord()
_shell_word = _ShellWord()
