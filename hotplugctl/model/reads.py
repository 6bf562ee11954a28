"""The outcomes of a read. Absent is not empty, denied is not absent, unknown is not "no": each is a type of its own.

Every outcome carries ``path``, as seen from the root of the tree (``/sys/...``), never the path on the host.
"""

import errno as errno_module
from typing import NamedTuple, Union


class Value(NamedTuple):
    """The bytes that the file held."""

    path: str
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as text without the newline at the end; bytes that are no UTF-8 are written ``\\xNN``."""
        return self.data.decode("utf-8", "backslashreplace").rstrip("\n")


class Absent(NamedTuple):
    """It was looked for, and it does not exist (ENOENT, ENOTDIR on the machine that was read)."""

    path: str


class Unrecorded(NamedTuple):
    """A recording that does not hold it and does not show that it was looked for: unknown, not absent."""

    path: str


class Denied(NamedTuple):
    """EACCES or EPERM."""

    path: str
    errno: int


class Failed(NamedTuple):
    """Any other error: ``errno`` is evidence (EINVAL of a slot's ``attention``)."""

    path: str
    errno: int


class Vanished(NamedTuple):
    """It was there a moment before (listed, opened) and is gone: ENODEV, ENXIO, or ENOENT after a listing."""

    path: str


class Malformed(NamedTuple):
    """It was read and is not what its grammar says. Made by ``collect``, never by the source."""

    path: str
    why: str


class Hung(NamedTuple):
    """The read did not return within ``seconds`` and was left behind."""

    path: str
    seconds: float


class TooLarge(NamedTuple):
    """More bytes than ``limit``; nothing of it is used."""

    path: str
    limit: int


class NotRegular(NamedTuple):
    """A FIFO, socket, device node or directory where a file belongs; never opened. ``kind`` names which."""

    path: str
    kind: str


class Outside(NamedTuple):
    """A link that leads out of the root, or that goes round in a circle; not followed."""

    path: str


Failure = Union[Absent, Unrecorded, Denied, Failed, Vanished, Malformed, Hung, TooLarge, NotRegular, Outside]
Read = Union[Value, Failure]
FAILURES = (Absent, Unrecorded, Denied, Failed, Vanished, Malformed, Hung, TooLarge, NotRegular, Outside)
"""The types of ``Failure``, for ``isinstance``."""


def errno_name(number: int) -> str:
    """``EINVAL`` for 22; the number itself where this machine has no name for it."""
    return errno_module.errorcode.get(number, str(number))


def reason(read: Failure) -> str:
    """Why a value could not be had, in a few words that name the file: the text of ``"unknown"`` in the output."""
    return f"{read.path}: {_why(read)}"


def _why(read: Failure) -> str:
    if isinstance(read, (Denied, Failed)):
        word = "denied" if isinstance(read, Denied) else "failed"
        return f"{word} ({errno_name(read.errno)})"
    if isinstance(read, Hung):
        return f"the read hung for {read.seconds:g} s and was left behind"
    if isinstance(read, TooLarge):
        return f"larger than {read.limit} bytes"
    if isinstance(read, NotRegular):
        return f"not a regular file ({read.kind})"
    if isinstance(read, Malformed):
        return read.why
    return _PLAIN[type(read)]


_PLAIN = {
    Absent: "absent",
    Unrecorded: "not in the recording",
    Vanished: "vanished while it was read",
    Outside: "the link leads out of the root or in a circle",
}
