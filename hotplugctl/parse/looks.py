"""Looks at sysfs that a running ``watch --save`` took: lines of a recording's ``events/looks.jsonl``.

The last one, of kind ``end``, is no look: it says when the listening ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from hotplugctl.model.live import FunctionFact, Look, NodeFact

_KINDS = ("start", "resync", "scan", "facts", "end")
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z")
_LATEST = 1e15
Json = Mapping[str, object]


def parse_entry(entry: Json) -> Optional[tuple[float, Look]]:
    """When, and what was found, of a line that was decoded; None where it is no such record.

    What in it is of another type is left out.
    """
    at, kind, functions = entry.get("t"), entry.get("kind"), entry.get("functions")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < _LATEST:
        return None
    if kind not in _KINDS or not isinstance(functions, list):
        return None
    facts = [_function(item) for item in functions if isinstance(item, dict)]
    look = Look(
        str(kind),
        tuple(fact for fact in facts if fact is not None),
        {key: value for key, value in _mapping(entry.get("slots")).items() if isinstance(value, str)},
        _flag(entry.get("udev")),
        _text(entry.get("lost")),
        entry.get("complete") is not False,
        _numbers(entry.get("seqnums")),
    )
    return float(at), look


def _function(item: Json) -> Optional[FunctionFact]:
    address, path, nodes, modules = (item.get(key) for key in ("address", "path", "nodes", "modules"))
    if not isinstance(address, str) or _ADDRESS.match(address) is None or not isinstance(path, str):
        return None
    found = [_node(node) for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    class_, ids, driver, slot = (_text(item.get(key)) for key in ("class", "ids", "driver", "slot"))
    return FunctionFact(
        address,
        path,
        class_,
        ids,
        driver,
        slot,
        tuple(node for node in found if node is not None),
        {key: _text(value) for key, value in _mapping(item.get("children")).items()},
        tuple(name for name in modules if isinstance(name, str)) if isinstance(modules, list) else None,
        _text(item.get("trouble")),
    )


def _node(item: Json) -> Optional[NodeFact]:
    subsystem, name, path = (item.get(key) for key in ("subsystem", "name", "path"))
    if not isinstance(subsystem, str) or not isinstance(name, str) or not isinstance(path, str):
        return None
    return NodeFact(subsystem, name, _text(item.get("node")), path, _flag(item.get("udev")))


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> Optional[str]:
    return value if isinstance(value, str) else None


def _flag(value: object) -> Optional[bool]:
    return value if isinstance(value, bool) else None


def _numbers(value: object) -> Optional[tuple[int, int]]:
    if not isinstance(value, list) or len(value) != 2:
        return None
    first, last = value
    return (first, last) if type(first) is int and type(last) is int else None
