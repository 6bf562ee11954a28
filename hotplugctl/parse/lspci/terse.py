"""The function line of the forms for people: ``bb:dd.f class: vendor device [ids] (rev xx) (prog-if xx [name])``.

Source: ``show_terse`` of pciutils ``lspci.c``.
"""

from __future__ import annotations

import re
from typing import Optional

from hotplugctl.model.address import PciAddress
from hotplugctl.model.lspci import LspciRecord

from .names import split_class, split_pair

# With -PP the bridges on the way come first, the domain before all of them. (-P leaves the bus out of the last part:
# such a line has no address and fits no grammar.)
ADDRESS = re.compile(
    r"(?:([0-9a-f]{4,8}):)?(?:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/){0,255}([0-9a-f]{2}):([01][0-9a-f])\.([0-7])(?![^ \t])"
)
# A key before it leaves no doubt, so here a domain of fewer digits is taken too (in a line it would be a time of day).
SLOT = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])\Z")
WRAPPED_TAIL = re.compile(r"(?:\[[0-9a-f]{4}:[0-9a-f]{4}\]|\(rev [0-9a-f]{2}\)|\(prog-if [0-9a-f]{2}[^()]*\))\Z")
_TAIL = re.compile(r"\((?:rev ([0-9a-f]{2})\)|prog-if ([0-9a-f]{2})\b)")
_CUT = re.compile(r" (?:\((?:r|p)[^()]*|\(|\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4})?)\Z")


def address_of(found: re.Match[str]) -> PciAddress:
    """The address that ``ADDRESS`` or ``SLOT`` matched."""
    domain, bus, device, function = found.groups()
    return PciAddress(int(domain or "0", 16), int(bus, 16), int(device, 16), int(function))


def function_line(address: PciAddress, rest: str, cut: bool) -> Optional[LspciRecord]:
    """The record of what follows the address; None where that is no ``class: name``.

    ``cut``: nothing follows this line in the text, not even a newline, so it may have lost its end.
    """
    class_text, colon, named = rest.partition(": ")
    if not colon and not rest.endswith(":"):
        if not cut:
            return None
        class_text = _CUT.sub("", rest)
    class_name, class_ = split_class(class_text.rstrip(":"))
    name, revision, prog_if = _less_tail(named)
    pair = split_pair((_CUT.sub("", name) if cut else name).rstrip())
    if class_ is not None and prog_if is not None:
        class_ += prog_if
    return LspciRecord(
        address,
        class_=class_,
        class_name=class_name,
        vendor=pair.vendor,
        device=pair.device,
        name=pair.name,
        vendor_name=pair.vendor_name,
        revision=revision,
        prog_if=prog_if,
        vanished=revision == "ff",
    )


def _less_tail(text: str) -> tuple[str, Optional[str], Optional[str]]:
    """(text before revision and prog-if, revision, prog-if). What somebody wrote behind them is dropped."""
    revision: Optional[str] = None
    prog_if: Optional[str] = None
    end = len(text)
    for found in _TAIL.finditer(text):
        end = min(end, found.start())
        revision, prog_if = found[1] or revision, found[2] or prog_if
    return text[:end], revision, prog_if
