"""With --root nothing outside of the root is read, and no command but record writes anything anywhere.

The interpreter itself tells what is opened: PEP 578, "open", "os.listdir", "os.mkdir" and the like.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Reference data, not evidence: read of this machine where the tree has none, by a path from /.
PCI_IDS = {f"usr/share/{place}/pci.ids{packed}" for place in ("misc", "hwdata") for packed in ("", ".gz")}
HARMLESS = {"/dev/null"}

WATCHED = """
import json, os, sys
seen = []
def watch(event, arguments):
    if event == "open" or event.startswith(("os.", "shutil.", "subprocess.", "socket.", "pty.", "ctypes.")):
        seen.append([event, *[os.fsdecode(a) if isinstance(a, bytes) else a if isinstance(a, (str, int)) else None
                              for a in arguments]])
sys.addaudithook(watch)
from hotplugctl.cli.main import run
code = run(sys.argv[1:])
told = list(seen)
sys.stderr.write("\\n" + json.dumps([code, told]))
"""


@pytest.fixture
def events(process):
    """What a command does to files, with its imports."""
    return partial(_events, process)


def _events(process, *arguments):
    done = subprocess.run(
        [*process.command[:1], "-c", WATCHED, *map(str, arguments)],
        cwd="/",
        env={**process.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    code, seen = json.loads(done.stderr.decode().rpartition("\n")[2])
    assert code in (0, 1, 3), done.stderr
    return seen


def of_python(path):
    """A module, or what the interpreter looks at to find one."""
    roots = {sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), str(CHECKOUT), *filter(None, sys.path)}
    return any(path == root or path.startswith(f"{root}/") for root in roots) or path.endswith((".py", ".pyc", ".so"))


def opened(seen):
    """Path and flags of all that was opened or listed, but for modules; None for what a handle had opened before."""
    for event, path, *rest in seen:
        if event == "open" and not (isinstance(path, str) and of_python(path)):
            yield path, rest[1]
        elif event in ("os.listdir", "os.scandir") and isinstance(path, str) and not of_python(path):
            yield path, 0


def changes(seen):
    """Events that change something, or start another program. The only process that is killed is a child of ours."""
    harmless = {"os.listdir", "os.scandir", "os.fork", "os.kill", "os.putenv", "os.unsetenv"}
    for event, *rest in seen:
        if event != "open":
            if event not in harmless:
                yield event, *rest
        elif isinstance(rest[0], str) and isinstance(rest[2], int) and rest[2] & WRITES and rest[0] not in HARMLESS:
            yield event, *rest


COMMANDS = [["check"], ["check", "--json"], ["slots"], ["list"], ["list", "--tree"], ["list", "--json"]]


def escapes(seen, root):
    """What is neither the root, nor below it, nor one step from a folder that was opened below it.

    A handle that only marks a place (O_PATH) reads nothing: more steps at once are allowed to it.
    """
    for path, flags in opened(seen):
        if not isinstance(path, str) or (flags & os.O_PATH and not path.startswith("/") and ".." not in path):
            continue
        if path.startswith("/"):
            # The way to the reference data starts at /, by a handle that serves nothing else.
            if path not in HARMLESS | {"/"} and path != str(root) and not path.startswith(f"{root}/"):
                yield path
        elif path not in PCI_IDS and ("/" in path or path == ".."):
            yield path


@pytest.mark.parametrize("command", COMMANDS, ids="".join)
@pytest.mark.parametrize("stage", [("q35-rootport-acpi", "added"), ("pc-bridge-shpc", "after")], ids="-".join)
def test_nothing_outside_is_opened(events, recordings, command, stage):
    root = recordings.stage(*stage)
    seen = events(*command, "--root", root)
    assert len([path for path, _ in opened(seen)]) > 50
    assert not list(escapes(seen, root))
    assert not list(changes(seen))


@pytest.mark.parametrize("command", COMMANDS, ids="".join)
def test_links_lead_nowhere_else(events, guest, command):
    """Every folder that is read is a link to the machine's own."""
    for path in ("etc/modprobe.d", "proc/sys", "lib/modules/6.1.0-50-amd64"):
        guest.put(path, f"/{path}")
    for path in ("sys/bus/pci/slots/9", "sys/class/net/eth9"):
        guest.put(path, "/sys/bus/pci")
    for path in ("proc/cmdline", "proc/config.gz", "cmd/kmsg", "run/systemd/container", "usr/share/misc/pci.ids"):
        guest.put(path, "../" * 30 + path)
    seen = events(*command, "--root", guest)
    assert not list(escapes(seen, guest))
    assert not list(changes(seen))


@pytest.mark.parametrize("command", [*COMMANDS, ["slots", "--list-columns"], ["--help"]], ids="".join)
def test_nothing_is_written(events, command):
    assert not list(changes(events(*command)))


@pytest.mark.parametrize("kind, text", [("lspci", "cmd/lspci_vvv"), ("dmesg", "cmd/kmsg")])
def test_parse_opens_its_text_alone(events, recordings, kind, text):
    path = str(recordings.stage("pc-nobar", "added") / text)
    seen = events("parse", kind, path)
    assert [name for name, _ in opened(seen) if isinstance(name, str)] == [path]
    assert not list(changes(seen))


def is_below(change, folder):
    """By its path; or by a step from an open folder that is below it itself."""
    paths = [str(part) for part in change[1:] if not isinstance(part, int)]
    if any(path.startswith(f"{folder}/") for path in paths):
        return True
    by_handle = isinstance(change[-1], int) and change[-1] >= 0
    return by_handle and not [path for path in paths[-1:] if path.startswith("/") or ".." in path.split("/")]


@pytest.mark.parametrize("name", ["out", "out.tar", "out.tar.gz"])
def test_record_writes_where_it_was_told(events, recordings, tmp_path, name):
    seen = events("record", tmp_path / name, "--no-scrub", "--root", recordings.stage("pc-nobar", "added"))
    # renameat2(2), which never replaces anything, has no other door than the C library.
    touched = [change for change in changes(seen) if change[0] not in ("os.utime", "ctypes.dlopen", "ctypes.dlsym")]
    assert touched
    assert not [change for change in touched if not is_below(change, tmp_path)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_write_would_be_seen():
    seen = [["open", "/x", "w", os.O_WRONLY | os.O_CREAT], ["os.mkdir", "/x", 511, -1], ["open", "/x", "r", 0]]
    assert [change[0] for change in changes(seen)] == ["open", "os.mkdir"]
    assert list(escapes(seen, "/root")) == ["/x", "/x"]
