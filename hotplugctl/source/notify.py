"""Readiness for a service manager: sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket
from typing import Optional

READY = "READY=1"
STOPPING = "STOPPING=1"
VARIABLE = "NOTIFY_SOCKET"
_TIMEOUT = 1.0


def notify(state: str, address: Optional[str] = None) -> bool:
    """Send ``state`` to NOTIFY_SOCKET (a path, or ``@`` and an abstract name); False where nobody took it.

    Without the variable nobody waits for it. A manager that does not listen is no reason to fail.
    """
    address = os.environ.get(VARIABLE) if address is None else address
    if not address or address[0] not in "/@" or len(address) < 2:
        return False
    target = "\0" + address[1:] if address[0] == "@" else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_TIMEOUT)
            channel.connect(target)
            channel.sendall(state.encode())
    except (OSError, ValueError):
        return False
    return True
