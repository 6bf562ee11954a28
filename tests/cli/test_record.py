"""``record``: what it says, what it refuses, and that nothing half done ever bears the name."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotplugctl.model.holdings import Holdings
from hotplugctl.scrub import Leftover, Scrubbed
from hotplugctl.source.door import open_tree

GOLDENS = Path(__file__).resolve().parents[2] / "fixtures/goldens/record"
STAGE = ("pc-nobar", "added")
FORMS = ("out", "out.tar", "out.tar.gz", "out.tar.xz")


@pytest.fixture
def record(hotplugctl, recordings):
    """Record a recorded guest; what is scrubbed of it is tested elsewhere."""

    def run(*arguments, stage=STAGE):
        return hotplugctl("record", "--no-scrub", "--root", recordings.stage(*stage), *arguments)

    return run


def one_line(text):
    """Whether it is one line, and no trace."""
    return text.count("\n") == 1 and text.startswith("hotplugctl: ") and "Traceback" not in text


# --- what it says -----------------------------------------------------------------------------------------------------


def test_in_words(record, tmp_path):
    done = record(tmp_path / "out.tar.gz")
    files = sum(len(names) for _, _, names in os.walk(tmp_path))
    assert files == 1
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{tmp_path}/out.tar.gz: ")
    assert done.out.endswith("; not scrubbed\n")


def test_in_json(record, tmp_path):
    done = record(tmp_path / "out", "--json")
    there = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and not path.is_symlink()]
    held = [path for path in there if path != tmp_path / "out/manifest.json"]
    assert done.document == {
        "schema": "hotplugctl.record/1",
        "path": str(tmp_path / "out"),
        "files": len(held),
        "bytes": sum(path.stat().st_size for path in held),
        "scrubbed": {},
        "heard": None,
    }


def test_a_name_with_escapes_is_shown_as_such(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = record("a\x1b[1m\n.tar")
    assert done.status == 0
    assert done.out.startswith("a\\x1b[1m\\x0a.tar: ")


def test_golden_output(record, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, ending, options in (("guest.tar.gz", "txt", ()), ("guest.tar", "json", ("--json",))):
        golden(GOLDENS / f"record.{ending}", record(name, *options).out)


@pytest.mark.parametrize("form", ["directory", "tar", "standard input"])
def test_a_story_that_is_there(hotplugctl, recordings, tmp_path, monkeypatch, form):
    """All stages in one, with one mapping, and each with a manifest of its own."""
    asked = scrubbing(monkeypatch)
    archive = recordings.archives["pc-virtio"]
    given = {"directory": recordings.story("pc-virtio"), "tar": archive, "standard input": "-"}[form]
    stdin = archive.read_bytes() if form == "standard input" else b""
    done = hotplugctl("record", "--scrub", given, tmp_path / "out", "--json", stdin=stdin)
    assert (done.status, done.err) == (0, "")
    assert done.document["scrubbed"] == {"mac": 1, "serial": 2}
    stages = recordings.stages("pc-virtio")
    assert len(asked) == 1
    assert {f"/{stage}/proc/cmdline" for stage in stages} <= set(asked[0].files)
    assert "/events/kmsg.jsonl" in asked[0].files
    for stage in stages:
        manifest = json.loads((tmp_path / "out" / stage / "manifest.json").read_bytes())
        assert manifest["scrubbed"] == {"mac": 1, "serial": 2}
        for path, note in manifest["files"].items():
            data = (tmp_path / "out" / stage / path[1:]).read_bytes()
            assert (note["size"], note["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert hotplugctl("check", "--root", tmp_path / "out", "--stage", stages[0]).status in (0, 1)


@pytest.mark.parametrize("inside", ["inside", "inside.tar.gz", "link/inside"])
def test_a_recording_is_not_scrubbed_into_itself(hotplugctl, tmp_path, inside):
    given = tmp_path / "given"
    (given / "deep").mkdir(parents=True)
    (given / "link").symlink_to("deep")
    done = hotplugctl("record", "--scrub", given, given / inside)
    assert done.status == 2
    assert done.err == f"hotplugctl: {given / inside}: OUT lies inside EXISTING (name a place outside of it)\n"
    assert sorted(path.name for path in given.iterdir()) == ["deep", "link"]
    assert list((given / "deep").iterdir()) == []


def test_what_is_not_there_cannot_be_scrubbed(hotplugctl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for existing in ("missing", "/dev/null", "", "."):
        done = hotplugctl("record", "--scrub", existing, tmp_path / "out")
        assert (done.status, one_line(done.err)) == (2, True)
    assert os.listdir(tmp_path) == []


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("out", "--no-scrub", "--scrub", "x"),
        ("out", "--events", "5", "--root", "x"),
        ("out", "--events", "5", "--scrub", "x"),
        ("out", "--events", "-1"),
        ("out", "--events", "1e3"),
        ("out", "--scrub", "x", "--root", "y"),
        ("out", "--scrub", "x", "--stage", "added"),
        ("-", "--json", "--no-scrub"),
        ("out", "more"),
    ],
)
def test_what_does_not_go_together(hotplugctl, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = hotplugctl("record", *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Usage: hotplugctl record")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "out, status, why",
    [
        ("", 2, "names nothing"),
        (".", 2, "is there already"),
        ("..", 2, "is there already"),
        ("/", 2, "is there already"),
        ("there", 2, "is there already"),
        ("there/", 2, "is there already"),
        ("dangling", 2, "is there already"),
        ("dangling.tar", 2, "is there already"),
        ("new/.", 2, "not a name for something new"),
        ("new/..", 2, "not a name for something new"),
        ("new.tar/", 2, "a tar is no directory"),
        ("new.zip", 2, "not a form that is written"),
        ("new.tar.zst", 2, "not a form that is written"),
        ("new.tar.bz2", 2, "not a form that is written"),
        ("missing/new", 74, "no such file or directory"),
        ("missing/new.tar", 74, "no such file or directory"),
        ("file/new.tar", 74, "not a directory"),
        ("n" * 300, 74, "file name too long"),
        ("/proc/self/new", 74, "cannot be written"),
    ],
)
def test_a_place_that_cannot_be(record, tmp_path, monkeypatch, out, status, why):
    """One line, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    for name in ("dangling", "dangling.tar"):
        (tmp_path / name).symlink_to("nowhere")
    before = sorted(os.listdir(tmp_path))
    done = record(out)
    assert (done.status, done.out) == (status, "")
    assert why in done.err
    assert one_line(done.err)
    assert sorted(os.listdir(tmp_path)) == before


def test_it_looks_at_the_place_first(hotplugctl, tmp_path):
    """Nobody listens for a minute to hear that there is no such folder."""
    done = hotplugctl("record", tmp_path / "missing/out.tar", "--no-scrub", "--events", "60")
    assert (done.status, one_line(done.err)) == (74, True)


@pytest.mark.parametrize("name", FORMS)
def test_a_folder_reached_by_a_link_is_a_folder(record, tmp_path, name):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert record(tmp_path / "link" / name).status == 0
    assert os.listdir(tmp_path / "real") == [name]


def test_a_slash_at_the_end_of_a_new_folder(record, tmp_path):
    assert record(f"{tmp_path}/out/").status == 0
    assert (tmp_path / "out/manifest.json").is_file()


def test_no_tar_for_a_terminal(process):
    main, terminal = pty.openpty()
    try:
        done = process("record", "--no-scrub", "-", stdout=terminal, stderr=subprocess.PIPE, capture_output=False)
    finally:
        os.close(terminal)
        os.close(main)
    assert done.returncode == 2
    assert b"terminal" in done.stderr
    assert one_line(done.stderr.decode())


def test_a_reader_that_has_gone(process, recordings):
    root = recordings.stage(*STAGE)
    out, into = os.pipe()
    os.close(out)
    try:
        done = process(
            "record", "-", "--no-scrub", "--root", root, stdout=into, stderr=subprocess.PIPE, capture_output=False
        )
    finally:
        os.close(into)
    assert (done.returncode, done.stderr) == (0, b"")


# --- a disk that is full, or may not be written -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_no_room(process, recordings, tmp_path, name):
    """A limit on the size of files in the place of a small disk: what was begun is gone."""

    def little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = process("record", name, "--no-scrub", "--root", recordings.stage(*STAGE), preexec_fn=little)
    assert done.returncode == 74
    assert done.stderr == f"hotplugctl: {name}: cannot be written: file too large\n".encode()
    assert os.listdir(tmp_path) == []


def test_no_room_on_standard_output(process, recordings):
    with open("/dev/full", "wb") as full:
        done = process(
            "record", "-", "--no-scrub", "--root", recordings.stage(*STAGE),
            stdout=full, stderr=subprocess.PIPE, capture_output=False,
        )  # fmt: skip
    assert done.returncode == 74
    assert done.stderr == b"hotplugctl: standard output: cannot be written: no space left on device\n"


def test_what_fails_halfway_is_told_once(process, recordings, tmp_path):
    """What is left in a buffer fails once more at the end: that is no second failure."""

    def little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    with open(tmp_path / "out", "wb") as out:
        done = process(
            "record", "-", "--no-scrub", "--root", recordings.stage(*STAGE),
            stdout=out, stderr=subprocess.PIPE, capture_output=False, preexec_fn=little,
        )  # fmt: skip
    assert done.returncode == 74
    assert done.stderr == b"hotplugctl: standard output: cannot be written: file too large\n"


# --- killed, and what others have planted -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
def test_killed_at_any_moment(process, recordings, tmp_path, name):
    """Whatever bears the name is whole; what was left beside it hinders nobody."""
    root = recordings.stage("burst", "added")
    for delay in (0.05, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        running = process.start("record", "--no-scrub", "--root", root, name, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        running.kill()
        running.wait()
        if os.path.lexists(tmp_path / name):
            open_tree(str(tmp_path / name), None, None).close()
            assert len(load_manifest(tmp_path / name)["files"]) > 1000
            os.rename(tmp_path / name, tmp_path / f"done-{delay}")
    left = [entry for entry in os.listdir(tmp_path) if not entry.startswith("done-")]
    assert all(entry.startswith(".hotplugctl-") and entry.endswith(".part") for entry in left)
    assert process("record", "--no-scrub", "--root", root, name).returncode == 0


def load_manifest(path):
    """The manifest of a recording."""
    tree = open_tree(str(path), None, None)
    try:
        return json.loads(tree.read("/manifest.json", 1 << 24).data)
    finally:
        tree.close()


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
def test_terminated_it_leaves_nothing(process, recordings, tmp_path, name):
    """Told so while it writes: the first file beside the place is the moment."""
    root = recordings.stage("burst", "added")
    running = process.start("record", "--no-scrub", "--root", root, name, stdout=subprocess.DEVNULL)
    while running.poll() is None and not os.listdir(tmp_path):
        time.sleep(0.001)
    running.send_signal(signal.SIGTERM)
    code = running.wait()
    assert (code, os.listdir(tmp_path)) in ((143, []), (143, [name]), (0, [name]))


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_what_is_planted_beside_is_not_touched(record, tmp_path, monkeypatch, name):
    """Its name beside the place cannot be known before; where it is taken all the same, another is."""
    names = [b"\x01" * 6, b"\x02" * 6, b"\x03" * 6]
    planted = [tmp_path / f".hotplugctl-{bytes(each).hex()}.part" for each in names]
    (tmp_path / "victim").write_bytes(b"precious")
    planted[0].symlink_to("victim")
    planted[1].mkdir()
    real = os.urandom
    monkeypatch.setattr(os, "urandom", lambda count: names.pop(0) if count == 6 and names else real(count))
    assert record(tmp_path / name).status == 0
    assert names == []
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert planted[0].is_symlink() and list(planted[1].iterdir()) == []
    assert not os.path.lexists(planted[2])


@pytest.mark.parametrize("name", ["out", "out.tar"])
@pytest.mark.parametrize("come", ["file", "folder", "link"])
def test_what_comes_there_meanwhile_stays(record, tmp_path, monkeypatch, name, come):
    """While it is written somebody else takes the place: an empty folder too is not replaced."""
    place = tmp_path / name
    real = os.symlink if name == "out" else os.fsync

    def late(*arguments, **options):
        if not os.path.lexists(place):
            if come == "file":
                place.write_bytes(b"precious")
            elif come == "folder":
                place.mkdir()
            else:
                os.link(tmp_path / "dangling", place, follow_symlinks=False)
        return real(*arguments, **options)

    os.symlink("nowhere", tmp_path / "dangling")
    monkeypatch.setattr(os, "symlink" if name == "out" else "fsync", late)
    done = record(place)
    assert done.status == 2
    assert "is there already" in done.err
    assert sorted(os.listdir(tmp_path)) == sorted(["dangling", name])
    assert come != "file" or place.read_bytes() == b"precious"
    assert come != "folder" or list(place.iterdir()) == []
    assert come != "link" or os.readlink(place) == "nowhere"


@pytest.mark.parametrize("mask", [0, 0o777])
@pytest.mark.parametrize("name", FORMS)
def test_it_is_for_its_owner_alone(record, tmp_path, mask, name):
    before = os.umask(mask)
    try:
        assert record(tmp_path / name).status == 0
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    for path in [tmp_path / name, *(tmp_path / name).rglob("*")]:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


# --- scrubbing --------------------------------------------------------------------------------------------------------


def scrubbing(monkeypatch, leftovers=()):
    """In the place of the real one: every file says that it was scrubbed."""

    asked = []

    def scrub(holdings: Holdings) -> Scrubbed:
        asked.append(holdings)
        files = {path: b"scrubbed " + data if "serial" in path else data for path, data in holdings.files.items()}
        return Scrubbed(holdings._replace(files=files), {"serial": 2, "mac": 1}, tuple(leftovers))

    monkeypatch.setattr("hotplugctl.scrub.scrub", scrub)
    return asked


def test_it_scrubs_unless_told_otherwise(hotplugctl, recordings, tmp_path, monkeypatch):
    scrubbing(monkeypatch)
    root = ("--root", recordings.stage(*STAGE))
    done = hotplugctl("record", tmp_path / "out", "--json", *root)
    assert (done.status, done.document["scrubbed"]) == (0, {"mac": 1, "serial": 2})
    assert load_manifest(tmp_path / "out")["scrubbed"] == {"mac": 1, "serial": 2}
    assert hotplugctl("record", tmp_path / "two", *root).out.endswith("scrubbed: 1 mac, 2 serial\n")
    assert hotplugctl("record", tmp_path / "three", "--no-scrub", *root).out.endswith("not scrubbed\n")
    assert load_manifest(tmp_path / "three")["scrubbed"] == {}


@pytest.mark.parametrize("name", ["out", "out.tar", "-"])
def test_what_is_left_is_not_delivered(hotplugctl, recordings, tmp_path, monkeypatch, name):
    left = [Leftover(f"/sys/x{number}\x1b", "content", "serial") for number in range(5)]
    scrubbing(monkeypatch, left)
    out = name if name == "-" else tmp_path / name
    done = hotplugctl("record", out, "--root", recordings.stage(*STAGE))
    assert (done.status, done.out) == (1, "")
    assert one_line(done.err)
    assert "a serial in /sys/x0\\x1b (content)" in done.err
    assert "and 2 more" in done.err
    assert os.listdir(tmp_path) == []


# --- --events ---------------------------------------------------------------------------------------------------------


def lines_of(tree, name):
    """The records of one file of events."""
    return [json.loads(line) for line in tree.read(f"/events/{name}", 1 << 24).data.splitlines()]


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
def test_events(hotplugctl, tmp_path, name):
    done = hotplugctl("record", tmp_path / name, "--no-scrub", "--events", "0.2", "--json")
    heard = done.document["heard"]
    assert done.status == 0
    assert heard["seconds"] >= 0.2
    assert heard == load_manifest(tmp_path / name)["heard"]
    # What cannot be heard here is said as well as noted.
    assert done.err.splitlines() == [f"hotplugctl: {word}" for word in heard["unheard"]] + [
        "hotplugctl: listening for 0.2 s"
    ]
    tree = open_tree(str(tmp_path / name), None, None)
    looks = lines_of(tree, "looks.jsonl")
    assert [looks[0]["kind"], looks[-1]["kind"]] == ["start", "end"]
    for file, keys in (("netlink-uevent.jsonl", {"t", "group", "b64", "props"}), ("kmsg.jsonl", {"t", "raw"})):
        assert all(set(record) == keys for record in lines_of(tree, file))
    tree.close()
    played = hotplugctl("watch", "--json", "--replay", tmp_path / name)
    assert played.status == 0
    assert json.loads(played.out.splitlines()[0])["event"] == "hello"


def test_nothing_can_be_heard(hotplugctl, tmp_path, monkeypatch):
    """Sysfs is then looked at, and the recording says so."""
    from hotplugctl.model.reads import Denied
    from hotplugctl.source.reach import Reach

    monkeypatch.setattr("hotplugctl.cli.live_open.reach", lambda: Reach(False, "another namespace"))
    monkeypatch.setattr("hotplugctl.cli.live_open.follow", lambda _from: Denied("/dev/kmsg", 1))
    done = hotplugctl("record", tmp_path / "out", "--no-scrub", "--events", "0.1", "--json")
    heard = done.document["heard"]
    assert done.status == 0
    assert heard["source"] == "scan"
    assert "another namespace" in heard["unheard"]
    assert heard["unheard"][-1].startswith("the kernel log is not followed: /dev/kmsg")
    assert "another namespace" in done.err


def test_lost_events_are_told(hotplugctl, tmp_path, monkeypatch):
    from hotplugctl.cli.live_loop import Loop

    def run(self, until, stopped):
        self.recovered = False

    monkeypatch.setattr(Loop, "run", run)
    done = hotplugctl("record", tmp_path / "out", "--no-scrub", "--events", "0.1", "--json")
    assert done.status == 5
    assert "events were lost, and no look made up for it" in done.document["heard"]["unheard"]
    assert (tmp_path / "out/manifest.json").is_file()


def test_more_events_than_a_recording_holds(hotplugctl, tmp_path, monkeypatch):
    monkeypatch.setattr("hotplugctl.cli.record_events.CONTENT_LIMIT", 10)
    done = hotplugctl("record", tmp_path / "out", "--no-scrub", "--events", "60", "--json")
    assert done.status == 5
    assert "nothing more was listened to" in done.document["heard"]["unheard"][-1]


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_told_to_end_while_it_listens(process, tmp_path, number, status):
    """Ctrl-C ends the listening, and what was heard is written; termination leaves nothing."""
    running = process.start("record", "out.tar", "--no-scrub", "--events", "60", stderr=subprocess.PIPE)
    for line in running.stderr:
        if b"listening" in line:
            break
    running.send_signal(number)
    assert running.wait() == status
    running.stderr.close()
    assert os.listdir(tmp_path) == (["out.tar"] if status == 0 else [])
    assert status != 0 or load_manifest(tmp_path / "out.tar")["heard"]["seconds"] < 60


def test_what_it_wrote_can_be_packed_again(record, tmp_path):
    """An ordinary tar reads what it writes."""
    record(tmp_path / "out.tar")
    listed = subprocess.run(
        [sys.executable, "-m", "tarfile", "-l", str(tmp_path / "out.tar")], capture_output=True, check=True
    )
    assert b"manifest.json" in listed.stdout
