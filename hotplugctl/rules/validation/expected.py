"""``expected.json`` against what the commands say.

``{"verdict": …, "mechanisms": [the usable ones], "functions": {ADDRESS: {key of list: value, …} or null}, "events":
[{key of watch: value, …}, …]}``, each key optional. ``null``: no such function. ``nodes``: all nodes of the function,
each as its name or as an object with some of its keys. ``events`` come in this order, and others may come between.
Functions and events that are not named may be there. The ``expected.json`` of a story, beside its stages, is of events
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from hotplugctl.model.address import PciAddress
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import EXPECTED_PATH, Expectation, Problem, Said, Told
from hotplugctl.rules.validation.words import capped, shown

_SOURCE = EXPECTED_PATH[1:]
_KEYS = ("verdict", "mechanisms", "functions", "events")
_STORY_KEYS = ("events",)
_MISSES = 20
# What a record of list can hold; a record names those that it could not tell in "unknown".
_NOT_EXPECTED = ("address", "unknown")


def expected(expectation: Optional[Expectation], said: Said) -> tuple[Problem, ...]:
    """What does not come true; nothing where nothing is expected."""
    if expectation is None:
        return ()
    if expectation.fault is not None:
        return (Problem(expectation.fault[0], _SOURCE, expectation.fault[1]),)
    return tuple(capped(_problems(expectation.document, said)))


def expected_of_story(expectation: Optional[Expectation], events: Optional[Iterable[Told]]) -> tuple[Problem, ...]:
    """The same for what stands beside the stages of a story."""
    if expectation is None:
        return ()
    if expectation.fault is not None:
        return (Problem(expectation.fault[0], _SOURCE, expectation.fault[1]),)
    strangers = [key for key in expectation.document if key not in _STORY_KEYS]
    found = [_unknown_keys("", strangers, _STORY_KEYS)] if strangers else []
    if "events" in expectation.document:
        found += _events(expectation.document["events"], events)
    return tuple(capped(found))


def wants_events(expectation: Optional[Expectation]) -> bool:
    """Whether events are expected: to play them takes as long as all the rest."""
    return expectation is not None and "events" in expectation.document


def _events(wanted: object, told: Optional[Iterable[Told]]) -> Iterator[Problem]:
    if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
        yield _malformed("events", "a list of objects")
        return
    if told is None:
        yield Problem("expected.event-missing", "events", "events are expected, and none were recorded")
        return
    events = list(told)
    begin = misses = 0
    for number, item in enumerate(wanted):
        strangers = [key for key in item if events and key not in events[0]]
        if strangers:
            yield _unknown_keys("", [f"events[{number}]: {key}" for key in strangers], events[0])
            continue
        place = next((at for at in range(begin, len(events)) if _is_event(item, events[at])), None)
        if place is not None:
            begin = place + 1
            continue
        yield _no_event(number, item, events[:begin])
        misses += 1
        if misses == _MISSES:
            # Each takes a look at all that is left.
            return


def _is_event(wanted: Mapping[str, object], told: Told) -> bool:
    return all(told.get(key) == value for key, value in wanted.items())


def _no_event(number: int, wanted: Mapping[str, object], before: list[Told]) -> Problem:
    where = f"events[{number}]"
    early = any(_is_event(wanted, told) for told in before)
    how = "tells it before the one expected before it" if early else "does not tell it"
    witnesses = (Evidence(f"{_SOURCE}:{where}", shown(wanted)), Evidence("hotplugctl watch --replay", "none"))
    return Problem("expected.event-missing", where, f"expected {shown(wanted)}, watch --replay {how}", witnesses)


def _problems(document: Mapping[str, object], said: Said) -> Iterator[Problem]:
    strangers = [key for key in document if key not in _KEYS]
    if strangers:
        yield _unknown_keys("", strangers, _KEYS)
    if "verdict" in document and document["verdict"] != said.verdict:
        yield _differs("expected.verdict", "verdict", document["verdict"], said.verdict, "check")
    if "mechanisms" in document:
        yield from _mechanisms(document["mechanisms"], said.mechanisms)
    if "functions" in document:
        yield from _functions(document["functions"], said.functions)
    if "events" in document:
        yield from _events(document["events"], said.events)


def _mechanisms(wanted: object, usable: frozenset[str]) -> Iterator[Problem]:
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        yield _malformed("mechanisms", "a list of names")
    elif set(wanted) != usable:
        yield _differs("expected.mechanisms", "mechanisms", sorted(wanted), sorted(usable), "check")


def _functions(wanted: object, functions: Mapping[str, Mapping[str, object]]) -> Iterator[Problem]:
    if not isinstance(wanted, dict):
        yield _malformed("functions", "an object: address to values")
        return
    for text, values in wanted.items():
        address = PciAddress.parse(text)
        if address is None:
            yield _malformed(f"functions: {shown(text)}", "a PCI address")
        elif values is not None and not isinstance(values, dict):
            yield _malformed(f"functions: {address}", "an object or null")
        else:
            yield from _function(str(address), values, functions.get(str(address)))


def _function(
    address: str, values: Optional[Mapping[str, object]], record: Optional[Mapping[str, object]]
) -> Iterator[Problem]:
    witness = (Evidence(f"{_SOURCE}:functions: {address}", shown(values)),)
    if values is None:
        if record is not None:
            yield Problem("expected.function-extra", address, "a function is there that is expected not to be", witness)
    elif record is None:
        yield Problem("expected.function-missing", address, "an expected function is not there", witness)
    else:
        known = [key for key in record if key not in _NOT_EXPECTED]
        strangers = [key for key in values if key not in known]
        if strangers:
            yield _unknown_keys(address, strangers, known)
        for key in values:
            if key in known:
                yield from _value(address, key, values[key], record)


def _value(address: str, key: str, wanted: object, record: Mapping[str, object]) -> Iterator[Problem]:
    found = record[key]
    where = f"{address} {key}"
    unknown = record.get("unknown")
    if isinstance(unknown, dict) and key in unknown:
        yield _differs("expected.function-differs", where, wanted, f"unknown ({unknown[key]})", "list")
    elif key == "nodes":
        if not isinstance(wanted, list) or not all(isinstance(item, (str, dict)) for item in wanted):
            yield _malformed(f"functions: {where}", "a list of names or objects")
        elif isinstance(found, list) and not _same_nodes(wanted, found):
            names = sorted(str(node["name"]) for node in found)
            yield _differs("expected.function-differs", where, wanted, names, "list")
    elif wanted != found and not (key == "modules" and _same_set(wanted, found)):
        yield _differs("expected.function-differs", where, wanted, found, "list")


def _same_set(wanted: object, found: object) -> bool:
    """The order of modules is that of a file."""
    if not isinstance(wanted, list) or not isinstance(found, list):
        return False
    return sorted(map(str, wanted)) == sorted(map(str, found))


def _same_nodes(wanted: list[object], found: list[Mapping[str, object]]) -> bool:
    """Whether each node that is wanted is one that was found, and none is left over."""
    left = list(found)
    # Names first, then what asks most: a vague object must not take another's node.
    objects = sorted((item for item in wanted if isinstance(item, dict)), key=len, reverse=True)
    for want in [*(item for item in wanted if isinstance(item, str)), *objects]:
        match = next((node for node in left if _is_node(want, node)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _is_node(want: object, node: Mapping[str, object]) -> bool:
    if isinstance(want, dict):
        return all(key in node and node[key] == value for key, value in want.items())
    return node.get("name") == want


def _differs(identifier: str, where: str, wanted: object, found: object, command: str) -> Problem:
    witnesses = (Evidence(f"{_SOURCE}:{where}", shown(wanted)), Evidence(f"hotplugctl {command}", shown(found)))
    return Problem(identifier, where, f"expected {shown(wanted)}, {command} says {shown(found)}", witnesses)


def _malformed(where: str, form: str) -> Problem:
    return Problem("expected.malformed", f"{_SOURCE}: {where}", f"not {form}")


def _unknown_keys(address: str, strangers: list[str], known: Iterable[str]) -> Problem:
    where = f"{_SOURCE}: functions: {address}" if address else _SOURCE
    return Problem("expected.unknown-key", where, f"unknown: {shown(strangers)}; known: {', '.join(known)}")
