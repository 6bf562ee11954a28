"""What Linux makes of QEMU's devices: PCI driver, and the nodes that are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from tests.lab.plan import Sees

# QEMU's rtl8139 is revision 0x20, which 8139too leaves to 8139cp.
_MADE: dict[str, tuple[Optional[str], dict[str, int]]] = {
    "virtio-blk-pci": ("virtio-pci", {"block": 1}),
    "virtio-net-pci": ("virtio-pci", {"net": 1}),
    "virtio-scsi-pci": ("virtio-pci", {"scsi_host": 1}),
    "virtio-rng-pci": ("virtio-pci", {}),
    "virtio-balloon-pci": ("virtio-pci", {}),
    "ivshmem-plain": (None, {}),
    "nvme": ("nvme", {"nvme": 1, "block": 1}),
    "lsi53c895a": ("sym53c8xx", {"scsi_host": 1}),
    "e1000": ("e1000", {"net": 1}),
    "e1000e": ("e1000e", {"net": 1}),
    "rtl8139": ("8139cp", {"net": 1}),
    "ne2k_pci": ("ne2k-pci", {"net": 1}),
    "pcie-pci-bridge": ("shpchp", {}),
}


def sees(id: str, kind: str, more: Optional[Mapping[str, int]] = None) -> Sees:
    """The device ``id`` of QEMU's type ``kind``, with its driver and nodes; ``more`` are nodes in addition."""
    driver, nodes = _MADE[kind]
    return Sees(id, driver, {**nodes, **(more or {})})
