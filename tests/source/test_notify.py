"""Readiness for a service manager."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hotplugctl.source.notify import READY, STOPPING, VARIABLE, notify


def listener(address: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(address)
    found.settimeout(5)
    return found


def test_by_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener(str(tmp_path / "notify")) as manager:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        assert notify(READY)
        assert manager.recv(100) == b"READY=1"


def test_by_an_abstract_name(tmp_path: Path) -> None:
    name = f"hotplugctl-{tmp_path.name}"
    with listener(f"\0{name}") as manager:
        assert notify(STOPPING, f"@{name}")
        assert manager.recv(100) == b"STOPPING=1"


def test_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not notify(READY)


@pytest.mark.parametrize(
    "address", ["", "@", "/", "relative", "vsock:2:1234", "/nowhere/at/all", "/" + "x" * 300, "@a\0b"]
)
def test_nobody_listens(address: str) -> None:
    assert not notify(READY, address)
