"""A recording or a story taken as a whole: everything that lies in it, and its gaps as they were."""

from __future__ import annotations

import errno
import io
import json
import os

import pytest

from hotplugctl.collect import everything
from hotplugctl.errors import UnusableRoot
from hotplugctl.model import reads
from hotplugctl.source import whole
from hotplugctl.source.door import open_tree
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.recording import about, write

EPOCH = "1700000000"
SLOT = "sys/bus/pci/slots/4"
STAGE = {
    f"{SLOT}/address": b"0000:00:04\n",
    f"{SLOT}/power": b"1\n",
    "sys/bus/pci/devices": None,
    "sys/bus/pci/link": "../../devices",
    "sys/devices/none": None,
    "proc/sys/kernel/osrelease": b"6.1.0-50-amd64\n",
    "unreadable.txt": b"EINVAL /sys/bus/pci/slots/4/attention\n",
    "odd\udcff": b"\xff\0",
    "cmd/lspci": b"00:00.0 x\n",
}
STORY = {
    **{f"{stage}/{path}": content for stage in ("before", "added") for path, content in STAGE.items()},
    "events/kmsg.jsonl": b"{}\n",
    "host/empty": None,
    "host/qmp.jsonl": b"{}\n",
    "README": b"about\n",
}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)


@pytest.fixture(params=["directory", "tar", "tar with a folder", "standard input"])
def lay(request, kit, tmp_path):
    """Lay a description somewhere: what names it, and standard input."""

    def where(entries):
        if request.param == "directory":
            return kit.plant(tmp_path / "given", entries), None
        if request.param == "tar with a folder":
            entries = {f"NAME/{path}": content for path, content in entries.items()}
        data = kit.tar(entries)
        if request.param == "standard input":
            return "-", io.BytesIO(data)
        (tmp_path / "given.tar").write_bytes(data)
        return str(tmp_path / "given.tar"), None

    return where


def taken(path, stdin=None):
    """As ``record --scrub`` takes it: holdings, what is said of each part, and what was left out."""
    with whole.opened(path, stdin) as found:
        recorders = {part.top: Recorder(part.tree) for part in found.parts}
        for recorder in recorders.values():
            everything.collect(recorder)
        holdings, left_out = whole.gather(found, recorders)
        return holdings, {top: about(recorder) for top, recorder in recorders.items()}, left_out


def passed_on(given, out):
    holdings, said, left_out = taken(*given)
    assert left_out == ()
    write(holdings, said, str(out))
    return out


def contents(folder):
    """Path → content, of what lies in a folder; manifests left out."""
    found = {}
    for above, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(above, name)
            where = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[where] = os.readlink(path)
            elif os.path.isdir(path):
                found[where] = None
            elif name != "manifest.json":
                with open(path, "rb") as file:
                    found[where] = file.read()
    return found


def test_a_story_is_passed_on_whole(lay, kit, tmp_path):
    out = passed_on(lay(STORY), tmp_path / "out")
    expected = contents(kit.plant(tmp_path / "expected", STORY))
    assert contents(out) == expected
    for stage in ("before", "added"):
        tree = open_tree(str(out), stage, None)
        assert tree.gaps.manifest.kernel == "6.1.0-50-amd64"
        assert kit.exact(tree.read(f"/{SLOT}/attention")) == ("Failed", f"/{SLOT}/attention", errno.EINVAL)
        assert kit.exact(tree.read(f"/{SLOT}/latch")) == ("Absent", f"/{SLOT}/latch")
        assert tree.names(f"/{SLOT}").names == ("address", "attention", "power")
        assert tree.names("/sys/devices/none").names == ()
        tree.close()


def test_a_recording_is_passed_on_whole(lay, kit, tmp_path):
    out = passed_on(lay({**STAGE, "events/kmsg.jsonl": b"{}\n"}), tmp_path / "out")
    assert contents(out) == contents(kit.plant(tmp_path / "expected", {**STAGE, "events/kmsg.jsonl": b"{}\n"}))
    assert json.loads((out / "manifest.json").read_bytes())["files"].keys() >= {"/cmd/lspci", "/events/kmsg.jsonl"}


def test_what_was_passed_on_is_passed_on_the_same(lay, tmp_path):
    """Its manifests say it all, so a second time changes nothing: byte for byte."""
    first = passed_on(lay(STORY), tmp_path / "first")
    second = passed_on((str(first), None), tmp_path / "second")
    assert contents(first) == contents(second)
    for stage in ("before", "added"):
        assert (first / stage / "manifest.json").read_bytes() == (second / stage / "manifest.json").read_bytes()
    tars = [passed_on((str(each), None), tmp_path / f"{each.name}.tar.gz") for each in (first, second)]
    assert tars[0].read_bytes() == tars[1].read_bytes()


@pytest.mark.parametrize("story, stage", [("pc-virtio", "added"), ("pc-noacpi", "after")])
def test_a_recorded_story_answers_as_before(recordings, kit, tmp_path, story, stage):
    """Of a manifest every failure, absence and listing is kept, whether anybody asks for it or not."""
    given = recordings.story(story)
    out = passed_on((str(given), None), tmp_path / "out.tar")
    before, after = (open_tree(str(each), stage, None).gaps.manifest for each in (given, out))
    assert (after.absent, after.links, after.directories) == (before.absent, before.links, before.directories)
    assert {path: kit.exact(each) for path, each in after.failed.items()} == {
        path: kit.exact(each) for path, each in before.failed.items()
    }
    assert {path: note for path, note in after.files.items() if path in before.files} == before.files
    assert after.kinds.items() >= before.kinds.items()


def test_what_nobody_could_read_stays_so(kit, tmp_path):
    """Modes are evidence where there is no manifest: an empty file of mode 0200 stands for one that is written to."""
    root = kit.plant(tmp_path / "given", {**STAGE, f"{SLOT}/remove": b""})
    os.chmod(f"{root}/{SLOT}/remove", 0o200)
    out = passed_on((root, None), tmp_path / "out")
    tree = open_tree(str(out), None, None)
    assert kit.exact(tree.read(f"/{SLOT}/remove")) == ("Denied", f"/{SLOT}/remove", errno.EACCES)
    assert tree.kind_of(f"/{SLOT}/remove") == "file"
    assert "remove" in tree.names(f"/{SLOT}").names
    tree.close()


def test_a_link_out_of_it_is_a_link(kit, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    evil = {"sys/out": str(tmp_path / "secret"), "cmd": str(tmp_path), "sys/up": "../../secret", "events": "/etc"}
    entries = {path: content for path, content in STAGE.items() if not path.startswith("cmd")}
    holdings, _, _ = taken(kit.plant(tmp_path / "given", {**entries, **evil}))
    assert {spot[1:]: target for spot, target in holdings.links.items()}.items() >= evil.items()
    assert b"secret" not in holdings.files.values()


def test_fifos_and_the_like_are_noted(kit, tmp_path):
    root = kit.plant(tmp_path / "given", STAGE)
    os.mkfifo(f"{root}/sys/fifo")
    holdings, _, left_out = taken(root)
    assert holdings.kinds["/sys/fifo"] == "fifo"
    assert left_out == ()


def test_what_is_too_large_is_left_out_and_noted(kit, tmp_path, monkeypatch):
    root = kit.plant(tmp_path / "given", {**STAGE, "cmd/dmesg": b"x" * 101, "cmd/journal": b"x" * 101})
    monkeypatch.setattr(whole, "CONTENT_LIMIT", 100)
    holdings, said, left_out = taken(root)
    assert "/cmd/dmesg" not in holdings.files
    assert kit.exact(holdings.failed["/cmd/dmesg"]) == ("TooLarge", "/cmd/dmesg", 100)
    assert whole.told(left_out) == "left out, and noted so: /cmd/dmesg: larger than 100 bytes, and 1 more"
    write(holdings, said, str(tmp_path / "out"))
    tree = open_tree(str(tmp_path / "out"), None, None)
    assert isinstance(tree.read("/cmd/dmesg", 100), reads.TooLarge)
    tree.close()


@pytest.mark.parametrize(
    "limit, value, why",
    [("MEMBERS_LIMIT", 10, "more than 10 files"), ("KEPT_LIMIT", 50, "MiB of files"), ("NAMES_LIMIT", 1, "entries")],
)
def test_more_than_the_limits_allow(kit, tmp_path, monkeypatch, limit, value, why):
    root = kit.plant(tmp_path / "given", STAGE)
    monkeypatch.setattr(whole, limit, value)
    with pytest.raises(UnusableRoot, match=why):
        taken(root)


def test_folders_without_end(kit, tmp_path):
    root = kit.plant(tmp_path / "given", {**STAGE, "sys/" + "d/" * 200 + "f": b""})
    with pytest.raises(UnusableRoot, match="folders deep"):
        taken(root)


@pytest.mark.parametrize("path", ["", "a\0b", "missing", "/dev/null", "/", "empty", "story of none"])
def test_what_is_none(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "story of none" / "x" / "y").mkdir(parents=True)
    with pytest.raises(UnusableRoot) as refused, whole.opened(path, None):
        pass
    assert "\n" not in refused.value.message


def test_no_standard_input():
    with pytest.raises(UnusableRoot, match="standard input"), whole.opened("-", None):
        pass


def lying(**tables):
    """A manifest that says things of names that lead out."""
    empty = {"format": "hotplugctl-recording", "version": 1}
    return json.dumps({**empty, **tables}).encode()


def test_a_manifest_that_leads_out(kit, tmp_path):
    evil = "/../../../evil"
    note = {"size": 1, "sha256": "", "mode": "0644"}
    manifest = lying(
        links={evil: "/etc/passwd", "/sys/x": "y"}, directories={evil: ["a"]}, kinds={evil: "dir"},
        files={evil: note}, failed={evil: {"outcome": "vanished"}}, absent=[evil],
    )  # fmt: skip
    entries = {"deep/er/given/manifest.json": manifest, "deep/er/given/sys/a": b"1\n"}
    kit.plant(tmp_path, entries)
    out = tmp_path / "deep/er/out"
    passed_on((str(tmp_path / "deep/er/given"), None), out)
    assert {path.name for path in tmp_path.rglob("*")} == {
        "deep", "er", "given", "manifest.json", "sys", "a", "out", "x"
    }  # fmt: skip
    assert os.readlink(out / "sys/x") == "y"


def test_files_that_vanish_while_they_are_taken(kit, tmp_path, monkeypatch):
    root = kit.plant(tmp_path / "given", {**STAGE, "cmd/gone": b"x"})
    real = whole._Walk.entry

    def entry(self, folder, name):
        if name == "gone":
            os.unlink(f"{root}/cmd/gone")
        return real(self, folder, name)

    monkeypatch.setattr(whole._Walk, "entry", entry)
    holdings, _, left_out = taken(root)
    assert "/cmd/gone" not in holdings.files
    assert left_out == ()
