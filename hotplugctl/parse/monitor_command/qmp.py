"""Commands and answers of QMP, QEMU's monitor in JSON (docs/interop/qmp-spec)."""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple, NoReturn, Optional, Union

from hotplugctl.model.monitor import Command, Option, Reply
from hotplugctl.parse.monitor_command import hmp, places
from hotplugctl.parse.monitor_command.text import Text, Wrong

_DEEPEST = 16
_MOST = 200
_COMMANDS = (
    "device_add", "device_del", "blockdev-add", "blockdev-del", "netdev_add", "netdev_del", "object-add",
    "object-del", "chardev-add", "chardev-remove", "cpu-add", "human-monitor-command",
)  # fmt: skip
_OTHERS = ("event", "QMP", "timestamp")


class Number(str):
    """A number, as it was written."""

    __slots__ = ()


class Inner(NamedTuple):
    """A command of the human monitor that came inside of one of QMP."""

    line: Text


Item = Union[Command, Reply, Inner, None]


class _Twice(ValueError):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return made


def read(text: Text) -> tuple[Item, int]:
    """The object at the start of the text, and how many characters it has. None: it asks for nothing. Raises Wrong."""
    decoder = JSONDecoder(
        object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number, strict=True
    )
    try:
        found, length = decoder.raw_decode(text.text)
    except JSONDecodeError as error:
        raise Wrong(
            text.at(min(error.pos, len(text.text))), f"no JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        ) from None
    except _Twice as error:
        raise Wrong(_place(text, str(error), last=True), f"{str(error)!r} is said twice") from None
    except RecursionError:
        raise Wrong(text.start, "nested too deeply") from None
    return _item(text.cut(0, length), found), length


def _place(text: Text, key: str, last: bool = False) -> int:
    """Where a key, or a value, stands: as JSON writes it, if it is written plainly."""
    quoted = f'"{key}"'
    found = text.text.rfind(quoted) if last else text.text.find(quoted)
    return text.at(found) if found >= 0 else text.start


def _item(text: Text, found: object) -> Item:
    if not isinstance(found, dict):
        raise Wrong(text.start, "no object", ('{"execute": COMMAND, "arguments": {...}}',))
    for key in ("execute", "exec-oob"):
        if key in found:
            return _command(text, found[key], found.get("arguments", {}))
    if "return" in found:
        said = found["return"]
        return places.reply(_written(text, said)) if isinstance(said, str) and said.strip() else _accepted(text)
    if "error" in found:
        error = found["error"]
        why = error.get("desc") if isinstance(error, dict) else None
        return Reply(str(why or "error"), None, True, text.start)
    if "driver" in found:
        return _device(text, found)
    if any(key in found for key in _OTHERS):
        return None
    raise Wrong(text.start, "neither a command nor an answer of QMP", ('{"execute": COMMAND, "arguments": {...}}',))


def _accepted(text: Text) -> Reply:
    return Reply("", None, False, text.start)


def _written(text: Text, said: str) -> Text:
    """A string of the object: its characters at their places, if it is written plainly, else all at its start."""
    line = said.strip()
    found = text.text.find(line)
    if found >= 0:
        return text.cut(found, found + len(line))
    return Text(line, [text.start] * len(line), text.start)


def _command(text: Text, name: object, arguments: object) -> Item:
    if not isinstance(name, str) or name not in _COMMANDS:
        at = _place(text, name) if isinstance(name, str) else _place(text, "execute")
        raise Wrong(at, f"{str(name)[:40]!r} is no command that plugs or unplugs a device", _COMMANDS)
    if not isinstance(arguments, dict):
        raise Wrong(_place(text, "arguments"), "arguments are no object", ('"arguments": {...}',))
    at = _place(text, name)
    if name == "human-monitor-command":
        line = arguments.get("command-line")
        if not isinstance(line, str) or not line.strip():
            raise Wrong(at, "which command?", ('"command-line": COMMAND',))
        return Inner(_written(text, line))
    if name == "device_add":
        return _device(text, arguments)
    name = hmp.ALIASES.get(name, name)
    implied = hmp.BACKENDS.get(name)
    if implied is not None:
        options, _ = _flat(text, arguments)
        return hmp.backend(name, at, options, "id" if name == "chardev-add" else implied, at)
    return _named(text, name, arguments, at)


def _named(text: Text, name: str, arguments: dict[str, object], at: int) -> Command:
    key = "node-name" if name == "blockdev-del" else "id"
    subject = arguments.get(key)
    if not isinstance(subject, str) or not subject:
        raise Wrong(at, f"{name} needs {key}", (f'"{key}": ...',))
    return Command(name, subject, _place(text, subject), None, (), at)


def _device(text: Text, arguments: dict[str, object]) -> Command:
    options, numbers = _flat(text, arguments)
    driver = arguments.get("driver")
    if not isinstance(driver, str) or isinstance(driver, Number):
        _no_driver(text)
    return hmp.device("device_add", text.start, options, text.start, numbers)


def _no_driver(text: Text) -> NoReturn:
    raise Wrong(_place(text, "arguments"), "which driver?", ('"driver": DRIVER',))


def _flat(text: Text, arguments: dict[str, object]) -> tuple[tuple[Option, ...], frozenset[str]]:
    """Members as options; those of objects within as ``outer.inner``. And the keys whose values are numbers."""
    made: list[Option] = []
    numbers: set[str] = set()
    for key, value, depth in _members("", arguments, 0):
        if depth > _DEEPEST or len(made) >= _MOST:
            raise Wrong(text.start, "too many arguments, or nested too deeply")
        if isinstance(value, Number):
            numbers.add(key)
        # A little before the value, so that what asks for the value's place comes out right.
        made.append(Option(key, _spelt(value), _before_value(text, key, value)))
    return tuple(made), frozenset(numbers)


def _before_value(text: Text, key: str, value: object) -> int:
    at = _place(text, key.rpartition(".")[2])
    if isinstance(value, str) and not isinstance(value, Number) and value:
        found = text.text.find(f'"{value}"', max(0, text.text.find(f'"{key}"') + len(key) + 2))
        at = text.at(found) + 1 if found >= 0 else at
        return max(0, at - len(key) - 1)
    return at


def _spelt(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def _members(prefix: str, value: object, depth: int) -> Iterator[tuple[str, Optional[object], int]]:
    if depth > _DEEPEST + 1 or not isinstance(value, (dict, list)):
        yield prefix, value, depth
        return
    inner = value.items() if isinstance(value, dict) else ((str(place), one) for place, one in enumerate(value))
    for key, one in inner:
        yield from _members(f"{prefix}.{key}" if prefix else key, one, depth + 1)
