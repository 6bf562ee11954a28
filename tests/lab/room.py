"""Whether a BAR of the size that is said to fit does, and a larger one does not: QEMU and the kernel judge."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Optional

from tests.lab import plan
from tests.lab.errors import Failed

if TYPE_CHECKING:
    from tests.lab.steps import Player

_WITHIN = 60.0
_ID = "fits"
_MOST = 64


async def fits(player: Player, step: plan.Fits) -> None:
    said = await _said(player, step.bus, "pref_largest")
    size = said if step.at_most is None else min(said, step.at_most)
    if not await _decoded(player, step.device.format(size=size), size):
        raise Failed(f"{step.bus}: {said} bytes are said to fit, and {size} got no address")
    if size == said:
        got = await _decoded(player, step.device.format(size=2 * said), 2 * said)
        if got != step.grows:
            what = "got an address" if got else "got no address"
            raise Failed(f"{step.bus}: {said} bytes are said to fit, and {2 * said} {what}")
    player.did.append(f"{step.bus}: {said >> 10}K fit")


async def exhaust(player: Player, step: plan.Exhaust) -> None:
    taken = 0
    while taken < _MOST:
        said = await _said(player, step.bus, "io_largest")
        id = f"x{taken}"
        await player.guest.plug(f"{step.device.format(n=taken)},id={id}")
        player.plugged.append(id)
        got = await _has_address(player, id, step.size)
        if got != (said >= step.size):
            what = "got an address" if got else "got none"
            raise Failed(f"{step.bus}: I/O of {said} is said to fit, and device {taken} of {step.size} {what}")
        if not got:
            player.did.append(f"{step.bus}: {taken} I/O BARs of {step.size}")
            return
        taken += 1
    raise Failed(f"{step.bus}: more than {_MOST} I/O BARs of {step.size} fit")


async def _said(player: Player, bus: str, key: str) -> int:
    document: Optional[dict[str, Any]] = (await player.ask("check")).document
    rooms = document["headroom"]["buses"] if document is not None else []
    found = [room[key] for room in rooms if room["bus"] == bus]
    if not found or not isinstance(found[0], int):
        raise Failed(f"check says nothing of {key} on {bus}: {found}")
    return found[0]


async def _decoded(player: Player, device: str, size: int) -> bool:
    """Plug it, look whether its BAR of this size has an address, pull it."""
    guest = player.guest
    await guest.plug(f"{device},id={_ID}")
    got = await _has_address(player, _ID, size)
    since = await guest.pull(_ID)
    if not await guest.deleted(_ID, since, _WITHIN):
        raise Failed(f"{device}: did not go within {_WITHIN:.0f} s")
    return got


async def _has_address(player: Player, id: str, size: int) -> bool:
    """Whether QEMU decodes the BAR of this size, once the guest has been told to enable the device.

    What the guest says to that is no answer: a kernel forgets a BAR for which it has found no room, and enables the
    rest.
    """
    guest, until = player.guest, time.monotonic() + _WITHIN
    while True:
        address = next((f.address for f in (await guest.functions()).values() if f.id == id), None)
        enable = f"/sys/bus/pci/devices/{address}/enable"
        answer = await guest.sh(f"[ -e {enable} ] || exit 9; echo 1 > {enable}")
        if answer.code != 9:
            break
        if time.monotonic() > until:
            raise Failed(f"{id} did not come within {_WITHIN:.0f} s")
        await asyncio.sleep(0.5)
    found = [region.address is not None for region in await guest.regions(id) if region.size == size]
    if len(found) != 1:
        raise Failed(f"{id}: {len(found)} BARs of {size} bytes")
    return found[0]
