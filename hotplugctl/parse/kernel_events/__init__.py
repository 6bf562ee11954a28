"""What lines of the kernel log mean for PCI hot-plug: the texts of Linux 2.6.28 to 7.0, all of them always.

Distributions carry texts back to older kernels, so none is chosen by version; and a driver's name is the prefix of the
device's messages once it is bound, so none is told by its prefix where its words suffice.

Kinds of events, by family: ``slots`` (core and drivers, controllers, buttons, presence, link, power), ``osc`` (who
controls native hot-plug), ``bars`` (sized, assigned, failed), ``resources`` (functions, windows, enabling),
``children`` (drivers that fail, virtio, SCSI, NVMe, disks, interfaces), ``trouble`` (hung tasks, oopses, panics; a
driver that lets go; the boot).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from re import Match
from typing import Optional

from hotplugctl.model.log import EventReader, Head, KernelEvent
from hotplugctl.parse.kernel_events import bars, children, osc, resources, slots, trouble
from hotplugctl.parse.kernel_events.rule import Rule, index

_BY_START = index((bars.FAMILY, slots.FAMILY, osc.FAMILY, resources.FAMILY, children.FAMILY, trouble.FAMILY))


class _Inner(Rule):
    """Messages within messages: what follows ``pciehp: `` or ``Slot(4): `` has an index of its own."""

    __slots__ = ("_table",)

    def __init__(self, pattern: str, table: Mapping[str, Sequence[Rule]]) -> None:
        super().__init__(pattern, self._within)
        self._table = table

    def _within(self, found: Match[str], head: Head) -> Optional[KernelEvent]:
        text = found.string[found.end() :]
        for rule in self._table.get(text[:4], ()):
            event = rule.read(text, head)
            if event is not None:
                return KernelEvent(event.kind, event.address, found["slot"] or event.slot, event.fields)
        return None


_IN_SLOT = _Inner(r"Slot\((?P<slot>[^()\s]{1,64})\):? ", index((slots.IN_SLOT,)))
_BY_START["Slot"] = [_IN_SLOT, *_BY_START["Slot"]]
# The drivers' own prefix after that of the device (dev_fmt); it does not nest.
_WITHIN = dict(_BY_START)
for _driver in ("pciehp", "shpchp", "acpiphp"):
    _BY_START[_driver[:4]] = [*_BY_START.get(_driver[:4], ()), _Inner(rf"{_driver}: (?P<slot>)", _WITHIN)]

_BY_PREFIX: dict[Optional[str], Sequence[Rule]] = {}
_PREFIXES_KEPT = 4096
_FORMS = {
    start: [(form, rule) for starts, form, rule in children.BY_PREFIX + trouble.BY_PREFIX if start in starts.split("|")]
    for starts, _, _ in children.BY_PREFIX + trouble.BY_PREFIX
    for start in starts.split("|")
}

STARTS = frozenset(start for start in _BY_START if len(start) == 4)
"""The first four characters of messages that may mean something (beside those whose head ``worth`` lets through)."""


def event_of(text: str, head: Optional[Head] = None) -> Optional[KernelEvent]:
    """The event that a message states, None where it means nothing to PCI hot-plug.

    ``text`` is a message without its stamp (``pci 0000:00:04.0: enabling device (0000 -> 0003)``), or with ``head``
    what follows that head (``Head.split``). Total on any text.
    """
    if head is None:
        head, text = Head.split(text)
    rules = _BY_START.get(text[:4])
    if rules is None and worth(head):
        rules = _BY_START.get(text[:1])
    for rule in rules or ():
        event = rule.read(text, head)
        if event is not None:
            return event
    for rule in _prefix_rules(head):
        event = rule.read(text, head)
        if event is not None:
            return event
    return None


def worth(head: Head) -> bool:
    """Whether messages of this head may mean something whatever they begin with."""
    return head.address is not None or head.subject is not None or bool(_prefix_rules(head))


READER = EventReader(event_of, STARTS, worth)


def _prefix_rules(head: Head) -> Sequence[Rule]:
    if head.subject is not None:
        return (children.BY_SUBJECT,)
    prefix = head.prefix
    if prefix not in _BY_PREFIX:
        if len(_BY_PREFIX) >= _PREFIXES_KEPT:
            _BY_PREFIX.clear()
        _BY_PREFIX[prefix] = [rule for form, rule in _FORMS.get((prefix or "")[:2], ()) if form.match(prefix or "")]
    return _BY_PREFIX[prefix]


_BAR_STATES = {
    "bar-sized": "sized",
    "bar-assigned": "assigned",
    "bar-failed": "failed",
    "bar-released": "released",
    "bar-conflict": "conflict",
}


def bar_states(events: Iterable[KernelEvent]) -> Mapping[tuple[str, str], str]:
    """The last state of every BAR, by address and name: sized, assigned, failed, released or conflict.

    The kernel tries again after a failure, so only the last message counts. A function that is found anew starts anew.
    """
    states: dict[tuple[str, str], str] = {}
    bars: dict[str, list[str]] = {}
    for event in events:
        address, bar = event.address, event.fields.get("bar")
        if address is None:
            continue
        if event.kind == "device-found":
            for name in bars.pop(address, ()):
                del states[address, name]
        state = _BAR_STATES.get(event.kind)
        if state is not None and isinstance(bar, str):
            if (address, bar) not in states:
                bars.setdefault(address, []).append(bar)
            states[address, bar] = state
    return states
