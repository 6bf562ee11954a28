"""What the lab fails with: faults of the lab and of the machine it runs on, never a failed scenario."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what it was asked. ``message``: what is wrong, and where; ``hint``: what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Lost(LabError):
    """A guest that does not answer any more: an error of the lab, not a failed test."""


class Failed(Exception):
    """A step did not come out as the scenario says; what follows it would mean nothing."""
