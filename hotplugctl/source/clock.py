"""The clocks of the machine; clock_gettime(2)."""

from __future__ import annotations

import time


def monotonic() -> float:
    """Seconds of CLOCK_MONOTONIC: it stands still while the machine is suspended."""
    return time.monotonic()


def asleep() -> float:
    """Seconds that the machine has spent suspended since boot: CLOCK_BOOTTIME less CLOCK_MONOTONIC."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def wall() -> float:
    """Seconds since 1970; it jumps whenever somebody sets it."""
    return time.time()


def realtime() -> float:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC: both are slewed alike, so it changes only when the clock is set."""
    return round(wall() - monotonic(), 6)
