"""What stands before a message: the stamps of dmesg, /dev/kmsg, journalctl and syslog, one line at a time.

dmesg(1), journalctl(1) (``--output=short*``), Documentation/ABI/testing/dev-kmsg, RFC 3164.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import NamedTuple, Optional

from hotplugctl.model.log import Stamp

LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *(None, None, None, None),
    *("local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
NO_STAMP = Stamp(None, None, None, None)

AT = r"(?:0|[1-9][0-9]{0,11})\.[0-9]{1,9}"  # also a number as JSON spells it
PROCESS = r"[\w.@-]{1,64}\[[0-9]{1,10}\]: "
CALLER = r"(?: ?\[ *([TC][0-9]{1,10})\])?"


class Stamped(NamedTuple):
    """A line taken apart: seconds since boot as text ("" for none), the other stamps, the message, the form."""

    at: str
    stamp: Stamp
    body: str
    form: str


def of_priority(number: int, caller: Optional[str] = None, time: Optional[str] = None) -> Stamp:
    """The stamp of a syslog priority: level in the low three bits, facility above (RFC 3164, 4.1.1)."""
    facility = FACILITIES[number >> 3] if number >> 3 < len(FACILITIES) else None
    return Stamp(time, LEVELS[number & 7], facility, caller)


def of_names(facility: str, level: str, caller: Optional[str]) -> Optional[Stamp]:
    """The stamp of ``dmesg -x``; None where these are no names of facility and level."""
    if level not in LEVELS or not (facility in FACILITIES or facility.startswith("res")):
        return None
    return Stamp(None, level, facility, caller)


def micro(text: str) -> str:
    """Microseconds as seconds: ``5140900`` is ``5.140900``. "" where it is no such number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return ""
    number = int(text)
    return f"{number // 1000000}.{number % 1000000:06}"


def seconds(value: object) -> str:
    """A JSON number, or text, of seconds since boot; "" where it is none."""
    if isinstance(value, str):
        return value if re.fullmatch(AT, value) else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        return ""
    return f"{value:.6f}"


_MINUTES: dict[tuple[str, str, str], Optional[str]] = {}
_MINUTES_KEPT = 1024


def utc(date: str, clock: str, zone: str) -> Optional[str]:
    """RFC 3339 UTC of ``2026-11-22``, ``20:27:35.123456`` and ``Z``, ``UTC``, ``+01:00`` or ``+0100``; else None."""
    key = date, clock[:5], zone
    if clock[6:8] > "60":
        return None
    if key not in _MINUTES:
        if len(_MINUTES) >= _MINUTES_KEPT:
            _MINUTES.clear()
        _MINUTES[key] = _minute(*key)
    minute = _MINUTES[key]
    return None if minute is None else f"{minute}:{clock[6:].replace(',', '.')}Z"


def _minute(date: str, clock: str, zone: str) -> Optional[str]:
    if zone in ("Z", "UTC", "GMT"):
        zone = "+0000"
    digits = zone.replace(":", "")
    if len(digits) != 5:
        return None
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:]))
    try:
        local = datetime.fromisoformat(f"{date}T{clock}")
        return (local - offset if digits[0] == "+" else local + offset).isoformat(timespec="minutes")
    except (ValueError, OverflowError):
        return None


def of_epoch(microseconds: int) -> Optional[str]:
    """RFC 3339 UTC of microseconds since 1970."""
    try:
        moment = datetime.fromtimestamp(microseconds // 1000000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1000000:06}Z"


@cache
def _lead() -> re.Pattern[str]:
    return re.compile(r"<([0-9]{1,4})>|([a-z0-9]{1,12}) {0,10}:([a-z]{1,8}) {0,10}: ?")


_DELTA = r"< *[0-9]{1,12}\.[0-9]{1,9}>"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"


@cache
def _bracket() -> re.Pattern[str]:
    return re.compile(
        rf"\[(?: *(?P<at>{AT})(?P<with_delta> {_DELTA})?|(?P<delta>{_DELTA})"
        rf"|(?P<ctime>[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-9][0-9] {_CLOCK} [0-9]{{4}})(?: {_DELTA})?"
        rf"|(?P<reltime>[A-Z][a-z]{{2}} ?[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}| *\+[0-9]{{1,12}}\.[0-9]{{1,9}}))\]"
        r"(?: ?\[ *(?P<caller>[TC][0-9]{1,10})\])? ?"
    )


_ISO_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_FINE = rf"(?P<clock>{_CLOCK}(?:[.,][0-9]{{1,9}})?)"


@cache
def _date() -> re.Pattern[str]:
    return re.compile(
        rf"{_ISO_DATE}[T ]{_FINE}(?P<zone>Z|[+-][0-9]{{2}}:?[0-9]{{2}})? "
        rf"|(?P<full>[A-Z][a-z]{{2}} )(?P<full_date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
        rf" (?P<full_clock>{_CLOCK}(?:\.[0-9]{{1,9}})?)"
        rf" (?P<full_zone>[A-Z+][A-Z0-9:]{{1,6}}) "
        rf"|(?P<syslog>[A-Z][a-z]{{2}} [ 0-9][0-9] {_CLOCK}(?:\.[0-9]{{1,9}})?) "
        r"|(?P<unix>[0-9]{9,11}\.[0-9]{6}) "
    )


@cache
def _writer() -> re.Pattern[str]:
    return re.compile(
        r"(?:[^\s:\[\]]{1,255} )?(?:(?P<facility>[a-z0-9]{2,8})\.(?P<level>[a-z]{3,6}) )?"
        r"(?P<ident>[^\s:\[\]]{1,128}(?:\[[0-9]{1,10}\])?): ?"
    )


@cache
def _inner() -> re.Pattern[str]:
    return re.compile(rf"\[ *({AT})\]{CALLER} ?")


_KMSG = re.compile(r"([0-9]{1,6}),[0-9]{1,20},([0-9]{1,18}),([^;\n]{1,400});")
_KMSG_CALLER = re.compile(r"(?:^|,)caller=([TC][0-9]{1,10})")
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")


@cache
def monotonic_writer() -> re.Pattern[str]:
    """What journalctl -o short-monotonic puts before a message: host and writer."""
    return re.compile(r"[^\s:\[\]]{1,255} (?:kernel: ?|(?=[^\s:\[\]]{1,128}(?:\[[0-9]{1,10}\])?: ))")


def split(line: str) -> Optional[Stamped]:
    """Take a line apart by whichever grammar fits, None if none does. ``line`` has no line end."""
    first = line[:1]
    if first.isdigit():
        return _kmsg(line) or _dated(line)
    if first.isupper():
        return _dated(line) if line[3:4] == " " else None
    if first == "[":
        return _bracketed(line, NO_STAMP, "")
    return _led(line) if first else None


def _led(line: str) -> Optional[Stamped]:
    found = _lead().match(line)
    if found is None:
        return None
    if found[1]:
        stamp, lead = of_priority(int(found[1])), "raw"
    else:
        named = of_names(found[2], found[3], None)
        if named is None:
            return None
        stamp, lead = named, "decoded"
    rest = line[found.end() :]
    inner = _bracketed(rest, stamp, lead) or _dated(rest)
    if inner is None:
        return Stamped("", stamp, rest, lead)
    time, caller = inner.stamp.time, inner.stamp.caller
    form = inner.form if inner.form.startswith(lead) else f"{lead}-{inner.form}"
    return inner._replace(stamp=stamp._replace(time=time, caller=caller), form=form)


def _bracketed(line: str, stamp: Stamp, lead: str) -> Optional[Stamped]:
    found = _bracket().match(line)
    if found is None:
        return None
    form = next((name for name in ("ctime", "reltime", "delta") if found[name]), "plain")
    if found["with_delta"]:
        form = "delta"
    if lead:
        form = lead if form == "plain" else f"{lead}-{form}"
    if found["caller"]:
        stamp = stamp._replace(caller=found["caller"])
    return Stamped(found["at"] or "", stamp, line[found.end() :], form)


def _dated(line: str) -> Optional[Stamped]:
    """A date, then (but for ``dmesg --time-format iso``, which has a comma in its seconds) host and writer."""
    found = _date().match(line)
    if found is None:
        return None
    rest = line[found.end() :]
    if found["date"] and "," in found["clock"]:
        time = utc(found["date"], found["clock"], found["zone"] or "")
        return Stamped("", NO_STAMP._replace(time=time), rest, "iso")
    if found["syslog"]:
        return _written(rest, None, "syslog")
    if found["unix"]:
        return _written(rest, of_epoch(int(found["unix"].replace(".", ""))), "journal-unix")
    if found["date"]:
        return _written(rest, utc(found["date"], found["clock"], found["zone"] or ""), "journal-iso")
    return _written(rest, utc(found["full_date"], found["full_clock"], found["full_zone"]), "journal-full")


def _written(rest: str, time: Optional[str], form: str) -> Optional[Stamped]:
    """``host kernel: [    1.234] message``; what another than the kernel wrote keeps its writer as the prefix."""
    found = _writer().match(rest)
    if found is None:
        return None
    stamp = NO_STAMP._replace(time=time)
    if found["facility"]:
        named = of_names(found["facility"], found["level"], None)
        stamp = stamp if named is None else named._replace(time=time)
    body = rest[found.end() :]
    if found["ident"] != "kernel":
        return Stamped("", stamp, f"{found['ident']}: {body}", form)
    inner = _inner().match(body)
    if inner is None:
        return Stamped("", stamp, body, form)
    return Stamped(inner[1], stamp._replace(caller=inner[2]), body[inner.end() :], form)


def _kmsg(line: str) -> Optional[Stamped]:
    found = _KMSG.match(line)
    if found is None:
        return None
    caller = _KMSG_CALLER.search(found[3])
    stamp = of_priority(int(found[1]), caller[1] if caller else None)
    return Stamped(micro(found[2]), stamp, unescape(line[found.end() :]), "kmsg")


def unescape(text: str) -> str:
    """Undo ``\\x0a`` and its like, which /dev/kmsg writes for control characters, backslashes and bytes above 0x7e."""
    if "\\x" not in text:
        return text
    return _ESCAPED.sub(_bytes, text)


def _bytes(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "backslashreplace")
