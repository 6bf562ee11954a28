"""QEMU as a process, and its monitor protocol.

The sockets are pairs made before QEMU starts and inherited by it: no name in a file system, no port, nothing that a
run could find in use or leave behind. QEMU is killed with the lab by the kernel (PR_SET_PDEATHSIG, through setpriv).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from qemu.qmp import EventListener, ExecuteError, QMPClient, QMPError

from tests.lab.errors import LabError, Lost
from tests.lab.patience import process, within
from tests.lab.transcript import Transcript

BINARY = "qemu-system-x86_64"
_PATIENCE = 30.0


class Event(NamedTuple):
    """An event of QMP, at the host's CLOCK_MONOTONIC when it was received."""

    at: float
    name: str
    data: dict[str, Any]


class Refused(Exception):
    """QEMU refused a command; the text is its answer."""


def binary() -> str:
    """The path of QEMU. Raises LabError where it is not installed."""
    path = shutil.which(os.environ.get("QEMU", BINARY))
    if path is None:
        raise LabError(f"{os.environ.get('QEMU', BINARY)} is not installed", "apt-get install qemu-system-x86")
    return path


class Qemu:
    """A running QEMU. ``agent`` is the lab's end of the channel to the guest."""

    def __init__(self, process: asyncio.subprocess.Process, agent: socket.socket, transcript: Transcript) -> None:
        self.process = process
        self.agent = agent
        self.events: list[Event] = []
        self.on_end: Callable[[str], object] = lambda why: None
        """Called once with the reason when the process ends by itself."""
        self._transcript = transcript
        self._client = QMPClient("lab")
        self._news = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._number = 0
        self._closing = False

    @classmethod
    async def start(
        cls, words: Sequence[str], chardev: str, folder: Path, transcript: Transcript, *, qemu: Optional[str] = None
    ) -> Qemu:
        """Start QEMU with ``words``, a monitor, and the channel as character device ``chardev``.

        What QEMU itself prints goes into ``folder``/host/qemu.log. Raises LabError where it ends at once.
        """
        ours, theirs = socket.socketpair()
        agent, guest = socket.socketpair()
        argv = [qemu or binary(), *words]
        argv += ["-chardev", f"socket,id={chardev},fd={guest.fileno()}"]
        argv += ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}", "-mon", "chardev=monitor,mode=control"]
        (folder / "host" / "cmdline.txt").write_text(" \\\n  ".join(_quoted(argv)) + "\n", encoding="utf-8")
        with (folder / "host" / "qemu.log").open("wb") as log:
            child = await process(
                "setpriv", "--pdeathsig", "KILL", "--", *argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(theirs.fileno(), guest.fileno()), start_new_session=True,
            )  # fmt: skip
        theirs.close()
        guest.close()
        made = cls(child, agent, transcript)
        try:
            await made._greet(ours, folder)
        except BaseException:
            await made.end()
            raise
        return made

    async def _greet(self, end: socket.socket, folder: Path) -> None:
        try:
            await within(_PATIENCE, self._client.connect(end))
        except (QMPError, asyncio.TimeoutError, OSError):
            said = (folder / "host" / "qemu.log").read_text("utf-8", "replace").strip() or "it said nothing"
            raise LabError(f"QEMU did not start: {said.splitlines()[-1]}", f"see {folder}/host/qemu.log") from None
        listener = EventListener()
        self._client.register_listener(listener)
        self._tasks = [asyncio.create_task(self._hear(listener)), asyncio.create_task(self._watch())]

    async def _hear(self, listener: EventListener) -> None:
        async for message in listener:
            self._transcript.note("<", dict(message))
            data: Any = message.get("data", {})
            event = Event(time.monotonic(), str(message["event"]), dict(data))
            if event.name == "BLOCK_IO_ERROR" and event.data.get("nospace"):
                self.on_end("QEMU stopped the guest: no space left on the host's disk")
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    async def _watch(self) -> None:
        status = await self.process.wait()
        if not self._closing:
            self.on_end(f"QEMU ended with status {status}")
            async with self._news:
                self._news.notify_all()

    async def qmp(self, command: str, arguments: Optional[dict[str, Any]] = None) -> Any:
        """Carry out a QMP command. Raises Refused with QEMU's answer, Lost where there is none."""
        self._number += 1
        number = self._number
        sent: dict[str, Any] = {"execute": command, "id": number}
        self._transcript.note(">", {**sent, "arguments": arguments} if arguments else sent)
        try:
            result = await within(_PATIENCE, self._client.execute(command, arguments))
        except ExecuteError as error:
            answer = {"class": error.error_class, "desc": str(error)}
            self._transcript.note("<", {"error": answer, "id": number})
            raise Refused(str(error)) from None
        except asyncio.TimeoutError:
            raise Lost(f"QEMU gave no answer to {command} within {_PATIENCE:.0f} s", "see host/qmp.jsonl") from None
        except (QMPError, OSError) as error:
            raise Lost(f"the monitor of QEMU is gone ({error})", "see host/qemu.log and the console") from None
        self._transcript.note("<", {"return": result, "id": number})
        return result

    async def hmp(self, line: str) -> str:
        """A command of the human monitor, and what it printed."""
        return str(await self.qmp("human-monitor-command", {"command-line": line}))

    async def event(self, name: str, device: str, since: int, seconds: float) -> Optional[Event]:
        """The first event of that name and device after the first ``since`` ones; None if it does not come in time.

        Raises Lost where QEMU ends meanwhile.
        """

        def found() -> Optional[Event]:
            for event in self.events[since:]:
                if event.name == name and event.data.get("device") == device:
                    return event
            return None

        async with self._news:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(seconds, self._news.wait_for(lambda: found() or self._ended))
            event = found()
        if event is None and self._ended:
            raise Lost(f"QEMU ended while {name} of {device} was waited for", "see host/qemu.log and the console")
        return event

    @property
    def _ended(self) -> bool:
        return self.process.returncode is not None

    async def kill(self) -> None:
        """End the process by force. Whatever it says or hears from then on is nobody's fault."""
        self._closing = True
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def end(self) -> None:
        """End the process and close everything."""
        await self.kill()
        with contextlib.suppress(QMPError, OSError, EOFError):
            await self._client.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.agent.close()


def _quoted(words: Sequence[str]) -> list[str]:
    import shlex

    return [shlex.quote(word) for word in words]
