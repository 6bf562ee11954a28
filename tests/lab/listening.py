"""Steps beside others: ``watch`` in the guest while devices are plugged, and ``wait`` or ``expect`` for them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from tests.lab import oracle, plan
from tests.lab.errors import Failed

if TYPE_CHECKING:
    from tests.lab.steps import Player

_HERE = "/run/lab/watch"
# The shell that waits for it notes its end; nothing of it holds the pipes of the request.
_START = (
    "mkdir -p {here}; rm -f {here}/*; (( {watch} >{here}/out 2>{here}/err </dev/null & echo $! >{here}/pid; wait $!; "
    "echo $? >{here}/code ) >/dev/null 2>&1 & ); for i in $(seq 300); do grep -q hello {here}/out && exit 0; "
    "sleep 0.1; done; cat {here}/err; exit 1"
)
_STOP = (
    "kill -TERM $(cat {here}/pid); for i in $(seq 100); do test -s {here}/code && break; sleep 0.1; done; "
    "cat {here}/err >&2; cat {here}/code"
)


# The only sockets that these commands open are those for uevents.
_LISTENS = (
    "for i in $(seq 300); do for p in $(pgrep -f 'hotplugctl (wait|expect)'); do "
    "ls -l /proc/$p/fd 2>/dev/null | grep -q socket: && exit; done; sleep 0.1; done; false"
)


async def listen(player: Player, step: plan.Listen) -> None:
    """Start ``watch``; its hello must name the source that the scenario expects."""
    watch = step.through.format("hotplugctl watch --json")
    answer = await player.guest.sh(_START.format(here=_HERE, watch=watch), 60)
    if answer.code != 0:
        raise Failed(f"watch did not say hello within 30 s: {answer.text.strip()[-300:]}")
    hello = (await _lines(player))[0]
    if hello["source"] != step.source:
        player.problems.append(f"watch listens to {hello['source']} ({hello['reason']}), expected {step.source}")


async def heard(player: Player, step: plan.Heard) -> None:
    """Wait until ``watch`` has told what it must, end it, and ask ``timeline`` for the same."""
    kinds = {"added": step.added, "stalled": step.stalled, "removed": step.removed}
    expected = {kind: tuple(player.addresses.get(id, id) for id in ids) for kind, ids in kinds.items()}
    until = time.monotonic() + step.within
    while True:
        lines = await _lines(player)
        wrong = list(oracle.wrong_watch(lines, expected))
        if not wrong or time.monotonic() > until:
            break
        await asyncio.sleep(1.0)
    answer = await player.guest.sh(_STOP.format(here=_HERE), 30)
    if answer.text.strip() != "0":
        wrong.append(f"watch ended with {answer.text.strip() or 'nothing'} after SIGTERM, expected 0")
    if answer.complaint.strip():
        wrong.append(f"watch wrote to stderr: {answer.complaint.strip()[:300]}")
    wrong += oracle.wrong_timeline(await player.ask("timeline"), expected)
    player.problems += wrong
    player.said.append(f"watch: {len(lines) - 1} events")
    (player.folder / "watch.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


async def meanwhile(player: Player, step: plan.Meanwhile) -> None:
    """Run the command and the steps beside it. The command is waited for, whatever the steps come to."""
    says = asyncio.create_task(player.says(step.says))
    try:
        if step.after:
            await player.guest.must(_LISTENS, 60)
            await asyncio.sleep(step.after)
        await player.play(step.steps)
    finally:
        await says


async def _lines(player: Player) -> list[dict[str, Any]]:
    """What ``watch`` has written so far; each line is one object, but for a last one that is not whole yet."""
    answer = await player.guest.must(f"cat {_HERE}/out")
    whole = answer.text.rpartition("\n")[0].splitlines()
    try:
        return [json.loads(line) for line in whole]
    except ValueError as error:
        raise Failed(f"watch --json wrote a line that is no JSON: {error}") from None
