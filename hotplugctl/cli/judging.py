"""One recording, or one story as a whole, judged: all that ``validate`` compares, put together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, Optional, Union

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.validation import Drift, Flaw, Problem, Said, Told, Validation
from hotplugctl.rules import validation
from hotplugctl.source.door import open_tree
from hotplugctl.source.stages import Place, Places, Whole, find_top

if TYPE_CHECKING:
    from hotplugctl.live.staged import Station
    from hotplugctl.model.inventory import Sample
    from hotplugctl.model.validation import Expectation
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.replay import Stream
    from hotplugctl.source.rooted import Rooted


class Judge:
    """Judges places, one after the other; the last tar is kept, so that its stages need not read it again."""

    def __init__(self, stdin: Optional[BinaryIO]) -> None:
        self._loaded: dict[str, Folder] = {}
        self._stdin = stdin
        self._told_of: Optional[str] = None
        self.places = Places(self._loaded, stdin)

    def each(self, path: str, stage: Optional[str]) -> Iterator[Case]:
        """Every recording that ``path`` stands for, to be judged before the next one is asked for."""
        try:
            for place in self.places.each(path, stage):
                yield Case(self, place)
        except UnusableRoot as error:
            yield Case(self, Place(path, stage), error)

    def judge(self, place: Union[Place, Whole]) -> Validation:
        """The problems of a place; one that cannot be read has that problem."""
        try:
            if place.path in self.places.broken:
                raise self.places.broken[place.path]
            if isinstance(place, Whole):
                return Validation(place.label, tuple(self._story(place)))
            tree = open_tree(place.path, place.stage, self._stdin, self._loaded)
        except UnusableRoot as error:
            return Validation(place.label, (_unreadable(place, error),))
        try:
            _refuse_live(tree, place)
            return Validation(place.label, (*self._refused(place), *_recording(tree)))
        except UnusableRoot as error:
            return Validation(place.label, (_unreadable(place, error),))
        finally:
            tree.close()

    def _refused(self, place: Place) -> Iterator[Problem]:
        """Members of the tar that are not in the tree as they were packed: told once, of the first place in it."""
        folder = self._loaded.get("standard input" if place.path == "-" else place.path)
        if folder is not None and place.path != self._told_of:
            self._told_of = place.path
            yield from validation.run("archive", lambda: validation.archive(folder.refused))

    def _story(self, place: Whole) -> Iterator[Problem]:
        """What the stages share: their events against their trees, and what is expected of these."""
        expectation = self._expected_of_story(place)
        if self._stream(place) is not None:
            yield from self._heard(place)
        if expectation is not None:

            def ask() -> Iterable[Problem]:
                return validation.expected_of_story(expectation, self._retold(place) if wants else None)

            wants = validation.wants_events(expectation)
            yield from validation.run("expected.json", ask)

    def _heard(self, place: Whole) -> Iterator[Problem]:
        """The events against themselves, and against the trees: what is lost shows in these, or else in the numbers."""
        flawed = validation.run("events", lambda: validation.streams(self._flaws(place)))
        drifts: tuple[Problem, ...] = ()
        if not any(problem.id in validation.CONSEQUENCES for problem in flawed):
            drifts = validation.run("uevents", lambda: validation.uevents(self._drifts(place)))
        yield from (problem for problem in flawed if not drifts or problem.id != "events.lost")
        yield from drifts

    def _flaws(self, place: Whole) -> Iterator[Flaw]:
        from hotplugctl.collect import heard, signs, stream_flaws

        stream = self._stream(place)
        stages = []
        for stage in place.stages:
            tree = open_tree(place.path, stage, self._stdin, self._loaded)
            try:
                stages.append(stream_flaws.Stage(stage, heard.records(tree), signs.seqnum(tree)))
            finally:
                tree.close()
        return iter(()) if stream is None else stream_flaws.flaws(stream, stages)

    def _expected_of_story(self, place: Whole) -> Optional[Expectation]:
        from hotplugctl.collect import witnesses

        tree = self.places.tree(place.path)
        try:
            top = find_top(tree, place.path)[0]
            return None if top is None else witnesses.expectation(tree, top)
        finally:
            tree.close()

    def _stream(self, place: Whole) -> Optional[Stream]:
        from hotplugctl.source.replay import of_tree, open_stream

        try:
            if os.path.isdir(place.path):
                return open_stream(place.path)
            return of_tree(self.places.tree(place.path), place.path)
        except UnusableRoot:
            return None

    def _drifts(self, place: Whole) -> Iterator[Drift]:
        from hotplugctl.collect import heard
        from hotplugctl.collect.replayed import Replay
        from hotplugctl.live import staged
        from hotplugctl.source.replay import LOG

        first, second = self._stream(place), self._stream(place)
        if first is None or second is None:
            return
        times = heard.times(first.files.get(LOG, ()))
        replay = Replay(second)
        if replay.looked or replay.log_only or replay.kernel is None:
            # What watch saved begins with a look of its own.
            return
        stations = [self._station(place, stage, times) for stage in place.stages]
        for apart in staged.compare(stations, replay, udev_only=not replay.kernel):
            yield Drift(apart.name, tuple(sorted(apart.missing)), tuple(sorted(apart.extra)))

    def _station(self, place: Whole, stage: str, times: Mapping[int, float]) -> Station:
        from hotplugctl.collect import heard, signs
        from hotplugctl.live import staged

        tree = open_tree(place.path, stage, self._stdin, self._loaded)
        try:
            since, until = heard.bounds(heard.last_record(tree), times)
            return staged.Station(stage, signs.look(tree, "start"), since, until, heard.unlisted(tree))
        finally:
            tree.close()

    def _retold(self, place: Whole) -> Optional[tuple[Told, ...]]:
        from hotplugctl.cli import retold

        stream = self._stream(place)
        return None if stream is None else retold.of_story(place.path, stream, self._loaded)


class Case:
    """One recording, about to be judged."""

    def __init__(self, judge: Judge, place: Union[Place, Whole], error: Optional[UnusableRoot] = None) -> None:
        self.label = place.label
        self._judge = judge
        self._place = place
        self._error = error

    def judge(self) -> Validation:
        """Judge it."""
        if self._error is not None:
            return Validation(self.label, (_unreadable(self._place, self._error),))
        return self._judge.judge(self._place)


def _refuse_live(tree: Rooted, place: Place) -> None:
    """Everything below /sys is read: on a machine that runs some of these reads do things."""
    if tree.kind == "live" or os.path.ismount(os.path.join(place.path, "sys")):
        raise UnusableRoot(f"{place.path}: a machine that runs, not a recording", "record it: hotplugctl record OUT")


def _unreadable(place: Union[Place, Whole], error: UnusableRoot) -> Problem:
    prefix = f"{place.path}: "
    why = error.message
    return Problem("recording.unreadable", place.path, why[len(prefix) :] if why.startswith(prefix) else why)


def _recording(tree: Rooted) -> Iterator[Problem]:
    from hotplugctl.collect import breaches, disks, inventory, layout, log_view, module_lists, witnesses

    run = validation.run
    yield from run("manifest.json", lambda: validation.manifest(breaches.collect(tree)))
    listed = inventory.collect(tree)
    sysfs = validation.Sysfs(listed)
    yield from run("links", lambda: [*validation.links(sysfs), *validation.unlisted(sysfs), *validation.lost(sysfs)])
    told: list[Sample] = []
    yield from run("texts", lambda: validation.texts(_noting(inventory.samples(tree), told)))
    yield from run("uevent files", lambda: validation.children(told, sysfs))
    subjects = witnesses.subjects(tree)
    yield from run("functions", lambda: validation.functions(subjects, sysfs))
    yield from run("drivers", lambda: validation.drivers(sysfs))
    yield from run("topology", lambda: validation.topology(subjects, layout.collect(tree, subjects)))
    yield from run("modules", lambda: validation.modules(module_lists.collect(tree)))
    view = log_view.collect(tree)
    if view is not None:
        yield from run("kernel log", lambda: validation.kernel_log(view, subjects, disks.collect(tree)))
    yield from run("events", lambda: validation.streams(_own_flaws(tree)))
    texts = witnesses.texts(tree)
    if texts:
        yield from run("lspci", lambda: validation.lspci(texts, subjects))
    expectation = witnesses.expectation(tree)
    if expectation is not None:
        yield from run("expected.json", lambda: _expected(tree, expectation))


def _noting(samples: Iterable[Sample], told: list[Sample]) -> Iterator[Sample]:
    """The samples, of which those that tell of a device are put aside: each file is read once."""
    for sample in samples:
        if validation.is_told(sample.path):
            told.append(sample)
        yield sample


def _own_flaws(tree: Rooted) -> Iterator[Flaw]:
    from hotplugctl.collect import heard, signs, stream_flaws

    stream = _own_stream(tree)
    here = stream_flaws.Stage("", heard.records(tree), signs.seqnum(tree))
    return iter(()) if stream is None else stream_flaws.flaws(stream, (here,))


def _expected(tree: Rooted, expectation: Expectation) -> Iterator[Problem]:
    said, crashed = _said(tree, expectation)
    yield from validation.expected(expectation, said)
    if crashed:
        yield Problem(validation.CRASHED, "check", f"a defect in hotplugctl: the rule {crashed} crashed")


def _said(tree: Rooted, expectation: Expectation) -> tuple[Said, Optional[str]]:
    """What ``check``, ``list`` and ``watch --replay`` say, and which rule crashed."""
    from hotplugctl.collect import listing
    from hotplugctl.collect.snapshot import collect
    from hotplugctl.render import document
    from hotplugctl.rules import answer, catalogue

    snapshot = collect(tree)
    answered = answer.answer(snapshot, catalogue.select((), (), image=snapshot.image is not None))
    # Names come from the recording alone: those of this machine's pci.ids are others elsewhere.
    listed = listing.collect(tree, None)
    usable = frozenset(name for name, can in answered.usable.items() if can)
    records = {
        item.address: document.function(
            item,
            listed.nodes.get(item.address, ()),
            listed.slots.get(item.address),
            listed.modules,
            listed.names,
            listed.unknown(item.address),
        )
        for item in listed.functions.items
    }
    events = _own_events(tree) if validation.wants_events(expectation) else None
    crashed = next((finding.id for finding in answered.report.findings if finding.status == "crashed"), None)
    return Said(answered.report.verdict, usable, records, events), crashed


def _own_events(tree: Rooted) -> Optional[tuple[Told, ...]]:
    """What was heard in a recording that has ``events/`` of its own."""
    from hotplugctl.cli import retold

    stream = _own_stream(tree)
    return None if stream is None else retold.of_recording(stream, tree)


def _own_stream(tree: Rooted) -> Optional[Stream]:
    from hotplugctl.source.replay import of_tree

    try:
        return of_tree(tree, tree.label)
    except UnusableRoot:
        return None
