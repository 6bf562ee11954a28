"""The device model that a command names, with the ids that it has where it comes to sit."""

from __future__ import annotations

from typing import Optional

from hotplugctl.model.monitor import Command, Expects
from hotplugctl.rules.expectation.devices import MODELS, VIRTIO, VIRTIO_VENDOR, Model, Virtio

_TRANSITIONAL, _MODERN = "-transitional", "-non-transitional"
_DISKS = ("virtio-blk-pci",)
_INTEL_NVME = "8086:5845"


def model(driver: str, command: Command, express: Optional[bool]) -> Optional[Model]:
    """What is known of a driver, None where nothing is. ``express``: on a PCIe bus or not, None: not known."""
    for suffix in (_MODERN, _TRANSITIONAL):
        if driver.endswith(suffix):
            virtio = VIRTIO.get(driver[: -len(suffix)])
            if virtio is None or (suffix == _TRANSITIONAL and virtio.legacy is None):
                return None
            return _virtio(driver[: -len(suffix)], virtio, (virtio.modern if suffix == _MODERN else virtio.legacy,))
    virtio = VIRTIO.get(driver)
    if virtio is not None:
        return _virtio(driver, virtio, _ids(virtio, command, express))
    found = MODELS.get(driver)
    if found is not None and driver == "nvme" and command.get("use-intel-id") in ("on", "true", "yes"):
        return found._replace(expects=found.expects._replace(ids=(_INTEL_NVME,)))
    return found


def _ids(virtio: Virtio, command: Command, express: Optional[bool]) -> tuple[Optional[str], ...]:
    """Behind a PCIe port a virtio device is modern only, elsewhere transitional (hw/virtio/virtio-pci.c)."""
    legacy = command.get("disable-legacy")
    if virtio.legacy is None or legacy in ("on", "true"):
        return (virtio.modern,)
    if legacy in ("off", "false") or command.get("disable-modern") in ("on", "true") or express is False:
        return (virtio.legacy,)
    return (virtio.modern,) if express else (virtio.legacy, virtio.modern)


def _virtio(name: str, virtio: Virtio, devices: tuple[Optional[str], ...]) -> Model:
    ids = tuple(f"{VIRTIO_VENDOR}:{device}" for device in devices if device is not None)
    expects = Expects(virtio.class_, ids, "virtio-pci", virtio.subsystem, virtio.node)
    return Model(virtio.kind, expects, serial=name in _DISKS)
