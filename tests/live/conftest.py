"""Signs made by hand: what no recording holds, or holds among a thousand others."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.live import reducer
from hotplugctl.live.state import State
from hotplugctl.model.live import FunctionFact, Look, NodeFact, Sign, Transition
from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.uevent import Uevent
from hotplugctl.parse import kernel_events

ROOT = "/devices/pci0000:00"
DISK = f"{ROOT}/0000:00:04.0"
VIRTIO = f"{DISK}/virtio1"
VDB = f"{VIRTIO}/block/vdb"
START = 100.0


class Story:
    """Signs one after the other, a tenth of a second apart; ``said`` is what came of them."""

    def __init__(self, look: Optional[Look]) -> None:
        self.state: State = reducer.start(look)
        self.now = START
        self.seq = 1000
        self.said: list[Transition] = []

    @property
    def events(self) -> list[str]:
        return [one.event for one in self.said]

    @property
    def last(self) -> Transition:
        return self.said[-1]

    def sign(self, what, at: Optional[float] = None) -> list[Transition]:
        self.now += 0.1
        _, out = reducer.feed(self.state, Sign(self.now, self.now if at is None else at, what))
        self.said += out
        return out

    def kernel(self, action: str, path: str, subsystem: str = "pci", seq: Optional[int] = 0, **more: str):
        return self._uevent(1, action, path, subsystem, seq, more)

    def udev(self, action: str, path: str, subsystem: str = "pci", seq: Optional[int] = 0, **more: str):
        return self._uevent(2, action, path, subsystem, seq, more)

    def _uevent(self, group, action, path, subsystem, seq, more):
        """``seq`` 0: the next number."""
        self.seq += 1
        number = self.seq if seq == 0 else seq
        return self.sign(Uevent(action, path, subsystem, number, None, group, more))

    def log(self, text: str, at: Optional[float] = None):
        head, message = Head.split(text)
        event = kernel_events.event_of(message, head)
        moment = self.now + 0.1 if at is None else at
        return self.sign(LogLine(moment, None, None, None, None, head.prefix, head.address, message, event), moment)

    def wait(self, seconds: float) -> list[Transition]:
        """Nothing is heard."""
        self.now += seconds
        _, out = reducer.tick(self.state, self.now)
        self.said += out
        return out

    def insert_disk(self) -> None:
        """A virtio disk, from its first message to udev's last word."""
        self.log("pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000")
        self.kernel("add", DISK, PCI_CLASS="10000", PCI_ID="1AF4:1001")
        self.log("virtio-pci 0000:00:04.0: enabling device (0000 -> 0003)")
        self.kernel("add", VIRTIO, "virtio")
        added = self.seq + 1
        self.kernel("add", VDB, "block", DEVNAME="vdb")
        self.kernel("bind", VIRTIO, "virtio", DRIVER="virtio_blk")
        self.kernel("bind", DISK, DRIVER="virtio-pci")
        self.udev("add", VDB, "block", seq=added, DEVNAME="/dev/vdb")

    def remove_disk(self) -> None:
        self.kernel("remove", VDB, "block", DEVNAME="vdb")
        self.kernel("unbind", VIRTIO, "virtio")
        self.kernel("remove", VIRTIO, "virtio")
        self.kernel("unbind", DISK)
        self.kernel("remove", DISK)


def look(kind: str = "start", functions=(), slots=None, **more) -> Look:
    return Look(kind, tuple(functions), slots or {}, udev=more.pop("udev", True), **more)


def disk_fact(driver: Optional[str] = "virtio-pci", nodes: bool = True) -> FunctionFact:
    below = (NodeFact("block", "vdb", "/dev/vdb", VDB),) if nodes else ()
    children = {VIRTIO: "virtio_blk"} if driver else {}
    return FunctionFact("0000:00:04.0", DISK, "010000", "1af4:1001", driver, "4", below, children)


@pytest.fixture
def story():
    """A guest with udev and no functions yet, slot 4 named."""
    return Story(look(slots={"0000:00:04": "4"}))


@pytest.fixture
def blind():
    """A guest that was never looked at."""
    return Story(None)
