"""What the trees beside a recorded stream know: what was there at first, and which modules claim what has no driver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Optional

from hotplugctl.collect.replayed import Replay
from hotplugctl.errors import UnusableRoot
from hotplugctl.live import reducer
from hotplugctl.live.state import State
from hotplugctl.model.live import FunctionFact, Look, Sign

if TYPE_CHECKING:
    from hotplugctl.source.archive import Folder


class Trees:
    """The recordings of a story, or the one of a recording; none beside events alone, or a tar on stdin.

    ``stage``: the one that tells what was there at first, else the first of all. ``loaded`` as in ``open_tree``.
    """

    def __init__(
        self, path: str, stage: Optional[str], replay: Replay, loaded: Optional[dict[str, Folder]] = None
    ) -> None:
        self._path = path
        self._stage = stage
        self._replay = replay
        self._loaded: dict[str, Folder] = {} if loaded is None else loaded
        self._unclaimed: Optional[dict[str, list[FunctionFact]]] = None

    def first(self) -> Optional[Look]:
        """What was there at first: by the recording's own first look, else by a tree."""
        first = self._replay.first()
        if first is not None and isinstance(first.what, Look) and first.what.kind == "start":
            return first.what
        try:
            stage = self._stage if self._stage is not None else next(self._stages(), None)
            look = self._look(stage, "start")
        except (UnusableRoot, OSError):
            if self._stage is not None:
                raise
            # No tree beside the events: what was there is learnt as it is spoken of.
            return None
        return None if look is None or not look.functions else look._replace(udev=self._replay.udev)

    def start(self, look: Optional[Look]) -> State:
        """The reducer's state before the first sign, ``look`` being what was there."""
        replay = self._replay
        state = reducer.start(look, by_log=replay.log_only, udev_only=replay.kernel is False)
        if state.udev is None:
            state.udev = replay.udev
        return state

    def with_facts(self, signs: Iterable[Sign], state: State) -> Iterator[Sign]:
        """The signs, and before one at which a device is overdue a look of facts about it, as a live watch takes it.

        A recording that holds such looks of its own is played as it is.
        """
        if self._replay.looked or self._path == "-":
            yield from signs
            return
        for sign in signs:
            wanted = reducer.wanting(state, sign.heard)
            facts = self._facts(state, wanted) if wanted else ()
            if facts:
                yield Sign(sign.heard, sign.heard, Look("facts", facts, {}))
            yield sign

    def _facts(self, state: State, wanted: tuple[str, ...]) -> tuple[FunctionFact, ...]:
        """Of the modules alone: the rest of a tree was read before or after the moment that is played."""
        found = []
        for address in wanted:
            journey = state.functions.get(address)
            if journey is not None and journey.driver is None:
                known = self._all_unclaimed().get(address, ())
                found += [fact for fact in known if fact.ids == journey.ids][:1]
        return tuple(found)

    def _all_unclaimed(self) -> dict[str, list[FunctionFact]]:
        """What has no driver in some stage: read once, and only where it is asked for."""
        if self._unclaimed is None:
            self._unclaimed = {}
            try:
                for stage in self._stages():
                    look = self._look(stage, "facts")
                    for fact in look.functions if look is not None else ():
                        if fact.driver is None and fact.modules is not None:
                            bare = FunctionFact(fact.address, fact.path, ids=fact.ids, modules=fact.modules)
                            self._unclaimed.setdefault(fact.address, []).append(bare)
            except (UnusableRoot, OSError):
                pass
        return self._unclaimed

    def _stages(self) -> Iterator[Optional[str]]:
        from hotplugctl.source.stages import places

        if self._path != "-":
            yield from (place.stage for place in places(self._path, None, self._loaded) if place.path == self._path)

    def _look(self, stage: Optional[str], kind: str) -> Optional[Look]:
        from hotplugctl.collect import signs
        from hotplugctl.source.door import open_tree

        if self._path == "-":
            return None
        tree = open_tree(self._path, stage, None, self._loaded)
        try:
            return signs.look(tree, kind, claims=kind == "facts")
        finally:
            tree.close()
