"""Uevents: sysfs ``uevent`` files, netlink datagrams, and texts that hold many of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Optional

from hotplugctl.model.uevent import KERNEL_GROUP, UDEV_GROUP, Uevent, UeventsText

_Block = tuple[dict[str, str], Optional[float], Optional[int]]
_UDEV_PREFIX = b"libudev\0"
_UDEV_MAGIC = b"\xfe\xed\xca\xfe"
_UDEV_HEADER = 24
_DIGITS = 20


def parse_file(text: str) -> dict[str, str]:
    """A sysfs ``uevent`` file (drivers/base/core.c, ``uevent_show``): ``KEY=value`` lines; others are skipped."""
    return _properties(text.split("\n"))


def parse_datagram(data: bytes) -> Optional[Uevent]:
    """A NETLINK_KOBJECT_UEVENT message, the kernel's or udev's; None where it is neither. ``at`` is None.

    The kernel (lib/kobject_uevent.c) sends ``action@devpath``, then NUL-separated ``KEY=value``. udev (libudev's
    monitor) sends a header of ``libudev\\0``, the magic 0xfeedcafe, and where its properties start and end.
    """
    if data.startswith(_UDEV_PREFIX):
        return _from_udev(data)
    head, _, body = data.partition(b"\0")
    action, at_sign, devpath = head.decode("utf-8", "backslashreplace").partition("@")
    if not at_sign or not action or not devpath.startswith("/"):
        return None
    properties = _properties(body.decode("utf-8", "backslashreplace").split("\0"))
    return _make(properties, None, KERNEL_GROUP, action, devpath)


def parse_entry(entry: Mapping[str, object]) -> Optional[Uevent]:
    """A line of ``netlink-uevent.jsonl``, decoded: ``t``, ``group``, ``b64`` the datagram, ``props`` in its place."""
    return _from_entry(entry)


def parse_text(text: str) -> UeventsText:
    """Events of ``udevadm monitor`` (with or without ``-p``), of a recorded ``netlink-uevent.jsonl``, or the records
    of ``udevadm info -e``. The first line that fits one of these decides which it is.
    """
    lines = text.split("\n")
    found = re.search(r"^(?:(?:KERNEL|UDEV|UEVENT)[ \t]*(\[)|[ \t]*(\{)|(P: /))", text, re.MULTILINE)
    if found is None:
        return UeventsText("none", (), sum(1 for line in lines if line.strip()))
    form, reader = _FORMS[(found.lastindex or 1) - 1]
    records, unparsed = reader(lines)
    return UeventsText(form, tuple(records), unparsed)


def _make(
    properties: dict[str, str], at: Optional[float], group: Optional[int], action: str = "", devpath: str = ""
) -> Uevent:
    """An event of its properties; ``action`` and ``devpath`` stand in where those lack them."""
    seqnum = properties.get("SEQNUM", "")
    return Uevent(
        properties.get("ACTION", action),
        properties.get("DEVPATH", devpath),
        properties.get("SUBSYSTEM"),
        int(seqnum) if seqnum.isascii() and seqnum.isdigit() and len(seqnum) <= _DIGITS else None,
        at,
        group,
        properties,
    )


def _from_udev(data: bytes) -> Optional[Uevent]:
    if len(data) < _UDEV_HEADER or data[8:12] != _UDEV_MAGIC:
        return None
    # The sizes are in the order of the machine that sent them; a small number tells which that was.
    order = "little" if int.from_bytes(data[12:16], "little") < 0x10000 else "big"
    start = int.from_bytes(data[16:20], order)  # type: ignore[arg-type]
    length = int.from_bytes(data[20:24], order)  # type: ignore[arg-type]
    if not _UDEV_HEADER <= start <= len(data):
        return None
    body = data[start : start + length]
    properties = _properties(body.decode("utf-8", "backslashreplace").split("\0"))
    if not properties.get("ACTION") or not properties.get("DEVPATH", "").startswith("/"):
        return None
    return _make(properties, None, UDEV_GROUP)


def _properties(lines: Iterable[str]) -> dict[str, str]:
    properties = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key:
            properties[key] = value.rstrip("\r")
    return properties


def _from_monitor(lines: list[str]) -> tuple[list[Uevent], int]:
    """``KERNEL[31.363111] add /devices/… (pci)``, then with ``-p`` its properties up to a blank line."""
    head = re.compile(r"(KERNEL|UDEV|UEVENT)[ \t]*\[[ \t]*(\d{1,15}(?:\.\d{1,9})?)\][ \t]+(\w+)[ \t]+(/[^\r]*)").match
    blocks: list[_Block] = []
    unparsed = 0
    inside = False
    for line in lines:
        found = head(line)
        if found is not None:
            source, at, action, rest = found.groups()
            blocks.append((_head_properties(action, rest), float(at), UDEV_GROUP if source == "UDEV" else KERNEL_GROUP))
            inside = True
        elif not line.strip():
            inside = False
        elif not (inside and _add(blocks, line)) and not line.startswith(_MONITOR_INTRO):
            unparsed += 1
    return [_make(*block) for block in blocks], unparsed


def _head_properties(action: str, rest: str) -> dict[str, str]:
    devpath, opening, subsystem = rest.rstrip().rpartition(" (")
    if opening and subsystem.endswith(")"):
        return {"ACTION": action, "DEVPATH": devpath, "SUBSYSTEM": subsystem[:-1]}
    return {"ACTION": action, "DEVPATH": rest.rstrip()}


def _add(blocks: list[_Block], line: str) -> bool:
    """Put ``KEY=value`` into the last block; False where the line is no such thing."""
    key, equals, value = line.rstrip("\r").partition("=")
    if not equals or not key or " " in key:
        return False
    blocks[-1][0][key] = value
    return True


def _from_jsonl(lines: list[str]) -> tuple[list[Uevent], int]:
    """``t`` seconds, ``group``, ``b64`` the datagram, ``props``; the datagram counts where it can be read."""
    from json import JSONDecoder

    decode = JSONDecoder(parse_int=_small_int).decode
    records = []
    unparsed = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            entry = decode(line)
        except (ValueError, RecursionError):
            entry = None
        event = _from_entry(entry) if isinstance(entry, dict) else None
        if event is None:
            unparsed += 1
        else:
            records.append(event)
    return records, unparsed


def _small_int(text: str) -> Optional[int]:
    return int(text) if len(text) <= _DIGITS else None


def _from_entry(entry: Mapping[str, object]) -> Optional[Uevent]:
    event = _from_base64(entry.get("b64"))
    if event is None:
        event = _from_props(entry.get("props"))
    if event is None:
        return None
    at = entry.get("t")
    seconds = float(at) if isinstance(at, (int, float)) and not isinstance(at, bool) and 0 <= at < 1e15 else None
    group = entry.get("group")
    return event._replace(at=seconds, group=group if group in (KERNEL_GROUP, UDEV_GROUP) else event.group)


def _from_base64(text: object) -> Optional[Uevent]:
    from binascii import a2b_base64

    if not isinstance(text, str):
        return None
    try:
        return parse_datagram(a2b_base64(text))
    except ValueError:
        return None


def _from_props(props: object) -> Optional[Uevent]:
    if not isinstance(props, dict):
        return None
    properties = {key: value for key, value in props.items() if isinstance(key, str) and isinstance(value, str)}
    if not properties.get("ACTION") or not properties.get("DEVPATH", "").startswith("/"):
        return None
    return _make(properties, None, None)


def _from_info(lines: list[str]) -> tuple[list[Uevent], int]:
    """``P: devpath`` begins a record, ``E: KEY=value`` are its properties; the other letters tell nothing more."""
    blocks: list[_Block] = []
    unparsed = 0
    inside = False
    for line in lines:
        if line.startswith("P: /"):
            blocks.append(({"DEVPATH": line[3:].rstrip("\r")}, None, None))
            inside = True
        elif not line.strip():
            inside = False
        elif not inside or not _is_info(blocks, line):
            unparsed += 1
    return [_make(*block) for block in blocks], unparsed


def _is_info(blocks: list[_Block], line: str) -> bool:
    if line.startswith("E: "):
        return _add(blocks, line[3:])
    return line[1:3] == ": " and line[0].isupper()


_MONITOR_INTRO = (
    "monitor will print the received events for:",
    "UDEV - the event which udev sends out after rule processing",
    "KERNEL - the kernel uevent",
)
_FORMS: tuple[tuple[str, Callable[[list[str]], tuple[list[Uevent], int]]], ...] = (
    ("udevadm-monitor", _from_monitor),
    ("netlink-jsonl", _from_jsonl),
    ("udevadm-info", _from_info),
)
