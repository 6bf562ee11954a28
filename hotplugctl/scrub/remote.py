"""Names of other machines: who exports what is mounted, or has the root, and to whom an array belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotplugctl.scrub.records import Span

_HOST = r"[0-9A-Za-z][0-9A-Za-z.-]{0,255}"
_USER = r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}"
# The source of a mount is what the line begins with (/proc/mounts, fstab), or follows the type (mountinfo).
_BEFORE_TYPE = re.compile(
    rf"^(?:(?P<user>{_USER})@)?(?P<host>{_HOST}):\S{{1,1024}} \S{{1,1024}} "
    r"(?:nfs|fuse\.(?:sshfs|glusterfs)|glusterfs|ceph)",
    re.MULTILINE,
)
_AFTER_TYPE = re.compile(
    rf" - (?:nfs4?|fuse\.(?:sshfs|glusterfs)|glusterfs|ceph) (?:(?P<user>{_USER})@)?(?P<host>{_HOST}):"
)
_SHARE = re.compile(rf"(?:^| - (?:cifs|smb3) )//(?P<host>{_HOST})/", re.MULTILINE)
_OPTION = re.compile(r"(?<=[ ,])(?:domain|dom|workgroup)=(?P<host>[^\s,]{1,255})")
_SAID_SHARE = re.compile(rf"(?:CIFS|cifs)[^\n]{{0,80}}?(?://|\\\\)(?P<host>{_HOST})[/\\]")
# Who made an md array is a part of its name (mdadm(8), --homehost).
_ARRAY = re.compile(rf"(?:\bMD_NAME=|\bmd-name-|/dev/md/|\bname )(?P<host>{_HOST}):[0-9A-Za-z_]")
ROOT = re.compile(
    r"(?<![0-9A-Za-z._-])(?:nfsroot|root|netroot|inst\.repo|inst\.stage2)=(?:nfs[34]?:|nbd:)?(?:[^\s@:/]{1,64}@)?"
    r"(?!(?:nfs[34]?|nbd|iscsi|cifs|fcoe|dhcp6?|live|https?|ftp|block|zfs|ZFS|virtiofs|9p|dissect|hd|cdrom|LABEL)[:=])"
    rf"({_HOST}):"
)
"""The machine that has the root, or what is installed (dracut.cmdline(7), nfsroot.rst)."""


def spans(path: str, text: str) -> Iterator[Span]:
    """Where such names stand in ``text``, the file at ``path``."""
    if path.endswith(("/mounts", "/mountinfo", "/fstab")):
        for pattern in (_BEFORE_TYPE, _AFTER_TYPE, _SHARE):
            yield from _found(pattern, text)
        if "cifs" in text or "smb3" in text:
            yield from _found(_OPTION, text)
    if "CIFS" in text or "cifs" in text:
        yield from _found(_SAID_SHARE, text)
    if "MD_NAME=" in text or "md-name-" in text or "/dev/md/" in text or path.endswith("/mdstat"):
        yield from _found(_ARRAY, text)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        for kind, name in (("user", "user"), ("hostname", "host")):
            if found.groupdict().get(name):
                yield Span(found.start(name), found.end(name), kind)
