"""How commands end: the table of exit codes, and what becomes of the output."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from hotplugctl.cli import cmd_list, cmd_slots
from hotplugctl.rules import registry

READY = ("pc-virtio", "added")
FULL = ("q35-rootport-acpi", "added")
DEAD = ("pc-noacpi", "before")
# include/uapi/linux/fcntl.h; the module names it from Python 3.10 on.
F_SETPIPE_SZ = 1031


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and text.startswith("hotplugctl: ")


@pytest.mark.parametrize(
    "stage, options, status",
    [
        (READY, (), 0),
        (READY, ("--strict",), 0),
        (READY, ("--need", 26), 0),
        (READY, ("--need", 27), 1),
        (READY, ("--need", 0, "--json"), 0),
        (FULL, (), 0),
        (FULL, ("--strict",), 1),
        (FULL, ("--strict", "--json"), 1),
        (FULL, ("--need", 1), 1),
        (DEAD, (), 1),
        (DEAD, ("--need", 0), 1),
    ],
)
def test_check(hotplugctl, recordings, stage, options, status):
    assert hotplugctl("check", *options, "--root", recordings.stage(*stage)).status == status


@pytest.mark.parametrize("command", ["check", "slots", "list"])
def test_what_decides_is_missing(hotplugctl, tmp_path, command):
    (tmp_path / "proc" / "sys").mkdir(parents=True)
    assert hotplugctl(command, "--root", tmp_path).status == 3
    done = hotplugctl(command, "--root", tmp_path, "--json")
    assert done.status == 3
    assert done.document["schema"] == f"hotplugctl.{command}/1"


@pytest.mark.parametrize("command", ["slots", "list"])
def test_a_listing_is_done(hotplugctl, recordings, command):
    assert hotplugctl(command, "--root", recordings.stage(*DEAD)).status == 0


def test_no_pci_bus(hotplugctl, tmp_path):
    (tmp_path / "sys" / "bus" / "virtio").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    done = hotplugctl("check", "--root", tmp_path)
    assert done.status == 3
    assert done.out.startswith("not-applicable: this machine has no PCI bus\n")


def test_a_container(hotplugctl, guest):
    guest.put("run/systemd/container", b"lxc\n")
    done = hotplugctl("check", "--json", "--root", guest)
    assert (done.status, done.document["verdict"]) == (3, "not-applicable")
    assert done.document["guest"]["container"] == "lxc"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("chek",),
        ("check", "extra"),
        ("check", "--colour"),
        ("check", "--need", "-1"),
        ("check", "--need", "many"),
        ("check", "--need", "1_0"),
        ("check", "--need", "\u0663"),
        ("check", "--need", "1" * 5000),
        ("check", "--format", "xml"),
        ("list", "--color", "sometimes"),
        ("parse",),
        ("parse", "lsusb"),
        ("record",),
    ],
)
def test_usage(hotplugctl, arguments):
    done = hotplugctl(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("Usage: hotplugctl")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--root", "missing"),
        ("check", "--root", ""),
        ("list", "--root", "/dev/null"),
        ("slots", "--root", "/proc/version"),
        ("check", "--stage", "added"),
        ("check", "--only", "no.such-finding"),
        ("check", "--skip", "nofamily"),
        ("list", "-o", "ADDRESS,COLOUR"),
        ("list", "-o", ""),
        ("slots", "-o", "+NOSUCH"),
        ("parse", "lspci", "missing.txt"),
        ("parse", "dmesg", "/"),
        ("parse", "dmesg", "/dev/zero"),
        ("list", "--root", "-"),
        ("list", "--root", "\x1b[31mred\n"),
        ("parse", "kconfig", "a\nb\x9b"),
        ("record", "", "--no-scrub"),
        ("record", ".", "--no-scrub"),
        ("record", "/dev/null", "--no-scrub"),
    ],
)
def test_one_line_says_what_is_wrong(hotplugctl, arguments):
    done = hotplugctl(*arguments)
    assert (done.status, done.out) == (2, "")
    assert one_line(done.err)
    assert done.err.rstrip("\n").isprintable()


def test_unknown_columns_name_the_way(hotplugctl, recordings):
    done = hotplugctl("slots", "-o", "colour", "--root", recordings.stage(*FULL))
    assert "unknown column COLOUR" in done.err
    assert "--list-columns" in done.err


def test_a_usage_error_shows_no_raw_control_character(hotplugctl):
    done = hotplugctl("check", "--x\x1b]0;title\x07\u202e")
    assert done.status == 2
    assert all(line.isprintable() for line in done.err.split("\n"))


@pytest.fixture
def crashing(monkeypatch):
    """A catalogue with one rule that crashes."""

    def crash(snapshot):
        """What is looked for."""
        raise ZeroDivisionError("a defect \x1b[31m")

    rule = registry.Rule("kernel.crash", "error", "guest", (), None, crash)
    monkeypatch.setitem(registry.RULES, rule.id, rule)


def test_a_rule_that_crashes_silences_no_other(hotplugctl, recordings, crashing):
    done = hotplugctl("check", "--json", "--root", recordings.stage(*FULL))
    assert done.status == 70
    assert done.document["verdict"] == "limited"
    found = {item["id"]: item for item in done.document["findings"]}
    assert found["kernel.crash"]["status"] == "crashed"
    assert found["kernel.crash"]["detail"] == "ZeroDivisionError: a defect \x1b[31m"
    assert found["slot.none-free"]["status"] == "fail"
    text = hotplugctl("check", "--root", recordings.stage(*FULL))
    assert text.status == 70
    assert "ZeroDivisionError: a defect \\x1b[31m" in text.out
    assert "[slot.none-free]" in text.out


def test_a_crash_that_is_skipped_is_none(hotplugctl, recordings, crashing):
    assert hotplugctl("check", "--skip", "kernel.crash", "--root", recordings.stage(*FULL)).status == 0


@pytest.mark.parametrize(
    "error", [RuntimeError("boom\x1b[2J"), RecursionError("deep"), PermissionError(13, "denied", "/x\n")]
)
def test_a_defect_is_one_line(hotplugctl, recordings, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("hotplugctl.collect.listing.collect", fail)
    done = hotplugctl("list", "--root", recordings.stage(*FULL))
    assert done.status == 70
    assert one_line(done.err)
    assert type(error).__name__ in done.err
    assert done.err.rstrip("\n").isprintable()
    with pytest.raises(type(error)):
        hotplugctl("list", "--root", recordings.stage(*FULL), environment={"HOTPLUGCTL_DEBUG": "1"})


@pytest.mark.parametrize("command", ["check", "slots", "list", "list --json", "list --tree", "parse lspci", "--help"])
def test_a_full_disk(process, recordings, command):
    root = ["--root", recordings.stage(*FULL)] if "parse" not in command and "help" not in command else []
    with open("/dev/full", "wb") as full:
        done = process(*command.split(), *root, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 74
    assert done.stderr == b"hotplugctl: the output could not be written: No space left on device\n"


@pytest.mark.parametrize("where", ["/dev/full/out", "missing/out.tar"])
def test_a_recording_that_cannot_be_written(hotplugctl, recordings, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    done = hotplugctl("record", where, "--no-scrub", "--root", recordings.stage(*FULL))
    assert done.status == 74
    assert one_line(done.err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command, status", [("check", 1), ("list", 0)])
def test_a_closed_pipe_changes_nothing(process, recordings, command, status):
    """The reader is gone before anything is written, be it buffered or not."""
    for unbuffered in ("", "1"):
        reading, writing = os.pipe()
        os.close(reading)
        done = process(
            command, "--root", recordings.stage(*DEAD), stdout=writing, stderr=subprocess.PIPE, capture_output=False,
            env={"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        os.close(writing)
        assert (done.returncode, done.stderr) == (status, b"")


def test_head(process, recordings):
    root = recordings.stage("burst", "added")
    done = process.shell(f"{{ $H list --json --root '{root}'; echo $? >&2; }} | head -n 1")
    assert (done.stdout, done.stderr) == (b"{\n", b"0\n")


@pytest.mark.parametrize("closed, status", [("<&-", 1), (">&-", 74), ("2>&-", 1), ("<&- >&- 2>&-", 74)])
def test_closed_streams(process, recordings, closed, status):
    done = process.shell(f"$H check --root '{recordings.stage(*DEAD)}' {closed}")
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


def test_a_closed_stdin_holds_no_tar(process):
    done = process.shell("$H list --root - <&-")
    assert done.returncode == 2
    assert one_line(done.stderr.decode())


def feed(stream):
    """A log without an end."""
    try:
        while True:
            stream.write(b"[    2.000000] pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000\n" * 1000)
    except OSError:
        # It has ended, as it should.
        pass


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_it_reads(process, number, status):
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    with process.start("parse", "dmesg", "-", **piped) as started:
        threading.Thread(target=feed, args=(started.stdin,), daemon=True).start()
        # Nothing is written before the first lines are parsed.
        assert started.stdout.read(32).startswith(b'{"schema":"hotplugctl.parse/1"')
        started.send_signal(number)
        assert started.wait(60) == status
        assert started.stderr.read().strip() == b""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_nobody_reads(process, recordings, number, status):
    """It is stuck in a full pipe, and what is left of the output must not hold it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    started = process.start(
        "list", "--json", "--root", recordings.stage("burst", "added"), stdout=writing, stderr=subprocess.PIPE
    )
    try:
        os.close(writing)
        assert os.read(reading, 1) == b"{"
        started.send_signal(number)
        assert started.wait(60) == status
        assert started.stderr.read().strip() == b""
    finally:
        os.close(reading)
        started.kill()
        started.communicate()


def test_the_terminated_are_no_crashed_rule(hotplugctl, recordings, monkeypatch):
    """A signal that comes while a rule runs ends the command; it is no defect of the rule."""

    def rule(snapshot):
        """What is looked for."""
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("hotplugctl.cli.streams.let_go", lambda: None)
    monkeypatch.setitem(registry.RULES, "kernel.slow", registry.Rule("kernel.slow", "error", "guest", (), None, rule))
    assert hotplugctl("check", "--root", recordings.stage(*FULL)).status == 143


@pytest.mark.parametrize("module, name", [(cmd_slots, "slots"), (cmd_list, "list")])
def test_nothing_to_list_is_no_answer(hotplugctl, tmp_path, module, name):
    (tmp_path / "sys" / "bus" / "pci" / "devices").mkdir(parents=True)
    (tmp_path / "sys" / "bus" / "pci" / "slots").mkdir()
    done = hotplugctl(name, "-n", "--root", tmp_path)
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("hotplugctl: no ")


@pytest.fixture
def tight():
    """A file that takes no more than the kernel's smallest limit on its size lets it: 4096 bytes."""
    return "trap '' XFSZ; ulimit -f 8"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_truncated_answer_is_no_answer(process, recordings, tight, unbuffered):
    line = f"{tight}; PYTHONUNBUFFERED={unbuffered} $H list --json --root '{recordings.stage(*FULL)}' >out; echo $? >&2"
    done = process.shell(line)
    assert done.stderr.endswith(b"\n74\n")
    assert b"the output could not be written: File too large" in done.stderr


LINES = "[    2.000000] pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000\n" * 20000


@pytest.mark.parametrize(
    "arguments", [("parse", "dmesg", "log"), ("record", "--no-scrub", "-"), ("--help",), ("--version",)]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_failure_of_what_writes_as_it_goes(process, recordings, tmp_path, arguments, unbuffered):
    (tmp_path / "log").write_text(LINES)
    reading, writing = os.pipe()
    os.close(reading)
    root = ("--root", recordings.stage(*FULL)) if arguments[0] == "record" else ()
    done = process(
        *arguments, *root, stdout=writing, stderr=subprocess.PIPE, capture_output=False,
        env={"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_stderr_does_not_spoil_the_answer(process, recordings, tmp_path):
    with open("/dev/full", "wb") as full:
        wrong = process("list", "-o", "NONE", stdout=subprocess.PIPE, stderr=full, capture_output=False)
        done = process(
            "list", "--json", stdout=subprocess.PIPE, stderr=full, capture_output=False,
            env={"HOTPLUGCTL_ROOT": str(recordings.stage(*FULL))},
        )  # fmt: skip
    assert wrong.returncode == 2
    assert done.returncode == 0
    assert done.stdout.startswith(b"{")


def test_no_memory_is_one_line(process):
    program = (
        "import sys, hotplugctl.collect.listing as listing\n"
        "def fail(*_): raise MemoryError\n"
        "listing.collect = fail\n"
        "from hotplugctl.__main__ import main\n"
        "sys.argv[1:] = ['list']; sys.exit(main())\n"
    )
    process.command = (sys.executable, "-c", program)
    done = process()
    assert (done.returncode, done.stderr) == (70, b"hotplugctl: not enough memory\n")


@pytest.mark.parametrize("arguments", [("check", "--only", "x" * 100000), ("list", "--root", "no " * 30000)])
def test_a_long_argument_is_echoed_in_part(hotplugctl, arguments):
    done = hotplugctl(*arguments)
    assert done.status == 2
    assert one_line(done.err)
    assert 100 < len(done.err) < 1100
    assert "..." in done.err


def test_this_machine_is_not_needed_for_another_ones_names(hotplugctl, recordings, monkeypatch):
    def closed(*_):
        raise OSError(24, "Too many open files", "/")

    whole = hotplugctl("list", "-o", "ADDRESS,SLOT", "--root", recordings.stage(*FULL))
    monkeypatch.setattr("hotplugctl.source.door._live", closed)
    for command in ("check", "list"):
        assert hotplugctl(command, "--json", "--root", recordings.stage(*FULL)).status == 0
    assert hotplugctl("list", "-o", "ADDRESS,SLOT", "--root", recordings.stage(*FULL)) == whole


def test_this_machine_cannot_be_opened(hotplugctl, monkeypatch):
    def closed(*_):
        raise OSError(24, "Too many open files", "/")

    monkeypatch.setattr("hotplugctl.source.door._live", closed)
    for command in ("check", "slots", "list"):
        done = hotplugctl(command)
        assert (done.status, done.out) == (2, "")
        assert done.err == "hotplugctl: this machine: too many open files\n"


def test_every_finding_has_a_summary_without_docstrings(process, recordings):
    done = process("check", "--json", "--root", recordings.stage(*FULL), env={"PYTHONOPTIMIZE": "2"})
    assert done.returncode == 0
    findings = json.loads(done.stdout)["findings"]
    assert len(findings) > 20
    assert all(item["summary"] for item in findings)
