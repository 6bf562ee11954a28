"""Whatever bytes come as a tar or manifest, and whatever a tree looks like: an answer or one clear error."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.reads import Value
from hotplugctl.source import manifest
from hotplugctl.source.disk import DiskTree
from hotplugctl.source.door import open_tree
from hotplugctl.source.gaps import Gaps
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.recording import about, write

NAMES = st.sampled_from(["a", "b", "c", "new\nline", "\udcff"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TARGETS = st.builds(
    lambda up, path, absolute: ("/" if absolute else "") + "../" * up + path,
    st.integers(0, 5),
    PATHS,
    st.booleans(),
)
TREES = st.dictionaries(PATHS, st.one_of(st.none(), st.binary(max_size=20), TARGETS), min_size=1, max_size=12)


def exact(outcome):
    return (type(outcome).__name__, *outcome) if isinstance(outcome, tuple) else outcome


def plant(root, entries):
    """What of ``entries`` can stand side by side, below ``root``/tree/sys; what is beside it must never be seen."""
    (root / "secret").write_bytes(b"secret")
    (root / "tree/sys").mkdir(parents=True)
    for path, content in entries.items():
        where = root / "tree/sys" / path
        if where.is_symlink() or where.exists():
            continue
        above = [root / "tree/sys" / part for part in Path(path).parents]
        if any(part.is_symlink() or part.is_file() for part in above):
            continue
        where.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            where.mkdir()
        elif isinstance(content, str):
            where.symlink_to(content)
        else:
            where.write_bytes(content)
    return root / "tree"


def answers(tree, paths):
    return [
        exact(call(path)) for path in paths for call in (tree.read, tree.names, tree.link, tree.resolve, tree.kind_of)
    ]


@given(TREES, st.lists(PATHS, max_size=8))
def test_disk_tar_and_recording_answer_alike(entries, more):
    paths = ["/sys", *(f"/sys/{path}" for path in (*entries, *more)), *(f"/sys/{path}/b" for path in entries)]
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder), entries)
        disk = DiskTree(str(root), "recording", "x", Gaps())
        expected = answers(disk, paths)
        assert b"secret" not in [answer[2] for answer in expected if answer[0] == "Value"]

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(root / "sys", "sys")
        archive = open_tree("-", None, io.BytesIO(packed.getvalue()))
        assert answers(archive, paths) == expected

        live = DiskTree(str(root), "live", "x", None)
        recorder = Recorder(live)
        expected = answers(live, paths)
        assert answers(recorder, paths) == expected
        write(recorder.notes.holdings(), {"": about(recorder)}, folder + "/out.tar")
        assert answers(open_tree(folder + "/out.tar", None, None), paths) == expected
        live.close()
        disk.close()


@given(TREES)
def test_a_canonical_path_leads_to_itself(entries):
    with tempfile.TemporaryDirectory() as folder:
        tree = DiskTree(str(plant(Path(folder), entries)), "recording", "x", Gaps())
        for path in entries:
            spot = tree.resolve("/sys/" + path)
            if isinstance(spot, str):
                assert tree.resolve(spot) == spot
                assert tree.kind_of(spot) != "link"
                assert exact(tree.read(spot))[2:] == exact(tree.read("/sys/" + path))[2:]
        tree.close()


def a_tar():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("sys/x", "sys/" + "long" * 40, "sys/ü"):
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(bytes(700)))
    return packed.getvalue()


TAR = a_tar()


@given(st.lists(st.tuples(st.integers(0, len(TAR) - 1), st.integers(0, 255)), max_size=5), st.booleans())
def test_a_tar_with_wrong_bytes_is_read_or_refused(changes, mend):
    data = bytearray(TAR)
    for at, value in changes:
        data[at] = value
        if mend:
            block = at // 512 * 512
            header = data[block : block + 512]
            total = sum(header) - sum(header[148:156]) + 256
            data[block + 148 : block + 156] = b"%06o\0 " % total
    try:
        tree = open_tree("-", None, io.BytesIO(bytes(data)))
    except UnusableRoot as error:
        assert "\n" not in error.message
    else:
        read = tree.read("/sys/x")
        assert not isinstance(read, Value) or len(read.data) <= len(TAR)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_manifest_or_refused(data):
    try:
        manifest.load(data)
    except manifest.BadManifest as error:
        assert "\n" not in error.message


@given(st.binary(max_size=300))
def test_any_unreadable_txt_is_taken(data):
    gaps = Gaps()
    gaps.add_unreadable(data)
    assert all(path.startswith("/") for path in gaps.failed)
