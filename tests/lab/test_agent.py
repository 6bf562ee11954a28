"""The guest's agent and listener, without a guest: the same code over a pair of pipes, and on made-up messages."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux, Python 3.9 or later")
FILES = Path(__file__).resolve().parent / "guest_files"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lab_guest_{name}", FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("agent")
    popen = module.subprocess.Popen
    # /root is where commands run in a guest; here it may be closed to us.
    monkeypatch.setattr(module.subprocess, "Popen", lambda *a, **k: popen(*a, **{**k, "cwd": "/"}))
    return module


def run(agent: ModuleType, command: str, **more: Any) -> dict[str, Any]:
    reply: dict[str, Any] = agent.answer({"id": 1, "sh": command, **more})
    for key in ("out", "err"):
        reply[key] = base64.b64decode(reply[key])
    return reply


def test_exit_status_and_both_outputs(agent: ModuleType) -> None:
    before = time.monotonic()
    reply = run(agent, "printf 'a\\377'; echo b >&2; exit 3")
    assert (reply["id"], reply["code"], reply["signal"]) == (1, 3, None)
    assert (reply["out"], reply["err"]) == (b"a\xff", b"b\n")
    assert (reply["timed_out"], reply["cut"]) == (False, False)
    assert "stacks" not in reply
    assert before <= reply["start"] <= reply["start"] + reply["seconds"] <= time.monotonic()


def test_death_by_signal(agent: ModuleType) -> None:
    reply = run(agent, "kill -TERM $$")
    assert (reply["code"], reply["signal"], reply["timed_out"]) == (None, 15, False)


def test_stdin_of_any_bytes_and_size(agent: ModuleType) -> None:
    data = os.urandom(3 << 20)
    assert run(agent, "cat", stdin=base64.b64encode(data).decode())["out"] == data


def test_no_stdin_is_an_empty_one(agent: ModuleType) -> None:
    assert run(agent, "wc -c")["out"].strip() == b"0"


def test_timeout_kills_the_whole_session_and_keeps_what_was_said(agent: ModuleType, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    reply = run(agent, f"echo early; sleep 300 & echo $! > {pids}; wait", timeout=1.0)
    assert (reply["timed_out"], reply["code"], reply["signal"], reply["out"]) == (True, None, 9, b"early\n")
    assert isinstance(reply["stacks"], str)
    pid = int(pids.read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_background_child_that_holds_the_pipes_is_not_waited_for(agent: ModuleType) -> None:
    reply = run(agent, "sleep 5 & echo started", timeout=60)
    assert (reply["code"], reply["timed_out"], reply["out"]) == (0, False, b"started\n")
    assert reply["seconds"] < 4


def test_output_past_the_limit_is_cut_and_said(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "LIMIT", 1000)
    reply = run(agent, "head -c 1000000 /dev/zero; echo small >&2")
    assert (len(reply["out"]), reply["err"], reply["cut"], reply["code"]) == (1000, b"small\n", True, 0)


class Host:
    """The host's end of a channel made of two pipes."""

    def __init__(self, agent: ModuleType) -> None:
        to_guest, self.write_end = os.pipe()
        read_end, from_guest = os.pipe()
        self.lines = os.fdopen(read_end, "rb")
        self.receiving = agent.Channel(uart=False)
        self.receiving.descriptor = to_guest
        self.sending = agent.Channel(uart=False)
        self.sending.descriptor = from_guest
        threading.Thread(target=self.pump, args=(agent,), daemon=True).start()

    def pump(self, agent: ModuleType) -> None:
        while True:
            line = self.receiving.line()
            if line == b"end":
                return
            agent.handle(self.sending, line)

    def ask(self, *lines: bytes) -> None:
        os.write(self.write_end, b"".join(line + b"\n" for line in lines))

    def reply(self) -> dict[str, Any]:
        line = self.lines.readline()
        line.decode("ascii")
        reply: dict[str, Any] = json.loads(line)
        return reply


@pytest.fixture
def host(agent: ModuleType) -> Iterator[Host]:
    host = Host(agent)
    yield host
    host.ask(b"end")


def test_a_command_that_hangs_blocks_no_other(host: Host) -> None:
    slow = json.dumps({"id": 1, "sh": "sleep 2", "timeout": 30}).encode()
    quick = json.dumps({"id": 2, "sh": "true", "timeout": 30}).encode()
    host.ask(slow, quick)
    assert [host.reply()["id"], host.reply()["id"]] == [2, 1]


def test_hello_is_said_again_when_asked(host: Host) -> None:
    host.ask(b'{"op": "hello"}')
    reply = host.reply()
    assert reply["hello"] == os.uname().release
    assert reply["python"].startswith("3.")


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b"\xff", b'{"id": 9}', b'{"id": 9, "sh": 1}', b'{"sh": "true"}'])
def test_nonsense_is_answered_with_an_error(host: Host, line: bytes) -> None:
    host.ask(b"", line, b'{"op": "hello"}')
    replies = [host.reply(), host.reply()]
    assert {"error", "hello"} <= {key for reply in replies for key in reply}


def test_stacks_do_not_fail(agent: ModuleType) -> None:
    assert isinstance(agent.stuck_stacks(), str)


KERNEL = b"add@/devices/pci0000:00/0000:00:04.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:04.0\0SEQNUM=7\0"


def udev_message(body: bytes) -> bytes:
    header = struct.pack("=8s", b"libudev\0") + struct.pack(">I", 0xFEEDCAFE) + struct.pack("=III", 40, 40, len(body))
    return header.ljust(40, b"\0") + body


def test_kernel_message() -> None:
    listen = load("listen")
    line = listen.uevent_line(KERNEL, 1, 0, 12.5)
    assert base64.b64decode(line["b64"]) == KERNEL
    assert (line["t"], line["group"], line["pid"]) == (12.5, 1, 0)
    assert line["props"] == {"ACTION": "add", "DEVPATH": "/devices/pci0000:00/0000:00:04.0", "SEQNUM": "7"}


def test_udev_message() -> None:
    listen = load("listen")
    message = udev_message(b"ACTION=add\0ID_MODEL=a=b\0BAD=\xff\0")
    assert listen.properties(message) == {"ACTION": "add", "ID_MODEL": "a=b", "BAD": "\\xff"}


@pytest.mark.parametrize("message", [b"", b"\0", b"libudev\0", b"libudev\0short", b"add@/x", b"add@/x\0\0==\0"])
def test_odd_messages_do_not_fail(message: bytes) -> None:
    assert isinstance(load("listen").properties(message), dict)
