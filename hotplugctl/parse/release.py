"""Kernel releases (``uname -r``) in the order of their age, and their names in file names."""

from __future__ import annotations

import re
from typing import Optional

_PIECE = re.compile(r"\d+|[A-Za-z]+|~", re.ASCII)
_IMAGES = ("vmlinuz", "vmlinux", "bzImage", "zImage", "Image", "kernel", "linux", "initrd", "initramfs", "config")
_LONGEST = 256

Key = tuple[tuple[int, int, str], ...]


def order(release: str) -> Key:
    """A key that sorts older releases first: numbers as numbers, and ``-rc`` before the release itself."""
    pieces = []
    for piece in _PIECE.findall(release[:_LONGEST].replace("-rc", "~rc")):
        if piece == "~":
            pieces.append((-1, 0, ""))
        elif piece[0].isdigit():
            digits = piece.lstrip("0")
            pieces.append((2, len(digits), digits))
        else:
            pieces.append((1, 0, piece))
    return (*pieces, (0, 0, ""))


def of_file(path: str) -> Optional[str]:
    """What follows ``vmlinuz-`` in the name of a kernel's file: a release, or a flavour (``lts``); None for nothing."""
    kind, dash, rest = path.rpartition("/")[2].partition("-")
    return rest if dash and kind in _IMAGES and rest not in ("", ".", "..") and len(rest) <= _LONGEST else None


def is_release(name: str) -> bool:
    """Whether a folder of /lib/modules can be that of a kernel: releases begin with a number."""
    return name[:1].isdigit() and name.isprintable() and "/" not in name and len(name) <= _LONGEST
