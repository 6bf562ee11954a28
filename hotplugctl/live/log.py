"""Lines of the kernel log: milestones that uevents do not tell, requests at a slot, and what went wrong."""

from __future__ import annotations

import math
from typing import Callable, Optional

from hotplugctl.live.stages import bound, node_added, settle
from hotplugctl.live.state import FAULT_LIMIT_S, Announcement, State, general, told
from hotplugctl.model.live import (
    ANNOUNCED,
    BOUND,
    CHILD,
    DEVICE_STALLED,
    ENABLED,
    ENUMERATED,
    FUNCTION_ADDED,
    REMOVAL_REQUESTED,
    RESOURCES,
    Journey,
    NodeFact,
    NodeState,
    Transition,
)  # fmt: skip
from hotplugctl.model.log import BOOTED, KernelEvent, LogLine

# Lines older than the stream by more than this tell of the time before it.
_HISTORY_S = 0.5
_FAULTS_KEPT = 8
_SIGN_KEPT_S = 60.0
_UNBOUND = frozenset((None, "pci"))


def take(state: State, line: LogLine, at: float) -> list[Transition]:
    """Take in one line."""
    event = line.event
    if event is None:
        if state.booting and BOOTED.match(line.message):
            state.booting = False
        elif line.address is not None and not _is_history(state, at):
            _driver_speaks(state, line.address, line.prefix, at)
        return []
    if event.kind in ("boot", "host-bridge"):
        state.booting = event.kind == "boot" or state.booting
        return []
    if not state.by_log and _is_history(state, at):
        return []
    slot_of = _AT_SLOT.get(event.kind)
    if slot_of is not None:
        return slot_of(state, event, at)
    return _of_function(state, event, line, at)


def _is_history(state: State, at: float) -> bool:
    return not state.by_log and state.began is not None and at < state.began - _HISTORY_S


def _address(state: State, event: KernelEvent, line: LogLine) -> Optional[str]:
    """The function that a line is about: named by it, or found by its virtio device, SCSI host or NVMe controller."""
    if event.address is not None:
        return event.address
    for key in ("device", "name"):
        name = event.fields.get(key)
        if isinstance(name, str) and name in state.owners:
            return state.owners[name]
    scsi = event.fields.get("scsi")
    if isinstance(scsi, str):
        return state.owners.get("host" + scsi.partition(":")[0])
    return line.address


def _of_function(state: State, event: KernelEvent, line: LogLine, at: float) -> list[Transition]:
    address = _address(state, event, line)
    if event.kind == "device-found" and address is not None:
        return _found(state, event, address, at)
    journey = None if address is None else state.functions.get(address)
    if journey is None:
        return []
    _speaks(journey, line.prefix, at)
    if event.kind in _FAULTS:
        _fault(state, journey, line)
    elif event.kind.startswith("bar-"):
        _bar(state, journey, event, at)
    elif event.kind == "enabling":
        journey.reach(ENABLED, at)
    if not state.by_log:
        return []
    state.arm(journey)
    return _by_log(state, journey, event, at)


def _found(state: State, event: KernelEvent, address: str, at: float) -> list[Transition]:
    """``pci 0000:00:04.0: [1af4:1001] type 00 class 0x010000``: the kernel has seen it; its add event comes next."""
    journey = state.functions.get(address)
    if journey is None:
        journey = Journey(address, at)
        state.know(journey)
    elif not journey.told or (journey.first is not None and 0 <= journey.first - at < _SIGN_KEPT_S):
        journey.first = at if journey.first is None else min(at, journey.first)
    elif not state.by_log:
        # Another life, and the end of this one was not heard yet: the uevents will tell.
        return []
    if journey.told and state.by_log and not state.booting:
        # Another life: what is known of the one before stays as it was.
        journey = Journey(address, at)
        state.know(journey)
    fields = event.fields
    journey.class_ = str(fields.get("class") or "") or journey.class_
    journey.ids = f"{fields.get('vendor')}:{fields.get('device')}"
    journey.reach(ENUMERATED, at)
    if not state.by_log:
        state.arm(journey)
        return []
    if state.booting:
        journey.told = journey.settled = True
        journey.first = None
        return []
    journey.told = True
    state.announce(journey, None)
    state.arm(journey)
    return [told(state, FUNCTION_ADDED, at, journey, None, ENUMERATED)]


def _driver_speaks(state: State, address: str, prefix: Optional[str], at: float) -> None:
    journey = state.functions.get(address)
    if journey is not None:
        _speaks(journey, prefix, at)


def _speaks(journey: Journey, prefix: Optional[str], at: float) -> None:
    """The prefix of a function's messages is the name of its driver, from its probe on (drivers/base/core.c)."""
    if prefix not in _UNBOUND and journey.driver is None and journey.log_driver is None and journey.first is not None:
        journey.log_driver = prefix
        journey.reach(BOUND, at)


_BARS = {"bar-sized": "sized", "bar-assigned": "assigned", "bar-failed": "failed", "bar-released": "released"}
_BARS_KEPT = 64


def _bar(state: State, journey: Journey, event: KernelEvent, at: float) -> None:
    bar, word = event.fields.get("bar"), _BARS.get(event.kind)
    if not isinstance(bar, str) or word is None or (len(journey.bars) >= _BARS_KEPT and bar not in journey.bars):
        return
    journey.bars[bar] = word
    if journey.settled:
        # Windows move whenever something comes or goes behind a bridge: no stage of the bridge's own insertion.
        return
    if word == "assigned":
        if all(known == "assigned" for known in journey.bars.values()):
            journey.stages[RESOURCES] = at
    elif word == "failed" and not bar.startswith("bridge"):
        journey.stages.pop(RESOURCES, None)
        state.arm(journey, FAULT_LIMIT_S)


_FAULTS = frozenset((
    "probe-failed", "enable-failed", "nvme-failed", "nvme-down", "nvme-timeout", "virtio-refused", "device-not-ready",
    "no-bus-number", "net-rename-failed", "probe-deferred", "sriov-failed", "controller-failed", "shpc-refused",
))  # fmt: skip


def _fault(state: State, journey: Journey, line: LogLine) -> None:
    """Keep what the kernel said, in its words: the reason of a stall."""
    said = line.message.partition("\n")[0][:160]
    journey.faults.append(f"{line.prefix}: {said}" if line.prefix else said)
    del journey.faults[:-_FAULTS_KEPT]
    state.arm(journey, FAULT_LIMIT_S)


def _by_log(state: State, journey: Journey, event: KernelEvent, at: float) -> list[Transition]:
    """Where the log is all there is: a disk or an interface that it names is a node."""
    out: list[Transition] = []
    if not journey.told:
        return out
    name = event.fields.get("node") or event.fields.get("name")
    subsystem = _NODES.get(event.kind)
    if subsystem is not None and isinstance(name, str):
        if journey.log_driver is not None:
            out += bound(state, journey, at, journey.log_driver)
        path = f"{subsystem}/{name}"
        if path not in journey.nodes:
            file = f"/dev/{name}" if subsystem == "block" else None
            journey.nodes[path] = NodeState(NodeFact(subsystem, name, file, path), at)
            out.append(node_added(state, journey, journey.nodes[path], at))
    host = event.fields.get("name")
    if event.kind in ("scsi-host", "hba-found", "nvme-controller") and isinstance(host, str):
        state.own(host, journey.address)
        journey.reach(CHILD, at)
    return out + settle(state, journey, at)


_NODES = {"disk-sized": "block", "disk-attached": "block", "net-registered": "net"}


# What is asked of a slot.


def _announcement(state: State, event: KernelEvent, at: float) -> Announcement:
    key = (event.address or "", event.slot)
    found = state.announced.get(key)
    if found is None or found.deadline == math.inf or not 0 <= at - found.at < _SIGN_KEPT_S:
        found = state.announced[key] = Announcement(event.address or "", event.slot, at)
        while len(state.announced) > _ANNOUNCED_KEPT:
            del state.announced[next(iter(state.announced))]
    state.arm_slot(found)
    return found


_ANNOUNCED_KEPT = 1024


def _pressed(state: State, event: KernelEvent, at: float) -> list[Transition]:
    """The attention button, which QEMU presses for device_add and device_del alike; newer texts say what for."""
    action = event.fields.get("action")
    if action == "off":
        return _powering_off(state, event, at)
    found = _announcement(state, event, at)
    found.action = "on" if action == "on" else found.action
    return []


def _powering_on(state: State, event: KernelEvent, at: float) -> list[Transition]:
    _announcement(state, event, at).action = "on"
    return []


def _powering_off(state: State, event: KernelEvent, at: float) -> list[Transition]:
    """The removal of what is in the slot was asked for; the kernel waits 5 s for a second press before it acts."""
    pressed = state.announced.pop((event.address or "", event.slot), None)
    # One that a device came by was another press.
    since = at if pressed is None or pressed.deadline == math.inf else pressed.at
    concerned = [one for one in _in_slot(state, event) if one.told]
    for journey in concerned:
        journey.leaving = since
        journey.deadline = None
    reason = "attention button: the kernel removes it in 5 s"
    if not concerned:
        return [general(REMOVAL_REQUESTED, at, event.slot, reason)]
    return [told(state, REMOVAL_REQUESTED, at, journey, None, None, reason) for journey in concerned]


def _canceled(state: State, event: KernelEvent, _at: float) -> list[Transition]:
    state.announced.pop((event.address or "", event.slot), None)
    for journey in _in_slot(state, event):
        journey.leaving = None
    return []


def _trouble(state: State, event: KernelEvent, _at: float) -> list[Transition]:
    """No link, no power, no card: what was announced there will not come."""
    found = state.announced.get((event.address or "", event.slot))
    if found is None:
        found = next((one for key, one in state.announced.items() if key[0] == event.address), None)
    # Of one that a device came by, it is that device which is pulled.
    if found is not None and found.action != "off" and found.deadline != math.inf:
        found.fault = _WORDS[event.kind]
        state.arm_slot(found, FAULT_LIMIT_S)
    return []


def _in_slot(state: State, event: KernelEvent) -> list[Journey]:
    """The functions in a slot that a port's driver names: by the slot's address, else those right below a PCIe port."""
    names = {address for address, name in state.slots.items() if name == event.slot}
    below = [state.functions.get(address) for address in sorted(state.behind.get(event.address or "", ()))]
    return [
        one for one in below
        if one is not None and (one.address[:-2] in names or not names or one.slot == event.slot)
    ]  # fmt: skip


_WORDS = {
    "link-failed": "the link does not come up",
    "link-down": "the link is down",
    "no-device": "no device answers in the slot",
    "power-fault": "power fault in the slot",
    "power-failed": "the slot could not be powered",
    "latch-open": "the latch of the slot is open",
    "card-absent": "no card is present in the slot",
    "add-failed": "the kernel could not add it",
    "no-response": "the port does not answer",
}
_AT_SLOT: dict[str, Callable[[State, KernelEvent, float], list[Transition]]] = {
    "button-pressed": _pressed,
    "powering-on": _powering_on,
    "powering-off": _powering_off,
    "button-canceled": _canceled,
    **dict.fromkeys(_WORDS, _trouble),
}


def overdue(state: State, now: float) -> list[Transition]:
    """Announcements that nothing came of."""
    out = []
    for key, one in list(state.announced.items()):
        if one.deadline <= now:
            del state.announced[key]
            reason = one.fault or "announced, and no function came"
            if one.action != "off":
                out.append(general(DEVICE_STALLED, one.deadline, one.slot, reason, None, ANNOUNCED))
    state.queue_slots()
    return out
