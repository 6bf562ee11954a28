"""The tree that a dump of devices is: it says what the recorded tree of the same guest says, as far as it can know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hotplugctl.errors import UnusableRoot
from hotplugctl.model.devices import NODE_CLASSES
from hotplugctl.model.reads import Absent, Outside, Unrecorded, Value
from hotplugctl.parse.device_dump import parse
from hotplugctl.source import dump as module
from hotplugctl.source.door import open_tree

TEXTS = Path(__file__).resolve().parents[2] / "fixtures/texts"
EXPORTED = sorted((TEXTS / "udevadm").iterdir())
FUNCTION = b"P: /devices/pci0000:00/0000:00:02.0\nE: SUBSYSTEM=pci\nE: PCI_ID=1AF4:1001\nE: PCI_CLASS=10000\n"
VIRTIO = TEXTS / "umockdev/virtio.umockdev"
# What both tell: a dump of udevadm knows neither attributes nor slots.
KEYS = ("address", "class", "vendor", "device", "subsystem_vendor", "subsystem_device", "driver", "parent")


def tree(data):
    return module.DumpTree(parse(data), "a dump")


def listed(hotplugctl, root):
    done = hotplugctl("list", "--json", "--root", root)
    assert (done.status, done.err) == (0, "")
    return done.document["functions"]


@pytest.mark.parametrize("path", EXPORTED, ids=lambda path: path.stem)
def test_list_says_what_it_says_of_the_recorded_tree(hotplugctl, recordings, path):
    stage = recordings.stage(*path.stem.rsplit("-", 1))
    # scsi_generic is found without its class, too.
    classes = {item.name for item in (stage / "sys/class").iterdir()} & set(NODE_CLASSES) | {"scsi_generic"}
    told, recorded = (listed(hotplugctl, root) for root in (path, stage))
    assert [[item[key] for key in KEYS] for item in told] == [[item[key] for key in KEYS] for item in recorded]
    nodes = [
        [
            [(node["subsystem"], node["name"], node["node"], node["via"]) for node in item["nodes"] or ()]
            for item in functions
        ]
        for functions in (told, recorded)
    ]
    # The recordings do not hold every class that the guests had.
    assert [[node for node in of_one if node[0] in classes] for of_one in nodes[0]] == nodes[1]
    assert any(nodes[1]), "functions without a node show nothing"


@pytest.mark.parametrize(
    "dress",
    [
        lambda text: b"$ udevadm info --export-db\n" + text,
        lambda text: b"Script started on 2026-07-02 10:00:00+00:00\n" + text.replace(b"\n", b"\r\n"),
        lambda text: re.sub(rb"(?m)^(.): ", b"\x1b[0;33m\\1: \x1b[0m", text),
        lambda text: re.sub(rb"(?m)^(P): ", b"\x1b[0;1;39m\\1:\x1b[0m ", text),
    ],
    ids=["prompt", "script", "colours", "colours of paths"],
)
def test_what_a_terminal_adds(hotplugctl, tmp_path, dress):
    dressed = tmp_path / "dressed"
    dressed.write_bytes(dress(EXPORTED[0].read_bytes()))
    plain = hotplugctl("list", "--root", EXPORTED[0])
    assert hotplugctl("list", "--root", dressed).out == plain.out
    assert hotplugctl("diff", EXPORTED[0], dressed).status == 0


@pytest.mark.parametrize("path", EXPORTED, ids=lambda path: path.stem)
def test_what_a_dump_lacks_is_unknown(hotplugctl, path):
    for item in listed(hotplugctl, path):
        assert {"revision", "enabled", "slot"} <= set(item["unknown"])
        assert "driver" not in item["unknown"]


def test_list_of_a_dump_with_attributes(hotplugctl):
    functions = {item["address"]: item for item in listed(hotplugctl, VIRTIO)}
    disk = functions["0000:00:02.0"]
    assert (disk["class"], disk["revision"], disk["driver"], disk["enabled"]) == ("018000", "01", "virtio-pci", True)
    (node,) = disk["nodes"]
    assert node["detail"] == {"size": 536870912 * 512, "ro": False, "serial": "DISK1", "partition": None}
    assert functions["0000:00:00.0"]["driver"] is None


def test_nodes_of_a_part_are_unknown(hotplugctl, tmp_path):
    """Of one device, and what is above it, was dumped: others may be behind these."""
    whole = VIRTIO.read_bytes()
    (tmp_path / "part").write_bytes(whole[: whole.index(b"P: /devices/virtual/mem/null")])
    functions = {item["address"]: item for item in listed(hotplugctl, tmp_path / "part")}
    assert functions["0000:00:02.0"]["nodes"][0]["name"] == "vda"
    assert functions["0000:00:00.0"]["nodes"] is None
    assert functions["0000:00:00.0"]["unknown"]["nodes"]


@pytest.mark.parametrize("command, status", [("check", 3), ("slots", 3)])
@pytest.mark.parametrize("path", [EXPORTED[0], VIRTIO], ids=lambda path: path.name)
def test_other_commands_cannot_tell(hotplugctl, command, status, path):
    done = hotplugctl(command, "--json", "--root", path)
    assert (done.status, done.err) == (status, "")


@pytest.mark.parametrize("path", [EXPORTED[0], VIRTIO], ids=lambda path: path.name)
def test_whether_a_mechanism_can_be_used_is_unknown(hotplugctl, path):
    for item in hotplugctl("check", "--json", "--root", path).document["mechanisms"]:
        assert item["usable"] is None
        assert item["unknown"]["usable"] == item["unknown"]["slots"]
    shown = hotplugctl("check", "--root", path).out
    assert [line.split() for line in shown.splitlines() if line.startswith("pciehp")] == [
        ["pciehp", "unknown", "?", "?", "?", "?"]
    ]
    assert "kernel unknown," in shown


@pytest.mark.parametrize(
    "lines",
    [
        "E: ID_VENDOR_ENC=Linux\\x206.1.0-18_x-amd64\\x20ehci_hcd\n",
        "A: manufacturer=Linux 6.1.0-18_x-amd64 xhci-hcd\\n\nE: ID_VENDOR_ENC=Linux\\x205.4\\x20x\n",
    ],
)
def test_a_root_hub_names_the_kernel(hotplugctl, tmp_path, lines):
    dump = tmp_path / "syn-root-hub"
    hub = "P: /devices/pci0000:00/0000:00:02.0/usb1\nE: SUBSYSTEM=usb\n" + lines
    dump.write_bytes(FUNCTION + b"\n" + hub.encode())
    assert hotplugctl("check", "--json", "--root", dump).document["guest"]["kernel"] == "6.1.0-18_x-amd64"


@pytest.mark.parametrize(
    "device",
    [
        "usb1/1-1\nE: SUBSYSTEM=usb\nE: ID_VENDOR_ENC=Linux\\x206.1\\x20Gadget\n",
        "usb1\nE: SUBSYSTEM=usb\nE: ID_VENDOR_ENC=Linux\\x206.1\n",
        "usb1\nE: SUBSYSTEM=usb\nE: ID_VENDOR_ENC=Linux\\x20\\x20hcd\n",
        "usb1\nE: SUBSYSTEM=usb\nE: ID_VENDOR=Linux_6.1_hcd\n",
    ],
)
def test_what_names_no_kernel(hotplugctl, tmp_path, device):
    dump = tmp_path / "syn-no-root-hub"
    dump.write_bytes(FUNCTION + b"\nP: /devices/pci0000:00/0000:00:02.0/" + device.encode())
    guest = hotplugctl("check", "--json", "--root", dump).document["guest"]
    assert guest["kernel"] is None
    assert guest["unknown"]["kernel"]


def test_the_links_that_the_kernel_has():
    of = tree(FUNCTION + b"E: DRIVER=virtio-pci\n")
    assert of.resolve("/sys/bus/pci/devices/0000:00:02.0") == "/sys/devices/pci0000:00/0000:00:02.0"
    driver = of.link("/sys/devices/pci0000:00/0000:00:02.0/driver")
    assert driver.text == "../../../bus/pci/drivers/virtio-pci"
    assert of.read("/sys/bus/pci/devices/0000:00:02.0/class").text == "0x010000"
    assert isinstance(of.read("/sys/bus/pci/devices/0000:00:02.0/revision"), Unrecorded)


def test_no_driver_is_none_and_a_file_is_unknown():
    of = tree(FUNCTION)
    assert isinstance(of.link("/sys/bus/pci/devices/0000:00:02.0/driver"), Absent)
    assert isinstance(of.read("/sys/bus/pci/devices/0000:00:02.0/enable"), Unrecorded)
    assert isinstance(of.names("/sys/class/net"), Unrecorded)
    everything = tree(FUNCTION + b"\nP: /devices/virtual/mem/null\nE: SUBSYSTEM=mem\n")
    assert isinstance(everything.names("/sys/class/net"), Absent)
    assert (of.whole, everything.whole) == (False, True)


def test_files_say_more_than_what_follows_from_properties():
    of = tree(FUNCTION + b"E: MODALIAS=of-the-property\nA: modalias=of-the-file\\n\nL: driver=../x\n")
    assert of.read("/sys/bus/pci/devices/0000:00:02.0/modalias").text == "of-the-file"
    assert of.link("/sys/bus/pci/devices/0000:00:02.0/driver").text == "../x"


@pytest.mark.parametrize(
    "properties, name",
    [
        (b"E: SUBSYSTEM=block\nE: MAJOR=8\nE: MINOR=1\n", "b8:1"),
        (b"E: SUBSYSTEM=tty\nE: MAJOR=4\nE: MINOR=64\n", "c4:64"),
        (b"E: SUBSYSTEM=net\nE: IFINDEX=3\n", "n3"),
        (b"E: SUBSYSTEM=pci\n", "+pci:x"),
    ],
)
def test_what_udev_keeps(properties, name):
    record = tree(b"P: /devices/x\nE: ID_SERIAL=S\n" + properties).read(f"/run/udev/data/{name}")
    assert isinstance(record, Value) and b"E:ID_SERIAL=S\n" in record.data
    without = tree(b"P: /devices/x\n" + properties)
    assert isinstance(without.read(f"/run/udev/data/{name}"), Unrecorded), "udev has said nothing of it"


@pytest.mark.parametrize(
    "lines",
    [
        b"E: DRIVER=../../../../etc/passwd\n",
        b"E: DRIVER=\n",
        b"E: SUBSYSTEM=../../etc\nE: ID_X=1\n",
        b"E: MAJOR=../..\nE: MINOR=/x\nE: ID_X=1\n",
        b"L: driver=/../../../../../etc\nL: subsystem=/\n",
        b"A: 0000:00:03.0=a file where a device is\\n\n",
    ],
)
def test_lies_stay_inside(hotplugctl, tmp_path, lines):
    data = FUNCTION + lines + b"\nP: /devices/pci0000:00/0000:00:02.0/0000:00:03.0\nE: SUBSYSTEM=pci\n"
    (tmp_path / "dump").write_bytes(data)
    assert [item["address"] for item in listed(hotplugctl, tmp_path / "dump")] in (
        ["0000:00:02.0", "0000:00:03.0"], ["0000:00:03.0"],
    )  # fmt: skip
    of = tree(data)
    for name in ("driver", "subsystem"):
        assert not isinstance(of.read(f"/sys/devices/pci0000:00/0000:00:02.0/{name}/passwd"), Value)


def test_links_in_a_circle():
    of = tree(FUNCTION + b"L: a=b\nL: b=a\nL: self=.\n")
    assert isinstance(of.read("/sys/devices/pci0000:00/0000:00:02.0/a"), Outside)


def test_the_door(tmp_path):
    (tmp_path / "dump").write_bytes(b"\n" + FUNCTION)
    path = str(tmp_path / "dump")
    with pytest.raises(UnusableRoot, match="a dump of devices, no recording"):
        open_tree(path, None, None)
    with pytest.raises(UnusableRoot, match="it has no stages"):
        open_tree(path, "added", None, reader=parse)
    opened = open_tree(path, None, None, reader=parse)
    assert (opened.kind, opened.label) == ("recording", path)


@pytest.mark.parametrize(
    "rest, said", [(b"A: x=" + b"y" * (1 << 20), "larger than 1 MiB"), (b"E: x=1\n" * 99, "99 lines")]
)
def test_too_large(tmp_path, monkeypatch, rest, said):
    monkeypatch.setattr(module, "SIZE_LIMIT", 1 << 20)
    monkeypatch.setattr(module, "LINES_LIMIT", 99)
    (tmp_path / "dump").write_bytes(FUNCTION + rest)
    with pytest.raises(UnusableRoot, match=said):
        open_tree(str(tmp_path / "dump"), None, None, reader=parse)
