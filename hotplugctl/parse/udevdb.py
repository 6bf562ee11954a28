"""Files of ``/run/udev/data``, systemd's src/libsystemd/sd-device/device-private.c (``device_update_db``)."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.udev_record import UdevRecord

_DIGITS = 20


def parse(text: str) -> UdevRecord:
    """One record: a letter, a colon and a value a line. Link priority (``L``) and watch (``W``) are passed over."""
    values: dict[str, list[str]] = {letter: [] for letter in "SEGQINVLW"}
    unparsed = 0
    for line in text.split("\n"):
        bare = line.rstrip("\r")
        if bare[1:2] == ":" and bare[0] in values:
            values[bare[0]].append(bare[2:])
        elif bare:
            unparsed += 1
    properties = {}
    for entry in values["E"]:
        key, equals, value = entry.partition("=")
        if equals and key:
            properties[key] = value
        else:
            unparsed += 1
    return UdevRecord(
        tuple(values["S"]),
        properties,
        tuple(values["G"]),
        tuple(values["Q"]),
        _last_number(values["I"]),
        values["N"][-1] if values["N"] else None,
        _last_number(values["V"]),
        unparsed,
    )


def _last_number(texts: list[str]) -> Optional[int]:
    text = texts[-1] if texts else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
