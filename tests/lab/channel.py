"""The lab's end of the channel to the agent in a guest: commands in, results out, several at once.

One JSON object a line both ways (``guest_files/agent.py`` is the other end). Nothing is ever read from a console.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from typing import Any, NamedTuple, Optional

from tests.lab.errors import Lost
from tests.lab.patience import within
from tests.lab.transcript import Transcript

_LONGEST_LINE = 256 * 1024 * 1024
_GRACE = 30.0


class Answer(NamedTuple):
    """What a command in the guest came to."""

    code: Optional[int]
    """Its exit status; None where it was killed after its time or hangs in the kernel."""
    out: bytes
    err: bytes
    seconds: float
    stacks: str
    """Kernel stacks of the tasks that hung, after a time-out."""

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def complaint(self) -> str:
        return self.err.decode("utf-8", "backslashreplace")


class Channel:
    """A connection to the agent of one guest. ``Lost`` is raised to everybody who waits when it breaks."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._number = 0
        self._lost: Optional[Lost] = None
        self._writer: Optional[asyncio.StreamWriter] = None
        self._task: Optional[asyncio.Task[None]] = None

    async def open(self, end: socket.socket) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=_LONGEST_LINE)
        self._task = asyncio.create_task(self._listen(reader))

    async def hello(self) -> dict[str, Any]:
        """What the agent says once it runs: ``hello`` (uname -r) and ``python``. The caller bounds the wait."""
        return await asyncio.shield(self._hello)

    async def sh(self, command: str, timeout: float, stdin: Optional[bytes] = None) -> Answer:
        """Run a command in the guest's shell, as root. Raises Lost where no answer comes, not even that it hangs."""
        self._number += 1
        number = self._number
        request: dict[str, Any] = {"id": number, "sh": command, "timeout": timeout}
        self._transcript.note("ag>", {"op": "sh", "cmd": command, "timeout": timeout, "id": number})
        if stdin is not None:
            request["stdin"] = base64.b64encode(stdin).decode("ascii")
        line = json.dumps(request).encode("ascii") + b"\n"
        reply = await self._exchange(number, line, timeout + _GRACE, command)
        answer = Answer(
            reply.get("code"),
            base64.b64decode(reply.get("out", "")),
            base64.b64decode(reply.get("err", "")),
            float(reply.get("seconds", 0.0)),
            str(reply.get("stacks", "")),
        )
        said = {"rc": answer.code, "out": answer.text, "err": answer.complaint, "seconds": answer.seconds}
        self._transcript.note("ag<", {**said, "stacks": answer.stacks, "start": reply.get("start"), "id": number})
        return answer

    async def _exchange(self, number: int, request: bytes, patience: float, what: str) -> dict[str, Any]:
        if self._lost is not None:
            raise self._lost
        assert self._writer is not None
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(request)
            await within(patience, self._writer.drain())
            return await within(patience, future)
        except (ConnectionError, BrokenPipeError) as error:
            raise self.lose(f"the channel to the guest broke ({error})") from None
        except asyncio.TimeoutError:
            raise self.lose(f"the agent gave no answer within {patience:.0f} s to: {what[:80]}") from None
        finally:
            self._waiting.pop(number, None)

    def lose(self, why: str) -> Lost:
        """Nobody is to wait any longer: the guest is lost, for this reason (the first one counts)."""
        if self._lost is None:
            self._lost = Lost(why, "see its console and host/qmp.jsonl")
        for future in (self._hello, *self._waiting.values()):
            if not future.done():
                future.set_exception(self._lost)
        # Nobody may have been waiting for hello; that is no fault of asyncio's to report.
        if self._hello.done():
            self._hello.exception()
        return self._lost

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._take(line)
        self.lose("the channel to the guest was closed")

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._transcript.note("host", {"not understood": line[:200].decode("latin-1")})
            return
        if "hello" in message and not self._hello.done():
            self._transcript.note("ag<", message)
            self._hello.set_result(message)
        future = self._waiting.get(message.get("id", -1))
        if future is not None and not future.done():
            future.set_result(message)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._writer is not None:
            self._writer.close()
