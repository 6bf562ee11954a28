"""The collector: what it writes is what ``record --no-scrub`` writes, under every shell and in every environment."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from hotplugctl.cli.cmd_collector import SCRIPT
from hotplugctl.collect import everything
from hotplugctl.model.reads import Denied, Failed, Hung, TooLarge, Vanished
from hotplugctl.source.disk import DiskTree
from hotplugctl.source.door import open_tree
from hotplugctl.source.recorder import Recorder
from hotplugctl.source.recording import about, write

# No test is about time; this only ends one that would never end.
GUARD = 120
STORIES = sorted(path.name[: -len(".tar.xz")] for path in (Path(__file__).parents[2] / "fixtures/recordings").iterdir())
LAB = Path(__file__).parents[2] / "fixtures/lab"
COMMANDS = ("check", "slots", "list", "timeline")
ME = "hotplugctl-collect: "


def needed(program: str) -> str:
    """Where a program is; the tests fail with what to install where it is missing."""
    path = shutil.which(program)
    assert path is not None, f"{program} is missing: apt-get install {program}"
    return path


class Shell:
    """A shell with the programs that go with it, a place for its copies, and fakes that go before the programs."""

    def __init__(self, name: str, folder: Path) -> None:
        self.argv = [needed("busybox"), "sh"] if name == "busybox" else [needed(name)]
        self.scratch = folder / "scratch"
        self.fakes = folder / "fakes"
        self.scratch.mkdir()
        self.fakes.mkdir()
        path = [str(self.fakes), "/usr/bin", "/bin"]
        if name == "busybox":
            applets = folder / "applets"
            applets.mkdir()
            for applet in subprocess.run([*self.argv[:1], "--list"], stdout=subprocess.PIPE, check=True).stdout.split():
                (applets / applet.decode()).symlink_to(self.argv[0])
            path.insert(1, str(applets))
        self.environment = {"PATH": ":".join(path), "TMPDIR": str(self.scratch)}
        self.script = Path(SCRIPT).read_text(encoding="ascii")

    def fake(self, name: str, text: str) -> None:
        """A program of that name, which may go on with the ``$real`` one."""
        real = shutil.which(name, path=self.environment["PATH"])
        (self.fakes / name).write_text(f"#!{needed('dash')}\nreal={real}\n{text}", encoding="utf-8")
        (self.fakes / name).chmod(0o755)

    def hurry(self) -> None:
        """Give no read more than a second."""
        self.script = self.script.replace("patience=20", "patience=1").replace("risky_patience=2", "risky_patience=1")

    def start(self, *arguments: object, flags: str = "-s", **options: object) -> subprocess.Popen[bytes]:
        """Start the script, from stdin as over ssh; stdout is a pipe unless given."""
        reader, writer = os.pipe()
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environment, **options}
        try:
            process = subprocess.Popen([*self.argv, flags, *map(str, arguments)], stdin=reader, **given)
        finally:
            os.close(reader)
        with open(writer, "wb") as script:
            script.write(self.script.encode())
        return process

    def run(self, *arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        """Run it to the end; nothing is left behind."""
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=GUARD)
        assert not list(self.scratch.iterdir())
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def tar(self, *arguments: object, says: str = "", **options: object) -> bytes:
        """What it writes; on stderr it ``says`` nothing else."""
        done = self.run(*arguments, **options)
        expected = ME + says + "\n" if says else ""
        assert (done.returncode, done.stderr.decode().replace(NOT_ROOT, "")) == (0, expected)
        return done.stdout


NOT_ROOT = f"{ME}not run as root: config space, kernel log and some files are cut short or missing\n"


@pytest.fixture(params=["dash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    return Shell(request.param, tmp_path)


@pytest.fixture
def dash(tmp_path: Path) -> Shell:
    """Where programs are faked: the busybox of Debian knows its applets and asks for no others."""
    return Shell("dash", tmp_path)


class Machine(DiskTree):
    """A folder as a live machine: what it lacks is absent. ``failing``: spot → errno of a read."""

    def __init__(self, folder: Path, failing: dict[str, int]) -> None:
        super().__init__(str(folder), "live", "folder", None)
        self._failing = failing

    def content_at(self, folder: str, name: str, limit: int) -> bytes:
        number = self._failing.get(f"{folder}/{name}")
        if number is not None:
            raise OSError(number, os.strerror(number))
        return super().content_at(folder, name, limit)

    def kernel_log(self, limit: int = 1 << 26):
        return self.read("/cmd/kmsg", limit)


def recorded(folder: Path, failing: dict[str, int] | None = None) -> Recorder:
    """The readers' notes of a folder."""
    recorder = Recorder(Machine(folder, failing or {}))
    everything.collect(recorder)
    recorder.close()
    return recorder


def collected(tar: bytes) -> Recorder:
    """The readers' notes of what the script wrote."""
    recorder = Recorder(open_tree("-", None, io.BytesIO(tar)))
    everything.collect(recorder)
    return recorder


def same(of_script: Recorder, of_tool: Recorder) -> None:
    """Every answer that a reader got is the same, down to errno and permissions."""
    theirs, ours = evidence(of_script), evidence(of_tool)
    for field in ours:
        assert theirs[field] == ours[field], field


def evidence(recorder: Recorder) -> dict[str, object]:
    """What was noted, but for what a replay does not ask: of the log's file, and of one that failed, what they are."""
    found = recorder.notes.holdings()._asdict()
    beside = {"/cmd", "/cmd/kmsg", "/cmd/dmesg", *found["failed"]}
    for field in ("modes", "kinds"):
        found[field] = {spot: value for spot, value in found[field].items() if spot not in beside}
    return {**found, "absent": found["absent"] - beside}


# --- it writes what record writes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", STORIES)
def test_every_answer_is_that_of_record(recordings, tmp_path, story):
    stage = recordings.stage(story, recordings.stages(story)[-1])
    shell = Shell("dash" if STORIES.index(story) % 2 else "busybox", tmp_path)
    same(collected(shell.tar(stage)), recorded(stage))


@pytest.mark.parametrize("story", ["q35-rootport-acpi", "pc-scsi", "pc-noacpi"])
def test_every_command_says_the_same(hotplugctl, recordings, shell, story):
    stage = recordings.stage(story, recordings.stages(story)[0])
    tar = shell.tar(stage)
    recorder = recorded(stage)
    out = shell.scratch.parent / "recording"
    write(recorder.notes.holdings(), {"": about(recorder)}, str(out))
    for command in COMMANDS:
        by_tool = hotplugctl(command, "--json", "--root", out)
        by_script = hotplugctl(command, "--json", "--root", "-", stdin=tar)
        assert by_script.status == by_tool.status
        assert json.loads(by_script.out.replace('"standard input', f'"{out}')) == by_tool.document


@pytest.mark.parametrize("story", ["unplug-network", "unplug-stack"])
def test_what_lies_on_disks_and_cards_is_that_of_record(shell, tmp_path, story):
    """Bonds, bridges, mapped devices and arrays: members of a class that are below no PCI function."""
    with tarfile.open(LAB / f"{story}.tar.xz") as archive:
        trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        archive.extractall(tmp_path, **trusted)
    stage = tmp_path / story / "used"
    same(collected(shell.tar(stage)), recorded(stage))


def test_a_recording_of_it_is_sound(hotplugctl, recordings, shell, tmp_path):
    (tmp_path / "guest.tar").write_bytes(shell.tar(recordings.stage("pc-virtio", "added")))
    assert hotplugctl("validate", tmp_path / "guest.tar").status == 0
    done = hotplugctl("record", "--no-scrub", "--root", tmp_path / "guest.tar", tmp_path / "copy.tar")
    assert done.status == 0, done.err
    for command in COMMANDS:
        first, second = (hotplugctl(command, "--json", "--root", tmp_path / name) for name in ("guest.tar", "copy.tar"))
        assert first.out == second.out.replace("copy.tar", "guest.tar")


def test_this_machine(hotplugctl, shell):
    shell.environment["PATH"] = os.environ["PATH"] + ":" + shell.environment["PATH"]
    tar = shell.tar()
    for command in COMMANDS[:3]:
        live, away = hotplugctl(command, "--json"), hotplugctl(command, "--json", "--root", "-", stdin=tar)
        text = away.out.replace('"source": "recording"', '"source": "live"').replace("/cmd/dmesg", "/dev/kmsg")
        assert (away.status, json.loads(text)) == (live.status, live.document)


FAILURES = {
    "attention": (22, "Invalid argument"),
    "latch": (19, "No such device"),
    "cur_bus_speed": (5, "Input/output error"),
    "max_bus_speed": (13, "Permission denied"),
    "enable": (1, "Operation not permitted"),
    "modalias": (6, "No such device or address"),
}


def failing_cp(words: str) -> str:
    """cp as it fails; ``words``: how coreutils or busybox begin."""
    cases = (f'*/{name}) echo "cp: {words}: {text}" >&2; exit 1 ;;\n' for name, (_, text) in FAILURES.items())
    return f'for file; do case $file in\n{"".join(cases)}esac; done\nexec $real "$@"\n'


@pytest.mark.parametrize("words", ["error reading '/sys/a: b'", "read error"])
def test_reads_that_fail_replay_as_they_did(make_guest, dash, words):
    """What cp says is faked: coreutils name the file, busybox does not."""
    stage = make_guest("pc-virtio", "added").root
    for path in stage.glob("sys/bus/pci/slots/*"):
        (path / "attention").touch()
    dash.fake("cp", failing_cp(words))
    failing = {
        f"/{path.relative_to(stage)}": number
        for name, (number, _) in FAILURES.items()
        for folder in ("sys/bus/pci/slots", "sys/devices/pci0000:00")
        for path in stage.glob(f"{folder}/**/{name}")
    }
    assert set(failing.values()) == {number for number, _ in FAILURES.values()}
    notes = collected(dash.tar(stage))
    same(notes, recorded(stage, failing))
    assert {Failed, Vanished, Denied} <= {type(failure) for failure in notes.notes.failed.values()}


# --- reads that hang --------------------------------------------------------------------------------------------------

HANGING_CP = """
case $* in
    *%s*)
        # Whoever is left behind must hold nothing that somebody waits for.
        (exec sleep %d) &
        exec sleep %d ;;
esac
exec $real "$@"
"""


@pytest.mark.parametrize(("name", "seconds"), [("serial", 1), ("config", 1)])
def test_a_read_that_hangs_stops_nothing(dash, make_guest, name, seconds):
    """One that is known to ask a device, and one that is not: then its folder is tried file by file."""
    stage = make_guest("q35-rootport-acpi", "added").root
    (spot,) = [
        f"/{path.relative_to(stage)}"
        for path in stage.glob(f"sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/**/{name}")
        if path.is_file()
    ]
    inside = spot.rpartition("/")[0].rpartition("/")[2]
    dash.hurry()
    dash.fake("cp", HANGING_CP % (f"{inside}/{name}", 2 * GUARD, 2 * GUARD))
    notes = collected(dash.tar(stage, says=f"left out, because it hangs:{'' if name == 'serial' else FOLDER} {spot}"))
    assert notes.notes.failed[spot] == Hung(spot, seconds)
    expected = recorded(stage)
    assert expected.notes.files.pop(spot) is not None
    assert notes.notes.files == expected.notes.files


FOLDER = " files of /sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0"


def test_where_everything_hangs_it_ends(dash, make_guest):
    stage = make_guest("q35-rootport-acpi", "added").root
    dash.hurry()
    dash.script = dash.script.replace("stalls_limit=12", "stalls_limit=1")
    dash.fake("cp", f"exec sleep {2 * GUARD}\n")
    tar = dash.tar(stage, says="too many reads hang: the rest was left out, and is unknown")
    assert open_tree("-", None, io.BytesIO(tar)).kind == "recording"


# --- wherever it runs -------------------------------------------------------------------------------------------------

HOSTILE = {
    "IFS": "/:s",
    "CDPATH": "/usr:/",
    "LC_ALL": "de_DE.UTF-8",
    "LANG": "de_DE.UTF-8",
    "TAR_OPTIONS": "--no-such-option",
    "BLOCK_SIZE": "1M",
    "POSIXLY_CORRECT": "1",
    "QUOTING_STYLE": "c",
    "nl": "x",
    "notes": "EINVAL /sys",
    "tree": "/",
    "scratch": "/",
    "hung": "/",
    "base": "/nowhere",
    "cat": "yes",
}


@pytest.mark.parametrize("flags", ["-s", "-efCus", "-as"])
def test_nothing_of_the_callers_shell_matters(shell, recordings, tmp_path, flags):
    stage = recordings.stage("pc-virtio", "added")
    expected = recorded(stage)
    (tmp_path / "rc").write_text("set -C\nalias cp=false\nexit 9\n")
    shell.environment.update(HOSTILE, ENV=str(tmp_path / "rc"), BASH_ENV=str(tmp_path / "rc"))
    same(collected(shell.tar(stage, flags=flags)), expected)


def test_names_of_all_kinds(shell, make_guest):
    """Blanks, newlines, quotes, patterns, names that look like options; links through all of these."""
    stage = make_guest("pc-virtio", "added").root
    folder = stage / "etc/modprobe.d"
    folder.mkdir(parents=True, exist_ok=True)
    names = [
        "a b.conf",
        "-n.conf",
        "it's.conf",
        'x"y.conf',
        "[a-z]*.conf",
        "$(reboot).conf",
        "new\nline.conf",
        ".hid.conf",
    ]
    for name in names:
        (folder / name).write_text(f"blacklist {len(name)}\n")
    (folder / "away.conf").symlink_to("../mod probe/*/it's [here].conf")
    (stage / "etc/mod probe/*").mkdir(parents=True)
    (stage / "etc/mod probe/*/it's [here].conf").write_text("blacklist floppy\n")
    (folder / "nowhere.conf").symlink_to("../no where/x.conf")
    (folder / "round.conf").symlink_to("round.conf")
    (folder / "folder.conf").mkdir()
    os.mkfifo(folder / "fifo.conf")
    notes, expected = collected(shell.tar(stage)), recorded(stage)
    assert {f"/etc/modprobe.d/{name}" for name in names} <= set(notes.notes.files)
    same(notes, expected)


def test_a_file_that_is_too_large(shell, make_guest):
    stage = make_guest("pc-virtio", "added").root
    (config,) = stage.glob("boot/config-*")
    shell.script = shell.script.replace("largest=16777216", "largest=1000")
    spot = f"/boot/{config.name}"
    assert collected(shell.tar(stage)).notes.failed[spot] == TooLarge(spot, 1000)


def test_who_may_not_read(shell, make_guest):
    """Denied is not absent: neither a file, nor what is in a folder that may not be entered."""
    stage = make_guest("pc-virtio", "added").root
    folder = stage / "etc/modprobe.d"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (stage, *stage.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "secret.conf").write_text("install evdev false\n")
    (folder / "secret.conf").chmod(0)
    (stage / "proc/sys/kernel").chmod(0)
    (stage / "sys/class/net").chmod(0o111)
    try:
        done = as_nobody(shell, stage)
    finally:
        for path in (stage / "proc/sys/kernel", stage / "sys/class/net"):
            path.chmod(0o755)
    notes = collected(done).notes.holdings()
    for spot in ("/etc/modprobe.d/secret.conf", "/proc/sys/kernel/osrelease", "/sys/class/net"):
        assert isinstance(notes.failed[spot], Denied), spot
    assert not {spot for spot in notes.absent if spot.startswith("/proc/sys/kernel")}


def as_nobody(shell: Shell, stage: Path) -> bytes:
    """What it writes for somebody who is not root; says what is missing then."""
    options: dict[str, object] = {}
    if os.geteuid() == 0:
        for path in (stage, *stage.parents):
            if path.stat().st_mode & 0o777 == 0o700:
                path.chmod(0o711)
        os.chown(shell.scratch, 65534, 65534)
        options = {"user": 65534, "group": 65534, "extra_groups": []}
    done = shell.run(stage, **options)
    assert (done.returncode, done.stderr.decode()) == (0, NOT_ROOT)
    return done.stdout


def test_a_script_that_is_cut_off_does_nothing(shell, recordings):
    shell.script = shell.script[: shell.script.rindex("main ")]
    done = shell.run(recordings.stage("pc-virtio", "added"))
    assert (done.returncode, done.stdout) == (0, b"")


# --- how it ends ------------------------------------------------------------------------------------------------------


def refused(done: subprocess.CompletedProcess[bytes], status: int, words: str) -> None:
    """One line, and no tar."""
    assert (done.returncode, done.stdout or b"") == (status, b"")
    assert done.stderr.decode().replace(NOT_ROOT, "") == f"{ME}{words}\n"


def test_a_tar_does_not_go_to_a_terminal(shell):
    ours, theirs = pty.openpty()
    try:
        refused(
            shell.run(stdout=theirs), 2, "a tar does not go to a terminal: write it to a file or a pipe (> guest.tar)"
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_asked_wrongly(shell, tmp_path):
    refused(shell.run("a", "b"), 2, "one argument at most: the root of a tree to read in place of /")
    refused(shell.run(tmp_path / "nowhere"), 2, f"{tmp_path}/nowhere: no folder that can be read")
    refused(shell.run(shell.scratch), 3, f"{shell.scratch}: neither sys nor proc is mounted there")


def test_a_full_disk_at_the_other_end(shell, recordings):
    with open("/dev/full", "wb") as full:
        done = shell.run(recordings.stage("pc-virtio", "added"), stdout=full)
    refused(done, 74, "the output could not be written (No space left on device)")


def test_a_reader_that_has_gone(shell, recordings):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as closed:
        done = shell.run(recordings.stage("pc-virtio", "added"), stdout=closed)
    assert done.returncode == 74
    assert done.stderr.decode().replace(NOT_ROOT, "").startswith(f"{ME}the output could not be written")


def test_streams_that_are_closed(shell, recordings):
    stage = recordings.stage("pc-virtio", "added")
    done = shell.run(stage, stdout=None, preexec_fn=lambda: os.close(1))
    refused(done, 74, "the output could not be written: there is none")
    done = shell.run(stage, stderr=None, preexec_fn=lambda: os.close(2))
    assert done.returncode == 0
    same(collected(done.stdout), recorded(stage))


def test_no_room_for_a_copy(dash, recordings):
    dash.fake("df", "printf 'Filesystem x\\ntmpfs 9000 8000 1000 90%% /tmp\\n'\n")
    words = "no place for a copy: 8192 KiB are needed in TMPDIR, /tmp, /dev/shm or /run"
    refused(dash.run(recordings.stage("pc-virtio", "added")), 3, words)


def test_the_copy_fills_its_place(dash, recordings):
    dash.fake("cp", "echo \"cp: error writing 'x': No space left on device\" >&2\nexit 1\n")
    words = f"{dash.scratch} is full: 8192 KiB are needed there (or name another place: TMPDIR)"
    refused(dash.run(recordings.stage("pc-virtio", "added")), 3, words)


def _heed_signals() -> None:
    """A shell cannot trap what was ignored when it was started, as SIGINT and SIGHUP are behind ``nohup … &``."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def hanging(dash, recordings) -> Iterator[subprocess.Popen[bytes]]:
    """The script in the midst of its work, where it stays until it is told to go."""
    dash.fake("cp", f"exec sleep {2 * GUARD}\n")
    process = dash.start(recordings.stage("pc-virtio", "added"), start_new_session=True, preexec_fn=_heed_signals)
    until = time.monotonic() + GUARD
    while not list(dash.scratch.glob("*/now")) and time.monotonic() < until:
        time.sleep(0.05)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_nothing(dash, hanging, number):
    hanging.send_signal(number)
    out, err = hanging.communicate(timeout=GUARD)
    assert (hanging.returncode, out, err) == (128 + number, b"", b"")
    assert not list(dash.scratch.iterdir())


# --- the script itself ------------------------------------------------------------------------------------------------


def test_the_command_prints_it(hotplugctl):
    script = Path(SCRIPT).read_text(encoding="ascii")
    assert hotplugctl("collector") == (0, script, "")
    document = hotplugctl("collector", "--json").document
    assert document == {"schema": "hotplugctl.collector/1", "script": script}
    schema = Path(SCRIPT).parents[1] / "schemas/collector.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text(encoding="utf-8")))
    assert len(script) < 30_000


@pytest.mark.parametrize("name", ["dash", "busybox"])
def test_every_shell_takes_it(name):
    argv = [needed("busybox"), "sh"] if name == "busybox" else [needed(name)]
    assert subprocess.run([*argv, "-n", SCRIPT], capture_output=True, check=True).stderr == b""
