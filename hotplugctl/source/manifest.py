"""``manifest.json`` of a recording, version 1: what was read, what failed, what was looked for and is absent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

from hotplugctl.errors import HotplugctlError
from hotplugctl.model.reads import (
    Absent,
    Denied,
    Failed,
    Failure,
    Hung,
    NotRegular,
    Outside,
    TooLarge,
    Unrecorded,
    Vanished,
)
from hotplugctl.source.tree import MODES

if TYPE_CHECKING:
    # Few recordings were listened to.
    from hotplugctl.model.holdings import Heard

FORMAT = "hotplugctl-recording"
VERSION = 1

SIZE_LIMIT = 8 << 20
"""A larger manifest is refused: parsed JSON takes some ten times its size in memory."""

_LONGEST = 1e9

BRACKETS_LIMIT = 400_000
"""Lists and objects in a manifest at most: an empty list is two bytes of JSON and 64 bytes of memory."""


class BadManifest(HotplugctlError):
    """A manifest that is no JSON, of another version, or not of the shape that version 1 has."""


class FileNote(NamedTuple):
    """A file in the recording: its size in bytes, the hex SHA-256 of its content, and its permission bits."""

    size: int
    sha256: str
    mode: int


class Manifest(NamedTuple):
    """A recording's manifest. Paths are canonical paths in the tree.

    ``source``, ``scrubbed``, ``heard``: as in ``About``; ``time`` is RFC 3339; ``directories``: every directory that
    was listed, with all names it held; ``kinds``: what else was found out about paths that the recording does not hold
    (``socket``, ``dir``); ``failed``: reads that failed, as they did; ``absent``: looked for and not there;
    ``behind``: what ``Tree.behind`` gave, by the path as it was asked for.
    """

    tool: dict[str, str]
    source: str
    kernel: str
    time: str
    scrubbed: Mapping[str, int]
    files: Mapping[str, FileNote]
    links: Mapping[str, str]
    directories: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    failed: Mapping[str, Failure]
    absent: frozenset[str]
    heard: Optional[Heard] = None
    behind: Mapping[str, str] = MappingProxyType({})


def failure_to_json(failure: Failure) -> dict[str, Union[str, int, float]]:
    """``{"outcome": "failed", "errno": 22}``; paired with ``failure_from_json``."""
    for word, (kind, field, _) in _OUTCOMES.items():
        if isinstance(failure, kind):
            return {"outcome": word, field: failure[1]} if field else {"outcome": word}
    raise TypeError(f"no outcome of a read: {failure!r}")


def failure_from_json(path: str, entry: Any) -> Failure:
    """The failure that an entry of ``failed`` stands for. Raises BadManifest where it is of no known form."""
    word = entry.get("outcome") if isinstance(entry, dict) else None
    if not isinstance(word, str) or word not in _OUTCOMES:
        raise BadManifest("an entry of 'failed' has no known outcome")
    kind, field, of = _OUTCOMES[word]
    if not field:
        return kind(path)  # type: ignore[no-any-return]
    value = entry.get(field)
    if isinstance(value, bool) or not isinstance(value, of):
        raise BadManifest(f"an entry of 'failed' ({word}) has no {field}")
    return kind(path, value)  # type: ignore[no-any-return]


_OUTCOMES: dict[str, tuple[Any, str, Any]] = {
    "denied": (Denied, "errno", int),
    "failed": (Failed, "errno", int),
    "vanished": (Vanished, "", None),
    "hung": (Hung, "seconds", (int, float)),
    "too-large": (TooLarge, "limit", int),
    "not-regular": (NotRegular, "kind", str),
    "outside": (Outside, "", None),
    "absent": (Absent, "", None),
    "unrecorded": (Unrecorded, "", None),
}


def dump(manifest: Manifest) -> bytes:
    """The manifest as JSON, keys sorted, a line for each path: the same bytes for the same content."""
    import json

    encode = json.JSONEncoder(sort_keys=True).encode
    files = {
        path: {"mode": f"{note.mode:04o}", "sha256": note.sha256, "size": note.size}
        for path, note in manifest.files.items()
    }
    tables = {
        "absent": _lines("[]", map(encode, sorted(manifest.absent))),
        "directories": _table_lines(encode, manifest.directories),
        "failed": _table_lines(encode, {path: failure_to_json(each) for path, each in manifest.failed.items()}),
        "files": _table_lines(encode, files),
        "format": encode(FORMAT),
        "heard": encode(None if manifest.heard is None else manifest.heard._asdict()),
        "kernel": encode(manifest.kernel),
        "kinds": _table_lines(encode, manifest.kinds),
        "links": _table_lines(encode, manifest.links),
        "scrubbed": encode(dict(manifest.scrubbed)),
        "source": encode(manifest.source),
        "time": encode(manifest.time),
        "tool": encode(dict(manifest.tool)),
        "version": encode(VERSION),
    }
    if manifest.behind:
        # Nearly no recording has it.
        tables = {"absent": tables.pop("absent"), "behind": _table_lines(encode, manifest.behind), **tables}
    return ("{\n" + ",\n".join(f' "{key}": {text}' for key, text in tables.items()) + "\n}\n").encode("ascii")


def _table_lines(encode: Callable[[object], str], table: Mapping[str, object]) -> str:
    # Not by json's indent, which has no fast way: a guest has thousands of paths.
    return _lines("{}", (f"{encode(path)}: {encode(table[path])}" for path in sorted(table)))


def _lines(brackets: str, lines: Iterable[str]) -> str:
    text = ",\n  ".join(lines)
    return f"{brackets[0]}\n  {text}\n {brackets[1]}" if text else brackets


def load(data: bytes) -> Manifest:
    """Read a manifest. Raises BadManifest with one line that says what is wrong with it."""
    document = parse(data)
    if document.get("format") != FORMAT:
        raise BadManifest(f"its format is not {FORMAT!r}")
    if document.get("version") != VERSION:
        raise BadManifest("it is of another version than 1", "use a newer hotplugctl")
    manifest = Manifest(
        tool=_texts(document, "tool"),
        source=_text(document, "source"),
        kernel=_text(document, "kernel"),
        time=_text(document, "time"),
        scrubbed={key: _int(value, "scrubbed") for key, value in _table(document, "scrubbed").items()},
        files={path: _file(entry) for path, entry in _table(document, "files").items()},
        links=_texts(document, "links"),
        directories={path: _names(entry) for path, entry in _table(document, "directories").items()},
        kinds=_kinds(document),
        failed={path: failure_from_json(path, entry) for path, entry in _table(document, "failed").items()},
        absent=frozenset(_names(document.get("absent", []))),
        heard=_heard(document.get("heard")),
        behind=_behind(document),
    )
    _check_names(manifest)
    return manifest


def can_be_name(text: str) -> bool:
    """Whether a file system can have ``text`` as a path: it encodes, and no NUL ends it early."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check_names(manifest: Manifest) -> None:
    """Names reach system calls and terminals: only what could have come from a file system is let through."""
    names = "".join("".join(listed) for listed in manifest.directories.values())
    if "/" in names or not all(_NO_ENTRIES.isdisjoint(listed) for listed in manifest.directories.values()):
        raise BadManifest("'directories' holds a name that no entry of a directory can have")
    tables = (manifest.tool, manifest.links, manifest.directories, manifest.kinds, manifest.failed)
    texts = [text for table in (*tables, manifest.behind) for text in table]
    texts += [*manifest.tool.values(), *manifest.links.values(), *manifest.absent]
    texts += [failure.kind for failure in manifest.failed.values() if isinstance(failure, NotRegular)]
    if not can_be_name("".join([manifest.source, manifest.kernel, manifest.time, names, *manifest.scrubbed, *texts])):
        raise BadManifest("it holds a name that no file can have")
    # A NUL in these is for validate to name; reading does without them.
    if not can_be_name("".join(manifest.files).replace("\0", "")):
        raise BadManifest("it holds a name that no file can have")


_NO_ENTRIES = frozenset(("", ".", ".."))


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``, within limits. Raises BadManifest."""
    import json

    if len(data) > SIZE_LIMIT or data.count(b"[") + data.count(b"{") > BRACKETS_LIMIT:
        raise BadManifest("it is larger than a manifest can be", "record it anew with fewer files, or take it away")
    try:
        document = json.loads(data, parse_int=_bounded_int)
    except (ValueError, RecursionError) as error:
        raise BadManifest("it is not JSON") from error
    if not isinstance(document, dict):
        raise BadManifest("it is not a JSON object")
    return document


def _bounded_int(digits: str) -> int:
    # int() of a million digits takes minutes.
    if len(digits) > 20:
        raise ValueError("a number of more than 20 digits")
    return int(digits)


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise BadManifest(f"{key!r} is not an object")
    return table


def _text(document: dict[str, Any], key: str) -> str:
    text = document.get(key, "")
    if not isinstance(text, str):
        raise BadManifest(f"{key!r} is not a string")
    return text


def _texts(document: dict[str, Any], key: str) -> dict[str, str]:
    table = _table(document, key)
    if not all(isinstance(value, str) for value in table.values()):
        raise BadManifest(f"{key!r} holds something other than strings")
    return table


def _kinds(document: dict[str, Any]) -> dict[str, str]:
    kinds = _texts(document, "kinds")
    if not set(kinds.values()) <= set(MODES):
        raise BadManifest("'kinds' holds an unknown kind")
    return kinds


def _behind(document: dict[str, Any]) -> dict[str, str]:
    behind = _texts(document, "behind")
    if not all(map(_BEHIND.match, behind.values())):
        raise BadManifest("'behind' holds what stat(2) does not say")
    return behind


_BEHIND = re.compile(r"[a-z]{3,7}(?: [0-9]{1,10}:[0-9]{1,10}){1,2}\Z")


def _int(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadManifest(f"{key!r} holds something other than numbers")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadManifest("a list of names is not a list of strings")
    names: list[str] = value
    return tuple(names)


def _heard(entry: Any) -> Optional[Heard]:
    if entry is None:
        return None
    seconds = entry.get("seconds") if isinstance(entry, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < _LONGEST:
        raise BadManifest("'heard' does not say for how many seconds")
    from hotplugctl.model.holdings import Heard

    return Heard(_text(entry, "source"), seconds, _names(entry.get("unheard", [])))


def _file(entry: Any) -> FileNote:
    if not isinstance(entry, dict):
        raise BadManifest("an entry of 'files' is not an object")
    mode = _text(entry, "mode")
    if len(mode) != 4 or not set(mode) <= set("01234567"):
        raise BadManifest("a file's mode is not four octal digits")
    return FileNote(_int(entry.get("size"), "files"), _text(entry, "sha256"), int(mode, 8))
