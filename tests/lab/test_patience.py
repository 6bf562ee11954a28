"""Waits neither lose a cancellation nor leave work behind."""

from __future__ import annotations

import asyncio

import pytest

from tests.lab.patience import within


def test_a_cancellation_is_not_lost_when_the_work_ends_as_it_arrives() -> None:
    async def go() -> None:
        work: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(5, work))
        await asyncio.sleep(0)
        work.set_result(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(go())


@pytest.mark.parametrize("cancelled", [False, True])
def test_the_work_is_over_when_nobody_waits_for_it_any_more(cancelled: bool) -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def go() -> None:
        waiting = asyncio.ensure_future(within(60 if cancelled else 0.01, work()))
        await asyncio.sleep(0.005)
        if cancelled:
            waiting.cancel()
        with pytest.raises(asyncio.CancelledError if cancelled else asyncio.TimeoutError):
            await waiting
        assert ended == [True]

    asyncio.run(go())


def test_what_the_work_comes_to() -> None:
    async def fails() -> int:
        raise ValueError("so")

    async def go() -> None:
        assert await within(5, asyncio.sleep(0, 7)) == 7
        with pytest.raises(ValueError, match="so"):
            await within(5, fails())

    asyncio.run(go())
