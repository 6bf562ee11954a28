"""Functions that are there and do not answer."""

from __future__ import annotations

import json

import pytest

from hotplugctl.model.resource import ResourceLine
from hotplugctl.rules import catalogue
from hotplugctl.rules.answer import answer


def test_it_answers(pc):
    pc.function("0000:00:03.0", driver="virtio-pci")
    pc.check().silent("function.gone")


@pytest.mark.parametrize("driver, severity", [(None, "warning"), ("virtio-pci", "error")])
def test_gone(pc, driver, severity):
    pc.function("0000:00:03.0", driver=driver, config=b"\xff" * 256)
    finding = pc.check().fires("function.gone", severity)
    assert finding.address == "0000:00:03.0"
    # To remove what a driver still holds may hang for ever.
    assert finding.remedy == (None if driver else "echo 1 > /sys/devices/pci0000:00/0000:00:03.0/remove")


def test_an_empty_config_says_nothing(pc):
    pc.function("0000:00:03.0", driver="virtio-pci", config=b"")
    said = pc.check()
    said.silent("function.gone")
    assert not [f for f in said.findings if f.status == "crashed"]


def test_enabled(pc):
    pc.function("0000:00:03.0", driver="e1000")
    pc.check().silent("function.never-enabled")


@pytest.mark.parametrize(
    "driver, class_", [(None, "020000"), ("vfio-pci", "020000"), ("bochs-drm", "030000"), ("pcieport", "060400")]
)
def test_what_need_not_be_enabled(pc, driver, class_):
    pc.function("0000:00:03.0", driver=driver, class_=class_, enable="0")
    pc.check().silent("function.never-enabled")


def test_never_enabled(pc):
    pc.function("0000:00:03.0", driver="e1000", enable="0")
    said = pc.check()
    assert said.fires("function.never-enabled", "warning").address == "0000:00:03.0"
    assert said.verdict == "limited"


def disk(pc):
    path = pc.function("0000:00:03.0", device="1001", class_="010000", driver="virtio-pci")
    block = f"{path}/virtio1/block/vdb"
    pc.file(f"{block}/serial", "DISK-2")
    pc.link("sys/class/block/vdb", f"../../devices/{block[12:]}")
    return block


def test_a_disk_that_answers(pc):
    disk(pc)
    pc.check().silent("function.read-hung")


def test_a_disk_that_does_not(syn, pc, tmp_path):
    """A recording replays a read that hung: its manifest says so."""
    from hotplugctl.collect import snapshot
    from hotplugctl.source.recorder import Recorder
    from hotplugctl.source.recording import about, write

    block = disk(pc)
    recorder = Recorder(pc.tree())
    snapshot.collect(recorder)
    write(recorder.notes.holdings(), {"": about(recorder)}, str(tmp_path / "recording"))
    manifest = tmp_path / "recording/manifest.json"
    noted = json.loads(manifest.read_text())
    noted["files"].pop(f"/{block}/serial")
    (tmp_path / f"recording/{block}/serial").unlink()
    noted["failed"][f"/{block}/serial"] = {"outcome": "hung", "seconds": 2.0}
    manifest.write_text(json.dumps(noted))
    finding = syn.check(tmp_path / "recording").fires("function.read-hung", "warning")
    assert (finding.subject, finding.address) == ("vdb", "0000:00:03.0")
    assert "serial" in finding.evidence[0].source


def test_why_it_hangs_is_said_where_it_shows(syn, pc):
    """By the BAR's place; else nothing tells."""
    disk(pc)
    snapshot = pc.check().snapshot
    ((address, (node,)),) = snapshot.nodes.items()
    hung = {address: (node._replace(hung=("serial",), unknown={"serial": "serial: the read hung"}),)}
    snapshot = snapshot._replace(nodes=hung)

    def said(detail):
        details = {**snapshot.details, address: detail}
        found = answer(snapshot._replace(details=details), catalogue.select()).report.findings
        return {one.id: one for one in found if one.status == "fail"}

    detail = snapshot.details[address]
    assert "nothing in here tells which" in said(detail)["function.read-hung"].detail
    over = (ResourceLine(0, 0xFEE0_1000, 0xFEE0_1FFF, 0x40200),)
    found = said(detail._replace(resources=over))["function.read-hung"]
    assert "interrupts never arrive" in found.detail
    assert found.because == ("bar.over-interrupts",)


def test_recorded(recorded):
    said = recorded("pc-bridge-shpc", "after")
    assert {f.address for f in said.of("function.gone")} == {"0000:01:03.0", "0000:01:04.0"}
    # Nobody serves its bus, so that nobody heard of its removal.
    assert said.fires("function.gone").because == ("bus.unserved",)
    assert "function.gone" not in said.fires("bus.unserved").because
    recorded("pc-bridge-shpc", "rescanned").silent("function.gone")
    # Enabled 0, and nobody is bound: that is another matter.
    recorded("q35-rootport-acpi@cloud", "added").silent("function.never-enabled")


@pytest.mark.parametrize("driver, fires", [("vfio-pci", True), ("uio_pci_generic", True), ("nvme", False)])
def test_a_function_that_a_program_has(pc, driver, fires):
    pc.function("0000:00:03.0", "1b36", "0010", "010802", driver)
    said = pc.check()
    if fires:
        assert said.fires("function.kept-for-userspace", "info").address == "0000:00:03.0"
        assert said.verdict == "ready"
    else:
        said.silent("function.kept-for-userspace")


@pytest.mark.parametrize(
    "words", ["not enough MMIO resources for SR-IOV", "can't enable 8 VFs (bus 05 out of range of [bus 04])"]
)
def test_virtual_functions_without_room(pc, words):
    pc.function("0000:00:03.0", "8086", "10fb", "020000", "ixgbe")
    pc.log("Linux version 6.1", f"ixgbe 0000:00:03.0: {words}")
    assert pc.check().fires("function.sriov-failed", "warning").address == "0000:00:03.0"


def test_virtual_functions_of_the_card_that_was_there_before(pc):
    pc.function("0000:00:03.0", "8086", "10fb", "020000", "ixgbe")
    words = "ixgbe 0000:00:03.0: not enough MMIO resources for SR-IOV"
    pc.log("Linux version 6.1", words, "pci 0000:00:03.0: [8086:10fb] type 00 class 0x020000")
    pc.check().silent("function.sriov-failed")


def test_virtual_functions_of_one_that_went(pc):
    pc.log("Linux version 6.1", "ixgbe 0000:00:03.0: not enough MMIO resources for SR-IOV")
    pc.check().silent("function.sriov-failed")
