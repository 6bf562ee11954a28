"""Any text is a request or a fault with a place in it; and what is asked for is answered, in JSON and in text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import hotplugctl as package
from hotplugctl.model.devices import Functions, PciFunction, Slots
from hotplugctl.model.monitor import Fault, Place, View
from hotplugctl.parse.monitor_command import parse
from hotplugctl.render import document_expect, expect_text, jsontext
from hotplugctl.render.escape import is_printable
from hotplugctl.rules import expectation

SCHEMA = Draft202012Validator(
    json.loads((Path(package.__file__).parent / "schemas/expect.schema.json").read_text(encoding="utf-8"))
)
WORDS = (
    "pci_add", "pci_del", "device_add", "device_del", "drive_add", "netdev_add", "blockdev-add", "auto",
    "pci_addr=auto", "nic", "storage", "host", "0:4", "1f", "20", "model=e1000", "model=ne2k_isa", "file=x.img,if=scsi",
    "if=ide,file=y",
    "file=,if=virtio", "virtio-blk-pci,drive=d", "e1000,addr=3.1,bus=pcie.0", "scsi-hd,scsi-id=3", "x,id=a",
    "usb_add",
    "virsh", "qemu-monitor-command", "vm", "--hmp", "(qemu)", "\n", "OK", "OK domain 0, bus 0, slot 4, function 0",
    '{"execute": "device_add", "arguments": {"driver": "nvme", "serial": "s"}}', '"', "'", "\\", ",", "=", "{", "}",
    "\x1b[31m", "\u202e", "\udcff", "\0",
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))
HEX4 = st.text("0123456789abcdef", min_size=4, max_size=4)
FUNCTIONS = st.builds(
    lambda bus, device, number, vendor, model, class_: PciFunction(
        f"0000:{bus:02x}:{device:02x}.{number}", "", class_, vendor, model, None, None, None, None, None, None, None, {}
    ),
    st.integers(0, 2), st.integers(0, 31), st.integers(0, 7), st.sampled_from((None, "1af4", "8086")),
    st.sampled_from((None, "1001", "1042", "100e")), st.sampled_from((None, "0100", "010000", "020000")),
)  # fmt: skip
VIEWS = st.lists(FUNCTIONS, max_size=5, unique_by=lambda one: one.address).map(
    lambda items: View(Functions(tuple(items), None), {}, None, Slots((), None), {"0000:00": None}, {}, frozenset())
)


@given(TEXTS)
def test_total(text):
    found = parse(text)
    if isinstance(found, Fault):
        assert 0 <= found.at <= len(text)
        lines = expect_text.fault(text, found).split("\n")
        assert all(is_printable(line) for line in lines)
        assert lines[2].strip() == "^"


@given(TEXTS, VIEWS, VIEWS)
def test_every_request_has_an_answer(text, before, after):
    request = parse(text)
    if isinstance(request, Fault):
        return
    for view in (None, before):
        expected = expectation.expectation(request, view)
        for sighting in (expectation.now(expected, view), expectation.between(expected, before, after)):
            record = json.loads(jsontext.dumps(document_expect.expect(expected, sighting, None)))
            assert not list(SCHEMA.iter_errors(record))
            shown = expect_text.expect(expected, sighting, color=False)
            assert all(is_printable(line) for line in shown.split("\n"))
            if sighting.seen and sighting.address is not None:
                known = after if sighting == expectation.between(expected, before, after) else before
                here = {function.address for function in known.functions.items}
                assert (sighting.address in here) == (expected.action == "add")


@given(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1))
def test_a_file_name_survives_its_spelling_of_today(name):
    """What is printed to be pasted is read back as the same name, or not printed."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace(",", ",,")
    request = parse(f'pci_add auto storage "if=scsi,file={quoted}"')
    if isinstance(request, Fault):
        assert "\n" in name or "\r" in name
        return
    assert request.command.get("file") == name
    today = expectation.expectation(request, None).today
    assert bool(today) == name.isprintable()
    if today:
        again = parse(today[0])
        assert again.command.get("file") == name


@given(st.integers(0, 0xFF), st.integers(0, 31))
def test_an_address_is_read_as_it_is_written(bus, device):
    found = parse(f"pci_del {bus:x}:{device:x}")
    assert found.command.place == Place(0, bus, device)


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "pci_add auto nic " + "a," * 500_000, "{" * 1_000_000, "\n" * 1_000_000]
)
def test_a_megabyte_is_refused(text):
    assert isinstance(parse(text), Fault)
