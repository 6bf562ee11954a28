"""Stands in for QEMU where the lab itself is tested: speaks QMP and plays the agent, and misbehaves as told.

``FAKE_QEMU`` in the environment says how: ``dies`` (ends with a message), ``silent`` (no greeting), ``mute`` (the
guest never says hello), ``panics`` (QEMU ends when the first command is given), ``hangs`` (the guest answers nothing
after hello), ``leaves`` (QEMU ends when it is asked for its functions a second time), ``nospace`` (the host's disk is
full), or nothing: it behaves.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import sys
from collections.abc import Callable
from typing import Any

ASKED: list[str] = []
MANNER = os.environ.get("FAKE_QEMU", "")


def main() -> None:
    words = " ".join(sys.argv[1:])
    if MANNER == "dies":
        sys.exit("qemu-system-x86_64: -device nonsense: 'nonsense' is not a valid device model name")
    ends = {name: socket.socket(fileno=int(fd)) for name, fd in re.findall(r"id=(agent|monitor),fd=(\d+)", words)}
    console = re.search(r"id=console,path=(\S+)", words)
    if console:
        with open(console[1], "w", encoding="utf-8") as file:
            file.write("[    1.0] Linux version 6.1.0\r\n")
            if MANNER in ("panics", "mute"):
                file.write("[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n")
    if MANNER != "silent":
        send(ends["monitor"], {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}})
    serve(ends)


def serve(ends: dict[str, socket.socket]) -> None:
    """Answer both until one is closed. A client of QMP need not end its lines."""
    takers: dict[str, Callable[[socket.socket, Any], None]] = {"monitor": monitor, "agent": agent}
    waiting = dict.fromkeys(ends, "")
    decode = json.JSONDecoder().raw_decode
    while True:
        for name in [name for name in ends if ends[name] in select.select(ends.values(), [], [])[0]]:
            data = ends[name].recv(1 << 20)
            if not data:
                return
            waiting[name] = (waiting[name] + data.decode()).lstrip()
            while waiting[name]:
                try:
                    request, end = decode(waiting[name])
                except ValueError:
                    break
                waiting[name] = waiting[name][end:].lstrip()
                takers[name](ends[name], request)
                if request.get("execute") == "cont" and MANNER != "mute":
                    send(ends["agent"], {"hello": "6.1.0-fake", "python": "3.11.2"})


def monitor(end: socket.socket, request: Any) -> None:
    if MANNER == "silent":
        return
    command, answer = request["execute"], {"id": request.get("id")}
    ASKED.append(command)
    if MANNER == "leaves" and ASKED.count("query-pci") == 2:
        sys.exit(0)
    if command == "device_add" and request["arguments"]["driver"] == "nonsense":
        send(end, {**answer, "error": {"class": "GenericError", "desc": "'nonsense' is not a valid device model name"}})
        return
    send(end, {**answer, "return": [] if command == "query-pci" else {}})
    stamp = {"seconds": 1, "microseconds": 0}
    if command == "device_del":
        send(end, {"event": "DEVICE_DELETED", "data": {"device": request["arguments"]["id"]}, "timestamp": stamp})
    if command == "device_add" and MANNER == "nospace":
        data = {"device": "root", "operation": "write", "action": "stop", "nospace": True, "reason": "No space left"}
        send(end, {"event": "BLOCK_IO_ERROR", "data": data, "timestamp": stamp})


def agent(end: socket.socket, request: Any) -> None:
    if MANNER == "panics" and request["sh"] == "true":
        sys.exit(0)
    if MANNER == "hangs" and request["sh"] == "true":
        return
    out = base64.b64encode(request["sh"].encode()).decode()
    send(end, {"id": request["id"], "code": 0, "out": out, "err": "", "seconds": 0.1, "stacks": ""})


def send(end: socket.socket, message: Any) -> None:
    end.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
