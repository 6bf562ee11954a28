"""Option strings: ``driver,key=value,…``, as QEMU's QemuOpts take them (util/qemu-option.c)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hotplugctl.model.monitor import Option
from hotplugctl.parse.monitor_command.text import Text, Wrong

_MOST = 200
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9._-]*\Z")


def read(text: Text, implied: str = "") -> tuple[Option, ...]:
    """The options of a string. The first part may leave out its key, which is then ``implied``.

    ``,,`` in a value is a comma. A key without a value is ``on``, with ``no`` before it ``off``. Raises Wrong.
    """
    found: list[Option] = []
    seen: dict[str, Option] = {}
    for part in _parts(text):
        option = _option(part, implied if not found else "")
        other = seen.setdefault(option.key, option)
        if other.value != option.value:
            raise Wrong(option.at, f"{option.key} is said twice, {other.value!r} before")
        if len(found) >= _MOST:
            raise Wrong(option.at, f"more than {_MOST} options")
        found.append(option)
    return tuple(found)


def _parts(text: Text) -> Sequence[Text]:
    """Between commas; a doubled one in a value belongs to that."""
    if not text.text:
        return ()
    parts: list[Text] = []
    start = index = 0
    line = text.text
    valued = False
    while index < len(line):
        if line[index] == "=":
            valued = True
        if line[index] == ",":
            if line[index + 1 : index + 2] == "," and (valued or not parts):
                index += 2
                continue
            parts.append(text.cut(start, index))
            start, valued = index + 1, False
        index += 1
    parts.append(text.cut(start, len(line)))
    return parts


def _option(part: Text, implied: str) -> Option:
    key, equals, value = part.partition("=")
    if not part.text:
        raise Wrong(part.start, "nothing between two commas, or after the last", ("key=value",))
    if equals and not key.text:
        raise Wrong(part.start, "a value without a key", ("key=value",))
    if equals:
        return Option(key.text, value.text.replace(",,", ","), part.start)
    if implied:
        return Option(implied, part.text.replace(",,", ","), part.start)
    if part.text.startswith("no") and len(part.text) > 2:
        return Option(part.text[2:], "off", part.start)
    return Option(part.text, "on", part.start)


def only(options: Sequence[Option], allowed: Collection[str], owner: str) -> None:
    """Raise Wrong for an option that ``owner`` does not take."""
    for option in options:
        if option.key not in allowed:
            raise Wrong(option.at, f"{owner} takes no {option.key}", sorted(allowed))


def place_of_value(option: Option) -> int:
    """Where the value of a written option begins."""
    return option.at + len(option.key) + 1


def identifier(option: Option) -> None:
    """Raise Wrong where the value is no id: a letter, then letters, digits, ``-``, ``.`` or ``_``."""
    if not _IDENTIFIER.match(option.value):
        raise Wrong(place_of_value(option), "no id", ("a letter, then letters, digits, '-', '.' and '_'",))
