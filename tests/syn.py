"""Guests made by hand: the least tree in which a question can be asked, where no recording asks it.

What the files hold is what Linux writes (Documentation/ABI/testing/sysfs-bus-pci, drivers/pci/pci-sysfs.c); the
registers are those of the PCI Local Bus and PCI Express specifications. All names of such guests begin with ``syn-``.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Optional, Union

from hotplugctl.collect.snapshot import collect
from hotplugctl.model.report import Finding, Headroom
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules import answer, catalogue
from hotplugctl.source.door import open_tree

RELEASE = "6.1.0-syn"
NAMESPACE = "sys/devices/LNXSYSTM:00/LNXSYBUS:00"
KCONFIG = {
    "CONFIG_PCI": "y",
    "CONFIG_X86_64": "y",
    "CONFIG_HOTPLUG_PCI": "y",
    "CONFIG_HOTPLUG_PCI_ACPI": "y",
    "CONFIG_HOTPLUG_PCI_PCIE": "y",
    "CONFIG_HOTPLUG_PCI_SHPC": "y",
}
# SltCap: AttnBtn+ PwrCtrl+ AttnInd+ PwrInd+ HotPlug+, slot 1; SltCtl: power off; SltSta: nothing.
SLOT = (0x0008_005B, 0x07C0, 0x0000)
EMPTY_BAR = (0, 0, 0)


def endpoint(vendor="1af4", device="1000", class_="020000", bars=(), capabilities=(), command=0x0107) -> bytes:
    """256 bytes of config space; ``capabilities``: (id, bytes after the header)."""
    data = _header(vendor, device, class_, 0x00, command, capabilities)
    struct.pack_into(f"<{len(bars)}I", data, 0x10, *bars)
    return bytes(data)


def bridge(
    secondary=1, subordinate=None, device="000c", vendor="1b36", io=(0x1000, 0x1FFF), mem=(0xFE80_0000, 0xFE9F_FFFF),
    pref=None, slot=None, shpc=False, port_type=4, express=True, capabilities=(),
) -> bytes:  # fmt: skip
    """A bridge; windows None are closed as the kernel closes them. ``slot``: SltCap, SltCtl, SltSta, None: no slot."""
    found = list(capabilities)
    if express:
        flags = 0x0002 | port_type << 4 | (0x0100 if slot else 0)
        found.append((0x10, struct.pack("<HI2HI2HI2H", flags, 0, 0, 0, 0, 0, 0, *(slot or (0, 0, 0)))))
    if shpc:
        found.append((0x0C, bytes(6)))
    data = _header(vendor, device, "060400", 0x01, 0x0107, found)
    data[0x18:0x1B] = bytes((0, secondary, secondary if subordinate is None else subordinate))
    data[0x1C:0x1E] = bytes((io[0] >> 8 & 0xF0, io[1] >> 8 & 0xF0)) if io else b"\xf0\x00"
    first, last = mem or (0xFFF0_0000, 0)
    wide, wide_last = pref or (0xFFF0_0000, 0)
    struct.pack_into("<4H2I", data, 0x20, first >> 16 & 0xFFF0, last >> 16 & 0xFFF0, wide >> 16 & 0xFFF0 | 1,
                     wide_last >> 16 & 0xFFF0 | 1, wide >> 32, wide_last >> 32)  # fmt: skip
    return bytes(data)


def _header(vendor, device, class_, kind, command, capabilities) -> bytearray:
    data = bytearray(256)
    struct.pack_into("<4H", data, 0, int(vendor, 16), int(device, 16), command, 0x10 if capabilities else 0)
    data[0x09:0x0C] = bytes.fromhex(class_)[::-1]
    data[0x0E] = kind
    where, link = 0x40, 0x34
    for number, body in capabilities:
        data[link] = where
        data[where] = number
        data[where + 2 : where + 2 + len(body)] = body
        link, where = where + 1, where + (len(body) + 5 & ~3)
    return data


class Said(NamedTuple):
    """What ``check`` makes of a guest."""

    verdict: str
    why: str
    findings: tuple[Finding, ...]
    headroom: Headroom
    snapshot: Snapshot

    def of(self, rule: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.id == rule and finding.status == "fail"]

    def fires(self, rule: str, severity: Optional[str] = None) -> Finding:
        """The first fault of this rule, which there must be; of this severity, where one is named."""
        found = self.of(rule)
        assert found, [(f.id, f.status, f.summary) for f in self.findings if f.status != "pass"]
        assert found[0].evidence, "a finding without evidence"
        assert severity in (None, found[0].severity), found[0]
        return found[0]

    def silent(self, rule: str) -> None:
        """The rule ran to its end and found nothing."""
        assert [f.status for f in self.findings if f.id == rule] == ["pass"], [f for f in self.findings if f.id == rule]

    def unknown(self, rule: str) -> str:
        """Why the rule cannot tell."""
        (found,) = [f for f in self.findings if f.id == rule and f.status == "unknown"]
        return found.detail or ""

    @property
    def faults(self) -> list[str]:
        return [f.id for f in self.findings if f.status != "pass" and f.severity != "info"]

    def mechanism(self, name: str):
        return next(m for m in (self.snapshot.core, *self.snapshot.mechanisms) if m.name == name)


def check(root: Union[str, Path], stage: Optional[str] = None) -> Said:
    """What ``check`` says of any tree on disk."""
    return check_tree(open_tree(str(root), stage, None))


def check_tree(tree) -> Said:
    """What ``check`` says of an open tree, which is closed then."""
    try:
        snapshot = collect(tree)
    finally:
        tree.close()
    said = answer.answer(snapshot, catalogue.select(image=snapshot.image is not None))
    return Said(said.report.verdict, said.report.why, said.report.findings, said.headroom, snapshot)


class Guest:
    """A tree in the making. It is kept in memory, and read as a tar that comes on standard input.

    ``entries``: path → bytes (a file), str (the target of a link) or None (a folder).
    """

    def __init__(self) -> None:
        self.entries: dict[str, Union[bytes, str, None]] = {}
        self.paths: dict[str, str] = {}

    def copy(self) -> Guest:
        made = Guest()
        made.entries, made.paths = dict(self.entries), dict(self.paths)
        return made

    def tree(self):
        """The tree, open."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path, content in self.entries.items():
                member = tarfile.TarInfo(path)
                if content is None:
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                elif isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                else:
                    member.size = len(content)
                archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
        buffer.seek(0)
        return open_tree("-", None, buffer)

    def check(self) -> Said:
        return check_tree(self.tree())

    def written(self, root: Path) -> Path:
        """The tree as a folder."""
        for path, content in self.entries.items():
            place = root / path
            (place if content is None else place.parent).mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                place.symlink_to(content)
            elif content is not None:
                place.write_bytes(content)
        return root

    # Plain files.

    def file(self, path: str, content: Union[str, bytes] = "") -> None:
        self.entries[path] = content if isinstance(content, bytes) else content.encode()

    def link(self, path: str, target: str) -> None:
        self.entries[path] = target

    def folder(self, path: str) -> None:
        self.entries[path] = None

    def read(self, path: str) -> bytes:
        content = self.entries[path]
        assert isinstance(content, bytes)
        return content

    def remove(self, path: str) -> None:
        """A file, or a folder and all below; what was above stays, as folders do."""
        found = [name for name in self.entries if name == path or name.startswith(path + "/")]
        assert found, path
        for name in found:
            del self.entries[name]
        above = path.rpartition("/")[0]
        if above and not any(name.startswith(above + "/") for name in self.entries):
            self.entries[above] = None

    # The kernel.

    def kernel(self, config: Optional[dict[str, str]] = None, release: str = RELEASE, **more: str) -> None:
        """Release and configuration; ``more``: symbols without their CONFIG_, "" leaves one out."""
        symbols = {**(KCONFIG if config is None else config), **{f"CONFIG_{key}": value for key, value in more.items()}}
        lines = [
            f"# {name} is not set" if value == "n" else f"{name}={value}" for name, value in symbols.items() if value
        ]
        self.file("proc/sys/kernel/osrelease", release + "\n")
        self.file(f"boot/config-{release}", "\n".join([*lines, ""]))

    def running(self, *names: str) -> None:
        """/sys/module: built-in drivers with parameters."""
        for name in names:
            self.folder(f"sys/module/{name}/parameters")

    def loaded(self, *names: str) -> None:
        """Modules that are loaded."""
        self.file("proc/modules", "".join(f"{name} 16384 0 - Live 0x0000000000000000\n" for name in names))
        for name in names:
            self.file(f"sys/module/{name}/initstate", "live\n")

    def installed(self, *paths: str, aliases: str = "", release: str = RELEASE) -> None:
        """/lib/modules: the files of modules.dep below ``kernel/``, and modules.alias."""
        self.file(f"lib/modules/{release}/modules.dep", "".join(f"kernel/{path}:\n" for path in paths))
        self.file(f"lib/modules/{release}/modules.alias", aliases)
        self.file(f"lib/modules/{release}/modules.builtin", "")

    def log(self, *lines: str) -> None:
        self.file("cmd/dmesg", "".join(f"[{number:5}.000000] {line}\n" for number, line in enumerate(lines, 1)))

    # The PCI side.

    def function(
        self, address: str, vendor="1af4", device="1000", class_="020000", driver: Optional[str] = None,
        config: Optional[bytes] = None, resource: Iterable[tuple[int, int, int]] = (), enable="1",
        below: Optional[str] = None, subsystem="1af4", top: Optional[str] = None,
    ) -> str:  # fmt: skip
        """A function; ``below``: the port above it; ``top``: the folder of its root bus. Returns its path."""
        above = self.paths[below] if below else top or f"sys/devices/pci{address[:-5]}"
        path = self.paths[address] = f"{above}/{address}"
        kinds = f"bc{class_[:2]}sc{class_[2:4]}i{class_[4:]}".upper().replace("BC", "bc").replace("SC", "sc")
        alias = f"pci:v0000{vendor}d0000{device}sv0000{subsystem}sd00000001".upper().replace("PCI:V", "pci:v")
        for word in ("D0000", "SV0000", "SD0000"):
            alias = alias.replace(word, word.lower(), 1)
        self.file(f"{path}/modalias", alias + kinds.replace("I", "i") + "\n")
        self.file(f"{path}/config", endpoint(vendor, device, class_) if config is None else config)
        lines = [*resource, *[EMPTY_BAR] * 17][:17]
        self.file(f"{path}/resource", "".join(f"0x{a:016x} 0x{b:016x} 0x{c:016x}\n" for a, b, c in lines))
        self.file(f"{path}/enable", f"{enable}\n")
        self.file(f"{path}/revision", "0x00\n")
        if driver is not None:
            self.link(f"{path}/driver", f"../../../bus/pci/drivers/{driver}")
        self.link(f"sys/bus/pci/devices/{address}", f"../../../devices/{path[12:]}")
        return path

    def port(self, address: str, bus: str, config: Optional[bytes] = None, driver="pcieport", **more) -> str:
        """A bridge with the bus below it."""
        path = self.function(
            address, "1b36", "000c", "060400", driver, bridge(int(bus[-2:], 16)) if config is None else config, **more
        )
        self.bus(bus, address)
        return path

    def bus(self, bus: str, port: Optional[str] = None) -> None:
        above = self.paths[port][12:] if port else f"pci{bus}"
        self.folder(f"sys/devices/{above}/pci_bus/{bus}")
        self.link(f"sys/class/pci_bus/{bus}", f"../../devices/{above}/pci_bus/{bus}")

    def service(self, port: str, driver: Optional[str] = "pciehp") -> None:
        """The hot-plug service of a port."""
        name = f"{port}:pcie004"
        self.folder(f"{self.paths[port]}/{name}")
        self.link(f"sys/bus/pci_express/devices/{name}", f"../../../devices/{self.paths[port][12:]}/{name}")
        if driver is not None:
            self.link(f"{self.paths[port]}/{name}/driver", f"../../../../bus/pci_express/drivers/{driver}")

    def slot(self, name: str, address: str, module: Optional[str] = None, **files: str) -> None:
        """``files``: power, adapter, latch, attention … ; none of them makes a slot that only firmware names."""
        path = f"sys/bus/pci/slots/{name}"
        for key, value in {"address": address, "cur_bus_speed": "Unknown", "max_bus_speed": "Unknown", **files}.items():
            self.file(f"{path}/{key}", value + "\n")
        if module is not None:
            self.link(f"{path}/module", f"../../../../module/{module}")

    # The ACPI side.

    def host_bridge(self, bus="0000:00", hid="PNP0A03", number="00") -> str:
        """The node of a root bus."""
        node = f"{NAMESPACE}/{hid}:{number}"
        self.file(f"{node}/path", "\\_SB_.PCI0\n")
        self.link(f"sys/devices/pci{bus}/firmware_node", f"../LNXSYSTM:00/LNXSYBUS:00/{hid}:{number}")
        self.file("sys/firmware/acpi/interrupts/sci", "0 invalid unmasked\n")
        return node

    def acpi_slots(self, node: str, *devices: int) -> None:
        """Nodes with ``sun`` below the node of a bus."""
        for device in devices:
            self.file(f"{node}/device:{device:02x}/sun", f"{device}\n")
            self.file(f"{node}/device:{device:02x}/adr", f"0x{device:04x}0000\n")

    def announced(self, node: str, times: int = 0) -> None:
        """QEMU's PCI hot-plug resources below the node of the root bus, and the count of its GPE."""
        self.file(f"{node}/PNP0A06:00/uid", "PCI Hotplug resources\n")
        self.file("sys/firmware/acpi/interrupts/gpe01", f"{times:8}  EN     enabled      unmasked\n")


def bare(guest: Guest) -> Guest:
    """syn-bare: a kernel with every mechanism, udev and devtmpfs; a root bus with a host bridge and no slot."""
    guest.kernel()
    guest.running("acpiphp", "pciehp", "shpchp", "pci_hotplug")
    guest.loaded("virtio_net")
    guest.installed("drivers/net/virtio_net.ko")
    guest.file("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 quiet\n")
    guest.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse hypervisor lahf_lm\n")
    guest.file("proc/mounts", "udev /dev devtmpfs rw 0 0\n")
    guest.file("proc/sys/kernel/arch", "x86_64\n")
    guest.file("run/udev/data/c1:1", "")
    guest.file("sys/class/dmi/id/sys_vendor", "QEMU\n")
    guest.file("sys/class/dmi/id/product_name", "Standard PC (i440FX + PIIX, 1996)\n")
    guest.file("sys/bus/pci/drivers_autoprobe", "1\n")
    guest.file("sys/bus/virtio/drivers_autoprobe", "1\n")
    guest.folder("sys/bus/pci/slots")
    guest.folder("sys/bus/pci_express/devices")
    guest.log("Linux version 6.1.0-syn", "pci_bus 0000:00: root bus resource [bus 00-ff]")
    guest.file("proc/iomem", "40000000-febfffff : PCI Bus 0000:00\nfec00000-fec003ff : IOAPIC 0\n")
    guest.file("proc/ioports", "0000-0cf7 : PCI Bus 0000:00\n0d00-ffff : PCI Bus 0000:00\n  0d00-0dff : ACPI GPE0\n")
    guest.function("0000:00:00.0", "8086", "1237", "060000", config=endpoint("8086", "1237", "060000"))
    guest.bus("0000:00")
    return guest


def board(guest: Guest) -> Guest:
    """No virtual machine any more: a laptop's processor, firmware and host bridge."""
    guest.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse lahf_lm\n")
    guest.file("sys/class/dmi/id/sys_vendor", "LENOVO\n")
    guest.file("sys/class/dmi/id/product_name", "20QD\n")
    config = endpoint("8086", "3e34", "060000")
    guest.function("0000:00:00.0", "8086", "3e34", "060000", config=config, subsystem="17aa")
    return guest


def pc(guest: Guest) -> Guest:
    """syn-pc: slots 3 and 4 of the root bus served by acpiphp; ready."""
    bare(guest)
    node = guest.host_bridge()
    guest.acpi_slots(node, 3, 4)
    guest.announced(node)
    for device in (3, 4):
        guest.slot(str(device), f"0000:00:{device:02x}", "acpiphp", power="0", adapter="0", latch="0")
    return guest


def q35(guest: Guest, native: bool = True) -> Guest:
    """syn-q35: two empty root ports, served by pciehp unless not ``native``; ready, or nobody serves them."""
    bare(guest)
    guest.file("sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n")
    guest.host_bridge(hid="PNP0A08")
    control = 0x07E0 if native else 0x07C0
    for number in (1, 2):
        port, bus = f"0000:00:0{number}.0", f"0000:0{number}"
        guest.port(port, bus, bridge(number, slot=(SLOT[0], control, SLOT[2])))
        if native:
            guest.service(port)
            guest.slot(str(number), f"{bus}:00", power="0", adapter="0", attention="0")
    return guest


DRIVERS = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "sd_mod", "nvme", "e1000", "e1000e")


def image(guest: Guest, release: str = RELEASE, drivers: Iterable[str] = DRIVERS, **config: str) -> Guest:
    """syn-image: a root file system that does not run, with one more kernel; every common driver is a module of it."""
    guest.file("etc/os-release", "ID=debian\n")
    guest.folder("sys")
    guest.folder("proc")
    symbols = {**KCONFIG, **{f"CONFIG_{key}": value for key, value in config.items()}}
    lines = [f"# {name} is not set" if value == "n" else f"{name}={value}" for name, value in symbols.items() if value]
    guest.file(f"boot/config-{release}", "\n".join([*lines, ""]))
    guest.file(f"boot/vmlinuz-{release}")
    guest.file(f"lib/modules/{release}/modules.dep", "".join(f"kernel/{name}.ko.xz:\n" for name in drivers))
    for name in drivers:
        guest.file(f"lib/modules/{release}/kernel/{name}.ko.xz")
    return guest


def grub(guest: Guest, *entries: tuple[str, str], default: str = "0") -> Guest:
    """A grub.cfg; ``entries``: release and command line. Each has its title and id by its release."""
    lines = [f'set default="{default}"']
    for release, text in entries:
        lines += [f"menuentry 'Linux {release}' --id 'id-{release}' {{", f"\tlinux /boot/vmlinuz-{release} {text}", "}"]
    guest.file("boot/grub/grub.cfg", "\n".join([*lines, ""]))
    return guest
