"""Recorded guests, scrubbed: every command says the same, but for what was replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ARCHIVES = sorted((FIXTURES / "recordings").glob("*.tar.xz")) + sorted((FIXTURES / "lab").glob("*.tar.xz"))
# Where an answer may hold an identity; what decides anything is not among these.
PLACES = {"serial", "address", "path", "summary", "detail", "value", "why", "wwid", "uuid"}


def differences(one: object, other: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    """Key, and both values, wherever two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from differences(one[name], other[name], name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other):
            yield from differences(left, right, key)
    elif one != other:
        yield key, one, other


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name[: -len(".tar.xz")])
def pair(request, tmp_path_factory, hotplugctl) -> Iterator[tuple[Path, Path]]:
    """A fixture and what `record --scrub` makes of it."""
    out = tmp_path_factory.mktemp("scrubbed") / request.param.name[: -len(".tar.xz")]
    done = hotplugctl("record", "--json", "--scrub", request.param, out)
    assert (done.status, done.err) == (0, "")
    assert done.document["scrubbed"]
    yield request.param, out


def stages(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.is_dir() and path.name not in ("events", "host"))


class Replaced:
    """What took the place of what in answers: one thing for one, and only where an identity may stand."""

    def __init__(self) -> None:
        self.by: dict[object, object] = {}

    def note(self, left: object, right: object) -> None:
        for key, one, other in differences(left, right):
            assert key in PLACES
            assert self.by.setdefault(one, other) == other

    def is_one_to_one(self) -> bool:
        return len(set(self.by.values())) == len(self.by) and set(self.by).isdisjoint(self.by.values())


def test_every_command_gives_the_same_answer(pair: tuple[Path, Path], hotplugctl: Callable) -> None:
    replaced = Replaced()
    for stage in stages(pair[1]):
        for command in ("check", "slots", "list"):
            left, right = (hotplugctl(command, "--json", "--root", root, "--stage", stage) for root in pair)
            assert (left.status, left.err) == (right.status, right.err)
            replaced.note(left.document, right.document)
    assert replaced.is_one_to_one()


def test_what_happened_is_told_the_same(pair: tuple[Path, Path], hotplugctl: Callable) -> None:
    replaced = Replaced()
    left, right = (hotplugctl("watch", "--json", "--replay", root) for root in pair)
    assert left.status == right.status
    replaced.note(*([json.loads(line) for line in done.out.splitlines()] for done in (left, right)))
    left, right = (hotplugctl("timeline", "--json", "--root", root, "--stage", stages(pair[1])[0]) for root in pair)
    assert left.status == right.status
    replaced.note(left.document["devices"], right.document["devices"])
    assert replaced.is_one_to_one()


def test_what_is_expected_still_holds(pair: tuple[Path, Path], hotplugctl: Callable) -> None:
    done = hotplugctl("validate", "--format", "json", pair[1])
    assert [found["problems"] for found in done.document["recordings"]] == [[]] * len(done.document["recordings"])
    assert done.status == 0


def test_the_second_pass_sees_by_itself_all_that_the_first_changed(recordings, make) -> None:
    from hotplugctl.scrub.find import find
    from hotplugctl.scrub.rewrite import Rewriter
    from hotplugctl.scrub.second import Second
    from hotplugctl.scrub.vocabulary import Vocabulary

    top = recordings.story("q35-rootport-native")
    files = {f"/{path.relative_to(top)}": path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}
    finds = find(make(files))
    vocabulary = Vocabulary(finds)
    after = Rewriter(vocabulary).holdings(make(files)).files
    changed = {path for path, data in files.items() if after.get(path) != data}
    found = {leftover.path for leftover in Second(finds, vocabulary).leftovers(make(files))}
    assert changed
    assert found == changed
