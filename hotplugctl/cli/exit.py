"""The exit codes: the one table that turns an outcome into a status (the contract of the command line)."""

from __future__ import annotations

from typing import Optional

YES = 0
NO = 1
WRONG = 2
CANNOT_TELL = 3
TIMED_OUT = 4
LOST = 5
DEFECT = 70
NOT_WRITTEN = 74
INTERRUPTED = 130
TERMINATED = 143

_VERDICTS = {"ready": YES, "limited": YES, "not-ready": NO, "unknown": CANNOT_TELL, "not-applicable": CANNOT_TELL}


class Done(BaseException):
    """A command has come to its end with this status. No rule's crash: what catches those lets it pass."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def of_check(verdict: str, *, strict: bool, enough: bool, crashed: bool) -> int:
    """``check``: a limited guest is a no with --strict, too few free slots are a no, a crashed rule is a defect."""
    if crashed:
        return DEFECT
    code = _VERDICTS[verdict]
    if code == YES and (not enough or (strict and verdict == "limited")):
        return NO
    return code


def of_listing(*, known: bool) -> int:
    """``slots`` and ``list``: done, or the folder that decides could not be read."""
    return YES if known else CANNOT_TELL


def of_expectation(valid: Optional[bool], seen: Optional[bool], *, looked: bool) -> int:
    """``expect``: can it be plugged; and where it was looked for, was it seen?"""
    if valid is False:
        return NO
    decides = seen if looked else valid
    return CANNOT_TELL if decides is None else YES if decides else NO


def of_explanation(*, good: Optional[bool], crashed: bool) -> int:
    """``explain``: there and well, or would be; nothing there or something wrong; or it cannot be told."""
    return DEFECT if crashed else CANNOT_TELL if good is None else YES if good else NO


def of_validation(*, valid: bool) -> int:
    """``validate``."""
    return YES if valid else NO


def of_unplug(safe: Optional[bool], *, found: Optional[bool]) -> int:
    """``can-unplug``; ``found`` is None where it cannot be told whether there is such a thing."""
    if not found:
        return CANNOT_TELL if found is None else NO
    return CANNOT_TELL if safe is None else YES if safe else NO
