"""From signs to a timeline: the reducer of ``watch`` tells, and what it tells is put together device by device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hotplugctl.live.log_only import LogReader
from hotplugctl.live.reducer import feed, start
from hotplugctl.live.stages import failed_bars
from hotplugctl.live.state import LIMIT_S, State
from hotplugctl.live.timeline_evidence import Heard
from hotplugctl.live.timeline_going import Going
from hotplugctl.live.timeline_nodes import OWN, arrived, disk_of, whole
from hotplugctl.live.timeline_numbers import Numbers
from hotplugctl.live.timeline_waits import Marks
from hotplugctl.model.address import owner, parent
from hotplugctl.model.live import (
    ANNOUNCED,
    BOUND,
    DEVICE_READY,
    DEVICE_STALLED,
    DRIVER_UNBOUND,
    ENUMERATED,
    FUNCTION_ADDED,
    FUNCTION_REMOVED,
    NODE,
    NODE_ADDED,
    NODE_REMOVED,
    NODE_RENAMED,
    REMOVAL_REQUESTED,
    STAGES,
    UDEV,
    End,
    Journey,
    Sign,
    Transition,
    milliseconds,
)  # fmt: skip
from hotplugctl.model.log import LogLine
from hotplugctl.model.timeline import (
    ADD,
    FAILED,
    READY,
    REMOVE,
    REMOVED,
    STALLED,
    Milestone,
    Passage,
    Timeline,
)  # fmt: skip
from hotplugctl.model.uevent import UDEV_GROUP, Uevent

_UNDOES = {REMOVAL_REQUESTED: ANNOUNCED, NODE_REMOVED: NODE, DRIVER_UNBOUND: BOUND, FUNCTION_REMOVED: ENUMERATED}
_PATIENCE_S = 3600.0
_FUNCTIONS_KEPT = 50_000
PASSAGES_KEPT = 20_000
"""Insertions and removals that are told one by one: a guest with a thousand disks comes and goes ten times."""
_NOTHING: Mapping[str, str] = {}
_LOG_ENDS = {"outcome": "the kernel log says no more of it"}
_UNREAD = {"outcome": "the lines of the kernel log that follow were not read"}
_NOBODY = {"outcome": "what was in the slot is not known"}
_LOG_GOES = {"outcome": "a kernel log does not say that a function has gone"}


_NONE = Going(None, 0.0)


class Fold:
    """Takes in signs, in the order in which they were heard; bounded, as far as the reducer is.

    Of more than ``PASSAGES_KEPT`` insertions and removals the later ones are counted in the numbers alone.
    """

    def __init__(self, state: State) -> None:
        self._done: list[Passage] = []
        self._earlier: list[Passage] = []
        self._left_out = 0
        self._numbers = Numbers()
        self._begin(state)

    def _begin(self, state: State) -> None:
        self._state = state
        self._heard = Heard()
        self._marks = Marks()
        self._known: dict[str, Journey] = dict(state.functions)
        self._coming: dict[str, Going] = {}
        self._leaving: dict[str, Going] = {}
        # What came behind a function that was there, until udev is done with it.
        self._behind: dict[tuple[str, str], Going] = {}
        self._now = 0.0
        self._log = LogReader() if state.by_log else None

    def take(self, sign: Sign, source: str) -> None:
        """Take in one sign; ``source`` names its place: ``events/kmsg.jsonl:412``."""
        if self._log is not None and self._now > 0 and _is_boot(sign):
            self._end()
            self._begin(start(by_log=True))
        self._now = max(self._now, sign.heard)
        self._heard.hear(sign, source)
        self._marks.hear(sign)
        what = sign.what
        if isinstance(what, Uevent) and what.action == "remove":
            found = owner(what.devpath)
            journey = None if found is None else self._state.functions.get(found[0])
            if journey is not None:
                self._known[journey.address] = journey
        if isinstance(what, LogLine) and what.event is not None and what.event.kind == "button-canceled":
            self._stays(what.event.slot)
        for told in self._feed(sign):
            self._tell(told)
        if self._behind and isinstance(what, Uevent) and what.group == UDEV_GROUP and what.action == "add":
            self._done_by_udev(sign.at, what.devpath)
        if self._log is not None and len(self._state.functions) > _FUNCTIONS_KEPT:
            # A log tells no removals: without end the functions of it would be too.
            self._arrived(self._drop_oldest(), None)

    def gap(self, *, rebooted: bool, booting: Optional[bool]) -> None:
        """Lines of the log are left out here: how it went on with what was under way is not known.

        ``rebooted``: another boot began in them. ``booting``: as it is after them; None: as before.
        """
        before, log = self._state, self._log
        for going in (*self._coming.values(), *self._leaving.values()):
            going.unknown = _UNREAD
        for address in list(self._coming):
            self._arrived(address, None)
        for address, going in self._leaving.items():
            self._keep(REMOVE, address, going)
        self._earlier += _in_order(self._done)
        self._done = []
        self._begin(start(by_log=True))
        self._state.booting = before.booting if booting is None else booting
        if log is not None and self._log is not None and not rebooted:
            self._log.know(log, self._state, before)

    def _drop_oldest(self) -> str:
        journey = next(iter(self._state.functions.values()))
        self._state.drop(journey)
        self._known.pop(journey.address, None)
        return journey.address

    def _stays(self, slot: Optional[str]) -> None:
        """What was asked to go stays: the button was pressed again in time."""
        for address, going in list(self._leaving.items()):
            if slot is not None and going.slot == slot and list(going.stages) == [ANNOUNCED]:
                del self._leaving[address]
                going.outcome, going.reason = STALLED, "canceled: the button was pressed again"
                self._keep(REMOVE, address, going)

    def _feed(self, sign: Sign) -> list[Transition]:
        if self._log is None:
            return feed(self._state, sign)[1]
        before = self._log.before(self._state, sign)
        return before + self._log.after(self._state, sign, feed(self._state, sign)[1])

    def close(self, sources: tuple[str, ...], notes: tuple[str, ...], *, since_boot: bool = True,
              timed: bool = True) -> Timeline:  # fmt: skip
        """The timeline of all that was heard. Nothing may be taken in after it.

        ``since_boot`` False: the times are those of another clock. ``timed`` False: there are none, but for the order.
        """
        self._end()
        passages = self._earlier if since_boot else [_without_clock(one, timed) for one in self._earlier]
        if self._left_out:
            notes += (f"{self._left_out} more insertions and removals are counted in the numbers alone",)
        return Timeline(tuple(passages), self._numbers.spreads() if timed else (), sources, notes)

    def _end(self) -> None:
        """All that is under way ends here: the stream does, or the log goes on with another boot."""
        if self._log is not None:
            # Nobody watched until some moment: what a log does not say does not come any more.
            self._now += _PATIENCE_S
        for told in self._feed(Sign(self._now, self._now, End())):
            self._tell(told)
        for address in list(self._coming):
            self._arrived(address, None)
        for (address, _), going in self._behind.items():
            self._keep(ADD, address, going)
        self._behind = {}
        for address, going in list(self._leaving.items()):
            if self._log is not None:
                going.unknown = _LOG_GOES
                self._keep(REMOVE, address, going)
            elif ANNOUNCED in going.stages:
                going.outcome, going.reason = STALLED, "asked to go, and still there at the end"
                self._keep(REMOVE, address, going)
            else:
                self._went(address, going)
        self._earlier += _in_order(self._done)
        self._done = []

    def _keep(self, action: str, address: Optional[str], going: Going) -> None:
        passage = self._passage(action, address, going)
        if going.function:
            self._numbers.add(passage)
        if len(self._done) + len(self._earlier) < PASSAGES_KEPT:
            self._done.append(passage)
        else:
            self._left_out += 1

    def _tell(self, told: Transition) -> None:
        address = told.address
        if address is None:
            self._tell_slot(told)
            return
        journey = self._state.functions.get(address)
        if journey is not None:
            self._known[address] = journey
        if told.event == FUNCTION_ADDED:
            self._left(address, "something came anew at its address")
            self._arrived(address, "came anew, and its removal was not seen")
            first = told.monotonic if journey is None or journey.first is None else journey.first
            self._coming[address] = Going(journey, first)
        if told.event == NODE_ADDED and ANNOUNCED not in self._leaving.get(address, _NONE).stages:
            self._went(address, self._leaving.pop(address, _NONE))
        going = self._coming.get(address)
        if told.event == NODE_ADDED and self._is_later(going, told):
            self._came(address, told)
        elif going is not None:
            self._follow(going, told)
        if told.event in _UNDOES:
            self._undo(address, told)
        if told.event == FUNCTION_REMOVED:
            self._arrived(address, told.reason)
            self._known.pop(address, None)
            self._left(address, None)

    def _tell_slot(self, told: Transition) -> None:
        """An announcement that nothing came of, or a request of which it is not known whom it concerns."""
        if told.slot is None or told.event not in (DEVICE_STALLED, REMOVAL_REQUESTED):
            return
        pressed = self._marks.pressed(told.slot)
        at = told.monotonic if pressed is None else min(pressed, told.monotonic)
        going = Going(None, at)
        going.slot, going.reason = told.slot, told.reason
        going.reach(ANNOUNCED, at, self._heard.of(at, ANNOUNCED, None))
        if told.event == DEVICE_STALLED:
            going.outcome = STALLED
        else:
            going.unknown = _NOBODY
        self._keep(ADD if told.event == DEVICE_STALLED else REMOVE, None, going)

    def _is_later(self, going: Optional[Going], told: Transition) -> bool:
        """Whether a node came when its function had long been ready; a log does not tell those of the boot apart."""
        if self._log is not None or told.stage is not None:
            return False
        return going is None or told.monotonic - max(going.node_at, *going.stages.values()) > LIMIT_S

    def _came(self, address: str, told: Transition) -> None:
        """A disk behind a controller that was there."""
        journey = self._state.functions.get(address)
        node = arrived(journey, told)
        if node is None or journey is None:
            return
        disk = disk_of(journey, node)
        if disk is not None:
            # Its partitions come with it; those of a disk that was there are no device.
            going = self._behind.get((address, disk.name))
            if going is not None:
                going.nodes[node.name] = None
            return
        going = Going(journey, told.monotonic)
        going.reach(NODE, told.monotonic, self._heard.of(told.monotonic, NODE, journey))
        going.nodes[node.name] = None
        going.driver, going.slot = told.driver, told.slot
        going.function, going.reason = False, f"{node.name}: behind a function that was there"
        if self._state.udev and not node.ready:
            self._behind[address, node.name] = going
        else:
            going.outcome = READY
            self._keep(ADD, address, going)

    def _done_by_udev(self, at: float, devpath: str) -> None:
        found = owner(devpath)
        journey = None if found is None else self._state.functions.get(found[0])
        node = None if journey is None else journey.nodes.get(devpath)
        going = None if journey is None or node is None else self._behind.pop((journey.address, node.name), None)
        if journey is not None and going is not None:
            going.reach(UDEV, at, self._heard.of(at, UDEV, journey))
            going.outcome = READY
            self._keep(ADD, journey.address, going)

    def _went(self, address: str, going: Going) -> None:
        """Nodes have gone and their function stays: a disk that was pulled, or partitions that are read anew."""
        disks = whole(going.own, going.journey)
        if disks and self._log is None:
            going.function = False
            going.outcome, going.reason = REMOVED, f"{', '.join(disks)}: behind a function that stays"
            self._keep(REMOVE, address, going)

    def _follow(self, going: Going, told: Transition) -> None:
        journey = going.journey
        going.driver = told.driver or going.driver
        if told.event not in (DRIVER_UNBOUND, FUNCTION_REMOVED):
            self._copy(going)
        if told.event in (NODE_ADDED, NODE_RENAMED) and told.name is not None:
            going.nodes[told.name] = None
            going.node_at = told.monotonic
            if told.event == NODE_RENAMED and told.reason is not None:
                going.nodes.pop(told.reason.removeprefix("was "), None)
        if told.event == DEVICE_READY:
            late = going.reason is not None and going.outcome != READY
            going.outcome, going.reason = READY, f"was overdue: {going.reason}" if late else told.reason
        elif told.event == DEVICE_STALLED:
            failed = journey is not None and (journey.faults or failed_bars(journey))
            going.outcome, going.reason = FAILED if failed else STALLED, told.reason
            if self._log is not None and not failed:
                # Many drivers say nothing when all is well.
                going.outcome, going.reason, going.unknown = None, None, _LOG_ENDS

    def _copy(self, going: Going) -> None:
        """What the reducer knows of the stages now: it forgets some when a driver lets go."""
        journey = going.journey
        if journey is None:
            return
        going.first = going.first if journey.first is None else journey.first
        for stage, at in journey.stages.items():
            if going.stages.get(stage) != at:
                going.reach(stage, at, self._heard.of(at, stage, journey))

    def _undo(self, address: str, told: Transition) -> None:
        going = self._leaving.get(address)
        at = told.monotonic
        if going is None or at - max(going.stages.values()) > going.patience:
            if going is not None:
                self._went(address, going)
            going = self._leaving[address] = Going(self._known.get(address), at)
        if told.event == NODE_REMOVED and told.name is not None:
            going.nodes[told.name] = None
            if told.subsystem in OWN:
                going.own[told.name] = None
            before = self._behind.pop((address, told.name), None)
            if before is not None:
                before.outcome, before.reason = REMOVED, f"{told.name}: gone before udev was done with it"
                self._keep(ADD, address, before)
        going.slot = told.slot or going.slot
        going.driver = told.driver or going.driver
        stage = _UNDOES[told.event]
        going.reach(stage, at, self._heard.of(at, stage, going.journey))
        going.be_patient()

    def _left(self, address: str, reason: Optional[str]) -> None:
        going = self._leaving.pop(address, None)
        if going is None:
            return
        going.outcome, going.reason = REMOVED, reason
        self._keep(REMOVE, address, going)

    def _arrived(self, address: str, gone: Optional[str]) -> None:
        """Close an insertion. ``gone``: why nothing more can come of it; None at the end."""
        going = self._coming.pop(address, None)
        if going is None:
            return
        if going.outcome is None:
            going.outcome, going.reason = (REMOVED, gone) if gone is not None else (None, None)
        if going.outcome is None:
            self._copy(going)
        self._keep(ADD, address, going)

    def _passage(self, action: str, address: Optional[str], going: Going) -> Passage:
        journey = going.journey
        stages = tuple(
            Milestone(name, at, milliseconds(going.first, at), going.evidence.get(name))
            for name in STAGES
            if (at := going.stages.get(name)) is not None
        )
        path = None if journey is None else journey.path
        slot = going.slot or (None if address is None else self._state.slot_of(address))
        if slot is None and journey is not None:
            slot = journey.slot
        port = parent(path) if path else None
        waits = () if address is None else self._marks.waits(action, address, port, slot, stages)
        unknown = _NOTHING if going.outcome is not None else going.unknown
        ids = None if journey is None else journey.ids
        driver = going.driver or (None if journey is None else journey.driver or journey.log_driver)
        if driver is not None:
            # The head of a message may name the device too: nvme nvme0.
            driver = driver.partition(" ")[0]
        return Passage(
            address, ids, action, slot, driver, tuple(going.nodes), going.first, stages, waits, going.outcome,
            going.reason, unknown,
        )  # fmt: skip


def _in_order(passages: list[Passage]) -> list[Passage]:
    return sorted(passages, key=lambda one: (one.first or 0.0, one.address or ""))


def _is_boot(sign: Sign) -> bool:
    line = sign.what
    return isinstance(line, LogLine) and line.event is not None and line.event.kind == "boot"


def _without_clock(one: Passage, timed: bool) -> Passage:
    stages = tuple(stage._replace(at=None, after_ms=stage.after_ms if timed else None) for stage in one.stages)
    return one._replace(first=None, stages=stages, waits=one.waits if timed else ())
