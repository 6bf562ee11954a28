"""Puts a snapshot together: each command asks for as much of it as it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Optional

from hotplugctl.collect import (
    acpi,
    buses,
    details,
    functions,
    guest,
    kernel_config,
    kernel_log,
    mechanisms,
    modules,
    nodes,
    services,
    slots,
    stranded,
    udev,
)
from hotplugctl.model.cmdline import CommandLine
from hotplugctl.model.devices import Functions, PciFunction, Slots
from hotplugctl.model.reads import FAILURES, Read, Value
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import Range
from hotplugctl.model.snapshot import Acpi, Child, Detail, KernelLog, Scene, Snapshot
from hotplugctl.parse import cmdline as cmdline_grammar
from hotplugctl.parse import resource
from hotplugctl.source.tree import Tree

if TYPE_CHECKING:
    from hotplugctl.model.image import Image

_IOMEM_LIMIT = 4 << 20
# Memory, bridges and system peripherals do without a driver.
_WITHOUT_DRIVER = ("05", "06", "08")


class Topology(NamedTuple):
    """Buses, port services, ACPI and slots: who serves what; ``functions`` by their addresses."""

    functions: Mapping[str, PciFunction]
    buses: Mapping[str, Optional[str]]
    services: Mapping[str, Mapping[str, Optional[str]]]
    acpi: Acpi
    slots: Slots


def topology(tree: Tree, items: tuple[PciFunction, ...]) -> Topology:
    """Who serves which slot of which bus."""
    of_buses = buses.collect(tree, items)
    of_services = services.collect(tree)
    known = {} if isinstance(of_services, FAILURES) else of_services
    of_acpi = acpi.collect(tree, items, of_buses)
    by_address = {function.address: function for function in items}
    around = slots.Around(by_address, of_buses, known, of_acpi)
    return Topology(by_address, of_buses, known, of_acpi, slots.collect(tree, around))


def collect(tree: Tree, *, asks: bool = True) -> Snapshot:
    """Everything that ``check`` needs; without ``asks`` nothing is read that may never return."""
    listed = functions.collect(tree)
    where = topology(tree, listed.items)
    of_image = _image(tree)
    release = guest.release(tree) if of_image is None else _default_release(of_image)
    config = kernel_config.collect(tree, release[0], mechanisms.SYMBOLS + guest.ARCHITECTURE_SYMBOLS)
    line = command_line(tree)
    log = kernel_log.collect(tree)
    children = details.virtio_children(tree)
    mounted = udev.mounts(tree)
    of_details = details.collect(tree, listed.items, where.services)
    there = modules.installed(tree, release[0], mechanisms.undecided(config))
    of_modules = modules.collect(tree, release[0], line, _unbound(listed.items, children), there.loaded)
    scene = _scene(tree, listed, where, of_details, log)
    witnesses = mechanisms.Witnesses(
        config,
        there,
        modules.autoload(tree, line, mechanisms.MODULES),
        of_modules.forbidden,
        line,
        {name: count for name, (count, _) in scene.served().items()},
        log.drivers_up,
    )
    core, others = mechanisms.collect(tree, witnesses)
    if of_image is not None and of_image.default is not None:
        core, others = of_image.default.core, of_image.default.mechanisms
    return Snapshot(
        guest.collect(tree, release, config.symbols, listed.items),
        listed,
        of_details,
        nodes.serials(tree) if asks else {},
        children,
        where.slots,
        core,
        others,
        where.acpi,
        line,
        {bus: _autoprobe(tree, bus) for bus in ("pci", "virtio")},
        of_modules,
        udev.collect(tree, mounted),
        log,
        where.buses,
        scene,
        any(isinstance(tree.kind_of(path), str) for path in ("/sys/bus", "/sys/kernel")),
        of_image,
        _read_only(mounted),
        stranded.collect(tree),
    )


def _image(tree: Tree) -> Optional[Image]:
    if tree.kind != "image":
        return None
    from hotplugctl.collect import image

    return image.collect(tree)


def _default_release(image: Image) -> tuple[Optional[str], Optional[str]]:
    """The kernel that boots by default, and why it is not known."""
    if image.default is not None:
        return image.default.release, None
    if not image.kernels:
        return None, "/lib/modules: no kernel is installed"
    if image.why is not None:
        return None, f"{image.why.source}: {image.why.value}: no such kernel is installed"
    names = ", ".join(kernel.release for kernel in image.kernels[:4])
    return None, f"/lib/modules: {len(image.kernels) + image.more} kernels are installed ({names})"


def _read_only(mounted: Read) -> Optional[Evidence]:
    """The last mount on /sys, where it is read-only (proc_pid_mounts(5))."""
    found = None
    for line in mounted.text.splitlines() if isinstance(mounted, Value) else ():
        fields = line.split(" ")
        if len(fields) > 3 and fields[1] == "/sys":
            found = Evidence(mounted.path, line[:200]) if "ro" in fields[3].split(",") else None
    return found


def for_slots(tree: Tree) -> Scene:
    """What ``slots`` needs: of the log only the bus ranges, of the functions only what takes up room."""
    listed = functions.collect(tree)
    where = topology(tree, listed.items)
    of_details = details.collect(tree, listed.items, where.services)
    return _scene(tree, listed, where, of_details, kernel_log.collect(tree))


def _scene(tree: Tree, listed: Functions, where: Topology, of_details: Mapping[str, Detail], log: KernelLog) -> Scene:
    iomem, ioports = _ranges(tree, "/proc/iomem"), _ranges(tree, "/proc/ioports")
    deaf = slots.unreached(where.slots.items, where.acpi, where.functions, of_details)
    return Scene(listed, of_details, where.slots, where.buses, log.root_ends, iomem, ioports, deaf)


def command_line(tree: Tree) -> Optional[CommandLine]:
    """/proc/cmdline, None where it cannot be read."""
    read = tree.read("/proc/cmdline")
    return cmdline_grammar.parse(read.text) if isinstance(read, Value) else None


def _unbound(items: tuple[PciFunction, ...], children: tuple[Child, ...]) -> tuple[str, ...]:
    """The modaliases of what has no driver: only for these are the big files of /lib/modules read."""
    aliases = [
        function.modalias
        for function in items
        if function.driver is None and not (function.class_ or "").startswith(_WITHOUT_DRIVER)
    ]
    aliases += [child.modalias for child in children if child.driver is None]
    return tuple(dict.fromkeys(alias for alias in aliases if alias))


def _autoprobe(tree: Tree, bus: str) -> Optional[bool]:
    read = tree.read(f"/sys/bus/{bus}/drivers_autoprobe")
    return {"0": False, "1": True}.get(read.text.strip()) if isinstance(read, Value) else None


def _ranges(tree: Tree, path: str) -> Optional[tuple[Range, ...]]:
    """The lines of /proc/iomem; None where they are not readable, or masked with zeros for want of privilege."""
    read = tree.read(path, _IOMEM_LIMIT)
    if not isinstance(read, Value):
        return None
    parsed = resource.parse_iomem(read.text)
    return None if parsed.masked else parsed.ranges
