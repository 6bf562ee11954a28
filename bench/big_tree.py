"""A guest with very many PCI functions, as a tree for ``--root`` and for lspci. ``python -m bench.big_tree DIR [N]``.

256 functions a bus, 8 buses a domain: bus 00 and seven behind PCIe root ports. Files are as sysfs makes them
(Documentation/ABI/testing/sysfs-bus-pci); equal ones are hard links, else the tree would take a gigabyte.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

RELEASE = "6.1.0-bench-amd64"
BUSES = 8
PER_BUS = 256
SLOTS = 32
LINKS = 30_000  # ext4 allows 65,000 for one file

DIRECTORIES = (
    "sys/bus/pci/devices sys/bus/pci/slots sys/bus/pci_express/devices sys/bus/virtio/devices sys/bus/scsi/devices "
    "sys/class/block sys/class/net sys/class/nvme sys/class/scsi_host sys/kernel sys/module/pci_hotplug "
    "sys/module/acpiphp/parameters etc/modprobe.d etc/modules-load.d run/udev/data boot proc/sys/kernel"
)


class Kind(NamedTuple):
    """A kind of function: its ids, driver and module, and what it has below it."""

    class_code: int
    vendor: int
    device: int
    driver: Optional[str]
    child: str = ""


PORT = Kind(0x060400, 0x1B36, 0x000C, "pcieport")
VF = Kind(0x020000, 0x8086, 0x1889, "vfio-pci")
UNBOUND = Kind(0x020000, 0x8086, 0x154C, None)
# Ten thousand functions are virtual ones for the most part, kept for user space; every 128 hold these.
KINDS = (
    *[VF] * 110,
    *[UNBOUND] * 12,
    Kind(0x050000, 0x1AF4, 0x1110, None),
    Kind(0x0C0330, 0x1B36, 0x000D, "xhci_hcd"),
    Kind(0x010000, 0x1AF4, 0x1042, "virtio-pci", "virtio_blk"),
    Kind(0x020000, 0x1AF4, 0x1041, "virtio-pci", "virtio_net"),
    Kind(0x010802, 0x1B36, 0x0010, "nvme", "nvme"),
    Kind(0x010000, 0x1000, 0x0012, "sym53c8xx", "scsi"),
)


class Function(NamedTuple):
    """One function: its number in the tree, its address, and its directory below ``sys/devices``."""

    number: int
    kind: Kind
    address: str
    path: str

    @property
    def modalias(self) -> str:
        code = self.kind.class_code
        return (
            f"pci:v{self.kind.vendor:08X}d{self.kind.device:08X}sv00001AF4sd00001100"
            f"bc{code >> 16:02X}sc{code >> 8 & 255:02X}i{code & 255:02X}"
        )


class Writer:
    """Makes files, folders and links below a root; a content that was written before is linked."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._written: dict[tuple[bytes, int], tuple[str, int]] = {}

    def folder(self, path: str) -> None:
        os.makedirs(f"{self.root}/{path}", exist_ok=True)

    def file(self, path: str, content: str | bytes, mode: int = 0o444) -> None:
        data = content if isinstance(content, bytes) else content.encode() + b"\n" * bool(content)
        target = f"{self.root}/{path}"
        first, links = self._written.get((data, mode), (target, 0))
        if 0 < links < LINKS:
            os.link(first, target)
            self._written[data, mode] = (first, links + 1)
            return
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        os.write(descriptor, data)
        os.close(descriptor)
        self._written[data, mode] = (target, 1)

    def files(self, folder: str, contents: dict[str, str]) -> None:
        for name, content in contents.items():
            self.file(f"{folder}/{name}", content)

    def link(self, path: str, target: str) -> None:
        """A relative link at ``path`` to ``target``, both seen from the root."""
        os.symlink(os.path.relpath(target, os.path.dirname(path)), f"{self.root}/{path}")

    def device(self, path: str, bus: str, driver: Optional[str], uevent: str) -> None:
        """What every device has: a folder, its subsystem, its driver and a uevent."""
        self.folder(path)
        self.file(f"{path}/uevent", uevent)
        self.link(f"{path}/subsystem", bus)
        if driver:
            self.link(f"{path}/driver", f"{bus}/drivers/{driver}")


def functions(count: int) -> Iterator[Function]:
    """``count`` functions in the order of their addresses; a domain begins with its host bridge and seven ports."""
    for number in range(count):
        domain, rest = divmod(number, BUSES * PER_BUS)
        bus, place = divmod(rest, PER_BUS)
        address = f"{domain:04x}:{bus:02x}:{place >> 3:02x}.{place & 7}"
        kind = KINDS[number % len(KINDS)]
        if bus == 0 and place < BUSES:
            kind = PORT if place else Kind(0x060000, 0x8086, 0x29C0, None)
        above = f"/{domain:04x}:00:00.{bus}" if bus else ""
        yield Function(number, kind, address, f"sys/devices/pci{domain:04x}:00{above}/{address}")


def config(function: Function) -> bytes:
    """The first 256 bytes: a type 0 or type 1 header, a power management and (for a port) a PCI Express capability."""
    kind, number = function.kind, function.number
    memory = 0xC000_0000 + number % 4096 * 0x1000
    head = struct.pack(
        "<HHHHB3sBBBB", kind.vendor, kind.device, 0x0507, 0x0010, 1, kind.class_code.to_bytes(3, "little"), 0, 0,
        0x81 if kind is PORT else 0x80, 0,
    )  # fmt: skip
    if kind is PORT:
        bus = int(function.address[-1])
        window = 0x8000 + bus * 0x40  # 4 MiB of memory; no I/O, no prefetchable window
        body = struct.pack("<IIBBBBBBHHHHHIIHHB3xIBBH", memory, 0, 0, bus, bus, 0, 0xF0, 0, 0,
                           window, window + 0x30, 0xFFF1, 1, 0, 0, 0, 0, 0x40, 0, 11, 1, 2)  # fmt: skip
    else:
        body = struct.pack("<6IIHHIB7xBBBB", memory, 0, 0, 0, 0, 0, 0, 0x1AF4, 0x1100, 0, 0x40, 11, 1, 0, 0)
    power = struct.pack("<BBHHH", 1, 0x48 if kind is PORT else 0, 3, 8, 0)
    express = struct.pack("<BBHIHHIHHIHH", 0x10, 0, 0x0142, 0x8000, 0, 0, 0x0173_0C11, 0x40, 0x2011, 0x60, 0x3E0, 0x40)
    return (head + body + power + (express if kind is PORT else b"")).ljust(256, b"\0")


def resource(function: Function) -> str:
    """Thirteen lines of start, end and flags, one memory BAR (seventeen lines and windows for a port)."""
    memory = 0xC000_0000 + function.number % 4096 * 0x1000
    nothing = " ".join(["0x0000000000000000"] * 3)
    lines = [f"0x{memory:016x} 0x{memory + 0xFFF:016x} 0x0000000000040200", *[nothing] * 12]
    if function.kind is PORT:
        window = 0x8000_0000 + int(function.address[-1]) * 0x40_0000
        lines[13:] = [nothing, f"0x{window:016x} 0x{window + 0x3F_FFFF:016x} 0x0000000000040200", nothing, nothing]
    return "\n".join(lines)


def write_function(writer: Writer, function: Function) -> None:
    """The folder of one function, its links from the bus and from its driver, and its children."""
    kind, path = function.kind, function.path
    ids = f"{kind.vendor:04X}:{kind.device:04X}"
    uevent = f"PCI_CLASS={kind.class_code:X}\nPCI_ID={ids}\nPCI_SUBSYS_ID=1AF4:1100\nPCI_SLOT_NAME={function.address}\n"
    uevent = (f"DRIVER={kind.driver}\n" if kind.driver else "") + uevent + f"MODALIAS={function.modalias}"
    writer.device(path, "sys/bus/pci", kind.driver, uevent)
    attributes = {
        "vendor": f"0x{kind.vendor:04x}", "device": f"0x{kind.device:04x}", "class": f"0x{kind.class_code:06x}",
        "subsystem_vendor": "0x1af4", "subsystem_device": "0x1100", "revision": "0x01", "irq": "11",
        "enable": "1" if kind.driver else "0", "modalias": function.modalias, "numa_node": "-1", "msi_bus": "1",
        "local_cpus": "3", "local_cpulist": "0-1", "broken_parity_status": "0", "driver_override": "(null)",
        "d3cold_allowed": "1", "ari_enabled": "0", "dma_mask_bits": "64", "consistent_dma_mask_bits": "64",
        "power_state": "D0", "resource": resource(function),
    }  # fmt: skip
    writer.files(path, attributes)
    for name in ("remove", "rescan", "reset"):
        writer.file(f"{path}/{name}", "", 0o200)
    writer.folder(f"{path}/power")
    writer.files(f"{path}/power", {"control": "on", "runtime_status": "active", "async": "enabled"})
    writer.file(f"{path}/config", config(function), 0o644)
    writer.link(f"sys/bus/pci/devices/{function.address}", path)
    if kind.driver:
        writer.link(f"sys/bus/pci/drivers/{kind.driver}/{function.address}", path)
    if kind.child:
        CHILDREN[kind.child](writer, function)


def name_of_disk(prefix: str, number: int) -> str:
    """vda … vdz, vdaa …, as the kernel names disks."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return prefix + letters


def write_disk(writer: Writer, above: str, name: str, number: int, partition: str) -> None:
    """A whole disk with one partition below the device ``above``."""
    path, device = f"{above}/{name}", f"{240 + number % 16}:{number * 16}"
    major, minor = device.split(":")
    for folder, node, kind in ((path, name, "disk"), (f"{path}/{partition}", partition, "partition")):
        writer.device(folder, "sys/class/block", None, f"MAJOR={major}\nMINOR={minor}\nDEVNAME={node}\nDEVTYPE={kind}")
        writer.files(folder, {"dev": device, "size": "2097152", "ro": "0", "alignment_offset": "0"})
        writer.link(f"sys/class/block/{node}", folder)
    writer.files(path, {"removable": "0", "range": "16", "capability": "0", "hidden": "0"})
    writer.file(f"{path}/{partition}/partition", "1")
    writer.folder(f"{path}/queue")
    writer.files(f"{path}/queue", {"rotational": "1", "logical_block_size": "512"})


def write_interface(writer: Writer, above: str, number: int) -> None:
    """A network interface below the device ``above``."""
    name = f"ens{number}"
    path = f"{above}/net/{name}"
    writer.device(path, "sys/class/net", None, f"INTERFACE={name}\nIFINDEX={number + 2}")
    mac = f"52:54:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    writer.files(path, {"address": mac, "ifindex": str(number + 2), "mtu": "1500", "operstate": "up", "carrier": "1"})
    writer.link(f"{path}/device", above)
    writer.link(f"sys/class/net/{name}", path)


def write_virtio(writer: Writer, function: Function) -> str:
    """The virtio device below a virtio PCI function: its path."""
    name, kind = f"virtio{function.number}", function.kind.child
    path = f"{function.path}/{name}"
    ids = {"virtio_blk": 2, "virtio_net": 1}[kind]
    modalias = f"virtio:d{ids:08X}v00001AF4"
    writer.device(path, "sys/bus/virtio", kind, f"DRIVER={kind}\nMODALIAS={modalias}")
    writer.files(path, {"device": f"0x{ids:04x}", "vendor": "0x1af4", "status": "0x0000000f", "modalias": modalias})
    writer.link(f"sys/bus/virtio/devices/{name}", path)
    writer.link(f"sys/bus/virtio/drivers/{kind}/{name}", path)
    return path


def write_virtio_disk(writer: Writer, function: Function) -> None:
    name = name_of_disk("vd", function.number)
    write_disk(writer, f"{write_virtio(writer, function)}/block", name, function.number, f"{name}1")


def write_virtio_interface(writer: Writer, function: Function) -> None:
    write_interface(writer, write_virtio(writer, function), function.number)


def write_plain_interface(writer: Writer, function: Function) -> None:
    write_interface(writer, function.path, function.number)


def write_nvme(writer: Writer, function: Function) -> None:
    name = f"nvme{function.number}"
    path = f"{function.path}/nvme/{name}"
    writer.device(path, "sys/class/nvme", None, f"MAJOR=241\nMINOR={function.number}\nDEVNAME={name}")
    writer.files(path, {"model": "QEMU NVMe Ctrl", "state": "live", "transport": "pcie", "address": function.address})
    writer.link(f"sys/class/nvme/{name}", path)
    write_disk(writer, path, f"{name}n1", function.number, f"{name}n1p1")


def write_scsi(writer: Writer, function: Function) -> None:
    host = f"host{function.number}"
    path, target = f"{function.path}/{host}", f"{function.number}:0:0"
    writer.device(path, "sys/bus/scsi", None, "DEVTYPE=scsi_host")
    writer.device(f"{path}/scsi_host/{host}", "sys/class/scsi_host", None, "")
    writer.file(f"{path}/scsi_host/{host}/proc_name", "sym53c8xx")
    writer.link(f"sys/class/scsi_host/{host}", f"{path}/scsi_host/{host}")
    writer.device(f"{path}/target{target}", "sys/bus/scsi", None, "DEVTYPE=scsi_target")
    disk = f"{path}/target{target}/{target}:0"
    writer.device(disk, "sys/bus/scsi", "sd", "DEVTYPE=scsi_device\nDRIVER=sd\nMODALIAS=scsi:t-0x00")
    writer.files(disk, {"vendor": "QEMU", "model": "QEMU HARDDISK", "rev": "2.5+", "type": "0", "state": "running"})
    writer.link(f"sys/bus/scsi/devices/{target}:0", disk)
    name = name_of_disk("sd", function.number)
    write_disk(writer, f"{disk}/block", name, function.number, f"{name}1")


CHILDREN = {
    "virtio_blk": write_virtio_disk,
    "virtio_net": write_virtio_interface,
    "net": write_plain_interface,
    "nvme": write_nvme,
    "scsi": write_scsi,
}


def write_ground(writer: Writer) -> None:
    """What stands once in a guest: folders, drivers and their modules, the kernel's own texts."""
    for path in DIRECTORIES.split():
        writer.folder(path)
    drivers = {f"pci/drivers/{kind.driver}" for kind in (PORT, *KINDS) if kind.driver}
    for driver in sorted(drivers | {"virtio/drivers/virtio_blk", "virtio/drivers/virtio_net", "scsi/drivers/sd"}):
        module = driver.rsplit("/", 1)[1].replace("-", "_")
        writer.folder(f"sys/bus/{driver}")
        writer.folder(f"sys/module/{module}")
        writer.file(f"sys/module/{module}/initstate", "live")
        writer.link(f"sys/bus/{driver}/module", f"sys/module/{module}")
    writer.file("sys/bus/pci/drivers_autoprobe", "1")
    writer.file("sys/module/acpiphp/parameters/disable", "N")
    writer.file("proc/sys/kernel/osrelease", RELEASE)
    writer.file("proc/version", f"Linux version {RELEASE} (gcc) #1 SMP")
    writer.file("proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/vda1 ro quiet")
    writer.file("proc/modules", "virtio_blk 28672 0 - Live 0x0000000000000000\nnvme 57344 0 - Live 0x0000000000000000")
    writer.file(f"boot/config-{RELEASE}", "CONFIG_HOTPLUG_PCI=y\nCONFIG_HOTPLUG_PCI_ACPI=y\nCONFIG_HOTPLUG_PCI_PCIE=y")
    modules = f"lib/modules/{RELEASE}"
    writer.folder(modules)
    writer.file(f"{modules}/modules.alias", "\n".join(aliases()))
    writer.file(f"{modules}/modules.builtin", "kernel/drivers/pci/hotplug/acpiphp.ko")
    writer.file(f"{modules}/modules.dep", "kernel/drivers/virtio/virtio_pci.ko:")


def aliases() -> Iterator[str]:
    """A modules.alias of usual length: 9,000 PCI aliases in 26,000 lines; the last ones match what is in the tree."""
    yield "# Aliases extracted from modules themselves."
    for number in range(17_000):
        yield f"alias of:N*T*Cbench,device-{number}C* bench_of_{number % 700}"
    for number in range(9_000):
        yield f"alias pci:v{0x2000 + number % 400:08X}d{number:08X}sv*sd*bc*sc*i* bench_pci_{number % 600}"
    for kind in dict.fromkeys((*KINDS, PORT)):
        module = (kind.driver or "iavf").replace("-", "_")
        if kind.vendor != 0x1AF4:
            yield f"alias pci:v{kind.vendor:08X}d{kind.device:08X}sv*sd*bc*sc*i* {module}"
    yield "alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci"
    yield "alias virtio:d00000001v* virtio_net"
    yield "alias virtio:d00000002v* virtio_blk"


def write_slots(writer: Writer, domains: int) -> None:
    """The slots of every root bus, as acpiphp shows them."""
    for number in range(domains * SLOTS):
        domain, device = divmod(number, SLOTS)
        path = f"sys/bus/pci/slots/{device}" + (f"-{domain}" if domain else "")
        writer.folder(path)
        writer.files(path, {"address": f"{domain:04x}:00:{device:02x}", "adapter": "1", "latch": "0", "power": "1"})
        writer.files(path, {"cur_bus_speed": "Unknown", "max_bus_speed": "Unknown"})


def build(root: Path, count: int) -> None:
    """Write a tree of ``count`` functions below ``root``, which must not exist yet."""
    writer = Writer(root)
    write_ground(writer)
    for function in functions(count):
        write_function(writer, function)
    write_slots(writer, -(-count // (BUSES * PER_BUS)))


def main(arguments: Sequence[str]) -> int:
    root, count = Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 10_000
    start = time.perf_counter()
    build(root, count)
    print(f"{root}: {count} functions in {time.perf_counter() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
