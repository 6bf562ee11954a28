"""What only ``check`` needs of each function: config space, BARs, port services, virtio children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.collect.functions import device_path, parent_of
from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.reads import FAILURES, Absent, Value, reason
from hotplugctl.model.snapshot import Child, Detail
from hotplugctl.parse import config_space, resource
from hotplugctl.source.tree import Tree

_VIRTIO = "/sys/bus/virtio/devices"
# A config space is 64, 256 or 4096 bytes; the capabilities that matter here lie in the first 256.
_CONFIG_LIMIT = 4096


def collect(
    tree: Tree, functions: Iterable[PciFunction], services: Mapping[str, Mapping[str, Optional[str]]]
) -> Mapping[str, Detail]:
    """Address → detail, for every function."""
    return {function.address: _detail(tree, function, services.get(function.address, {})) for function in functions}


def _detail(tree: Tree, function: PciFunction, services: Mapping[str, Optional[str]]) -> Detail:
    directory = tree.directory(function.path)
    if isinstance(directory, FAILURES):
        why = reason(directory)
        return Detail(None, None, services, None, {"config": why, "resource": why})
    unknown: dict[str, str] = {}
    with directory:
        config = directory.read("config", _CONFIG_LIMIT)
        lines = directory.read("resource")
        override = directory.read("driver_override") if function.driver is None else None
    parsed = resource.parse(lines.text) if isinstance(lines, Value) else None
    if not isinstance(config, Value):
        unknown["config"] = reason(config)
    if parsed is None:
        unknown["resource"] = f"{lines.path}: malformed" if isinstance(lines, Value) else reason(lines)
    space = config_space.parse(config.data) if isinstance(config, Value) else None
    return Detail(
        space,
        parsed,
        services,
        override.text if isinstance(override, Value) and override.text not in ("", "(null)") else None,
        unknown,
        _power(tree, function, space),
    )


def _power(tree: Tree, function: PciFunction, config: Optional[ConfigSpace]) -> Optional[str]:
    """Only a port that waits for a card is asked: what sleeps may not hear it (Documentation/power/runtime_pm.rst)."""
    if config is None or config.pcie is None or not config.pcie.hotplug_capable:
        return None
    read = tree.read(f"{function.path}/power/runtime_status")
    return read.text.strip() if isinstance(read, Value) else None


def virtio_children(tree: Tree) -> tuple[Child, ...]:
    """Every virtio device below a PCI function (/sys/bus/virtio/devices)."""
    listing = tree.names(_VIRTIO)
    found = (_child(tree, name) for name in (listing.names if isinstance(listing, Names) else ()))
    return tuple(child for child in found if child is not None)


def _child(tree: Tree, name: str) -> Optional[Child]:
    path = device_path(tree, f"{_VIRTIO}/{name}")
    if not isinstance(path, str):
        return None
    parent = parent_of(path)
    if parent is None:
        # virtio-mmio and virtio-ccw devices are below no PCI function.
        return None
    modalias = tree.read(f"{path}/modalias")
    driver = tree.link(f"{path}/driver")
    if not isinstance(driver, (Value, Absent)):
        # Neither bound nor unbound can be said; a child that is not listed is not complained of.
        return None
    return Child(
        name,
        parent,
        modalias.text if isinstance(modalias, Value) else None,
        driver.text.rpartition("/")[2] if isinstance(driver, Value) else None,
        path,
    )
