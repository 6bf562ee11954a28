"""A booted guest: commands in it, devices into and out of it, and what its host knows."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

from tests.lab import busybox, disks
from tests.lab.channel import Answer, Channel
from tests.lab.errors import LabError, Lost
from tests.lab.image import Image
from tests.lab.patience import within
from tests.lab.plan import Hardware
from tests.lab.qemu import Qemu
from tests.lab.transcript import Transcript

PORT = "org.hotplugctl.lab"
_PANIC = re.compile(r"Kernel panic - not syncing.*")


class HostFunction(NamedTuple):
    """A PCI function as QMP's ``query-pci`` knows it."""

    address: str
    vendor: str
    device: str
    id: str
    """The ``id=`` of the device, empty for those of the machine itself."""
    base_class: str
    """The upper byte of its class."""


class Region(NamedTuple):
    """A BAR: ``kind`` is ``io`` or ``memory``; ``address`` None while it is not decoded."""

    bar: int
    kind: str
    size: int
    address: Optional[int]


class Boot(NamedTuple):
    """What all guests of a run share."""

    accel: str
    payload: Path
    """hotplugctl as a tar, to be unpacked at /."""
    patience: float
    """Seconds until the agent must have said hello."""


class Guest:
    """One virtual machine. Use as ``async with await Guest.boot(…) as guest``."""

    def __init__(self, hardware: Hardware, image: Image, folder: Path) -> None:
        self.hardware = hardware
        self.image = image
        self.folder = folder
        self.transcript = Transcript(folder / "host" / "qmp.jsonl")
        self.channel = busybox.Line(self.transcript) if hardware.busybox else Channel(self.transcript)
        self.qemu: Optional[Qemu] = None
        self.contents: Mapping[str, str] = {}
        self.at_boot: Collection[str] = ()
        """Addresses of the functions that it had when it was up."""
        self._backends: set[str] = set()

    @classmethod
    async def boot(cls, hardware: Hardware, image: Image, folder: Path, boot: Boot) -> Guest:
        """Start a guest and wait for its agent. Raises Lost with the end of the console where it never speaks."""
        (folder / "host").mkdir(parents=True)
        guest = cls(hardware, image, folder)
        try:
            await guest._start(boot)
        except BaseException:
            await guest.end()
            raise
        return guest

    async def _start(self, boot: Boot) -> None:
        words = self._words(boot)
        self.qemu = await Qemu.start(words, "agent", self.folder, self.transcript)
        self.qemu.on_end = lambda why: self.channel.lose(self._why(why))
        await self.channel.open(self.qemu.agent)
        await self.qemu.qmp("cont")
        try:
            await within(boot.patience, self.channel.hello())
        except asyncio.TimeoutError:
            raise self.channel.lose(self._why(f"its agent said nothing within {boot.patience:.0f} s")) from None
        if not self.hardware.busybox:
            await self._install(boot)
        self.at_boot = set(await self.functions())

    def _words(self, boot: Boot) -> list[str]:
        if not self.hardware.busybox:
            return command_line(self.hardware, self.image, self.folder, boot.accel)
        initrd = self.folder / "initrd"
        busybox.build(self.image, initrd)
        return busybox.command_line(self.hardware, self.image, initrd, self.folder, boot.accel, PORT)

    async def _install(self, boot: Boot) -> None:
        unpack = "tar -xzf - -C / && python3 -m compileall -q /usr/local/lib/python3*/dist-packages"
        await self.must(unpack, stdin=boot.payload.read_bytes(), timeout=120)
        await self.must("udevadm settle -t 60; mkdir -p /run/lab", timeout=90)

    def _why(self, what: str) -> str:
        """``what``, and the panic or the last line of the console."""
        console = self.folder / "host" / "console.log"
        text = console.read_text("utf-8", "replace") if console.exists() else ""
        panic = _PANIC.search(text)
        last = panic[0] if panic else next((line for line in reversed(text.splitlines()) if line.strip()), "")
        return f"{what}; its console ends with: {last.strip()[:160]!r}" if last else what

    # --- in the guest -------------------------------------------------------------------------------------------------

    async def sh(self, command: str, timeout: float = 60.0, stdin: Optional[bytes] = None) -> Answer:
        """Run a command in the guest, as root."""
        try:
            return await self.channel.sh(command, timeout, stdin)
        except Lost as error:
            raise Lost(self._why(error.message), error.hint) from None

    async def must(self, command: str, timeout: float = 60.0, stdin: Optional[bytes] = None) -> Answer:
        """The same for what the lab itself needs. Raises LabError where it fails."""
        answer = await self.sh(command, timeout, stdin)
        if answer.code != 0:
            why = f"ended with {answer.code}" if answer.code is not None else "did not end"
            raise LabError(f"in the guest, {command!r} {why}: {answer.complaint.strip()[-300:]}", "see host/qmp.jsonl")
        return answer

    # --- on the host --------------------------------------------------------------------------------------------------

    @property
    def _qemu(self) -> Qemu:
        assert self.qemu is not None
        return self.qemu

    async def plug(self, device: str) -> None:
        """``device_add``, with its backends. Raises Refused with QEMU's answer."""
        kind, *words = device.split(",")
        arguments = {"driver": kind, **dict(word.split("=", 1) for word in words)}
        await self._backend(arguments)
        await self._qemu.qmp("device_add", arguments)

    async def _backend(self, arguments: dict[str, str]) -> None:
        drive, netdev = arguments.get("drive"), arguments.get("netdev")
        content = self.contents.get(drive or "", "")
        if drive and content:
            # Another scenario of this boot may have had a disk of that name, and may have written to it.
            drive = arguments["drive"] = f"{drive}-{content}"
        if drive and drive not in self._backends:
            path = self.folder / f"{drive}.img"
            disks.make(path, content)
            file = {"driver": "file", "filename": str(path)}
            await self._qemu.qmp("blockdev-add", {"driver": "raw", "node-name": drive, "file": file})
            self._backends.add(drive)
        if netdev and netdev not in self._backends:
            await self._qemu.qmp("netdev_add", {"type": "user", "id": netdev, "restrict": True})
            self._backends.add(netdev)

    @property
    def heard(self) -> int:
        """How many events QEMU has sent."""
        return len(self._qemu.events)

    async def pull(self, device: str) -> int:
        """``device_del``. Returns from which event on its DEVICE_DELETED is to be looked for."""
        since = self.heard
        await self._qemu.qmp("device_del", {"id": device})
        return since

    async def deleted(self, device: str, since: int, within: float) -> bool:
        """Whether DEVICE_DELETED came for it within so many seconds."""
        return await self._qemu.event("DEVICE_DELETED", device, since, within) is not None

    async def hmp(self, line: str) -> str:
        return await self._qemu.hmp(line)

    async def functions(self) -> dict[str, HostFunction]:
        """All PCI functions that QEMU has, by address (``query-pci``; bus numbers as the guest has programmed them)."""
        found: dict[str, HostFunction] = {}
        for bus in await self._qemu.qmp("query-pci"):
            for device in bus["devices"]:
                _walk(device, found)
        return found

    async def regions(self, id: str) -> list[Region]:
        """The BARs of a device that was plugged, as the guest has programmed them (``query-pci``)."""
        for bus in await self._qemu.qmp("query-pci"):
            for device in _every(bus["devices"]):
                if device["qdev_id"] == id:
                    return [_region(found) for found in device["regions"]]
        return []

    async def end(self) -> None:
        """Kill the guest and close everything."""
        # QEMU first: one that ends by itself, because its channel does, would be collected twice.
        if self.qemu is not None:
            await self.qemu.kill()
        await self.channel.close()
        if self.qemu is not None:
            await self.qemu.end()
        self.transcript.close()
        for name in self._backends:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / f"{name}.img").unlink()

    async def __aenter__(self) -> Guest:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()


def _every(devices: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for device in devices:
        yield device
        yield from _every(device.get("pci_bridge", {}).get("devices", ()))


def _region(found: Mapping[str, Any]) -> Region:
    # PCI_BAR_UNMAPPED (include/hw/pci/pci.h): all bits set.
    address = None if found["address"] in (-1, 0xFFFF_FFFF_FFFF_FFFF) else found["address"]
    return Region(found["bar"], found["type"], found["size"], address)


def _walk(device: Mapping[str, Any], found: dict[str, HostFunction]) -> None:
    address = f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"
    ids = device["id"]
    klass = device["class_info"]["class"] >> 8
    found[address] = HostFunction(
        address, f"{ids['vendor']:04x}", f"{ids['device']:04x}", str(device["qdev_id"]), f"{klass:02x}"
    )
    for below in device.get("pci_bridge", {}).get("devices", ()):
        _walk(below, found)


def command_line(hardware: Hardware, image: Image, folder: Path, accel: str) -> list[str]:
    """QEMU's arguments for this guest, but for its sockets. The guest is started stopped (``-S``)."""
    append = ["console=ttyS0", "quiet", "panic=-1", "systemd.show_status=0"]
    words = ["-accel", accel, "-M", hardware.machine, "-m", str(hardware.memory), "-smp", "2", "-S"]
    words += ["-nodefaults", "-display", "none", "-no-reboot", "-snapshot"]
    words += ["-chardev", f"file,id=console,path={folder}/host/console.log", "-serial", "chardev:console"]
    words += ["-drive", f"file={image.disk},if=none,id=root,format=raw,cache=unsafe"]
    if hardware.virtio:
        words += ["-device", "virtio-blk-pci,drive=root,serial=ROOT,addr=0x1e"]
        words += ["-device", "virtio-serial-pci,id=channel,addr=0x1d"]
        words += ["-device", f"virtserialport,chardev=agent,name={PORT}"]
    else:
        words += ["-device", "ide-hd,drive=root,serial=ROOT,bus=ide.0", "-device", "isa-serial,chardev=agent,index=1"]
        append += ["lab.channel=ttyS1", "lab.novirtio"]
    for device in hardware.devices:
        words += ["-device", device]
    words += [*hardware.options, "-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    return [*words, "-append", " ".join((*append, *hardware.append))]
