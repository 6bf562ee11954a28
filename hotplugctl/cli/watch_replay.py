"""The replay half of ``watch``: a recorded stream through the same reducer, and out through the same teller."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from hotplugctl.cli import exit as status
from hotplugctl.cli.recorded_trees import Trees
from hotplugctl.cli.telling import Teller, Wish
from hotplugctl.cli.world import remark
from hotplugctl.collect.replayed import Replay
from hotplugctl.live import reducer
from hotplugctl.live.history import History
from hotplugctl.live.state import State
from hotplugctl.model.live import End, Hello, Look, Sign
from hotplugctl.source.replay import open_stream

# Nobody waits longer than this between two events of a recording, whatever its clock says.
_LONGEST_S = 3600.0


def run(path: str, stage: Optional[str], wish: Wish, speed: Optional[float]) -> int:
    """Play ``path``. ``stage``: the recording of a story whose tree tells what is there at first, else its first."""
    stdin = sys.stdin.buffer if path == "-" else None
    replay = Replay(open_stream(path, stdin))
    trees = Trees(path, stage, replay)
    look = trees.first()
    state = trees.start(look)
    teller = Teller(wish, _write, replay.realtime)
    teller.hello(_hello(replay, look))
    try:
        _play(trees.with_facts(paced(replay, speed), state), replay.began() or 0.0, state, teller, wish)
    except KeyboardInterrupt:
        pass
    except status.Done as done:
        if done.code != status.TERMINATED:
            raise
    for word in replay.remarks():
        remark(word)
    return status.YES if wish.most is None or teller.enough else status.TIMED_OUT


def _play(signs: Iterable[Sign], began: float, state: State, teller: Teller, wish: Wish) -> None:
    until = None if wish.timeout is None else began + wish.timeout
    history = History(began) if wish.since_boot else None
    heard = began
    for sign in signs:
        if until is not None and sign.heard > until:
            teller.tell(reducer.tick(state, until)[1])
            return
        heard = sign.heard
        told = None if history is None else history.take(sign)
        if told is None:
            _, told = reducer.feed(state, sign)
        if told and teller.tell(told):
            return
        if type(sign.what) is End:
            return
    teller.tell(reducer.finish(state, heard)[1])


def paced(signs: Iterable[Sign], speed: Optional[float]) -> Iterator[Sign]:
    """The signs in their own time, ``speed`` times as fast; None: at once."""
    before: Optional[float] = None
    for sign in signs:
        if speed is not None and before is not None and sign.heard > before:
            time.sleep(min((sign.heard - before) / speed, _LONGEST_S))
        before = sign.heard
        yield sign


def _hello(replay: Replay, look: Optional[Look]) -> Hello:
    from hotplugctl.render.watch_text import wall_time

    realtime = replay.realtime
    unknown = {} if realtime is not None else {"time": "the recording does not say"}
    seqnum = None if look is None or look.seqnums is None else look.seqnums[0]
    if seqnum is None:
        unknown["seqnum"] = "the recording does not say"
    began = replay.began()
    if began is None:
        unknown["monotonic"] = "nothing was recorded"
    time = None if began is None or realtime is None else wall_time(realtime + began)
    return Hello("replay", None, seqnum, began, time, unknown)


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(lines))
    sys.stdout.flush()
