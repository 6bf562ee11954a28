"""What the kernel log alone can tell."""

from __future__ import annotations

import pytest

CRASH = ["BUG: kernel NULL pointer dereference, address: 0000000000000008", "Oops: 0000 [#1] PREEMPT SMP PTI"]
HUNG = "INFO: task kworker/0:1:12 blocked for more than 120 seconds."
ACPI_WORK = "Workqueue: kacpi_hotplug acpi_hotplug_work_fn"
WARNING = "WARNING: CPU: 0 PID: 12 at kernel/dma/mapping.c:532 dma_free_attrs+0x5c/0x70"


@pytest.mark.parametrize(
    "lines",
    [
        ["acpiphp: Slot [3] registered"],
        [*CRASH, "CPU: 0 PID: 99 Comm: mount Not tainted", "RIP: 0010:ext4_fill_super+0x8/0x90 [ext4]"],
        # A warning in the same work queue: everything goes on after it (seen when an LSI HBA is pulled).
        [WARNING, "CPU: 0 PID: 12 Comm: kworker/0:1 Not tainted", ACPI_WORK, "RIP: 0010:dma_free_attrs+0x5c/0x70"],
        [*CRASH, "RIP: 0010:ext4_fill_super+0x8/0x90", WARNING, ACPI_WORK],
    ],
)
def test_no_crash_in_hot_plug_code(pc, lines):
    pc.log(*lines)
    said = pc.check()
    said.silent("log.hotplug-oops")
    assert said.verdict == "ready"


@pytest.mark.parametrize(
    "lines, where",
    [
        ([*CRASH, "RIP: 0010:shpc_init+0x3c8/0x5a0 [shpchp]"], "shpc_init"),
        ([*CRASH, "EIP: acpiphp_check_bridge+0x10/0x20"], "acpiphp_check_bridge"),
        ([*CRASH, "CPU: 1 PID: 57 Comm: irq/24-pciehp Not tainted", "RIP: 0010:memcpy+0x1/0x2"], "irq/24-pciehp"),
        (["kernel BUG at kernel/resource.c:792!", ACPI_WORK, "RIP: 0010:x+0x1/0x2"], "acpi_hotplug_work_fn"),
    ],
)
def test_a_crash_in_hot_plug_code(pc, lines, where):
    pc.log(*lines)
    said = pc.check()
    finding = said.fires("log.hotplug-oops", "error")
    assert (finding.subject, finding.remedy) == (where, "reboot")
    assert said.verdict == "not-ready"
    assert not any(item for item in said.snapshot.mechanisms if item.state == "absent")


def test_a_crash_explains_what_is_stuck(q35):
    q35.log(*CRASH, "RIP: 0010:shpc_init+0x3c8/0x5a0 [shpchp]")
    q35.file("sys/bus/pci/slots/1/adapter", "1\n")
    said = q35.check()
    assert said.fires("slot.card-without-function").because == ("log.hotplug-oops",)


@pytest.mark.parametrize("lines", [[HUNG], [HUNG, "Workqueue: events_unbound flush_to_ldisc"], [*CRASH, ACPI_WORK],
                                   # A driver that hangs within its own probe holds no lock of the bus; a guess is none.
                                   [HUNG, " pci_device_probe+0xa0/0x150", " ? pci_stop_bus_device+0x94/0xa0"],
                                   [HUNG, WARNING, " pci_stop_bus_device+0x94/0xa0"]])  # fmt: skip
def test_no_hot_plug_thread_hangs(pc, lines):
    pc.log(*lines)
    pc.check().silent("log.hotplug-hung")


@pytest.mark.parametrize(
    "lines, where",
    [
        ([HUNG, "task:kworker/0:1 state:D", ACPI_WORK], "acpi_hotplug_work_fn"),
        (["INFO: task irq/24-pciehp:57 blocked for more than 120 seconds."], "irq/24-pciehp"),
        # Somebody wrote to ``remove``: no work queue, and the lock is held all the same.
        (
            [
                "INFO: task tee:900 blocked for more than 120 seconds.",
                "task:tee state:D stack:0 pid:900",
                "Call Trace:",
                " <TASK>",
                " __schedule+0x351/0xa20",
                " blk_mq_freeze_queue_wait+0x91/0xc0",
                " ? pci_bus_sem+0x1/0x2",
                " pci_stop_and_remove_bus_device_locked+0x12/0x20",
            ],
            "pci_stop_and_remove_bus_device_locked",
        ),
        (
            [
                "INFO: task sh:900 blocked for more than 120 seconds.",
                " [<ffffffff8138f1a9>] pci_stop_bus_device+0x94/0xa0",
            ],
            "pci_stop_bus_device",
        ),
    ],
)
def test_the_hot_plug_thread_hangs(pc, lines, where):
    pc.log(*lines)
    said = pc.check()
    assert said.fires("log.hotplug-hung", "warning").subject == where
    assert said.verdict == "limited"


FOUND = "pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000"


def test_a_hang_that_has_ended(pc):
    """What is found later shows that the lock was given back; after a crash it never is."""
    pc.log(HUNG, ACPI_WORK, FOUND)
    pc.check().silent("log.hotplug-hung")
    pc.log(FOUND, HUNG, ACPI_WORK)
    pc.check().fires("log.hotplug-hung")
    pc.log(HUNG, ACPI_WORK, FOUND, HUNG, ACPI_WORK)
    pc.check().fires("log.hotplug-hung")
    pc.log(*CRASH, "RIP: 0010:shpc_init+0x3c8/0x5a0", HUNG, ACPI_WORK, FOUND)
    said = pc.check()
    said.fires("log.hotplug-oops")
    said.silent("log.hotplug-hung")


def test_a_log_that_can_be_read(pc):
    pc.check().silent("log.unreadable")


def test_a_log_that_cannot(pc):
    pc.remove("cmd")
    said = pc.check()
    (evidence,) = said.fires("log.unreadable", "info").evidence
    assert evidence.source not in evidence.value
    assert said.unknown("log.hotplug-oops")
    assert said.verdict == "ready"


def test_recorded(recorded):
    """Six kernel warnings in the work queue of ACPI hot-plug, and all went on."""
    said = recorded("pc-scsi", "after")
    said.silent("log.hotplug-oops")
    said.silent("log.hotplug-hung")


def test_a_log_that_has_lost_its_beginning(pc):
    pc.log("pci 0000:00:03.0: [1af4:1000] type 00 class 0x020000")
    said = pc.check()
    said.fires("log.headless", "info")
    assert said.verdict == "ready"


@pytest.mark.parametrize("lines", [["Linux version 6.1.0-syn (x@y)", "more"], []])
def test_a_whole_log_and_none_at_all(pc, lines):
    pc.log(*lines)
    pc.check().silent("log.headless")


@pytest.mark.parametrize(
    "words", ["virtio-pci 0000:00:03.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots)",
              "DMA: Out of SW-IOMMU space for 4096 bytes at device 0000:00:03.0"],
)  # fmt: skip
def test_bounce_buffers_that_ran_full(pc, words):
    pc.log("Linux version 6.1", words)
    pc.check().fires("log.swiotlb-full", "warning")


def test_bounce_buffers_with_room(pc):
    pc.log("Linux version 6.1", "software IO TLB: mapped [mem 0x00000000bbfdb000-0x00000000bffdb000] (64MB)")
    pc.check().silent("log.swiotlb-full")
