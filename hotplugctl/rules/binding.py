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


def explain(snapshot: Snapshot, modalias: Optional[str], path: str) -> Union[Said, str]:
    """Why nothing is bound to a device of this modalias; a text where that cannot be told, saying why."""
    modules = snapshot.modules
    if modalias is None:
        return f"{path}/modalias: not readable"
    here = Evidence(f"{path}/modalias", modalias)
    claims = modules.matches.get(modalias, ())
    blocked = next((name for name in claims if name in modules.forbidden), None)
    if blocked is not None:
        why = modules.forbidden[blocked]
        return Said(f"{blocked} is blacklisted", (why, here), f"modprobe {shell(blocked)}")
    if modules.matches_failure is not None and not claims:
        # Without modules.alias the only word is that of a blacklist whose module is known to fit the device.
        guessed = _forbidden_by_name(snapshot, modalias)
        if guessed is not None:
            return Said(f"{guessed} is blacklisted", (modules.forbidden[guessed], here), f"modprobe {shell(guessed)}")
        return reason(modules.matches_failure)
    if not claims:
        return Said("no module of this kernel claims it", (here, Evidence(modules.source, "no match")), "", "image")
    loaded = next((name for name in claims if name in modules.known), None)
    if loaded is not None:
        return Said(f"{loaded} is loaded and did not bind", (here, Evidence("/proc/modules", loaded)), "")
    first = claims[0]
    return Said(f"nothing loaded {first}", (here, Evidence(modules.source, first)), f"modprobe {shell(first)}")


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


def _forbidden_by_name(snapshot: Snapshot, modalias: str) -> Optional[str]:
    """The blacklisted module that serves this device, where its name follows from the device's type."""
    if modalias.startswith("virtio:d"):
        name = _VIRTIO_DRIVERS.get(modalias[8:16].lower())
    else:
        name = "virtio_pci" if modalias.startswith("pci:v00001AF4d") else None
    return name if name in snapshot.modules.forbidden else None
