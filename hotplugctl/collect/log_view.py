"""What the kernel log of a recording says last of each function and disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.log import KernelEvent, LogLine
from hotplugctl.model.log_view import LogBar, LogDisk, LogFunction, LogGone, LogView
from hotplugctl.model.reads import Value
from hotplugctl.parse import dmesg, kernel_events
from hotplugctl.source.tree import Tree

_LIMIT = 32 << 20
_KEPT = 50_000
_FIRST_LINES = 8
# init/main.c: what is printed when the buses have been scanned.
_BOOTED = re.compile(
    r"(?:Freeing unused (?:kernel|decrypted)|Write protecting the kernel|Run \S{1,80} as init process)"
)
_RECORD = re.compile(rb"^[0-9]{1,6},([0-9]{1,18}),[0-9]{1,18},", re.M)
_DROPPED = re.compile(rb"printk messages? dropped|messages lost")
# pciehp takes a function away some 6 s after the press of the button.
_OFF_S = 10.0
_BUS_NAMES = frozenset((None, "pci"))
# ``sym0: <895a> rev 0x0 at pci 0000:00:02.0 irq 10``: the prefix is not the driver's name.
_NO_DRIVER = frozenset(("hba-found", "nvme-controller"))


def collect(tree: Tree) -> Optional[LogView]:
    """The log's last word on everything; None where there is no log."""
    read = tree.kernel_log(_LIMIT)
    if not isinstance(read, Value) or not read.data.strip():
        return None
    fold = _Fold()
    parser = dmesg.Parser(_lines(read.data), kernel_events.READER)
    for rows in parser.chunks():
        for row in rows:
            fold.take(parser.line(row))
    whole = fold.from_boot and read.data.endswith(b"\n") and not _DROPPED.search(read.data) and _is_gapless(read.data)
    return LogView(read.path, whole, fold.functions, fold.bars, fold.disks, fold.finished())


def _lines(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        yield line.decode("utf-8", "backslashreplace")


def _is_gapless(data: bytes) -> bool:
    """Whether the records of /dev/kmsg follow one another by their numbers; other forms have none."""
    if _RECORD.match(data) is None:
        return True
    numbers = [int(number) for number in _RECORD.findall(data)]
    return numbers[-1] - numbers[0] == len(numbers) - 1


class _Fold:
    """Bounded: a log that goes on for ever loses what comes after the first ``_KEPT`` functions and disks."""

    def __init__(self) -> None:
        self._count = 0
        self.from_boot = False
        self._forget()

    def _forget(self) -> None:
        self.functions: dict[str, LogFunction] = {}
        self.bars: dict[tuple[str, str], LogBar] = {}
        self.disks: dict[str, LogDisk] = {}
        self._off: dict[str, tuple[float, float, LogGone]] = {}
        self._now = 0.0
        self._booting = True

    def take(self, line: LogLine) -> None:
        """Take in one line."""
        self._count += 1
        self._now = max(self._now, line.at or 0.0)
        event = line.event
        if event is None:
            self._said(line)
        elif event.kind == "boot":
            # Another boot: what was before is another machine.
            self.from_boot = self.from_boot or self._count <= _FIRST_LINES
            self._forget()
        else:
            self._event(line, event)

    def finished(self) -> dict[str, LogGone]:
        """Ports that were emptied, as far as the log goes on long enough to see the end of it."""
        return {port: said for port, (at, rest, said) in self._off.items() if self._now - at >= rest}

    def _said(self, line: LogLine) -> None:
        if _BOOTED.match(line.message):
            self._booting = False
        if line.message.startswith("["):
            name, _, rest = line.message[1:].partition("] ")
            known = self.disks.get(name)
            if known is not None and rest.startswith("Write cache: enabled"):
                self.disks[name] = known._replace(cached=True)
            elif known is not None and rest.startswith("new size: "):
                self.disks[name] = known._replace(size=None)
        if line.address is not None:
            self._speaks(line.address, line.prefix)

    def _speaks(self, address: str, prefix: Optional[str]) -> None:
        known = self.functions.get(address)
        if known is not None and prefix not in _BUS_NAMES and prefix != known.driver:
            self.functions[address] = known._replace(driver=prefix)

    def _event(self, line: LogLine, event: KernelEvent) -> None:
        address = event.address
        if event.kind in _OFF and address is not None:
            self._slot(event, address, line)
        elif event.kind == "device-found" and address is not None:
            self._found(event, address)
        elif event.kind.startswith("bar-") and address is not None:
            self._bar(event, address)
        elif event.kind in ("disk-sized", "disk-attached", "disk-leaving"):
            self._disk(event)
        if line.address is not None and event.kind not in _NO_DRIVER:
            self._speaks(line.address, line.prefix)

    def _found(self, event: KernelEvent, address: str) -> None:
        if len(self.functions) >= _KEPT and address not in self.functions:
            return
        ids = f"{event.get('vendor')}:{event.get('device')}"
        class_, shifted = str(event.get("class")), bool(event.get("shifted"))
        self.functions[address] = LogFunction(ids, class_, shifted, self._booting, self._count)
        for number in range(6):
            self.bars.pop((address, f"BAR {number}"), None)

    def _bar(self, event: KernelEvent, address: str) -> None:
        name = event.get("bar")
        if isinstance(name, str) and name.startswith("BAR ") and len(self.bars) < 6 * _KEPT:
            start, end = (_hex(event.get(key)) for key in ("start", "end"))
            self.bars[address, name] = LogBar(event.kind[len("bar-") :], start, end)

    def _disk(self, event: KernelEvent) -> None:
        name = event.get("node")
        if not isinstance(name, str) or (len(self.disks) >= _KEPT and name not in self.disks):
            return
        holder = event.get("scsi") or event.get("device")
        known = self.disks.get(name) or LogDisk(None, None)
        if isinstance(holder, str):
            known = known._replace(holder=holder) if holder == known.holder else LogDisk(holder, None)
        size = event.get("size")
        if event.kind == "disk-sized":
            known = known._replace(size=size if isinstance(size, int) else None)
        self.disks[name] = known._replace(
            attached=event.kind == "disk-attached" or (known.attached and event.kind != "disk-leaving")
        )

    def _slot(self, event: KernelEvent, address: str, line: LogLine) -> None:
        wait = _OFF[event.kind]
        if wait is None or event.get("note"):
            self._off.pop(address, None)
        else:
            self._off[address] = (self._now, wait, LogGone(self._count, line.message.partition("\n")[0][:160]))


# What a port's driver says of its slot → how long until its functions are gone; None: they stay, or come.
_OFF: dict[str, Optional[float]] = {
    "powering-off": _OFF_S,
    "link-down": 1.0,
    "card-absent": 1.0,
    "button-canceled": None,
    "powering-on": None,
    "link-up": None,
    "card-present": None,
    "button-pressed": None,
}


def _hex(text: object) -> Optional[int]:
    try:
        return int(text, 16) if isinstance(text, str) else None
    except ValueError:
        return None
