"""What ``watch --replay`` tells of a recording, as records: for ``validate``, which holds expectations against it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hotplugctl.collect.replayed import Replay
from hotplugctl.live import reducer
from hotplugctl.model.live import End, Sign, Transition

if TYPE_CHECKING:
    from hotplugctl.live.state import State
    from hotplugctl.model.validation import Told
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.replay import Stream
    from hotplugctl.source.rooted import Rooted

TOLD_LIMIT = 200_000
"""Events that are kept at most."""


def of_story(path: str, stream: Stream, loaded: dict[str, Folder]) -> tuple[Told, ...]:
    """What is told of a story: its first tree says what was there before."""
    from hotplugctl.cli.recorded_trees import Trees

    replay = Replay(stream)
    trees = Trees(path, None, replay, loaded)
    state = trees.start(trees.first())
    return _play(replay, state, trees.with_facts(replay, state))


def of_recording(stream: Stream, tree: Rooted) -> tuple[Told, ...]:
    """The same of a recording with events of its own."""
    from hotplugctl.collect import signs

    replay = Replay(stream)
    look = None if replay.looked else signs.look(tree, "start")
    state = reducer.start(look, by_log=replay.log_only, udev_only=replay.kernel is False)
    return _play(replay, state, replay)


def _play(replay: Replay, state: State, signs: Iterable[Sign]) -> tuple[Told, ...]:
    from hotplugctl.render import document_watch

    told: list[Transition] = []
    heard = replay.began() or 0.0
    for sign in signs:
        heard = sign.heard
        told += reducer.feed(state, sign)[1]
        if type(sign.what) is End or len(told) > TOLD_LIMIT:
            break
    else:
        told += reducer.finish(state, heard)[1]
    return tuple(document_watch.transition(one) for one in told[:TOLD_LIMIT])
