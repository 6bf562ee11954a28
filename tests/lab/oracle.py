"""What hotplugctl must have said, worked out from QMP and the scenario alone; every difference is one line of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.lab.guest import HostFunction
from tests.lab.plan import Sees, Snap

COUNTED = ("block", "net", "scsi_host", "nvme")
"""The subsystems whose nodes a scenario counts; of block only whole disks and partitions together."""

_CODES = {"ready": 0, "limited": 0, "not-ready": 1, "unknown": 3, "not-applicable": 3}
_SILENT = ("guest.source", "guest.names_from", "names_from")
_NAMES = ("class_name", "vendor_name", "device_name")
"""Out of the pci.ids of the machine that reads, which is another one for a recording."""


class Spoken(NamedTuple):
    """What one command said: exit status and JSON document (None where stdout held none), and what went to stderr."""

    code: Any
    document: Any
    stderr: str


class Host(NamedTuple):
    """What QEMU knows at a moment: the functions by address, and where each device of the scenario is or was."""

    functions: Mapping[str, HostFunction]
    addresses: Mapping[str, str]


def wrong_list(snap: Snap, host: Host, said: Spoken) -> Iterator[str]:
    """``list --json`` against the functions of QMP, those that cannot be seen left out."""
    yield from _spoken("list", said, 0)
    if said.document is None:
        return
    there = {function["address"]: function for function in said.document["functions"]}
    hidden = {host.addresses.get(id, "") for id in snap.unseen}
    expected = (set(host.functions) - hidden) | {host.addresses[id] for id in snap.ghosts if id in host.addresses}
    for address in sorted(expected - set(there)):
        yield f"list: {address} is missing (QEMU has {_named(host, address)} there)"
    for address in sorted(set(there) - expected):
        yield f"list: {address} should not be there"
    for address in sorted(set(there) & set(host.functions)):
        ours, theirs = there[address], host.functions[address]
        if (ours["vendor"], ours["device"]) != (theirs.vendor, theirs.device):
            yield f"list: {address} is {ours['vendor']}:{ours['device']}, QEMU says {theirs.vendor}:{theirs.device}"
    for sees in snap.sees:
        yield from _wrong_device(sees, host, there)


def _wrong_device(sees: Sees, host: Host, there: Mapping[str, Any]) -> Iterator[str]:
    address = host.addresses.get(sees.id)
    function = there.get(address or "")
    if function is None:
        yield f"list: {sees.id} is not there (address {address})"
        return
    if function["driver"] != sees.driver:
        yield f"list: {sees.id} ({address}) has driver {function['driver']}, expected {sees.driver}"
    counts = Counter(node["subsystem"] for node in function["nodes"] if node["subsystem"] in COUNTED)
    if dict(counts) != dict(sees.nodes):
        yield f"list: {sees.id} ({address}) has nodes {dict(counts)}, expected {dict(sees.nodes)}"


def wrong_slots(snap: Snap, host: Host, said: Spoken) -> Iterator[str]:
    """``slots --json`` against the slots that hold a function in QEMU, and against the numbers in the scenario."""
    yield from _spoken("slots", said, None)
    if said.document is None:
        return
    unsure = {host.addresses.get(id, "").rpartition(".")[0] for id in (*snap.unseen, *snap.ghosts)}
    taken = {address.rpartition(".")[0] for address in host.functions}
    for slot in said.document["slots"]:
        address = slot["address"]
        if address not in unsure and slot["occupied"] != (address in taken):
            yield f"slots: {slot['name']} at {address}: occupied is {slot['occupied']}, QEMU says {address in taken}"
    headroom = said.document["headroom"] or {}
    yield from _number("slots", "free_slots", headroom.get("free_slots"), snap.free)
    yield from _number("slots", "slots", headroom.get("slots"), snap.slots)


def wrong_check(snap: Snap, said: Spoken) -> Iterator[str]:
    """``check --json`` against the verdict, the mechanisms and exactly the findings that the scenario names."""
    yield from _spoken("check", said, _CODES[snap.verdict])
    document = said.document
    if document is None:
        return
    if document["verdict"] != snap.verdict:
        yield f"check: verdict is {document['verdict']}, expected {snap.verdict}"
    found = {f["id"]: f["summary"] for f in document["findings"] if f["status"] == "fail" and f["severity"] != "info"}
    for id in sorted(set(found) - snap.findings):
        yield f"check: finding not expected: {id}: {found[id]}"
    for id in sorted(snap.findings - set(found)):
        yield f"check: finding missing: {id}"
    for finding in document["findings"]:
        if finding["status"] == "crashed":
            yield f"check: rule {finding['id']} crashed: {finding['detail']}"
    usable = {mechanism["name"] for mechanism in document["mechanisms"] if mechanism["usable"]}
    if snap.mechanisms is not None and usable != snap.mechanisms:
        yield f"check: usable are {sorted(usable)}, expected {sorted(snap.mechanisms)}"
    headroom = document["headroom"] or {}
    yield from _number("check", "free_slots", headroom.get("free_slots"), snap.free)


def wrong_cause(said: Spoken, cause: str) -> Iterator[str]:
    """Causes come before their effects, and where several things are wrong the scenario's ``cause`` comes first."""
    wrong = _wrong_of(said)
    ids = [finding["id"] for finding in wrong]
    for number, finding in enumerate(wrong):
        for id in sorted(set(finding["because"]) & set(ids[number + 1 :]) - set(ids[:number])):
            yield f"check: {finding['id']} comes before its cause, {id}"
    if len(set(ids)) > 1 and ids[0] != cause:
        yield f"check: {ids[0]} comes first, expected {cause or 'that the scenario names its cause'}"


def wrong_survey(check: Spoken, said: Spoken) -> Iterator[str]:
    """``explain --json`` without a target begins with what comes first in ``check``, and blames nothing else."""
    yield from _spoken("explain", said, None)
    if said.document is None:
        return
    first, expected = ([finding["id"] for finding in _wrong_of(one)][:1] for one in (said, check))
    if first != expected:
        yield f"explain: {first} comes first, expected {expected}"
    if not expected and said.document["good"] is False:
        yield f"explain: says {said.document['headline']!r}, and check finds nothing wrong"


def wrong_device(address: str, check: Spoken, said: Spoken, unseen: bool) -> Iterator[str]:
    """``explain ADDRESS --json``: well where ``check`` says nothing of it, else with a finding; or not there."""
    command = f"explain {address}"
    yield from _spoken(command, said, None)
    if said.document is None:
        return
    about = [finding["id"] for finding in _wrong_of(check) if finding["address"] == address]
    wanted = (1, 3) if unseen else (1,) if about else (0,)
    if said.code not in wanted:
        yield f"{command}: exit status {said.code}, expected {wanted[0]}: {said.document['headline']}"
    if unseen and said.document["kind"] == "function":
        yield f"{command}: it is there, and the guest cannot know of it"
    missing = sorted(set(about) - {finding["id"] for finding in _wrong_of(said)})
    if missing and not unseen:
        yield f"{command}: does not say {', '.join(missing)}"


def _wrong_of(said: Spoken) -> list[dict[str, Any]]:
    findings = said.document["findings"] if said.document is not None else []
    return [one for one in findings if one["status"] == "fail" and one["severity"] != "info"]


def wrong_watch(lines: list[Any], expected: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """What ``watch --json`` told: ``expected`` has the addresses that were added, stalled and removed.

    Of each address that came: function-added, then device-ready or device-stalled; of each that went: function-removed
    after all that; of others nothing, and nothing lost.
    """
    told = [line for line in lines if line["event"] != "hello"]
    for line in told:
        if line["event"] in ("lost", "resync"):
            yield f"watch: {line['event']}: {line['reason']}"
    came = (*expected["added"], *expected["stalled"])
    ends = {**dict.fromkeys(expected["added"], "device-ready"), **dict.fromkeys(expected["stalled"], "device-stalled")}
    for event, addresses in (("function-added", came), ("function-removed", expected["removed"])):
        found = Counter(line["address"] for line in told if line["event"] == event)
        for address in sorted({*found, *addresses}):
            if found[address] != Counter(addresses)[address]:
                yield f"watch: {event} of {address} told {found[address]} times, expected {Counter(addresses)[address]}"
    for address, end in ends.items():
        order = [line["event"] for line in told if line["address"] == address]
        if end not in order:
            yield f"watch: {address} came, but no {end} was told; only {', '.join(order)}"
        elif order[0] != "function-added" or ("function-removed" in order and order[-1] != "function-removed"):
            yield f"watch: {address}: told in the order {', '.join(order)}"
        if end == "device-stalled" and not any(line["reason"] for line in told if line["event"] == end):
            yield f"watch: {address} stalled without a reason"


def wrong_timeline(said: Spoken, expected: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """``timeline --json`` against the same; the kernel log alone may not show every removal."""
    yield from _spoken("timeline", said, 0)
    if said.document is None:
        return
    came = [device["address"] for device in said.document["devices"] if device["action"] == "add"]
    for address in (*expected["added"], *expected["stalled"]):
        if address not in came:
            yield f"timeline: the insertion at {address} is missing"


def wrong_replay(command: str, live: Spoken, recorded: Spoken) -> Iterator[str]:
    """The same command on ``/`` and on a recording of that moment: equal, but for where it was read."""
    if live.code != recorded.code:
        yield f"{command}: exit status {live.code} live, {recorded.code} from the recording"
    for place, one, other in _differences(live.document, recorded.document, ""):
        if place not in _SILENT and place.rpartition(".")[2] not in _NAMES:
            yield f"{command}: {place} is {one!r:.120} live, {other!r:.120} from the recording"


def expected(snap: Snap, host: Host) -> dict[str, Any]:
    """What a recording of this moment must say for good, as ``expected.json`` of a recording holds it."""
    functions = {}
    for sees in snap.sees:
        function = host.functions[host.addresses[sees.id]] if host.addresses.get(sees.id) in host.functions else None
        if function is not None:
            ids = {"vendor": function.vendor, "device": function.device}
            functions[function.address] = {**ids, "driver": sees.driver}
    usable = {} if snap.mechanisms is None else {"mechanisms": sorted(snap.mechanisms)}
    return {"verdict": snap.verdict, **usable, "functions": functions}


def _spoken(command: str, said: Spoken, code: Any) -> Iterator[str]:
    if said.document is None:
        yield f"{command}: no JSON, exit status {said.code}: {said.stderr.strip()[-200:]}"
    if code is not None and said.code != code:
        yield f"{command}: exit status {said.code}, expected {code}"
    if said.stderr.strip():
        yield f"{command}: wrote to stderr: {said.stderr.strip()[:200]}"


def _number(command: str, name: str, said: Any, expected: Any) -> Iterator[str]:
    if expected is not None and said != expected:
        yield f"{command}: {name} is {said}, expected {expected}"


def _named(host: Host, address: str) -> str:
    function = host.functions.get(address)
    return "nothing" if function is None else function.id or f"{function.vendor}:{function.device}"


def _differences(one: Any, other: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            inside = f"{place}.{key}" if place else key
            yield from _differences(one.get(key, "(no such key)"), other.get(key, "(no such key)"), inside)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other)):
            yield from _differences(left, right, f"{place}[{number}]")
    elif one != other:
        yield place, one, other
