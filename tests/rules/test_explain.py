"""The parts of ``explain`` that no recording asks for: lines of several lives, findings of others, foretelling."""

from __future__ import annotations

import pytest

from hotplugctl.model.log import Head, LogLine
from hotplugctl.model.report import Finding
from hotplugctl.model.target import Target
from hotplugctl.parse import kernel_events
from hotplugctl.rules.explain import concern, page, place, said
from hotplugctl.rules.explain.said import Keeper, Wanted

ADDRESS = "0000:01:00.0"
WANTED = Wanted(ADDRESS, "1", ("0000:00:02.0",), ("virtio1", "vdb", "vdb1"))
FOUND = f"pci {ADDRESS}: [1af4:1042] type 00 class 0x010000"
PRESSED = "pcieport 0000:00:02.0: pciehp: Slot(1): Attention button pressed"
GOING = "pcieport 0000:00:02.0: pciehp: Slot(1): Powering off due to button press"
DISK = "virtio_blk virtio1: [vdb] 65536 512-byte logical blocks (33.6 MB/32.0 MiB)"


def keep(*texts, wanted=WANTED, facility=None):
    keeper = Keeper(wanted)
    for at, text in enumerate(texts):
        keeper.take(line(text, float(at), facility))
    return keeper.log("/dev/kmsg", ())


def line(text, at, facility=None):
    head, message = Head.split(text)
    event = kernel_events.event_of(message, head)
    return LogLine(at, None, "info", facility, None, head.prefix, head.address, message, event)


def lives(log):
    return [(one.life, one.text.rpartition(": ")[2][:12]) for one in log.lines]


# The kernel's own lines.


def test_a_life_begins_with_the_button():
    log = keep(PRESSED, FOUND, DISK, GOING, PRESSED, FOUND, DISK)
    assert [one.life for one in log.lines] == [0, 0, 0, 1, 1, 1]
    assert [one.at for one in log.lines if one.life == 0] == [4.0, 5.0, 6.0]
    # What was called vdb in a former life may be another device's name now.
    assert [one.at for one in log.lines if one.life == 1] == [0.0, 1.0, 3.0]


def test_a_button_of_long_ago_is_no_announcement():
    keeper = Keeper(WANTED)
    keeper.take(line(PRESSED, 10.0))
    keeper.take(line(FOUND, 500.0))
    assert [one.life for one in keeper.log("x", ()).lines] == [0, None]


def test_lines_of_others_are_left_out():
    log = keep(
        "pci 0000:02:00.0: [1af4:1042] type 00 class 0x010000", FOUND.replace("0000:01", "0001:01"),
        "virtio_blk virtio11: [vdc] 1 512-byte logical blocks", "EXT4-fs (vdb12): mounted", "sd 0:0:0:0: [vdbx]",
        "pcieport 0000:00:03.0: pciehp: Slot(1): Attention button pressed",
        "pcieport 0000:00:02.0: pciehp: Slot(11): Link Up",
    )  # fmt: skip
    assert log.lines == ()


@pytest.mark.parametrize(
    "text",
    ["EXT4-fs (vdb1): mounted filesystem", "Buffer I/O error on dev vdb, logical block 1", " vdb: vdb1 vdb2", DISK],
)
def test_lines_about_its_nodes(text):
    assert len(keep(FOUND, text).lines) == 2


def test_what_a_process_wrote_is_not_the_kernels_word():
    assert keep(FOUND, facility="user").lines == ()
    assert len(keep(FOUND, facility="kern").lines) == 1


def test_a_log_without_the_line_of_its_finding_is_one_life():
    log = keep(f"virtio-pci {ADDRESS}: enabling device (0000 -> 0002)", DISK)
    assert [one.life for one in log.lines] == [0, 0]
    assert log.marks["enabled"].at == 0.0 and not log.whole


def test_the_boot_makes_it_whole():
    assert keep("Linux version 6.1.0 (gcc)", FOUND).whole


def test_the_latest_life_is_shown_whole_and_a_long_one_at_both_ends():
    many = [FOUND, *[f"virtio-pci {ADDRESS}: line {number}" for number in range(200)]]
    log = keep(PRESSED, *many, FOUND)
    assert len(log.lines) == said.LINES_SHOWN
    assert log.lines[0].life == 0 and log.left_out == 203 - said.LINES_SHOWN
    assert log.lines[-1].text.endswith("line 199")
    assert any(one.text.endswith("line 1") for one in log.lines)


def test_a_flood_is_kept_within_bounds():
    log = keep(FOUND, *[f"virtio-pci {ADDRESS}: line {number}" for number in range(5000)])
    assert len(log.lines) + log.left_out == 5001
    assert log.lines[-1].text.endswith("line 4999")


def test_a_line_without_end_is_cut():
    (one,) = keep(f"virtio-pci {ADDRESS}: " + "x" * 100_000).lines
    assert len(one.text) < 300 and one.text.endswith("...")


# Findings.


def finding(identifier, address=None, subject=None, status="fail", severity="warning", because=()):
    return Finding(identifier, status, severity, subject, address, identifier, because=because)


NAMES = concern.Names(frozenset([ADDRESS]), frozenset(["virtio1", "slot 1"]))


def chosen(*findings, scope=concern.OWN):
    return [(one.id, one.address) for one in concern.concerning(findings, NAMES, scope)]


def test_its_own_findings_in_the_order_of_the_report():
    assert chosen(
        finding("bar.unassigned", ADDRESS), finding("driver.not-bound", ADDRESS),
        finding("bar.unassigned", "0000:02:00.0"),
        finding("virtio.child-unbound", ADDRESS, "virtio1"), finding("virtio.child-unbound", "0000:02:00.0", "virtio2"),
    ) == [("bar.unassigned", ADDRESS), ("driver.not-bound", ADDRESS), ("virtio.child-unbound", ADDRESS)]  # fmt: skip


def test_what_explains_them_comes_along():
    assert chosen(
        finding("driver.autoprobe-off", None, "pci"),
        finding("driver.not-bound", ADDRESS, because=("driver.autoprobe-off", "bar.unassigned")),
        finding("bar.unassigned", "0000:02:00.0"),
    ) == [("driver.autoprobe-off", None), ("driver.not-bound", ADDRESS)]


def test_mere_notes_come_last_and_passes_not_at_all():
    assert chosen(
        finding("bar.unassigned", ADDRESS, severity="info"), finding("function.gone", ADDRESS),
        finding("bar.unassigned", ADDRESS, status="pass"),
    ) == [("function.gone", ADDRESS), ("bar.unassigned", ADDRESS)]  # fmt: skip


@pytest.mark.parametrize("scope, there", [(concern.OWN, False), (concern.STALLED, True), (concern.PLACE, True)])
def test_what_holds_up_every_device(scope, there):
    assert bool(chosen(finding("log.hotplug-oops", None, "shpc_init"), scope=scope)) is there


@pytest.mark.parametrize("scope, there", [(concern.OWN, False), (concern.STALLED, False), (concern.PLACE, True)])
def test_what_keeps_devices_out(scope, there):
    assert bool(chosen(finding("kernel.mechanism-disabled", None, "acpiphp"), scope=scope)) is there


def test_a_crash_is_never_silent():
    assert chosen(finding("udev.x", status="crashed"))


# Places.


def slot_of(snapshot, name):
    return next(one for one in snapshot.slots.items if one.name == name)


def foretold(guest, name, **more):
    told = guest.check()
    return place.prospect(told.snapshot, told.headroom, slot_of(told.snapshot, name), told.findings)


def test_a_port_without_windows_foretells_the_bar_failure(q35, syn):
    """What a boot without firmware leaves: the windows of the empty port are closed."""
    port = next(path for path in q35.paths if path != "0000:00:00.0")
    q35.file(f"{q35.paths[port]}/config", syn.bridge(1, mem=None, pref=None, io=None, slot=syn.SLOT))
    found = foretold(q35, "1")
    assert found.comes is False
    assert any("no room for memory" in note and "-5" in note for note in found.notes)


def test_a_sound_port(q35):
    found = foretold(q35, "1")
    assert (found.comes, found.mechanism) == (True, "pciehp")
    assert not any("no room for memory" in note for note in found.notes)


def test_a_crashed_kernel_takes_nothing(q35):
    q35.log("Linux version 6.1.0-syn", "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "Oops: 0002 [#1] PREEMPT SMP", "RIP: 0010:shpc_init+0x1/0x2")  # fmt: skip
    found = foretold(q35, "1")
    assert found.comes is False and "reboot" in found.notes[0]


def test_autoprobe_is_told(pc):
    pc.file("sys/bus/virtio/drivers_autoprobe", "0\n")
    assert any("virtio bus is off" in note for note in foretold(pc, "3").notes)
    pc.file("sys/bus/virtio/drivers_autoprobe", "1\n")
    assert not any("autoprobe" in note for note in foretold(pc, "3").notes)


@pytest.mark.parametrize(
    "text, name",
    [
        ("vdb", "vdb"),
        ("/dev/vdb1", "vdb1"),
        ("node:vdb", "vdb"),
        ("net:ens4", "ens4"),
        ("4", None),
        ("ab", None),
        ("123", None),
    ],
)
def test_which_names_are_looked_for_in_the_log(text, name):
    kind = text.partition(":")[0] if ":" in text else None
    assert place.node_name(Target(text, kind, None, None, None, (), ())) == name


def test_an_address_is_no_name():
    assert place.node_name(Target("01:00.0", "address", ADDRESS, None, None, (), ())) is None
    assert place.node_name(Target("slot:four", "slot", None, "four", None, (), ())) is None


# Pages.


def test_a_page_names_its_source_apart():
    found = page.page("bar.unassigned")
    assert found is not None and found.source is not None
    assert "Source:" not in found.text and found.source.startswith("drivers/pci/")


def test_no_such_page():
    assert page.page("bar.nonsense") is None
    assert (
        page.looks_like_one("bar.nonsense") and not page.looks_like_one("eth0.100") and not page.looks_like_one("vdb")
    )
    assert "bar.unassigned" in page.near("bar.nonsense")
