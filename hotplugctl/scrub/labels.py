"""Names that an owner gave: labels of file systems and partitions, device-mapper names, wireless networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from hotplugctl.scrub.records import Span

_LABEL = (
    r"(?:\b(?:ID_FS_LABEL(?:_ENC|_FS_ENC)?|ID_PART_ENTRY_NAME)(?:=|\"\s{0,4}:\s{0,4}\")|\"(?:part)?label\"\s{0,4}:\s{0,4}\"|"
    r"\b(?:PART)?LABEL=\"?(?<!_LABEL=)(?<!_LABEL=\"))([^\0\n\"]{1,256})"
)
_BY_LABEL = r"by-(?:part)?label(?:/|\\x2f)([^\s\0\"',/]{1,256})"
# A unit of systemd, BTRFS when it finds a device, GRUB and the folder in which a desktop mounts what is put in.
_SAID_LABEL = (
    r"(?:by\\x2d(?:part)?label-([^\s\0\"',/]{1,256}?)\.(?:device|swap|mount)\b|BTRFS: device label (\S{1,256}) devid|"
    r"\bsearch(?: --?[a-z-]{1,20}(?:=\S{1,64})?){0,4} (?:--label|-l)(?: --set(?:=\S{1,64}| [a-z]{1,16}))? "
    r"([^\s-]\S{0,255})|"
    r"/media/[^/\s]{1,64}/([^/\s\0\"']{1,256}))"
)
_MAPPED = (
    r"(?:\bDM_(?:VG_|LV_)?NAME(?:=|\"\s{0,4}:\s{0,4}\")|/dev/mapper/|dev-mapper-|\bdm-name-|\bmapper/|\brd\.lvm\.(?:lv|vg)=|"
    r"\brd\.luks\.name=[0-9A-Fa-f-]{1,64}=|\bcryptdevice=\S{1,128}?:)"
    r"([^\s\0\"',:;)\]]{1,256})"
)
_GROUP = re.compile(r"\bDM_VG_NAME=([0-9A-Za-z+_.][0-9A-Za-z+_.-]{0,126})")
_SSID = r"\bE?(?:ssid|SSID)[=: ] ?(?:\"([^\"\n]{1,32})\"|'([^'\n]{1,32})'|(?<==)([^\s\"',;]{1,32}))"
# What installers and clouds call theirs says nothing of an owner, and cloud-init and initial RAM disks go by some.
_GENERIC_LABEL = re.compile(
    r"(?i:cloudimg-rootfs|uefi|boot|root(?:fs)?|efi|esp|swap|home|var|tmp|usr|data|system|recovery|cidata|config-2|"
    r"(?:efi|bios|linux|microsoft|basic|apple)[ _](?:.{0,40})|primary|extended|logical|p\.?[a-z]+|bios|boot_efi|"
    r"no_label|isoimage|vendor.{0,8})"
)
_GENERIC_NAME = re.compile(
    r"(?:root|swap|home|var|tmp|usr|opt|srv|data|boot|log|pool|thin|vg|lv|system|control|real|cow|tpool|tdata|tmeta|"
    r"mpath|ubuntu|debian|fedora|rhel|centos|cl|rl|almalinux|rocky|pve|crypt(?:root|swap|data|home)?|luks|live|base|rw|"
    r"dm|part|cache|meta|snap)(?:[-_]?(?:vg|lv|[a-z]|\d{1,3}))?"
)
_LABEL_KEYS = frozenset(("label", "partlabel", "ID_FS_LABEL", "ID_FS_LABEL_ENC", "ID_PART_ENTRY_NAME"))
_VOLUME_KEYS = frozenset(("DM_NAME", "DM_VG_NAME", "DM_LV_NAME"))
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_GROUPS_LIMIT = 64
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\([0-7]{3})")
_WORDS = (
    "LABEL", "label", "ID_PART_ENTRY_NAME", "DM_", "mapper", "dm-name-", "rd.lvm.", "ssid", "SSID", "rd.luks.name=",
    "cryptdevice=", "/media/",
)  # fmt: skip


def spans(text: str) -> Iterator[Span]:
    """Where such names stand in ``text``: the content of a file, its name, or the target of a link."""
    if not any(word in text for word in _WORDS):
        return
    for pattern in (_LABEL, _BY_LABEL, _SAID_LABEL):
        for found in re.finditer(pattern, text):
            number = found.lastindex or 1
            if not _GENERIC_LABEL.fullmatch(plain(found[number])) and not _is_pool(text, found.start()):
                yield Span(found.start(number), found.end(number), "label")
    for found in re.finditer(_MAPPED, text):
        yield Span(found.start(1), found.end(1), "volume")
    for group in sorted({found[1] for found in _GROUP.finditer(text)})[:_GROUPS_LIMIT]:
        # udev's links to a logical volume, /dev/GROUP/VOLUME.
        for found in re.finditer(rf"(?:S:|/dev/)({re.escape(group)})/([^\s\0\"']{{1,128}})", text):
            yield Span(found.start(1), found.end(1), "volume")
            yield Span(found.start(2), found.end(2), "volume")
    for found in re.finditer(_SSID, text):
        yield Span(found.start(found.lastindex or 1), found.end(found.lastindex or 1), "ssid")


def is_generic(label: str) -> bool:
    """Whether installers and clouds call theirs so."""
    return _GENERIC_LABEL.fullmatch(label) is not None


def kind_of_key(key: str) -> Optional[str]:
    """The kind of the value of a key in JSON, None where it is none of these."""
    return "label" if key in _LABEL_KEYS else "volume" if key in _VOLUME_KEYS else None


def _is_pool(text: str, at: int) -> bool:
    """A ZFS pool's label is its name, by which can-unplug finds it in /proc/spl and in the table of mounts."""
    start, end = text.rfind("\n\n", 0, at), text.find("\n\n", at)
    return "zfs_member" in text[max(start, at - 8192, 0) : min(end if end >= 0 else len(text), at + 8192)]


def plain(value: str) -> str:
    """A label as it was given, where udev (``ID_FS_LABEL_ENC``) or the table of mounts (``\\040``) escaped it."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2], 8) & 0xFF), value)


def parts(value: str) -> list[str]:
    """What a device-mapper name says: of LVM's ``group-volume`` both, doubled dashes undone (libdm)."""
    text = plain(value)
    if _UUID.search(text):
        return []
    words = [word.replace("--", "-") for word in re.split(r"(?<!-)-(?!-)", text)]
    return [word for word in words if not _GENERIC_NAME.fullmatch(word)]
