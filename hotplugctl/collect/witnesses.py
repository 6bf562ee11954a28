"""What stands beside a recording's evidence (lspci's texts, ``expected.json``), and the functions it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from hotplugctl.collect import details, functions, guest, modules
from hotplugctl.collect.nodes import RISKY_SECONDS
from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.listing import Names
from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.reads import Absent, Unrecorded, Value, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.snapshot import Detail
from hotplugctl.model.validation import EXPECTED_PATH, Claims, Expectation, Subject, Subjects, Witness
from hotplugctl.parse import config_space, lspci, modalias
from hotplugctl.source.manifest import BadManifest
from hotplugctl.source.manifest import parse as parse_object
from hotplugctl.source.rooted import Rooted
from hotplugctl.source.tree import NAMES_LIMIT, Tree

_CMD = "/cmd"
# lspci -xxxx prints 14 KB for a function of PCI Express.
_TEXT_LIMIT = 64 << 20
_SLOTS = "/sys/bus/pci/slots"
_ID = re.compile(r"0x([0-9a-fA-F]{4,6})\Z")
_KEYS = ("vendor", "device", "subsystem_vendor", "subsystem_device", "class")
_CLAIMS_LIMIT = 10_000


def texts(tree: Rooted) -> tuple[Witness, ...]:
    """Every text ``cmd/lspci*``, parsed; one that cannot be read is there with its failure."""
    try:
        # Not Tree.names: witnesses are no evidence, and a manifest does not say that anybody listed them.
        names = sorted(tree.entries_at(_CMD, NAMES_LIMIT))
    except OSError:
        return ()
    return tuple(_text(tree, f"{_CMD}/{name}") for name in names if name.startswith("lspci"))


def _text(tree: Rooted, path: str) -> Witness:
    read = tree.read(path, _TEXT_LIMIT)
    if not isinstance(read, Value):
        return Witness(path, "none", (), {}, read)
    parsed = lspci.parse(read.data.decode("utf-8", "backslashreplace"))
    cut = bool(read.data) and not read.data.endswith(b"\n")
    # How the last record goes on is not known.
    records = parsed.records[:-1] if cut else parsed.records
    return Witness(path, parsed.form, records, _dumps(records), None, cut)


def _dumps(records: Iterable[LspciRecord]) -> Mapping[str, ConfigSpace]:
    """Address → the header that -x shows; a dump that is cut off shows none."""
    found = {str(record.address): config_space.parse(record.config) for record in records if record.config is not None}
    return {address: config for address, config in found.items() if config.readable}


def expectation(tree: Tree, top: str = "/") -> Optional[Expectation]:
    """``expected.json`` in the folder ``top``, None where there is none."""
    read = tree.read(top.rstrip("/") + EXPECTED_PATH)
    if isinstance(read, (Absent, Unrecorded)):
        return None
    if not isinstance(read, Value):
        return Expectation({}, ("expected.unreadable", reason(read)))
    try:
        return Expectation(parse_object(read.data))
    except BadManifest as bad:
        return Expectation({}, ("expected.malformed", f"expected.json cannot be used: {bad.message}"))


def subjects(tree: Tree) -> Subjects:
    """Every function of sysfs with all that lspci could say of it."""
    listed = functions.collect(tree)
    known = details.collect(tree, listed.items, {})
    slots = _slots(tree)
    aliases = {item.modalias for item in listed.items if item.modalias is not None}
    claims = _claims(tree, aliases) if len(aliases) <= _CLAIMS_LIMIT else None
    uevents = _uevents(tree, listed.items)
    items = {
        item.address: _subject(tree, item, known[item.address], slots or {}, claims)._replace(
            uevent=uevents.get(item.address, {})
        )
        for item in listed.items
    }
    return Subjects(items, listed.failure, slots is not None)


def _subject(
    tree: Tree,
    function: PciFunction,
    detail: Detail,
    slots: Mapping[str, tuple[str, ...]],
    claims: Optional[Mapping[str, Claims]],
) -> Subject:
    alias = function.modalias
    return Subject(
        function,
        _ids(tree, function),
        slots.get(function.slot_address, ()),
        detail.config if detail.config is not None and detail.config.readable else None,
        detail.resources,
        claims.get(alias, Claims(frozenset(), frozenset())) if claims is not None and alias is not None else None,
    )


def _uevents(tree: Tree, functions: Iterable[PciFunction]) -> Mapping[str, Mapping[str, str]]:
    """Address → what ``uevent`` says. It waits for the lock of its device, which a crashed driver never gives back."""
    paths = {function.address: f"{function.path}/uevent" for function in functions}
    reads = tree.read_risky(tuple(dict.fromkeys(paths.values())), RISKY_SECONDS) if paths else {}
    said = {path: _pairs(read.text) for path, read in reads.items() if isinstance(read, Value)}
    return {address: said.get(path, {}) for address, path in paths.items()}


def _pairs(text: str) -> Mapping[str, str]:
    found = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, equals, value in found if equals}


def _ids(tree: Tree, function: PciFunction) -> Mapping[str, tuple[Evidence, ...]]:
    """modalias tells all ids in one read, which is all that other commands look at; the single files may lie."""
    found: dict[str, list[Evidence]] = {key: [] for key in _KEYS}
    split = modalias.split_pci(function.modalias) if function.modalias is not None else None
    for key, value in zip(_KEYS, split or ()):
        found[key].append(Evidence(f"{function.path}/modalias", value))
    for key in _KEYS:
        read = tree.read(f"{function.path}/{key}")
        number = _ID.match(read.text) if isinstance(read, Value) else None
        if number is not None:
            found[key].append(Evidence(read.path, number[1].lower()))
    return {key: tuple(values) for key, values in found.items()}


def _slots(tree: Tree) -> Optional[Mapping[str, tuple[str, ...]]]:
    """Slot address → its names: lspci takes the last that it comes across, in the order of the directory."""
    listing = tree.names(_SLOTS)
    if not isinstance(listing, Names):
        return {} if isinstance(listing, Absent) else None
    found: dict[str, tuple[str, ...]] = {}
    for name in listing.names:
        address = tree.read(f"{_SLOTS}/{name}/address")
        if isinstance(address, Value):
            found[address.text] = (*found.get(address.text, ()), name)
    return found


def _claims(tree: Tree, aliases: Iterable[str]) -> Optional[Mapping[str, Claims]]:
    wanted = tuple(aliases)
    release = guest.release(tree)[0]
    claimed, failure = modules.matches(tree, release, wanted)
    if failure is not None:
        return None
    inside = modules.builtin_matches(tree, release, wanted)
    return {alias: Claims(frozenset(claimed.get(alias, ())), frozenset(inside.get(alias, ()))) for alias in wanted}
