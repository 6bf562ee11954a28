"""What a user may name with --root and --stage, and the one line for what cannot be read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.source import archive
from hotplugctl.source.door import open_tree

REPOSITORY = Path(__file__).parents[2]
STORY = {
    "after/sys/x": b"after",
    "before/sys/x": b"before",
    "added/proc/x": b"added",
    "partial/manifest.json": b'{"format": "hotplugctl-recording", "version": 1}',
    "events/timeline.txt": b"",
    "host/cmdline.txt": b"",
    "notes/readme": b"",
}


@pytest.mark.parametrize("root", [None, "/", "//", "/proc/self/root", "/proc/.."])
def test_the_live_machine(root):
    tree = open_tree(root, None, None)
    assert (tree.kind, tree.label) == ("live", "this machine")
    assert tree.read("/proc/self/stat").data.startswith(b"%d " % os.getpid())


def refused(root, stage=None, stdin=None):
    with pytest.raises(UnusableRoot) as caught:
        open_tree(root, stage, stdin)
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


def test_a_stage_needs_a_story(kit, tmp_path):
    assert "--root" in refused(None, "before").message
    assert "--root" in refused("/", "before").message
    assert "not a story" in refused(kit.plant(tmp_path, {"sys/x": b""}), "before").message


@pytest.mark.parametrize("top", ["", "pc-nics/", "a/b/"])
def test_a_story_wants_a_stage(opened, top):
    entries = {top + path: content for path, content in STORY.items()}
    with pytest.raises(UnusableRoot) as caught:
        opened(entries)
    assert caught.value.message.endswith("a story of several recordings: before, added, partial, after")
    assert caught.value.hint == "add --stage before"


@pytest.mark.parametrize("top", ["", "pc-nics/"])
def test_a_stage_of_a_story(opened, kit, top):
    tree = opened({top + path: content for path, content in STORY.items()}, "after")
    assert tree.read("/sys/x").data == b"after"
    assert tree.kind == "recording"
    assert tree.label.endswith(f"({top}after)")
    assert kit.exact(tree.read("/../before/sys/x"))[0] == "Outside"


def test_no_such_stage(opened):
    with pytest.raises(UnusableRoot, match="no stage 'events'; its stages: before, added, partial, after"):
        opened(STORY, "events")


def test_a_stage_named_with_control_characters_is_escaped(opened):
    with pytest.raises(UnusableRoot) as caught:
        opened(STORY, "\x1b[2J\n")
    assert "\x1b" not in caught.value.message


def test_the_manifest_of_a_story_orders_its_stages(opened):
    entries = {**STORY, "manifest.json": json.dumps({"stages": ["added", "before"]}).encode()}
    with pytest.raises(UnusableRoot, match="recordings: added, before, partial, after"):
        opened(entries)


def test_a_manifest_of_a_story_that_is_nonsense_is_passed_over(opened):
    with pytest.raises(UnusableRoot, match="recordings: before, added, partial, after"):
        opened({**STORY, "manifest.json": b'{"stages": ' + b"[" * 100_000})


def test_the_folder_of_a_stage_is_a_recording(kit, tmp_path):
    kit.plant(tmp_path, STORY)
    assert open_tree(str(tmp_path / "before"), None, None).read("/sys/x").data == b"before"


def test_a_link_to_the_root_is_fine(kit, tmp_path):
    kit.plant(tmp_path / "t", {"sys/x": b"1"})
    (tmp_path / "link").symlink_to("t")
    assert open_tree(str(tmp_path / "link"), None, None).read("/sys/x").data == b"1"


def test_a_stage_that_is_a_link_is_none(kit, tmp_path):
    kit.plant(tmp_path / "outside", {"sys/x": b"secret"})
    kit.plant(tmp_path / "story", {**STORY, "evil": "../outside"})
    assert "evil" not in refused(str(tmp_path / "story")).message
    assert "no stage 'evil'" in refused(str(tmp_path / "story"), "evil").message


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ({"sys/x": b"", "boot/config": b""}, "recording"),
        ({"proc/cmdline": b"", "boot/config": b""}, "recording"),
        ({"sys": None, "proc": None, "boot/config": b""}, "image"),
        ({"lib/modules/6.1/modules.alias": b""}, "image"),
        ({"usr/lib/modules/6.1/modules.alias": b"", "lib": "usr/lib", "etc/passwd": b""}, "image"),
        ({"etc/passwd": b""}, "recording"),
    ],
)
def test_recording_or_image(opened, entries, kind):
    assert opened(entries).kind == kind


def test_an_image_says_nothing_of_the_machine(opened, kit):
    tree = opened({"sys": None, "proc": None, "boot/config-6.1": b"", "etc/modules": b""})
    assert kit.exact(tree.names("/sys/bus/pci")) == ("Unrecorded", "/sys/bus/pci")
    assert kit.exact(tree.read("/proc/cmdline")) == ("Unrecorded", "/proc/cmdline")
    assert kit.exact(tree.read("/boot/config-6.2")) == ("Absent", "/boot/config-6.2")


def test_modes_of_an_image_are_not_those_of_a_recording(kit, tmp_path):
    root = Path(kit.plant(tmp_path, {"boot/config": b"x"}))
    (root / "boot/config").chmod(0o200)
    script = "import sys; sys.path.insert(0, sys.argv[1]); from hotplugctl.source.door import open_tree; "
    script += "print(type(open_tree(sys.argv[2], None, None).read('/boot/config')).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(REPOSITORY), str(root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ("Value" if os.geteuid() == 0 else "Denied")


@pytest.mark.parametrize("name", ["", "a\0b", "missing", "file/below", "empty", "junk", "random", "fifo", "loop"])
def test_what_cannot_be_a_root(kit, tmp_path, name):
    kit.plant(tmp_path, {"file": b"", "empty": None, "junk/readme": b"", "junk/src/x": b"", "random": os.urandom(2000)})
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    root = str(tmp_path / name) if name and "\0" not in name else name
    says = {
        "": "names nothing",
        "a\0b": "names nothing",
        "missing": "no such file",
        "file/below": "no such file",
        "empty": "empty",
        "junk": "neither root, recording nor image",
        "random": "not a tar",
        "fifo": "neither a directory nor a tar",
        "loop": "circle",
    }
    error = refused(root)
    assert says[name] in error.message
    assert error.hint


def test_a_socket_and_a_device_are_no_roots():
    assert "neither a directory nor a tar" in refused("/dev/null").message


def test_an_unreadable_root(kit, tmp_path):
    kit.plant(tmp_path / "t", {"shut/sys/x": b"", "shut.tar": kit.tar({"sys/x": b""})})
    for name in ("shut", "shut.tar"):
        (tmp_path / "t" / name).chmod(0)
    script = f"""
        import os, sys
        sys.path.insert(0, {str(REPOSITORY)!r})
        from hotplugctl.errors import UnusableRoot
        from hotplugctl.source.door import open_tree
        import hotplugctl.source.archive
        os.chdir({str(tmp_path / "t")!r})
        if os.geteuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        for root in ("shut", "shut.tar"):
            try:
                open_tree(root, None, None)
            except UnusableRoot as error:
                print(error.message)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    (tmp_path / "t/shut").chmod(0o700)
    assert done.stdout.splitlines() == ["shut: permission denied", "shut.tar: permission denied"]


def test_standard_input(kit):
    assert open_tree("-", None, io.BytesIO(kit.tar({"sys/x": b"1"}))).label == "standard input"
    assert "no tar on standard input" in refused("-").message
    closed = io.BytesIO()
    closed.close()
    assert "no tar on standard input" in refused("-", None, closed).message


def test_a_pipe_that_gives_little_at_a_time(kit):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    assert open_tree("-", None, Slow(kit.tar({"sys/x": b"1" * 3000}))).read("/sys/x").data == b"1" * 3000


def test_an_archive_is_told_by_its_content(kit, tmp_path):
    (tmp_path / "x.jpg").write_bytes(kit.tar({"sys/x": b"1"}))
    assert open_tree(str(tmp_path / "x.jpg"), None, None).read("/sys/x").data == b"1"


def test_nothing_is_written(kit, tmp_path, monkeypatch):
    (tmp_path / "x.tar").write_bytes(kit.tar({"sys/x": b"1", "sys/l": "x"}))
    monkeypatch.chdir(tmp_path)
    open_tree("x.tar", None, None).read("/sys/l")
    assert os.listdir(tmp_path) == ["x.tar"]


def test_a_tar_is_read_once_for_all_its_stages(kit, tmp_path, monkeypatch):
    read = []
    real = archive.load
    monkeypatch.setattr(archive, "load", lambda file, label: read.append(label) or real(file, label))
    for name in ("one.tar", "two.tar"):
        (tmp_path / name).write_bytes(kit.tar(STORY))
    loaded = {}
    for name in ("one.tar", "two.tar"):
        for stage in ("before", "after"):
            tree = open_tree(str(tmp_path / name), stage, None, loaded)
            assert tree.read("/sys/x").data == stage.encode()
    assert read == [str(tmp_path / "one.tar"), str(tmp_path / "two.tar")]
    assert len(loaded) == 1


def test_a_long_list_of_stages_is_cut(opened):
    entries = {f"s{number:03}/sys/x": b"" for number in range(25)}
    with pytest.raises(UnusableRoot, match=r"s000, .*, s019 and 5 more$"):
        opened(entries)


def test_many_stages_are_ordered_quickly(kit):
    names = [f"s{number}" for number in range(20_000)]
    entries = {f"{name}/sys": None for name in names}
    entries["manifest.json"] = json.dumps({"stages": names[::-1]}).encode()
    data = kit.tar(entries)
    start = time.process_time()
    with pytest.raises(UnusableRoot, match=r"s19999, s19998, .* and 19980 more$"):
        kit.open_bytes(data)
    assert time.process_time() - start < 8


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b" " * ((8 << 20) + 1), "larger than 8388608 bytes"),
        (None, "not a regular file (dir)"),
        ("/..", "out of the root"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_not_passed_over(kit, tmp_path, content, why):
    # Without it every gap would be read another way, and a denied one is no absent one.
    root = kit.plant(tmp_path / "r", {"sys/x": b"", "manifest.json": content})
    message = refused(root).message
    assert "/manifest.json: " in message
    assert why in message
