"""Monitor commands as people paste them: what is read of each, and where in it a fault is."""

from __future__ import annotations

import pytest

from hotplugctl.model.monitor import Fault, Place, Request
from hotplugctl.parse.monitor_command import LONGEST, parse


def read(text: str) -> Request:
    found = parse(text)
    assert isinstance(found, Request), found
    return found


def fault(text: str) -> Fault:
    found = parse(text)
    assert isinstance(found, Fault), found
    return found


def options(request: Request) -> dict[str, str]:
    return {option.key: option.value for option in request.command.options}


# --- the old commands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, kind, place, given",
    [
        ("pci_add auto nic", "nic", None, {}),
        ("pci_add pci_addr=auto nic model=e1000", "nic", None, {"model": "e1000"}),
        ("pci_add 4 nic vlan=1,macaddr=52:54:00:12:34:56,model=virtio", "nic", Place(0, 0, 4),
         {"vlan": "1", "macaddr": "52:54:00:12:34:56", "model": "virtio"}),
        ("pci_add 1f nic", "nic", Place(0, 0, 0x1F), {}),
        ("pci_add 0x10 nic", "nic", Place(0, 0, 0x10), {}),
        ("pci_add 2:3 nic", "nic", Place(0, 2, 3), {}),
        ("pci_add pci_addr=0:a:1F storage if=scsi", "storage", Place(0, 10, 0x1F), {"if": "scsi"}),
        ("pci_add auto storage file=x.img,if=scsi", "storage", None, {"file": "x.img", "if": "scsi"}),
        ("pci_add auto storage file=a,,b.img,if=virtio,boot=on", "storage", None,
         {"file": "a,b.img", "if": "virtio", "boot": "on"}),
        ('pci_add auto storage "file=my disk.img,if=scsi"', "storage", None, {"file": "my disk.img", "if": "scsi"}),
        ("pci_add auto host host=01:00.0", "host", None, {"host": "01:00.0"}),
        ("pci_add auto frob x=1", "frob", None, {"x": "1"}),
    ],
)  # fmt: skip
def test_pci_add(text, kind, place, given):
    command = read(text).command
    assert (command.name, command.subject, command.place) == ("pci_add", kind, place)
    assert options(read(text)) == given


@pytest.mark.parametrize(
    "text, place",
    [("pci_del 4", Place(0, 0, 4)), ("pci_del pci_addr=0:10", Place(0, 0, 16)), ("pci_del 0:1:1f", Place(0, 1, 31))],
)
def test_pci_del(text, place):
    assert read(text).command.place == place


def test_drive_add_reads_the_address_for_scsi_alone():
    assert read("drive_add 0:4 file=x,if=scsi").command.place == Place(0, 0, 4)
    assert read("drive_add dummy file=x,if=none,id=d").command.place is None
    assert options(read("-drive file=x,if=none,id=d")) == {"file": "x", "if": "none", "id": "d"}


@pytest.mark.parametrize(
    "reply, place",
    [
        ("OK domain 0, bus 0, slot 4, function 0", Place(0, 0, 4, 0)),
        # Replies count in decimal.
        ("OK domain 0, bus 10, slot 17, function 7", Place(0, 10, 17, 7)),
        ("OK bus 0, slot 5, function 0 (devfn 40)", Place(0, 0, 5, 0)),
        ("OK root bus 0000:00, bus 1, slot 2, function 3", Place(0, 1, 2, 3)),
        ("OK bus 0, unit 1", None),
        ("OK", None),
    ],
)
def test_a_reply(reply, place):
    request = read(reply)
    assert request.command is None
    assert (request.reply.place, request.reply.refused) == (place, False)
    both = read(f"(qemu) pci_add auto nic\r\n{reply}\r\n")
    assert both.command.name == "pci_add"
    assert both.reply.place == place


@pytest.mark.parametrize(
    "reply",
    [
        "invalid type: foo",
        "type ide not a hotpluggable PCI device.",
        "failed to add if=ide",
        "unknown command: 'pci_add'",
        "Error: Bus 'pcie.0' does not support hotplugging",
        "Invalid pci address",
    ],
)
def test_a_refusal(reply):
    request = read(f"pci_add auto nic\n{reply}\n")
    assert request.reply.refused
    assert request.reply.text == reply


# --- the new ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "device_add virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1",
        "device_add driver=virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=03.1",
        "(QEMU) device_add driver=virtio-blk-pci drive=d1 id=x bus=rp0 addr=0x3.1",
        "-device virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1",
        "-device 'virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1'",
        """-device '{"driver": "virtio-blk-pci", "drive": "d1", "id": "x", "bus": "rp0", "addr": "3.1"}'""",
        '{"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", "drive": "d1", "id": "x", "bus": "rp0", '
        '"addr": "3.1"}, "id": 4}',
        '{"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", "drive": "d1", "id": "x", "bus": "rp0", '
        '"addr": 25}}',
        '{"driver": "virtio-blk-pci",\n "drive": "d1",\n "id": "x",\n "bus": "rp0",\n "addr": "3.1"}\n',
        '{"execute": "human-monitor-command", "arguments": {"command-line": '
        '"device_add virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1"}}',
        "virsh qemu-monitor-command vm --hmp 'device_add virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1'",
        "virsh qemu-monitor-command --hmp vm device_add virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1",
        "root@host:~# sudo virsh -c qemu:///system qemu-monitor-command --domain vm --hmp --cmd \\\n"
        '  "device_add virtio-blk-pci,drive=d1,id=x,bus=rp0,addr=3.1"',
        """virsh # qemu-monitor-command vm '{"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", """
        """"drive": "d1", "id": "x", "bus": "rp0", "addr": "3.1"}}'""",
    ],
)
def test_many_spellings_of_one_device(text):
    command = read(text).command
    assert (command.name, command.subject, command.place) == ("device_add", "virtio-blk-pci", Place(0, None, 3, 1))
    given = options(read(text))
    assert {key: given[key] for key in ("drive", "id", "bus")} == {"drive": "d1", "id": "x", "bus": "rp0"}


@pytest.mark.parametrize(
    "text, name, subject",
    [
        ("device_del x", "device_del", "x"),
        ("device_del /machine/peripheral/x", "device_del", "/machine/peripheral/x"),
        ('{"execute": "device_del", "arguments": {"id": "x"}}', "device_del", "x"),
        ("netdev_add user,id=n1", "netdev_add", "user"),
        ("netdev_del n1", "netdev_del", "n1"),
        ("object_add memory-backend-ram,id=m,size=1M", "object_add", "memory-backend-ram"),
        ('{"execute": "object-add", "arguments": {"qom-type": "iothread", "id": "i"}}', "object_add", "iothread"),
        ("-blockdev driver=qcow2,node-name=d,file.driver=file,file.filename=x", "blockdev-add", "qcow2"),
        ('{"execute": "blockdev-del", "arguments": {"node-name": "d"}}', "blockdev-del", "d"),
        ("usb_add disk:x.img", "usb_add", "disk:x.img"),
        ("cpu_set 1 online", "cpu_set", "1 online"),
    ],
)
def test_other_commands(text, name, subject):
    command = read(text).command
    assert (command.name, command.subject) == (name, subject)


def test_members_of_objects_within():
    text = '{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "d", "read-only": true,'
    text += ' "file": {"driver": "file", "filename": "x"}, "size": 4096, "list": [1, "a"]}}'
    assert options(read(text)) == {
        "node-name": "d", "read-only": "on", "file.driver": "file", "file.filename": "x", "size": "4096",
        "list.0": "1", "list.1": "a",
    }  # fmt: skip


def test_what_prepares_a_device_comes_before_it():
    text = "(qemu) drive_add 0 if=none,file=x,id=d1\nOK\n(qemu) device_add virtio-blk-pci,drive=d1\n(qemu) "
    request = read(text)
    assert [command.name for command in request.before] == ["drive_add"]
    assert request.command.name == "device_add"
    assert fault("device_add virtio-blk-pci,drive=d1\ndrive_add 0 if=none,id=d1,file=x").at == 35


def test_a_transcript_of_qmp():
    text = """{"QMP": {"version": {}, "capabilities": []}}
        -> {"execute": "device_add", "arguments": {"driver": "e1000", "id": "x"}}
        <- {"return": {}}
        <- {"event": "DEVICE_DELETED", "data": {}}"""
    request = read(text)
    assert request.command.subject == "e1000"
    assert not request.reply.refused
    text = '{"execute": "device_add", "arguments": {"driver": "e1000"}} {"error": {"class": "X", "desc": "no bus"}}'
    assert read(text).reply.text == "no bus"
    text = '{"return": "OK domain 0, bus 0, slot 4, function 0\\r\\n", "id": 1}'
    assert read(text).reply.place == Place(0, 0, 4, 0)


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, place, allowed",
    [
        ("", "", "a command such as device_add or pci_add"),
        ("info pci", "info pci", "pci_add"),
        ("(qemu) info pci", "info pci", "pci_add"),
        ("pci_add", "", "auto"),
        ("pci_add autor nic", "autor nic", "auto"),
        ("pci_add 20 nic", "20 nic", "[[<domain>:]<bus>:]<slot> in hexadecimal, slot 0 to 1f"),
        ("pci_add 0:0:0:4 nic", "4 nic", "auto"),
        ("pci_add 0:100:4 nic", "100:4 nic", "auto"),
        ("pci_add 4.0 nic", "4.0 nic", "auto"),
        ("pci_add -1 nic", "-1 nic", "auto"),
        ("pci_add auto", "", "storage"),
        ("pci_add auto nic modle=e1000", "modle=e1000", "model"),
        ("pci_add auto nic model=e1000 vlan=1", "vlan=1", None),
        ("pci_add auto nic model=e1000, vlan=1", "vlan=1", None),
        ("pci_add auto nic model=e1000,model=virtio", "model=virtio", None),
        ("pci_add auto nic file=x.img", "file=x.img", "macaddr"),
        ("pci_add auto storage if=scsi,model=e1000", "model=e1000", "file"),
        ("pci_add auto storage file=x.img", "", "if=virtio"),
        ("pci_add auto storage if=virtio", "", "file=FILE"),
        ("pci_add auto storage file=x,", "", "key=value"),
        ('pci_add auto storage "file=x', '"file=x', None),
        ('pci_add auto storage "file=\\x"', 'x"', r"\\"),
        ("pci_del", "", "[[<domain>:]<bus>:]<slot> in hexadecimal, slot 0 to 1f"),
        ("pci_del auto", "auto", "[[<domain>:]<bus>:]<slot> in hexadecimal, slot 0 to 1f"),
        ("pci_del 4 5", "5", None),
        ("device_add", "", "device_add DRIVER[,key=value]..."),
        ("device_add id=x", "", "driver=DRIVER"),
        ("device_add e1000,addr=20", "20", "slot[.function] in hexadecimal, slot 0 to 1f, function 0 to 7"),
        ("device_add e1000,addr=3.8", "8", "slot[.function] in hexadecimal, slot 0 to 1f, function 0 to 7"),
        ("device_add e1000,id=1x", "1x", None),
        ("device_add e1000,id=a\ndevice_add e1000,id=b", "device_add e1000,id=b", "one device at a time"),
        ("device_del", "", "device_del ID"),
        ("virsh attach-disk vm x.img vdb", "attach-disk vm x.img vdb", None),
        ("virsh qemu-monitor-command vm", "", None),
        ("virsh qemu-monitor-command vm --hmp 'pci_add auto nic foo=1'", "foo=1'", "model"),
        ("virsh qemu-monitor-command vm 'pci_add", "'pci_add", None),
        ('{"execute": "device_add", "arguments": {"driver": "e1000", "addr": "3g"}}', '3g"}}', None),
        ('{"execute": "device_add", "arguments": {"driver": "e1000", "addr": 256}}', None, None),
        ('{"execute": "device_add", "arguments": {"driver": 5}}', None, '"driver": DRIVER'),
        ('{"execute": "query-pci"}', '"query-pci"}', "device_add"),
        ('{"execute": "device_add", "arguments": []}', '"arguments": []}', None),
        ('{"execute": "device_add", "arguments": {"id": "x", "id": "y"}}', '"id": "y"}}', None),
        ('{"execute": device_add}', "device_add}", None),
        ('{"execute"', "", None),
        ("[1]", "[1]", "pci_add"),
        ('{"a": 1}', '{"a": 1}', None),
        ('{"execute": "human-monitor-command", "arguments": {"command-line": "pci_add x nic"}}', 'x nic"}}', "auto"),
        ("OK domain 0, bus 0, slot 32, function 0", "32, function 0", "0 to 31"),
        ("OK domain 0, bus 0, slot 4, function 8", "8", "0 to 7"),
    ],
)  # fmt: skip
def test_the_place_of_a_fault(text, place, allowed):
    """``place``: what stands there and after it; ``allowed``: one of the things that would be."""
    found = fault(text)
    assert found.message
    if place is not None:
        assert text[found.at :] == place
    if allowed is not None:
        assert allowed in found.allowed


def test_what_is_endless_ends():
    assert fault("x" * (LONGEST + 1)).at == LONGEST
    assert "lines" in fault("device_del x\n" * 200).message or "second" in fault("device_del x\n" * 200).message
    assert "deep" in fault("{" + '"a":{' * 9000).message or fault("{" + '"a":{' * 9000).at >= 0
    assert "too many times" in fault("virsh qemu-monitor-command d " * 2000 + "device_del x").message
    assert "200" in fault("device_add e1000," + ",".join(f"k{n}=1" for n in range(300))).message
