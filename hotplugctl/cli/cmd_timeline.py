"""``hotplugctl timeline``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional, Union

import click

from hotplugctl.cli import exit as status
from hotplugctl.cli.options import color_option, json_option, root_options, table_options
from hotplugctl.cli.world import announce, emit, origin, remark, world
from hotplugctl.errors import UnusableRoot
from hotplugctl.model.uevent import Uevent

if TYPE_CHECKING:
    from hotplugctl.collect.log_signs import LogSigns
    from hotplugctl.live.timeline import Fold
    from hotplugctl.model.live import Sign
    from hotplugctl.model.timeline import Timeline
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.replay import Stream
    from hotplugctl.source.rooted import Rooted
    from hotplugctl.source.tree import Tree

_NOTES = {
    "wall": "the log has wall-clock times: when that was since boot is not known",
    "none": "the log has no times that can be compared: the order alone is known",
}
_NO_LOG = "not a line of it is one of a kernel log"


@click.command("timeline")
@click.argument("file", required=False, metavar="[FILE|-]")
@root_options
@json_option
@table_options
@color_option
def command(
    file: Optional[str], root: Optional[str], stage: Optional[str], as_json: bool, output: Optional[str],
    noheadings: bool, list_columns: bool, color: str,  # noqa: ARG001 - understood everywhere, tables have no colour
) -> int:  # fmt: skip
    """How long each stage of each insertion and removal took.

    Read from a kernel log: of this guest, or FILE in any form that dmesg and journalctl write. With --root a recording:
    its uevents too where it has events/, then as a whole, else (or with --stage) its kernel log.
    """
    if list_columns:
        from hotplugctl.render import columns, timeline_text

        emit(columns.legend(timeline_text.COLUMNS))
        return status.YES
    if file is not None and (stage is not None or origin("root") == "COMMANDLINE"):
        raise click.UsageError("FILE is a text: it goes with neither --root nor --stage.")
    if file is not None:
        found = _of_file(file)
    elif root is not None and stage is None:
        found = _of_recording(root)
    else:
        found = _of_tree(root, stage)
    _tell(found, as_json, output, noheadings)
    return status.of_listing(known=not isinstance(found, str))


def _of_file(file: str) -> Union[Timeline, str]:
    from hotplugctl.source import text

    label = "standard input" if file == "-" else file
    return of_log(text.lines(text.open_text(file, sys.stdin.buffer)), label)


def of_log(lines: Iterable[str], label: str) -> Union[Timeline, str]:
    """A kernel log alone; a reason where it is none."""
    from hotplugctl.collect.log_signs import LogSigns
    from hotplugctl.live.reducer import start
    from hotplugctl.live.timeline import Fold

    fold, signs = Fold(start(by_log=True)), LogSigns(lines)
    for sign in signs:
        fold.take(sign, label)
    return closed(fold, signs, label)


def closed(fold: Fold, signs: LogSigns, label: str) -> Union[Timeline, str]:
    """The end of a kernel log that was given to ``fold``; a reason where it was none."""
    from hotplugctl.collect.log_signs import BOOT, NONE

    if not signs.is_log:
        return f"{label}: {_NO_LOG}"
    notes = () if signs.clock == BOOT else (_NOTES[signs.clock],)
    return fold.close((label,), notes, since_boot=signs.clock == BOOT, timed=signs.clock != NONE)


def _of_tree(root: Optional[str], stage: Optional[str]) -> Union[Timeline, str]:
    with world(root, stage) as tree:
        return _of_log_in(tree)


def _of_log_in(tree: Tree) -> Union[Timeline, str]:
    """The kernel log of a tree alone."""
    from hotplugctl.model.reads import Value, reason

    read = tree.kernel_log()
    if not isinstance(read, Value):
        return f"the kernel log cannot be read: {reason(read)}"
    return of_log(text_of(read.data), label_of(read.path))


def label_of(path: str) -> str:
    """What a kernel log is called: a recording's cmd/kmsg is what /dev/kmsg said."""
    return "/dev/kmsg" if path == "/cmd/kmsg" else path


def text_of(data: bytes) -> Iterable[str]:
    """The lines of a log."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="backslashreplace", newline="\n")


def _of_recording(root: str) -> Union[Timeline, str]:
    """The stream of a recording or story; where it has none its log, of a story that of its last stage."""
    from hotplugctl.source.replay import open_stream
    from hotplugctl.source.stages import places

    if root == "-":
        return _of_stdin()
    try:
        stream = open_stream(root, None)
    except UnusableRoot:
        stages = [place.stage for place in places(root, None) if place.path == root]
        return _of_tree(root, stages[-1] if stages else None)
    announce(root)
    return _of_stream(root, stream)


def _of_stdin() -> Union[Timeline, str]:
    """The same of a tar that can be read but once."""
    from hotplugctl.source.door import open_tree
    from hotplugctl.source.replay import of_tree
    from hotplugctl.source.stages import Places

    loaded: dict[str, Folder] = {}
    try:
        tree: Optional[Rooted] = open_tree("-", None, sys.stdin.buffer, loaded)
    except UnusableRoot:
        if not loaded:
            raise
        # A story: it was read.
        tree = None
    places = Places(loaded)
    try:
        stream = of_tree(places.tree("-"), "standard input")
    except UnusableRoot:
        *_, last = places.of("-", None)
        return _of_log_in(tree or open_tree("-", last.stage, sys.stdin.buffer, loaded))
    announce("-")
    return _of_stream("-", stream)


def _of_stream(root: str, stream: Stream) -> Union[Timeline, str]:
    from hotplugctl.cli.recorded_trees import Trees
    from hotplugctl.collect.replayed import Replay
    from hotplugctl.live.timeline import Fold
    from hotplugctl.model.live import End

    replay = Replay(stream)
    if replay.first() is None:
        return f"{stream.label}: nothing was recorded in its events"
    trees = Trees(root, None, replay)
    state = trees.start(None if replay.log_only else trees.first())
    fold = Fold(state)
    for sign in replay if replay.log_only else trees.with_facts(replay, state):
        if isinstance(sign.what, End):
            break
        fold.take(sign, source_of(sign, stream))
    return fold.close(tuple(f"events/{name}" if name else root for name in stream.files), replay.remarks())


def source_of(sign: Sign, stream: Stream) -> str:
    """The file of a sign; of a uevent its number too, as /sys/kernel/uevent_seqnum counts."""
    what = sign.what
    if "" in stream.files:
        file = stream.label
    elif isinstance(what, Uevent):
        file = "events/netlink-uevent.jsonl"
    else:
        file = "events/kmsg.jsonl"
    return f"{file}:{what.seqnum}" if isinstance(what, Uevent) and what.seqnum is not None else file


def _tell(found: Union[Timeline, str], as_json: bool, output: Optional[str], noheadings: bool) -> None:
    if as_json:
        from hotplugctl.render import document_timeline, jsontext

        emit(jsontext.dumps(document_timeline.timeline(found)))
        return
    from hotplugctl.render import columns, timeline_text

    wanted = columns.chosen(timeline_text.COLUMNS, output)
    if isinstance(found, str):
        remark(found)
        return
    for note in found.notes:
        remark(note)
    if not found.passages:
        remark("no insertion and no removal")
        return
    # Who chooses columns or leaves the headings out wants the devices alone, for a script.
    whole = output is None and not noheadings
    emit(timeline_text.rows(wanted, found, not noheadings, whole))
    more = timeline_text.below(found) if whole else ""
    if more:
        emit("\n" + more)
