"""Remedies of an image as somebody types them who has it mounted: they belong into the image, not into this machine."""

from __future__ import annotations

import re

from hotplugctl.rules.facts import shell

# One command and its words, nothing that a shell does with them: chroot runs it itself (chroot(1)).
_PLAIN = re.compile(r"[\w./=:,+@%-]+(?: (?:[\w./=:,+@%-]+|'[^']*'))*\Z", re.ASCII)


def inside(remedy: str, mountpoint: str) -> str:
    """The command that carries out ``remedy`` in the image at ``mountpoint``; a rule knows the image's own paths."""
    place = shell(f"./{mountpoint}" if mountpoint.startswith("-") else mountpoint)
    return f"chroot {place} {remedy if _PLAIN.match(remedy) else f'sh -c {shell(remedy)}'}"
