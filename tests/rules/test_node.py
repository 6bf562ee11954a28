"""What should come of a function after its driver took it, and did not: the texts are those of each kernel."""

from __future__ import annotations

import pytest

NVME = "0000:00:03.0"
FOUND = f"nvme nvme1: pci function {NVME}"


def controller(guest, driver=None):
    guest.function(NVME, "1b36", "0010", "010802", driver)


# --- node.nvme-failed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "Removing after probe failure status: -19",
        "Removing after probe failure status: 0",
        "failed to mark controller live",
        "Device not ready; aborting initialisation, CSTS=0x0",
        "probe failed",
    ],
)
def test_a_controller_that_was_given_up(pc, words):
    controller(pc)
    pc.log("Linux version 6.1", FOUND, f"nvme nvme1: {words}", f"nvme: probe of {NVME} failed with error -19")
    finding = pc.check().fires("node.nvme-failed", "warning")
    assert (finding.address, finding.remedy) == (NVME, f"echo {NVME} > /sys/bus/pci/drivers_probe")


def test_the_controller_explains_the_missing_driver(pc):
    controller(pc)
    pc.installed("drivers/nvme/host/nvme.ko", aliases="alias pci:v*d*sv*sd*bc01sc08i02* nvme\n")
    pc.log("Linux version 6.1", FOUND, "nvme nvme1: Removing after probe failure status: -19")
    assert pc.check().fires("driver.not-bound").because == ("node.nvme-failed",)


@pytest.mark.parametrize(
    "after", ["nvme nvme1: 2/0/0 default/read/poll queues", f"pci {NVME}: [1b36:0010] type 00 class 0x010802"]
)
def test_a_controller_that_came_up_later(pc, after):
    controller(pc, "nvme")
    pc.log("Linux version 6.1", FOUND, "nvme nvme1: Removing after probe failure status: 0", after)
    pc.check().silent("node.nvme-failed")


def test_a_controller_that_went(pc):
    pc.log("Linux version 6.1", FOUND, "nvme nvme1: Removing after probe failure status: 0")
    pc.check().silent("node.nvme-failed")


# --- node.nvme-timeouts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, why",
    [
        ("I/O 22 QID 0 timeout, completion polled", "interrupts are lost"),
        ("I/O tag 128 (1080) QID 2 timeout, aborting", "the host does not answer"),
        # Since 6.8 (drivers/nvme/host/pci.c).
        ("I/O tag 70 (e046) opcode 0x2 (I/O Cmd) QID 6 timeout, aborting req_op:READ(0) size:4096", "host does not"),
    ],
)
def test_commands_that_time_out(pc, words, why):
    controller(pc, "nvme")
    pc.log("Linux version 6.1", FOUND, f"nvme nvme1: {words}")
    assert why in pc.check().fires("node.nvme-timeouts", "warning").summary


def test_commands_that_do_not(pc):
    controller(pc, "nvme")
    pc.log("Linux version 6.1", FOUND, "nvme nvme1: 2/0/0 default/read/poll queues")
    pc.check().silent("node.nvme-timeouts")


# --- SCSI -------------------------------------------------------------------------------------------------------------


def test_a_controller_that_tells_of_no_disk(pc):
    pc.function(NVME, "1000", "0012", "010000", "sym53c8xx")
    said = pc.check()
    finding = said.fires("node.scsi-scan-needed", "info")
    path = f"/sys/devices/pci0000:00/{NVME}"
    assert finding.remedy == f'for scan in {path}/host*/scsi_host/*/scan; do echo "- - -" > "$scan"; done'
    assert said.verdict == "ready"


def test_a_controller_that_tells(pc):
    pc.function(NVME, "1af4", "1004", "010000", "virtio-pci")
    pc.check().silent("node.scsi-scan-needed")


def virtio_disk(guest, address, host="virtio0"):
    path = f"{guest.paths[address]}/{host}/block/vda"
    guest.file(f"{path}/serial", "root\n")
    guest.link("sys/class/block/vda", f"../../{path[4:]}")


@pytest.mark.parametrize("release, fires", [("6.5.0-14", True), ("6.6.1", True), ("6.1.0", False), ("6.50.1", False)])
def test_kernels_that_lose_disks(pc, release, fires):
    pc.kernel(release=release)
    pc.function("0000:00:04.0", "1af4", "1001", "010000", "virtio-pci")
    virtio_disk(pc, "0000:00:04.0")
    pc.function(NVME, "1af4", "1004", "010000", "virtio-pci")
    said = pc.check()
    if fires:
        assert said.fires("node.scsi-lost-by-kernel", "info").address == NVME
    else:
        said.silent("node.scsi-lost-by-kernel")


def test_a_disk_that_was_not_lost(pc):
    pc.kernel(release="6.5.0-14")
    pc.function(NVME, "1af4", "1004", "010000", "virtio-pci")
    virtio_disk(pc, NVME)
    pc.check().silent("node.scsi-lost-by-kernel")


# --- node.rename-failed -----------------------------------------------------------------------------------------------


def test_a_name_that_is_taken(pc):
    pc.log("Linux version 6.1", "Error changing net interface name 'eth2' to 'enp1s0': File exists")
    finding = pc.check().fires("node.rename-failed", "info")
    assert (finding.subject, finding.summary) == ("eth2", "interface eth2 could not be renamed to enp1s0: File exists")


@pytest.mark.parametrize(
    "words",
    [
        "systemd-udevd[299]: could not rename interface '3' from 'eth2' to 'enp1s0': File exists",
        "systemd-udevd[313]: eth2: Failed to rename network interface 3 from 'eth2' to 'enp1s0': File exists",
    ],
)
def test_a_name_that_is_taken_in_the_words_of_udevd(pc, words):
    pc.log("Linux version 6.1", words)
    finding = pc.check().fires("node.rename-failed", "info")
    assert finding.summary == "interface eth2 could not be renamed to enp1s0: File exists"


def test_a_name_that_was_given(pc):
    pc.log("Linux version 6.1", "virtio_net virtio3 ens6: renamed from eth0")
    pc.check().silent("node.rename-failed")


def test_a_name_that_was_given_in_the_end(pc):
    pc.log(
        "Linux version 6.1",
        "systemd-udevd[313]: eth2: Failed to rename network interface 3 from 'eth2' to 'enp1s0': File exists",
        "virtio_net virtio3 enp2s0: renamed from eth2",
    )
    pc.check().silent("node.rename-failed")
