"""Writes a recording's ``events/`` while it is heard: complete to the last line at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from hotplugctl.errors import BadTarget, OutputFailed
from hotplugctl.source.replay import NAMES

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


class Saver:
    """A new folder OUT with ``events/`` in it, for its owner alone: events hold serial numbers and MAC addresses."""

    def __init__(self, out: str) -> None:
        """Raises BadTarget where OUT is there already, OutputFailed where it cannot be made."""
        self._out = out
        self._files: dict[str, TextIO] = {}
        try:
            os.mkdir(out, _FOLDER_MODE)
            os.mkdir(os.path.join(out, "events"), _FOLDER_MODE)
            for name in NAMES:
                handle = os.open(
                    os.path.join(out, "events", name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE
                )
                self._files[name] = open(handle, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        except FileExistsError as error:
            raise BadTarget(f"{out}: is there already", "name a place that does not exist yet") from error
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def write(self, name: str, lines: Iterable[str]) -> None:
        """Lines (each with its newline) for one of the files. Raises OutputFailed."""
        try:
            self._files[name].writelines(lines)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """What was written is in the files. Raises OutputFailed."""
        try:
            for file in self._files.values():
                file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Twice is no error. Raises OutputFailed."""
        files, self._files = self._files, {}
        try:
            for file in files.values():
                file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> OutputFailed:
        why = getattr(error, "strerror", None) or str(error)
        return OutputFailed(f"{self._out}: {why}".lower() if not self._out else f"{self._out}: {why}")
