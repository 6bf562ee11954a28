"""Records of lspci that stand under the address of another function."""

from __future__ import annotations

from collections.abc import Mapping

from hotplugctl.model.lspci import LspciRecord
from hotplugctl.model.validation import Subject, Subjects, Witness
from hotplugctl.rules.validation import fields, ranges
from hotplugctl.rules.validation.difference import Shows

_LOOKS = 20_000


def elsewhere(text: Witness, subjects: Subjects) -> Mapping[str, str]:
    """Function → the one of which sysfs says, field by field, what ``text`` says of it, where it is not itself.

    Sought among those whose own records do not fit, so that two cards of one kind are told apart from a third; what
    could be several is none.
    """
    if text.failure is not None or text.form == "tree":
        return {}
    shows = Shows.of(text, slots=subjects.slots_known)
    misfits = {
        str(record.address): record
        for record in text.records
        if str(record.address) in subjects.items and not _fits(text, record, subjects.items[str(record.address)], shows)
    }
    if len(misfits) ** 2 > _LOOKS:
        return {}
    found: dict[str, str] = {}
    for address, record in misfits.items():
        others = [one for one in misfits if one != address and _fits(text, record, subjects.items[one], shows)]
        if len(others) == 1:
            found[address] = others[0]
    return found


def _fits(text: Witness, record: LspciRecord, subject: Subject, shows: Shows) -> bool:
    if next(fields.differences(record, subject, shows), None) is not None:
        return False
    dump = text.dumps.get(str(record.address))
    return next(ranges.differences(record, subject, shows, dump), None) is None
