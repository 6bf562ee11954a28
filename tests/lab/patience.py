"""Waits that end in time, and when they are told to; asyncio's own lose a cancellation now and then.

Before Python 3.12 ``asyncio.wait_for`` swallows one that arrives as its work ends. A process that is cancelled while it
starts is collected by two parties, and one of them complains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T]) -> T:
    """What ``work`` comes to. Raises asyncio.TimeoutError after so many seconds. However it ends, ``work`` is over."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
    finally:
        if not task.done():
            task.cancel()
        # Nobody may come to ask what it failed with.
        await asyncio.gather(task, return_exceptions=True)
    return task.result()


async def process(*argv: str, **options: Any) -> asyncio.subprocess.Process:
    """``asyncio.create_subprocess_exec``, which is not cancelled half-way: what it has started by then is ended."""
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*argv, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        started = await starting
        started.kill()
        await started.wait()
        raise
