"""The text of ``expect``, and of a fault in what it was given."""

from __future__ import annotations

from hotplugctl.model.monitor import Expectation, Expects, Fault, Sighting
from hotplugctl.render.escape import printable

_AROUND = 30
_LISTED = 12
_RED, _GREEN, _PLAIN = "\033[31m", "\033[32m", "\033[0m"


def expect(item: Expectation, sighting: Sighting, color: bool) -> str:
    """What is plugged, how it is spelt today, what the guest should see, and whether it did."""
    rows = [("command", _shortened(item.command)), (_HEADS[item.valid], _verdict(item))]
    rows += [("today" if not place else "", line) for place, line in enumerate(item.today)]
    if item.valid is not False:
        rows.append(("guest sees" if item.action == "add" else "guest loses", _expects(item.expects)))
    rows.append(("seen", _seen(item, sighting)))
    rows += [("note", note) for note in (*item.remarks, *sighting.remarks)]
    return "\n".join(_row(head, printable(text), item.valid, color) for head, text in rows)


_HEADS = {True: "plugs", False: "refused", None: "unsure"}
_WIDTH = 12


def _row(head: str, text: str, valid: object, color: bool) -> str:
    padded = f"{head:<{_WIDTH}}"
    if color and head in _HEADS.values():
        return f"{_RED if valid is False else _GREEN}{padded}{_PLAIN}{text}"
    return f"{padded}{text}".rstrip()


def _verdict(item: Expectation) -> str:
    kind = {"nic": "a network card", "storage": "storage", "other": "a device"}[item.kind]
    what = f"{'in' if item.action == 'add' else 'out'}: {kind}"
    return what if item.reason is None else item.reason


def _shortened(text: str) -> str:
    """A long command by its beginning; its lines on one."""
    line = " | ".join(part.strip() for part in text.split("\n") if part.strip())
    return line if len(line) <= 400 else line[:400] + "..."


def _expects(expects: Expects) -> str:
    parts = [
        f"class {expects.class_}" if expects.class_ else "",
        " or ".join(expects.ids),
        f"driver {expects.driver}" if expects.driver else "",
        " ".join(word for word in (expects.subsystem, expects.node) if word),
    ]
    text = ", ".join(part for part in parts if part)
    if expects.unknown is not None:
        return f"{text}; {expects.unknown}" if text else f"? ({expects.unknown})"
    return text or "nothing"


def _seen(item: Expectation, sighting: Sighting) -> str:
    unknown = dict(sighting.unknown)
    if sighting.seen is None:
        where = f", expected at {sighting.address}" if sighting.address and item.action == "add" else ""
        return f"? ({unknown.get('seen', 'not looked for')}){where}"
    if sighting.seen:
        gone = "gone" if item.action == "remove" else "yes"
        place = sighting.address or unknown.get("address", "")
        return f"{gone}, {place}" if place else gone
    return f"no, {sighting.address}" if sighting.address else "no"


def fault(text: str, item: Fault) -> str:
    """The place in the text with a caret below it, and what would be allowed there."""
    start = text.rfind("\n", 0, item.at) + 1
    end = text.find("\n", item.at)
    line = text[start : len(text) if end < 0 else end]
    at = item.at - start
    first = max(0, at - _AROUND)
    before = printable(line[first:at])
    shown = ("..." if first else "") + before + printable(line[at : at + _AROUND])
    shown += "..." if len(line) > at + _AROUND else ""
    caret = " " * (len(before) + (3 if first else 0)) + "^"
    number = text.count("\n", 0, item.at) + 1
    place = f"column {at + 1}" if "\n" not in text.strip() else f"line {number}, column {at + 1}"
    lines = [f"hotplugctl: {place}: {item.message[:_LONGEST]}", f"  {shown}", f"  {caret}"]
    if item.allowed:
        more = f", and {len(item.allowed) - _LISTED} more" if len(item.allowed) > _LISTED else ""
        lines.append(f"  allowed: {', '.join(item.allowed[:_LISTED])}{more}")
    return "\n".join(lines)


_LONGEST = 300
