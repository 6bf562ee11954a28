"""The errors a user can cause: one line that says what is wrong, and a hint that says what to do next."""

from __future__ import annotations


class HotplugctlError(Exception):
    """Something a user can act on. ``message`` says what and where, ``hint`` what to do next (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnusableRoot(HotplugctlError):
    """``--root`` (or a recording named on the command line) cannot be read as a tree."""


class BadTarget(HotplugctlError):
    """A TARGET, finding id or address that is malformed, unknown or ambiguous."""


class OutputFailed(HotplugctlError):
    """The output that the user asked for could not be written."""
