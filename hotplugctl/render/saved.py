"""The lines of a recording's ``events/``: what was heard, so that it can be played again."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from json import dumps
from typing import Optional

from hotplugctl.model.live import FunctionFact, Look, NodeFact, RawEvent, RawLine

_DIGITS = 6


def event(raw: RawEvent, properties: Optional[Mapping[str, str]]) -> str:
    """A line of ``netlink-uevent.jsonl``: ``t``, ``group``, ``b64`` the datagram as it came, ``props`` what it says."""
    return _line(
        {
            "t": round(raw.heard, _DIGITS),
            "group": raw.group,
            "b64": b2a_base64(raw.data, newline=False).decode("ascii"),
            "props": dict(properties or {}),
        }
    )


def log_line(raw: RawLine) -> str:
    """A line of ``kmsg.jsonl``: ``t``, ``raw``."""
    return _line({"t": round(raw.heard, _DIGITS), "raw": raw.raw})


def look(heard: float, found: Look, realtime: Optional[float]) -> str:
    """A line of ``looks.jsonl``: what a look at sysfs found, and when. Read by ``parse.looks``.

    ``realtime``: CLOCK_REALTIME minus CLOCK_MONOTONIC then.
    """
    return _line(
        {
            "t": round(heard, _DIGITS),
            "realtime": realtime,
            "kind": found.kind,
            "functions": [_function(fact) for fact in found.functions],
            "slots": dict(found.slots),
            "udev": found.udev,
            "lost": found.lost,
            "complete": found.complete,
            "seqnums": None if found.seqnums is None else list(found.seqnums),
        }
    )


def _function(fact: FunctionFact) -> dict[str, object]:
    return {
        "address": fact.address,
        "path": fact.path,
        "class": fact.class_,
        "ids": fact.ids,
        "driver": fact.driver,
        "slot": fact.slot,
        "nodes": [_node(node) for node in fact.nodes],
        "children": dict(fact.children),
        "modules": None if fact.modules is None else list(fact.modules),
        "trouble": fact.trouble,
    }


def _node(node: NodeFact) -> dict[str, object]:
    return {
        "subsystem": node.subsystem,
        "name": node.name,
        "node": node.node,
        "path": node.path,
        "udev": node.udev,
    }


def _line(record: dict[str, object]) -> str:
    return dumps(record, ensure_ascii=True, separators=(", ", ": ")) + "\n"
