"""Guest side of the lab's channel: one JSON object a line, both ways, ASCII only.

The port is the virtio-serial port org.hotplugctl.lab, or the second UART where the kernel's command line holds
``lab.channel=ttyS1``. First the agent says ``{"hello": uname -r, "python": version}``, and again when asked with
``{"op": "hello"}``. A request ``{"id", "sh", "timeout", "stdin"}`` runs ``sh`` by /bin/bash in a session and a thread
of its own: what hangs, even unkillably, blocks nothing else. See ``answer`` for the reply.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import select
import signal
import subprocess
import threading
import time
import tty
from pathlib import Path
from typing import Any, Optional

PORT = "org.hotplugctl.lab"
UART = "/dev/ttyS1"
LISTENER_READY = Path("/run/lab/events/ready")
LIMIT = 64 << 20  # bytes of a command's stdout, and of its stderr, that are kept
GRACE = 0.5  # seconds: what a command's leftover children may still say after its end
KILL_WAIT = 3.0  # seconds until a killed command counts as unkillable
DEFAULT_TIMEOUT = 60.0
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}


class Channel:
    """The port, opened when it is there and again when it was lost."""

    def __init__(self, uart: bool) -> None:
        self.uart = uart
        self.descriptor = -1
        self.lock = threading.Lock()
        self.pending = bytearray()

    def path(self) -> Optional[str]:
        """Where the port is, by sysfs: udev, which names the link in /dev/virtio-ports, may be stopped."""
        if self.uart:
            return UART
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            try:
                if name.read_text(encoding="ascii").strip() == PORT:
                    return f"/dev/{name.parent.name}"
            except OSError:
                continue
        return None

    def open(self) -> None:
        """Wait for the port for as long as it takes: without it there is nobody to tell."""
        while True:
            path = self.path()
            try:
                if path is not None:
                    self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                    if self.uart:
                        tty.setraw(self.descriptor)
                    return
            except OSError:
                pass
            time.sleep(0.1)

    def send(self, message: dict[str, Any]) -> None:
        """One line, whole, whoever else wants to send; it waits while the host is not there."""
        data = memoryview(json.dumps(message).encode("ascii") + b"\n")
        with self.lock:
            while data:
                try:
                    data = data[os.write(self.descriptor, data[: 1 << 15]) :]
                except OSError:
                    time.sleep(0.1)

    def line(self) -> bytes:
        """The next line of the host's."""
        start = 0
        while True:
            end = self.pending.find(b"\n", start)
            if end >= 0:
                found = bytes(self.pending[:end])
                del self.pending[: end + 1]
                return found
            start = len(self.pending)
            self.pending += self.receive()

    def receive(self) -> bytes:
        while True:
            try:
                data = os.read(self.descriptor, 1 << 16)
            except OSError:  # the port was pulled
                os.close(self.descriptor)
                self.open()
                continue
            if data:
                return data
            time.sleep(0.05)  # nobody at the other end


def hello() -> dict[str, Any]:
    return {"hello": os.uname().release, "python": platform.python_version()}


def stuck_stacks() -> str:
    """Kernel stacks of all threads in D state. Not their command lines: to read one can itself hang."""
    texts = []
    for stat in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="backslashreplace")
            if text.rpartition(")")[2].split()[:1] == ["D"]:
                stack = (stat.parent / "stack").read_text(encoding="ascii", errors="backslashreplace")
                texts.append(f"{text.rpartition(')')[0]})\n{stack}")
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(texts)


class Sink:
    """What comes out of one pipe; past the limit it is read on and dropped."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.cut = False

    def add(self, piece: bytes) -> None:
        room = LIMIT - len(self.data)
        self.cut = self.cut or len(piece) > room
        self.data += piece[:room]


def collect(process: subprocess.Popen[bytes], sinks: dict[int, Sink], deadline: float) -> bool:
    """Read a command's pipes until it ends, or the deadline; is it ended? Children left behind are not waited for."""
    ended = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    for descriptor in sinks:
        poll.register(descriptor, select.POLLIN)
    left = set(sinks)
    over = False
    try:
        while left or not over:
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                break
            for descriptor, _ in ready:
                if descriptor == ended:
                    over = True
                    poll.unregister(ended)
                    deadline = min(deadline, time.monotonic() + GRACE)
                    continue
                piece = os.read(descriptor, 1 << 18)
                if piece:
                    sinks[descriptor].add(piece)
                else:
                    left.discard(descriptor)
                    poll.unregister(descriptor)
        return over
    finally:
        os.close(ended)


def end(process: subprocess.Popen[bytes]) -> str:
    """Kill a command's session; the stacks of what is stuck, taken before, as a kill may free it."""
    stacks = stuck_stacks()
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(KILL_WAIT)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    return stacks


def stdin_file(encoded: Optional[str]) -> int:
    """An open file that holds the request's stdin."""
    if encoded is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("stdin")
    with open(descriptor, "wb", closefd=False) as out:
        out.write(base64.b64decode(encoded))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run a request.

    The reply has its ``id``, ``code`` (null if it did not exit) and ``signal`` (null if none ended it), ``timed_out``,
    ``out`` and ``err`` in base64 and ``cut`` (more came than is kept), ``start`` (CLOCK_MONOTONIC) and ``seconds``, and
    ``stacks``: of all threads in D state, only after a time-out. ``{"id", "error"}`` if the request makes no sense.
    """
    timeout = float(request.get("timeout") or DEFAULT_TIMEOUT)
    stdin = stdin_file(request.get("stdin"))
    start = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/bash", "-c", request["sh"]],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/root",
            env=ENVIRONMENT,
            start_new_session=True,
        )
    finally:
        os.close(stdin)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = Sink(), Sink()
    ended = collect(process, {process.stdout.fileno(): out, process.stderr.fileno(): err}, start + timeout)
    reply: dict[str, Any] = {"id": request["id"], "timed_out": not ended, "start": start}
    if ended:
        process.wait()
    else:
        reply["stacks"] = end(process)
    process.stdout.close()
    process.stderr.close()
    code = process.returncode
    reply["seconds"] = time.monotonic() - start
    reply["code"] = code if code is not None and code >= 0 else None
    reply["signal"] = -code if code is not None and code < 0 else None
    reply["cut"] = out.cut or err.cut
    reply["out"] = base64.b64encode(out.data).decode("ascii")
    reply["err"] = base64.b64encode(err.data).decode("ascii")
    return reply


def serve(channel: Channel, request: dict[str, Any]) -> None:
    """Answer one request, with its error if it has one: the host must never wait for nothing."""
    try:
        reply = answer(request)
    except Exception as error:  # noqa: BLE001 - told to the host, which waits
        reply = {"id": request.get("id"), "error": f"{type(error).__name__}: {error}"}
    channel.send(reply)


def handle(channel: Channel, line: bytes) -> None:
    """Start what one line asks for."""
    if not line.strip():
        return
    try:
        request = json.loads(line)
    except ValueError as error:
        channel.send({"id": None, "error": f"not JSON: {error}"})
        return
    if not isinstance(request, dict):
        channel.send({"id": None, "error": "not an object"})
    elif request.get("op") == "hello":
        channel.send(hello())
    else:
        threading.Thread(target=serve, args=(channel, request), daemon=True).start()


def main() -> None:
    """Serve until killed."""
    words = Path("/proc/cmdline").read_text(encoding="utf-8", errors="backslashreplace").split()
    channel = Channel(uart="lab.channel=ttyS1" in words)
    channel.open()
    for _ in range(100):  # hello means: events are recorded from here on
        if LISTENER_READY.exists():
            break
        time.sleep(0.1)
    channel.send(hello())
    while True:
        handle(channel, channel.line())
