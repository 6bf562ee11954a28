"""``watch`` against a bare pyudev loop that prints, on the same events: time to the line, CPU an event, memory, loss.

Events that make ``watch`` print are those of PCI devices that come and go. They are sent into a network namespace of
our own, in the form in which the kernel and udev send them, and both listen there; only that ``watch`` believes a
sender that is not the kernel is made so for this. Floods are the kernel's own: root has it announce a device again.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Callable

from bench.pairs import CHECKOUT, Row, Unmeasurable, environment, verdict

LATENCY_BOUND_MS = 5.0
CPU_BOUND = 2.0
MEMORY_BOUND_MIB = 60.0
REPLAY_BOUND_S = 10.0
ROUNDS = 200
PRINTED = 20_000
BURST = 50_000
FLOOD = 1_000_000
REPLAYED = 100_000
# What root has the kernel announce, and nobody minds.
UEVENT = Path("/sys/class/mem/null/uevent")
NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP, UDEV_GROUP = 1, 2
# No function of this machine is in it.
DOMAIN = "7ffe"
PATIENCE_S = 30
INSIDE = "HOTPLUGCTL_BENCH_INSIDE"

BARE = """
import pyudev
monitor = pyudev.Monitor.from_netlink(pyudev.Context(), "udev")
try:
    monitor.set_receive_buffer_size(256 << 20)
except OSError:
    pass
monitor.start()
print("ready", flush=True)
while True:
    device = monitor.poll()
    print(device.action, device.device_path, device.subsystem, flush=True)
"""
WATCH = """
import sys
from hotplugctl.source import udev_monitor
udev_monitor._trusted = lambda *_given: True
from hotplugctl.__main__ import main
sys.argv = ["hotplugctl", "watch", "--json"]
sys.exit(main())
"""


class Listener:
    """A process that prints a line an event; its first line says that it listens."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=CHECKOUT, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._kept = b""
        self.line()

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def line(self) -> bytes:
        """The next line."""
        while b"\n" not in self._kept:
            if not select.select([self.out], [], [], PATIENCE_S)[0]:
                raise Unmeasurable(f"no line came in {PATIENCE_S} s")
            data = os.read(self.out.fileno(), 1 << 16)
            if not data:
                raise Unmeasurable("a listener ended")
            self._kept += data
        line, _, self._kept = self._kept.partition(b"\n")
        return line

    def cpu(self) -> float:
        """Seconds of CPU so far (proc_pid_schedstat(5))."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def peak_mib(self) -> float:
        """The peak of its memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024

    def settle(self) -> float:
        """Wait until it has nothing to do any more; its CPU seconds then."""
        before = -1.0
        while (now := self.cpu()) != before:
            before = now
            time.sleep(0.5)
        return now

    def end(self) -> bytes:
        """Tell it to end; the rest of what it printed."""
        self.process.terminate()
        return self._kept + self.process.communicate()[0]


@contextmanager
def listening(code: str) -> Iterator[Listener]:
    listener = Listener(code)
    try:
        yield listener
    finally:
        listener.process.kill()
        listener.process.wait()


class Sender:
    """Has functions come and go: one line of either listener an event."""

    def __init__(self, code: str) -> None:
        self._number = int(Path("/sys/kernel/uevent_seqnum").read_text())
        self._udev = code == BARE
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)

    def send(self, action: str, address: str) -> None:
        """One event, as the kernel writes it for us, as udev for libudev, which believes no other kernel."""
        self._number += 1
        path = f"/devices/pci{DOMAIN}:00/{address}"
        pairs = [
            f"ACTION={action}", f"DEVPATH={path}", "SUBSYSTEM=pci", "PCI_CLASS=20000", "PCI_ID=8086:10D3",
            "PCI_SUBSYS_ID=8086:0000", f"PCI_SLOT_NAME={address}",
            "MODALIAS=pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00", f"SEQNUM={self._number}",
        ]  # fmt: skip
        body = "\0".join([*pairs, ""]).encode()
        if not self._udev:
            self._socket.sendto(f"{action}@{path}\0".encode() + body, (0, KERNEL_GROUP))
            return
        header = b"libudev\0" + struct.pack(">I", 0xFEEDCAFE) + struct.pack("=3I", 40, 40, len(body))
        self._socket.sendto(header + struct.pack(">2I", _murmur(b"pci"), 0) + bytes(8) + body, (0, UDEV_GROUP))


def _murmur(data: bytes) -> int:
    """MurmurHash2 of the subsystem, by which udev's listeners filter."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    found = len(data)
    while len(data) >= 4:
        word = int.from_bytes(data[:4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        found = (found * factor & mask) ^ word
        data = data[4:]
    if data:
        found = (found ^ int.from_bytes(data, "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return found ^ found >> 15


def _alternating(count: int) -> Iterator[tuple[str, str]]:
    """Pairs of events, of addresses that change."""
    for number in range(count):
        yield ("add", "remove")[number % 2], f"{DOMAIN}:00:{number // 2 % 32:02x}.0"


def latency(code: str) -> float:
    """Median of milliseconds from the sending of an event to its line."""
    with listening(code) as listener:
        sender = Sender(code)
        taken = []
        for action, address in _alternating(ROUNDS):
            start = time.perf_counter()
            sender.send(action, address)
            if address.encode() not in listener.line():
                raise Unmeasurable("a listener said something else")
            taken.append((time.perf_counter() - start) * 1000)
            time.sleep(0.002)
    return statistics.median(taken)


def cpu_printed(code: str) -> float:
    """Microseconds of CPU an event that is printed."""
    with listening(code) as listener:
        sender = Sender(code)
        before = listener.settle()
        seen = 0
        events = list(_alternating(PRINTED))
        # What a socket's buffer and a pipe hold between them.
        for start in range(0, PRINTED, 100):
            for action, address in events[start : start + 100]:
                sender.send(action, address)
            for _ in range(100):
                seen += DOMAIN.encode() in listener.line()
        used = listener.settle() - before
    if seen != PRINTED:
        raise Unmeasurable(f"of {PRINTED} events {seen} were printed")
    return used / PRINTED * 1e6


def fire(count: int) -> None:
    """Have the kernel announce a device, as often."""
    handle = os.open(UEVENT, os.O_WRONLY)
    try:
        for _ in range(count):
            os.write(handle, b"change")
    finally:
        os.close(handle)


def burst() -> tuple[float, str]:
    """Events that are lost of a burst; as root none."""
    with listening(WATCH) as listener:
        fire(BURST)
        listener.settle()
        lines = [json.loads(line) for line in listener.end().splitlines()]
    lost = [line["reason"] for line in lines if line["event"] == "lost"]
    return float(len(lost)), lost[0] if lost else f"{BURST} events at default settings"


def flood() -> tuple[float, str]:
    """The peak of memory over many events."""
    with listening(WATCH) as listener:
        fire(1000)
        listener.settle()
        before = listener.peak_mib()
        for _ in range(20):
            fire(FLOOD // 20)
        listener.settle()
        return listener.peak_mib(), f"{before:.1f} MiB before {FLOOD} events"


def replay(folder: Path) -> tuple[float, str]:
    """Seconds of CPU that a recording of many events takes: it waits for nothing, and others may be busy here."""
    file = folder / "netlink-uevent.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for number, (action, address) in enumerate(_alternating(REPLAYED)):
            path = f"/devices/pci{DOMAIN}:00/{address}"
            props = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": "pci", "PCI_CLASS": "20000", "SEQNUM": str(number)}
            out.write(json.dumps({"t": 100 + number / 1000, "group": 1, "props": props}) + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "hotplugctl", "watch", "--json", "--replay", str(file)]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment(), capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    lines = done.stdout.count(b"\n") - 1
    if done.returncode or lines < REPLAYED:
        raise Unmeasurable(f"of {REPLAYED} events {lines} were told (status {done.returncode})")
    return seconds, f"{REPLAYED} events, as many lines"


def measure() -> list[Row]:
    """One row a bound; neighbours are measured one after the other."""
    ours, theirs = latency(WATCH), latency(BARE)
    rows = [
        Row("time to the line, more than bare", ours - theirs, LATENCY_BOUND_MS, "ms", f"{ours:.2f} to {theirs:.2f}")
    ]
    pairs = [(cpu_printed(WATCH), cpu_printed(BARE)) for _ in range(3)]
    mine, other = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    rows.append(Row("CPU an event", ratio, CPU_BOUND, "x", f"{mine:.0f} us to {other:.0f} us"))
    lost, note = burst()
    rows.append(Row("losses in a burst", lost, 0, "", note))
    peak, note = flood()
    rows.append(Row("memory", peak, MEMORY_BOUND_MIB, "MiB", note))
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as folder:
        seconds, note = replay(Path(folder))
    rows.append(Row("replay", seconds, REPLAY_BOUND_S, "s", note))
    return rows


def outside(again: Callable[[], list[str]]) -> int:
    """Start this again in a network namespace of its own, which only root has."""
    if not os.access(UEVENT, os.W_OK):
        print(f"not measured: {UEVENT} cannot be written to: events are made by root")
        return 2
    return subprocess.run(
        ["unshare", "--net", *again()], cwd=CHECKOUT, env={**environment(), INSIDE: "1"}, check=False
    ).returncode


def main(_arguments: Sequence[str]) -> int:
    if not os.environ.get(INSIDE):
        return outside(lambda: [sys.executable, "-m", "bench.bench_watch"])
    return verdict(measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
