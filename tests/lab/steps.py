"""Carries out a scenario's steps on a guest, and notes what was not as it must be."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Callable, Optional

from tests.lab import busybox, listening, oracle, plan, room
from tests.lab.errors import Failed, LabError
from tests.lab.guest import Guest
from tests.lab.oracle import Host, Spoken
from tests.lab.patience import process, within
from tests.lab.qemu import Refused

TOOL = "hotplugctl"
_COMMANDS = ("check", "slots", "list")


class Player:
    """One run of one scenario. ``problems`` is what was wrong, ``did`` and ``said`` are for the table."""

    def __init__(self, guest: Guest, folder: Path, cause: str = "") -> None:
        self.guest = guest
        self.folder = folder
        self.cause = cause
        self.problems: list[str] = []
        self.did: list[str] = []
        self.said: list[str] = []
        self.plugged: list[str] = []
        self.stages: list[str] = []
        self.addresses: dict[str, str] = {}
        self._since: dict[str, int] = {}

    async def play(self, steps: tuple[plan.Step, ...]) -> None:
        """All steps in order. A step that fails is noted and ends the run; wrong answers are noted, and it goes on."""
        for step in steps:
            try:
                await _STEPS[type(step)](self, step)
            except Failed as error:
                self.problems.append(str(error))
                return

    # --- on the host --------------------------------------------------------------------------------------------------

    async def plug(self, step: plan.Plug) -> None:
        id = _id_of(step.device)
        self._since[id] = self.guest.heard  # a guest that switches a slot off makes QEMU delete what is in it, unasked
        try:
            await self.guest.plug(step.device)
        except Refused as error:
            self._refused(id, f"device_add {step.device}", step.refused, error)
            return
        if step.refused:
            raise Failed(f"device_add {step.device} was to be refused, and was not")
        self.did.append(f"+{id}")
        self.plugged.append(id)

    async def pull(self, step: plan.Pull) -> None:
        try:
            self._since[step.id] = await self.guest.pull(step.id)
        except Refused as error:
            self._refused(f"-{step.id}", f"device_del {step.id}", step.refused, error)
            return
        if step.refused:
            raise Failed(f"device_del {step.id} was to be refused, and was not")
        if step.waits:
            await self._gone(step.id, step.within, step.deleted)

    def _refused(self, id: str, command: str, wanted: str, error: Refused) -> None:
        """QEMU has refused a command: as it must, or the scenario has failed."""
        self.did.append(f"{id} refused")
        if not wanted or wanted not in str(error):
            raise Failed(f"{command} was refused: {error}") from None

    async def gone(self, step: plan.Gone) -> None:
        await self._gone(step.id, step.within, True)

    async def _gone(self, id: str, within: float, expected: bool) -> None:
        came = await self.guest.deleted(id, self._since[id], within)
        self.did.append(f"-{id}" if came else f"-{id} never deleted")
        if came != expected:
            what = "did not come" if expected else "came, and must not"
            raise Failed(f"DEVICE_DELETED of {id} {what} within {within:.0f} s")
        if came and id in self.plugged:
            self.plugged.remove(id)

    async def hmp(self, step: plan.Hmp) -> None:
        said = await self.guest.hmp(step.command)
        self.did.append(step.command)
        if step.prints and not re.search(step.prints, said):
            raise Failed(f"the monitor said to {step.command!r}: {said.strip()[:200]!r}, expected {step.prints!r}")

    async def fill(self, step: plan.Fill) -> None:
        taken = 0
        try:
            while taken <= step.takes:
                device = step.device.format(n=taken)
                await self.guest.plug(device)
                self.plugged.append(_id_of(device))
                taken += 1
        except Refused as error:
            if step.refused not in str(error):
                raise Failed(f"after {taken} devices QEMU refused: {error}") from None
        self.did.append(f"+{taken} × {step.device.partition(',')[0]}")
        if taken != step.takes:
            raise Failed(f"QEMU took {taken} devices, expected {step.takes}")

    async def empty(self, step: plan.Empty) -> None:
        count, until = len(self.plugged), time.monotonic() + step.within
        since = {}
        for id in list(self.plugged):
            try:
                since[id] = await self.guest.pull(id)
            except Refused as error:
                raise Failed(f"device_del {id} was refused: {error}") from None
        for id, number in since.items():
            if not await self.guest.deleted(id, number, max(0.0, until - time.monotonic())):
                raise Failed(f"DEVICE_DELETED of {id} did not come within {step.within:.0f} s")
            self.plugged.remove(id)
        self.did.append(f"-{count} devices")

    async def rest(self, step: plan.Rest) -> None:
        await asyncio.sleep(step.seconds)

    # --- in the guest -------------------------------------------------------------------------------------------------

    async def sh(self, step: plan.Sh) -> None:
        answer = await self.guest.sh(step.command, step.within)
        self.did.append(f"sh: {step.command[:40]}")
        if step.code is not None and answer.code != step.code:
            said = (answer.complaint or answer.text).strip()[-300:]
            raise Failed(f"{step.command!r} ended with {answer.code}, expected {step.code}: {said}")
        if step.prints and not re.search(step.prints, answer.text):
            raise Failed(f"{step.command!r} printed {answer.text.strip()[-300:]!r}, expected {step.prints!r}")

    async def says(self, step: plan.Says) -> None:
        answer = await self.guest.sh(step.through.format(f"{TOOL} {step.arguments}"), step.within)
        what = f"{TOOL} {step.arguments}"
        self.said.append(f"{step.arguments}: {answer.code}")
        if answer.code is None:
            self.problems.append(f"{what} did not come back within {step.within:.0f} s: {answer.stacks[:300]}")
        elif answer.code != step.code:
            said = (answer.complaint or answer.text).strip()[-300:]
            self.problems.append(f"{what} ended with {answer.code}, expected {step.code}: {said}")
        for pattern in step.stdout:
            if not re.search(pattern, answer.text, re.MULTILINE):
                self.problems.append(f"{what} does not say {pattern!r}: {answer.text[:300]!r}")
        for pattern in step.not_stdout:
            if found := re.search(pattern, answer.text, re.MULTILINE):
                self.problems.append(f"{what} says {found[0]!r}")
        for pattern in step.stderr:
            if not re.search(pattern, answer.complaint, re.MULTILINE):
                self.problems.append(f"{what} does not say {pattern!r} on stderr: {answer.complaint[:300]!r}")

    async def cure(self, step: plan.Cure) -> None:
        said = (await self.ask("check")).document or {"findings": []}
        remedies = [f["remedy"] for f in said["findings"] if f["status"] == "fail" and f["id"] == step.finding]
        if not remedies or None in remedies:
            raise Failed(f"check offers no remedy of {step.finding}: {remedies}")
        fits = len(remedies) == len(step.remedies) and all(map(re.fullmatch, step.remedies, remedies))
        if step.remedies and not fits:
            self.problems.append(f"the remedies of {step.finding} are {remedies}, expected {step.remedies}")
        for remedy in remedies:
            await self.sh(plan.Sh(remedy, within=step.within))

    async def snap(self, step: plan.Snap) -> None:
        """Wait until the guest has come to what the step says; then hold every command against it, and a recording."""
        until = time.monotonic() + step.within
        while True:
            host = await self._host()
            spoken = {command: await self.ask(command) for command in _COMMANDS}
            wrong = [*oracle.wrong_list(step, host, spoken["list"]), *oracle.wrong_slots(step, host, spoken["slots"])]
            wrong += oracle.wrong_check(step, spoken["check"])
            if not wrong or time.monotonic() > until:
                break
            await asyncio.sleep(1.0)
        wrong += await self._explained(step, host, spoken["check"], self.ask)
        self.problems += [f"{step.stage}: {line}" for line in wrong]
        self.stages.append(step.stage)
        self.said.append(f"{step.stage}: {_verdict(spoken)}")
        self._keep(step.stage, spoken, oracle.expected(step, host))
        (self.folder / f"info-pci-{step.stage}.txt").write_text(await self.guest.hmp("info pci"), encoding="utf-8")
        self.problems += [f"{step.stage}: {line}" for line in await self._replay(step.stage, spoken)]

    async def _explained(
        self, snap: plan.Snap, host: Host, check: Spoken, ask: Callable[[str], Awaitable[Spoken]]
    ) -> list[str]:
        """The cause first, in ``check`` and in ``explain``; and of each device of the scenario what it explains."""
        wrong = [*oracle.wrong_cause(check, self.cause), *oracle.wrong_survey(check, await ask("explain"))]
        for id in (*(sees.id for sees in snap.sees), *snap.ghosts, *snap.unseen):
            address = host.addresses.get(id)
            if address is not None:
                said = await ask(f"explain {address}")
                wrong += oracle.wrong_device(address, check, said, id in snap.unseen)
        return wrong

    async def _host(self) -> Host:
        functions = await self.guest.functions()
        self.addresses.update({f.id: f.address for f in functions.values() if f.id})
        return Host(functions, dict(self.addresses))

    async def ask(self, command: str) -> Spoken:
        answer = await self.guest.sh(f"{TOOL} {command} --json", 60)
        return Spoken(answer.code, _document(answer.out), answer.complaint + answer.stacks[:500])

    async def collect(self, step: plan.Collect) -> None:
        """As ``snap``, where nothing but sh can speak in the guest."""
        snap, script = step.snap, await _collector()
        until = time.monotonic() + snap.within
        recording = self.folder / f"{snap.stage}.tar"
        while True:
            host = await self._host()
            answer = await busybox.sent(self.guest.channel, script, 120)
            recording.write_bytes(answer.out)
            spoken = {command: await _on_recording(command, recording) for command in (*_COMMANDS, "timeline")}
            wrong = [*oracle.wrong_list(snap, host, spoken["list"]), *oracle.wrong_slots(snap, host, spoken["slots"])]
            wrong += oracle.wrong_check(snap, spoken["check"])
            wrong += oracle.wrong_timeline(spoken["timeline"], {"added": (), "stalled": ()})
            if answer.code != 0 or not re.search(step.stderr, answer.complaint):
                wrong.append(f"the collector ended with {answer.code} and said {answer.complaint.strip()[:300]!r}")
            if not wrong or time.monotonic() > until:
                break
            await asyncio.sleep(1.0)
        wrong += await self._explained(
            snap, host, spoken["check"], lambda command: _on_recording(command, recording)
        )  # fmt: skip
        self.problems += [f"{snap.stage}: {line}" for line in wrong]
        self.stages.append(snap.stage)
        self.said.append(f"{snap.stage}: {_verdict(spoken)} ({answer.seconds:.1f} s, {len(answer.out)} bytes)")
        self._keep(snap.stage, spoken, oracle.expected(snap, host))

    async def _replay(self, stage: str, before: dict[str, Spoken]) -> list[str]:
        """Record, read back, compare. A guest at work may change meanwhile: then what it says afterwards counts too."""
        recording = self.folder / f"{stage}.tar"
        wrong: list[str] = []
        for _ in range(3):
            answer = await self.guest.sh(f"{TOOL} record --no-scrub --with-processes -", 120)
            if answer.code != 0:
                return [f"record ended with {answer.code}: {answer.complaint.strip()[-300:]} {answer.stacks[:300]}"]
            recording.write_bytes(answer.out)
            wrong = []
            for command in _COMMANDS:
                recorded = await _on_recording(command, recording)
                wrong += oracle.wrong_replay(command, before[command], recorded)
            if not wrong:
                break
            before = {command: await self.ask(command) for command in _COMMANDS}
        return wrong

    def _keep(self, stage: str, spoken: dict[str, Spoken], expected: dict[str, Any]) -> None:
        said: dict[str, Any] = {c: {"exit": one.code, "document": one.document} for c, one in spoken.items()}
        said["expected"] = expected
        (self.folder / f"{stage}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


async def _on_recording(command: str, recording: Path) -> Spoken:
    """The same command on the recording, on the host: nothing of the guest is then at hand but what was recorded."""
    code, out, err = await _here(*command.split(" "), "--json", "--root", str(recording))
    return Spoken(code, _document(out), err.decode("utf-8", "backslashreplace"))


async def _collector() -> bytes:
    """The script for a guest without Python."""
    code, out, err = await _here("collector")
    if code != 0:
        raise Failed(f"{TOOL} collector ended with {code}: {err.decode('utf-8', 'backslashreplace')[-300:]}")
    return out


async def _here(*arguments: str) -> tuple[Optional[int], bytes, bytes]:
    """hotplugctl of this checkout, on the host."""
    argv = [sys.executable, "-m", TOOL, *arguments]
    child = await process(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await within(120, child.communicate())
    except asyncio.TimeoutError:
        raise LabError(f"{shlex.join(argv)} did not end within 120 s", "run it by hand") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, out, err


def _document(out: bytes) -> Any:
    try:
        return json.loads(out)
    except ValueError:
        return None


def _id_of(device: str) -> str:
    found = re.search(r"(?:^|,)id=([^,]+)", device)
    if found is None:
        raise LabError(f"the scenario plugs {device!r} without an id=", "give it one")
    return found[1]


def _verdict(spoken: dict[str, Spoken]) -> str:
    document: Optional[dict[str, Any]] = spoken["check"].document
    if document is None:
        return "nothing"
    bad = sorted({f["id"] for f in document["findings"] if f["status"] == "fail" and f["severity"] != "info"})
    headroom = document["headroom"] or {}
    room = f" {headroom.get('free_slots')}/{headroom.get('slots')}"
    return f"{document['verdict']}{room}" + (f" {', '.join(bad)}" if bad else "")


_STEPS: dict[type, Callable[[Player, Any], Awaitable[None]]] = {
    plan.Plug: Player.plug,
    plan.Pull: Player.pull,
    plan.Gone: Player.gone,
    plan.Hmp: Player.hmp,
    plan.Fill: Player.fill,
    plan.Fits: room.fits,
    plan.Exhaust: room.exhaust,
    plan.Empty: Player.empty,
    plan.Rest: Player.rest,
    plan.Sh: Player.sh,
    plan.Says: Player.says,
    plan.Cure: Player.cure,
    plan.Snap: Player.snap,
    plan.Collect: Player.collect,
    plan.Listen: listening.listen,
    plan.Heard: listening.heard,
    plan.Meanwhile: listening.meanwhile,
}
