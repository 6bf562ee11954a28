"""``validate``: every fixture is sound, and every kind of damage is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Callable

import jsonschema
import pytest

from hotplugctl.model.report import Finding
from hotplugctl.rules import catalogue
from hotplugctl.rules.registry import Rule

CHECKOUT = Path(__file__).resolve().parents[2]
FIXTURES = CHECKOUT / "fixtures"
STORY, STAGE = "q35-rootport-acpi", "added"
DISK, PORT = "0000:01:00.0", "0000:00:02.0"


@pytest.fixture(scope="module")
def schema() -> dict:
    path = CHECKOUT / "hotplugctl/schemas/validate.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def guest(recordings, tmp_path) -> Path:
    """A copy of a recording, to be damaged."""
    copy = tmp_path / "guest"
    shutil.copytree(recordings.stage(STORY, STAGE), copy, symlinks=True)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def problems(hotplugctl, schema) -> Callable[[Path], set[tuple[str, str]]]:
    """(id, where) of every problem of one recording; the document fits the schema, and the status is right."""

    def ask(path: Path) -> set[tuple[str, str]]:
        done = hotplugctl("validate", "--json", path)
        jsonschema.validate(done.document, schema)
        (recording,) = done.document["recordings"]
        assert recording["path"] == str(path)
        assert done.document["valid"] is recording["valid"]
        assert done.status == (0 if recording["valid"] else 1)
        assert recording["valid"] is not bool(recording["problems"])
        return {(problem["id"], problem["where"]) for problem in recording["problems"]}

    return ask


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def without_manifest(guest: Path) -> Path:
    """The manifest sees any change: without it, only what contradicts a witness is left."""
    (guest / "manifest.json").unlink()
    return guest


def device(guest: Path, address: str) -> Path:
    return (guest / "sys/bus/pci/devices" / address).resolve()


# --- sound recordings -------------------------------------------------------------------------------------------------


def test_all_fixtures_are_valid(hotplugctl, schema):
    done = hotplugctl("validate", "--json", FIXTURES / "recordings")
    jsonschema.validate(done.document, schema)
    found = done.document["recordings"]
    assert [item for item in found if not item["valid"]] == []
    assert (done.status, done.document["valid"], done.err) == (0, True, "")
    with (FIXTURES / "TRUTH.tsv").open(encoding="utf-8") as file:
        rows = [line.split("\t")[:2] for line in file][1:]
    archives = {f"{FIXTURES / 'recordings' / story}.tar.xz" for story, _ in rows}
    # The stages of each story, and what they share: events.
    stages = {f"{FIXTURES / 'recordings' / story}.tar.xz:{stage}" for story, stage in rows}
    assert sorted(item["path"] for item in found) == sorted(archives | stages)


def test_a_fixture_has_something_to_be_held_against(recordings):
    """Nothing is easier to pass than a test of nothing."""
    for story in recordings.archives:
        for stage in recordings.stages(story):
            folder = recordings.stage(story, stage)
            assert len(list((folder / "cmd").glob("lspci*"))) >= 4
            assert json.loads((folder / "expected.json").read_text(encoding="utf-8"))["verdict"]


def test_without_its_manifest_it_is_valid_too(guest, problems):
    assert problems(without_manifest(guest)) == set()


def test_what_has_no_witnesses_is_valid(tmp_path, problems):
    (tmp_path / "sys").mkdir()
    (tmp_path / "proc").mkdir()
    assert problems(tmp_path) == set()


# --- what a path stands for -------------------------------------------------------------------------------------------


def test_a_story_is_taken_whole(hotplugctl, recordings):
    folder = recordings.story(STORY)
    done = hotplugctl("validate", folder)
    stages = [f"ok {folder}:{stage}" for stage in ("before", "added", "after")]
    assert done.out.splitlines() == [*stages, f"ok {folder}", "4 recordings, all valid"]
    assert done.status == 0


def test_stage_picks_one(hotplugctl, recordings):
    archive = recordings.archives[STORY]
    assert hotplugctl("validate", archive, "--stage", "after").out == f"ok {archive}:after\n"


def test_root_stands_for_a_path(hotplugctl, recordings):
    folder = recordings.stage(STORY, STAGE)
    assert hotplugctl("validate", "--root", folder).out == f"ok {folder}\n"
    done = hotplugctl("validate", environment={"HOTPLUGCTL_ROOT": str(folder)})
    assert (done.out, done.err) == (f"ok {folder}\n", f"hotplugctl: reading {folder} (HOTPLUGCTL_ROOT)\n")


def test_a_path_hides_the_root(hotplugctl, recordings):
    folder = recordings.stage(STORY, STAGE)
    done = hotplugctl("validate", folder, environment={"HOTPLUGCTL_ROOT": "/nowhere"})
    assert (done.out, done.err) == (f"ok {folder}\n", "")


def test_a_tar_on_standard_input(hotplugctl, guest, tmp_path):
    with tarfile.open(tmp_path / "guest.tar", "w") as archive:
        archive.add(guest, arcname=".")
    assert hotplugctl("validate", "-", stdin=(tmp_path / "guest.tar").read_bytes()).out == "ok -\n"


def test_several_paths_are_all_judged(hotplugctl, guest, recordings):
    (guest / "expected.json").write_text("[", encoding="utf-8")
    sound = recordings.stage(STORY, "after")
    done = hotplugctl("validate", guest, sound)
    assert done.out.splitlines()[0] == f"INVALID {guest}: 1 problem"
    assert done.out.splitlines()[-2:] == [f"ok {sound}", "2 recordings, 1 invalid: 1 problem"]
    assert done.status == 1


def test_nothing_to_validate(hotplugctl):
    done = hotplugctl("validate")
    assert (done.status, done.out) == (2, "")
    assert "PATH" in done.err


@pytest.mark.parametrize("kind", ["missing", "empty", "no tar", "bad manifest", "no such stage"])
def test_unreadable_paths_do_not_hide_the_others(kind, hotplugctl, schema, recordings, tmp_path):
    bad = tmp_path / "bad"
    arguments = []
    if kind == "empty":
        bad.mkdir()
    elif kind == "no tar":
        bad.write_bytes(b"x" * 2000)
    elif kind == "bad manifest":
        (bad / "sys").mkdir(parents=True)
        (bad / "manifest.json").write_text("[]")
    elif kind == "no such stage":
        bad, arguments = recordings.story(STORY), ["--stage", "nowhere"]
    done = hotplugctl("validate", "--json", bad, recordings.stage(STORY, STAGE), *arguments)
    jsonschema.validate(done.document, schema)
    assert done.status == 2
    assert done.document["recordings"][0]["problems"][0]["id"] == "recording.unreadable"
    assert done.document["recordings"][1]["path"] == str(recordings.stage(STORY, STAGE)) + (
        ":nowhere" if arguments else ""
    )
    assert done.document["recordings"][1]["valid"] is not bool(arguments)


def test_a_crashed_rule_is_a_defect(hotplugctl, guest, monkeypatch):
    def crash(_snapshot: object) -> list[Finding]:
        raise ZeroDivisionError

    broken = (Rule("test.crash", "error", "guest", (), None, crash),)
    monkeypatch.setattr(catalogue, "select", lambda *_: broken)
    assert hotplugctl("validate", guest).status == 70


# --- sysfs against lspci ----------------------------------------------------------------------------------------------


def relink(link: Path, target: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "vendor": (lambda it: (device(it, DISK) / "vendor").write_text("0x1af5\n"), "vendor", DISK),
    "device": (lambda it: (device(it, DISK) / "device").write_text("0x1043\n"), "device", DISK),
    "class": (lambda it: (device(it, DISK) / "class").write_text("0x020000\n"), "class", DISK),
    "programming interface": (lambda it: (device(it, DISK) / "class").write_text("0x010001\n"), "prog_if", DISK),
    "subsystem": (lambda it: (device(it, DISK) / "subsystem_device").write_text("0x1101\n"), "subsystem_device", DISK),
    "vendor in modalias": (lambda it: edit(device(it, DISK) / "modalias", "v00001AF4d", "v00001AF5d"), "vendor", DISK),
    "class in modalias": (lambda it: edit(device(it, DISK) / "modalias", "bc01", "bc02"), "class", DISK),
    "revision": (lambda it: (device(it, DISK) / "revision").write_text("0x02\n"), "revision", DISK),
    "revision that lspci leaves out": (
        lambda it: (device(it, PORT) / "revision").write_text("0x07\n"),
        "revision",
        PORT,
    ),
    "driver": (lambda it: relink(device(it, DISK) / "driver", "../../../../bus/pci/drivers/nvme"), "driver", DISK),
    "no driver": (lambda it: (device(it, DISK) / "driver").unlink(), "driver", DISK),
    "a driver more": (
        lambda it: relink(device(it, "0000:00:00.0") / "driver", "../../../bus/pci/drivers/x"),
        "driver",
        "0000:00:00.0",
    ),
    "name of a slot": (lambda it: (it / "sys/bus/pci/slots/0").rename(it / "sys/bus/pci/slots/9"), "slot", DISK),
    "address of a slot": (
        lambda it: (it / "sys/bus/pci/slots/0/address").write_text("0000:09:00\n"),
        "slot",
        DISK,
    ),
    "BAR": (lambda it: edit(device(it, PORT) / "resource", "0x00000000fe0", "0x00000000fd0"), "region 0", PORT),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_in_sysfs_is_named(name, guest, problems):
    do, field, address = DAMAGE[name]
    do(without_manifest(guest))
    assert ("lspci.field-differs", f"{address} {field}") in problems(guest)


def test_one_damage_is_one_problem_with_all_its_witnesses(guest, hotplugctl):
    (device(without_manifest(guest), DISK) / "revision").write_text("0x02\n")
    (recording,) = hotplugctl("validate", "--json", guest).document["recordings"]
    (problem,) = (item for item in recording["problems"] if item["id"] == "lspci.field-differs")
    assert problem["summary"] == "lspci says 01, sysfs says 02"
    values = {item["source"]: item["value"] for item in problem["witnesses"]}
    assert values.pop(f"/sys/devices/pci0000:00/{PORT}/{DISK}/revision") == "02"
    assert values == dict.fromkeys([f"/cmd/{path.name}" for path in (guest / "cmd").glob("lspci*")], "01")


def test_a_function_that_went_missing(guest, problems):
    (without_manifest(guest) / "sys/bus/pci/devices" / "0000:00:1f.3").unlink()
    assert problems(guest) == {("lspci.function-extra", "0000:00:1f.3"), ("pci.function-unlisted", "0000:00:1f.3")}


def test_a_function_that_nobody_saw(guest, problems):
    link = without_manifest(guest) / "sys/bus/pci/devices/0000:00:1d.0"
    link.symlink_to(os.readlink(link.with_name("0000:00:1f.3")))
    assert problems(guest) == {
        ("lspci.function-missing", "0000:00:1d.0"),
        ("log.function-unfound", "0000:00:1d.0"),
        ("pci.address-differs", "0000:00:1d.0"),
        ("pci.uevent-differs", "0000:00:1d.0 address"),
    }


# --- lspci against sysfs ----------------------------------------------------------------------------------------------

EDITS = [
    ("lspci_Dnnk", "[1af4:1042]", "[1af4:1043]", {("lspci.field-differs", f"{DISK} device")}),
    ("lspci_Dnnk", "in use: virtio-pci", "in use: nvme", {("lspci.field-differs", "0000:00:1e.0 driver")}),
    ("lspci_Dnnk", f"{DISK} ", "0000:09:00.0 ", {
        ("lspci.function-missing", DISK),
        ("lspci.function-extra", "0000:09:00.0"),
    }),
    ("lspci", "(rev 01)", "(rev 03)", {("lspci.field-differs", f"{DISK} revision")}),
    ("lspci", "Virtio 1.0 block device", "Virtio 2.0 block device", {("lspci.field-differs", f"{DISK} name")}),
    ("lspci", "SATA controller:", "IDE controller:", {("lspci.field-differs", "0000:00:1f.2 class_name")}),
    ("lspci_Dvmmnnk", "PhySlot:\t0\n", "PhySlot:\t7\n", {("lspci.field-differs", f"{DISK} slot")}),
    ("lspci_Dvmmnnk", "PhySlot:\t0\n", "", {("lspci.field-differs", f"{DISK} slot")}),
    ("lspci_Dvmmnnk", "Vendor:\tIntel Corporation [8086]\n", "", {
        ("lspci.field-differs", "0000:00:00.0 vendor"),
        # What shows that the record has ids beside its names is the vendor's line.
        ("lspci.field-differs", "0000:00:00.0 subsystem_name"),
    }),
    ("lspci_Dvmmnnk", "Module:\tahci\n", "Module:\tnvme\n", {("lspci.field-differs", "0000:00:1f.2 modules")}),
    ("lspci_vvv", "secondary=01", "secondary=11", {("lspci.field-differs", f"{PORT} secondary")}),
    ("lspci_vvv", "[size=4K]", "[size=8K]", {("lspci.field-differs", f"{PORT} region 0")}),
    ("lspci_vvv", "non-prefetchable) [size", "non-prefetchable) [siz", {("lspci.field-differs", f"{PORT} region 0")}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "found"), EDITS)
def test_an_edited_text_is_named(text, old, new, found, guest, problems):
    edit(without_manifest(guest) / "cmd" / text, old, new)
    assert problems(guest) == found


def test_an_emptied_text(guest, problems):
    (without_manifest(guest) / "cmd/lspci").write_text("")
    assert problems(guest) == {("lspci.empty", "/cmd/lspci")}


def test_a_text_that_cannot_be_read(guest, problems):
    path = without_manifest(guest) / "cmd/lspci"
    path.unlink()
    os.mkfifo(path)
    assert problems(guest) == {("lspci.unreadable", "/cmd/lspci")}


def test_a_tree_is_no_list(guest, problems):
    (guest / "cmd/lspci_t").write_text("-[0000:00]-+-00.0\n           \\-02.0-[01]----00.0\n")
    assert problems(guest) == set()


# --- expected.json ----------------------------------------------------------------------------------------------------


def expect(guest: Path, document: object) -> Path:
    (guest / "expected.json").write_text(json.dumps(document), encoding="utf-8")
    return guest


def test_every_key_may_be_left_out(guest, problems):
    assert problems(expect(guest, {})) == set()
    (guest / "expected.json").unlink()
    assert problems(guest) == set()


def test_what_comes_true(guest, problems, answers):
    functions = {
        item.pop("address"): item for item in json.loads(json.dumps(answers("list", STORY, STAGE)))["functions"]
    }
    for function in functions.values():
        assert not function.pop("unknown", None)
        # Names may come from this machine's pci.ids.
        for key in ("class_name", "vendor_name", "device_name"):
            del function[key]
    expect(guest, {"verdict": "limited", "mechanisms": ["acpiphp"], "functions": {**functions, "0000:09:00.0": None}})
    assert problems(guest) == set()


EXPECTED = [
    ({"verdict": "not-ready"}, "expected.verdict", "verdict"),
    ({"mechanisms": []}, "expected.mechanisms", "mechanisms"),
    ({"mechanisms": ["acpiphp", "pciehp"]}, "expected.mechanisms", "mechanisms"),
    ({"functions": {"0000:09:00.0": {}}}, "expected.function-missing", "0000:09:00.0"),
    ({"functions": {DISK: None}}, "expected.function-extra", DISK),
    ({"functions": {DISK: {"driver": None}}}, "expected.function-differs", f"{DISK} driver"),
    ({"functions": {"01:00.0": {"device": "1041"}}}, "expected.function-differs", f"{DISK} device"),
    ({"functions": {DISK: {"nodes": []}}}, "expected.function-differs", f"{DISK} nodes"),
    ({"functions": {DISK: {"nodes": ["vdb", "vdc"]}}}, "expected.function-differs", f"{DISK} nodes"),
    ({"functions": {DISK: {"nodes": [{"subsystem": "net"}]}}}, "expected.function-differs", f"{DISK} nodes"),
    ({"functions": {DISK: {"drvier": "x"}}}, "expected.unknown-key", f"expected.json: functions: {DISK}"),
    ({"veredict": "ready"}, "expected.unknown-key", "expected.json"),
    ({"mechanisms": "acpiphp"}, "expected.malformed", "expected.json: mechanisms"),
    ({"functions": []}, "expected.malformed", "expected.json: functions"),
    ({"functions": {"disk": {}}}, "expected.malformed", "expected.json: functions: disk"),
    ({"functions": {DISK: "there"}}, "expected.malformed", f"expected.json: functions: {DISK}"),
    ({"functions": {DISK: {"nodes": "vdb"}}}, "expected.malformed", f"expected.json: functions: {DISK} nodes"),
    ([], "expected.malformed", "expected.json"),
]


@pytest.mark.parametrize(("document", "identifier", "where"), EXPECTED)
def test_what_does_not_come_true_is_named(document, identifier, where, guest, problems):
    assert problems(expect(guest, document)) == {(identifier, where)}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"verdict": ' + b"[" * 100_000, b'{"a": ' + b"1" * 100_000])
def test_an_expectation_that_is_no_json(data, guest, problems):
    (guest / "expected.json").write_bytes(data)
    assert problems(guest) == {("expected.malformed", "expected.json")}


def test_an_expectation_that_cannot_be_read(guest, problems):
    (guest / "expected.json").unlink()
    (guest / "expected.json").mkdir()
    assert problems(guest) == {("expected.unreadable", "expected.json")}


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_a_flipped_byte(guest, problems):
    path = guest / "proc/modules"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert problems(guest) == {("manifest.hash-differs", "/proc/modules")}


def test_a_file_that_grew_and_one_that_shrank(guest, problems):
    (guest / "proc/modules").write_bytes((guest / "proc/modules").read_bytes() + b"\n")
    (guest / "proc/cmdline").write_bytes(b"")
    assert {("manifest.size-differs", "/proc/modules"), ("manifest.size-differs", "/proc/cmdline")} <= problems(guest)


def test_a_file_that_went_missing(guest, problems):
    (guest / "proc/modules").unlink()
    assert ("manifest.file-missing", "/proc/modules") in problems(guest)


def test_a_file_that_came_later(guest, problems):
    (guest / "etc").mkdir(exist_ok=True)
    (guest / "etc/planted").write_text("x")
    (guest / "README").write_text("what people write for people is no evidence")
    (guest / "cmd/lsusb").write_text("")
    assert problems(guest) == {("manifest.file-extra", "/etc/planted")}


def test_a_link_that_was_bent(guest, problems):
    relink(device(guest, DISK) / "driver", "../../../../bus/pci/drivers/nvme")
    path = f"/sys/devices/pci0000:00/{PORT}/{DISK}/driver"
    assert ("manifest.link-differs", path) in problems(guest)


def test_a_file_in_place_of_a_link_and_a_fifo_in_place_of_a_file(guest, problems):
    link = device(guest, DISK) / "driver"
    link.unlink()
    link.write_text("")
    (guest / "proc/modules").unlink()
    os.mkfifo(guest / "proc/modules")
    found = problems(guest)
    assert ("manifest.kind-differs", f"/sys/devices/pci0000:00/{PORT}/{DISK}/driver") in found
    assert ("manifest.kind-differs", "/proc/modules") in found


def test_a_link_that_went_missing(guest, problems):
    """The commands do not notice: they find it in the manifest."""
    (device(guest, DISK) / "driver").unlink()
    (guest / "sys/bus/pci/devices/0000:00:1f.3").unlink()
    assert problems(guest) == {
        ("pci.function-unlisted", "0000:00:1f.3"),
        ("manifest.file-missing", f"/sys/devices/pci0000:00/{PORT}/{DISK}/driver"),
        ("manifest.file-missing", "/sys/bus/pci/devices/0000:00:1f.3"),
    }


def test_empty_folders_that_git_lost_are_no_problem(guest, problems):
    empty = [path for path in guest.rglob("*") if path.is_dir() and not path.is_symlink() and not list(path.iterdir())]
    assert empty
    for path in empty:
        path.rmdir()
    assert problems(guest) == set()


@pytest.mark.parametrize("path", ["/../secret", "/sys/../../secret", "secret", "/sys//secret", "/a\0b", "", "/"])
def test_a_manifest_that_leads_outside_is_not_followed(path, tmp_path, problems):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "guest/sys").mkdir(parents=True)
    digest = hashlib.sha256(b"secret").hexdigest()
    entry = {"size": 6, "sha256": digest, "mode": "0444"}
    manifest = {"format": "hotplugctl-recording", "version": 1, "files": {path: entry}}
    (tmp_path / "guest/manifest.json").write_text(json.dumps(manifest))
    assert problems(tmp_path / "guest") == {("manifest.path-malformed", path)}


def test_a_folder_that_is_a_link_outside_is_not_followed(tmp_path, problems):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (tmp_path / "guest/sys").mkdir(parents=True)
    (tmp_path / "guest/proc").symlink_to("../outside")
    entry = {"size": 6, "sha256": hashlib.sha256(b"secret").hexdigest(), "mode": "0444"}
    manifest = {"format": "hotplugctl-recording", "version": 1, "files": {"/proc/secret": entry}}
    (tmp_path / "guest/manifest.json").write_text(json.dumps(manifest))
    assert problems(tmp_path / "guest") == {
        ("manifest.file-missing", "/proc/secret"),
        ("manifest.file-extra", "/proc"),
    }


# --- text -------------------------------------------------------------------------------------------------------------


def test_the_text_names_every_problem_on_a_line(guest, hotplugctl):
    (device(without_manifest(guest), DISK) / "driver").unlink()
    expect(guest, {"verdict": "ready"})
    done = hotplugctl("validate", guest)
    head, *lines = done.out.splitlines()
    assert head == f"INVALID {guest}: {len(lines)} problems"
    assert any(line.startswith("  expected.verdict: verdict: expected ready, check says ") for line in lines)
    assert any(line.startswith(f"  lspci.field-differs: {DISK} driver: lspci says virtio-pci") for line in lines)


def test_hostile_text_is_escaped(guest, hotplugctl, tmp_path):
    evil = tmp_path / "\x1b[2Jguest\n"
    without_manifest(guest).rename(evil)
    expect(evil, {"\x1b[31m\u202e": 1, "verdict": "\x1b]0;x\x07" * 1000})
    (evil / "cmd/lspci_\x1b[1m").write_text("01:00.0 SCSI\x1b[5m \x9b31m controller: A\x07B\n", encoding="utf-8")
    done = hotplugctl("validate", evil)
    assert done.status == 1
    assert all(line.isprintable() for line in done.out.split("\n"))
    assert "\u202e" not in done.out
    assert max(map(len, done.out.split("\n"))) < 1000


def test_a_flood_of_problems_is_dammed(guest, problems):
    lines = [f"{bus:02x}:{slot:02x}.0 SCSI storage controller: X" for bus in range(16, 32) for slot in range(32)]
    (without_manifest(guest) / "cmd/lspci_more").write_text("\n".join(lines))
    found = [where for identifier, where in problems(guest) if identifier == "lspci.function-extra"]
    assert len(found) == 101
    assert "" in found
