"""The interfaces of a network namespace: /proc/PID/net/dev (proc_pid_net(5))."""

from __future__ import annotations


def names(text: str) -> tuple[str, ...]:
    """What stands before the colon of each line but the two of the heading."""
    lines = (line.partition(":") for line in text.split("\n")[2:])
    return tuple(name.strip() for name, colon, _ in lines if colon and name.strip())
