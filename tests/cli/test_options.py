"""The options that commands share, and what each is promised to do."""

from __future__ import annotations

import gzip
import io
import os
import pty
import re
import tarfile
from contextlib import nullcontext

import pytest

from hotplugctl.cli.app import COMMANDS

STORY = "q35-rootport-acpi"
NAMES = [name for _, commands in COMMANDS for name, _ in commands]


@pytest.fixture
def root(recordings):
    return recordings.stage(STORY, "added")


def addresses(done):
    return [item["address"] for item in done.document["functions"]]


@pytest.mark.parametrize("command", NAMES)
def test_every_command_understands(hotplugctl, command):
    options = hotplugctl(command, "--help").out
    assert {"--json", "-J"} <= set(options.replace(",", " ").split())
    if command != "validate":
        assert "--root" in options and "HOTPLUGCTL_ROOT" in options and "--stage" in options


def test_help_groups_the_commands(hotplugctl):
    text = hotplugctl("--help").out
    assert hotplugctl("-h").out == text
    places = [text.index(f"\n{heading}:\n") for heading, _ in COMMANDS]
    assert places == sorted(places)
    for (_, commands), place in zip(COMMANDS, places):
        for name, summary in commands:
            assert text.index(f"\n  {name} ", place) > place
            assert summary in text


@pytest.mark.parametrize("command", NAMES)
def test_a_command_says_what_it_answers(hotplugctl, command):
    done = hotplugctl(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: hotplugctl {command} ")


def test_version(hotplugctl):
    from hotplugctl import __version__

    assert hotplugctl("--version").out == f"hotplugctl {__version__}\n"


class TestRoot:
    def test_the_environment_is_announced(self, hotplugctl, root):
        done = hotplugctl("slots", "--json", environment={"HOTPLUGCTL_ROOT": str(root)})
        assert done.err == f"hotplugctl: reading {root} (HOTPLUGCTL_ROOT)\n"
        assert len(done.document["slots"]) == 4

    def test_the_option_beats_the_environment(self, hotplugctl, root):
        done = hotplugctl("slots", "--json", "--root", root, environment={"HOTPLUGCTL_ROOT": "/missing"})
        assert (done.err, len(done.document["slots"])) == ("", 4)

    def test_an_empty_environment_is_none(self, hotplugctl):
        done = hotplugctl("check", "--json", environment={"HOTPLUGCTL_ROOT": ""})
        assert done.err == ""
        assert done.document["guest"]["source"] == "live"

    def test_a_hostile_environment_is_announced_in_one_line(self, hotplugctl):
        done = hotplugctl("check", environment={"HOTPLUGCTL_ROOT": "/missing\x1b[31m\n/x"})
        assert done.status == 2
        assert [line.startswith("hotplugctl: ") and line.isprintable() for line in done.err.splitlines()] == [True] * 2

    def test_the_root_of_this_machine_is_live(self, hotplugctl):
        assert hotplugctl("check", "--json", "--root", "/").document["guest"]["source"] == "live"

    def test_a_recording_says_so(self, hotplugctl, root):
        assert hotplugctl("check", "--json", "--root", root).document["guest"]["source"] == "recording"
        assert ", from a recording\n" in hotplugctl("check", "--root", root).out

    def test_an_image_is_told_from_a_recording(self, hotplugctl, make_guest, tmp_path):
        guest = make_guest()
        image = tmp_path / "image"
        image.mkdir()
        (guest.root / "boot").rename(image / "boot")
        (guest.root / "lib").rename(image / "lib")
        done = hotplugctl("check", "--json", "--root", image)
        assert (done.status, done.document["guest"]["source"]) == (0, "image")


class TestStage:
    @pytest.mark.parametrize("stage, count", [("before", 0), ("added", 4), ("after", 0)])
    def test_of_an_archive(self, hotplugctl, recordings, stage, count):
        slots = hotplugctl("slots", "--json", "--root", recordings.archives[STORY], "--stage", stage).document["slots"]
        assert sum(slot["occupied"] for slot in slots) == count

    def test_of_a_folder(self, hotplugctl, recordings):
        slots = hotplugctl("slots", "--json", "--root", recordings.story(STORY), "--stage", "added").document["slots"]
        assert all(slot["occupied"] for slot in slots)

    @pytest.mark.parametrize("options", [(), ("--stage", "later"), ("--stage", "../added"), ("--stage", "")])
    def test_one_that_is_not_there_lists_those_that_are(self, hotplugctl, recordings, options):
        done = hotplugctl("check", "--root", recordings.story(STORY), *options)
        assert done.status == 2
        assert "before, added, after" in done.err
        assert done.err.count("\n") == 1

    def test_of_what_has_none(self, hotplugctl, root):
        assert hotplugctl("check", "--root", root, "--stage", "added").status == 2


def packed(folder, packing=""):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:
        archive.add(folder, arcname="guest")
    return buffer.getvalue()


@pytest.mark.parametrize("command, packing", [("check", ""), ("slots", "gz"), ("list", "xz"), ("list", "")])
def test_a_tar_on_stdin(hotplugctl, root, answers, command, packing):
    done = hotplugctl(command, "--json", "--root", "-", stdin=packed(root, packing))
    assert done.document == answers(command, STORY, "added")


@pytest.mark.parametrize("stdin", [b"", b"no tar\n" * 200, gzip.compress(b"nor this"), b"\x1f\x8b\x08"])
def test_no_tar_on_stdin(hotplugctl, stdin):
    done = hotplugctl("check", "--root", "-", stdin=stdin)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)


def test_a_cut_off_tar(hotplugctl, root):
    whole = packed(root)
    done = hotplugctl("check", "--root", "-", stdin=whole[: len(whole) // 2])
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)


class TestFindings:
    def ids(self, hotplugctl, root, *options):
        return {item["id"] for item in hotplugctl("check", "--json", "--root", root, *options).document["findings"]}

    def test_only(self, hotplugctl, root):
        assert self.ids(hotplugctl, root, "--only", "slot.none-free") == {"slot.none-free"}
        assert {name.partition(".")[0] for name in self.ids(hotplugctl, root, "--only", "slot")} == {"slot"}
        assert self.ids(hotplugctl, root, "--only", "slot.none-free", "--only", "udev.not-running") == {
            "slot.none-free", "udev.not-running",
        }  # fmt: skip

    def test_skip(self, hotplugctl, root):
        everything = self.ids(hotplugctl, root)
        assert self.ids(hotplugctl, root, "--skip", "slot.none-free") == everything - {"slot.none-free"}
        assert self.ids(hotplugctl, root, "--skip", "slot") == {i for i in everything if not i.startswith("slot.")}

    def test_both(self, hotplugctl, root):
        kept = self.ids(hotplugctl, root, "--only", "slot", "--skip", "slot.none-free")
        assert kept and "slot.none-free" not in kept

    def test_what_is_skipped_makes_no_verdict(self, hotplugctl, recordings):
        root = recordings.stage("pc-nobar", "added")
        assert hotplugctl("check", "--strict", "--root", root).status == 1
        assert hotplugctl("check", "--strict", "--skip", "bar", "--root", root).status == 0

    def test_an_unknown_one_is_refused(self, hotplugctl, root):
        done = hotplugctl("check", "--root", root, "--only", "slot.none-fre")
        assert "no finding is called slot.none-fre" in done.err


def test_format_json_is_json(hotplugctl, root):
    assert hotplugctl("check", "--format", "json", "--root", root).out == hotplugctl("check", "-J", "--root", root).out
    assert hotplugctl("check", "--format", "table", "--root", root).out == hotplugctl("check", "--root", root).out


class TestColumns:
    def lines(self, done):
        assert (done.status, done.err) == (0, "")
        return done.out.splitlines()

    def test_in_the_order_of_the_user(self, hotplugctl, root):
        lines = self.lines(hotplugctl("slots", "-o", "port,SLOT", "--root", root))
        assert lines[0].split() == ["PORT", "SLOT"]
        assert lines[1].split() == ["0000:00:02.0", "0"]

    def test_more_than_the_usual(self, hotplugctl, root):
        usual = self.lines(hotplugctl("list", "--root", root))[0].split()
        more = self.lines(hotplugctl("list", "-o", "+IDS,REV", "--root", root))[0].split()
        assert more == [*usual, "IDS", "REV"]

    def test_no_headings(self, hotplugctl, root):
        lines = self.lines(hotplugctl("list", "-n", "-o", "ADDRESS,DRIVER", "--root", root))
        assert lines[0].split() == ["0000:00:00.0", "-"]
        assert len(lines) == 13

    @pytest.mark.parametrize("command", ["slots", "list"])
    def test_they_are_listed(self, hotplugctl, root, command):
        columns = [line.split()[0] for line in self.lines(hotplugctl(command, "--list-columns"))]
        assert len(columns) == len(set(columns)) > 5
        for column in columns:
            assert self.lines(hotplugctl(command, "-o", column, "--root", root))[0] == column

    def test_listing_them_reads_nothing(self, hotplugctl):
        assert hotplugctl("slots", "--list-columns", "--root", "/missing").status == 0

    @pytest.mark.parametrize("command", ["slots", "list"])
    def test_the_table_is_made_of_cells(self, hotplugctl, root, command):
        """No line ends with a blank, and each column begins where its heading does."""
        heading, *rows = self.lines(hotplugctl(command, "-o", "+", "--root", root))
        assert not [line for line in (heading, *rows) if line != line.rstrip()]
        assert all(row[heading.index("ADDRESS") :].startswith("0000:") for row in rows)


def test_the_tree_shows_every_function_once(hotplugctl, root):
    listed = addresses(hotplugctl("list", "--json", "--root", root))
    tree = hotplugctl("list", "--tree", "--root", root).out.splitlines()
    assert sorted(found[0] for line in tree[1:] for found in [re.search(r"(?<=─)[0-9a-f:.]+", line)] if found) == listed


def test_the_tree_of_a_terminal_without_lines(process, root):
    done = process("list", "--tree", "--root", root, env={"PYTHONIOENCODING": "latin-1"})
    assert b"|-0000:00:02.0 PCI bridge" in done.stdout
    assert b"| `-0000:01:00.0 " in done.stdout
    assert done.stdout.isascii()


def test_ports_in_a_circle(hotplugctl, guest):
    """Directories of two functions lie below one another: each is shown all the same."""
    devices = "sys/devices/pci0000:00"
    for name, above in (("0000:07:00.0", "0000:07:01.0"), ("0000:07:01.0", "0000:07:00.0")):
        guest.put(f"{devices}/{above}/{name}/vendor", b"0x1af4\n")
        guest.put(f"sys/bus/pci/devices/{name}", f"../../../devices/pci0000:00/{above}/{name}")
    done = hotplugctl("list", "--tree", "--root", guest)
    assert done.status == 0
    assert done.out.count("0000:07:00.0") == done.out.count("0000:07:01.0") == 1


class TestColor:
    ESCAPE = "\x1b["

    def on_terminal(self, process, root, *options, **environment):
        master, slave = pty.openpty()
        started = process.start("check", "--root", root, *options, stdout=slave, env=environment)
        os.close(slave)
        pieces = []
        try:
            while piece := os.read(master, 65536):
                pieces.append(piece)
        except OSError:
            # The terminal's other end was closed: Linux answers EIO.
            pass
        os.close(master)
        assert started.wait() == 0
        return b"".join(pieces).decode()

    @pytest.mark.parametrize(
        "options, environment, colored",
        [
            ((), {"TERM": "xterm"}, True),
            ((), {"TERM": "xterm", "NO_COLOR": ""}, True),
            ((), {"TERM": "xterm", "NO_COLOR": "1"}, False),
            ((), {"TERM": "dumb"}, False),
            (("--color", "never"), {"TERM": "xterm"}, False),
            (("--color", "always"), {"TERM": "dumb", "NO_COLOR": "1"}, True),
        ],
    )
    def test_on_a_terminal(self, process, root, options, environment, colored):
        assert (self.ESCAPE in self.on_terminal(process, root, *options, **environment)) == colored

    def test_elsewhere(self, hotplugctl, root):
        assert self.ESCAPE not in hotplugctl("check", "--root", root).out
        assert self.ESCAPE in hotplugctl("check", "--color", "always", "--root", root).out
        assert self.ESCAPE not in hotplugctl("check", "--json", "--color", "always", "--root", root).out

    def test_it_changes_no_word(self, hotplugctl, root):
        colored = hotplugctl("check", "--color", "always", "--root", root).out
        assert re.sub(r"\x1b\[\d*m", "", colored) == hotplugctl("check", "--root", root).out


@pytest.mark.parametrize("command", ["check", "list"])
def test_where_names_come_from(hotplugctl, guest, monkeypatch, command):
    from hotplugctl.cli import cmd_check, cmd_list

    for module in (cmd_check, cmd_list):
        monkeypatch.setattr(module, "reference", lambda tree: nullcontext())

    def names_from():
        document = hotplugctl(command, "--json", "--root", guest).document
        return document["guest"]["names_from"] if command == "check" else document["names_from"]

    assert names_from() == "/run/udev/data"
    for path in [path.name for path in (guest.root / "run/udev/data").glob("+pci:*")]:
        guest.put(f"run/udev/data/{path}", b"I:1\n")
    assert names_from() == "built-in"
    guest.put("usr/share/hwdata/pci.ids.gz", gzip.compress(b"1af4  Somebody\n\t1042  A disk\n"))
    assert names_from() == "/usr/share/hwdata/pci.ids.gz"
    guest.put("usr/share/misc/pci.ids", b"1af4  Somebody\n\t1042  A disk\n")
    assert names_from() == "/usr/share/misc/pci.ids"
    functions = {item["address"]: item for item in hotplugctl("list", "--json", "--root", guest).document["functions"]}
    disk = functions["0000:01:00.0"]
    assert (disk["vendor_name"], disk["device_name"]) == ("Somebody", "A disk")


def test_what_an_argument_may_be_is_told_without_escapes(hotplugctl):
    """click sets these values below each other, with tabs."""
    done = hotplugctl("parse")
    assert done.status == 2
    assert "lspci" in done.err and "kconfig" in done.err
    assert "\\x" not in done.err and "\t" not in done.err


def test_an_option_before_the_command_says_where_it_belongs(hotplugctl):
    done = hotplugctl("--root", "/nowhere", "check")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("Error: No such option '--root' here: options follow the command")
    assert "follow" not in hotplugctl("--verion").err
