"""manifest.json: what is written is read back, and what others write is refused in one line."""

from __future__ import annotations

import json

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.model import reads
from hotplugctl.model.holdings import Heard
from hotplugctl.source.manifest import BRACKETS_LIMIT, SIZE_LIMIT, BadManifest, FileNote, Manifest, dump, load

FULL = Manifest(
    tool={"name": "hotplugctl", "version": "1"},
    source="live",
    kernel="6.1",
    time="2023-11-14T22:13:20Z",
    scrubbed={"serial": 3},
    files={"/sys/x": FileNote(1, "ab", 0o444)},
    links={"/sys/l": "x", "/sys/\udcff": "\udcfe"},
    directories={"/sys": ("l", "x"), "/sys/empty": ()},
    kinds={"/run/udev/control": "socket"},
    failed={
        "/a": reads.Denied("/a", 13),
        "/b": reads.Failed("/b", 22),
        "/c": reads.Vanished("/c"),
        "/d": reads.Hung("/d", 2.5),
        "/e": reads.TooLarge("/e", 100),
        "/f": reads.NotRegular("/f", "fifo"),
        "/g": reads.Outside("/g"),
        "/h": reads.Absent("/h"),
    },
    absent=frozenset(["/sys/firmware"]),
    heard=Heard("kernel", 2.5, ("no systemd-udevd",)),
    behind={"/proc/7/fd/3": "block 0:6 254:16", "/proc/7/cwd": "dir 254:0"},
)


def test_what_is_written_is_read_back(kit):
    again = load(dump(FULL))
    assert again == FULL
    assert {path: kit.exact(read) for path, read in again.failed.items()} == {
        path: kit.exact(read) for path, read in FULL.failed.items()
    }


def test_nobody_listened():
    assert load(dump(FULL._replace(heard=None))).heard is None


def test_it_is_json_with_sorted_keys_a_line_for_each_path():
    text = dump(FULL).decode("ascii")
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert [line.strip().rstrip(",") for line in text.splitlines() if "sys/x" in line] == [
        '"/sys/x": {"mode": "0444", "sha256": "ab", "size": 1}'
    ]
    empty = FULL._replace(files={}, links={}, directories={}, kinds={}, failed={}, absent=frozenset())
    assert load(dump(empty)) == empty


def changed(**keys):
    return json.dumps({**json.loads(dump(FULL)), **keys}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        *(changed(behind={"/proc/7/fd/3": said}) for said in ("", "block", "block 8", "block 8:0 8:1 8:2", "8:0", 7)),
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b"{}",
        b"[" * 100_000,
        b'{"format": "hotplugctl-recording", "version": ' + b"1" * 100_000 + b"}",
        changed(format="other"),
        changed(heard=[]),
        changed(heard={"source": "kernel"}),
        changed(heard={"source": "kernel", "seconds": True}),
        changed(heard={"source": "kernel", "seconds": -1}),
        changed(heard={"source": "kernel", "seconds": 1e300}),
        changed(heard={"source": 1, "seconds": 1}),
        changed(heard={"source": "kernel", "seconds": 1, "unheard": "x"}),
        changed(version=2),
        changed(version="1"),
        changed(tool=[]),
        changed(kernel=6),
        changed(scrubbed={"serial": "3"}),
        changed(scrubbed={"serial": True}),
        changed(files=[]),
        changed(files={"/x": 1}),
        changed(files={"/x": {"size": 1, "sha256": "", "mode": "999"}}),
        changed(files={"/x": {"size": 1, "sha256": "", "mode": "0999"}}),
        changed(files={"/x": {"size": None, "sha256": "", "mode": "0444"}}),
        changed(links={"/x": 1}),
        changed(directories={"/x": "ab"}),
        changed(directories={"/x": [1]}),
        changed(kinds={"/x": None}),
        changed(kinds={"/x": "dragon"}),
        changed(failed={"/x": "EINVAL"}),
        changed(failed={"/x": {"outcome": "value"}}),
        changed(failed={"/x": {"outcome": ["failed"]}}),
        changed(failed={"/x": {"outcome": "failed"}}),
        changed(failed={"/x": {"outcome": "failed", "errno": "22"}}),
        changed(failed={"/x": {"outcome": "failed", "errno": True}}),
        changed(failed={"/x": {"outcome": "hung", "seconds": "1"}}),
        changed(absent={"/x": 1}),
        changed(absent=[1]),
        *(
            changed(**{key: value})
            for bad in ("/sys/a\0b", "/sys/\ud800")
            for key, value in (
                ("links", {bad: "x"}),
                ("links", {"/x": bad}),
                ("directories", {bad: []}),
                ("directories", {"/x": [bad[5:]]}),
                ("kinds", {bad: "dir"}),
                ("failed", {bad: {"outcome": "absent"}}),
                ("failed", {"/x": {"outcome": "not-regular", "kind": bad}}),
                ("absent", [bad]),
                ("kernel", bad),
            )
        ),
        changed(files={"/sys/\ud800": {"size": 1, "sha256": "", "mode": "0444"}}),
        *(changed(directories={"/x": ["y", name]}) for name in ("", ".", "..", "a/b", "/")),
        b" " * (SIZE_LIMIT + 1),
        b"[" + b"[]," * BRACKETS_LIMIT + b"[]]",
    ],
)
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BadManifest) as caught:
        load(data)
    assert "\n" not in caught.value.message


def test_keys_of_a_later_minor_version_and_missing_ones_are_fine():
    assert load(b'{"format": "hotplugctl-recording", "version": 1, "more": {"x": [1]}}').absent == frozenset()


def test_a_recording_with_a_bad_manifest_is_refused(opened):
    with pytest.raises(UnusableRoot, match=r"manifest\.json: it is not JSON"):
        opened({"sys/x": b"", "manifest.json": b"{"})


def test_with_a_manifest_only_what_it_says_is_absent(opened, kit):
    note = {"format": "hotplugctl-recording", "version": 1, "absent": ["/sys/firmware"], "kinds": {"/run/c": "socket"}}
    tree = opened({"sys/x": b"1", "sys/y": b"", "manifest.json": json.dumps(note).encode()})
    assert kit.exact(tree.read("/sys/firmware/acpi/tables")) == ("Absent", "/sys/firmware/acpi/tables")
    assert kit.exact(tree.read("/sys/other")) == ("Unrecorded", "/sys/other")
    assert kit.exact(tree.read("/run/c")) == ("NotRegular", "/run/c", "socket")
    assert kit.exact(tree.names("/sys")) == ("Unrecorded", "/sys")
    assert tree.read("/sys/x").data == b"1"


def test_links_of_a_manifest_stay_inside_too(opened, kit):
    links = {"/sys/out": "../../etc/passwd", "/sys/loop": "loop"}
    note = {"format": "hotplugctl-recording", "version": 1, "links": links}
    tree = opened({"sys/x": b"1", "manifest.json": json.dumps(note).encode()})
    assert kit.exact(tree.read("/sys/out")) == ("Outside", "/sys/out")
    assert kit.exact(tree.read("/sys/loop")) == ("Outside", "/sys/loop")
