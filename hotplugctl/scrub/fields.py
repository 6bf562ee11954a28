"""Where an identity stands because of the file, the key or the words before it: there even a short one is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.scrub import credentials, labels, nearby, remote
from hotplugctl.scrub.records import Span

_UDEV = {
    "ID_SERIAL": "serial",
    "ID_SERIAL_SHORT": "serial",
    "ID_SCSI_SERIAL": "serial",
    "ID_USB_SERIAL": "serial",
    "ID_USB_SERIAL_SHORT": "serial",
    "SCSI_IDENT_SERIAL": "serial",
    "SCSI_IDENT_LUN_VENDOR": "serial",
    "SCSI_IDENT_LUN_T10": "serial",
    "DM_SERIAL": "serial",
    "ID_WWN": "wwn",
    "ID_WWN_WITH_EXTENSION": "wwn",
    "SCSI_IDENT_LUN_NAA_REG": "wwn",
    "SCSI_IDENT_LUN_NAA_REGEXT": "wwn",
    "SCSI_IDENT_LUN_EUI64": "wwn",
    "DM_WWN": "wwn",
    "DM_UUID": "uuid",
    "MD_UUID": "uuid",
    "ID_FS_UUID": "uuid",
    "ID_FS_UUID_ENC": "uuid",
    "ID_FS_UUID_SUB": "uuid",
    "ID_FS_UUID_SUB_ENC": "uuid",
    "ID_PART_ENTRY_UUID": "uuid",
    "ID_PART_TABLE_UUID": "uuid",
    "HOSTNAME": "hostname",
    "_HOSTNAME": "hostname",
    "_MACHINE_ID": "machine-id",
}
_LOWER = {
    "serial": "serial",
    "serialnumber": "serial",
    "serial_number": "serial",
    "wwn": "wwn",
    "wwid": "wwn",
    "uuid": "uuid",
    "partuuid": "uuid",
    "ptuuid": "uuid",
    "id-link": "links",
    "idlink": "links",
    "asset_tag": "dmi",
    "hostname": "hostname",
    "nqn": "nqn",
    "subsysnqn": "nqn",
}
_FILES = {
    "serial": "serial",
    "serial_number": "serial",
    "serial-number": "serial",
    "host-serial": "serial",
    "phys_port_id": "serial",
    "wwid": "wwn",
    "wwn": "wwn",
    "wwpn": "wwn",
    "wwnn": "wwn",
    "port_name": "wwn",
    "node_name": "wwn",
    "sas_address": "wwn",
    "node_guid": "wwn",
    "sys_image_guid": "wwn",
    "eui": "wwn",
    "nguid": "uuid",
    "uuid": "uuid",
    "vm,uuid": "uuid",
    "boot_id": "uuid",
    "hostid": "uuid",
    "product_uuid": "uuid",
    "subsysnqn": "nqn",
    "hostnqn": "nqn",
    "product_serial": "dmi",
    "board_serial": "dmi",
    "chassis_serial": "dmi",
    "board_asset_tag": "dmi",
    "chassis_asset_tag": "dmi",
    "machine-id": "machine-id",
    "hostname": "hostname",
    "domainname": "hostname",
    "dhchap_secret": "secret",
    "dhchap_ctrl_secret": "secret",
    "password": "secret",
    "password_in": "secret",
    "username": "user",
    "username_in": "user",
    "ifalias": "label",
}
_SKIPPED_FILES = re.compile(r"/(?:sys/bus/(?:pci/slots|i2c)/|boot/|lib/modules/)")

REFERENCE = re.compile(r"/(?:boot/config-|lib/modules/[^/]*/modules\.|pci\.ids)|/config\.gz\Z")
"""The same on every machine with that kernel: nothing in them is one machine's own."""


def _alone(words: Iterable[str], before: str) -> str:
    """An expression of ``words`` that ``before`` does not precede; it begins with letters, which makes it fast."""
    first: dict[str, list[str]] = {}
    for word in sorted(words, key=len, reverse=True):
        first.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{letter}(?<!{before}{letter})(?:{'|'.join(tails)})" for letter, tails in first.items())


_KEYED = re.compile(
    rf"({_alone((*_UDEV, 'MEMORY_DEVICE_[0-9]{1,4}_(?:SERIAL_NUMBER|ASSET_TAG)'), '[0-9A-Za-z_]')})"
    r"(?:=|\"\s{0,4}:\s{0,4}\")([^\0\n\"]{1,4096})"
)
_SMALL = re.compile(
    rf"({_alone(_LOWER, '[0-9A-Za-z_.-]')})"
    r"(?:\"\s{0,4}:\s{0,4}\"([^\0\n\"]{1,1024})|\s=\s\"([^\0\n\"]{1,1024})|=([^\0\n\",\s]{1,1024}))"
)
_LABELLED = (
    rf"((?:{_alone(('Serial ?[Nn]umber', 'Asset Tag', 'UUID'), '[0-9A-Za-z]')}): {{1,40}})([^\0\n\"\\]{{1,256}})"
)
_UUIDS = re.compile(r"UUID=(?:(?<![0-9A-Za-z]UUID=)|(?<=PARTUUID=)(?<![0-9A-Za-z]PARTUUID=))\"?([0-9A-Za-z-]{3,64})")
_BY_ID = re.compile(
    r"(?:disk/by-id/|by-id\\x2f|\s)"
    r"(?:ata|scsi|virtio|nvme|usb|wwn|dm-uuid|md-uuid|lvm-pv-uuid|mmc|ieee1394)-([^\s\0\"',]{3,512})"
)
_GUID = r"(?:guid|GUID)[ \t]?[:=]?[ \t]{0,8}((?:0x)?[0-9a-f]{16}|[0-9a-f]{4}(?::[0-9a-f]{4}){3})(?![0-9A-Za-z:])"
_BY_UUID = r"by-(?:part)?uuid(?:/|\\x2f)([0-9A-Za-z-]{3,64})"

_HOSTS = re.compile(
    r"ostname(?:(?<=[Hh]ostname) set to <?|(?<=[Ss]et hostname) to <?|"
    r"(?:(?<=[Ss]tatic hostname)|(?<=[Tt]ransient hostname)|(?<=[Pp]retty hostname)): |"
    r"(?:(?<=\b[Ss]end hostname)|(?<=\b[Ss]end my hostname)|(?<=\b[Ss]ending hostname)|(?<=\b[Ss]ending my hostname)) )"
    r"([^\s>,;<\0\"\\]{1,255})"
)
# IP-Config (net/ipv4/ipconfig.c) says who it is, NFS and lockd name their server.
_IP_CONFIG = r"\bhost=([^\s,\0]{0,255}), domain=([^\s,\0]{0,255})"
_SERVERS = (
    r"(?:root@(?<![0-9A-Za-z_]root@)|server (?:(?<=nfs: server )|(?<=nfs4: server )|(?<=lockd: server )))"
    r"([0-9A-Za-z_][^\s>,;<)(:/\0\"'\\]{0,254})"
)
_SERVER_WORDS = ("root@", "nfs: server ", "nfs4: server ", "lockd: server ")
_UNAME = re.compile(r"Linux (\S{1,255}) \d+\.\d")
_STAMPED = re.compile(
    r"\n(?:\[ *\d+\.\d+\]|[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT[0-9:.,+Z-]{8,24}) "
    r"(\S{0,255})"
)
_HOME = re.compile(
    r"(?:/home/|/Users/|/media/)(?!(?:cdrom\d?|floppy\d?|usb\d?|root|lost\+found)\b)([0-9A-Za-z_][0-9A-Za-z_.-]{0,63})"
)
_USERS = re.compile(
    r"(?:\b(?:USER|LOGNAME|SUDO_USER|user|username|user-fullname|autologin_user)=|\bacct=\"?|\bLOGIN ON \S{1,20} BY |"
    r"\bof [Uu]ser |\bfor (?:invalid )?user |"
    r"\b(?:Accepted|Failed) [a-z/-]{1,40} for |\b[ug]id=\d{1,10}\(|\bsudo: {1,20}(?=\S{1,64} : ))"
    r"([0-9A-Za-z_][0-9A-Za-z_.-]{0,63})"
)
_HOMES = ("/home/", "/Users/", "/media/")
_USER_WORDS = (
    "USER=", "LOGNAME=", "user=", "username=", "user-fullname=", "of user ", "of User ", "for user ",
    "for invalid user ", "uid=", "gid=", "autologin_user=", "acct=", "LOGIN ON ", "sudo: ", "Accepted ", "Failed ",
)  # fmt: skip
_USER_LOOK = re.compile("|".join(map(re.escape, _USER_WORDS)))
_UDEV_WORDS = (
    "ID_",
    "DM_UUID",
    "DM_WWN",
    "DM_SERIAL",
    "MD_UUID",
    "DEVLINKS",
    "IDENT",
    "HOSTNAME",
    "_MACHINE",
    "MEMORY_DEV",
)
_SMALL_WORDS = ("serial", "wwn", "wwid", "uuid", "id-link", "idlink", "asset_tag", "hostname", "nqn")
_COMMAND_WORDS = ("ommand line: ", "BOOT_IMAGE=", "options ", "GRUB_CMDLINE")
_SYSTEM_USERS = re.compile(
    r"root:?|daemon(?:-reload)?|bin|sys|sync|games|man|lp|mail|news|uucp|proxy|www-data|backup|list|irc|nobody|adm|tty|"
    r"disk|kmem|dialout|fax|voice|cdrom|floppy|tape|sudo|audio|dip|operator|src|shadow|utmp|video|sasl|plugdev|staff|"
    r"users|nogroup|input|kvm|render|crontab|messagebus|sshd|polkitd|systemd-[a-z]+|wheel|"
    r"session|manager|services?:?|from|by|with|the"
)

_COMMAND_LINE = re.compile(
    r"(?:Command line: |command line: |BOOT_IMAGE=|o(?<![^\n]o)ptions |GRUB_CMDLINE_LINUX\w{0,20}=)([^\n\0]*)"
)
_COMMAND_FILES = re.compile(r"/(?:proc/cmdline|etc/kernel/cmdline|host/cmdline\.txt)\Z")
_URL = re.compile(
    r"(?<![0-9A-Za-z])[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@:\"'\0\\]{1,128}:[^\s/@\"'\0\\]{0,256}@)?"
    r"([^\s/:\"'\0\\]{1,255})"
)
_ISCSI = re.compile(r"iscsi:([^\s@:\"]{1,128}):([^\s@:\"]{1,256})(?::([^\s@:\"]{1,128}):([^\s@:\"]{1,256}))?@")
_INSTALL = re.compile(r"(?<![0-9A-Za-z._-])(?:inst\.ks|ks|url|preseed/url|auto|inst\.repo|inst\.stage2)=(\S{1,2048})")
_IP = re.compile(r"(?<![0-9A-Za-z._-])ip=(?:(?:\[[0-9A-Fa-f:.]{0,64}\]|[^:\s]*):){4}([^:\s]{1,255})(?::|(?=\s)|\Z)")
# netcfg of Debian's installer, live-config, dracut and cloud-init's NoCloud (``ds=nocloud;h=name;i=id``).
_NAMED = re.compile(
    r"(?<![0-9A-Za-z._/-])(?:(?:systemd\.|rd\.|live-config\.|netcfg/|netcfg/get_)?(?:hostname|domain)|h)=([^\s;,\"]{1,255})"
)
_INSTANCE = re.compile(r"ds=nocloud\S{0,1024}?;i=([^\s;,\"\\]{1,255})")
_MACHINE = re.compile(r"systemd\.machine_id=([0-9a-fA-F]{32})")
_PUBLIC_HOSTS = re.compile(
    r"(?:[0-9A-Za-z-]+\.)*(?:kernel\.org|debian\.org|ubuntu\.com|redhat\.com|fedoraproject\.org|suse\.com|"
    r"systemd\.io|freedesktop\.org|qemu\.org)|localhost|\(none\)|[\d.]+|\[[0-9A-Fa-f:]*\]?"
)


def kind_of_file(path: str) -> Optional[str]:
    """The kind of what the file at ``path`` holds, where it holds one value and nothing else."""
    name = path.rpartition("/")[2]
    kind = "volume" if path.endswith("/dm/name") else _FILES.get(name)
    return None if kind is None or _SKIPPED_FILES.search(path) else kind


def kind_of_key(key: str) -> Optional[str]:
    """The kind of the value of a key in JSON, None where it is no identity."""
    return _UDEV.get(key) or _LOWER.get(key) or labels.kind_of_key(key)


def spans(path: str, text: str) -> list[Span]:
    """The values that stand in ``text`` by their place, in order; where two overlap, the one that begins first."""
    found = sorted(_every(path, text), key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if span.end > span.start and (not kept or span.start >= kept[-1].end):
            kept.append(span)
    return kept


def _every(path: str, text: str) -> Iterator[Span]:
    if REFERENCE.search(path):
        return
    whole = kind_of_file(path)
    if whole is not None and len(text) < 4096:
        stripped = text.strip(" \n\0")
        start = text.find(stripped)
        yield Span(start, start + len(stripped), whole)
        return
    if not path:
        yield from _named(text)
    elif len(text) > 5 and ("=" in text or " " in text or "/" in text or '"' in text):
        yield from _worded(path, text)


def _named(name: str) -> Iterator[Span]:
    """What is in the name of a file, or in the target of a link."""
    for found in _BY_ID.finditer(name) if "by-id" in name else ():
        yield Span(found.start(1), found.end(1), "links")
    yield from _by_uuid(name)
    yield from labels.spans(name)
    if _has(name, _HOMES):
        yield from _users(name)


def _by_uuid(text: str) -> Iterator[Span]:
    """The short ones too, of FAT (``1234-ABCD``), which nothing else tells."""
    for found in re.finditer(_BY_UUID, text) if "uuid/" in text or "uuid\\x2f" in text else ():
        yield Span(found.start(1), found.end(1), "uuid")


def _worded(path: str, text: str) -> Iterator[Span]:
    yield from _keyed(text)
    yield from _hosts(text)
    yield from _users(text)
    yield from credentials.spans(path, text)
    yield from labels.spans(text)
    yield from _tables(path, text)
    yield from (span for span in remote.spans(path, text) if not _PUBLIC_HOSTS.fullmatch(text[span.start : span.end]))
    if _COMMAND_FILES.search(path):
        yield from _of_command_line(text, 0, len(text))
    for found in _COMMAND_LINE.finditer(text) if _has(text, _COMMAND_WORDS) else ():
        yield from _of_command_line(text, found.start(1), found.end(1))


def _has(text: str, words: tuple[str, ...]) -> bool:
    """Whether an expression can match at all: looking for a word takes a hundredth of the time."""
    return any(word in text for word in words)


def _keyed(text: str) -> Iterator[Span]:
    for found in _KEYED.finditer(text) if _has(text, _UDEV_WORDS) else ():
        yield Span(found.start(2), found.end(2), _UDEV.get(found[1], "serial"))
    for found in _SMALL.finditer(text) if _has(text, _SMALL_WORDS) else ():
        number = found.lastindex or 2
        yield Span(found.start(number), found.end(number), _LOWER[found[1]])
    for found in _UUIDS.finditer(text) if "UUID=" in text else ():
        yield Span(found.start(1), found.end(1), "uuid")
    yield from _by_uuid(text)
    for found in re.finditer(_GUID, text) if _has(text, ("guid", "GUID")) else ():
        yield Span(found.start(1), found.end(1), "wwn")
    for found in re.finditer(_LABELLED, text) if _has(text, ("Number: ", "number: ", "Asset Tag: ", "UUID: ")) else ():
        yield Span(found.start(2), found.end(2), {"S": "serial", "A": "dmi", "U": "uuid"}[found[1][0]])
    for found in _BY_ID.finditer(text) if "by-id" in text else ():
        yield Span(found.start(1), found.end(1), "links")


def _hosts(text: str) -> Iterator[Span]:
    for found in _HOSTS.finditer(text) if "ostname" in text else ():
        if not _PUBLIC_HOSTS.fullmatch(found[1]):
            yield Span(found.start(1), found.end(1), "hostname")
    for found in re.finditer(_SERVERS, text) if _has(text, _SERVER_WORDS) else ():
        if not _PUBLIC_HOSTS.fullmatch(found[1].rstrip(".")):
            yield Span(found.start(1), found.start(1) + len(found[1].rstrip(".")), "hostname")
    for found in re.finditer(_IP_CONFIG, text) if ", domain=" in text else ():
        for number in (1, 2):
            if not _PUBLIC_HOSTS.fullmatch(found[number]):
                yield Span(found.start(number), found.end(number), "hostname")
    uname = _UNAME.match(text)
    if uname is not None and uname[1] != "version":
        yield Span(uname.start(1), uname.end(1), "hostname")
    yield from _column(text)


def _column(text: str) -> Iterator[Span]:
    """The name after the time, as syslog and the journal write it: the same in every line, or it is none."""
    lines: list[re.Match[str]] = []
    for found in _STAMPED.finditer(f"\n{text}"):
        word = found[1]
        if not word or word[-1] in ":]" or word == "localhost" or (lines and word != lines[0][1]):
            return
        lines.append(found)
    if len(lines) > 1:
        yield from (Span(found.start(1) - 1, found.end(1) - 1, "hostname") for found in lines)


def _users(text: str) -> Iterator[Span]:
    there = [*_HOME.finditer(text)] if _has(text, _HOMES) else []
    if _has(text, _USER_WORDS):
        there += nearby.found(_USER_LOOK, _USERS, text)
    for found in there:
        user = found[1].rstrip(".")
        if not _SYSTEM_USERS.fullmatch(user) and not user.isdigit():
            yield Span(found.start(1), found.start(1) + len(user), "user")


def _tables(path: str, text: str) -> Iterator[Span]:
    if path.endswith("/etc/passwd"):
        for found in re.finditer(r"^([^:\n]{1,64}):[^:\n]*:(\d{1,10}):\d*:([^:\n]{0,256}):", text, re.MULTILINE):
            if int(found[2]) >= 1000 and not _SYSTEM_USERS.fullmatch(found[1]):
                yield Span(found.start(1), found.end(1), "user")
                yield Span(found.start(3), found.end(3), "user")
    for name, pattern, kind in _LISTS:
        for found in pattern.finditer(text) if path.endswith(name) else ():
            if kind == "hostname":
                yield from _names(text, found.start(1), found.end(1))
            else:
                yield Span(found.start(1), found.end(1), kind)


_LISTS = (
    ("/etc/hosts", re.compile(r"^[ \t]*[0-9A-Fa-f:.]{2,45}[ \t]([^#\n]*)", re.MULTILINE), "hostname"),
    ("/etc/resolv.conf", re.compile(r"^[ \t]*(?:search|domain)[ \t]+([^#;\n]*)", re.MULTILINE), "hostname"),
    ("/cpuinfo", re.compile(r"^Serial[ \t]*: ([0-9a-f]{8,32})$", re.MULTILINE), "serial"),
    ("/etc/crypttab", re.compile(r"^([^#\s]\S{0,255})[ \t]", re.MULTILINE), "volume"),
)


def _names(text: str, start: int, end: int) -> Iterator[Span]:
    for found in re.finditer(r"[^\s]{1,255}", text[start:end]):
        if not found[0].startswith(("localhost", "ip6-")):
            yield Span(start + found.start(), start + found.end(), "hostname")


_ON_COMMAND_LINE = (
    (_MACHINE, "machine-id"), (_INSTANCE, "serial"), (_IP, "hostname"), (_NAMED, "hostname"), (_URL, "hostname"),
    (remote.ROOT, "hostname"),
)  # fmt: skip


def _of_command_line(text: str, start: int, end: int) -> Iterator[Span]:
    for pattern, kind in _ON_COMMAND_LINE:
        for found in pattern.finditer(text, start, end):
            if kind != "hostname" or not _PUBLIC_HOSTS.fullmatch(found[1]):
                yield Span(found.start(1), found.end(1), kind)
    for found in _ISCSI.finditer(text, start, end):
        for number, kind in ((1, "user"), (2, "secret"), (3, "user"), (4, "secret")):
            if found[number]:
                yield Span(found.start(number), found.end(number), kind)
    for found in _INSTALL.finditer(text, start, end):
        path = re.search(r"(?<![:/])/(?!/)(\S+)", found[1])
        if path is not None and "://" in found[1]:
            yield Span(found.start(1) + path.start(1), found.start(1) + path.end(1), "secret")
