"""``parse dmesg`` of 1,000,000 lines against a bare loop that applies one regular expression to every line.

Whole processes in turn, the median of the ratios of neighbours (``pairs.py``), and the peak of memory at half of
the lines and at all.

The log (``messages``) is a boot, then a guest in which disks come and go while other programs write: a
quarter of the lines are about PCI, and two lines in five are unlike every other.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.pairs import CHECKOUT, Row, ratio, run, verdict

LINES = 1_000_000
RATIO = 4.0
GROWTH_MIB = 8.0

BARE = """
import re, sys
match = re.compile(r"(?:<[0-9]+>)?\\[ *([0-9]+\\.[0-9]+)\\] (?:([\\w-]+) ([0-9a-f:]+\\.[0-7]): )?(.*)").match
with open(sys.argv[1], errors="backslashreplace") as log:
    for line in log:
        match(line)
"""
OURS = """
import sys
sys.path.insert(0, sys.argv[2])
from hotplugctl.parse.dmesg import Parser
from hotplugctl.parse.kernel_events import READER
from hotplugctl.render.ndjson_log import write_document
with open(sys.argv[1], errors="backslashreplace", newline="\\n") as log:
    write_document(Parser(log, READER), sys.stdout.write)
"""

_BOOT = """\
Linux version 6.1.0-50-amd64 (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-02)
Command line: console=ttyS0 root=UUID=0000 rw quiet
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
ACPI: RSDP 0x00000000000F59F0 000014 (v00 BOCHS )
rcu: \tRCU restricting CPUs from NR_CPUS=8192 to nr_cpu_ids=2.
pci_hotplug: PCI Hot Plug PCI Core version: 0.5
acpi PNP0A08:00: _OSC: OS now controls [PCIeHotplug SHPCHotplug PME AER PCIeCapability]
pci_bus 0000:00: root bus resource [mem 0x80000000-0xafffffff window]
pci 0000:00:02.0: [1b36:000c] type 01 class 0x060400
pci 0000:00:02.0: reg 0x10: [mem 0xfea17000-0xfea17fff]
pci 0000:00:02.0: PCI bridge to [bus 01]
ACPI: PCI: Interrupt link LNKA configured for IRQ 10
pcieport 0000:00:02.0: pciehp: Slot #1 AttnBtn+ PwrCtrl+ MRL- AttnInd+ PwrInd+ HotPlug+ Surprise+ Interlock- NoCompl-
shpchp: Standard Hot Plug PCI Controller Driver version: 0.4
Block layer SCSI generic (bsg) driver version 0.4 loaded (major 248)
virtio_blk virtio0: [vda] 4194304 512-byte logical blocks (2.15 GB/2.00 GiB)
systemd[1]: Starting systemd-udevd.service - Rule-based Manager for Device Events and Files...
"""
_ADDED = """\
pcieport 0000:00:{port:02x}.0: pciehp: Slot({slot}): Attention button pressed
pcieport 0000:00:{port:02x}.0: pciehp: Slot({slot}) Powering on due to button press
pcieport 0000:00:{port:02x}.0: pciehp: Slot({slot}): Card present
pcieport 0000:00:{port:02x}.0: pciehp: Slot({slot}): Link Up
pci 0000:{bus:02x}:00.0: [1af4:1042] type 00 class 0x010000 PCIe Endpoint
pci 0000:{bus:02x}:00.0: BAR 1 [mem 0x00000000-0x00000fff]
pci 0000:{bus:02x}:00.0: BAR 4 [mem 0x00000000-0x00003fff 64bit pref]
pci 0000:{bus:02x}:00.0: BAR 4 [mem 0x{base:08x}-0x{last:08x} 64bit pref]: assigned
pcieport 0000:00:{port:02x}.0: PCI bridge to [bus {bus:02x}]
pcieport 0000:00:{port:02x}.0:   bridge window [mem 0x{base:08x}-0x{last:08x}]
virtio-pci 0000:{bus:02x}:00.0: enabling device (0000 -> 0002)
virtio_blk virtio{slot}: 2/0/0 default/read/poll queues
virtio_blk virtio{slot}: [vdb] {sectors} 512-byte logical blocks (33.6 MB/32.0 MiB)
 vdb: vdb1 vdb2
pcieport 0000:00:{port:02x}.0: pciehp: Slot({slot}): Powering off due to button press
"""
_OTHERS = (
    'audit: type=1400 audit({number}.{fine}:{slot}): apparmor="STATUS" operation="profile_load" pid={fine}',
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth{slot}: link becomes ready",
    "EXT4-fs (vdb{slot}): mounted filesystem with ordered data mode. Quota mode: none.",
    "systemd[1]: Started session-{number}.scope - Session {number} of User root.",
    "hrtimer: interrupt took {fine} ns",
    "[UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56 SRC=10.{slot}.0.{port} DST=10.0.0.1 LEN=40 ID={fine} PROTO=TCP",
    "kauditd_printk_skb: {slot} callbacks suppressed",
    "clocksource: timekeeping watchdog on CPU{slot}: hpet retried {slot} times before success",
    "docker0: port {slot}(veth{fine:x}) entered forwarding state",
    "perf: interrupt took too long (2503 > 2500), lowering kernel.perf_event_max_sample_rate to 79750",
)


def messages(seed: int = 2) -> Iterator[str]:
    """Messages without end: a boot, then arrivals, departures and other programs' lines; always the same."""
    chance = random.Random(seed)
    yield from _BOOT.splitlines()
    number = 1
    while True:
        slot = chance.randrange(1, 29)
        base = 0x80000000 + 0x200000 * chance.randrange(256)
        values = {"slot": slot, "port": slot + 2, "bus": slot, "base": base, "last": base + 0x3FFF, "number": number}
        yield from _ADDED.format(**values, sectors=2048 * chance.randrange(1, 4096)).splitlines()
        for _ in range(45):
            number += 1
            yield chance.choice(_OTHERS).format(**{**values, "number": number}, fine=chance.randrange(10**6))


def write_log(path: Path, lines: int) -> None:
    """Write a log of so many lines, with growing times."""
    with path.open("w", encoding="utf-8") as log:
        for number, message in zip(range(lines), messages()):
            log.write(f"[{number * 0.0173:12.6f}] {message}\n")


def measure(lines: int, pairs: int) -> list[Row]:
    """The ratio of whole processes, and how much more memory all lines take than half of them."""
    with tempfile.TemporaryDirectory(prefix="hotplugctl-bench-") as directory:
        log, half = Path(directory) / "log", Path(directory) / "half"
        write_log(log, lines)
        write_log(half, lines // 2)
        ours = [sys.executable, "-c", OURS, str(log), str(CHECKOUT)]
        bare = [sys.executable, "-c", BARE, str(log)]
        measured, words = ratio(ours, bare, pairs)
        growth = run(ours).peak_mib - run([*ours[:3], str(half), str(CHECKOUT)]).peak_mib
    return [
        Row(f"parse dmesg, {lines:,} lines", measured, RATIO, "x", words),
        Row("memory beyond half of it", max(0.0, growth), GROWTH_MIB, "MiB"),
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the rows; 0 if both bounds are kept, 1 if one is over, 2 if it could not be measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=LINES)
    options.add_argument("--pairs", type=int, default=5)
    chosen = options.parse_args(arguments)
    return verdict(lambda: measure(chosen.lines, chosen.pairs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
