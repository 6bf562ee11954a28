"""Two guests, or one guest twice, as they are laid side by side, and in what they differ."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

Facts = Mapping[str, object]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "function": (
        "address", "class", "class_name", "vendor", "device", "subsystem_vendor", "subsystem_device", "name",
        "revision", "driver", "slot", "enabled", "answers", "bars",
    ),
    "driver": ("address", "driver"),
    "node": ("subsystem", "name", "node", "function", "size", "ro", "model", "serial", "address", "state", "hung"),
    "slot": ("name", "address", "mechanism", "occupied", "power"),
    "mechanism": ("name", "state", "blocked_by"),
}  # fmt: skip
"""What a record of each kind holds: the kinds are those in which guests are compared.

``answers``: whether config space reads as anything but ones; ``bars``: sizes in bytes of BAR 0 to 5, None for one that
has no address; ``hung``: whether a read of it never returned; ``function``: the address of a node's function.
"""

KINDS = tuple(FIELDS)


class Held(NamedTuple):
    """One thing that a side has. ``key``: an address or a name; ``facts``: what is known of it, by ``FIELDS``.

    A field that is missing from ``facts`` is not known, and ``unknown`` may say why; None: there is none. ``marks``:
    what tells this one device from all others of its kind (``serial:…``, ``wwn:…``, ``mac:…``). ``place``: where it
    is, in words that a renumbering does not change: the devices and functions on the way from its root bus, the parts
    between a function and its node. ``number``: of a partition.
    """

    key: str
    facts: Facts
    unknown: Mapping[str, str] = {}
    marks: frozenset[str] = frozenset()
    place: tuple[str, ...] = ()
    number: Optional[int] = None


class Side(NamedTuple):
    """One of the two: what is in it, by kind; nodes by the address of their function.

    ``kind``: live, recording, image, or lspci for a text. ``silent``: kind → why nothing of this kind can be told.
    ``partial``: kind → why it may hold more of this kind than is told here. ``remarks``: what was odd about it.
    """

    label: str
    kind: str
    functions: tuple[Held, ...]
    nodes: Mapping[str, tuple[Held, ...]]
    slots: tuple[Held, ...]
    mechanisms: tuple[Held, ...]
    silent: Mapping[str, str]
    partial: Mapping[str, str]
    remarks: tuple[str, ...] = ()


class Change(NamedTuple):
    """One difference. ``what``: a kind; ``change``: added, removed, changed, moved or renamed.

    ``key``: the address of a function (for a driver too), the name of a node, slot or mechanism, as the second side
    has it, if it is there. ``differs``: the fields in which ``before`` and ``after`` differ. ``address``: the function
    that it belongs to, by the side that ``key`` is from; None for slots and mechanisms.
    """

    what: str
    change: str
    key: str
    before: Optional[Held]
    after: Optional[Held]
    differs: tuple[str, ...]
    address: Optional[str] = None


class Omission(NamedTuple):
    """What was not compared, or not wholly: ``side`` is its label; ``wholly``: nothing of this kind was."""

    what: str
    side: str
    reason: str
    wholly: bool


class Difference(NamedTuple):
    """``same`` is None where no difference was found and functions could not be compared: that decides nothing."""

    same: Optional[bool]
    changes: tuple[Change, ...]
    omissions: tuple[Omission, ...]
    remarks: tuple[str, ...]
