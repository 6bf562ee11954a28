"""QEMU's device types as Linux sees them."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A QEMU device type in Linux: PCI driver, the modules needed for it and for the virtio device on it, nodes."""

    driver: str
    module: str
    child: str
    nodes: tuple[str, ...]


KINDS = {
    "virtio-blk-pci": Kind("virtio-pci", "virtio_pci", "virtio_blk", ("block",)),
    "virtio-net-pci": Kind("virtio-pci", "virtio_pci", "virtio_net", ("net",)),
    "virtio-scsi-pci": Kind("virtio-pci", "virtio_pci", "virtio_scsi", ("scsi_host",)),
    "nvme": Kind("nvme", "nvme", "", ("nvme", "block")),
    "lsi53c895a": Kind("sym53c8xx", "sym53c8xx", "", ("scsi_host",)),
    "e1000": Kind("e1000", "e1000", "", ("net",)),
    "e1000e": Kind("e1000e", "e1000e", "", ("net",)),
    "rtl8139": Kind("8139cp", "8139cp", "", ("net",)),  # QEMU's is revision 0x20, which 8139too leaves to 8139cp
    "ne2k_pci": Kind("ne2k-pci", "ne2k_pci", "", ("net",)),
    "ivshmem-plain": Kind("", "", "", ()),  # no driver in mainline
    "pcie-pci-bridge": Kind("shpchp", "shpchp", "", ()),
}
BRIDGES = ("pci-bridge", "pcie-pci-bridge")
DISKS = ("scsi-hd",)
NAMED = {"vd": "virtio-blk-pci", "sd": "scsi-hd"}  # what the name of a disk says of the device
TELLS_OF_DISKS = ("virtio-scsi-pci",)  # the HBA has an event for a disk that comes or goes; an LSI has none
