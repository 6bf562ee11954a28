"""Cards that do not come up, and requests at a slot that came to nothing: the texts are those of each kernel."""

from __future__ import annotations

import pytest

PORT = "pcieport 0000:00:01.0: pciehp: "
OLD_PORT = "pciehp 0000:00:01.0:pcie004: "
PRESENT = f"{PORT}Slot(1): Card present"


def card(guest, power="0"):
    guest.file("sys/bus/pci/slots/1/adapter", "1\n")
    guest.file("sys/bus/pci/slots/1/power", f"{power}\n")


def port_says(syn, guest, control=0x07E0, status=0):
    """Rewrite the config space of the port above slot 1: its SltCtl and SltSta."""
    path = f"{guest.paths['0000:00:01.0']}/config"
    guest.file(path, syn.bridge(1, slot=(syn.SLOT[0], control, status)))


# --- card.no-link -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        f"{PORT}Slot(1): No link",
        f"{PORT}Slot(1): No device found",
        f"{PORT}Slot(1): Cannot train link: status 0x3883",
        f"{PORT}Failed to check link status",
        f"{OLD_PORT}Link Training Error occurs",
        f"{OLD_PORT}Data Link Layer Link Active not set in 1000 msec",
    ],
)
def test_a_card_whose_link_stays_down(q35, words):
    card(q35)
    q35.log("Linux version 6.1", PRESENT, words)
    finding = q35.check().fires("card.no-link", "warning")
    assert (finding.subject, finding.address, finding.side) == ("slot 1", "0000:00:01.0", "host")
    assert finding.remedy == "echo 1 > /sys/bus/pci/slots/1/power"


def test_the_link_explains_the_missing_function(q35):
    card(q35)
    q35.log("Linux version 6.1", PRESENT, f"{PORT}Slot(1): No link")
    assert q35.check().fires("slot.card-without-function").because == ("card.no-link",)


@pytest.mark.parametrize(
    "after",
    [
        f"{PORT}Slot(1): Link Up",
        f"{PORT}Slot(1): Card not present",
        f"{PORT}Slot(1): Button press: will power on in 5 sec",
    ],
)
def test_the_last_word_on_a_slot_counts(q35, after):
    card(q35)
    q35.log("Linux version 6.1", PRESENT, f"{PORT}Slot(1): No link", after)
    q35.check().silent("card.no-link")


def test_a_link_that_failed_in_another_slot(q35):
    card(q35)
    q35.log("Linux version 6.1", "pcieport 0000:00:02.0: pciehp: Slot(2): No link")
    q35.check().silent("card.no-link")


def test_a_card_that_came_up_after_all(q35):
    card(q35)
    q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    q35.log("Linux version 6.1", PRESENT, f"{PORT}Slot(1): No link")
    q35.check().silent("card.no-link")


# --- card.power-fault -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["Slot(1): Power fault", "Power fault on slot 1", "Failed to power on slot 1"])
def test_a_slot_without_power(q35, words):
    card(q35)
    q35.log("Linux version 6.1", f"{PORT}{words}")
    assert q35.check().fires("card.power-fault", "warning").subject == "slot 1"


def test_a_power_fault_that_only_the_port_remembers(q35, syn):
    port_says(syn, q35, status=0x0002)
    finding = q35.check().fires("card.power-fault", "warning")
    assert [item.value for item in finding.evidence] == ["SltSta PowerFlt+"]


def test_no_power_fault(q35):
    q35.check().silent("card.power-fault")


def test_a_fault_of_before(q35, syn):
    card(q35, power="1")
    q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    port_says(syn, q35, status=0x0002)
    q35.check().silent("card.power-fault")


# --- card.latch-open --------------------------------------------------------------------------------------------------


def test_an_open_latch_with_a_card(q35):
    card(q35)
    q35.file("sys/bus/pci/slots/1/latch", "1\n")
    q35.check().fires("card.latch-open", "warning")


def test_an_open_latch_of_an_empty_slot(q35):
    q35.file("sys/bus/pci/slots/1/latch", "1\n")
    q35.check().silent("card.latch-open")


def test_the_latch_of_acpiphp_is_none(pc):
    pc.file("sys/bus/pci/slots/3/latch", "1\n")
    pc.file("sys/bus/pci/slots/3/adapter", "1\n")
    pc.check().silent("card.latch-open")


def test_a_card_whose_request_was_taken_back(syn, q35):
    """The host added the device, and pressed the button twice: the card is in, and nobody switches it on."""
    card(q35)
    q35.log("Linux version 6.1", f"{PORT}Slot(1): Button press: canceling request to power on")
    said = q35.check()
    assert said.fires("card.request-canceled", "warning").subject == "slot 1"
    assert said.fires("slot.card-without-function").because == ("card.request-canceled",)
    assert syn.board(q35).check().of("card.request-canceled")[0].severity == "info"


# --- card.request-canceled, card.request-pending ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "Slot(1): Button cancel",
        "Slot(1): Action canceled due to button press",
        "Slot(1): Button press: canceling request to power off",
        "Button cancel on Slot(1)",
    ],
)
def test_a_request_that_was_taken_back(q35, words):
    q35.log("Linux version 6.1", f"{PORT}{words}")
    said = q35.check()
    assert said.fires("card.request-canceled", "info").subject == "slot 1"
    assert said.verdict == "ready"


def test_a_request_that_was_made_again(q35):
    q35.log(
        "Linux version 6.1",
        f"{PORT}Slot(1): Action canceled due to button press",
        f"{PORT}Slot(1): Powering off due to button press",
    )
    q35.check().silent("card.request-canceled")


def test_a_slot_that_blinks_with_a_card(q35, syn):
    card(q35, power="1")
    port_says(syn, q35, control=0x02E0, status=0x0040)
    finding = q35.check().fires("card.request-pending", "info")
    assert "under way" in finding.summary


def test_a_slot_that_blinks_empty(q35, syn):
    port_says(syn, q35, control=0x02E0)
    assert "no card" in q35.check().fires("card.request-pending", "info").summary


def test_no_slot_blinks(q35):
    q35.check().silent("card.request-pending")


# --- card.stale-device ------------------------------------------------------------------------------------------------


STALE = "Device 0000:01:00.0 already exists at 0000:01:00, {} hot-add"


@pytest.mark.parametrize("word", ["skipping", "cannot"])
def test_an_old_device_in_the_way(q35, word):
    q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    q35.log("Linux version 6.1", PORT + STALE.format(word))
    finding = q35.check().fires("card.stale-device", "warning")
    assert finding.remedy == (
        "echo 1 > /sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/remove && echo 1 > /sys/bus/pci/rescan"
    )


@pytest.mark.parametrize("there", [True, False])
def test_an_old_device_that_went_or_was_found_anew(q35, there):
    lines = ["Linux version 6.1", PORT + STALE.format("skipping")]
    if there:
        q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
        lines.append("pci 0000:01:00.0: [1af4:1041] type 00 class 0x020000")
    q35.log(*lines)
    q35.check().silent("card.stale-device")


# --- card.eject-failed ------------------------------------------------------------------------------------------------


def test_firmware_refuses_to_eject(pc):
    pc.log("Linux version 6.1", "ACPI: \\_SB_.PCI0.S18_: _EJ0 failed")
    pc.check().fires("card.eject-failed", "warning")


def test_nothing_was_refused(pc):
    pc.check().silent("card.eject-failed")


# --- what is normal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "Slot #1 AttnBtn+ PwrCtrl+ MRL- AttnInd+ PwrInd+ HotPlug+ Surprise- Interlock- NoCompl- LLActRep+",
        "Timeout on hotplug command 0x1038 (issued 65284 msec ago)",
        "Slot(1): Link Down/Up ignored (recovered by DPC)",
        "Slot(1): Attention button pressed",
        "Slot(1): Link Up",
    ],
)
def test_lines_that_mean_no_harm(q35, words):
    q35.log("Linux version 6.1", f"{PORT}{words}", "acpiphp_glue: Slot 1 already registered by another hotplug driver")
    said = q35.check()
    assert [fault for fault in said.faults if fault.startswith("card.")] == []
    assert said.verdict == "ready"
