"""What becomes of a monitor command: what is plugged, what refuses it, and whether a guest shows it.

Where QEMU's answer counts it is that of the transcripts: which id came to which address (``info pci`` on the host).
"""

from __future__ import annotations

import pytest

from hotplugctl.collect import view
from hotplugctl.model.monitor import Expectation, Request
from hotplugctl.model.reads import Denied
from hotplugctl.parse.monitor_command import parse
from hotplugctl.rules import expectation
from hotplugctl.source.door import open_tree


def asked(text: str, guest=None) -> Expectation:
    request = parse(text)
    assert isinstance(request, Request), request
    return expectation.expectation(request, guest)


@pytest.fixture(scope="module")
def look(recordings):
    """A recorded guest as it is looked at; each once."""
    kept = {}

    def at(story: str, stage: str):
        if (story, stage) not in kept:
            tree = open_tree(str(recordings.stage(story, stage)), None, None)
            kept[story, stage] = view.collect(tree)
            tree.close()
        return kept[story, stage]

    return at


# --- what is plugged --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, kind, expects, today",
    [
        (
            "pci_add auto nic model=e1000,macaddr=52:54:00:12:34:56,vlan=3",
            "nic",
            ("020000", ("8086:100e",), "e1000", "net", None),
            (
                "netdev_add hubport,id=net0,hubid=3",
                "device_add e1000,netdev=net0,id=nic0,mac=52:54:00:12:34:56",
            ),
        ),
        (
            "pci_add 1f nic",
            "nic",
            ("020000", ("10ec:8139",), "8139cp", "net", None),
            ("netdev_add user,id=net0", "device_add rtl8139,netdev=net0,id=nic0,addr=1f"),
        ),
        (
            "pci_add auto nic model=virtio,netdev=n7,name=card",
            "nic",
            ("020000", ("1af4:1000",), "virtio-pci", "net", None),
            ("device_add virtio-net-pci,netdev=n7,id=card",),
        ),
        (
            "pci_add 0:4 storage file=x.img,if=scsi,cache=off,serial=S1,unit=2,boot=on",
            "storage",
            ("010000", ("1000:0012",), "sym53c8xx", "block", "/dev/sd*"),
            (
                "drive_add 0 if=none,id=drive0,file=x.img,cache=none",
                "device_add lsi53c895a,id=scsi0,addr=04",
                "device_add scsi-hd,drive=drive0,bus=scsi0.0,id=drive0-disk,serial=S1,scsi-id=2",
            ),
        ),
        (
            "pci_add auto storage if=scsi",
            "storage",
            ("010000", ("1000:0012",), "sym53c8xx", "scsi_host", None),
            ("device_add lsi53c895a,id=scsi0",),
        ),
        (
            "pci_add auto storage file=cd.iso,if=scsi,media=cdrom,id=cd",
            "storage",
            ("010000", ("1000:0012",), "sym53c8xx", "block", "/dev/sr*"),
            (
                "drive_add 0 if=none,id=cd,file=cd.iso",
                "device_add lsi53c895a,id=scsi0",
                "device_add scsi-cd,drive=cd,bus=scsi0.0,id=cd-disk",
            ),
        ),
        (
            'pci_add auto storage "file=my,, disk.img,if=virtio"',
            "storage",
            ("010000", ("1af4:1001",), "virtio-pci", "block", "/dev/vd*"),
            (
                'drive_add 0 "if=none,id=drive0,file=my,, disk.img"',
                "device_add virtio-blk-pci,drive=drive0,id=drive0-disk",
            ),
        ),
        (
            "pci_add auto host host=02:00.0",
            "other",
            (None, (), None, None, None),
            ("device_add vfio-pci,host=02:00.0,id=hostdev0",),
        ),
        (
            "device_add nvme,drive=d,serial=s,bus=rp0",
            "storage",
            ("010802", ("1b36:0010",), "nvme", "block", "/dev/nvme*n*"),
            ("device_add nvme,drive=d,serial=s,bus=rp0",),
        ),
        (
            '{"execute": "device_add", "arguments": {"driver": "e1000e", "bus": "rp0", "multifunction": true}}',
            "nic",
            ("020000", ("8086:10d3",), "e1000e", "net", None),
            ("device_add e1000e,bus=rp0,multifunction=on",),
        ),
        (
            "device_add virtio-scsi-pci-non-transitional",
            "storage",
            ("010000", ("1af4:1048",), "virtio-pci", "scsi_host", None),
            ("device_add virtio-scsi-pci-non-transitional",),
        ),
        (
            "device_add virtio-blk-pci,disable-legacy=on",
            "storage",
            ("010000", ("1af4:1042",), "virtio-pci", "block", "/dev/vd*"),
            ("device_add virtio-blk-pci,disable-legacy=on",),
        ),
        (
            "device_add virtio-blk-pci,bus=somewhere",
            "storage",
            ("010000", ("1af4:1001", "1af4:1042"), "virtio-pci", "block", "/dev/vd*"),
            ("device_add virtio-blk-pci,bus=somewhere",),
        ),
        (
            "device_add scsi-cd,drive=d",
            "storage",
            (None, (), "sr", "block", "/dev/sr*"),
            ("device_add scsi-cd,drive=d",),
        ),
        (
            "netdev_add user,id=n1",
            "nic",
            (None, (), None, None, None),
            ("netdev_add user,id=n1",),
        ),
        (
            "-blockdev driver=raw,node-name=d,file.driver=file,file.filename=x,read-only=on",
            "storage",
            (None, (), None, None, None),
            (
                '{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "d", "file": {"driver": '
                '"file", "filename": "x"}, "read-only": true}}',
            ),
        ),
        (
            "drive_add 0:5 file=x.img,if=scsi",
            "storage",
            (None, (), "sd", "block", "/dev/sd*"),
            (
                "drive_add 0 if=none,id=drive0,file=x.img",
                "device_add scsi-hd,drive=drive0,bus=ID.0,id=drive0-disk",
            ),
        ),
    ],
)
def test_what_is_plugged(text, kind, expects, today):
    found = asked(text)
    assert (found.action, found.kind, found.valid) == ("add", kind, True)
    assert found.expects[:5] == expects
    assert found.today == today


def test_what_prepares_a_device_stays_before_it():
    text = "netdev_add user,id=n1\ndevice_add e1000,netdev=n1"
    assert asked(text).today == ("netdev_add user,id=n1", "device_add e1000,netdev=n1")


def test_a_name_that_does_not_show_is_not_pasted():
    found = asked("pci_add auto storage file=x\u202ey,if=virtio")
    assert found.today == ()
    assert any("left out" in remark for remark in found.remarks)


def test_slots_are_hexadecimal_in_commands_and_decimal_in_replies():
    assert asked("pci_del 10").clues.place.address == "0000:00:10.0"
    assert any("reply would call 16" in remark for remark in asked("pci_del 10").remarks)
    assert not asked("pci_del 9").remarks[:-1]
    assert asked("OK domain 0, bus 0, slot 10, function 0").clues.place.address == "0000:00:0a.0"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, reason",
    [
        ("pci_add auto storage file=x,if=ide", "type ide not a hotpluggable PCI device"),
        ("pci_add auto storage file=x,if=floppy", "type floppy not a hotpluggable PCI device"),
        ("pci_add auto sound", "invalid type: sound"),
        ("pci_add auto nic model=ne2k_isa", "ISA"),
        ("pci_add auto nic model=smc91c111", "pci_add knows no NIC model"),
        ("pci_add auto nic model=e1000e", "device_add takes e1000e"),
        ("pci_add 1:0:4 nic", "domain"),
        ("pci_del 1:0:4", "domain"),
        ("device_add ne2k_isa", "ISA"),
        ("device_add isa-serial", "ISA"),
        ("device_add ide-hd,drive=d", "IDE"),
        ("device_add virtio-gpu-pci", "pluggable"),
        ("device_add cirrus-vga", "pluggable"),
        ("device_add pcie-root-port,id=rp9", "from the start"),
        ("device_add usb-tablet", "USB"),
        ("device_add virtio-blk-device,drive=d", "virtio-blk-pci"),
        ("device_add e1000,bus=pcie.0", "PCIe root bus"),
        ("drive_add 0 file=x", "if="),
        ("drive_add 0 file=x,if=virtio", "if=virtio"),
        ("usb_add disk:x", "USB"),
        ("usb_del 0.1", "USB"),
        ("cpu_set 1 online", "processors"),
        ("pci_add auto nic\nError: no room", "QEMU said: Error: no room"),
        ("pci_add auto nic\nunknown command: 'pci_add'", "QEMU said: unknown command"),
    ],
)
def test_what_is_refused(text, reason):
    found = asked(text)
    assert found.valid is False
    assert reason in found.reason


def test_what_is_not_known_is_not_refused():
    found = asked("device_add frobnicator-pci,bus=rp0")
    assert found.valid is None
    assert "frobnicator-pci" in found.reason
    assert found.expects.unknown


def test_a_place_in_the_reply_outweighs_what_speaks_against_it():
    reply = "OK domain 0, bus 0, slot 4, function 0"
    assert asked(f"device_add frobnicator-pci\n{reply}").valid is True
    assert asked(f"pci_add 5 nic\n{reply}").clues.place.address == "0000:00:04.0"
    assert any("0000:00:05.0" in remark for remark in asked(f"pci_add 5 nic\n{reply}").remarks)


# --- where it comes in this guest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["pci_add auto nic model=e1000", "pci_add 0:4 nic", "device_add e1000,id=x"])
def test_a_pcie_root_bus_takes_nothing(look, text):
    found = asked(text, look("q35-rootport-acpi", "before"))
    assert found.valid is False
    assert "0000:00 is a PCIe root bus" in found.reason
    # Spelt for a port, without the place on the root bus.
    assert found.today[-1].endswith(",bus=ID")
    assert "addr" not in found.today[-1]
    assert asked(text, look("pc-virtio", "before")).valid is True
    assert asked("device_add e1000,bus=rp0", look("q35-rootport-acpi", "before")).valid is True
    assert asked("pci_add 1:0 nic", look("q35-rootport-acpi", "before")).valid is True


@pytest.mark.parametrize(
    "text",
    [
        "device_add e1000,id=x",
        "device_add e1000,bus=pcie.0",
        "device_add e1000,bus=rp0",
        "pci_add auto nic model=e1000",
    ],
)
def test_without_a_port_nothing_can_be_plugged(look, text):
    """The recorded guest has root ports, which nobody serves: without them it is a root complex alone."""
    seen = look("q35-native-nohp", "before")
    ports = {port for port in seen.buses.values() if port is not None}
    left = tuple(one for one in seen.functions.items if one.address not in ports)
    buses = {bus: port for bus, port in seen.buses.items() if port is None}
    bare = seen._replace(functions=seen.functions._replace(items=left), buses=buses)
    answer = asked(text, bare)
    assert answer.valid is False
    assert "no root port" in answer.reason and "-device pcie-root-port" in answer.reason
    assert "no root port" not in (asked(text, seen).reason or "")
    # A list that could not be read proves nothing.
    hidden = bare._replace(slots=bare.slots._replace(failure=Denied("/sys/bus/pci/slots", 13)))
    assert "no root port" not in (asked(text, hidden).reason or "")


def test_the_port_of_a_scsi_controller_is_that_of_the_controller(look):
    found = asked("pci_add auto storage file=x,if=scsi", look("q35-rootport-native", "before"))
    assert found.today[1:] == (
        "device_add lsi53c895a,id=scsi0,bus=ID",
        "device_add scsi-hd,drive=drive0,bus=scsi0.0,id=drive0-disk",
    )


def test_a_bus_that_is_not_there(look):
    found = asked("pci_add 7:0 nic", look("pc-virtio", "before"))
    assert found.valid is False
    assert "no bus 0000:07" in found.reason


def test_a_bus_that_nobody_serves_is_said(look):
    for story in ("pc-noacpi", "pc-acpiphp-disable"):
        found = asked("pci_add auto nic", look(story, "before"))
        assert found.valid is True
        assert any("no mechanism serves" in remark for remark in found.remarks)
    assert not any("mechanism" in one for one in asked("pci_add auto nic", look("pc-virtio", "before")).remarks)


@pytest.mark.parametrize(
    "story, bus, ids",
    [
        ("burst", "br1", ("1af4:1000",)),
        ("pc-virtio", "pci.0", ("1af4:1000",)),
        ("q35-rootport-native", "rp0", ("1af4:1041",)),
        # Who serves a slot there is not known.
        ("q35-native-nohp", "rp0", ("1af4:1000", "1af4:1041")),
    ],
)
def test_a_virtio_device_is_modern_behind_a_pcie_port_alone(look, story, bus, ids):
    assert asked(f"device_add virtio-net-pci,bus={bus}", look(story, "before")).expects.ids == ids


def test_what_goes_is_what_is_there(look):
    found = asked("pci_del 3", look("pc-nics", "added"))
    assert (found.action, found.kind) == ("remove", "nic")
    assert found.expects.ids == ("10ec:8029",)
    assert asked("pci_del 3").expects.unknown


# --- is it there? -----------------------------------------------------------------------------------------------------

HOST = {
    # Story, stages, command: where the host had it (info pci); "-": nowhere in the guest.
    ("pc-scsi", "before", "added"): {
        "pci_add auto storage file=d1.img,if=scsi": "0000:00:02.0",
        "device_add lsi53c895a,id=lsi0": "0000:00:02.0",
        "device_add scsi-hd,bus=lsi0.0,drive=d1,scsi-id=0": "0000:00:02.0",
        "device_add scsi-hd,bus=lsi0.0,drive=d9,scsi-id=5": "-",
        "pci_add auto nic model=e1000": "0000:00:03.0",
        "pci_add auto nic model=rtl8139": "-",
        "OK domain 0, bus 0, slot 3, function 0": "0000:00:03.0",
        "OK domain 0, bus 0, slot 4, function 0": "-",
    },
    ("pc-nics", "before", "added"): {
        "device_add rtl8139,id=n1,netdev=net1": "0000:00:02.0",
        "device_add ne2k_pci,id=n2,netdev=net2": "0000:00:03.0",
        "device_add e1000,id=n3,netdev=net3": "0000:00:04.0",
        "device_add virtio-net-pci,id=n4,netdev=net4": "0000:00:05.0",
        "pci_add 4 nic model=e1000": "0000:00:04.0",
        "pci_add 3 nic model=e1000": "-",
    },
    ("burst", "before", "added"): {
        "device_add virtio-net-pci,bus=pci.0,mac=52:54:00:BB:00:00": "0000:00:02.0",
        "device_add virtio-blk-pci,bus=br1,serial=BURST01": "0000:01:00.0",
        "device_add virtio-net-pci,bus=br2,mac=52:54:00:bb:00:02": "0000:02:00.0",
        "device_add virtio-blk-pci,bus=br2,serial=BURST29": "0000:02:09.0",
        "device_add virtio-blk-pci,serial=NOBODY": "-",
    },
    ("q35-rootport-native", "before", "added"): {
        "device_add virtio-blk-pci,bus=rp0,drive=hd1,serial=HOTVB1": "0000:01:00.0",
        "device_add nvme,bus=rp1,drive=hd2,serial=HOTNV1": "0000:02:00.0",
        "device_add e1000e,bus=rp2,netdev=net1": "0000:03:00.0",
        "device_add virtio-net-pci,bus=rp3,netdev=net2": "0000:04:00.0",
    },
    ("q35-rootport-acpi@cloud", "before", "added"): {"device_add e1000e,bus=rp2,netdev=net1": "0000:03:00.0"},
    ("q35-hotbridge-short", "before", "after"): {
        "device_add pcie-pci-bridge,id=pb1,bus=rp1": "0000:02:00.0",
        "device_add e1000,id=n1,bus=pb1,addr=03.0": "0000:03:03.0",
        "device_add e1000,id=n1,bus=pb1,addr=04.0": "-",
    },
    ("q35-multifunction-native", "before", "function1-only"): {
        "device_add e1000e,id=f1,bus=rp0,addr=0.1,multifunction=on": "-",
    },
    ("q35-multifunction-native", "function1-only", "added"): {
        "device_add e1000e,id=f0,bus=rp0,addr=0.0": "0000:01:00.0",
        "device_add e1000e,id=f1,bus=rp0,addr=0.1": "0000:01:00.1",
    },
    ("pc-bridge-shpc", "before", "added"): {"device_add virtio-blk-pci,id=vb1,bus=br1,addr=03.0": "-"},
    ("pc-bridge-shpc", "before", "rescanned"): {
        "device_add virtio-blk-pci,id=vb1,bus=br1,addr=03.0": "0000:01:03.0",
        "device_add virtio-net-pci,id=vn1,bus=br1,addr=04.0": "0000:01:04.0",
    },
    ("pc-noacpi", "before", "added"): {"device_add virtio-blk-pci,id=vb1": "-"},
    ("q35-native-nohp", "before", "added"): {"device_add virtio-blk-pci,id=vb1,bus=rp0": "-"},
}  # fmt: skip


@pytest.mark.parametrize(
    "story, first, second, text, address",
    [(*stages, text, address) for stages, commands in HOST.items() for text, address in commands.items()],
)
def test_what_came(look, story, first, second, text, address):
    before, after = look(story, first), look(story, second)
    found = expectation.between(asked(text, before), before, after)
    assert found.seen == (address != "-")
    if found.seen:
        assert found.address == address


def test_what_cannot_be_told_apart_is_not_guessed(look):
    before, after = look("burst", "before"), look("burst", "added")
    found = expectation.between(asked("device_add virtio-net-pci,bus=br1", before), before, after)
    assert found.seen is True
    assert found.address is None
    assert "fit" in dict(found.unknown)["address"]


@pytest.mark.parametrize(
    "story, first, second, text, seen, address",
    [
        ("pc-nics", "added", "after", "pci_del 4", True, "0000:00:04.0"),
        ("pc-nics", "before", "added", "pci_del 4", False, "0000:00:04.0"),
        ("pc-nics", "added", "after", "pci_del 1e", False, "0000:00:1e.0"),
        ("pc-virtio", "added", "removed-while-mounted", "device_del vb1", True, "0000:00:02.0"),
        ("pc-nics", "added", "after", "device_del n1", True, None),
        ("pc-nics", "added", "added", "device_del n1", False, None),
        # Both functions of a card go together.
        ("q35-multifunction-native", "added", "after", "device_del f0", True, "0000:01:00.0"),
    ],
)
def test_what_went(look, story, first, second, text, seen, address):
    before, after = look(story, first), look(story, second)
    found = expectation.between(asked(text, before), before, after)
    assert (found.seen, found.address) == (seen, address)


@pytest.mark.parametrize(
    "text, seen",
    [
        ("OK domain 0, bus 0, slot 4, function 0", True),
        ("OK domain 0, bus 0, slot 6, function 0", False),
        ("pci_add auto nic model=e1000\nOK domain 0, bus 0, slot 4, function 0", True),
        # A card is there, but another one.
        ("pci_add auto nic model=e1000\nOK domain 0, bus 0, slot 5, function 0", False),
        ("pci_add 4 nic model=e1000", True),
        ("pci_add auto nic model=e1000", None),
        ("pci_del 4", False),
        ("pci_del 14", True),
        ("device_del n1", None),
        ("netdev_add user,id=n1", None),
        ("usb_add disk:x", None),
    ],
)
def test_one_look(look, text, seen):
    guest = look("pc-nics", "added")
    found = expectation.now(asked(text, guest), guest)
    assert found.seen == seen
    assert (seen is None) == ("seen" in dict(found.unknown))


def test_one_look_knows_a_device_by_its_serial_number(look):
    guest = look("burst", "added")
    text = "device_add virtio-blk-pci,bus=br1,serial=BURST01"
    assert expectation.now(asked(text, guest), guest)[:2] == (True, "0000:01:00.0")
