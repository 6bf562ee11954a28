"""The text of ``watch``: a line for each event, in columns that stay where they are."""

from __future__ import annotations

from hotplugctl.model.live import Transition
from hotplugctl.render.escape import printable

# Heading, width. What is longer pushes the rest of its line to the right.
_COLUMNS = (
    ("MONOTONIC", 13), ("EVENT", 17), ("ADDRESS", 12), ("SLOT", 6), ("NAME", 14), ("DRIVER", 12), ("STAGE", 10),
    ("SINCE_MS", 10), ("REASON", 0),
)  # fmt: skip
_RIGHT = frozenset(("MONOTONIC", "SINCE_MS"))
_COLORS = {
    "function-added": "36", "function-removed": "36", "device-ready": "32", "device-stalled": "31",
    "removal-requested": "33", "lost": "31", "resync": "33",
}  # fmt: skip
_NONE = "-"
_UNKNOWN = "?"


def heading() -> str:
    """The names of the columns."""
    return _join([name for name, _ in _COLUMNS])


def line(one: Transition, color: bool) -> str:
    """One event."""
    since = _NONE if one.since_first_ms is None else f"{one.since_first_ms:.1f}"
    slot = _UNKNOWN if "slot" in one.unknown else one.slot
    cells = [
        f"{one.monotonic:.6f}", one.event, one.address, slot, one.node or one.name, one.driver, one.stage, since,
        one.reason or "",
    ]  # fmt: skip
    text = _join([_NONE if cell is None else printable(cell) for cell in cells])
    code = _COLORS.get(one.event)
    if not color or code is None:
        return text
    # The event alone is coloured: it stands where it stands, for its column is as wide as the longest.
    return text.replace(one.event, f"\033[{code}m{one.event}\033[0m", 1)


def _join(cells: list[str]) -> str:
    parts = []
    for (name, width), cell in zip(_COLUMNS, cells):
        parts.append(cell.rjust(width) if name in _RIGHT else cell.ljust(width))
    return "  ".join(parts).rstrip()


# The years 1 to 9999, in which datetime can count.
_EARLIEST = -62135596800.0
_LATEST = 253402300799.0
# The last whole second that was asked for, and its text: many events share one.
_second: list[tuple[int, str]] = [(0, "1970-01-01T00:00:00")]


def wall_time(seconds: float) -> str:
    """RFC 3339 UTC of seconds since 1970, to the microsecond; 1970 itself of a clock that lies by millennia."""
    if not _EARLIEST <= seconds < _LATEST:
        seconds = 0.0
    whole, rest = divmod(round(seconds * 1_000_000), 1_000_000)
    if whole != _second[0][0]:
        _second[0] = (whole, _to_the_second(whole))
    return f"{_second[0][1]}.{rest:06d}Z"


def _to_the_second(seconds: int) -> str:
    import datetime

    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
