"""A machine made by hand whose devices come and go: a sysfs of its own, and the events that would tell of it.

What the events hold is what lib/kobject_uevent.c and drivers/pci/pci-driver.c (``pci_uevent``) write.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import deque
from pathlib import Path
from typing import Optional

from hotplugctl.cli.live_loop import Loop
from hotplugctl.cli.live_open import Hearing
from hotplugctl.source.ears import Ears
from hotplugctl.source.kmsg_follow import Follower
from hotplugctl.source.tree import Tree
from hotplugctl.source.udev_monitor import Monitor

ROOT = struct.pack("iII", 700, 0, 0)
SOMEBODY = struct.pack("iII", 701, 1000, 1000)
BUS = "devices/pci0000:00"


def datagram(action: str, devpath: str, subsystem: str, seqnum: int, **properties: object) -> bytes:
    """What the kernel sends."""
    lines = [f"{action}@{devpath}", f"ACTION={action}", f"DEVPATH={devpath}", f"SUBSYSTEM={subsystem}"]
    lines += [f"{key}={value}" for key, value in properties.items()]
    return "\0".join([*lines, f"SEQNUM={seqnum}", ""]).encode()


def udev_datagram(action: str, devpath: str, subsystem: str, seqnum: int, **properties: object) -> bytes:
    """What udev sends on (libudev's monitor: a header, then properties)."""
    given = {"ACTION": action, "DEVPATH": devpath, "SUBSYSTEM": subsystem, "SEQNUM": seqnum, **properties}
    body = b"".join(f"{key}={value}\0".encode() for key, value in given.items())
    return b"libudev\0" + b"\xfe\xed\xca\xfe" + struct.pack("=7I", 40, 40, len(body), 0, 0, 0, 0) + body


class Channel:
    """Stands in for a netlink socket: what ``put`` is given is received, an errno is raised."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._queue: deque[tuple[object, object, list[tuple[int, int, bytes]]]] = deque()
        self._reader, self._writer = os.pipe()
        self.drops = 0

    def put(self, what: object, sender: object = None, credentials: bytes = ROOT) -> None:
        """Queue a datagram, or an errno. The kernel is port 0; udevd is root."""
        control = [] if self._group == 1 else [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)]
        self._queue.append((what, (0 if self._group == 1 else 700, self._group) if sender is None else sender, control))
        os.write(self._writer, b".")

    def recvmsg(self, _size: int, _control: int, flags: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        """As socket.recvmsg."""
        assert flags & socket.MSG_DONTWAIT
        if not self._queue:
            raise BlockingIOError(errno.EAGAIN, "nothing there")
        what, sender, control = self._queue.popleft()
        os.read(self._reader, 1)
        if isinstance(what, int):
            raise OSError(what, os.strerror(what))
        assert isinstance(what, bytes)
        return what, control, 0, sender

    def getsockopt(self, _level: int, option: int, size: int = 0) -> object:
        """SO_RCVBUF, and SO_MEMINFO with its ninth number."""
        return struct.pack("9I", *[0] * 8, self.drops) if size else 425984

    def fileno(self) -> int:
        """Readable while something is queued."""
        return self._reader

    def close(self) -> None:
        """Twice is no error."""
        for handle in (self._reader, self._writer):
            if handle >= 0:
                os.close(handle)
        self._reader = self._writer = -1


class Machine:
    """``plug`` and ``unplug`` change sysfs and send the events of it, unless they are to be ``lost``."""

    def __init__(self, folder: Path) -> None:
        self.sys = folder / "sys"
        for name in (
            "bus/pci/devices",
            "bus/pci/slots",
            "bus/virtio/devices",
            "class/block",
            "class/net",
            "kernel",
            BUS,
        ):
            (self.sys / name).mkdir(parents=True)
        self.seqnum = 1000
        self._number()
        self.channels = {1: Channel(1), 2: Channel(2)}
        self.log_reader, self._log = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log_reader.setblocking(False)

    def _number(self) -> None:
        (self.sys / "kernel/uevent_seqnum").write_text(f"{self.seqnum}\n")

    def hearing(self, *, source: str = "kernel", udev: bool = False, log: bool = False) -> Hearing:
        """All that a loop listens to."""
        kernel = None if source == "scan" else Monitor(self.channels[1], 1)  # type: ignore[arg-type]
        other = Monitor(self.channels[2], 2) if udev else None  # type: ignore[arg-type]
        follower = Follower(os.dup(self.log_reader.fileno())) if log else None
        return Hearing(Ears(kernel, other, follower), source, False, (), None, None, udev)

    def say(self, line: str) -> None:
        """A record of the kernel log."""
        self._log.send(line.encode())

    def send(self, action: str, devpath: str, subsystem: str, *, lost: bool = False, **properties: object) -> int:
        """An event of the kernel, which has its number whether or not anybody hears of it."""
        self.seqnum += 1
        self._number()
        if not lost:
            self.channels[1].put(datagram(action, devpath, subsystem, self.seqnum, **properties))
        return self.seqnum

    def overflow(self, dropped: int) -> None:
        """What the socket says after messages were dropped."""
        self.channels[1].drops += dropped
        self.channels[1].put(errno.ENOBUFS)

    def plug(self, address: str, disk: Optional[str] = None, *, lost: bool = False, driver: str = "nvme") -> None:
        """A storage controller, and with ``disk`` its driver and a disk."""
        devpath = f"/{BUS}/{address}"
        folder = self.sys / devpath[1:]
        folder.mkdir()
        alias = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02"
        for name, text in {"modalias": alias, "revision": "0x02", "enable": "1" if disk else "0"}.items():
            (folder / name).write_text(f"{text}\n")
        (self.sys / "bus/pci/devices" / address).symlink_to(f"../../../{BUS}/{address}")
        given = {"PCI_CLASS": "10802", "PCI_ID": "1B36:0010", "PCI_SLOT_NAME": address, "MODALIAS": alias}
        self.send("add", devpath, "pci", lost=lost, **given)
        if disk is not None:
            (folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
            self.send("bind", devpath, "pci", lost=lost, DRIVER=driver, **given)
            (folder / "block" / disk).mkdir(parents=True)
            (self.sys / "class/block" / disk).symlink_to(f"../../{BUS}/{address}/block/{disk}")
            self.send("add", f"{devpath}/block/{disk}", "block", lost=lost, DEVNAME=disk, DEVTYPE="disk")

    def unplug(self, address: str, *, lost: bool = False) -> None:
        """Take a function away, its disks first."""
        devpath = f"/{BUS}/{address}"
        folder = self.sys / devpath[1:]
        for disk in [path.name for path in folder.glob("block/*")]:
            (self.sys / "class/block" / disk).unlink()
            self.send("remove", f"{devpath}/block/{disk}", "block", lost=lost, DEVNAME=disk)
        (self.sys / "bus/pci/devices" / address).unlink()
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.rmdir()
        self.send("remove", devpath, "pci", lost=lost, PCI_SLOT_NAME=address)

    def close(self) -> None:
        """Twice is no error."""
        for channel in self.channels.values():
            channel.close()
        self._log.close()
        self.log_reader.close()


class Heard:
    """A sink that keeps what it is told. ``on_look`` is called with each look, before the reducer has it."""

    full = False

    def __init__(self) -> None:
        self.told: list = []
        self.looks: list[str] = []
        self.raws: list = []

    @property
    def events(self) -> list[str]:
        return [one.event for one in self.told]

    def handles(self) -> tuple[int, ...]:
        return ()

    def closing(self) -> tuple[int, ...]:
        return ()

    def push(self) -> None:
        pass

    def hang_up(self) -> None:
        raise AssertionError("it has no reader")

    def tell(self, told) -> bool:
        self.told += told
        return False

    def heard(self, raw, sign) -> None:
        self.raws.append(raw)

    def looked(self, heard, look) -> None:
        self.looks.append(look.kind)


def loop_of(machine: Machine, tree: Tree, sink: Optional[Heard] = None, **hearing: object) -> tuple[Loop, Heard]:
    """A loop on the machine that has looked and listens."""
    heard = sink or Heard()
    loop = Loop(tree, machine.hearing(**hearing), heard, lambda look: look)  # type: ignore[arg-type]
    loop.begin()
    return loop, heard
