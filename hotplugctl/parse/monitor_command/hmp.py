"""Commands of the human monitor: those of QEMU 0.10 to 2.x that plugged PCI devices, and those of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from hotplugctl.model.monitor import Command, Option
from hotplugctl.parse.monitor_command import options, places
from hotplugctl.parse.monitor_command.text import Text, Wrong, first_word, words

# Options of -net nic, and of -drive, in the versions that had pci_add (qemu-options.hx, net.c, blockdev.c).
NIC = frozenset({"vlan", "netdev", "macaddr", "model", "name", "id", "vectors"})
DRIVE = frozenset(
    {
        "aio", "boot", "bps", "bps_rd", "bps_wr", "bus", "cache", "copy-on-read", "cyls", "file", "format", "heads",
        "id", "if", "index", "iops", "iops_rd", "iops_wr", "media", "readonly", "rerror", "secs", "serial", "snapshot",
        "trans", "unit", "werror",
    }
)  # fmt: skip
_TYPES = {"nic": NIC, "storage": DRIVE}


def command(line: Text) -> Command:
    """Read one command. Raises Wrong."""
    head, rest = first_word(line)
    name = ALIASES.get(head.text, head.text)
    reader = _drive if name == "-drive" else READERS.get(name)
    if reader is None:
        raise Wrong(head.start, f"{_short(head.text)} is no command that plugs or unplugs a device", tuple(READERS))
    return reader(name, head, rest)


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "...")


def _pci_add(name: str, head: Text, rest: Text) -> Command:
    given = words(rest)
    if not given:
        raise Wrong(rest.start, "pci_add needs an address", places.SPELLINGS)
    place = places.read(given[0], auto=True)
    if len(given) < 2:
        raise Wrong(rest.end, "pci_add needs a type", ("nic", "storage"))
    _no_more(given, 3, rest)
    kind = given[1]
    found = options.read(given[2]) if len(given) > 2 else ()
    if kind.text in _TYPES:
        other = "storage" if kind.text == "nic" else "nic"
        for option in found:
            if option.key in _TYPES[other] and option.key not in _TYPES[kind.text]:
                raise Wrong(
                    option.at, f"{option.key} belongs to {other}, not to {kind.text}", sorted(_TYPES[kind.text])
                )
        options.only(found, _TYPES[kind.text], kind.text)
    made = Command(name, kind.text, kind.start, place, found, head.start)
    if kind.text == "storage":
        _complete(made, rest)
    return made


def _complete(made: Command, rest: Text) -> None:
    """QEMU has no default here: ``no if= specified``, ``virtio requires a backing file/device``."""
    if made.get("if") is None:
        raise Wrong(rest.end, "storage needs if=", ("if=scsi", "if=virtio"))
    if made.get("if") == "virtio" and not made.get("file"):
        raise Wrong(rest.end, "a virtio disk needs its file", ("file=FILE",))


def _pci_del(name: str, head: Text, rest: Text) -> Command:
    given = words(rest)
    if not given:
        raise Wrong(rest.start, "pci_del needs an address", places.SPELLINGS[1:])
    _no_more(given, 1, rest)
    return Command(name, given[0].text, given[0].start, places.read(given[0], auto=False), (), head.start)


def _drive_add(name: str, head: Text, rest: Text) -> Command:
    given = words(rest)
    if given and given[0].text == "-n":
        del given[0]
    if len(given) < 2:
        raise Wrong(rest.end, "drive_add needs an address and options", ("drive_add <slot> file=FILE,if=scsi",))
    _no_more(given, 2, rest)
    found = options.read(given[1])
    made = Command(name, given[0].text, given[0].start, None, found, head.start)
    # With if=none the address is read by nobody, and people write 0 or dummy.
    if made.get("if") == "scsi":
        made = made._replace(place=places.read(given[0], auto=False))
    return made


def _drive(_name: str, head: Text, rest: Text) -> Command:
    """``-drive`` of QEMU's command line: no address."""
    given = words(rest)
    if not given:
        raise Wrong(rest.start, "-drive needs options", ("-drive file=FILE,if=none,id=ID",))
    _no_more(given, 1, rest)
    return Command("drive_add", "", given[0].start, None, options.read(given[0]), head.start)


def _device_add(name: str, head: Text, rest: Text) -> Command:
    given = words(rest)
    if not given:
        raise Wrong(rest.start, "device_add needs a driver", ("device_add DRIVER[,key=value]...",))
    if len(given) > 1 and all("=" in word.text for word in given):
        # As qmp-shell takes it: one option a word.
        found = tuple(option for word in given for option in options.read(word))
    else:
        _no_more(given, 1, rest)
        found = options.read(given[0], "driver")
    return device(name, head.start, found, rest.end)


def device(name: str, at: int, found: tuple[Option, ...], end: int, numbers: frozenset[str] = frozenset()) -> Command:
    """A device of these options; ``numbers``: the keys whose values were JSON numbers. Raises Wrong."""
    driver = next((option for option in found if option.key == "driver"), None)
    if driver is None or not driver.value:
        raise Wrong(end if driver is None else driver.at, "which driver?", ("DRIVER", "driver=DRIVER"))
    place = None
    for option in found:
        if option.key == "id":
            options.identifier(option)
        if option.key == "addr":
            start = options.place_of_value(option)
            place = places.of_property(
                Text(option.value, range(start, start + len(option.value)), start), option.key in numbers
            )
    others = tuple(option for option in found if option is not driver)
    return Command(name, driver.value, driver.at, place, others, at)


def _named(name: str, head: Text, rest: Text) -> Command:
    """A command whose one argument is an id."""
    given = words(rest)
    if not given:
        raise Wrong(rest.start, f"{name} needs an id", (f"{name} ID",))
    _no_more(given, 1, rest)
    word = given[0].without("id=") if given[0].text.startswith("id=") else given[0]
    if not word.text:
        raise Wrong(word.start, f"{name} needs an id", (f"{name} ID",))
    return Command(name, word.text, word.start, None, (), head.start)


def _backend(implied: str) -> Callable[[str, Text, Text], Command]:
    """A command whose one argument is an option string; its first key is ``implied``."""

    def reader(name: str, head: Text, rest: Text) -> Command:
        given = words(rest)
        if not given:
            raise Wrong(rest.start, f"{name} needs options", (f"{name} {implied.upper()}[,key=value]...",))
        _no_more(given, 1, rest)
        return backend(name, head.start, options.read(given[0], implied), implied, rest.end)

    return reader


def backend(name: str, at: int, found: tuple[Option, ...], implied: str, end: int) -> Command:
    """A backend of these options. Raises Wrong."""
    kind = next((option for option in found if option.key == implied), None)
    if kind is None or not kind.value:
        raise Wrong(end if kind is None else kind.at, f"{name} needs {implied}", (f"{implied}=...",))
    return Command(name, kind.value, kind.at, None, tuple(option for option in found if option is not kind), at)


def _loose(name: str, head: Text, rest: Text) -> Command:
    """A command that is refused, whatever it says."""
    return Command(name, rest.text, rest.start, None, (), head.start)


def _no_more(given: list[Text], most: int, rest: Text) -> None:
    if len(given) <= most:
        return
    extra = given[most]
    before = given[most - 1].text
    joined = before.endswith(",") or extra.text.startswith(",")
    why = "options are joined by commas, without blanks" if joined else "nothing may follow here"
    raise Wrong(extra.start if extra.text else rest.end, why, ())


BACKENDS: Mapping[str, str] = {
    "blockdev-add": "driver",
    "netdev_add": "type",
    "object_add": "qom-type",
    "chardev-add": "backend",
}
READERS: Mapping[str, Callable[[str, Text, Text], Command]] = {
    "pci_add": _pci_add,
    "pci_del": _pci_del,
    "device_add": _device_add,
    "device_del": _named,
    "drive_add": _drive_add,
    "drive_del": _named,
    **{name: _backend(implied) for name, implied in BACKENDS.items()},
    "blockdev-del": _named,
    "netdev_del": _named,
    "object_del": _named,
    "chardev-remove": _named,
    "host_net_add": _loose,
    "host_net_remove": _loose,
    "usb_add": _loose,
    "usb_del": _loose,
    "cpu_set": _loose,
    "cpu-add": _loose,
}
# As on QEMU's command line, and as QMP spells what HMP has, too.
ALIASES: Mapping[str, str] = {
    "-device": "device_add",
    "--device": "device_add",
    "-netdev": "netdev_add",
    "-object": "object_add",
    "-blockdev": "blockdev-add",
    "-chardev": "chardev-add",
    "object-add": "object_add",
    "object-del": "object_del",
    "blockdev_add": "blockdev-add",
    "blockdev_del": "blockdev-del",
    "cpu_add": "cpu-add",
}
