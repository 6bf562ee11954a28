"""Slots: full, stuck, named by firmware alone."""

from __future__ import annotations

import pytest


def fill(guest, name, address):
    guest.file(f"sys/bus/pci/slots/{name}/adapter", "1\n")
    guest.function(address, driver="virtio-pci")


def test_a_slot_is_free(pc):
    fill(pc, "3", "0000:00:03.0")
    pc.check().silent("slot.none-free")


def test_none_is_free(pc):
    fill(pc, "3", "0000:00:03.0")
    fill(pc, "4", "0000:00:04.0")
    said = pc.check()
    assert said.fires("slot.none-free", "warning").side == "host"
    assert said.verdict == "limited"


def test_a_board_has_slots_that_are_full_all_their_life(syn, pc):
    """A laptop's disk, soldered to a port that is hot-plug capable; there is no host that could add a port."""
    syn.board(pc)
    fill(pc, "3", "0000:00:03.0")
    pc.check().silent("slot.last-free")
    fill(pc, "4", "0000:00:04.0")
    said = pc.check()
    assert said.fires("slot.none-free", "info").detail is None
    assert said.faults == []


def test_one_slot_is_left(pc):
    pc.check().silent("slot.last-free")
    fill(pc, "3", "0000:00:03.0")
    said = pc.check()
    finding = said.fires("slot.last-free", "info")
    assert (finding.subject, finding.side, said.verdict) == ("slot 4", "host", "ready")
    fill(pc, "4", "0000:00:04.0")
    pc.check().silent("slot.last-free")


def test_the_only_slot_is_no_last_one(pc):
    pc.remove("sys/bus/pci/slots/4")
    assert len([slot for slot in pc.check().snapshot.slots.items if slot.hotplug]) == 1
    pc.check().silent("slot.last-free")


def test_one_that_cannot_be_read_may_be_free_too(pc):
    fill(pc, "3", "0000:00:03.0")
    pc.slot("5", "0000:00:05", "acpiphp", power="0", adapter="perhaps", latch="0")
    pc.check().silent("slot.last-free")


def test_no_slot_is_not_a_full_one(syn, guest):
    syn.bare(guest).check().silent("slot.none-free")


def test_an_occupied_slot_needs_no_adapter(pc):
    """acpiphp's ``adapter`` lags behind: a function that answers there is a card."""
    fill(pc, "3", "0000:00:03.0")
    pc.function("0000:00:04.0", driver="virtio-pci")
    pc.check().fires("slot.none-free")


def test_a_card_with_its_function(pc):
    fill(pc, "3", "0000:00:03.0")
    pc.check().silent("slot.card-without-function")


@pytest.mark.parametrize(
    "power, remedy", [("0", "echo 1 > /sys/bus/pci/slots/1/power"), ("1", "echo 1 > /sys/bus/pci/rescan")]
)
def test_a_card_without_function(q35, power, remedy):
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    q35.file("sys/bus/pci/slots/1/power", power + "\n")
    finding = q35.check().fires("slot.card-without-function", "warning")
    assert (finding.subject, finding.remedy) == ("slot 1", remedy)


def test_the_functions_of_a_port_may_have_any_device_number(q35):
    """With ARI the functions of one card bear device numbers other than 0; and function 0 may be missing."""
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    q35.function("0000:01:02.3", driver="ixgbevf", below="0000:00:01.0")
    said = q35.check()
    said.silent("slot.card-without-function")
    assert said.snapshot.slots.items[0].functions == ("0000:01:02.3",)


def test_a_name_that_a_shell_would_run(q35):
    q35.slot("1; reboot", "0000:01:00", power="0", adapter="1", attention="0")
    q35.remove("sys/bus/pci/slots/1")
    finding = q35.check().fires("slot.card-without-function")
    assert finding.remedy == "echo 1 > '/sys/bus/pci/slots/1; reboot/power'"


def test_slots_that_firmware_names(pc):
    pc.check().silent("slot.firmware-only")
    pc.slot("9", "0000:00:09")
    said = pc.check()
    assert "1 slots" in said.fires("slot.firmware-only", "info").summary
    assert (said.verdict, said.headroom.slots) == ("ready", 2)


def test_a_slot_that_cannot_be_read_is_not_called_firmwares(pc):
    pc.slot("9", "0000:00:09", adapter="0")
    pc.folder("sys/bus/pci/slots/9/power")
    pc.check().silent("slot.firmware-only")


@pytest.mark.parametrize(
    "address, name", [("0000:00", "x"), ("10000:e1:00", "e-1"), ("0000:00:05", "3-2"), ("rubbish", "?")]
)
def test_addresses_of_all_kinds(pc, address, name):
    """A placeholder without device number, a domain of five digits, a repeated name, and nonsense."""
    pc.slot(name, address, "acpiphp", power="255", adapter="0", latch="0")
    said = pc.check()
    (slot,) = [slot for slot in said.snapshot.slots.items if slot.name == name]
    assert slot.address == (None if address == "rubbish" else address)
    assert ("address" in slot.unknown) == (address == "rubbish")
    assert slot.power == 255
    assert not [f for f in said.findings if f.status == "crashed"]


def test_recorded(recorded):
    recorded("q35-rootport-acpi", "added").fires("slot.none-free")
    recorded("q35-rootport-acpi", "before").silent("slot.none-free")
    recorded("pc-acpiphp-disable", "before").fires("slot.firmware-only")
    recorded("q35-guest-eject-native", "powered-off").silent("slot.card-without-function")


def test_no_remedy_that_would_hang(q35):
    """After a crash under the lock of every scan, whoever writes to ``rescan`` can never be killed again."""
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    assert q35.check().fires("slot.card-without-function").remedy
    q35.log("Oops: 0000 [#1] PREEMPT SMP PTI", "RIP: 0010:shpc_init+0x3c8/0x5a0 [shpchp]")
    said = q35.check()
    assert said.fires("slot.card-without-function").remedy is None
    assert said.fires("log.hotplug-oops").remedy == "reboot"
