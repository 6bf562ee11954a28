"""A recording of a guest says what the guest said, in every packing; and a recording of a recording too."""

from __future__ import annotations

import os
import stat

import pytest

COMMANDS = ("check", "slots", "list", "explain")
PACKINGS = ("out", "out.tar", "out.tar.gz", "out.tgz", "out.tar.xz", "-")
STAGES = [("q35-rootport-native@forky", "added"), ("pc-bridge-shpc", "after"), ("q35-hotbridge-short", "after")]


def answers_of(hotplugctl, *options, stdin=b""):
    """What the commands say, but for where it was read."""
    said = {}
    for command in COMMANDS:
        done = hotplugctl(command, "--json", *options, stdin=stdin)
        assert done.err == ""
        said[command] = done.document
    said["check"]["guest"].pop("source")
    functions = said["list"]["functions"]
    for address in [function["address"] for function in functions][-3:]:
        said[address] = hotplugctl("explain", address, "--json", *options, stdin=stdin).document
    for command in said.keys() - set(COMMANDS) | {"explain"}:
        said[command].pop("source")
    return said


def recorded(hotplugctl, process, out, *options):
    """Record, and the options and the stdin that read it."""
    if out.name != "-":
        done = hotplugctl("record", out, "--no-scrub", *options)
        assert (done.status, done.err) == (0, "")
        return ("--root", out), b""
    done = process("record", "-", "--no-scrub", *options)
    assert (done.returncode, done.stderr) == (0, b"")
    return ("--root", "-"), done.stdout


@pytest.mark.parametrize(
    "stage, name",
    [(STAGES[0], name) for name in PACKINGS]
    + [(stage, name) for stage in STAGES[1:] for name in ("out", "out.tar.gz")],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_recorded_guest(hotplugctl, process, recordings, tmp_path, stage, name):
    root = ("--root", recordings.stage(*stage))
    options, stdin = recorded(hotplugctl, process, tmp_path / name, *root)
    assert answers_of(hotplugctl, *options, stdin=stdin) == answers_of(hotplugctl, *root)


@pytest.mark.parametrize("name", ["out", "out.tar.gz", "-"])
def test_this_machine(hotplugctl, process, tmp_path, name):
    options, stdin = recorded(hotplugctl, process, tmp_path / name)
    assert answers_of(hotplugctl, *options, stdin=stdin) == answers_of(hotplugctl)


def test_a_damaged_guest(hotplugctl, guest, tmp_path):
    """Failed reads, absences and oddities replay as they were."""
    disk = "sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0"
    guest.spoil(f"{disk}/enable", lambda path: path.chmod(0))
    guest.spoil("sys/bus/pci/slots/0/power", lambda path: (path.unlink(), os.mkfifo(path)))
    guest.put("sys/bus/pci/slots/0-2/power", "power")
    guest.put("sys/bus/pci/slots/0-3/address", b"\xff\x9b\n")
    guest.put("proc/cmdline", None)
    guest.put("boot/config-6.1.0-50-amd64", bytes(5 << 20))
    guest.put("sys/bus/pci/slots/evil\udc9b\x1b", None)
    guest.put("sys/bus/pci/slots/evil\udc9b\x1b/address", b"0000:09:00\n")
    root = ("--root", guest)
    hotplugctl("record", tmp_path / "out", "--no-scrub", *root)
    assert answers_of(hotplugctl, "--root", tmp_path / "out") == answers_of(hotplugctl, *root)


def test_it_is_for_its_owner_alone(hotplugctl, recordings, tmp_path):
    root = recordings.stage("pc-nobar", "added")
    for name in ("out", "out.tar.gz"):
        hotplugctl("record", tmp_path / name, "--no-scrub", "--root", root)
    assert stat.S_IMODE((tmp_path / "out.tar.gz").stat().st_mode) == 0o600
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if not path.is_symlink()}
    assert modes == {0o600, 0o700}


def test_the_same_time_gives_the_same_bytes(hotplugctl, recordings, tmp_path):
    root, clock = recordings.stage("pc-nobar", "added"), {"SOURCE_DATE_EPOCH": "1700000000"}
    for name in ("a.tar.gz", "b.tar.gz"):
        hotplugctl("record", tmp_path / name, "--no-scrub", "--root", root, environment=clock)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_what_is_there_stays(hotplugctl, recordings, tmp_path):
    (tmp_path / "out.tar").write_bytes(b"precious")
    done = hotplugctl("record", tmp_path / "out.tar", "--no-scrub", "--root", recordings.stage("pc-nobar", "added"))
    assert done.status == 2
    assert (tmp_path / "out.tar").read_bytes() == b"precious"


def test_it_does_not_scrub_yet_and_says_so(hotplugctl, tmp_path):
    done = hotplugctl("record", tmp_path / "out")
    assert done.status == 2
    assert "--no-scrub" in done.err
    assert not (tmp_path / "out").exists()
