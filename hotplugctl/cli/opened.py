"""What two arguments of a comparison name: recordings, stages of stories, dumps of devices, texts of lspci."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO, Union, cast

from hotplugctl.errors import UnusableRoot

if TYPE_CHECKING:
    from hotplugctl.model.lspci import LspciText
    from hotplugctl.source.archive import Folder
    from hotplugctl.source.rooted import Rooted
    from hotplugctl.source.stages import Place

_HINT = "name a recording, STORY:STAGE, a dump of devices or a text of lspci"


def opened(place: Place, loaded: dict[str, Folder]) -> Union[Rooted, LspciText]:
    """The tree, which the caller closes, or the text. ``loaded`` keeps the last tar. Raises UnusableRoot."""
    from hotplugctl.cli.world import read_dump
    from hotplugctl.source.door import open_tree

    kind = _kind(place)
    try:
        if kind == "other":
            return open_tree(place.path, place.stage, None, loaded, read_dump)
        return _of_file(place.path, loaded, pipe=kind == "pipe")
    except UnusableRoot as error:
        if not error.hint.startswith("add --stage ") or place.path == "-":
            raise
        # Here a stage is part of the name.
        hint = f"name it {place.path}:{error.hint[len('add --stage ') :]}"
        raise UnusableRoot(error.message, hint) from error


def _kind(place: Place) -> str:
    """``file``, ``pipe`` (what can be read only once), or ``other``: what is opened by its name."""
    if place.path == "-":
        return "pipe"
    try:
        mode = os.stat(place.path).st_mode
    except (OSError, ValueError):
        return "other"
    return "pipe" if stat.S_ISFIFO(mode) else "file" if stat.S_ISREG(mode) and place.stage is None else "other"


def _of_file(path: str, loaded: dict[str, Folder], *, pipe: bool) -> Union[Rooted, LspciText]:
    from hotplugctl.cli.world import read_dump
    from hotplugctl.source import dump, text
    from hotplugctl.source.door import open_tree
    from hotplugctl.source.head import Headed, is_text

    label = "standard input" if path == "-" else path
    if path == "-" and (sys.stdin.buffer.closed or sys.stdin.buffer.isatty()):
        raise UnusableRoot("nothing on standard input", _HINT)
    file = text.open_text(path, sys.stdin.buffer)
    try:
        headed = Headed(file, dump.HEAD)
        if is_text(headed.head) and not dump.looks_like(headed.head):
            return _lspci(text.whole(cast("BinaryIO", headed), label), label)
        if pipe:
            return open_tree("-", None, cast("BinaryIO", headed), None, read_dump)
    except OSError as error:
        raise UnusableRoot(f"{label}: {(error.strerror or 'cannot be read').lower()}", _HINT) from error
    finally:
        if path != "-":
            file.close()
    return open_tree(path, None, None, loaded, read_dump)


def _lspci(said: str, label: str) -> LspciText:
    from hotplugctl.cli import lspci_text

    parsed = lspci_text.parse(said)
    if parsed.form == "tree":
        raise UnusableRoot(f"{label}: the tree of lspci -t, which names no device", "take a text of lspci -nnk")
    if not parsed.records:
        raise UnusableRoot(f"{label}: a text in which lspci names nothing", _HINT)
    return parsed
