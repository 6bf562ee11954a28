"""From a monitor command to what becomes of it: what is plugged, whether that can be, what the guest should see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Optional

from hotplugctl.model.devices import PciFunction
from hotplugctl.model.monitor import Clues, Command, Expectation, Expects, Place, Reply, Request, View
from hotplugctl.rules.expectation import devices, today
from hotplugctl.rules.expectation.models import model
from hotplugctl.rules.expectation.placing import Placing, placing, served_kinds

_ELSEWHERE = {
    "usb_add": "usb_add plugs a USB device: no PCI function comes of it",
    "usb_del": "usb_del takes away a USB device, no PCI function",
    "cpu_set": "cpu_set plugs processors, no PCI device",
    "cpu-add": "cpu-add plugs processors, no PCI device",
}
_BACKENDS = {
    "drive_add": "storage", "drive_del": "storage", "blockdev-add": "storage", "blockdev-del": "storage",
    "netdev_add": "nic", "netdev_del": "nic", "host_net_add": "nic", "host_net_remove": "nic", "object_add": "other",
    "object_del": "other", "chardev-add": "other", "chardev-remove": "other",
}  # fmt: skip
_KINDS = {"01": "storage", "02": "nic"}
_TWO_DIGITS = 0x10
_FILL_IN = "ID stands for an id that only QEMU knows: `info qtree` lists them"


class _Made(NamedTuple):
    """The answer in the making."""

    action: str
    kind: str
    expects: Expects = Expects()
    clues: Clues = Clues()
    today: tuple[str, ...] = ()
    refused: Optional[str] = None
    unsure: Optional[str] = None
    remarks: tuple[str, ...] = ()


def expectation(request: Request, view: Optional[View]) -> Expectation:
    """What becomes of a command, in the guest of ``view`` where one is at hand (before the command).

    Sources: hw/pci-hotplug.c, hw/pci.c and hmp-commands.hx of QEMU 0.10 to 1.2; qdev-monitor.c of today.
    """
    command, reply = request.command, request.reply
    made = _of_reply() if command is None else _READERS.get(command.name, _device_add)(command, view)
    if reply is not None:
        made = _answered(made, reply)
    before = tuple(today.itself(one) for one in request.before)
    lines = (*before, *made.today) if command is not None else ()
    remarks = list(made.remarks)
    if not today.pasteable(lines):
        lines = ()
        remarks.append("today's spelling is left out: a name in it holds characters that do not show")
    if any(f"={today.BUS_ID}" in line or line.endswith(f" {today.BUS_ID}") for line in lines):
        remarks.append(_FILL_IN)
    told = reply is not None and reply.place is not None
    valid = False if made.refused is not None else None if made.unsure is not None else True
    return Expectation(
        request.text.strip(), made.action, made.kind, valid, made.refused or made.unsure, lines, made.expects,
        made.clues, told, tuple(remarks),
    )  # fmt: skip


def _of_reply() -> _Made:
    return _Made("add", "other", Expects(unknown="the reply does not say what was plugged"))


def _answered(made: _Made, reply: Reply) -> _Made:
    if reply.refused and made.refused is None:
        return made._replace(refused=f"QEMU said: {reply.text}", unsure=None)
    if reply.place is None:
        return made
    # Whatever speaks against it: QEMU has done it.
    made = made._replace(refused=None, unsure=None)
    asked = made.clues.place
    if asked is not None and (asked.domain, asked.bus, asked.device) != reply.place[:3]:
        note = f"the command names {asked.address}, the reply {reply.place.address}"
        made = made._replace(remarks=(*made.remarks, note))
    return made._replace(clues=made.clues._replace(place=reply.place, device=None, number=None))


def _pci_add(command: Command, view: Optional[View]) -> _Made:
    where = placing(command, view)
    reader = {"nic": _nic, "storage": _storage, "host": _host}.get(command.subject)
    if reader is None:
        # As QEMU answered.
        said = f"invalid type: {command.subject} (there are nic, storage and, in qemu-kvm, host)"
        return _Made("add", "other", refused=said)
    made = reader(command, where)
    refused = made.refused or where.refused
    lines: tuple[str, ...] = made.today
    if where.refused is not None and where.express and made.refused is None:
        # The address is one of the root bus.
        lines = today.into_port(reader(command._replace(place=None), where).today)
    clues = made.clues._replace(place=command.place, number=0 if command.place is None else None)
    remarks = (*made.remarks, *where.remarks, *_hexadecimal(command.place))
    return made._replace(refused=refused, today=lines, clues=clues, remarks=remarks)


def _hexadecimal(place: Optional[Place]) -> tuple[str, ...]:
    if place is None or place.device < _TWO_DIGITS:
        return ()
    return (f"addresses are hexadecimal here: {place.device:x} is the slot that a reply would call {place.device}",)


def _nic(command: Command, where: Placing) -> _Made:
    given = command.get("model")
    name = devices.DEFAULT_NIC if given is None else given
    driver = devices.ALIASES.get(name, name)
    clues = Clues(mac=command.get("macaddr"))
    if name not in devices.NIC_MODELS:
        known = model(driver, command, where.express)
        why = devices.why_not(name) or f"pci_add knows no NIC model {name}"
        also = f"; device_add takes {driver}" if known is not None and known.kind == "nic" else ""
        lines = today.nic(command, driver) if also else ()
        refused = f"{why} (there are {', '.join(devices.NIC_MODELS)}){also}"
        return _Made("add", "nic", Expects(), clues, lines, refused)
    found = model(driver, command, bool(where.express))
    remarks = () if given is not None else (f"without model= pci_add takes {name}",)
    expects = found.expects if found is not None else Expects()
    return _Made("add", "nic", expects, clues, today.nic(command, driver), remarks=remarks)


def _storage(command: Command, where: Placing) -> _Made:
    kind = command.get("if")
    if kind == "virtio":
        found = model("virtio-blk-pci", command, bool(where.express))
        expects = found.expects if found is not None else Expects()
        return _Made("add", "storage", expects, Clues(), today.virtio_disk(command))
    if kind == "scsi":
        controller = devices.MODELS["lsi53c895a"].expects
        if not command.get("file"):
            note = "without file= there is a controller and no disk"
            return _Made("add", "storage", controller, Clues(), today.scsi(command), remarks=(note,))
        node = "/dev/sr*" if command.get("media") == "cdrom" else "/dev/sd*"
        note = "the disk comes some 3 s after its controller, which resets its bus first"
        expects = controller._replace(subsystem="block", node=node)
        return _Made("add", "storage", expects, Clues(), today.scsi(command), remarks=(note,))
    refused = f"type {kind} not a hotpluggable PCI device (there are scsi and virtio)"
    if kind == "ide":
        refused = "type ide not a hotpluggable PCI device: an IDE bus takes no disk while the machine runs"
    return _Made("add", "storage", refused=refused)


def _host(command: Command, _where: Placing) -> _Made:
    unknown = "what the guest sees is the host's device"
    return _Made("add", "other", Expects(unknown=unknown), Clues(), today.host(command))


def _removal(command: Command, view: Optional[View]) -> _Made:
    """``pci_del``, ``device_del``: what goes is what the guest has there."""
    if command.name == "device_del":
        unknown = f"only QEMU knows which device has the id {command.subject}"
        return _Made("remove", "other", Expects(unknown=unknown), Clues(), (today.itself(command),))
    place = command.place
    refused = "QEMU knows no PCI domain but 0 in this command" if place is not None and place.domain else None
    there = _function_at(view, place)
    expects = Expects(unknown="nothing says what is there")
    kind = "other"
    if there is not None:
        ids = f"{there.vendor}:{there.device}"
        kind = _KINDS.get((there.class_ or "")[:2], "other")
        class_ = there.class_ if len(there.class_ or "") == 6 else None
        expects = Expects(class_, (ids,) if "None" not in ids else (), there.driver, None, None)
    lines = (f"device_del {today.BUS_ID}",)
    return _Made("remove", kind, expects, Clues(place=place), lines, refused, remarks=_hexadecimal(place))


def _function_at(view: Optional[View], place: Optional[Place]) -> Optional[PciFunction]:
    if view is None or place is None:
        return None
    address = place.address
    return next((function for function in view.functions.items if function.address == address), None)


def _drive_add(command: Command, view: Optional[View]) -> _Made:
    """With if=scsi a disk for the controller at that place; if=none makes a backend; nothing else can be added."""
    kind = command.get("if")
    if kind == "none":
        return _backend(command, view)
    if kind != "scsi":
        said = "without if= a drive belongs to the machine's own controller" if kind is None else f"if={kind}"
        refused = f"can't hot-add this drive: {said} (there are if=scsi, and if=none for a backend)"
        return _Made("add", "storage", refused=refused)
    disk = devices.MODELS["scsi-cd" if command.get("media") == "cdrom" else "scsi-hd"]
    note = "an LSI controller announces no new disk: the guest sees it after a rescan of the SCSI host"
    clues = Clues(place=command.place, function=False)
    remarks = (note, *_hexadecimal(command.place))
    return _Made("add", "storage", disk.expects, clues, today.scsi_drive(command), remarks=remarks)


def _backend(command: Command, _view: Optional[View]) -> _Made:
    action = "remove" if command.name.endswith(("_del", "-del", "_remove", "-remove")) else "add"
    note = "a backend alone: the guest sees nothing of it until device_add"
    if action == "remove":
        note = "a backend alone: a device that uses it stays in the guest"
    lines = () if command.name.startswith("host_net") else (today.itself(command),)
    return _Made(action, _BACKENDS[command.name], Expects(), Clues(function=False), lines, remarks=(note,))


def _elsewhere(command: Command, _view: Optional[View]) -> _Made:
    action = "remove" if command.name.endswith("_del") else "add"
    return _Made(action, "other", refused=_ELSEWHERE[command.name])


def _device_add(command: Command, view: Optional[View]) -> _Made:
    driver = devices.ALIASES.get(command.subject, command.subject)
    where = placing(command, view)
    found = model(driver, command, where.express if where.express is not None else _likely(view))
    lines: tuple[str, ...] = (today.itself(command, driver),)
    refused = devices.why_not(driver)
    if refused is not None:
        return _Made("add", _kind_of(driver), today=(), refused=refused)
    if found is None:
        unsure = f"no device model {driver} is known here: QEMU may know it"
        expects = Expects(unknown="the model is not known")
        return _Made("add", "other", expects, _clues(command, where, True), lines, where.refused, unsure, where.remarks)
    if not found.function:
        return _Made("add", found.kind, found.expects, _clues(command, where, False), lines)
    expects = found.expects
    if driver == "vfio-pci":
        expects = Expects(unknown="what the guest sees is the host's device")
    if where.refused is not None and command.get("bus") is None:
        lines = today.into_port(lines)
    elif where.refused is not None:
        lines = ()
    return _Made(
        "add", found.kind, expects, _clues(command, where, True), lines, where.refused, remarks=where.remarks
    )  # fmt: skip


def _likely(view: Optional[View]) -> Optional[bool]:
    """Whether a device comes to a PCIe bus, where all that take one are of the same kind."""
    kinds = served_kinds(view) if view is not None else frozenset()
    return next(iter(kinds)) if len(kinds) == 1 else None


def _kind_of(driver: str) -> str:
    if driver.startswith("ne2k"):
        return "nic"
    return "storage" if driver.startswith(("ide-", "usb-storage", "virtio-blk", "virtio-scsi", "isa-ide")) else "other"


def _clues(command: Command, where: Placing, function: bool) -> Clues:
    addr = command.place
    place = None
    if addr is not None and where.bus is not None:
        place = addr._replace(bus=int(where.bus[-2:], 16))
    on_root = None if command.get("bus") is None else where.bus is not None
    target = command.get("scsi-id") or ""
    return Clues(
        place,
        None if addr is None else addr.device,
        0 if addr is None else addr.function or 0,
        on_root,
        command.get("serial"),
        command.get("mac"),
        function,
        int(target) if target.isascii() and target.isdigit() and len(target) < 6 else None,
    )


_READERS: Mapping[str, Callable[[Command, Optional[View]], _Made]] = {
    "pci_add": _pci_add,
    "pci_del": _removal,
    "device_add": _device_add,
    "device_del": _removal,
    **dict.fromkeys(_BACKENDS, _backend),
    "drive_add": _drive_add,
    **dict.fromkeys(_ELSEWHERE, _elsewhere),
}
