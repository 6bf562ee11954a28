"""``validate``: many paths in one run, its other formats, what a tar should not hold, and how it ends."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hotplugctl.rules import validation
from hotplugctl.source import archive as archive_module

CHECKOUT = Path(__file__).resolve().parents[2]
FIXTURES = CHECKOUT / "fixtures"
GUEST = FIXTURES / "recordings/pc-noacpi.tar.xz"
STAGES = ("before", "added", "rescanned", "after")


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with guests in folders, one of them broken, and what is no recording."""
    for name in ("a/one.tar.xz", "b/deep/two.tar.xz"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copyfile(GUEST, tmp_path / name)
    (tmp_path / "b/broken.tar").write_bytes(b"no tar")
    (tmp_path / "README").write_text("text")
    (tmp_path / ".git").mkdir()
    shutil.copyfile(GUEST, tmp_path / ".git/three.tar.xz")
    return tmp_path


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A small recording, and these members."""
    with tarfile.open(path, "w") as archive:
        for name, data in (("sys/kernel/x", b"1\n"), ("proc/modules", b"")):
            archive.addfile(sized(name, data), io.BytesIO(data))
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return path


def sized(name: str, data: bytes = b"", **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def labels(out: str) -> list[str]:
    """The path of each recording of the text."""
    return [found[2] for found in re.finditer(r"^(ok|INVALID) (.*?)(?:: \d+ problems?)?$", out, re.M)]


# --- what is looked at ------------------------------------------------------------------------------------------------


def test_folders_below_a_folder_are_looked_into(hotplugctl, project):
    done = hotplugctl("validate", project)
    one, two = project / "a/one.tar.xz", project / "b/deep/two.tar.xz"
    stories = [[*(f"{path}:{stage}" for stage in STAGES), str(path)] for path in (one, two)]
    assert labels(done.out) == [*stories[0], str(project / "b/broken.tar"), *stories[1]]
    assert (done.status, done.err) == (2, ""), "the others were judged all the same"


def test_a_pattern_that_the_shell_left_alone(hotplugctl, project):
    done = hotplugctl("validate", f"{project}/**/o*.tar.xz")
    assert labels(done.out)[-1] == str(project / "a/one.tar.xz")
    assert done.status == 0


def test_a_pattern_of_nothing(hotplugctl, project):
    done = hotplugctl("validate", f"{project}/*.nothing")
    assert (labels(done.out), done.status) == ([f"{project}/*.nothing"], 2)


def test_what_is_named_like_a_pattern(hotplugctl, tmp_path):
    shutil.copyfile(GUEST, tmp_path / "[x].tar.xz")
    assert labels(hotplugctl("validate", tmp_path / "[x].tar.xz").out)[-1] == f"{tmp_path}/[x].tar.xz"


def test_a_path_named_twice_is_judged_once(hotplugctl, project):
    path = project / "a/one.tar.xz"
    done = hotplugctl("validate", path, path, f"{project}/a/*")
    assert len(labels(done.out)) == 5


def test_a_story_on_standard_input(hotplugctl):
    done = hotplugctl("validate", "-", stdin=GUEST.read_bytes())
    assert labels(done.out) == [*(f"-:{stage}" for stage in STAGES), "-"]
    assert done.status == 0


def test_a_broken_tar_on_standard_input(hotplugctl):
    done = hotplugctl("validate", "-", stdin=GUEST.read_bytes()[:5000])
    assert (done.status, done.out.count("recording.unreadable")) == (2, 1)
    assert "truncated" in done.out


def test_each_tar_is_read_once(hotplugctl, project, monkeypatch):
    read: list[str] = []
    load = archive_module.load
    monkeypatch.setattr(archive_module, "load", lambda file, label: read.append(label) or load(file, label))
    hotplugctl("validate", project)
    assert sorted(read) == sorted(str(project / name) for name in ("a/one.tar.xz", "b/broken.tar", "b/deep/two.tar.xz"))


def test_a_machine_that_runs_is_no_recording(hotplugctl, monkeypatch):
    done = hotplugctl("validate", "/")
    assert (done.status, labels(done.out)) == (2, ["/"])
    assert "a machine that runs" in done.out


def test_a_story_of_too_many_stages_hides_no_other(hotplugctl, tmp_path):
    for number in range(101):
        (tmp_path / f"s/{number:03}/sys").mkdir(parents=True)
    done = hotplugctl("validate", tmp_path / "s", GUEST)
    assert (done.status, len(labels(done.out))) == (2, 6)


# --- what a tar should not hold ---------------------------------------------------------------------------------------

REFUSED = [
    ("../../etc/evil", sized("../../etc/evil")),
    ("sys/../../evil", sized("sys/../../evil")),
    ("/sys/absolute", sized("/sys/absolute")),
    ("sys/kernel/x", sized("sys/kernel/x")),
    ("sys/" + "a/" * 80 + "f", sized("sys/" + "a/" * 80 + "f")),
    ("/etc/passwd", sized("sys/hard", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    # Files of sysfs claim a page and occupy none: tar --sparse packs them so, and their content is lost to readers.
    ("sys/sparse", sized("sys/sparse", type=tarfile.GNUTYPE_SPARSE)),
]


@pytest.mark.parametrize(("name", "member"), REFUSED, ids=range(len(REFUSED)))
def test_a_member_that_is_refused_is_named(name, member, hotplugctl, tmp_path):
    done = hotplugctl("validate", "--json", tar_of(tmp_path / "x.tar", (member, b"")))
    found = [(item["id"], item["where"]) for item in done.document["recordings"][0]["problems"]]
    assert found == [("recording.member-refused", name)]
    assert not (tmp_path / "evil").exists()


def test_what_is_damaged_names_the_member(hotplugctl, tmp_path):
    path = tar_of(tmp_path / "x.tar", (sized("sys/last", b"x" * 2000), b"x" * 2000))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"sys/last") + 700])
    assert "truncated: it ends in the middle of the tar, at 'sys/last'" in hotplugctl("validate", path).out


# --- formats ----------------------------------------------------------------------------------------------------------


def test_junit(hotplugctl, project):
    done = hotplugctl("validate", "--format", "junit", project)
    suite = ElementTree.fromstring(done.out.encode("utf-8"))[0]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("11", "0", "1")
    assert done.status == 2


def test_tap(hotplugctl, project):
    done = hotplugctl("validate", "--format", "tap", project)
    assert done.out.startswith("TAP version 13\n1..11\nok 1 - ")
    assert f"not ok 6 - {project}/b/broken.tar\n  ---\n" in done.out
    assert done.status == 2


def test_color(hotplugctl):
    assert "\033[32mok\033[0m" in hotplugctl("validate", "--color", "always", GUEST).out
    assert "\033" not in hotplugctl("validate", GUEST).out


def test_the_progress_is_for_a_terminal(hotplugctl, monkeypatch):
    from hotplugctl.cli import cmd_validate

    assert hotplugctl("validate", GUEST).err == ""
    monkeypatch.setattr(cmd_validate, "_is_terminal", lambda: True)
    said = hotplugctl("validate", GUEST).err
    assert [text.partition(": ")[0] for text in said.split("\r\x1b[K")[1:]] == ["1", "2", "3", "4", "5", ""]
    assert "\n" not in said


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_crash_is_told_and_hides_nothing(hotplugctl, tmp_path, monkeypatch):
    def crash(_sysfs: object) -> list[object]:
        raise ZeroDivisionError("x / 0")

    monkeypatch.setattr(validation, "drivers", crash)
    path = tar_of(tmp_path / "x.tar", (sized("sys/class/net/lo", b"../../x"), b"../../x"))
    done = hotplugctl("validate", "--json", path)
    found = {item["id"]: item for item in done.document["recordings"][0]["problems"]}
    assert set(found) == {"recording.unjudged", "link.replaced"}
    assert found["recording.unjudged"]["where"] == "drivers"
    assert "ZeroDivisionError" in found["recording.unjudged"]["summary"]
    assert done.status == 70
