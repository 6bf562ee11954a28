"""Commands of QEMU's monitor as they were read, and what the guest should come to see of them."""

from typing import TYPE_CHECKING, NamedTuple, Optional, Union

if TYPE_CHECKING:
    # A text is read without them.
    from collections.abc import Mapping

    from hotplugctl.model.devices import Functions, Node, Slots
    from hotplugctl.model.reads import Failure
    from hotplugctl.model.snapshot import Detail


class Place(NamedTuple):
    """A PCI place as a monitor command spells it (hexadecimal), or its reply (decimal); None: not said."""

    domain: int
    bus: Optional[int]
    device: int
    function: Optional[int] = None

    @property
    def address(self) -> Optional[str]:
        """``dddd:bb:dd.f``, function 0 where none was named; None where the bus is not known."""
        if self.bus is None:
            return None
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function or 0}"


class Option(NamedTuple):
    """``key=value`` of an option string, or a member of a QMP object; ``at``: where in the text it stands, from 0."""

    key: str
    value: str
    at: int


class Command(NamedTuple):
    """One monitor command.

    ``name`` as HMP spells it (``device_add``, ``blockdev-add``); ``subject``: the driver of ``device_add``, the type of
    ``pci_add`` (``nic``), the id of ``device_del``. ``place`` is None for ``auto`` and where there is none.
    """

    name: str
    subject: str
    subject_at: int
    place: Optional[Place]
    options: tuple[Option, ...]
    at: int

    def get(self, key: str) -> Optional[str]:
        """The value of an option, None without it."""
        return next((option.value for option in self.options if option.key == key), None)


class Reply(NamedTuple):
    """What QEMU answered: where the device is, or why there is none."""

    text: str
    place: Optional[Place]
    refused: bool
    at: int


class Request(NamedTuple):
    """A text that asks for one change: its command, the commands that prepare it, the reply if that was pasted too.

    ``command`` is None where there is nothing but a reply.
    """

    text: str
    command: Optional[Command]
    before: tuple[Command, ...]
    reply: Optional[Reply]


class Fault(NamedTuple):
    """Why a text is no command: where in it (from 0), and what would be allowed there."""

    at: int
    message: str
    allowed: tuple[str, ...] = ()


Parsed = Union[Request, Fault]


class Expects(NamedTuple):
    """What the guest should come to see: of a PCI function its class (six hex digits) and ids (``vvvv:dddd``, any of
    these), the driver that Linux binds, the subsystem in /sys/class and the file in /dev (``*``: a name to be read).

    None: there is none. ``unknown``: why what is None, or empty, is not known instead.
    """

    class_: Optional[str] = None
    ids: tuple[str, ...] = ()
    driver: Optional[str] = None
    subsystem: Optional[str] = None
    node: Optional[str] = None
    unknown: Optional[str] = None


class Clues(NamedTuple):
    """What tells the device from others like it: its place, parts of its address, its serial number or MAC.

    ``on_root``: on a root bus or behind a port, None: not known. ``function``: does it come as a PCI function at all?
    ``target``: its number on a SCSI bus.
    """

    place: Optional[Place] = None
    device: Optional[int] = None
    number: Optional[int] = None
    on_root: Optional[bool] = None
    serial: Optional[str] = None
    mac: Optional[str] = None
    function: bool = True
    target: Optional[int] = None


class Expectation(NamedTuple):
    """What becomes of a monitor command.

    ``valid``: can it be hot-plugged; None: not known. ``reason``: why not, or why it is not known. ``today``: the
    commands that do the same in QEMU now. ``told``: QEMU has answered where the device is.
    """

    command: str
    action: str
    kind: str
    valid: Optional[bool]
    reason: Optional[str]
    today: tuple[str, ...]
    expects: Expects
    clues: Clues
    told: bool
    remarks: tuple[str, ...]


class View(NamedTuple):
    """A guest as it is looked at for what a command brings.

    ``nodes``: address of a function → its nodes; ``nodes_failure``: what may have hidden some. ``buses``: bus → the
    port above it, None for a root bus. ``express``: root buses that ACPI calls PCIe ones.
    """

    functions: "Functions"
    nodes: "Mapping[str, tuple[Node, ...]]"
    nodes_failure: "Optional[Failure]"
    slots: "Slots"
    buses: "Mapping[str, Optional[str]]"
    details: "Mapping[str, Detail]"
    express: frozenset[str]


class Sighting(NamedTuple):
    """Whether what was expected was seen, and where; ``unknown``: key → reason for what is None and may be there.

    ``address``: where it is; where it is not, the place that it should be at, if that is known.
    """

    seen: Optional[bool]
    address: Optional[str]
    unknown: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
