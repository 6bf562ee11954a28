"""Driver and device that cannot agree on the form of virtio."""

from __future__ import annotations

import pytest

NIC = "0000:00:03.0"


@pytest.mark.parametrize(
    "words",
    [
        f"virtio-pci {NIC}: virtio: device uses modern interface but does not have VIRTIO_F_VERSION_1",
        f"virtio-pci {NIC}: virtio_pci: leaving for legacy driver",
    ],
)
def test_no_agreement(pc, words):
    pc.function(NIC, "1af4", "1000", "020000")
    pc.log("Linux version 6.1", words)
    said = pc.check()
    assert said.fires("virtio.refused", "warning").address == NIC
    assert "virtio.refused" in said.fires("driver.not-bound").because


def test_an_old_device_that_works_all_the_same(pc):
    """A transitional device without modern registers is left to the legacy driver, and that takes it."""
    pc.function(NIC, "1af4", "1000", "020000", "virtio-pci")
    pc.log("Linux version 6.1", f"virtio-pci {NIC}: virtio_pci: leaving for legacy driver")
    pc.check().silent("virtio.refused")


def test_modern_registers_that_lie_in_no_memory(pc):
    """Left for the legacy driver, too: the BAR is what failed, and no property of the device on the host helps."""
    unassigned = [(0, 0, 0), (0, 0xFFF, 0x40200)]
    pc.function(NIC, "1af4", "1000", "020000", resource=unassigned)
    pc.log("Linux version 6.1", f"virtio-pci {NIC}: virtio_pci: leaving for legacy driver")
    pc.check().silent("virtio.refused")
