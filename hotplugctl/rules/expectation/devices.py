"""QEMU's device models: what a guest sees of each, and which cannot be hot-plugged.

Ids and classes as QEMU 7.2 shows them in ``info pci``; what came later (igb, ufs, virtio-sound-pci) by its sources
(hw/net/igb.c, hw/ufs/ufs.c, include/hw/pci/pci.h). Drivers as Linux names them in /sys/bus/pci/drivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.monitor import Expects

NIC_MODELS = ("ne2k_pci", "i82551", "i82557b", "i82559er", "rtl8139", "e1000", "pcnet", "virtio")
"""What ``model=`` of pci_add took (QEMU 0.10 to 1.2, hw/pci.c)."""

DEFAULT_NIC = "rtl8139"
"""What pci_add took without ``model=`` (hw/pci-hotplug.c)."""

DISK_INTERFACES = ("scsi", "virtio")
"""What ``if=`` of pci_add could plug."""


class Model(NamedTuple):
    """A device model. ``function``: it comes as a PCI function of its own. ``serial``: its disk shows ``serial=``."""

    kind: str
    expects: Expects
    function: bool = True
    serial: bool = False


def _net(ids: str, driver: str, class_: str = "020000") -> Model:
    return Model("nic", Expects(class_, (ids,), driver, "net", None))


def _host(ids: str, driver: str, class_: str = "010000") -> Model:
    """A controller: what appears with it alone is its host; its disks are devices of their own."""
    return Model("storage", Expects(class_, (ids,), driver, "scsi_host", None))


def _other(
    ids: str, class_: str, driver: Optional[str], subsystem: Optional[str] = None, node: Optional[str] = None
) -> Model:
    return Model("other", Expects(class_, (ids,), driver, subsystem, node))


def _disk(subsystem: str, node: str, driver: str = "sd") -> Model:
    """On a bus of a controller that is there: no PCI function."""
    return Model("storage", Expects(None, (), driver, subsystem, node), function=False)


class Virtio(NamedTuple):
    """A virtio device: ``legacy`` its id as a transitional device (None: there is none), ``modern`` else."""

    kind: str
    class_: str
    legacy: Optional[str]
    modern: str
    subsystem: Optional[str] = None
    node: Optional[str] = None


VIRTIO: Mapping[str, Virtio] = {
    "virtio-net-pci": Virtio("nic", "020000", "1000", "1041", "net"),
    "virtio-blk-pci": Virtio("storage", "010000", "1001", "1042", "block", "/dev/vd*"),
    "vhost-user-blk-pci": Virtio("storage", "010000", "1001", "1042", "block", "/dev/vd*"),
    "virtio-scsi-pci": Virtio("storage", "010000", "1004", "1048", "scsi_host"),
    "vhost-scsi-pci": Virtio("storage", "010000", "1004", "1048", "scsi_host"),
    "vhost-user-scsi-pci": Virtio("storage", "010000", "1004", "1048", "scsi_host"),
    "virtio-balloon-pci": Virtio("other", "00ff00", "1002", "1045"),
    "virtio-serial-pci": Virtio("other", "078000", "1003", "1043"),
    "virtio-rng-pci": Virtio("other", "00ff00", "1005", "1044"),
    "vhost-user-rng-pci": Virtio("other", "00ff00", "1005", "1044"),
    "virtio-9p-pci": Virtio("other", "000200", "1009", "1049"),
    "vhost-vsock-pci": Virtio("other", "078000", "1012", "1053"),
    "virtio-crypto-pci": Virtio("other", "00ff00", None, "1054"),
    "virtio-keyboard-pci": Virtio("other", "090000", None, "1052"),
    "virtio-mouse-pci": Virtio("other", "090200", None, "1052"),
    "virtio-tablet-pci": Virtio("other", "098000", None, "1052"),
    "vhost-user-fs-pci": Virtio("other", "018000", None, "105a"),
    "virtio-sound-pci": Virtio("other", "040100", None, "1059", "sound", "/dev/snd/*"),
}
VIRTIO_VENDOR = "1af4"

_E100 = ("i82550", "i82551", "i82559er", "i82562")
_E100_7 = ("i82557a", "i82557b", "i82557c", "i82558a", "i82558b", "i82559a", "i82559b", "i82559c")

MODELS: Mapping[str, Model] = {
    "e1000": _net("8086:100e", "e1000"),
    "e1000-82544gc": _net("8086:100c", "e1000"),
    "e1000-82545em": _net("8086:100f", "e1000"),
    "e1000e": _net("8086:10d3", "e1000e"),
    "igb": _net("8086:10c9", "igb"),
    "rtl8139": _net("10ec:8139", "8139cp"),
    "ne2k_pci": _net("10ec:8029", "ne2k-pci"),
    "pcnet": _net("1022:2000", "pcnet32"),
    "tulip": _net("1011:0019", "tulip"),
    "vmxnet3": _net("15ad:07b0", "vmxnet3"),
    "i82801": _net("8086:2449", "e100"),
    **{name: _net("8086:1209", "e100") for name in _E100},
    **{name: _net("8086:1229", "e100") for name in _E100_7},
    "lsi53c895a": _host("1000:0012", "sym53c8xx"),
    "lsi53c810": _host("1000:0001", "sym53c8xx"),
    "megasas": _host("1000:0060", "megaraid_sas", "010400"),
    "megasas-gen2": _host("1000:0079", "megaraid_sas", "010400"),
    "mptsas1068": _host("1000:0054", "mptsas"),
    "pvscsi": _host("15ad:07c0", "vmw_pvscsi"),
    "am53c974": _host("1022:2020", "am53c974"),
    "dc390": _host("1022:2020", "am53c974"),
    "ich9-ahci": _host("8086:2922", "ahci", "010601"),
    "ufs": _host("1b36:0013", "ufshcd", "010900"),
    "nvme": Model("storage", Expects("010802", ("1b36:0010",), "nvme", "block", "/dev/nvme*n*"), serial=True),
    "scsi-hd": _disk("block", "/dev/sd*"),
    "scsi-disk": _disk("block", "/dev/sd*"),
    "scsi-block": _disk("block", "/dev/sd*"),
    "scsi-cd": _disk("block", "/dev/sr*", "sr"),
    "scsi-generic": _disk("scsi_generic", "/dev/sg*", "sg"),
    "nvme-ns": _disk("block", "/dev/nvme*n*", "nvme"),
    "ivshmem-plain": _other("1af4:1110", "050000", None),
    "ivshmem-doorbell": _other("1af4:1110", "050000", None),
    "pci-serial": _other("1b36:0002", "070002", "serial", "tty", "/dev/ttyS*"),
    "pci-serial-2x": _other("1b36:0003", "070002", "serial", "tty", "/dev/ttyS*"),
    "pci-serial-4x": _other("1b36:0004", "070002", "serial", "tty", "/dev/ttyS*"),
    "pci-testdev": _other("1b36:0005", "00ff00", None),
    "pvpanic-pci": _other("1b36:0011", "088000", "pvpanic-pci"),
    "edu": _other("1234:11e8", "00ff00", None),
    "i6300esb": _other("8086:25ab", "088000", "i6300ESB timer", "watchdog", "/dev/watchdog*"),
    "sdhci-pci": _other("1b36:0007", "080501", "sdhci-pci"),
    "qemu-xhci": _other("1b36:000d", "0c0330", "xhci_hcd"),
    "nec-usb-xhci": _other("1033:0194", "0c0330", "xhci_hcd"),
    "usb-ehci": _other("8086:24cd", "0c0320", "ehci-pci"),
    "piix3-usb-uhci": _other("8086:7020", "0c0300", "uhci_hcd"),
    "piix4-usb-uhci": _other("8086:7112", "0c0300", "uhci_hcd"),
    "AC97": _other("8086:2415", "040100", "snd_intel8x0", "sound", "/dev/snd/*"),
    "ES1370": _other("1274:5000", "040100", "snd_ens1370", "sound", "/dev/snd/*"),
    "intel-hda": _other("8086:2668", "040300", "snd_hda_intel", "sound", "/dev/snd/*"),
    "ich9-intel-hda": _other("8086:293e", "040300", "snd_hda_intel", "sound", "/dev/snd/*"),
    "qxl": _other("1b36:0100", "038000", "qxl", "drm", "/dev/dri/card*"),
    "secondary-vga": _other("1234:1111", "038000", "bochs-drm", "drm", "/dev/dri/card*"),
    "bochs-display": _other("1234:1111", "038000", "bochs-drm", "drm", "/dev/dri/card*"),
    "rocker": Model("nic", Expects("028000", ("1b36:0006",), "rocker", "net", None)),
    "pci-bridge": _other("1b36:0001", "060400", "shpchp"),
    "pcie-pci-bridge": _other("1b36:000e", "060400", "shpchp"),
    "i82801b11-bridge": _other("8086:244e", "060401", None),
    "x3130-upstream": _other("104c:8232", "060400", "pcieport"),
    "vfio-pci": Model("other", Expects()),
    "virtserialport": Model(
        "other", Expects(None, (), "virtio_console", "virtio-ports", "/dev/vport*"), function=False
    ),
    "virtconsole": Model("other", Expects(None, (), "virtio_console", "tty", "/dev/hvc*"), function=False),
}

ALIASES: Mapping[str, str] = {
    "ahci": "ich9-ahci",
    "ac97": "AC97",
    "es1370": "ES1370",
    "e1000-82540em": "e1000",
    "lsi": "lsi53c895a",
    "virtio": "virtio-net-pci",
    **{name[: -len("-pci")]: name for name in VIRTIO},
}

_ISA = frozenset({"ne2k_isa", "isa-serial", "isa-parallel", "isa-fdc", "isa-ide", "isa-vga", "isa-cirrus-vga", "sb16"})
# "Parameter 'driver' expects a pluggable device type", as QEMU 7.2 says of these.
_BUILT_IN = frozenset(
    {
        "VGA", "ati-vga", "cirrus-vga", "qxl-vga", "vmware-svga", "virtio-vga", "virtio-vga-gl", "vhost-user-vga",
        "virtio-gpu-pci", "virtio-gpu-gl-pci", "vhost-user-gpu-pci", "virtio-gpu", "virtio-iommu-pci", "intel-iommu",
        "amd-iommu", "acpi-erst", "pci-ohci", "piix3-ide", "piix4-ide", "pxb", "pxb-pcie", "pxb-cxl", "cxl-rp",
        "vfio-pci-nohotplug", "ICH9-LPC", "ICH9-SMB", "PIIX3", "PIIX4", "i440FX", "mch",
        *(f"ich9-usb-{kind}{number}" for kind, most in (("ehci", 2), ("uhci", 6)) for number in range(1, most + 1)),
    }
)  # fmt: skip
_PORTS = frozenset({"pcie-root-port", "ioh3420", "xio3130-downstream"})
_IDE = frozenset({"ide-hd", "ide-cd", "ide-drive", "ide-disk"})


def why_not(driver: str) -> Optional[str]:
    """Why no device of this model can be hot-plugged into a PCI slot; None where nothing speaks against it."""
    if driver in _ISA or driver.startswith("isa-"):
        return f"{driver} is an ISA device, and an ISA bus takes none while the machine runs"
    if driver in _IDE:
        return f"{driver} sits on an IDE bus, which takes no device while the machine runs"
    if driver in _BUILT_IN:
        return f"{driver} can be there from the start only: QEMU expects a pluggable device type"
    if driver in _PORTS:
        return f"{driver} sits on a bus that takes none while the machine runs: ports are there from the start"
    if driver.startswith("usb-") and driver not in MODELS:
        return f"{driver} is a USB device: no PCI function comes of it"
    if driver.endswith("-device") and driver.startswith(("virtio-", "vhost-")):
        return f"{driver} sits on a virtio bus: {driver[: -len('-device')]}-pci is the one for a PCI slot"
    if driver.endswith("-ccw"):
        return f"{driver} is a channel device: no PCI function comes of it"
    if driver in ("pc-dimm", "nvdimm") or driver.endswith("-cpu"):
        return f"{driver} is no PCI device"
    return None
