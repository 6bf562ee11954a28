"""Puts an explanation together: snapshot and findings as of ``check``, what log and events know, the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from hotplugctl.cli.explain_history import History, is_in, overall, told_of
from hotplugctl.collect import guest, lineage, modules, names, nodes, signs, uses
from hotplugctl.collect.snapshot import collect
from hotplugctl.live.standing import standing, troubles
from hotplugctl.model.devices import Node, PciFunction, Slot
from hotplugctl.model.explanation import (
    FUNCTION,
    NOWHERE,
    OVERVIEW,
    SLOT,
    Called,
    Explanation,
    Standing,
    Subject,
)  # fmt: skip
from hotplugctl.model.live import Look
from hotplugctl.model.reads import reason
from hotplugctl.model.report import Finding
from hotplugctl.model.snapshot import Snapshot
from hotplugctl.model.target import Target
from hotplugctl.rules import answer, catalogue
from hotplugctl.rules.answer import Answer
from hotplugctl.rules.explain import concern, headline, overview, place
from hotplugctl.rules.explain import lineage as above
from hotplugctl.rules.explain.said import Wanted
from hotplugctl.rules.explain.stages import Known, stages, used
from hotplugctl.source.tree import Tree


class Scene(NamedTuple):
    """What every explanation starts from. ``root``: what --root names, where recorded events may be."""

    tree: Tree
    machine: Optional[Tree]
    root: Optional[str]
    snapshot: Snapshot
    said: Answer

    @property
    def failed(self) -> Sequence[Finding]:
        return self.said.report.findings


def scene(tree: Tree, machine: Optional[Tree], root: Optional[str]) -> Scene:
    """Read all that the rules ask for."""
    snapshot = collect(tree)
    return Scene(tree, machine, root, snapshot, answer.answer(snapshot, catalogue.select()))


def explain(here: Scene, target: Target) -> Explanation:
    """What is known of a target (``collect.targets``)."""
    functions = {function.address: function for function in here.snapshot.functions.items}
    # What has gone since the target was found is nowhere.
    inside = [functions[address] for address in target.functions if address in functions]
    slot = _slot(here.snapshot, target, inside)
    if inside:
        return _of_function(here, target, inside, slot)
    if target.kind == "slot" and slot is not None:
        return _of_slot(here, target, slot)
    return _of_nothing(here, target, slot)


def _slot(snapshot: Snapshot, target: Target, inside: Sequence[PciFunction]) -> Optional[Slot]:
    for slot in snapshot.slots.items:
        if target.slot is not None and slot.name == target.slot:
            return slot
    wanted = inside[0].slot_address if inside else target.slot_address
    exact = next((one for one in snapshot.slots.items if wanted is not None and one.address == wanted), None)
    address = inside[0].address if inside else None
    return exact or next(
        (one for one in snapshot.slots.items if address is not None and address in one.functions), None
    )


def _of_function(here: Scene, target: Target, inside: Sequence[PciFunction], slot: Optional[Slot]) -> Explanation:
    function, snapshot = inside[0], here.snapshot
    own, failure = nodes.of_function(here.tree, function.address, snapshot.nodes)
    near = lineage.collect(here.tree, function, own, failure if not own else None, _name(slot))
    stands = standings(here, {function.address: own})[function.address]
    others = tuple(one.address for one in inside[1:])
    findings = _about_function(here, function, slot, own, stands)
    log = told_of(here.tree, here.root, _wanted(snapshot, function, slot, own, others))
    known = Known(snapshot, function, slot, near, stands, log, findings)
    subject = Subject(function, stands, stages(known), above.lineage(snapshot, function, near),
                      _called(here, function), others)  # fmt: skip
    good, said = headline.of_function(subject, findings)
    return Explanation(
        FUNCTION, target.text, here.tree.kind, function.address, _name(slot), good, said, None, subject, slot, None,
        None, None, findings, log,
    )  # fmt: skip


def standings(here: Scene, below: Mapping[str, tuple[Node, ...]]) -> Mapping[str, Standing]:
    """How far these functions have come; ``below``: the nodes of each."""
    snapshot = here.snapshot
    items = [item for item in snapshot.functions.items if item.address in below]
    disks = [node for item in items for node in used(below[item.address], item)]
    done = signs.done_by_udev(here.tree, disks, True)
    children: dict[str, dict[str, Optional[str]]] = {}
    for child in snapshot.children:
        children.setdefault(child.address, {})[child.path[len("/sys") :]] = child.driver
    slots = {slot.address: slot.name for slot in snapshot.slots.items if slot.address is not None}
    claims = None if snapshot.modules.matches_failure is not None else snapshot.modules.matches
    facts = (signs.fact(item, below[item.address], done, children, slots, claims) for item in items)
    wrong = concern.wrong(here.failed)
    trouble = troubles((one.address, one.summary) for one in wrong)
    return standing(Look("start", tuple(facts), slots), snapshot.udev.running, trouble, concern.bars(wrong))


def _about_function(
    here: Scene, function: PciFunction, slot: Optional[Slot], own: Sequence[Node], stands: Standing
) -> tuple[Finding, ...]:
    children = (child.name for child in here.snapshot.children if child.address == function.address)
    subjects = {*children, *(node.name for node in own)}
    if slot is not None:
        subjects.add(f"slot {slot.name}")
    called = concern.Names(frozenset([function.address]), frozenset(subjects))
    return concern.concerning(here.failed, called, concern.OWN if stands.settled else concern.STALLED)


def _wanted(
    snapshot: Snapshot, function: PciFunction, slot: Optional[Slot], own: Sequence[Node], others: tuple[str, ...]
) -> Wanted:
    parts = {part for node in own for part in node.via if part[-1:].isdigit()}
    words = [child.name for child in snapshot.children if child.address == function.address]
    words += [node.name for node in own] + sorted(parts)
    ports = tuple(port for port in (function.parent, None if slot is None else slot.port) if port is not None)
    return Wanted(function.address, _name(slot), ports, tuple(dict.fromkeys(words)), others)


def _called(here: Scene, function: PciFunction) -> Called:
    called = names.collect(here.tree, here.machine, (function,))
    aliases = {function.modalias} if function.modalias is not None else set()
    claims, failure = modules.matches(here.tree, guest.release(here.tree)[0], aliases)
    return Called(called, claims if failure is None else failure)


def _name(slot: Optional[Slot]) -> Optional[str]:
    return None if slot is None else slot.name


def _of_slot(here: Scene, target: Target, slot: Slot) -> Explanation:
    """An empty one, or one whose card shows no function."""
    findings = _about_place(here, slot, slot.bus, None)
    log = told_of(here.tree, here.root, _of_place(slot, None))
    foretold = place.prospect(here.snapshot, here.said.headroom, slot, findings)
    good, said, why = headline.of_slot(slot, foretold, findings)
    return Explanation(
        SLOT, target.text, here.tree.kind, None, slot.name, good, said, why, None, slot, foretold, None, None, findings,
        log,
    )  # fmt: skip


def _about_place(
    here: Scene, slot: Optional[Slot], bus: Optional[str], address: Optional[str], name: Optional[str] = None
) -> tuple[Finding, ...]:
    subjects = {bus or ""}
    if name is not None:
        # Of a disk its partitions too.
        named = (one.name for one in here.snapshot.stranded)
        subjects |= {one for one in named if one == name or is_in(one, (name,))}
    if slot is not None:
        subjects |= {f"slot {slot.name}", slot.mechanism or ""}
    port = here.snapshot.buses.get(bus or "")
    addresses = frozenset(one for one in (address, port) if one is not None)
    called = concern.Names(addresses, frozenset(subjects - {""}))
    return concern.concerning(here.failed, called, concern.PLACE)


def _of_place(slot: Optional[Slot], address: Optional[str], words: tuple[str, ...] = ()) -> Wanted:
    ports = () if slot is None or slot.port is None else (slot.port,)
    if address is None and slot is not None and slot.address is not None:
        address = f"{slot.address}.0" if slot.address.count(":") > 1 else None
    return Wanted(address, _name(slot), ports, words)


def _of_nothing(here: Scene, target: Target, slot: Optional[Slot]) -> Explanation:
    """Nothing is there, or nothing on a PCI function is called so."""
    snapshot = here.snapshot
    bus = None if target.address is None else target.address[:-5]
    name = place.node_name(target)
    findings = () if target.nodes else _about_place(here, slot, bus, target.address, name)
    log = told_of(here.tree, here.root, _of_place(slot, target.address, () if name is None else (name,)))
    off_pci = bool(target.nodes)
    still = () if name is None or off_pci else uses.points(here.tree, f"/dev/{name}")
    missing = place.nowhere(snapshot, target, slot, log, still)
    foretold = None
    if slot is not None and not slot.functions:
        foretold = place.prospect(snapshot, here.said.headroom, slot, findings)
    why = _untold(here, target)
    good = None if why is not None or off_pci else False
    said = headline.of_nothing(target, missing, log, off_pci, why)
    return Explanation(
        NOWHERE, target.text, here.tree.kind, target.address, _name(slot) or target.slot, good, said, why, None, slot,
        foretold, missing, None, findings, log,
    )  # fmt: skip


def _untold(here: Scene, target: Target) -> Optional[str]:
    """Why it cannot be told whether it is there: what was listed whole proves what is not in it."""
    snapshot = here.snapshot
    failures = [snapshot.functions.failure]
    if target.kind in ("slot", None):
        failures.append(snapshot.slots.failure)
    if target.kind != "address" and target.kind != "slot":
        failures.append(nodes.bare(here.tree)[1])
    failed = next((failure for failure in failures if failure is not None), None)
    if failed is not None:
        return reason(failed)
    if target.kind not in ("serial", None):
        return None
    disks = (node for some in snapshot.nodes.values() for node in some)
    return next((node.unknown["serial"] for node in disks if "serial" in node.unknown), None)


def survey(here: Scene) -> Explanation:
    """Without a target: all that came lately, what waits, and what cannot be seen from inside."""
    history: History = overall(here.tree, here.root)
    came = overview.latest(history.timeline)
    there = {function.address for function in here.snapshot.functions.items}
    present = {one.address for one in came if one.address in there and one.address is not None}
    below = nodes.bare(here.tree)[0] if present else {}
    stands = standings(here, {address: below.get(address, ()) for address in present}) if present else {}
    findings = tuple(overview.causes(here.failed, here.snapshot))
    seen = overview.overview(here.snapshot, here.said.headroom, here.failed, came, stands)
    good, said, why = headline.of_all(
        here.said.report, seen, findings, history.log, overview.unheard(seen, here.snapshot)
    )
    return Explanation(
        OVERVIEW, None, here.tree.kind, None, None, good, said, why, None, None, None, None, seen, findings, history.log
    )
