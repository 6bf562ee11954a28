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


def of_check(verdict: str, *, strict: bool, enough: Optional[bool], crashed: bool) -> int:
    """``check``: a limited guest is a no with --strict, too few free slots are a no, a crashed rule is a defect.

    ``enough`` None: how many slots are free is nothing that is known.
    """
    if crashed:
        return DEFECT
    code = _VERDICTS[verdict]
    if code == YES and enough is None:
        return CANNOT_TELL
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


def of_validations(*, valid: bool, readable: bool, judged: bool) -> int:
    """``validate``: a defect of ours goes before what could not be read, and that before what is invalid."""
    if not judged:
        return DEFECT
    return WRONG if not readable else YES if valid else NO


def of_record(*, clean: bool, complete: bool) -> int:
    """``record``: nothing is delivered that was not scrubbed clean; it is written, but events were lost."""
    return NO if not clean else YES if complete else LOST


def of_difference(*, same: Optional[bool]) -> int:
    """``diff``: the same as far as both tell; None: what decides could not be compared."""
    return CANNOT_TELL if same is None else YES if same else NO


def of_explanation(*, good: Optional[bool], crashed: bool) -> int:
    """``explain``: there and well, or would be; nothing there or something wrong; or it cannot be told."""
    return DEFECT if crashed else CANNOT_TELL if good is None else YES if good else NO


def of_unplug(safe: Optional[bool], *, found: Optional[bool]) -> int:
    """``can-unplug``; ``found`` is None where it cannot be told whether there is such a thing."""
    if not found:
        return CANNOT_TELL if found is None else NO
    return CANNOT_TELL if safe is None else YES if safe else NO
