"""Say what a right answer is for every recorded guest, from the host's side alone.

    python3 -m scripts.truth STORIES > fixtures/TRUTH.tsv

STORIES is a folder of stories, each with host/cmdline.txt (QEMU's argv), host/qmp.jsonl (QMP both ways, and the
commands given to the guest's agent) and host/info-pci-STAGE.txt, and of common-KERNEL/ folders (boot/config-*,
lib/modules/KERNEL/modules.*). Nothing of the package under test is imported and no snapshot of a guest is opened.
What no rule here covers (an unknown device type or hot-plug parameter) ends the run, as does a device whose BARs
contradict what the transcript says about it.

One row per stage, in the order of the transcript, stories by name; tab-separated, LF, `-` where there is nothing:

story, stage  folder name, and the `snap` marker in qmp.jsonl
kernel        the file name after -kernel; machine: -M (pc or q35)
verdict       not-ready: no bus is served by both sides; limited: hot-plug works, but there is no free slot left, a bus
              that the host plugs into and the guest does not serve, a device without driver, with a blacklisted one or
              without an address for a BAR, a disk that went while the guest had it mounted, or a ghost; ready: none
              of these
mechanisms    usable ones, joined with `,`: the host offers it on some bus, the kernel was built with it, and neither
              -append nor the platform takes it away. Offered are: pc's root bus by ACPI; pci-bridges present at boot
              and q35's root ports by ACPI, or with -global acpi-pci-hotplug-with-bridge-support=off by SHPC and
              natively; bridges added later by SHPC; pcie.0 by nothing
slots         on those buses only: on pc's root bus every device number but those of fixed functions (chipset, bridges,
              VGA), 32 behind a bridge by ACPI, 31 by SHPC (no slot 0), 1 behind a root port
free_slots    those without a function 0 in info-pci: QEMU still takes a function 0 into a slot that has only others
devices       hot-added on the host and known to the guest, by address, joined with `;`, each
              `id=ADDRESS:VVVV:DDDD:DRIVER:NODES` (split off `id=`, then four fields from the right). DRIVER is the PCI
              driver, `-` where this kernel has none. NODES are kinds and counts as in /sys/class, joined with `,`:
              block (whole disks, those behind an HBA included; the host does not know the partitions), net, nvme,
              scsi_host; `-` where none can have been made
invisible     `id=ADDRESS` (a SCSI disk: `id=HBA`) on the host, but the guest cannot see it: never announced, waiting
              for its function 0, or removed by hand in the guest
ghosts        the same form: gone on the host, but the guest, which had come to see it, was not told
why           all this for a reader

An announced device is taken as seen: the snapshots were made seconds after the last command, when the guest had
settled. One that nobody announced is seen from the next rescan on, but not in a native slot, which stays powered off
while nobody drives it.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scripts.qemu_devices import BRIDGES, DISKS, KINDS, NAMED, TELLS_OF_DISKS

COLUMNS = ["story", "stage", "kernel", "machine", "verdict", "mechanisms"]
COLUMNS += ["free_slots", "slots", "devices", "invisible", "ghosts", "why"]
SYMBOLS = {"acpiphp": "ACPI", "pciehp": "PCIE", "shpchp": "SHPC"}  # CONFIG_HOTPLUG_PCI_*
# What a kernel parameter takes away (kernel-parameters.rst; `disable` is acpiphp's own).
SWITCHES: dict[str, tuple[str, ...]] = dict.fromkeys(("acpi=off", "pci=noacpi", "acpiphp.disable=1"), ("acpiphp",))
SWITCHES["pcie_ports=compat"] = ("pciehp", "shpchp")  # Linux then asks _OSC for no control at all
BLACKLIST = "modprobe.blacklist"
WATCHED = re.compile(r"acpi|pci|shpc|modprobe\.|module_blacklist|initcall_blacklist")
# Boot-time functions of these kinds cannot be unplugged in QEMU, so firmware gives their device number no slot.
FIXED = ("Host bridge", "ISA bridge", "PCI bridge", "Bridge", "IDE controller", "VGA controller")
UNMAPPED = "0xffffffffffffffff"
SEEN_BY_FIRST_SCAN = 3.0  # seconds: the bus reset of sym53c8xx, after which it looks for disks


class Function(NamedTuple):
    """One function in `info pci`: numbers as there; `bars` are (is memory, is mapped), the ROM left out."""

    bus: int
    device: int
    function: int
    kind: str
    ids: str
    id: str
    secondary: int
    bars: tuple[tuple[bool, bool], ...]

    @property
    def address(self) -> str:
        return f"0000:{self.bus:02x}:{self.device:02x}.{self.function:x}"


class Host(NamedTuple):
    """What QEMU's command line says; `cold` are the -device arguments, `parameters` the words of -append."""

    machine: str
    kernel: str
    parameters: tuple[str, ...]
    switches: Mapping[str, str]
    cold: tuple[Mapping[str, str], ...]


class Kernel(NamedTuple):
    mechanisms: frozenset[str]
    modules: frozenset[str]


class Bus(NamedTuple):
    """A bus into which the host plugs; `refusal` says why the guest does not serve it, empty if it does."""

    number: int
    mechanism: str
    slots: frozenset[int]
    refusal: str


class Device:
    """A device added by device_add and what became of it; `kind` is QEMU's type, `bus` names the bus or the HBA."""

    def __init__(self, arguments: Mapping[str, Any], time: float, root: str) -> None:
        self.id, self.kind = str(arguments["id"]), str(arguments["driver"])
        self.bus = str(arguments.get("bus", root))
        slot, _, function = str(arguments.get("addr", f"auto-{self.id}")).partition(".")
        self.slot, self.function = slot, int(function or "0", 16)
        self.time = time
        self.on_host, self.seen, self.ever_seen = True, False, False
        self.address = ""


def read_host(text: str) -> Host:
    argv = shlex.split(text.replace("\\\n", " "))
    pairs = list(zip(argv, argv[1:]))
    one = {name: value for name, value in pairs if name in ("-M", "-kernel", "-append")}
    parameters = tuple(shlex.split(one["-append"]))
    for word in parameters:
        if WATCHED.match(word) and word not in SWITCHES and word.partition("=")[0] != BLACKLIST:
            raise SystemExit(f"truth: no rule for kernel parameter {word!r}")
    switches = dict(value.split("=", 1) for name, value in pairs if name == "-global")
    devices = [f"driver={value}".split(",") for name, value in pairs if name == "-device"]
    cold = tuple(dict(word.split("=", 1) for word in words) for words in devices)
    return Host(one["-M"], Path(one["-kernel"]).name.removeprefix("vmlinuz-"), parameters, switches, cold)


def read_kernel(folder: Path, release: str) -> Kernel:
    config = (folder / "boot" / f"config-{release}").read_text("utf-8")
    mechanisms = {m for m, symbol in SYMBOLS.items() if re.search(f"(?m)^CONFIG_HOTPLUG_PCI_{symbol}=[ym]$", config)}
    modules = folder / "lib" / "modules" / release
    names = [line.partition(":")[0] for line in (modules / "modules.dep").read_text("utf-8").splitlines()]
    names += (modules / "modules.builtin").read_text("utf-8").splitlines()
    found = {Path(name.strip()).name.partition(".ko")[0].replace("-", "_") for name in names}
    # modules.builtin does not list every mechanism that is built in, in some kernels none: the configuration decides.
    return Kernel(frozenset(mechanisms), frozenset(found | mechanisms))


def read_info_pci(text: str) -> list[Function]:
    found = []
    for block in re.split(r"(?m)^(?=  Bus +\d)", text)[1:]:
        place = re.match(r"  Bus +(\d+), device +(\d+), function (\d+):", block)
        what = re.search(r"(?m)^    (.+): PCI device ([0-9a-f]{4}:[0-9a-f]{4})$", block)
        name = re.search(r'(?m)^      id "(.*)"', block)
        if not (place and what and name):
            raise SystemExit(f"truth: info pci: cannot be read: {block!r}")
        below, bars = re.search(r"secondary bus (\d+)\.", block), re.findall(r"BAR[0-5]: (.*) at (0x[0-9a-f]+) ", block)
        where = (int(place[1]), int(place[2]), int(place[3]))
        state = tuple(("memory" in kind, at != UNMAPPED) for kind, at in bars)
        found.append(Function(*where, what[1], what[2], name[1], int(below[1]) if below else 0, state))
    return found


def refusal(mechanism: str, host: Host, kernel: Kernel) -> str:
    """Why the guest does not take this mechanism, empty if it does."""
    if mechanism not in kernel.mechanisms:
        return f"the kernel is built without {mechanism}"
    for word in host.parameters:
        if mechanism in SWITCHES.get(word, ()):
            return f"{word} takes {mechanism} away"
    # Linux asks before it takes an SHPC: q35's root bridge grants it by _OSC, pc's firmware has neither _OSC nor OSHP.
    if mechanism == "shpchp" and host.machine == "pc":
        return "firmware does not let the guest control the SHPC"
    return ""


def offers(host: Host, boot: list[Function], devices: Iterable[Device]) -> Iterator[tuple[str, str, frozenset[int]]]:
    """(bridge id, empty for the root bus; mechanism; device numbers of the slots) of each bus the host plugs into."""
    chip = {"pc": "PIIX4_PM", "q35": "ICH9-LPC"}[host.machine]
    by_acpi = host.switches.get(f"{chip}.acpi-pci-hotplug-with-bridge-support", "on") == "on"
    if host.machine == "pc" and host.switches.get("PIIX4_PM.acpi-root-pci-hotplug", "on") == "on":
        fixed = {function.device for function in boot if function.bus == 0 and function.kind in FIXED}
        yield "", "acpiphp", frozenset(range(32)) - fixed
    for arguments in host.cold:
        if arguments["driver"] == "pcie-root-port":
            yield arguments["id"], "acpiphp" if by_acpi else "pciehp", frozenset({0})
        elif arguments["driver"] in BRIDGES and by_acpi:
            yield arguments["id"], "acpiphp", frozenset(range(32))
        elif arguments["driver"] in BRIDGES and arguments.get("shpc", "on") == "on":
            yield arguments["id"], "shpchp", frozenset(range(1, 32))
    for device in devices:
        if device.kind in BRIDGES and device.on_host and device.seen:
            yield device.id, "shpchp", frozenset(range(1, 32))


class Story:
    """The transcript replayed: what the host has and what the guest has been told."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder / "host"
        self.host = read_host((self.folder / "cmdline.txt").read_text("utf-8"))
        self.kernel = read_kernel(folder.parent / f"common-{self.host.kernel}", self.host.kernel)
        self.devices: dict[str, Device] = {}
        self.loaded: set[str] = set()
        self.mounted: dict[str, Device] = {}
        self.boot: list[Function] = []
        lines = (self.folder / "qmp.jsonl").read_text("utf-8").splitlines()
        self.records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.refused = {r["m"]["id"] for r in self.records if r["k"] == "<" and "error" in r["m"]}
        self.said = {r["m"]["id"]: str(r["m"].get("out", "")) for r in self.records if r["k"] == "ag<"}

    def rows(self) -> Iterator[tuple[str, ...]]:
        for record in self.records:
            message = record["m"]
            if message.get("execute") == "device_add" and message["id"] not in self.refused:
                self.add(Device(message["arguments"], record["t"], "pci.0" if self.host.machine == "pc" else "pcie.0"))
            elif message.get("event") == "DEVICE_DELETED" and "device" in message["data"]:
                self.delete(self.devices[message["data"]["device"]])
            elif record["k"] == "ag>" and message.get("op") == "sh":
                self.shell(message["cmd"], self.said.get(message["id"], ""))
            elif "snap" in message:
                yield self.row(message["snap"])

    def offer(self, name: str) -> tuple[str, str]:
        """(mechanism, refusal) of the bus of that name; QEMU took a device into it."""
        for bridge, mechanism, _ in offers(self.host, self.boot, self.devices.values()):
            if bridge == ("" if name in ("pci.0", "pcie.0") else name):
                return mechanism, refusal(mechanism, self.host, self.kernel)
        return "", "behind a bridge that the guest does not know"

    def add(self, device: Device) -> None:
        if device.kind in DISKS:
            device.bus = device.address = device.bus.partition(".")[0]
            hba = self.devices[device.bus]
            device.seen = hba.seen and (hba.kind in TELLS_OF_DISKS or device.time - hba.time < SEEN_BY_FIRST_SCAN)
        else:
            if device.kind not in KINDS:
                raise SystemExit(f"truth: {self.name}: no rule for device type {device.kind!r}")
            self.devices[device.id] = device
            if not self.offer(device.bus)[1]:
                self.see([device])
        self.devices[device.id] = device

    def see(self, devices: Iterable[Device]) -> None:
        """The guest looks at these slots: every function in them is found, if there is a function 0."""
        slots = {(device.bus, device.slot) for device in devices}
        there = [d for d in self.devices.values() if d.on_host and (d.bus, d.slot) in slots and d.kind not in DISKS]
        whole = {(d.bus, d.slot) for d in there if d.function == 0}
        for device in [d for d in there if (d.bus, d.slot) in whole and not d.seen]:
            device.seen = device.ever_seen = True
            self.scan(device)

    def on(self, hba: Device) -> list[Device]:
        return [device for device in self.devices.values() if device.kind in DISKS and device.bus == hba.id]

    def scan(self, hba: Device) -> None:
        for disk in self.on(hba):
            disk.seen = disk.ever_seen = disk.on_host

    def delete(self, device: Device) -> None:
        device.on_host = False
        if device.kind in DISKS:
            device.seen = device.seen and self.devices[device.bus].kind not in TELLS_OF_DISKS
        elif not self.offer(device.bus)[1]:
            device.seen = False
            for disk in self.on(device):
                disk.seen = False

    def shell(self, command: str, answer: str) -> None:
        """What the guest's owner did by hand in it."""
        if re.search(r"> /sys/bus/pci/rescan", command):
            self.see(d for d in self.devices.values() if d.kind not in DISKS and self.offer(d.bus)[0] != "pciehp")
        if re.search(r'"- - -" > \S*/scan', command):
            for hba in [device for device in self.devices.values() if device.seen]:
                self.scan(hba)
        if re.search(r"> \$D/remove", command):
            gone = re.findall(r"(?m)^/sys/devices/\S*/([0-9a-f:]+\.[0-7])$", answer)
            for device in self.devices.values():
                device.seen = device.seen and device.address not in gone
        for un, disk, point in re.findall(r"\b(u?)mount (?:/dev/(vd|sd)[a-z]+\d* )?(/\S+?)(?=;|$)", command):
            if un:
                self.mounted.pop(point, None)
            elif disk:
                own = [device for device in self.devices.values() if device.seen and device.kind == NAMED[disk]]
                if len(own) != 1:
                    raise SystemExit(f"truth: {self.name}: which disk is mounted on {point}?")
                self.mounted[point] = own[0]
        self.loaded.update(name.replace("-", "_") for name in re.findall(r"\bmodprobe ([\w-]+)", command))

    def row(self, stage: str) -> tuple[str, ...]:
        functions = read_info_pci((self.folder / f"info-pci-{stage}.txt").read_text("utf-8"))
        self.boot = self.boot or functions
        named = {function.id: function for function in functions if function.id in self.devices}
        for device in self.devices.values():
            device.address = named[device.id].address if device.id in named else device.address
        numbers = {"": 0, **{function.id: function.secondary for function in functions if function.secondary}}
        offered = [Bus(numbers[bridge], mechanism, slots, refusal(mechanism, self.host, self.kernel))
                   for bridge, mechanism, slots in offers(self.host, self.boot, self.devices.values())]  # fmt: skip
        buses = [bus for bus in offered if not bus.refusal]
        mechanisms = sorted({bus.mechanism for bus in buses})
        slots = {(bus.number, slot) for bus in buses for slot in bus.slots}
        free = slots - {(function.bus, function.device) for function in functions if function.function == 0}
        entries, faults = self.look(named)
        unseen = [device for device in self.devices.values() if device.on_host and not device.seen]
        ghosts = [device for device in self.devices.values() if device.seen and not device.on_host]
        short = ["no free slot left"] if slots and not free else []
        short += [f"{name}: {text}" for text, name in grouped((bus.refusal, bus.number) for bus in offered)]
        lost = [(device.id, point) for point, device in self.mounted.items() if not device.on_host and not device.seen]
        short += [f"{name}: gone, and still mounted on {point}" for name, point in lost]
        short += faults + [f"{device.id}: gone on the host, the guest was not told" for device in ghosts]
        good = [f"{name} serves {text}" for name, text in grouped((bus.mechanism, bus.number) for bus in buses)]
        verdict = "not-ready" if not slots else "limited" if short else "ready"
        why = "; ".join(short + good + [self.why_unseen(device) for device in unseen])
        known = (self.name, stage, self.host.kernel, self.host.machine, verdict, ",".join(mechanisms), str(len(free)))
        row = (*known, str(len(slots)), ";".join(entries), places(unseen), places(ghosts), why)
        return tuple(cell or "-" for cell in row)

    def look(self, named: Mapping[str, Function]) -> tuple[list[str], list[str]]:
        """The `devices` entries, and what is wrong with them; BARs must agree with what the transcript says."""
        entries, faults = [], []
        for function in sorted(named.values()):
            device = self.devices[function.id]
            driver, nodes, fault = self.driven(device)
            set_up, driven = any(is_mapped for _, is_mapped in function.bars), device.seen and driver != "-"
            if (set_up and not device.ever_seen) or (driven and not set_up):
                raise SystemExit(f"truth: {self.name}: the BARs of {device.id} contradict the transcript")
            if not device.seen:
                continue
            # One BAR decodes, so memory decoding is on, and another does not: that one has no address.
            memory = {is_mapped for is_memory, is_mapped in function.bars if is_memory}
            fault += ["a BAR has no address"] if memory == {True, False} else []
            faults += [f"{device.id}: {text}" for text in fault]
            entries.append(f"{device.id}={function.address}:{function.ids}:{driver}:{nodes}")
        return entries, faults

    def driven(self, device: Device) -> tuple[str, str, list[str]]:
        """(driver, nodes, faults) of a hot-added function in this kernel."""
        kind = KINDS[device.kind]
        fault = [text for text in (self.missing(kind.module), self.missing(kind.child)) if text]
        if not kind.module:
            return "-", "-", ["Linux has no driver for it"]
        if self.missing(kind.module):
            return "-", "-", fault
        disks = sum(disk.seen for disk in self.on(device))
        count = {**dict.fromkeys(kind.nodes, 1), **({"block": disks} if disks else {})}
        nodes = ",".join(f"{name}={number}" for name, number in count.items())
        return kind.driver, nodes if nodes and not fault else "-", fault

    def missing(self, module: str) -> str:
        if not module:
            return ""
        if module not in self.kernel.modules:
            return f"this kernel has no {module}"
        lists = [word.partition("=")[2] for word in self.host.parameters if word.startswith(f"{BLACKLIST}=")]
        barred = {name.replace("-", "_") for names in lists for name in names.split(",")} - self.loaded
        return f"{module} is blacklisted" if module in barred else ""

    def why_unseen(self, device: Device) -> str:
        if device.ever_seen:
            return f"{device.id}: removed by hand in the guest, the host still has it"
        if device.kind in DISKS or self.offer(device.bus)[1]:
            return f"{device.id}: never announced to the guest"
        return f"{device.id}: waits for its function 0"


def grouped(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    """(text, the buses that it is said of), an empty text left out."""
    buses: dict[str, list[str]] = {}
    for text, number in pairs:
        buses.setdefault(text, []).append(f"0000:{number:02x}")
    return [(text, ("buses " if len(names) > 1 else "bus ") + " ".join(names)) for text, names in buses.items() if text]


def places(devices: Iterable[Device]) -> str:
    return ";".join(sorted(f"{device.id}={device.address}" for device in devices))


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise SystemExit("usage: python3 -m scripts.truth STORIES > fixtures/TRUTH.tsv")
    print("\t".join(COLUMNS))
    for transcript in sorted(Path(arguments[0]).glob("*/host/qmp.jsonl")):
        for row in Story(transcript.parent.parent).rows():
            print("\t".join(row))


if __name__ == "__main__":
    main(sys.argv[1:])
