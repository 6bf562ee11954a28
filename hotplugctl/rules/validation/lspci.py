"""lspci's texts against sysfs, function by function and field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hotplugctl.model.reads import Absent, Unrecorded, reason
from hotplugctl.model.report import Evidence
from hotplugctl.model.validation import Problem, Subjects, Witness
from hotplugctl.rules.validation import fields, names, ranges, swapped
from hotplugctl.rules.validation.difference import Difference, Shows
from hotplugctl.rules.validation.words import capped, shown


class _Key(NamedTuple):
    """What several texts can say alike: one problem, many witnesses."""

    id: str
    where: str
    summary: str


def lspci(texts: Iterable[Witness], subjects: Subjects) -> tuple[Problem, ...]:
    """Every contradiction; what sysfs or the text does not tell contradicts nothing. Trees (-t) are not looked at."""
    found: dict[_Key, list[Evidence]] = {}
    given = tuple(texts)
    known_elsewhere = {text.source: swapped.elsewhere(text, subjects) for text in given}
    claims = [claim for text in given for claim in _of_text(text, subjects, known_elsewhere[text.source])]
    named = [_without(text, known_elsewhere[text.source]) for text in given]
    for key, witnesses in [*claims, *_names(named)]:
        known = found.setdefault(key, [])
        known += [witness for witness in witnesses if witness not in known]
    return tuple(capped(Problem(*key, tuple(witnesses)) for key, witnesses in found.items()))


def _without(text: Witness, left_out: Mapping[str, str]) -> Witness:
    if not left_out:
        return text
    return text._replace(records=tuple(record for record in text.records if str(record.address) not in left_out))


def _of_text(text: Witness, subjects: Subjects, elsewhere: Mapping[str, str]) -> Iterator[tuple[_Key, list[Evidence]]]:
    """``elsewhere``: function → the one of which sysfs says what the text says of it."""
    if text.failure is not None:
        yield _Key("lspci.unreadable", text.source, reason(text.failure)), []
        return
    if text.form == "tree":
        return
    if subjects.failure is not None and not isinstance(subjects.failure, Absent):
        if text.records and not isinstance(subjects.failure, Unrecorded):
            why = f"lspci names functions, and sysfs cannot be asked: {reason(subjects.failure)}"
            yield _Key("lspci.unverifiable", text.source, why), []
        return
    if not text.records and subjects.items and not text.cut:
        why = f"no function in it, and sysfs has {len(subjects.items)}"
        yield _Key("lspci.empty", text.source, why), []
        return
    yield from _sets(text, subjects)
    for address, other in elsewhere.items():
        why = f"what lspci says of it, sysfs says of {other}"
        witnesses = [Evidence(text.source, address), Evidence(subjects.items[other].function.path, other)]
        yield _Key("lspci.function-swapped", address, why), witnesses
    yield from _fields(_without(text, elsewhere), subjects)


def _sets(text: Witness, subjects: Subjects) -> Iterator[tuple[_Key, list[Evidence]]]:
    counts = Counter(str(record.address) for record in text.records)
    for address, count in counts.items():
        if count > 1 and text.form != "mixed":
            why = f"lspci names a function {count} times, which it never does"
            yield _Key("lspci.function-doubled", address, why), [Evidence(text.source, address)]
    for address, subject in subjects.items.items():
        if address not in counts and not text.cut:
            why = "sysfs has a function that lspci does not name"
            witnesses = [Evidence(text.source, "none"), Evidence(subject.function.path, address)]
            yield _Key("lspci.function-missing", address, why), witnesses
    for address in dict.fromkeys(str(record.address) for record in text.records):
        if address not in subjects.items:
            why = "lspci names a function that sysfs does not have"
            yield _Key("lspci.function-extra", address, why), [Evidence(text.source, address)]


def _fields(text: Witness, subjects: Subjects) -> Iterator[tuple[_Key, list[Evidence]]]:
    shows = Shows.of(text, slots=subjects.slots_known)
    for record in text.records:
        address = str(record.address)
        subject = subjects.items.get(address)
        if subject is None:
            continue
        for difference in fields.differences(record, subject, shows):
            yield _problem(text.source, address, difference)
        for difference in ranges.differences(record, subject, shows, text.dumps.get(address)):
            yield _problem(text.source, address, difference)


def _names(texts: Iterable[Witness]) -> Iterator[tuple[_Key, list[Evidence]]]:
    """Names are no evidence, but all texts have them from the same pci.ids."""
    for address, field, said in names.disagreements(texts):
        words = ", elsewhere ".join(shown(name) for name in dict.fromkeys(item.value for item in said))
        key = _Key("lspci.field-differs", f"{address} {field}", f"lspci says {words}")
        yield key, [Evidence(item.source, shown(item.value)) for item in said]


def _problem(source: str, address: str, item: Difference) -> tuple[_Key, list[Evidence]]:
    said, found = shown(item.said), shown(item.found)
    key = _Key("lspci.field-differs", f"{address} {item.field}", f"lspci says {said}, sysfs says {found}")
    return key, [Evidence(source, said), Evidence(item.source, found)]
