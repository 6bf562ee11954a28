"""The texts of the kernel: what editors, checkouts and copies do to them.

``sysfs_emit()`` ends what it writes with one newline and never writes a carriage return (Documentation/filesystems/
sysfs.rst); a file that can be read and is empty has none of the grammars below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.inventory import Sample
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem
from hotplugctl.rules.validation.links import is_always_link
from hotplugctl.rules.validation.words import shown

# UTF-8, and UTF-16 either way.
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BDF = rb"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]"
_NUMBER = rb"-?[0-9]{1,20}\n"
_ID = rb"0x[0-9a-f]{4}\n"
_LINE = rb"[^\n]+\n"

# Of a PCI function (Documentation/ABI/testing/sysfs-bus-pci, drivers/pci/pci-sysfs.c).
_FUNCTION = {
    "vendor": _ID,
    "device": _ID,
    "subsystem_vendor": _ID,
    "subsystem_device": _ID,
    "class": rb"0x[0-9a-f]{6}\n",
    "revision": rb"0x[0-9a-f]{2}\n",
    "enable": _NUMBER,
    "irq": _NUMBER,
    "numa_node": _NUMBER,
    "modalias": rb"pci:v[0-9A-F]{8}d[0-9A-F]{8}sv[0-9A-F]{8}sd[0-9A-F]{8}bc[0-9A-F]{2}sc[0-9A-F]{2}i[0-9A-F]{2}\n",
    "resource": rb"(?:0x[0-9a-f]{16} 0x[0-9a-f]{16} 0x[0-9a-f]{16}\n){7,64}",
    "secondary_bus_number": _NUMBER,
    "subordinate_bus_number": _NUMBER,
    "d3cold_allowed": _NUMBER,
    "msi_bus": _NUMBER,
    "driver_override": _LINE,
}
# Of a slot (drivers/pci/slot.c, drivers/pci/hotplug/pci_hotplug_core.c).
_SLOT = {
    "address": rb"[0-9a-f]{4,8}:[0-9a-f]{2}(?::[0-9a-f]{2})?\n",
    "power": _NUMBER,
    "adapter": _NUMBER,
    "latch": _NUMBER,
    "attention": _NUMBER,
    "cur_bus_speed": _LINE,
    "max_bus_speed": _LINE,
}
_ANYWHERE = (
    (re.compile(r"/sys/devices/.*/block/(?:.*/)?[^/]+/(?:size|ro|removable|partition)\Z"), _NUMBER),
    (re.compile(r"/sys/devices/.*/block/(?:.*/)?[^/]+/dev\Z"), rb"[0-9]+:[0-9]+\n"),
    (re.compile(r"/sys/devices/.*/net/[^/]+/(?:ifindex|mtu|flags)\Z"), rb"(?:0x)?[0-9a-f]+\n"),
    (re.compile(r"/sys/devices/.*/virtio[0-9]+/(?:device|vendor)\Z"), _ID),
    (re.compile(r"/sys/devices/.*/virtio[0-9]+/modalias\Z"), rb"virtio:d[0-9A-F]{8}v[0-9A-F]{8}\n"),
    (re.compile(r"/sys/bus/[^/]+/drivers_autoprobe\Z"), rb"[01]\n"),
    (re.compile(r"/sys/module/[^/]+/initstate\Z"), rb"(?:live|coming|going)\n"),
    (re.compile(r"/sys/module/[^/]+/refcnt\Z"), _NUMBER),
    (re.compile(r"/sys/devices/LNXSYSTM.*/(?:sun|status)\Z"), _NUMBER),
    (re.compile(r"/sys/devices/LNXSYSTM.*/path\Z"), rb"\\[^\n]*\n"),
    (re.compile(r"/sys/firmware/acpi/interrupts/[^/]+\Z"), _LINE),
    (re.compile(r"/proc/(?:cmdline|sys/kernel/osrelease)\Z"), rb"[^\n]*\n"),
    (re.compile(r"/proc/(?:version|mounts|self/mountinfo|uptime|cpuinfo)\Z"), rb".*\n"),
    (re.compile(r"/sys/devices/pci.*/[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/uevent\Z"), rb".*\n"),
    # These may be empty: no modules, no ports, no disks; nobody was allowed to read the log.
    (re.compile(r"/proc/(?:modules|iomem|ioports|interrupts|partitions|diskstats|swaps|devices)\Z"), rb"(?:.*\n)?"),
    (re.compile(r"/sys/devices/.*/uevent\Z"), rb"(?:.*\n)?"),
    (re.compile(r"/cmd/(?:lspci\w*|dmesg\w*|kmsg|lsmod)\Z"), rb"(?:.*\n)?"),
)
_GRAMMARS = {
    name: re.compile(pattern + rb"\Z", re.S)
    for name, pattern in [*_FUNCTION.items(), *((f"slot {k}", v) for k, v in _SLOT.items())]
}
_OTHERS = [(where, re.compile(pattern + rb"\Z", re.S)) for where, pattern in _ANYWHERE]
_OF_FUNCTION = re.compile(rb"/sys/devices/.*/".decode() + _BDF.decode() + r"/([^/]+)\Z")
_OF_SLOT = re.compile(r"/sys/bus/pci/slots/[^/]+/([^/]+)\Z")
# As many bytes as the kernel shows: 64 to all but root, 128 of a CardBus bridge, 256, 4096 of PCI Express.
_CONFIG_SIZES = (64, 128, 256, 4096)


def texts(samples: Iterable[Sample]) -> Iterator[Problem]:
    """What is wrong with each text; one problem a file."""
    for sample in samples:
        fault = _fault(sample)
        if fault is not None:
            identifier, why = fault
            yield Problem(identifier, sample.path, why, (Evidence(sample.path, _begin(sample.data)),))


def _fault(sample: Sample) -> Optional[tuple[str, str]]:
    path, data, mode = sample
    of_function = _OF_FUNCTION.match(path)
    if of_function is not None and of_function[1] == "config":
        return None if len(data) in _CONFIG_SIZES else ("file.config-size", f"a config space of {len(data)} bytes")
    grammar = _grammar(path, of_function)
    if data.startswith(b"../") and b"\n" not in data and path.startswith("/sys/"):
        if is_always_link(path):
            return None
        return "link.replaced", "a file that holds the target of a link: a checkout without links (core.symlinks=false)"
    if data and not data.strip(b"\0") and grammar is not None:
        return "text.malformed", "nothing but zeros: a copy that was cut off, or a disk that was full"
    if data.startswith(_BOMS[:1] if grammar is None else _BOMS):
        return "text.byte-order-mark", "it begins with a byte order mark, which an editor put there"
    if b"\r\n" in data and b"\0" not in data and (grammar is not None or _is_text(data)):
        return "text.carriage-return", "its lines end with a carriage return, which a checkout or an editor put there"
    if grammar is None:
        return None
    if not data:
        empty = mode & 0o444 and grammar.match(data) is None
        return ("text.empty", "empty, which the kernel never leaves it") if empty else None
    if not data.endswith(b"\n"):
        return "text.newline-missing", "the newline at its end is missing"
    return None if grammar.match(data) else ("text.malformed", f"not what the kernel writes: {_begin(data)}")


def _grammar(path: str, of_function: Optional[re.Match[str]]) -> Optional[re.Pattern[bytes]]:
    if of_function is not None:
        return _GRAMMARS.get(of_function[1])
    of_slot = _OF_SLOT.match(path)
    if of_slot is not None:
        return _GRAMMARS.get(f"slot {of_slot[1]}")
    return next((grammar for where, grammar in _OTHERS if where.match(path)), None)


def _is_text(data: bytes) -> bool:
    """Whether every line ends alike: two bytes that happen to follow one another in a table are no line's end."""
    return data.count(b"\n") == data.count(b"\r\n") and data.endswith(b"\n")


def _begin(data: bytes) -> str:
    return shown(data[:60].decode("utf-8", "backslashreplace").rstrip("\n"))
