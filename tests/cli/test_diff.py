"""``diff`` as a user calls it: what it takes, what it says, how it ends."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package

TEXTS = Path(__file__).resolve().parents[2] / "fixtures/texts"
SCHEMA = json.loads((Path(package.__file__).parent / "schemas/diff.schema.json").read_text(encoding="utf-8"))
BEFORE = """\
00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)
00:01.1 IDE interface: Intel Corporation 82371SB PIIX3 IDE [Natoma/Triton II]
00:03.0 Ethernet controller: Intel Corporation 82540EM Gigabit Ethernet Controller (rev 03)
"""
NEW = "00:04.0 SCSI storage controller: LSI Logic / Symbios Logic 53c895a\n"
FORMS = ["lspci", "lspci_Dnnk", "lspci_Dvmmnnk", "lspci_vvv"]


@pytest.fixture
def story(recordings):
    return lambda name: recordings.story(name)


@pytest.fixture
def texts(tmp_path):
    """Write texts of lspci; their paths."""

    def write(*contents):
        paths = [tmp_path / f"text-{number}" for number in range(len(contents))]
        for path, content in zip(paths, contents):
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return paths

    return write


def changes(done):
    return [(change["what"], change["change"], change["key"]) for change in done.document["changes"]]


def test_every_pair_of_stages_fits_the_schema(hotplugctl, recordings):
    validator = Draft202012Validator(SCHEMA)
    for name in recordings.archives:
        stages = recordings.stages(name)
        for first, second in zip(stages, [*stages[1:], stages[0]]):
            done = hotplugctl("diff", "--json", recordings.stage(name, first), recordings.stage(name, second))
            assert done.err == "" and done.status in (0, 1)
            assert [error.message for error in validator.iter_errors(done.document)] == [], (name, first, second)
            assert done.document["same"] is (done.status == 0)


def test_a_recording_against_itself_is_the_same(hotplugctl, recordings, truth):
    root = recordings.stage(truth["story"], truth["stage"])
    done = hotplugctl("diff", "--json", root, root)
    assert (done.status, done.document["changes"]) == (0, [])


@pytest.mark.parametrize("form", FORMS)
def test_a_text_of_lspci_against_its_tree_is_the_same(hotplugctl, recordings, truth, form):
    """In every form, of every recorded guest: what a text leaves out is no difference."""
    root = recordings.stage(truth["story"], truth["stage"])
    done = hotplugctl("diff", root / "cmd" / form, root)
    assert (done.status, done.err) == (0, ""), done.out
    assert "not compared: " in done.out and "nodes, slots and mechanisms" in done.out


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_texts_in_any_two_forms(hotplugctl, recordings, first, second):
    before, after = (recordings.stage("pc-nics", stage) / "cmd" for stage in ("before", "added"))
    done = hotplugctl("diff", "--json", before / first, after / second)
    assert changes(done) == [("function", "added", f"0000:00:0{number}.0") for number in (2, 3, 4, 5)]
    assert hotplugctl("diff", before / first, before / second).status == 0


def test_what_the_host_did_is_what_differs(hotplugctl, recordings, truth):
    """Every function that the host plugged into a guest, and none other."""
    stages = recordings.stages(truth["story"])
    if truth["stage"] == "before" or "before" not in stages:
        pytest.skip("nothing came before it")
    before, now = (recordings.stage(truth["story"], stage) for stage in ("before", truth["stage"]))
    listed = [
        {item["address"] for item in hotplugctl("list", "--json", "--root", root).document["functions"]}
        for root in (before, now)
    ]
    found = changes(hotplugctl("diff", "--json", before, now))
    assert {key for what, word, key in found if (what, word) == ("function", "added")} == listed[1] - listed[0]
    assert {key for what, word, key in found if (what, word) == ("function", "removed")} == listed[0] - listed[1]


def test_the_classic_pair_of_texts(hotplugctl, texts):
    before, after = texts(BEFORE, BEFORE + NEW)
    done = hotplugctl("diff", before, after)
    assert done.status == 1
    assert done.out.splitlines()[:3] == [
        "+ 0000:00:04.0 SCSI storage controller: LSI Logic / Symbios Logic 53c895a", "", "1 function added",
    ]  # fmt: skip
    done = hotplugctl("diff", "--json", before, after)
    (change,) = done.document["changes"]
    assert change["after"]["class"] == "0100" and change["after"]["unknown"]["vendor"] == "not told"
    assert done.document["compared"] == ["function"]


def test_a_device_that_answers_no_more(hotplugctl, texts):
    before, after = texts(BEFORE, BEFORE.replace("(rev 03)", "(rev ff)"))
    done = hotplugctl("diff", before, after)
    assert (done.status, "answers no more" in done.out) == (1, True)
    assert "answers again" in hotplugctl("diff", after, before).out


def test_a_text_of_two_forms_is_one_guest(hotplugctl, recordings, texts):
    folder = recordings.stage("pc-nics", "added") / "cmd"
    both, plain = texts(*("".join((folder / form).read_text() for form in forms) for forms in (FORMS[:2], FORMS[:1])))
    done = hotplugctl("diff", both, plain)
    assert (done.status, done.err) == (0, ""), done.out
    assert "twice" not in done.out


def test_a_text_that_contradicts_itself_says_so(hotplugctl, texts):
    line = "00:03.0 0200: {} (rev 03)\n"
    torn, plain = texts(line.format("8086:100e") + line.format("10ec:8139"), line.format("8086:100e"))
    done = hotplugctl("diff", torn, plain)
    assert done.status == 0
    assert "the text names twice, and differently: 0000:00:03.0" in done.out


def test_a_missing_domain_is_the_first(hotplugctl, texts):
    before, after = texts("00:03.0 0200: 8086:100e\n", "0000:00:03.0 0200: 8086:100e\n")
    assert hotplugctl("diff", before, after).status == 0


def test_drivers_are_compared_where_both_texts_show_them(hotplugctl, texts):
    line = "00:03.0 Ethernet controller [0200]: Intel Corporation 82540EM [8086:100e]\n"
    bound, bare, silent = texts(f"{line}\tKernel driver in use: e1000\n", f"{line}\tKernel modules: e1000\n", line)
    done = hotplugctl("diff", bare, bound)
    assert (done.status, "driver none -> e1000" in done.out) == (1, True)
    assert hotplugctl("diff", silent, bound).status == 0


def test_stages_are_named_with_their_story(hotplugctl, recordings):
    story = recordings.story("pc-virtio")
    done = hotplugctl("diff", f"{story}:before", f"{story}:added")
    assert done.status == 1 and "3 functions added, 9 nodes added, 3 slots changed" in done.out
    done = hotplugctl("diff", story, f"{story}:added")
    assert done.status == 2 and f"(name it {story}:before)" in done.err


def test_a_name_that_pci_ids_lacks_is_no_difference(hotplugctl, tmp_path):
    """syn-evidence: the id stands in its place, and -nn puts it elsewhere."""
    forms = {
        "plain": "Host bridge: Intel Corporation Device 0d57",
        "nn": "Host bridge [0600]: Intel Corporation Device [8086:0d57]",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(f"00:00.0 {text}\n", encoding="ascii")
    for first, second in (("plain", "nn"), ("nn", "plain")):
        done = hotplugctl("diff", tmp_path / first, tmp_path / second)
        assert (done.status, done.err) == (0, "")


def test_a_story_in_a_tar_is_told_how_a_stage_is_named(hotplugctl):
    story = TEXTS.parent / "recordings/pc-nics.tar.xz"
    done = hotplugctl("diff", story, f"{story}:added")
    assert done.status == 2
    assert f"(name it {story}:before)" in done.err


def test_stages_in_one_tar(hotplugctl, recordings):
    archive = recordings.archives["pc-virtio"]
    done = hotplugctl("diff", f"{archive}:before", f"{archive}:added")
    assert (done.status, done.err) == (1, "")


def test_a_tar_or_a_text_on_standard_input(hotplugctl, recordings, tmp_path):
    root = recordings.stage("pc-virtio", "added")
    packed = tmp_path / "guest.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(root, "guest")
    assert hotplugctl("diff", root, "-", stdin=packed.read_bytes()).status == 0
    text = (root / "cmd/lspci_Dnnk").read_bytes()
    done = hotplugctl("diff", "-", root, stdin=text)
    assert done.status == 0 and "standard input: a text of lspci" in done.out
    dump = (TEXTS / "udevadm/pc-virtio-added.export-db").read_bytes()
    assert hotplugctl("diff", "-", root, stdin=dump).status == 0


def test_against_this_machine(hotplugctl):
    done = hotplugctl("diff", "/")
    assert done.status in (0, 3) and "+ " not in done.out and "- " not in done.out


def test_root_stands_in_for_the_second(hotplugctl, recordings):
    before, added = (recordings.stage("pc-virtio", stage) for stage in ("before", "added"))
    done = hotplugctl("diff", before, "--root", added)
    assert done.out == hotplugctl("diff", before, added).out and done.status == 1
    story = recordings.story("pc-virtio")
    assert hotplugctl("diff", before, "--root", story, "--stage", "added").status == 1
    done = hotplugctl("diff", before, environment={"HOTPLUGCTL_ROOT": str(added)})
    assert done.status == 1 and done.err.startswith("hotplugctl: reading ")
    done = hotplugctl("diff", before, before, environment={"HOTPLUGCTL_ROOT": str(added)})
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["-", "-"], "standard input can be one of the two only."),
        (["-", "--root", "-"], "standard input can be one of the two only."),
        (["x", "y", "--root", "/"], "with A and B name the recordings themselves."),
        (["x", "y", "--stage", "added"], "with A and B name the recordings themselves."),
        (["/nowhere", "/"], "/nowhere: no such file or directory"),
        ([], "Missing argument 'A'."),
        ([""], "names nothing"),
    ],
)
def test_asked_wrongly(hotplugctl, arguments, said):
    done = hotplugctl("diff", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "empty"),
        (b"no lspci here\n", "a text in which lspci names nothing"),
        (b"-[0000:00]-+-00.0\n           \\-01.0\n", "the tree of lspci -t"),
        (b"P: /devices/../../etc\nE: SUBSYSTEM=pci\n", "no device in it"),
        (b"\x1f\x8bnot gzip", "not gzip throughout"),
        (b"BZh91AY", "bzip2"),
        (bytes(2048), "empty"),
    ],
)
def test_what_is_neither(hotplugctl, texts, content, said):
    (path,) = texts(content)
    for arguments, stdin in (([path, "/"], b""), (["-", "/"], content)):
        done = hotplugctl("diff", *arguments, stdin=stdin)
        assert (done.status, done.out) == (2, "")
        assert done.err.count("\n") == 1 and said in done.err


def test_an_image_has_no_functions_to_compare(hotplugctl, recordings, tmp_path):
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/config-6.1.0").write_text("CONFIG_HOTPLUG_PCI=y\n")
    done = hotplugctl("diff", recordings.stage("pc-virtio", "added"), tmp_path)
    assert done.status in (1, 3) and "a guest image runs nothing" in done.out
    done = hotplugctl("diff", "--json", tmp_path, tmp_path)
    assert (done.status, done.document["same"]) == (3, None)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(done.document)] == []


def test_escapes_reach_no_terminal(hotplugctl, texts):
    before, after = texts(BEFORE, BEFORE + "00:05.0 SCSI storage controller: Evil \x1b]0;owned\x07 \u202e53c895a\n")
    done = hotplugctl("diff", before, after)
    assert done.status == 1 and "Evil" in done.out
    assert not set("\x1b\x07\u202e") & set(done.out)


@pytest.mark.parametrize("choice, painted", [("always", True), ("never", False), ("auto", False)])
def test_colour(hotplugctl, texts, choice, painted):
    before, after = texts(BEFORE, BEFORE + NEW)
    assert hotplugctl("diff", before, after, "--color", choice).out.startswith("\033[32m+ ") is painted


def scrub(source, target, changed):
    """A copy of a recording that says that it was scrubbed; ``changed``: bytes → others, in every file."""
    import shutil

    shutil.copytree(source, target, symlinks=True)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["scrubbed"] = {"mac": 1}
    (target / "manifest.json").write_text(json.dumps(manifest))
    for path in target.rglob("address"):
        if "net" in path.parts:
            path.write_bytes(path.read_bytes().replace(*changed))


def test_pseudonyms_mean_nothing_in_another_recording(hotplugctl, recordings, tmp_path):
    plain = recordings.stage("pc-nics", "added")
    scrub(plain, tmp_path / "scrubbed", (b"52:54:00:12:34:56", b"52:54:00:00:00:01"))
    done = hotplugctl("diff", plain, tmp_path / "scrubbed")
    assert done.status == 0 and "note: serial numbers and MAC addresses are not compared" in done.out, done.out
    story = tmp_path / "story"
    scrub(plain, story / "before", (b"52:54:00:12:34:56", b"52:54:00:00:00:01"))
    scrub(plain, story / "after", (b"52:54:00:12:34:56", b"52:54:00:00:00:02"))
    done = hotplugctl("diff", f"{story}:before", f"{story}:after")
    assert "MAC address 52:54:00:00:00:01 -> 52:54:00:00:00:02" in done.out, "one story was scrubbed as one"
