"""What the kernel log, and where recorded the events, know of a target: lines, and the passages of ``timeline``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from hotplugctl.cli.cmd_timeline import closed, label_of, source_of
from hotplugctl.collect import kernel_log
from hotplugctl.collect.log_picked import Picked, begins_in_boot, parsed, pick
from hotplugctl.collect.log_signs import LogSigns
from hotplugctl.errors import UnusableRoot
from hotplugctl.live.reducer import start
from hotplugctl.live.timeline import Fold
from hotplugctl.model.explanation import Log
from hotplugctl.model.reads import Value, reason
from hotplugctl.model.timeline import Passage, Timeline
from hotplugctl.model.uevent import KERNEL_GROUP, Uevent
from hotplugctl.rules.explain.said import Keeper, Wanted, quick, silent
from hotplugctl.source.tree import Tree

_SEQNUM = "/sys/kernel/uevent_seqnum"
_NOBODY = Wanted(None, None, (), ())


class History(NamedTuple):
    """All passages that are known, None where the log could not be read; and the lines about the target."""

    timeline: Optional[Timeline]
    log: Log


def told_of(tree: Tree, root: Optional[str], wanted: Wanted) -> Log:
    """The lines about a target and its passages, the latest first."""
    timeline, log = _history(tree, root, wanted)
    if timeline is None:
        return log
    mine = [one for one in timeline.passages if _is_of(one, wanted)]
    return log._replace(passages=tuple(reversed(mine)))


def _is_of(one: Passage, wanted: Wanted) -> bool:
    """Of the function; of the slot, where nothing came; of a node, where that is all that was named."""
    if one.address is None:
        return one.slot is not None and one.slot == wanted.slot
    if wanted.address is None:
        return any(is_in(word, one.nodes) for word in wanted.words)
    return one.address == wanted.address


def is_in(word: str, nodes: Sequence[str]) -> bool:
    """Whether it is one of them, or a partition: vdb1, nvme0n1p2."""
    return any(word == node or (word.startswith(node) and word[len(node) :].lstrip("p").isdigit()) for node in nodes)


def overall(tree: Tree, root: Optional[str]) -> History:
    """Of no target."""
    return _history(tree, root, _NOBODY)


def _history(tree: Tree, root: Optional[str], wanted: Wanted) -> History:
    heard = _of_events(tree, root)
    read = tree.kernel_log(kernel_log.LIMIT)
    if not isinstance(read, Value):
        return History(heard, silent(reason(read)))
    label, keeper = label_of(read.path), Keeper(wanted)
    picked = pick(read.data.decode("utf-8", "backslashreplace"), quick(wanted))
    signs = LogSigns(())
    fold = _folded(signs, picked, label, keeper)
    found = closed(fold, signs, label)
    if isinstance(found, str):
        return History(heard, silent(found))
    log = keeper.log(label, ())
    if heard is not None:
        # The events tell all insertions; the log is asked for its words alone.
        return History(heard, log)
    return History(found, log._replace(unread=picked.unread))


def _folded(signs: LogSigns, picked: Picked, label: str, keeper: Keeper) -> Fold:
    state = start(by_log=True)
    state.booting = begins_in_boot(picked.head)
    fold = Fold(state)
    for line in parsed(picked.head):
        keeper.take(line)
        fold.take(signs.sign(line), label)
    for line in parsed(picked.between):
        keeper.take(line)
        signs.sign(line)
    if picked.unread is not None:
        fold.gap(rebooted=picked.rebooted, booting=picked.booting)
    for line in parsed(picked.tail):
        keeper.take(line)
        fold.take(signs.sign(line), label)
    return fold


def _of_events(tree: Tree, root: Optional[str]) -> Optional[Timeline]:
    """The passages that recorded events tell, up to the moment at which the tree was read; None where that is unknown.

    The number of the last uevent (/sys/kernel/uevent_seqnum) is that moment.
    """
    read = tree.read(_SEQNUM) if root not in (None, "-") and tree.kind != "live" else None
    text = read.text.strip() if isinstance(read, Value) else ""
    if root is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    from hotplugctl.cli.recorded_trees import Trees
    from hotplugctl.collect.replayed import Replay
    from hotplugctl.model.live import End
    from hotplugctl.source.replay import open_stream

    try:
        stream = open_stream(root)
    except UnusableRoot:
        return None
    replay, last = Replay(stream), int(text)
    if replay.first() is None or replay.log_only:
        return None
    trees, some = Trees(root, None, replay), False
    fold = Fold(trees.start(trees.first()))
    for sign in replay:
        what = sign.what
        if isinstance(what, End) or (isinstance(what, Uevent) and what.group == KERNEL_GROUP and _after(what, last)):
            break
        some = True
        fold.take(sign, source_of(sign, stream))
    return fold.close(tuple(stream.files), ()) if some else None


def _after(event: Uevent, last: int) -> bool:
    return event.seqnum is not None and event.seqnum > last
