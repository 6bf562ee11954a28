"""The spelling of today: commands of HMP, and of QMP where HMP has none, that do what the command asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from hotplugctl.model.monitor import Command, Option, Place

BUS_ID = "ID"
"""Stands for an id that only QEMU knows."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}\Z")
# What -drive of old has no more, or what belongs to the device now.
_DRIVE_GONE = frozenset(
    {
        "addr",
        "boot",
        "bus",
        "cyls",
        "heads",
        "id",
        "if",
        "index",
        "media",
        "readonly",
        "secs",
        "serial",
        "trans",
        "unit",
    }
)
_CACHE = {"on": "writethrough", "off": "none"}


def nic(command: Command, driver: str) -> tuple[str, ...]:
    """``pci_add … nic``: the backend that a VLAN was, then the device."""
    backend: list[str] = []
    netdev = command.get("netdev")
    if netdev is None:
        netdev = "net0"
        hub = command.get("vlan")
        kind = [("", "user"), ("id", netdev)] if hub is None else [("", "hubport"), ("id", netdev), ("hubid", hub)]
        backend = [_line("netdev_add", kind)]
    name = command.get("id") or command.get("name") or ""
    options = [("", driver), ("netdev", netdev), ("id", name if _IDENTIFIER.match(name) else "nic0")]
    options += [
        (new, value) for old, new in (("macaddr", "mac"), ("vectors", "vectors")) if (value := command.get(old))
    ]
    return (*backend, _line("device_add", [*options, *_where(command.place)]))


def scsi(command: Command) -> tuple[str, ...]:
    """``pci_add … storage if=scsi``: the controller, and its disk where there is a file."""
    controller = _line("device_add", [("", "lsi53c895a"), ("id", "scsi0"), *_where(command.place)])
    if not command.get("file"):
        return (controller,)
    drive, name = _drive(command)
    return drive, controller, _scsi_disk(command, name, "scsi0.0")


def scsi_drive(command: Command) -> tuple[str, ...]:
    """``drive_add SLOT …if=scsi``: a disk on the controller that is there."""
    drive, name = _drive(command)
    return drive, _scsi_disk(command, name, f"{BUS_ID}.0")


def virtio_disk(command: Command) -> tuple[str, ...]:
    """``pci_add … storage if=virtio``."""
    drive, name = _drive(command)
    options = [("", "virtio-blk-pci"), ("drive", name), ("id", f"{name}-disk"), *_serial(command)]
    return drive, _line("device_add", [*options, *_where(command.place)])


def host(command: Command) -> tuple[str, ...]:
    """``pci_add … host host=bb:dd.f`` of qemu-kvm."""
    options = [("", "vfio-pci"), *((o.key, o.value) for o in command.options if o.key == "host"), ("id", "hostdev0")]
    return (_line("device_add", [*options, *_where(command.place)]),)


def itself(command: Command, driver: Optional[str] = None) -> str:
    """A command that is spelt so today, on one line."""
    if command.name == "blockdev-add":
        return _qmp("blockdev-add", [Option("driver", command.subject, 0), *command.options])
    if command.name == "drive_add":
        return "drive_add 0 " + _word(_joined([(o.key, o.value) for o in command.options]))
    if command.name == "blockdev-del":
        return _qmp("blockdev-del", [Option("node-name", command.subject, 0)])
    if command.name.endswith(("_del", "-remove")):
        return f"{command.name} {_word(command.subject)}"
    return _line(command.name, [("", driver or command.subject), *((o.key, o.value) for o in command.options)])


def into_port(lines: Iterable[str]) -> tuple[str, ...]:
    """The same, with the first device on a bus other than the root bus."""
    found = list(lines)
    for place, line in enumerate(found):
        if line.startswith("device_add "):
            quote = '"' if line.endswith('"') else ""
            found[place] = f"{line[: len(line) - len(quote)]},bus={BUS_ID}{quote}"
            break
    return tuple(found)


def pasteable(lines: Iterable[str]) -> bool:
    """Whether no name in it holds a character that a terminal would not show."""
    return all(line.isprintable() for line in lines)


def _drive(command: Command) -> tuple[str, str]:
    given = command.get("id") or ""
    name = given if _IDENTIFIER.match(given) else "drive0"
    options = [("if", "none"), ("id", name)]
    for option in command.options:
        if option.key == "cache":
            options.append(("cache", _CACHE.get(option.value, option.value)))
        elif option.key not in _DRIVE_GONE:
            options.append((option.key, option.value))
    if command.get("readonly") is not None:
        options.append(("readonly", str(command.get("readonly"))))
    return "drive_add 0 " + _word(_joined(options)), name


def _scsi_disk(command: Command, drive: str, bus: str) -> str:
    kind = "scsi-cd" if command.get("media") == "cdrom" else "scsi-hd"
    options = [("", kind), ("drive", drive), ("bus", bus), ("id", f"{drive}-disk"), *_serial(command)]
    unit = command.get("unit")
    return _line("device_add", [*options, *([("scsi-id", unit)] if unit is not None else [])])


def _serial(command: Command) -> list[tuple[str, str]]:
    serial = command.get("serial")
    return [] if serial is None else [("serial", serial)]


def _where(place: Optional[Place]) -> list[tuple[str, str]]:
    if place is None:
        return []
    bus = [("bus", BUS_ID)] if place.bus else []
    return [*bus, ("addr", f"{place.device:02x}" + (f".{place.function}" if place.function else ""))]


def _line(name: str, options: Iterable[tuple[str, str]]) -> str:
    return f"{name} {_word(_joined(options))}"


def _joined(options: Iterable[tuple[str, str]]) -> str:
    parts = (f"{key}={_doubled(value)}" if key else _doubled(value) for key, value in options)
    return ",".join(parts)


def _doubled(value: str) -> str:
    return value.replace(",", ",,")


def _word(text: str) -> str:
    """One word of HMP: in quotes where a blank or a quotation mark would end it (monitor/hmp.c)."""
    if text and not text.startswith('"') and not any(character.isspace() for character in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _qmp(name: str, options: Iterable[Option]) -> str:
    import json

    arguments: dict[str, object] = {}
    for option in options:
        at = arguments
        *above, last = option.key.split(".")[:16]
        for key in above:
            below = at.setdefault(key, {})
            if not isinstance(below, dict):
                below = at[key] = {}
            at = below
        at[last] = {"on": True, "off": False}.get(option.value, option.value)
    return json.dumps({"execute": name, "arguments": arguments}, ensure_ascii=False)
