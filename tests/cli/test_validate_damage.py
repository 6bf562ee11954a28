"""``validate``: each kind of damage, planted in a real guest's recording, gives the problems it must, and no others."""

from __future__ import annotations

from typing import Callable

import pytest

from tests.cli.stories import (
    DEVICES,
    DISK,
    DISK_PATH,
    NATIVE,
    NIC,
    NIC_PATH,
    NVME,
    PORT,
    PORT_PATH,
    SCSI,
    Story,
    everywhere,
    silent,
)


def resource(story: Story, path: str, number: int, start: int, size: int) -> None:
    """Put a BAR elsewhere, with what else tells of it."""
    lines = story.read(f"{path}/resource").split(b"\n")
    flags = lines[number].split()[2]
    lines[number] = b"0x%016x 0x%016x %s" % (start, start + size - 1, flags)
    story.write(f"{path}/resource", b"\n".join(lines))


def crlf(story: Story) -> None:
    story.write(f"{DISK_PATH}/vendor", b"0x1af4\r\n")


def twisted(story: Story) -> None:
    silent(story)
    story.link("/sys/class/net/x", "../net/y")
    story.link("/sys/class/net/y", "../net/x")


def quiet(change: Callable[[Story], object]) -> Callable[[Story], None]:
    """Make a change in a tree without texts."""

    def make(story: Story) -> None:
        silent(story)
        change(story)

    return make


def drop_modes(story: Story) -> None:
    for path, (mode, content) in list(story.entries.items()):
        if isinstance(content, bytes):
            story.entries[path] = (0o755 if mode & 0o100 else 0o644, content)


def drop_links(story: Story) -> None:
    """What a checkout with core.symlinks=false leaves."""
    story.entries[f"{DISK_PATH}/driver"] = (0o644, str(story.entries[f"{DISK_PATH}/driver"][1]).encode())


def drop_empty_folders(story: Story) -> None:
    """What git leaves of a tree: until none is empty, folders with nothing in them are dropped."""
    while True:
        parents = {name.rpartition("/")[0] for name in story.entries}
        empty = [name for name, (_, content) in story.entries.items() if content is None and name not in parents]
        if not empty:
            return
        for name in empty:
            del story.entries[name]


def texts(*names: str) -> Callable[[Callable[[Story], object]], Callable[[Story], None]]:
    """Make a change in a tree that keeps these of its texts alone."""

    def keep(change: Callable[[Story], object]) -> Callable[[Story], None]:
        def make(story: Story) -> None:
            for path in [path for path in story.entries if path.startswith("/cmd/") and path[5:] not in names]:
                del story.entries[path]
            change(story)

        return make

    return keep


def log(old: bytes, new: bytes) -> Callable[[Story], None]:
    return texts("kmsg")(lambda it: it.edit("/cmd/kmsg", old, new))


def forget_module(path: str) -> Callable[[Story], None]:
    """Take the line of virtio_net out of a list of modules."""

    def make(story: Story) -> None:
        lines = story.read(path).splitlines(keepends=True)
        story.write(path, b"".join(line for line in lines if not line.startswith(b"virtio_net ")))

    return make


def folder_for_link(story: Story) -> None:
    story.entries[f"{DEVICES}/{DISK}"] = (0o755, None)


def exchanged(text: bytes, one: bytes, other: bytes) -> bytes:
    """Each of two words where the other was."""
    return text.replace(one, b"\0").replace(other, one).replace(b"\0", other)


UNBOUND = {("link.dangling", f"/sys/{where}") for where in (
    "devices/pci0000:00/0000:00:02.0/0000:01:00.0/driver",
    "devices/pci0000:00/0000:00:05.0/0000:04:00.0/driver",
    "devices/pci0000:00/0000:00:1e.0/driver",
    "module/virtio_pci/drivers/pci:virtio-pci",
)}  # fmt: skip

DAMAGE: dict[str, tuple[Callable[[Story], object], set[tuple[str, str]]]] = {
    "nothing": (lambda it: None, set()),
    "no texts": (silent, set()),
    # Texts.
    "carriage return": (crlf, {("text.carriage-return", f"{DISK_PATH}/vendor")}),
    "carriage returns in a list": (
        lambda it: it.write("/proc/modules", it.read("/proc/modules").replace(b"\n", b"\r\n")),
        {("text.carriage-return", "/proc/modules")},
    ),
    "byte order mark": (
        lambda it: it.write(f"{DISK_PATH}/class", b"\xef\xbb\xbf0x010000\n"),
        {("text.byte-order-mark", f"{DISK_PATH}/class")},
    ),
    "UTF-16": (
        lambda it: it.write(f"{DISK_PATH}/vendor", "0x1af4\n".encode("utf-16")),
        {("text.byte-order-mark", f"{DISK_PATH}/vendor")},
    ),
    "no newline": (
        lambda it: it.write(f"{DISK_PATH}/class", b"0x010000"),
        {("text.newline-missing", f"{DISK_PATH}/class")},
    ),
    "empty": (lambda it: it.write(f"{DISK_PATH}/vendor", b""), {("text.empty", f"{DISK_PATH}/vendor")}),
    "empty slot": (
        lambda it: it.write("/sys/bus/pci/slots/1/address", b""),
        {("text.empty", "/sys/bus/pci/slots/1/address"), ("lspci.field-differs", f"{DISK} slot")},
    ),
    "zeros": (lambda it: it.write(f"{DISK_PATH}/irq", bytes(4)), {("text.malformed", f"{DISK_PATH}/irq")}),
    "no number": (lambda it: it.write(f"{DISK_PATH}/enable", b"yes\n"), {("text.malformed", f"{DISK_PATH}/enable")}),
    "cut off": (
        lambda it: it.write(f"{DISK_PATH}/resource", it.read(f"{DISK_PATH}/resource")[:200]),
        {("text.newline-missing", f"{DISK_PATH}/resource")},
    ),
    "config cut off": (
        lambda it: it.write(f"{DISK_PATH}/config", it.read(f"{DISK_PATH}/config")[:100]),
        {("file.config-size", f"{DISK_PATH}/config")},
    ),
    # What git, archives and copies do.
    "modes lost": (drop_modes, {("file.mode-lost", "/sys/bus/pci/drivers/8250_mid/bind")}),
    "empty folders lost": (drop_empty_folders, {("file.folder-lost", f"{DISK_PATH}/virtio1/block/vdb")}),
    "links as files": (drop_links, {("link.replaced", f"{DISK_PATH}/driver"), ("driver.device-foreign", DISK_PATH)}),
    "other links as files": (
        lambda it: it.entries.__setitem__("/sys/class/net/lo", (0o644, b"../../devices/virtual/net/lo")),
        {("link.replaced", "/sys/class/net/lo")},
    ),
    "link as folder": (folder_for_link, {("link.replaced", f"{DEVICES}/{DISK}")}),
    # Links.
    "no disk": (lambda it: it.remove("/sys/class/block/vdb"), {("link.missing", f"{DISK_PATH}/virtio1/block/vdb")}),
    "no child": (lambda it: it.remove("/sys/bus/virtio/devices/virtio1"), {("link.missing", f"{DISK_PATH}/virtio1")}),
    "dangling": (
        quiet(lambda it: it.link(f"{DEVICES}/0000:00:1d.7", "../../../devices/pci0000:00/0000:00:1d.7")),
        {("link.dangling", f"{DEVICES}/0000:00:1d.7")},
    ),
    "function gone": (
        quiet(lambda it: it.remove(DISK_PATH)),
        {("link.dangling", f"{DEVICES}/{DISK}"), ("link.dangling", f"/sys/bus/pci/drivers/virtio-pci/{DISK}")},
    ),
    "function moved": (
        quiet(lambda it: it.move(DISK_PATH, f"/sys/devices/pci0000:00/0000:00:03.0/{DISK}")),
        {("link.dangling", f"{DEVICES}/{DISK}"), ("link.dangling", f"/sys/bus/pci/drivers/virtio-pci/{DISK}")},
    ),
    "driver gone": (quiet(lambda it: it.remove("/sys/bus/pci/drivers/virtio-pci")), UNBOUND),
    "out of the root": (
        lambda it: it.link("/sys/class/net/x", "../../../../../etc/passwd"),
        {("link.escapes", "/sys/class/net/x")},
    ),
    "absolute": (lambda it: it.link("/sys/class/net/x", "/etc/passwd"), {("link.escapes", "/sys/class/net/x")}),
    "circle": (twisted, {("link.circular", "/sys/class/net/x"), ("link.circular", "/sys/class/net/y")}),
    # Functions.
    "vendor": (quiet(lambda it: it.write(f"{DISK_PATH}/vendor", b"0x1af5\n")), {("pci.id-differs", f"{DISK} vendor")}),
    "class": (quiet(lambda it: it.write(f"{DISK_PATH}/class", b"0x020000\n")), {("pci.id-differs", f"{DISK} class")}),
    "class in config": (quiet(lambda it: it.config(DISK_PATH, 0x0B, b"\x02")), {("pci.id-differs", f"{DISK} class")}),
    "vendor in config": (quiet(lambda it: it.config(DISK_PATH, 0, b"\xf5")), {("pci.id-differs", f"{DISK} vendor")}),
    "subsystem": (
        quiet(lambda it: it.write(f"{DISK_PATH}/subsystem_device", b"0x1101\n")),
        {("pci.id-differs", f"{DISK} subsystem_device")},
    ),
    "revision": (
        quiet(lambda it: it.write(f"{DISK_PATH}/revision", b"0x07\n")),
        {("pci.id-differs", f"{DISK} revision")},
    ),
    "modalias": (
        quiet(lambda it: it.edit(f"{DISK_PATH}/modalias", b"v00001AF4", b"v00001AF5")),
        {("pci.id-differs", f"{DISK} vendor"), ("pci.uevent-differs", f"{DISK} id")},
    ),
    "uevent address": (
        quiet(lambda it: it.edit(f"{DISK_PATH}/uevent", b"NAME=0000:01", b"NAME=0000:09")),
        {("pci.uevent-differs", f"{DISK} address")},
    ),
    "uevent driver": (
        quiet(lambda it: it.edit(f"{DISK_PATH}/uevent", b"DRIVER=virtio-pci", b"DRIVER=nvme")),
        {("pci.uevent-differs", f"{DISK} driver")},
    ),
    "another's address": (
        quiet(lambda it: it.link(f"{DEVICES}/{DISK}", f"../../../devices/pci0000:00/0000:00:03.0/{NVME}")),
        {("pci.address-differs", DISK), ("pci.uevent-differs", f"{DISK} address")},
    ),
    "unlisted": (quiet(lambda it: it.remove(f"{DEVICES}/{DISK}")), {("pci.function-unlisted", DISK)}),
    "bridge unlisted": (
        quiet(lambda it: it.remove(f"{DEVICES}/{PORT}")),
        {("pci.function-unlisted", PORT), ("pci.parent-missing", DISK)},
    ),
    # Buses, ranges, slots.
    "buses upside down": (
        quiet(lambda it: it.config(PORT_PATH, 0x19, b"\x05\x01")),
        {("pci.buses-not-nested", PORT), ("pci.address-differs", DISK)},
    ),
    "buses shared": (quiet(lambda it: it.config(PORT_PATH, 0x1A, b"\x02")), {("pci.buses-not-nested", "0000:00:03.0")}),
    "BAR outside its bridge": (
        quiet(lambda it: resource(it, DISK_PATH, 1, 0xD000_0000, 0x1000)),
        {("pci.bar-outside-window", f"{DISK} BAR 1")},
    ),
    "BAR outside the root": (
        quiet(lambda it: resource(it, PORT_PATH, 0, 0x1000_0000, 0x1000)),
        {("pci.bar-outside-window", f"{PORT} BAR 0")},
    ),
    "I/O outside its bridge": (
        quiet(lambda it: resource(it, NIC_PATH, 2, 0x9000, 0x20)),
        {("pci.bar-outside-window", f"{NIC} BAR 2")},
    ),
    "BARs overlap": (
        quiet(lambda it: resource(it, NIC_PATH, 1, 0xFDA5_0000, 0x2_0000)),
        {("pci.bar-overlap", f"{NIC} BAR 1")},
    ),
    "BAR over a bridge's window": (
        quiet(lambda it: resource(it, "/sys/devices/pci0000:00/0000:00:1e.0", 1, 0xFDE0_1000, 0x1000)),
        {("pci.bar-overlap", "0000:00:1e.0 BAR 1")},
    ),
    "slot of no bus": (
        quiet(lambda it: it.write("/sys/bus/pci/slots/1/address", b"0000:09:00\n")),
        {("pci.slot-without-bus", "/sys/bus/pci/slots/1")},
    ),
    # Drivers.
    "driver does not list it": (
        quiet(lambda it: it.remove(f"/sys/bus/pci/drivers/virtio-pci/{DISK}")),
        {("driver.device-unlisted", DISK_PATH)},
    ),
    "driver lists what is unbound": (
        quiet(lambda it: it.remove(f"{DISK_PATH}/driver")),
        {("driver.device-foreign", DISK_PATH)},
    ),
    "another driver": (
        quiet(lambda it: it.link(f"{DISK_PATH}/driver", "../../../../bus/pci/drivers/nvme")),
        {
            ("driver.device-foreign", DISK_PATH),
            ("driver.device-unlisted", DISK_PATH),
            ("pci.uevent-differs", f"{DISK} driver"),
        },
    ),
    "virtio driver": (
        quiet(lambda it: it.remove("/sys/bus/virtio/drivers/virtio_blk/virtio1")),
        {("driver.device-unlisted", f"{DISK_PATH}/virtio1")},
    ),
    # What is below a function.
    "another disk's number": (
        lambda it: it.write(f"{DISK_PATH}/virtio1/block/vdb/dev", b"254:99\n"),
        {("device.uevent-differs", f"{DISK_PATH}/virtio1/block/vdb MINOR")},
    ),
    "another interface's folder": (
        lambda it: it.edit(f"{NIC_PATH}/net/ens3/uevent", b"INTERFACE=ens3", b"INTERFACE=ens4"),
        {("device.uevent-differs", f"{NIC_PATH}/net/ens3 INTERFACE")},
    ),
    "a virtio device of another kind": (
        lambda it: it.write(f"{DISK_PATH}/virtio1/device", b"0x0001\n"),
        {("device.id-differs", f"{DISK_PATH}/virtio1")},
    ),
    "modalias in uevent": (
        lambda it: it.edit(f"{DISK_PATH}/uevent", b"v00001AF4d00001042", b"v00001AF4d00001043"),
        {("pci.uevent-differs", f"{DISK} modalias")},
    ),
    "two slots with one address": (
        lambda it: it.write("/sys/bus/pci/slots/4/address", it.read("/sys/bus/pci/slots/1/address")),
        {("pci.slot-doubled", "/sys/bus/pci/slots/4"), ("lspci.field-differs", "0000:04:00.0 slot")},
    ),
    # Texts of other programs.
    "a checkout of lspci": (
        lambda it: it.write("/cmd/lspci_vvv", it.read("/cmd/lspci_vvv").replace(b"\n", b"\r\n")),
        {("text.carriage-return", "/cmd/lspci_vvv")},
    ),
    "half of lspci": (
        lambda it: it.write("/cmd/lspci_vvv", it.read("/cmd/lspci_vvv")[:3_333]),
        {("text.newline-missing", "/cmd/lspci_vvv")},
    ),
    "half of the log": (
        lambda it: it.write("/cmd/kmsg", it.read("/cmd/kmsg")[:20_000]),
        {("text.newline-missing", "/cmd/kmsg")},
    ),
    "two functions that change places": (
        lambda it: it.write("/cmd/lspci_Dnnk", exchanged(it.read("/cmd/lspci_Dnnk"), DISK.encode(), NVME.encode())),
        {("lspci.function-swapped", DISK), ("lspci.function-swapped", NVME)},
    ),
    "a region of another width": (
        texts("lspci_vvv")(lambda it: it.edit("/cmd/lspci_vvv", b"fde00000 (32-bit", b"fde00000 (64-bit")),
        {("lspci.field-differs", f"{DISK} region 1")},
    ),
    "a region that is prefetchable": (
        texts("lspci_vvv")(
            lambda it: it.edit("/cmd/lspci_vvv", b"fde00000 (32-bit, non-prefetch", b"fde00000 (32-bit, prefetch")
        ),
        {("lspci.field-differs", f"{DISK} region 1")},
    ),
    "a capability elsewhere": (
        texts("lspci_vvv")(lambda it: it.edit("/cmd/lspci_vvv", b"[dc] MSI-X", b"[d8] MSI-X")),
        {("lspci.field-differs", f"{DISK} capabilities")},
    ),
    "a function twice": (
        lambda it: it.write("/cmd/lspci", it.read("/cmd/lspci").split(b"\n")[0] + b"\n" + it.read("/cmd/lspci")),
        {("lspci.function-doubled", "0000:00:00.0")},
    ),
    # Modules.
    "half of the modules": (
        lambda it: it.write("/proc/modules", it.read("/proc/modules")[:500]),
        {("text.newline-missing", "/proc/modules")},
    ),
    "no modules": (quiet(lambda it: it.write("/proc/modules", b"")), {("module.proc-missing", "/proc/modules")}),
    "module not in sysfs": (
        quiet(lambda it: it.remove("/sys/module/virtio_net")),
        {("module.sysfs-missing", "virtio_net"), ("link.dangling", "/sys/bus/virtio/drivers/virtio_net/module")},
    ),
    "module not in proc": (quiet(forget_module("/proc/modules")), {("module.proc-missing", "virtio_net")}),
    "module without its state": (
        quiet(lambda it: it.remove("/sys/module/virtio_net/initstate")),
        {("module.initstate-missing", "virtio_net")},
    ),
    "module not in lsmod": (forget_module("/cmd/lsmod"), {("module.lsmod-differs", "virtio_net")}),
    # The kernel log.
    "log: ids": (log(b"0: [1af4:1042] type", b"0: [1af4:1043] type"), {("log.function-differs", f"{DISK} id")}),
    "log: class": (
        log(b"0000:01:00.0: [1af4:1042] type 00 class 0x010000", b"0000:01:00.0: [1af4:1042] type 00 class 0x020000"),
        {("log.function-differs", f"{DISK} class")},
    ),
    "log: never found": (
        log(b"0000:01:00.0: [1af4:1042] type", b"0000:01:00.0: (1af4:1042) type"),
        {("log.function-unfound", DISK)},
    ),
    "log: BAR": (
        log(b"BAR 1 [mem 0xfde00000-0xfde00fff]: assigned", b"BAR 1 [mem 0xfdf00000-0xfdf00fff]: assigned"),
        {("log.bar-differs", f"{DISK} BAR 1")},
    ),
    "log: BAR failed": (
        log(b"BAR 1 [mem 0xfde00000-0xfde00fff]: assigned", b"BAR 1 [mem size 0x00001000]: failed to assign"),
        {("log.bar-differs", f"{DISK} BAR 1")},
    ),
    "log: driver": (
        log(b"virtio-pci 0000:01:00.0: enabling", b"nvme 0000:01:00.0: enabling"),
        {("log.driver-differs", DISK)},
    ),
    "log: a bridge of the board": (
        texts("kmsg")(everywhere("0000:00:1f.0")),
        {
            ("log.function-missing", "0000:00:1f.0"),
            ("link.dangling", "/sys/devices/LNXSYSTM:00/LNXSYBUS:00/PNP0A08:00/device:06/physical_node"),
        },
    ),
    "log: size of a disk": (
        texts("kmsg")(lambda it: it.write(f"{DISK_PATH}/virtio1/block/vdb/size", b"1\n")),
        {("log.disk-differs", "vdb size")},
    ),
    "log: another disk": (log(b"virtio1: [vdb]", b"virtio1: [vdc]"), {("log.disk-unattached", "vdb")}),
    "log: a disk elsewhere": (
        log(b"virtio_blk virtio1: [vdb]", b"virtio_blk virtio7: [vdb]"),
        {("log.disk-differs", "vdb device")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name, stories, problems):
    do, expected = DAMAGE[name]
    story = stories[NATIVE].stage("added")
    do(story)
    assert problems(story) == expected


# --- the log, further -------------------------------------------------------------------------------------------------


def test_a_log_that_begins_late_says_nothing_of_what_it_does_not_name(stories, problems):
    story = stories[NATIVE].stage("added")
    lines = story.read("/cmd/kmsg").split(b"\n")
    story.write("/cmd/kmsg", b"\n".join(lines[20:]))
    assert problems(story) == set()


def test_a_log_with_lines_lost_says_nothing_of_what_it_does_not_name(stories, problems):
    story = stories[NATIVE].stage("added")
    lines = story.read("/cmd/kmsg").split(b"\n")
    story.write("/cmd/kmsg", b"\n".join(line for line in lines if b"0000:01:00.0: [1af4" not in line))
    assert problems(story) == set()


def test_what_a_port_took_out_and_is_still_there(stories, problems):
    story = stories[NATIVE].stage("added")
    after = stories[NATIVE].read("/after/cmd/kmsg")
    story.write("/cmd/kmsg", after)
    assert ("log.function-lingers", DISK) not in problems(story), "the last button was pressed just now"
    story.write("/cmd/kmsg", after.rstrip() + b"\n6,999,199000000,-;half a minute later\n")
    assert problems(story) >= {("log.function-lingers", address) for address in (DISK, NVME, NIC)}


def test_a_disk_of_which_nothing_says_that_it_went(stories, problems):
    story = stories[SCSI].stage("added")
    assert problems(story) == set()
    texts("kmsg")(everywhere("sde"))(story)
    assert problems(story) == {("log.disk-missing", "sde")}
    story.edit("/cmd/kmsg", b"[sde] Write cache: enabled", b"[sde] Write cache: disabled")
    assert problems(story) == set(), "nothing is flushed, and nothing said"
