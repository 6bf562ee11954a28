"""Whatever holdings there are: what is written of them can be read, holds what it says, and lies below its place."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.model import reads
from hotplugctl.model.holdings import About, Holdings
from hotplugctl.source import recording, whole

names = st.sampled_from(["a", "b", "..", ".", "", "sys", "odd\udcff", "new\nline", "x" * 101, "nul\0", "manifest.json"])
spots = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
ABOUT = About("live", "6.1", 1_700_000_000, {})


@st.composite
def anything(draw):
    """Tables that contradict one another, and names that nothing can have."""
    return Holdings(
        draw(st.dictionaries(spots, st.binary(max_size=20), max_size=5)),
        draw(st.dictionaries(spots, st.integers(0, 0o7777), max_size=3)),
        draw(st.dictionaries(spots, st.sampled_from(["a", "/etc", "../../..", "odd\udcfe"]), max_size=4)),
        draw(st.dictionaries(spots, st.just(("a", "b")), max_size=4)),
        draw(st.dictionaries(spots, st.sampled_from(["dir", "file", "socket", "unknown", "none"]), max_size=4)),
        draw(st.dictionaries(spots, st.just(reads.Failed("/", 22)), max_size=3)),
        frozenset(draw(st.lists(spots, max_size=3))),
    )


@given(anything(), st.sampled_from(["out", "out.tar"]))
def test_what_is_written_can_be_read(holdings, name):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "deep", name)
        os.mkdir(os.path.dirname(out))
        recording.write(holdings, {"": ABOUT}, out)
        assert os.listdir(folder) == ["deep"]
        assert os.listdir(os.path.dirname(out)) == [name]
        tree, _ = whole._tree(out, None)
        try:
            manifest = json.loads(tree.read("/manifest.json").data)
            for spot, note in manifest["files"].items():
                read = tree.read(spot)
                assert isinstance(read, reads.Value)
                assert (len(read.data), hashlib.sha256(read.data).hexdigest()) == (note["size"], note["sha256"])
                assert read.data == holdings.files[spot]
            for spot, target in manifest["links"].items():
                assert tree.link(spot).data == os.fsencode(target)
        finally:
            tree.close()


@given(anything())
def test_settled_is_settled(holdings):
    once = recording.settled(holdings)
    assert recording.settled(once) == once
    kept = {*once.files, *once.links}
    assert all(recording.is_spot(spot) for spot in kept)
    folders = {spot.rpartition("/")[0] for spot in (*kept, *once.listed)} | set(once.listed)
    assert kept.isdisjoint(folders)
    assert set(once.files).isdisjoint(once.links)
