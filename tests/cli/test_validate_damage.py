"""``validate``: each kind of damage, planted in a recording of a real guest, gives the problems it must, and no others.

The recordings are those of fixtures/whole: sysfs as it was, so that there is something to contradict.
"""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Callable, Optional, Union

import pytest

WHOLE = Path(__file__).resolve().parents[2] / "fixtures" / "whole"
# More than the kernel had sent when the story began.
LATE = 1_850
NATIVE, SCSI = "q35-rootport-native", "pc-scsi"
PORT, DISK, NVME, NIC = "0000:00:02.0", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
PORT_PATH = f"/sys/devices/pci0000:00/{PORT}"
DISK_PATH = f"{PORT_PATH}/{DISK}"
NIC_PATH = f"/sys/devices/pci0000:00/0000:00:04.0/{NIC}"
DEVICES = "/sys/bus/pci/devices"
Content = Union[bytes, str, None]


class Story:
    """A story as entries: path → (mode, bytes of a file, str of a link, None for a folder)."""

    def __init__(self, entries: dict[str, tuple[int, Content]]) -> None:
        self.entries = entries

    @classmethod
    def load(cls, path: Path) -> Story:
        entries: dict[str, tuple[int, Content]] = {}
        with tarfile.open(path) as archive:
            for member in archive:
                name = "/" + member.name.partition("/")[2]
                if member.isdir():
                    entries[name] = (member.mode, None)
                elif member.issym():
                    entries[name] = (member.mode, member.linkname)
                elif member.islnk():
                    entries[name] = entries["/" + member.linkname.partition("/")[2]]
                else:
                    file = archive.extractfile(member)
                    entries[name] = (member.mode, file.read() if file else b"")
        return cls({name: entry for name, entry in entries.items() if name != "/"})

    def stage(self, name: str) -> Story:
        """One stage of it, as a recording."""
        top = f"/{name}"
        return Story({p[len(top) :]: entry for p, entry in self.entries.items() if p.startswith(top + "/")})

    def copy(self) -> Story:
        return Story(dict(self.entries))

    def read(self, path: str) -> bytes:
        content = self.entries[path][1]
        assert isinstance(content, bytes), path
        return content

    def write(self, path: str, data: bytes, mode: Optional[int] = None) -> None:
        before = self.entries.get(path, (0o644, b""))[0]
        self.entries[path] = (before if mode is None else mode, data)

    def edit(self, path: str, old: bytes, new: bytes, count: int = 1) -> None:
        assert old in self.read(path), (path, old)
        self.write(path, self.read(path).replace(old, new, count))

    def link(self, path: str, target: str) -> None:
        self.entries[path] = (0o777, target)

    def remove(self, path: str) -> None:
        found = [name for name in self.entries if name == path or name.startswith(path + "/")]
        assert found, path
        for name in found:
            del self.entries[name]

    def move(self, old: str, new: str) -> None:
        for name in [name for name in self.entries if name == old or name.startswith(old + "/")]:
            self.entries[new + name[len(old) :]] = self.entries.pop(name)

    def config(self, path: str, at: int, data: bytes) -> None:
        """Overwrite bytes of a config space."""
        raw = bytearray(self.read(f"{path}/config"))
        raw[at : at + len(data)] = data
        self.write(f"{path}/config", bytes(raw))

    def save(self, path: Path) -> Path:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, (mode, content) in self.entries.items():
                member = tarfile.TarInfo(name[1:])
                member.mode = mode
                if content is None:
                    member.type = tarfile.DIRTYPE
                elif isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                else:
                    member.size = len(content)
                archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
        return path


@pytest.fixture(scope="module")
def stories() -> dict[str, Story]:
    return {story: Story.load(WHOLE / f"{story}.tar.xz") for story in (NATIVE, SCSI)}


@pytest.fixture
def problems(hotplugctl, tmp_path) -> Callable[[Story], set[tuple[str, str]]]:
    """(id, where) of every problem of what is named."""

    def ask(story: Story) -> set[tuple[str, str]]:
        done = hotplugctl("validate", "--json", story.save(tmp_path / "story.tar"))
        found = {
            (problem["id"], problem["where"])
            for recording in done.document["recordings"]
            for problem in recording["problems"]
        }
        assert done.status == bool(found)
        assert done.err == ""
        return found

    return ask


def resource(story: Story, path: str, number: int, start: int, size: int) -> None:
    """Put a BAR elsewhere, with what else tells of it."""
    lines = story.read(f"{path}/resource").split(b"\n")
    flags = lines[number].split()[2]
    lines[number] = b"0x%016x 0x%016x %s" % (start, start + size - 1, flags)
    story.write(f"{path}/resource", b"\n".join(lines))


def silent(story: Story) -> None:
    """No text beside the tree: what is left must see it alone."""
    story.remove("/cmd")


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


def everywhere(name: str) -> Callable[[Story], None]:
    """Remove all that has a name, wherever it is."""

    def make(story: Story) -> None:
        for path in [path for path in story.entries if path.endswith(f"/{name}")]:
            if path in story.entries:
                story.remove(path)

    return make


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
    # Modules.
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


# --- events -----------------------------------------------------------------------------------------------------------


def heard(story: Story, keep: Callable[[bytes], bool]) -> None:
    """Keep the uevents whose datagram ``keep`` wants."""
    path = "/events/netlink-uevent.jsonl"
    lines = story.read(path).splitlines(keepends=True)
    story.write(path, b"".join(line for line in lines if keep(base64.b64decode(json.loads(line)["b64"]))))


def number(data: bytes) -> int:
    """The SEQNUM of a datagram."""
    return int(re.search(rb"SEQNUM=(\d+)", data)[1])


def forget(story: Story, stage: str, address: str) -> None:
    """Take a function out of a stage, and out of all that tells of it there."""
    part = story.stage(stage)
    silent(part)
    everywhere(address)(part)
    for path in [path for path in story.entries if path.startswith(f"/{stage}/")]:
        del story.entries[path]
    story.entries.update({f"/{stage}{path}": entry for path, entry in part.entries.items()})


def bring_back(story: Story) -> None:
    for path, entry in list(story.entries.items()):
        if path.startswith("/added/sys/") and NIC in path and "/firmware" not in path:
            story.entries["/after/" + path[7:]] = entry
    for path in [path for path in story.entries if path.startswith("/after/cmd/")]:
        del story.entries[path]


UEVENTS, RECORDS = "events/netlink-uevent.jsonl", "events/kmsg.jsonl"


def lines(story: Story, path: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a stream, and nothing that is said of it."""
    before = story.read(f"/{path}").splitlines(keepends=True)
    story.write(f"/{path}", b"".join(change(before)))
    assert story.read(f"/{path}").splitlines(keepends=True) != before
    if story.entries.get("/expected.json"):
        story.remove("/expected.json")


EVENTS: dict[str, tuple[Callable[[Story], object], set[tuple[str, str]]]] = {
    "nothing": (lambda it: None, set()),
    "an arrival that the tree lacks": (
        lambda it: forget(it, "added", DISK),
        {("uevent.function-missing", f"added: {DISK}")},
    ),
    "a function that nothing brought": (
        lambda it: (heard(it, lambda data: NVME.encode() not in data), it.remove("/expected.json")),
        {("uevent.function-extra", f"added: {NVME}")},
    ),
    "a removal that was not heard": (
        lambda it: heard(it, lambda data: not (data.startswith(b"remove@") and NVME.encode() in data)),
        {("uevent.function-missing", f"after: {NVME}")},
    ),
    "a driver that nothing bound": (
        lambda it: heard(it, lambda data: not (data.startswith(b"bind@") and f"{NIC}\0".encode() in data)),
        {("uevent.driver-extra", f"added: {NIC} driver")},
    ),
    "a disk that was not heard": (
        lambda it: heard(it, lambda data: b"/block/vdb" not in data),
        {("uevent.node-extra", f"added: {DISK} node")},
    ),
    "a child that was not heard, and udev's answer": (
        lambda it: heard(it, lambda data: not (data[:4] == b"add@" and data.split(b"\0")[0].endswith(b"/virtio1"))),
        {("events.lost", f"{UEVENTS}:10")},
    ),
    "a line twice": (lambda it: lines(it, UEVENTS, lambda of: [of[0], *of]), {("events.doubled", f"{UEVENTS}:2")}),
    "lines that change places": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:7], of[9], of[8], of[7], *of[10:]]),
        {("events.disordered", f"{UEVENTS}:9")},
    ),
    "upside down": (lambda it: lines(it, UEVENTS, lambda of: of[::-1]), {("events.disordered", f"{UEVENTS}:2")}),
    "torn": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:50], of[50][:99]]),
        {("events.cut-off", f"{UEVENTS}:51")},
    ),
    "no line of a stream": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:5], b"<<<<<<< HEAD\n", *of[5:]]),
        {("events.malformed", f"{UEVENTS}:6")},
    ),
    "a datagram that is no base64": (
        lambda it: lines(it, UEVENTS, lambda of: [*of[:-1], of[-1].replace(b'"b64": "', b'"b64": "!')]),
        {("events.malformed", f"{UEVENTS}:160")},
    ),
    "events from a checkout": (
        lambda it: lines(it, UEVENTS, lambda of: [line.replace(b"\n", b"\r\n") for line in of]),
        {("text.carriage-return", f"{UEVENTS}:1")},
    ),
    "props of another action": (
        lambda it: lines(it, UEVENTS, lambda of: [of[0].replace(b'"b64"', b'"props": {"A": "b"}, "b64"'), *of[1:]]),
        {("events.props-differ", f"{UEVENTS}:1")},
    ),
    "a record of the log that was not heard": (
        lambda it: lines(it, RECORDS, lambda of: [*of[:300], *of[301:]]),
        {("events.lost", RECORDS)},
    ),
    "a record with other words": (
        lambda it: lines(it, RECORDS, lambda of: [of[0].replace(b"Linux version 6", b"Linux version 5"), *of[1:]]),
        {("events.log-differs", f"{RECORDS}:1")},
    ),
    "a record twice": (
        lambda it: lines(it, RECORDS, lambda of: [*of, of[-1]]),
        {("events.doubled", f"{RECORDS}:651")},
    ),
    "after for added": (
        lambda it: (it.move("/added", "/x"), it.move("/after", "/added"), it.move("/x", "/after")),
        {("story.stages-disordered", "after/sys/kernel/uevent_seqnum")},
    ),
    "events that begin late": (
        lambda it: (heard(it, lambda data: number(data) > LATE), it.remove("/expected.json")),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_events_and_trees_that_do_not_agree(name, stories, problems):
    do, expected = EVENTS[name]
    story = stories[NATIVE].copy()
    do(story)
    assert problems(story) == expected


def test_the_whole_stories_are_sound(hotplugctl):
    for archive in sorted(WHOLE.glob("*.tar.xz")):
        done = hotplugctl("validate", archive)
        assert (done.status, done.err) == (0, ""), done.out
        assert [line.rpartition(":")[2] for line in done.out.splitlines()[:3]] == ["before", "added", "after"]
        assert done.out.splitlines()[3:] == [f"ok {archive}", "4 recordings, all valid"]


# --- what is expected of a story --------------------------------------------------------------------------------------

ADDED = [{"event": "function-added", "address": address} for address in (DISK, NVME, NIC)]
OF_STORIES = [
    ({}, set()),
    ({"events": []}, set()),
    ({"events": ADDED}, set()),
    ({"events": [ADDED[0], {"event": "driver-bound", "driver": "nvme"}, {"event": "function-removed"}]}, set()),
    ({"events": [ADDED[1], ADDED[0], ADDED[2]]}, {("expected.event-missing", "events[1]")}),
    ({"events": [*ADDED, ADDED[2]]}, {("expected.event-missing", "events[3]")}),
    ({"events": [{"event": "function-added", "address": "0000:09:00.0"}]}, {("expected.event-missing", "events[0]")}),
    ({"events": [{"evnt": "function-added"}]}, {("expected.unknown-key", "expected.json")}),
    ({"events": {}}, {("expected.malformed", "expected.json: events")}),
    ({"events": ["function-added"]}, {("expected.malformed", "expected.json: events")}),
    ({"verdict": "ready"}, {("expected.unknown-key", "expected.json")}),
    ([], {("expected.malformed", "expected.json")}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "found"), OF_STORIES)
def test_what_is_expected_of_a_story(document, found, stories, problems):
    story = stories[NATIVE].copy()
    story.write("/expected.json", json.dumps(document).encode())
    assert problems(story) == found


def test_events_are_expected_and_there_are_none(stories, problems):
    story = stories[NATIVE].copy()
    story.remove("/events")
    assert problems(story) == {("expected.event-missing", "events")}


def test_what_is_expected_of_a_recording_with_events_of_its_own(stories, problems):
    story = stories[NATIVE].stage("before")
    for name in ("kmsg", "netlink-uevent"):
        story.write(f"/events/{name}.jsonl", stories[NATIVE].read(f"/events/{name}.jsonl"))
    story.write("/expected.json", json.dumps({"events": ADDED}).encode())
    assert problems(story) == set()
    story.write("/expected.json", json.dumps({"events": [*ADDED, {"event": "lost"}]}).encode())
    assert problems(story) == {("expected.event-missing", "events[3]")}
