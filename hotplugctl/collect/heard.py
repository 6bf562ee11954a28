"""When a tree was recorded, by the clock of the stream beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.model.devices import NODE_CLASSES
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import Value
from hotplugctl.source.tree import Tree

_LIMIT = 32 << 20
_RECORDS_KEPT = 1_000_000
# ``6,339,5140900,-;message`` (Documentation/ABI/testing/dev-kmsg): the second number counts the records since boot.
_RECORD = re.compile(rb"^[0-9]{1,6},([0-9]{1,18}),[0-9]{1,18},", re.M)
_WHOLE = re.compile(rb"[0-9]{1,6},([0-9]{1,18}),[0-9]{1,18},[^;]*;(.*)", re.S)
_HEARD = re.compile(rb'"t": ?([0-9]{1,12}(?:\.[0-9]{1,12})?)[,}]')
_RAW = re.compile(rb'"raw": ?"[0-9]{1,6},([0-9]{1,18}),')


def last_record(tree: Tree) -> Optional[int]:
    """The number of the last record in a tree's kernel log; None where its form has no numbers."""
    read = tree.kernel_log(_LIMIT)
    if not isinstance(read, Value) or _RECORD.match(read.data) is None:
        return None
    return max(int(number) for number in _RECORD.findall(read.data))


def records(tree: Tree) -> Mapping[int, bytes]:
    """The records of a tree's kernel log by their numbers, each as its first line; none without numbers."""
    read = tree.kernel_log(_LIMIT)
    if not isinstance(read, Value) or _RECORD.match(read.data) is None:
        return {}
    found: dict[int, bytes] = {}
    for line in read.data.split(b"\n"):
        said = _WHOLE.match(line)
        if said is not None and len(found) < _RECORDS_KEPT:
            found[int(said[1])] = said[2]
    return found


def unlisted(tree: Tree) -> frozenset[str]:
    """The classes of nodes that a tree has no list of."""
    return frozenset(name for name in NODE_CLASSES if not isinstance(tree.names(f"/sys/class/{name}"), Names))


def times(lines: Iterable[bytes]) -> Mapping[int, float]:
    """Record → when it was heard, out of ``events/kmsg.jsonl``."""
    found: dict[int, float] = {}
    for line in lines:
        heard, raw = _HEARD.search(line), _RAW.search(line)
        if heard is not None and raw is not None and len(found) < _RECORDS_KEPT:
            found[int(raw[1])] = float(heard[1])
    return found


def bounds(last: Optional[int], known: Mapping[int, float]) -> tuple[Optional[float], Optional[float]]:
    """Between which times a log that ends with ``last`` was read: after that record was heard, before the next was.

    The first is 0 where the stream begins with the very next record, and None where it begins later.
    """
    if last is None or not known:
        return None, None
    before = [number for number in known if number <= last]
    after = [number for number in known if number > last]
    since = known[max(before)] if before else 0.0 if min(after) == last + 1 else None
    return since, known[min(after)] if after else None
