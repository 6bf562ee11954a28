"""Why a device has no driver: told from modules.alias, the blacklists and what is loaded."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from hotplugctl.model.reads import reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.rules.facts import shell


class Said(NamedTuple):
    """Why there is no driver: a sentence, its evidence, a remedy (empty where there is none), and who can mend it."""

    summary: str
    evidence: tuple[Evidence, ...]
    remedy: str
    side: str = "guest"


def load_command(name: str, why: Evidence) -> str:
    """What loads a module in spite of what forbids it; empty where nothing does before the next boot."""
    if why.value.startswith("module_blacklist="):
        return ""
    return f"modprobe {'--ignore-install ' if why.value.startswith('install ') else ''}{shell(name)}"


def explain(snapshot: Snapshot, modalias: Optional[str], path: str) -> Union[Said, str]:
    """Why nothing is bound to a device of this modalias; a text where that cannot be told, saying why."""
    modules = snapshot.modules
    if modalias is None:
        return f"{path}/modalias: not readable"
    here = Evidence(f"{path}/modalias", modalias)
    claims = modules.matches.get(modalias, ())
    if not claims and modules.matches_failure is not None:
        # Without modules.alias the only word is that of a blacklist whose modules are known to fit the device.
        claims = _by_name(modalias)
        if not claims or not all(name in modules.forbidden for name in claims):
            return reason(modules.matches_failure)
    if not claims:
        return Said("no module of this kernel claims it", (here, Evidence(modules.source, "no match")), "", "image")
    there = next((name for name in claims if name in modules.known), None)
    other = next((name for name in claims if name in modules.forbidden and name not in modules.known), None)
    if there is not None and other is not None:
        # One of two that claim it looks at the revision and leaves it to the other (8139too and 8139cp).
        why = modules.forbidden[other]
        summary = f"{there} left it alone, and {other} is blacklisted"
        return Said(summary, (why, here, Evidence(modules.source, there)), load_command(other, why))
    if there is not None:
        bus, device = modalias.partition(":")[0], path.rpartition("/")[2]
        again = f"echo {shell(device)} > /sys/bus/{shell(bus)}/drivers_probe"
        return Said(f"{there} is there and did not bind", (here, Evidence(modules.source, there)), again)
    allowed = next((name for name in claims if name not in modules.forbidden), None)
    if allowed is None:
        why = modules.forbidden[claims[0]]
        return Said(f"{claims[0]} is blacklisted", (why, here), load_command(claims[0], why))
    return Said(f"nothing loaded {allowed}", (here, Evidence(modules.source, allowed)), f"modprobe {shell(allowed)}")


# Virtio device types whose driver's name is known without modules.alias (include/uapi/linux/virtio_ids.h).
_VIRTIO_DRIVERS = {
    "00000001": "virtio_net",
    "00000002": "virtio_blk",
    "00000003": "virtio_console",
    "00000004": "virtio_rng",
    "00000005": "virtio_balloon",
    "00000008": "virtio_scsi",
    "00000009": "9pnet_virtio",
    "00000010": "virtio_gpu",
    "00000012": "virtio_input",
    "0000001a": "virtiofs",
}
# Of the devices that guests meet: vendor and device, or class, as modalias spells them → the modules that take it.
_PCI_DRIVERS = {
    "v00008086d0000100E": ("e1000",),
    "v00008086d000010D3": ("e1000e",),
    "v000010ECd00008139": ("8139cp", "8139too"),
    "v000010ECd00008029": ("ne2k_pci",),
    "v00001000d00000012": ("sym53c8xx",),
    "v000015ADd000007B0": ("vmxnet3",),
    "v000015ADd000007C0": ("vmw_pvscsi",),
    "v00001D0Fd0000EC20": ("ena",),
    "v00001AE0d00000042": ("gve",),
    "bc01sc08i02": ("nvme",),
    "bc01sc06i01": ("ahci",),
    "bc0Csc03i30": ("xhci_pci",),
}


def _by_name(modalias: str) -> tuple[str, ...]:
    """The modules that serve this device, where their names follow from its ids or its class."""
    if modalias.startswith("virtio:d"):
        name = _VIRTIO_DRIVERS.get(modalias[8:16].lower())
        return () if name is None else (name,)
    if modalias.startswith("pci:v00001AF4d"):
        return ("virtio_pci",)
    return _PCI_DRIVERS.get(modalias[4:22]) or _PCI_DRIVERS.get(modalias[-11:], ())
