"""``expect`` on the command line: how a command is given, how it ends, what its JSON is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hotplugctl as package

SCHEMA = Draft202012Validator(
    json.loads((Path(package.__file__).parent / "schemas/expect.schema.json").read_text(encoding="utf-8"))
)
OK = "OK domain 0, bus 0, slot {}, function 0"


@pytest.fixture
def expect(hotplugctl, recordings):
    """The command on a recorded guest with five network cards, four of them hot-plugged: 2 to 5."""

    def run(*words: object, **more: object):
        return hotplugctl("expect", "--root", recordings.stage("pc-nics", "added"), *words, **more)

    return run


@pytest.mark.parametrize(
    "words, status",
    [
        (["pci_add auto nic model=e1000"], 0),
        (["pci_add", "auto", "nic", "model=e1000"], 0),
        (["pci_add", "auto", "storage", "file=x,if=ide"], 1),
        (["pci_add", "auto", "sound"], 1),
        (["device_add", "frobnicator"], 3),
        ([OK.format(4)], 0),
        (OK.format(4).split(), 0),
        ([OK.format(9)], 1),
        (["pci_del", "4"], 0),
        (["-device", "e1000,id=x"], 0),
        (["virsh", "qemu-monitor-command", "vm", "--hmp", "pci_add auto nic"], 0),
        (['{"execute": "device_del", "arguments": {"id": "x"}}'], 0),
        (["info", "pci"], 2),
        (["pci_add", "--what"], 2),
        ([""], 2),
        ([], 2),
        # In a recording nothing is to come.
        (["--wait", "pci_add 9 nic"], 1),
        (["--wait", "pci_add 4 nic model=e1000"], 0),
        (["--wait", "pci_add auto nic"], 3),
        (["--wait", "--between", "a", "b", "pci_del 4"], 2),
        (["--between", "a", "b", "pci_del 4"], 2),
        (["--timeout", "soon", "pci_del 4"], 2),
    ],
)
def test_how_it_ends(expect, words, status):
    done = expect(*words)
    assert done.status == status, done
    assert bool(done.out) == (status != 2)
    assert bool(done.err) == (status == 2)


@pytest.mark.parametrize(
    "text",
    [
        "pci_add auto nic model=e1000",
        "pci_add auto storage file=x,if=ide",
        "device_add frobnicator",
        "device_add scsi-hd,drive=d",
        "netdev_add user,id=n",
        "pci_del 4",
        "pci_del 1f",
        "device_del x",
        OK.format(4),
        OK.format(9),
        "pci_add auto storage file=\x1b[31m\u202e,if=virtio",
    ],
)
def test_the_document_fits_its_schema(expect, text):
    done = expect("--json", text)
    assert not list(SCHEMA.iter_errors(done.document))
    assert done.document["command"] == text
    assert done.out.isascii()


def test_drift_is_seen(expect):
    document = expect("--json", "pci_add auto nic").document
    for key, value in (
        ("valid", None),
        ("kind", "disk"),
        ("seen", None),
        ("address", "4"),
        ("extra", 1),
        ("reason", "x"),
    ):
        changed = {**document, key: value}
        if key == "seen":
            changed.pop("unknown")
        assert list(SCHEMA.iter_errors(changed)), key


def test_standard_input(expect):
    text = f"(qemu) pci_add auto nic model=e1000\r\n{OK.format(4)}\r\n"
    done = expect("--json", "-", stdin=text.encode())
    assert (done.status, done.document["seen"], done.document["address"]) == (0, True, "0000:00:04.0")
    assert expect("-", stdin=b"").status == 2
    assert expect("-", stdin=b"\xff\xfe\0pci_add").status == 2
    huge = expect("-", stdin=b"device_add " + b"x" * 1_000_000)
    assert huge.status == 2
    assert len(huge.err) < 1000


def test_a_fault_shows_its_place(expect):
    done = expect("pci_add auto nic modle=e1000")
    first, line, caret, allowed = done.err.splitlines()
    assert "column 18" in first
    assert line[caret.index("^") :].startswith("modle=e1000")
    assert "model" in allowed
    second = expect("-", stdin=b"(qemu) netdev_add user,id=n\n(qemu) frob\n").err
    assert "line 2, column 8" in second


def test_a_fault_far_down_a_long_line_still_shows_its_place(expect):
    """The line is shown around the place, with what does not show written out."""
    text = "pci_add auto nic name=" + "\x1b" * 500 + ",modle=1"
    _, line, caret, _ = expect(text).err.splitlines()
    assert len(line) < 300
    assert line[caret.index("^") :].startswith("modle=1")


def test_hostile_text_is_escaped(expect):
    for text in (
        "pci_add auto \x1b[31m\u202e",
        "\x1b]0;x\x07",
        "device_add \x1b[2J,id=x",
        "pci_add auto nic\nError: \x1b[2J",
    ):
        done = expect(text)
        assert (done.out + done.err).replace("\n", "").isprintable()
        assert "\\x1b" in done.out + done.err


def test_between_stages_of_a_story(hotplugctl, recordings):
    story = recordings.story("q35-rootport-native")
    text = "device_add nvme,drive=hd2,serial=HOTNV1,bus=rp1"
    came = hotplugctl("expect", "--json", "--between", f"{story}:before", f"{story}:added", text)
    assert (came.status, came.document["seen"], came.document["address"]) == (0, True, "0000:02:00.0")
    again = hotplugctl("expect", "--json", "--between", f"{story}:added", f"{story}:added", text)
    assert (again.status, again.document["seen"]) == (1, False)
    archive = recordings.archives["q35-rootport-native"]
    packed = hotplugctl("expect", "--json", "--between", f"{archive}:before", f"{archive}:added", text)
    assert packed.document == came.document


def test_between_says_what_it_cannot_read(hotplugctl, recordings, tmp_path):
    story = recordings.story("pc-nics")
    for first in (tmp_path / "nothing", f"{story}:never", story, tmp_path):
        done = hotplugctl("expect", "--between", first, f"{story}:added", "pci_del 4")
        assert (done.status, done.out) == (2, "")
        assert done.err


def test_between_takes_names_with_colons(hotplugctl, recordings, tmp_path):
    named = tmp_path / "a:b"
    shutil.copytree(recordings.stage("pc-nics", "before"), named, symlinks=True)
    done = hotplugctl("expect", "--between", named, f"{recordings.story('pc-nics')}:added", "pci_add 4 nic model=e1000")
    assert done.status == 0


BEFORE = """\
00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)
00:03.0 Ethernet controller: Intel Corporation 82540EM Gigabit Ethernet Controller (rev 03)
"""
AFTER = BEFORE + "00:04.0 SCSI storage controller: LSI Logic / Symbios Logic 53c895a\n"


@pytest.mark.parametrize(
    "text, status, address",
    [
        ("pci_add auto storage file=empty.img,if=scsi", 0, "0000:00:04.0"),
        ("pci_add auto nic model=e1000", 1, None),
        ("OK domain 0, bus 0, slot 4, function 0", 0, "0000:00:04.0"),
        ("pci_add auto nic\nOK domain 0, bus 0, slot 4, function 0", 1, "0000:00:04.0"),
    ],
)
def test_between_texts_of_lspci(hotplugctl, tmp_path, text, status, address):
    """As an old guide shows them: no ids, a class by its name."""
    (tmp_path / "before.txt").write_text(BEFORE)
    (tmp_path / "after.txt").write_text(AFTER)
    done = hotplugctl("expect", "--json", "--between", tmp_path / "before.txt", tmp_path / "after.txt", text)
    assert (done.status, done.document["address"]) == (status, address)
    gone = hotplugctl("expect", "--between", tmp_path / "after.txt", tmp_path / "before.txt", "pci_del 4")
    assert gone.status == 0


def test_this_machine(hotplugctl):
    """Whatever it is: an answer, and the waiting ends."""
    done = hotplugctl(
        "expect", "--json", "--wait", "--timeout", "0.2", "device_add e1000,bus=rp0,mac=02:00:00:00:00:01"
    )
    assert done.status in (1, 3, 4)
    assert not list(SCHEMA.iter_errors(done.document))
