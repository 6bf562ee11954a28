"""Guests whose files are not what they should be: what cannot be read is unknown with a reason, and stays alone."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import socket
import stat
import struct
import tempfile
from pathlib import Path

import pytest

ROOT = os.geteuid() == 0
NOBODY = 65534
BUS = "sys/devices/pci0000:00"
DISK, NVME, PORT = "0000:01:00.0", "0000:02:00.0", "0000:00:02.0"
PATHS = {DISK: f"{BUS}/{PORT}/{DISK}", NVME: f"{BUS}/0000:00:03.0/{NVME}", PORT: f"{BUS}/{PORT}"}
COMMANDS = ("check", "slots", "list", "explain")


def document(hotplugctl, command, root):
    """The JSON of a command that ended in an orderly way, by text too."""
    for options in (("--json",), ()):
        done = hotplugctl(command, *options, "--root", root)
        assert done.status in (0, 1, 3)
        assert done.err == "" or done.err.startswith("hotplugctl: ")
        if options:
            whole = done.document
    assert not [item for item in whole.get("findings", ()) if item["status"] == "crashed"]
    return whole


def functions(hotplugctl, root):
    return {item["address"]: item for item in document(hotplugctl, "list", root)["functions"]}


def slots(hotplugctl, root):
    return {item["name"]: item for item in document(hotplugctl, "slots", root)["slots"]}


def empty(path):
    path.write_bytes(b"")


def noise(path):
    path.write_bytes(random.Random(7).randbytes(2000))


def not_utf8(path):
    path.write_bytes(b"\xff\xfe\x80\n")


def huge(path):
    """100 MB, of which the disk holds nothing."""
    path.write_bytes(b"")
    os.truncate(path, 100 << 20)


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def unix_socket(path):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        # A socket's path is short.
        folder = os.open(path.parent, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)


def device(path):
    path.unlink()
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes device nodes")


def folder(path):
    path.unlink()
    path.mkdir()


def outside(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def climbing(path):
    path.unlink()
    path.symlink_to("../" * 40 + "etc/passwd")


def circle(path):
    path.unlink()
    path.symlink_to(path.name)


def dangling(path):
    path.unlink()
    path.symlink_to("../no-such-file")


def denied(path):
    path.chmod(0)


DAMAGES = [empty, noise, not_utf8, huge, fifo, unix_socket, device, folder, outside, climbing, circle, dangling, denied]


@pytest.fixture(params=DAMAGES, ids=lambda damage: damage.__name__)
def damage(request):
    return request.param


def test_an_attribute_of_a_function(hotplugctl, guest, damage):
    before = functions(hotplugctl, guest)
    guest.spoil(f"{PATHS[DISK]}/enable", damage)
    after = functions(hotplugctl, guest)
    hit = after.pop(DISK)
    whole = before.pop(DISK)
    assert after == before
    assert hit == {**whole, "enabled": None, "unknown": {"enabled": hit["unknown"]["enabled"]}}
    assert f"/{DISK}/enable: " in hit["unknown"]["enabled"]


def test_the_ids_of_a_function(hotplugctl, guest, damage):
    """Of a kernel without modalias; a device without known ids is there all the same."""
    for key, value in {"vendor": "0x1af4", "device": "0x1042", "class": "0x010000"}.items():
        guest.put(f"{PATHS[DISK]}/{key}", f"{value}\n".encode())
    guest.put(f"{PATHS[DISK]}/modalias", None)
    assert functions(hotplugctl, guest)[DISK]["vendor"] == "1af4"
    guest.spoil(f"{PATHS[DISK]}/vendor", damage)
    after = functions(hotplugctl, guest)
    assert len(after) == 13
    hit = after[DISK]
    assert (hit["vendor"], hit["vendor_name"], hit["device"], hit["class"]) == (None, None, "1042", "010000")
    assert f"/{DISK}/vendor: " in hit["unknown"]["vendor"]
    assert hit["driver"] == "virtio-pci" and hit["nodes"]


@pytest.mark.parametrize("key, attribute", [("adapter", "adapter"), ("power", "power"), ("speed", "cur_bus_speed")])
def test_an_attribute_of_a_slot(hotplugctl, guest, damage, key, attribute):
    before = slots(hotplugctl, guest)
    guest.spoil(f"sys/bus/pci/slots/0-2/{attribute}", damage)
    after = slots(hotplugctl, guest)
    hit = after.pop("0-2")
    assert after == {name: slot for name, slot in before.items() if name != "0-2"}
    assert (hit["address"], hit["functions"]) == ("0000:02:00", [NVME])
    assert hit["occupied"] is True
    if damage in (outside, dangling):
        # Inside of the root that is a link to nothing: the slot has no such file.
        assert hit[key] is None
    elif key != "speed" or damage not in (empty, noise, not_utf8):
        assert hit[key] is None
        assert hit["unknown"][key].startswith(f"/sys/bus/pci/slots/0-2/{attribute}: ")


def test_the_address_of_a_slot(hotplugctl, guest, damage):
    guest.spoil("sys/bus/pci/slots/0-2/address", damage)
    found = slots(hotplugctl, guest)
    assert len(found) == 4
    assert found["0-2"]["address"] is None
    assert found["0-2"]["unknown"]["address"].startswith("/sys/bus/pci/slots/0-2/address: ")
    assert found["0"]["functions"] == [DISK]


@pytest.mark.parametrize("attribute", ["config", "resource"])
def test_what_only_check_reads(hotplugctl, guest, damage, attribute):
    """One port without config space: its room is unknown, that of the others is not."""
    before = {room["bus"]: room for room in document(hotplugctl, "check", guest)["headroom"]["buses"]}
    guest.spoil(f"{PATHS[PORT]}/{attribute}", damage)
    check = document(hotplugctl, "check", guest)
    after = {room["bus"]: room for room in check["headroom"]["buses"]}
    assert {bus: room for bus, room in after.items() if bus not in ("0000:00", "0000:01")} == {
        bus: room for bus, room in before.items() if bus not in ("0000:00", "0000:01")
    }
    assert check["verdict"] == "limited"
    if attribute == "config" and damage not in (noise, huge):
        assert after["0000:01"]["mem_largest"] is None
        assert after["0000:01"]["unknown"]["mem_largest"]


@pytest.mark.parametrize(
    "path",
    [
        "proc/cmdline",
        "proc/modules",
        "proc/iomem",
        "proc/mounts",
        "proc/sys/kernel/osrelease",
        "boot/config-6.1.0-50-amd64",
        "cmd/kmsg",
        "lib/modules/6.1.0-50-amd64/modules.alias",
        "lib/modules/6.1.0-50-amd64/modules.dep",
        "lib/modules/6.1.0-50-amd64/modules.builtin",
        "sys/class/dmi/id/product_name",
        f"run/udev/data/+pci:{DISK}",
        f"{PATHS[DISK]}/virtio1/block/vdb/size",
        f"{PATHS[DISK]}/driver",
        f"sys/bus/pci/devices/{DISK}",
        "etc/modules",
    ],
)
def test_any_file(hotplugctl, guest, damage, path):
    """Whatever one file is, the other functions and the verdict's slots are seen."""
    guest.spoil(path, damage)
    assert len(functions(hotplugctl, guest)) == 13
    check = document(hotplugctl, "check", guest)
    assert (check["headroom"]["slots"], check["verdict"]) == (4, "limited")


def test_every_file_at_once(hotplugctl, make_guest, damage):
    """Nothing of the whole guest can be read, and each command ends in its order."""
    guest = make_guest()
    files = [path for path in guest.root.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in files:
        damage(path)
    for command in COMMANDS:
        document(hotplugctl, command, guest)


def test_every_link_at_once(hotplugctl, make_guest):
    guest = make_guest()
    for path in [path for path in guest.root.rglob("*") if path.is_symlink()]:
        path.unlink()
        path.symlink_to("/" if "class" in path.parts else "..")
    for command in COMMANDS:
        document(hotplugctl, command, guest)


@pytest.mark.parametrize("target", ["..", ".", "../slots", "/", "/sys/bus/pci"])
def test_folders_in_a_circle(hotplugctl, guest, target):
    guest.put("sys/bus/pci/slots/0-2", target)
    guest.put("sys/class/net/loop", target)
    guest.put("sys/class/pci_bus/0000:09", target)
    guest.put(f"{PATHS[DISK]}/virtio1", target)
    guest.put("etc/modprobe.d/again", target)
    guest.put("lib/modprobe.d", "../lib/modprobe.d")
    for command in COMMANDS:
        document(hotplugctl, command, guest)
    assert len(functions(hotplugctl, guest)) == 13


def test_a_function_that_vanishes(hotplugctl, guest):
    """Its link is listed, and what it leads to is gone."""
    guest.put(PATHS[DISK], None)
    found = functions(hotplugctl, guest)
    assert len(found) == 13
    assert found[DISK]["vendor"] is None
    assert set(found[DISK]["unknown"]) >= {"class", "vendor", "device", "revision", "driver", "enabled"}
    assert found[NVME]["vendor"] == "1b36"
    done = hotplugctl("explain", DISK, "--json", "--root", guest)
    assert (done.status, done.document["good"]) == (3, None)
    assert "cannot be told" in done.document["headline"]


def test_a_config_of_another_kernel(hotplugctl, guest):
    path = "boot/config-6.1.0-50-amd64"
    text = (guest.root / path).read_bytes().replace(b"6.1.", b"5.4.")
    guest.put(path, text)
    check = document(hotplugctl, "check", guest)
    assert check["core"]["config"] is None
    assert check["core"]["unknown"]["config"].startswith(f"/{path}: the config of another kernel (5.4.")
    assert (check["core"]["state"], check["verdict"]) == ("builtin", "limited")


@pytest.mark.parametrize(
    "packed, why",
    [
        (gzip.compress(bytes(64 << 20)), "larger than"),
        (gzip.compress(gzip.compress(bytes(64 << 20))), None),
        (b"\x1f\x8b" + bytes(20), "not a gzip file"),
        (b"", None),
    ],
    ids=["bomb", "bomb-in-bomb", "broken", "empty"],
)
def test_a_packed_config(hotplugctl, guest, packed, why):
    guest.put("boot/config-6.1.0-50-amd64", None)
    guest.put("proc/config.gz", packed)
    check = document(hotplugctl, "check", guest)
    assert check["verdict"] == "limited"
    if why:
        assert check["core"]["config"] is None
        assert why in check["core"]["unknown"]["config"]


def config(capabilities, status=0x10, first=0x40):
    """256 bytes of config space with bytes at places."""
    data = bytearray(256)
    data[0:4] = struct.pack("<HH", 0x1B36, 0x000C)
    data[6], data[0x0E], data[0x34] = status, 1, first
    for place, content in capabilities.items():
        data[place : place + len(content)] = content
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        config({0x40: b"\x10\x40"}),
        config({0x40: b"\x10\x50", 0x50: b"\x0c\x40"}),
        config({}, first=0xFF),
        config({0xFC: b"\x10\x00"}, first=0xFC),
        config({0x40: b"\x10\x00\xff\xff" + b"\xff" * 60}),
        b"\xff" * 256,
        b"\xff" * 64,
        bytes(256),
        bytes(3),
        bytes(5000),
    ],
)
def test_config_space(hotplugctl, guest, data):
    guest.put(f"{PATHS[PORT]}/config", data)
    check = document(hotplugctl, "check", guest)
    assert check["headroom"]["slots"] == 4
    assert slots(hotplugctl, guest)["0"]["functions"] == [DISK]


@pytest.mark.parametrize(
    "text",
    [
        b"0x0 0x0\n",
        b"nonsense\n" * 7,
        b"0x" + b"f" * 5000 + b" 0x0 0x0\n",
        b"0xffffffffffffffff 0x0000000000000000 0x0000000000040200\n" * 13,
        b"-1 -2 -3\n" * 13,
        b"0x10 0x20 0x200" * 100000,
        b"\n" * 100000,
    ],
)
def test_a_resource_of_nonsense(hotplugctl, guest, text):
    guest.put(f"{PATHS[DISK]}/resource", text)
    assert document(hotplugctl, "check", guest)["headroom"]["slots"] == 4


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "0x1", "1e9", " 1 ", "1\n2", "\u0661", "1\0"])
@pytest.mark.parametrize("path", [f"{PATHS[DISK]}/enable", "sys/bus/pci/slots/0/power", f"{PATHS[DISK]}/size"])
def test_absurd_numbers(hotplugctl, guest, path, number):
    guest.put(path, f"{number}\n".encode())
    for command in COMMANDS:
        document(hotplugctl, command, guest)


def test_absurd_names(hotplugctl, guest):
    """Entries of sysfs' folders that are no devices, slots or buses."""
    for folder_name in ("bus/pci/devices", "bus/pci/slots", "bus/virtio/devices", "class/block", "class/pci_bus"):
        for name in ("x" * 255, "0000:00:ff.9", "0000:00:1f.8", "0000:zz:00.0", "...", " ", "-", "0000:00:20.0"):
            guest.put(f"sys/{folder_name}/{name}", "../../nowhere")
    found = functions(hotplugctl, guest)
    assert len(found) == 13
    for command in COMMANDS:
        document(hotplugctl, command, guest)


def as_nobody(task):
    """The result of a task by a user who may do nothing; by ourselves where we are not root. JSON goes between."""
    if not ROOT:
        return task()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(task()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said)


@pytest.fixture
def open_guest(make_guest):
    """The guest where everybody may look, with all of it open to be read."""
    guest = make_guest()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = Path(name) / "guest"
        shutil.move(guest.root, root)
        for path in (root, *root.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
        guest.root = root
        yield guest


def test_what_a_user_may_not_read(hotplugctl, open_guest):
    closed = [
        f"{PATHS[DISK]}/enable", f"{PATHS[NVME]}", "sys/bus/pci/slots/0/power", "sys/bus/pci/slots/0-2",
        "boot/config-6.1.0-50-amd64", "proc/iomem", "cmd/kmsg",
    ]  # fmt: skip
    for command in COMMANDS:
        # What a command imports is imported before the checkout can no longer be read.
        document(hotplugctl, command, open_guest)
    for path in closed:
        (open_guest.root / path).chmod(0)
    try:
        found = as_nobody(lambda: {command: document(hotplugctl, command, open_guest) for command in COMMANDS})
    finally:
        for path in closed:
            (open_guest.root / path).chmod(0o755)
    why = "denied (EACCES)"
    listed = {item["address"]: item for item in found["list"]["functions"]}
    assert len(listed) == 13
    assert set(listed[DISK]["unknown"]) == {"enabled"} and listed[DISK]["unknown"]["enabled"].endswith(why)
    assert listed[NVME]["unknown"]["vendor"].endswith(why)
    by_name = {slot["name"]: slot for slot in found["slots"]["slots"]}
    assert by_name["0"]["unknown"]["power"] == f"/sys/bus/pci/slots/0/power: {why}"
    assert by_name["0-2"]["mechanism"] is None and by_name["0-2"]["unknown"]["address"].endswith(why)
    check = found["check"]
    assert check["core"]["unknown"]["config"].endswith(why)
    assert check["headroom"]["buses"][0]["unknown"]["mem_largest"]
    unread = {item["id"]: item for item in check["findings"] if item["status"] != "pass"}
    assert "denied" in unread["log.unreadable"]["evidence"][0]["value"]


@pytest.mark.parametrize("mode", [0, 0o700])
def test_a_root_that_may_not_be_read(hotplugctl, open_guest, mode):
    open_guest.root.chmod(mode if ROOT else 0)
    try:
        status, out, err = as_nobody(lambda: list(hotplugctl("check", "--root", open_guest)))
    finally:
        open_guest.root.chmod(0o755)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and "permission denied" in err


def test_slots_that_may_not_be_listed(hotplugctl, open_guest):
    document(hotplugctl, "slots", open_guest), document(hotplugctl, "check", open_guest)
    folder_path = open_guest.root / "sys/bus/pci/slots"
    folder_path.chmod(0)
    try:
        found = as_nobody(lambda: {c: document(hotplugctl, c, open_guest) for c in ("slots", "check")})
    finally:
        folder_path.chmod(0o755)
    why = "/sys/bus/pci/slots: denied (EACCES)"
    assert found["slots"]["slots"] is None
    assert found["slots"]["unknown"] == {"slots": why}
    assert found["check"]["verdict"] == "unknown"
    room = found["check"]["headroom"]
    assert (room["slots"], room["unknown"]["slots"]) == (None, why)
    assert all(bus["slots"] is None and bus["unknown"]["free_slots"] == why for bus in room["buses"])
    assert all(item["slots"] is None for item in found["check"]["mechanisms"])


@pytest.mark.parametrize("hidden", [("block",), ("net",), ("block", "net", "nvme")])
def test_classes_that_may_not_be_listed(hotplugctl, open_guest, hidden):
    before = functions(hotplugctl, open_guest)
    folders = [open_guest.root / "sys/class" / name for name in hidden]
    for path in folders:
        path.chmod(0)
    try:
        found = as_nobody(lambda: functions(hotplugctl, open_guest))
        text = as_nobody(lambda: hotplugctl("list", "-n", "-o", "ADDRESS,NODES", "--root", open_guest).out)
    finally:
        for path in folders:
            path.chmod(0o755)
    shown = dict(line.split() for line in text.splitlines())
    assert found.keys() == before.keys() == shown.keys()
    why = f"/sys/class/{hidden[0]}: denied (EACCES)"
    for address, item in found.items():
        seen = [node for node in before[address]["nodes"] if node["subsystem"] not in hidden]
        assert item["nodes"] == (seen or None)
        assert item.get("unknown", {}).get("nodes") == (None if seen else why)
        assert shown[address].endswith("?")
    assert any(item["nodes"] is None and before[address]["nodes"] for address, item in found.items())


@pytest.mark.parametrize("closed", ["sys/bus/pci/slots", "sys/bus/pci/slots/0"])
def test_the_slot_of_a_function_that_may_not_be_read(hotplugctl, open_guest, closed):
    before = functions(hotplugctl, open_guest)
    assert before[DISK]["slot"] == "0"
    path = open_guest.root / closed
    path.chmod(0)
    try:
        found = as_nobody(lambda: functions(hotplugctl, open_guest))
        text = as_nobody(lambda: hotplugctl("list", "-n", "-o", "ADDRESS,SLOT", "--root", open_guest).out)
    finally:
        path.chmod(0o755)
    assert found[DISK]["slot"] is None
    why = found[DISK]["unknown"]["slot"]
    assert why.startswith(f"/{closed}") and why.endswith(": denied (EACCES)")
    shown = dict(line.split() for line in text.splitlines())
    assert shown[DISK] == "?"
    if closed.endswith("/0"):
        assert found[NVME]["slot"] == shown[NVME] == before[NVME]["slot"]


def test_what_is_not_there_is_no_failure(hotplugctl, guest):
    """Neither a class that nothing made, nor a file among its links (net/bonding_masters), hides a node."""
    guest.put("sys/class/net/bonding_masters", b"bond0\n")
    guest.put("sys/class/drm", None)
    for item in functions(hotplugctl, guest).values():
        assert isinstance(item["nodes"], list)
        assert not {"nodes", "slot"} & item.get("unknown", {}).keys()


def test_a_host_without_a_name(hotplugctl, recordings, make_guest):
    guest = make_guest("pc-virtio", "added")
    hosts = [path for path in (guest.root / "sys/class/scsi_host").iterdir() if (path / "proc_name").is_file()]
    assert hosts
    for host in hosts:
        (host / "proc_name").write_bytes(b"(null)\n")
    nodes = [node for item in functions(hotplugctl, guest).values() for node in item["nodes"]]
    details = [node["detail"] for node in nodes if node["subsystem"] == "scsi_host"]
    assert details == [{"proc_name": None}] * len(hosts)
