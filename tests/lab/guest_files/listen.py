"""Guest side: record every uevent and every kernel message, with the time at which it came.

Into /run/lab/events: ``netlink-uevent.jsonl`` has one object a message (``t`` CLOCK_MONOTONIC in seconds, ``group`` 1
of the kernel or 2 of udev, ``pid`` of the sender, ``b64`` the datagram, ``props`` what it says); ``kmsg.jsonl`` one a
record of /dev/kmsg (``t``, ``raw``). ``ready`` appears when both are listened to; ``lost.txt`` says when events were
lost.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any, TextIO

EVENTS = Path("/run/lab/events")
NETLINK_KOBJECT_UEVENT = 15
GROUPS = {1: 1, 2: 2}  # netlink's group mask of the sender's address: our number of the group
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 64 << 20
# struct udev_monitor_netlink_header of systemd's sd-device/device-monitor.c: prefix, magic, sizes and offsets.
UDEV_HEADER = struct.Struct("=8sIIII")


def properties(message: bytes) -> dict[str, str]:
    """KEY=VALUE pairs of a datagram, of the kernel ("action@devpath", NUL, pairs) or of udev (header, pairs)."""
    body = message.partition(b"\0")[2]
    if message.startswith(b"libudev\0") and len(message) >= UDEV_HEADER.size:
        _, _, _, offset, length = UDEV_HEADER.unpack_from(message)
        body = message[offset : offset + length]
    fields = (field.decode("utf-8", "backslashreplace") for field in body.split(b"\0"))
    return {key: value for key, equals, value in (field.partition("=") for field in fields) if equals}


def uevent_line(message: bytes, group: int, pid: int, now: float) -> dict[str, Any]:
    """One object of ``netlink-uevent.jsonl``."""
    return {
        "t": now,
        "group": group,
        "pid": pid,
        "b64": base64.b64encode(message).decode("ascii"),
        "props": properties(message),
    }


def open_netlink() -> socket.socket:
    """A socket that hears both groups; a burst of hundreds of devices fits into its buffer."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    sock.bind((0, 1 | 2))
    sock.setblocking(False)
    return sock


def write(out: TextIO, record: dict[str, Any]) -> None:
    out.write(json.dumps(record) + "\n")
    out.flush()


def lost(what: str) -> None:
    with (EVENTS / "lost.txt").open("a", encoding="ascii") as out:
        out.write(f"{time.monotonic():.6f} {what}\n")


def drain_netlink(sock: socket.socket, out: TextIO) -> None:
    """All messages that wait."""
    while True:
        try:
            message, (pid, mask) = sock.recvfrom(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:  # ENOBUFS: the kernel threw messages away
            lost(f"netlink: {error}")
            continue
        write(out, uevent_line(message, GROUPS.get(mask, mask), pid, time.monotonic()))


def drain_kmsg(kmsg: int, out: TextIO) -> None:
    """All records that wait; a read gives one."""
    while True:
        try:
            record = os.read(kmsg, 1 << 14)
        except BlockingIOError:
            return
        except BrokenPipeError:  # overwritten before it was read: /dev/kmsg goes on with the oldest that is left
            lost("kmsg: overrun")
            continue
        write(out, {"t": time.monotonic(), "raw": record.decode("utf-8", "backslashreplace")})


def main() -> None:
    """Record until killed."""
    EVENTS.mkdir(parents=True, exist_ok=True)
    sock = open_netlink()
    kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with (
        (EVENTS / "netlink-uevent.jsonl").open("a", encoding="ascii") as uevents,
        (EVENTS / "kmsg.jsonl").open("a", encoding="ascii") as messages,
    ):
        (EVENTS / "ready").touch()
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.register(kmsg, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if sock.fileno() in ready:
                drain_netlink(sock, uevents)
            if kmsg in ready:
                drain_kmsg(kmsg, messages)
