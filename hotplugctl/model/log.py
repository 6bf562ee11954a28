"""Lines of the kernel log, and what they mean for PCI hot-plug."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Callable, NamedTuple, Optional, Union

from hotplugctl.model.address import PciAddress

Field = Union[str, int, bool, None, tuple[str, ...]]


class KernelEvent(NamedTuple):
    """A fact that one line of the kernel log states.

    ``kind`` is lower-case with dashes (``parse.kernel_events`` lists them), ``address`` canonical (``dddd:bb:dd.f``),
    ``slot`` the slot's name as the driver prints it. ``fields`` holds the rest: ids and classes as lower-case hex of
    fixed width, sizes in bytes, times in the unit that the field's name ends with (``_s``, ``_ms``).
    """

    kind: str
    address: Optional[str]
    slot: Optional[str]
    fields: Mapping[str, Field]

    def get(self, name: str) -> Field:
        """The field of that name, None where the line does not have it."""
        return self.fields.get(name)


class LogLine(NamedTuple):
    """One message of the kernel log. None is what the form of the log does not tell."""

    at: Optional[float]
    """Seconds since boot, as printk stamped it."""
    time: Optional[str]
    """RFC 3339 UTC; None where the form gives local time without its zone (``dmesg -T``, syslog)."""
    level: Optional[str]
    """``emerg`` … ``debug``."""
    facility: Optional[str]
    """``kern``, ``user``, ``daemon`` …"""
    caller: Optional[str]
    """``T1`` (task) or ``C0`` (processor), of kernels with CONFIG_PRINTK_CALLER."""
    prefix: Optional[str]
    """What stands before the first colon, without the PCI address: ``pcieport``, ``virtio_blk virtio3``, ``ACPI``."""
    address: Optional[str]
    """The PCI function that the line is about, canonical."""
    message: str
    """What follows prefix and address. Lines of one message are separated by a newline."""
    event: Optional[KernelEvent]


class Stamp(NamedTuple):
    """What stands before a message, but for the seconds since boot."""

    time: Optional[str]
    level: Optional[str]
    facility: Optional[str]
    caller: Optional[str]


class Head(NamedTuple):
    """The beginning of a message, up to its first colon: ``driver device: `` as dev_printk() writes it.

    ``subject`` is the network interface of netdev_printk() (``e1000e 0000:03:00.0 ens3: ``): part of the message.
    """

    prefix: Optional[str]
    address: Optional[str]
    subject: Optional[str]

    @classmethod
    def split(cls, text: str) -> "tuple[Head, str]":
        """Split a message (without its stamp) into head and rest; ``NO_HEAD`` and the whole text where it has none."""
        before, colon, rest = text.partition(": ")
        found = cls.of(before) if colon else None
        return (NO_HEAD, text) if found is None else (found, rest)

    @classmethod
    def of(cls, before: str) -> "Optional[Head]":
        """Read what stands before the first ``: ``; None where it is no head but part of a sentence."""
        return _read_head(before)


NO_HEAD = Head(None, None, None)

Row = tuple[Union[str, Stamp], str, str, str]
"""One message as the parser hands it on: what its stamp is made of, seconds since boot as text ("" for none), the
caller, the message with its head. A plain tuple as the regular expression makes it: a log has a million of them.
"""


class Unread(NamedTuple):
    """Lines of a log that were not read for what they mean; ``since`` and ``until``: seconds since boot."""

    lines: int
    since: Optional[float]
    until: Optional[float]


FIRST_WORDS = "Linux version "
"""The first message of every boot (init/main.c)."""
BOOTED = re.compile(r"(?:Freeing unused (?:kernel|decrypted)|Write protecting the kernel|Run \S{1,80} as init process)")
"""The log has no event for the end of the boot's own scan of the buses; these come after it."""


class EventReader(NamedTuple):
    """How meaning is found: ``of`` is asked only where ``worth`` or the first four characters (``starts``) say so."""

    of: Callable[[str, Head], Optional[KernelEvent]]
    starts: AbstractSet[str]
    worth: Callable[[Head], bool]


_HEAD_LONGEST = 96

# A head with a PCI function, one with another device (its name has a digit), and a lone word. Each may start with the
# space that dev_printk() leaves where there is no driver yet; an interface may be "(uninitialized)".
_SUBJECT = r"(?: (?P<subject>[^\s:/]{1,40}|[^\s/]{1,40} \([a-z_ ]{1,24}\)))?"
_ON_FUNCTION = re.compile(
    r" ?(?:(?P<driver>\w[\w./+-]{0,40}) )?"
    r"(?P<address>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7])(?::pcie?[0-9a-f]{1,4})?" + _SUBJECT + r"\Z",
    re.ASCII,
)
_CANONICAL = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z")
_ON_DEVICE = re.compile(
    r" ?(?P<device>\w[\w./+-]{0,40} (?=\S*[0-9])[^\s\[\](){}=,;]{1,40})" + _SUBJECT + r"\Z", re.ASCII
)
_WORD = re.compile(r" ?(?P<word>(?=\S*[A-Za-z])\w[\w./+:-]{0,63}(?:\[[0-9]{1,10}\])?)\Z", re.ASCII)


def _read_head(before: str) -> "Optional[Head]":
    if len(before) > _HEAD_LONGEST:
        return None
    found = _ON_FUNCTION.match(before)
    if found is not None:
        driver, address, subject = found.groups()
        if _CANONICAL.match(address) is None:
            address = str(PciAddress.parse(address))
        return Head(driver, address, subject)
    found = _WORD.match(before)
    if found is not None:
        return Head(found["word"], None, None)
    found = _ON_DEVICE.match(before)
    return None if found is None else Head(found["device"], None, found["subject"])
