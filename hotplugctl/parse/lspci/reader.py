"""The text as a whole: which line is what, and to which record it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from hotplugctl.model.address import PciAddress
from hotplugctl.model.lspci import LspciRecord, LspciText

from .details import Draft, detail_line, hex_line, with_config
from .machine import KEYS, Machine
from .terse import ADDRESS, SLOT, WRAPPED_TAIL, address_of, function_line

# lspci looks names up in buffers of 256 bytes; no line of its own comes near this. Longer ones are not looked into.
MAX_LINE = 1 << 16
_PIECE = 1 << 20
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]?")
_QUOTE = re.compile(
    r"[ \t]*(?:(?:> ?)+|[<+*-] ?(?=(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7][ \t]|\t|Slot:\t))"
)
_TREE = re.compile(r"[ |]*[-+\\][-+\\]*(?:\[[0-9a-f]{2,8}(?:[:-][0-9a-f]{2})?\]|[01][0-9a-f]\.[0-7](?![0-9]))")


def parse(text: str) -> LspciText:
    """Read what one or several runs of lspci printed, in any form, quoted, wrapped, cut off or among other text.

    Never raises. Time and memory grow linearly with the text. Mail quotes, diff marks, colours, CR and indentation are
    seen through. A detail line belongs to the function line above it also across a blank line or a foreign line, but
    not across both.
    """
    reader = _Reader(regular="\r" not in text and "\x1b" not in text)
    pos = 1 if text.startswith("\ufeff") else 0
    tail = text.rfind("\n") + 1
    while pos < len(text):
        pos = reader.blocks(text, pos)
        stop = text.find("\nSlot:\t", pos) + 1 or len(text)
        reader.lines(text, pos, min(stop, tail))
        if stop > tail:
            reader.line(_clean(text[max(pos, tail) : stop]), cut=True)
        pos = stop
    return reader.finish()


def _clean(piece: str) -> str:
    if "\r" in piece:
        piece = piece.replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPE.sub("", piece) if "\x1b" in piece else piece


def _pieces(text: str, start: int, stop: int) -> Iterator[str]:
    """The text from ``start`` to ``stop``, cut at ends of lines into parts small enough to be split."""
    while start < stop:
        end = start + _PIECE
        end = stop if end >= stop else text.find("\n", end, stop) + 1 or stop
        yield _clean(text[start:end])
        start = end


class _Reader:
    def __init__(self, regular: bool) -> None:
        self.regular = regular
        self.records: list[LspciRecord] = []
        self.unparsed = 0
        self.machine = Machine()
        self.draft: Optional[Draft] = None
        self.rest = ""  # of the draft's function line, which says what form it is
        self.slot: Optional[PciAddress] = None  # of the -vmm record in hand
        self.fields: dict[str, str] = {}
        self.modules: list[str] = []
        self.dump = bytearray()
        self.fresh = False  # the last line was the draft's function line
        self.blank = False  # a blank line since the last line of the record in hand
        self.seen: set[str] = set()

    def blocks(self, text: str, pos: int) -> int:
        if self.regular and text.startswith("Slot:\t", pos):
            self.flush()
            before = pos
            pos = self.machine.blocks(text, pos, self.records)
            if pos > before:
                self.seen.add("vmm")
        return pos

    def lines(self, text: str, start: int, stop: int) -> None:
        for piece in _pieces(text, start, stop):
            lines = piece.split("\n")
            if not lines[-1]:
                lines.pop()
            for line in lines:
                if line:
                    self.line(line)
                else:
                    self.blank = True

    def line(self, line: str, cut: bool = False) -> None:
        body = line.strip()
        if not body:
            self.blank = True
            return
        if len(line) > MAX_LINE:
            self.foreign()
            return
        if body[0] in "<>+*-":
            line = _QUOTE.sub("", line, count=1) if _QUOTE.match(line) else line
            body = line.strip()
            if not body:
                self.blank = True
                return
        indent = len(line) - len(line.lstrip())
        if self.function(body, indent, cut):
            self.blank = False
        elif self.key(body) or self.hex(body) or self.detail(body, indent):
            self.blank = self.fresh = False
        elif _TREE.match(body):
            self.seen.add("tree")
        else:
            self.foreign()

    def foreign(self) -> None:
        """Count a line that fits nothing. After a blank line it begins a section that is not lspci's."""
        self.unparsed += 1
        self.fresh = False
        if self.blank:
            self.flush()

    def flush(self) -> None:
        """Close the record in hand."""
        if self.draft is not None:
            self.seen.add(_style(self.draft.base, self.rest))
            record = self.draft.finish()
        elif self.slot is not None:
            self.seen.add("vmm")
            record = self.machine.record(self.slot, self.fields, tuple(self.modules))
        else:
            return
        self.records.append(with_config(record, bytes(self.dump)) if self.dump else record)
        self.draft = self.slot = None
        self.fresh = False
        self.fields, self.modules, self.dump = {}, [], bytearray()

    def function(self, body: str, indent: int, cut: bool) -> bool:
        found = ADDRESS.match(body)
        if found is None:
            return False
        rest = body[found.end() :].lstrip()
        address = address_of(found)
        if rest.startswith('"'):
            record = self.machine.quoted(address, rest)
        elif ": " in rest or self.records or self.draft or self.slot:
            record = function_line(address, rest, cut)
        else:
            # An address alone says little; only at the end of an lspci text it is what is left of a function line.
            record = None
        if record is None:
            return False
        self.flush()
        self.draft, self.rest, self.fresh = Draft(record, indent), rest, True
        return True

    def key(self, body: str) -> bool:
        """``Class:<tab>…`` of a -vmm record; ``Slot:``, in the oldest form ``Device:``, begins one."""
        key, _, value = body.partition(":")
        if key not in KEYS or value[:1] not in ("", " ", "\t"):
            return False
        value = value.strip()
        if key in ("Slot", "Device"):
            found = SLOT.match(value)
            if found is not None:
                self.flush()
                self.slot = address_of(found)
                return True
        if self.slot is None or key in self.fields:
            return False
        if key == "Module":
            self.modules.append(value)
        else:
            self.fields[key] = value
        return True

    def hex(self, body: str) -> bool:
        if (self.draft is None and self.slot is None) or not hex_line(self.dump, body):
            return False
        self.seen.add("hex")
        return True

    def detail(self, body: str, indent: int) -> bool:
        draft = self.draft
        if draft is None or self.rest.startswith('"'):
            return False
        if indent <= draft.indent:
            return self.wrapped(body)
        if draft.level is None:
            draft.level = indent
        if indent > draft.level:
            return not self.blank
        option = detail_line(draft, body)
        if option:
            self.seen.add(option)
            return True
        return self.wrapped(body) or not self.blank

    def wrapped(self, body: str) -> bool:
        """The second half of a function line that a mailer has broken; only what must stand at its end shows it."""
        draft = self.draft
        if draft is None or not self.fresh or self.blank:
            return False
        base = draft.base
        if base.vendor or base.revision or base.prog_if or WRAPPED_TAIL.search(body) is None:
            return False
        rest = f"{self.rest} {body}"
        record = function_line(base.address, rest, False)
        if record is None:
            return False
        self.draft, self.rest = Draft(record, draft.indent), rest
        return True

    def finish(self) -> LspciText:
        self.flush()
        return LspciText(_form(self.seen, bool(self.records)), tuple(self.records), self.unparsed)


def _style(record: LspciRecord, rest: str) -> str:
    if rest.startswith('"'):
        return "mm"
    if record.vendor is None:
        return "plain"
    if f"[{record.vendor}:" in rest:
        return "nn"
    return "plain" if record.name else "n"


def _form(seen: set[str], records: bool) -> str:
    if not records:
        return "tree" if "tree" in seen else "none"
    styles = seen & {"plain", "n", "nn"}
    kinds = seen & {"mm", "vmm"}
    if len(styles) + len(kinds) > 1:
        return "mixed"
    for form in ("vmm", "mm", "verbose", "k", "hex", "nn", "n"):
        if form in seen:
            return form
    return "plain"
