"""A device of a dump in the making, and what both forms have in common."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.device_dump import DumpedDevice

_DEVICES = "/devices/"
_LONGEST = 4096
_PARTS = 64


class Entry:
    """What a record has said so far."""

    def __init__(self, devpath: str) -> None:
        self.devpath = devpath
        self.node: Optional[str] = None
        self.links: list[str] = []
        self.properties: dict[str, str] = {}
        self.attributes: dict[str, bytes] = {}
        self.targets: dict[str, str] = {}

    def common(self, letter: bytes, value: bytes) -> bool:
        """Take in ``N``, ``S`` and ``E``; False for any other line."""
        if letter == b"E":
            key, equals, rest = text(value).partition("=")
            if equals and key:
                self.properties[key] = rest
            return bool(equals and key)
        if letter == b"S":
            self.links.append(text(value))
        elif letter == b"N":
            self.node = text(value)
        else:
            return False
        return True

    def device(self) -> DumpedDevice:
        """The record."""
        return DumpedDevice(self.devpath, self.node, tuple(self.links), self.properties, self.attributes, self.targets)


def text(value: bytes) -> str:
    """Bytes that are no UTF-8 become surrogates, as in names of files."""
    return value.decode("utf-8", "surrogateescape")


def is_devpath(path: str) -> bool:
    """Whether a device can be there: below /devices, no ``..``, no empty part, neither too long nor too deep."""
    parts = path.split("/")
    return (
        path.startswith(_DEVICES)
        and len(path) <= _LONGEST
        and len(parts) <= _PARTS
        and "\0" not in path
        and not any(part in ("", ".", "..") for part in parts[1:])
    )
