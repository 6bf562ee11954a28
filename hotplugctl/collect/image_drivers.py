"""The drivers that a hot-plugged disk or network card needs: are they in this kernel, or beside it in the image?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from hotplugctl.collect.kernel_config import KernelConfig
from hotplugctl.collect.modules import LIMIT, Installed
from hotplugctl.model.image import Driver
from hotplugctl.model.reads import FAILURES, Absent, Read, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.parse import modules
from hotplugctl.source.tree import Tree


class Wanted(NamedTuple):
    """A driver, its symbol, which devices need it, and whether these are what most hosts give."""

    name: str
    symbol: str
    purpose: str
    common: bool


DRIVERS = (
    Wanted("virtio_pci", "CONFIG_VIRTIO_PCI", "every virtio device", True),
    Wanted("virtio_blk", "CONFIG_VIRTIO_BLK", "virtio disk", True),
    Wanted("virtio_net", "CONFIG_VIRTIO_NET", "virtio network card", True),
    Wanted("virtio_scsi", "CONFIG_SCSI_VIRTIO", "virtio SCSI controller", True),
    Wanted("sd_mod", "CONFIG_BLK_DEV_SD", "SCSI and SATA disk", True),
    Wanted("nvme", "CONFIG_BLK_DEV_NVME", "NVMe disk", True),
    Wanted("e1000", "CONFIG_E1000", "e1000 network card", True),
    Wanted("e1000e", "CONFIG_E1000E", "e1000e network card", True),
    Wanted("8139cp", "CONFIG_8139CP", "rtl8139 network card", False),
    Wanted("ahci", "CONFIG_SATA_AHCI", "SATA controller", False),
    Wanted("sym53c8xx", "CONFIG_SCSI_SYM53C8XX_2", "LSI SCSI controller", False),
    Wanted("megaraid_sas", "CONFIG_MEGARAID_SAS", "MegaRAID SAS controller", False),
    Wanted("vmxnet3", "CONFIG_VMXNET3", "VMware network card", False),
    Wanted("vmw_pvscsi", "CONFIG_VMWARE_PVSCSI", "VMware SCSI controller", False),
    Wanted("ena", "CONFIG_ENA_ETHERNET", "AWS network card", False),
    Wanted("gve", "CONFIG_GVE", "Google Cloud network card", False),
    Wanted("pci_hyperv", "CONFIG_PCI_HYPERV", "PCI device of Hyper-V", False),
    Wanted("hv_netvsc", "CONFIG_HYPERV_NET", "Hyper-V network card", False),
    Wanted("hv_storvsc", "CONFIG_HYPERV_STORAGE", "Hyper-V disk", False),
    Wanted("xen_blkfront", "CONFIG_XEN_BLKDEV_FRONTEND", "Xen disk", False),
    Wanted("xen_netfront", "CONFIG_XEN_NETDEV_FRONTEND", "Xen network card", False),
)
SYMBOLS = tuple(wanted.symbol for wanted in DRIVERS)
NAMES = tuple(wanted.name for wanted in DRIVERS)


def collect(
    tree: Tree,
    base: Optional[str],
    config: KernelConfig,
    there: Installed,
    forbidden: Mapping[str, Evidence],
) -> tuple[Driver, ...]:
    """Every driver of the list; ``base``: the kernel's folder in /lib/modules, None where there is none."""
    path = f"{base or '/lib/modules'}/modules.dep"
    dep: Read = tree.read(path, LIMIT) if base is not None else Absent(path)
    files = modules.dependencies(dep.data, NAMES) if isinstance(dep, Value) else None
    seen = _Seen(tree, base, config, there, forbidden, files, dep)
    return tuple(_driver(wanted, seen) for wanted in DRIVERS)


class _Seen(NamedTuple):
    tree: Tree
    base: Optional[str]
    config: KernelConfig
    there: Installed
    forbidden: Mapping[str, Evidence]
    files: Optional[Mapping[str, tuple[str, ...]]]
    dep: Read


def _driver(wanted: Wanted, seen: _Seen) -> Driver:
    state, evidence, why = _state(wanted, seen)
    against = seen.forbidden.get(wanted.name)
    if state == "module" and against is not None:
        state, evidence = "blacklisted", (against, *evidence)
    return Driver(wanted.name, wanted.purpose, wanted.common, state, evidence, {"state": why} if why else {})


def _state(wanted: Wanted, seen: _Seen) -> tuple[str, tuple[Evidence, ...], str]:
    """State, evidence, and why it is unknown."""
    name, config = wanted.name, seen.config
    value = config.symbols.get(wanted.symbol)
    said = () if config.path is None else (Evidence(config.path, config.line(wanted.symbol)),)
    if value == "y":
        return "builtin", said, ""
    if name in seen.there.builtin:
        return "builtin", (Evidence(seen.there.sources[name], name),), ""
    if seen.files is not None:
        listed = seen.files.get(name)
        if listed is None:
            return "missing", (Evidence(seen.dep.path, f"no {name}"), *said), ""
        gone = next((path for path in listed if not _is_there(path, seen)), None)
        if gone is not None:
            return "missing", (Evidence(_path(gone, seen), "not there, though modules.dep lists it"), *said), ""
        return "module", (Evidence(seen.dep.path, listed[0]),), ""
    if config.path is not None and value != "m":
        return "missing", said, ""
    if seen.base is None:
        return (
            "unknown",
            said,
            "/lib/modules: the kernel's modules are not in the image, and initial RAM disks not read",
        )
    if isinstance(seen.dep, Absent):
        return "missing", (Evidence(seen.dep.path, "absent: depmod was not run"), *said), ""
    return "unknown", said, reason(seen.dep) if isinstance(seen.dep, FAILURES) else "no evidence"


def _path(path: str, seen: _Seen) -> str:
    return path if path.startswith("/") else f"{seen.base}/{path}"


def _is_there(path: str, seen: _Seen) -> bool:
    """Whether modprobe would find the file. What a recording does not hold is not held to be gone."""
    found = seen.tree.resolve(_path(path, seen))
    return not isinstance(found, Absent)
