"""BARs, bus numbers and windows of one function: what lspci -v and -x say, and what sysfs says.

lspci prints a BAR where the kernel has it (``resource``), masked by what the register in config space says that it is:
``show_bases`` of pciutils ``lspci.c``, ``sysfs_get_resources`` of ``lib/sysfs.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from hotplugctl.model.config_space import Buses, ConfigSpace
from hotplugctl.model.lspci import LspciRecord, LspciRegion
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.validation import Subject
from hotplugctl.rules.validation.difference import Difference, Shows

_MASKS = {"io": ~0x3, "mem": ~0xF, "rom": ~0x7FF}
_ROM = 6
_WIDTHS = (32, 64)
_PREFETCH = {True: "prefetchable", False: "non-prefetchable"}
_HEADING = re.compile(r"\[([0-9a-f]{2})\]")
# -x, -x of a CardBus bridge, -xxx, -xxxx.
_DUMPS = (64, 128, 256, 4096)


def differences(
    record: LspciRecord, subject: Subject, shows: Shows, dump: Optional[ConfigSpace]
) -> Iterator[Difference]:
    """Every range and number that both tell, and otherwise. A device that does not answer tells none."""
    config = subject.config
    if record.config is not None and len(record.config) not in _DUMPS:
        yield Difference("config", f"{len(record.config)} bytes", "64 and more", f"{subject.function.path}/config")
    if config is not None and dump is not None and dump.all_ones != config.all_ones:
        words = {True: "only ones", False: "a device that answers"}
        yield Difference("config", words[dump.all_ones], words[config.all_ones], f"{subject.function.path}/config")
        return
    if record.vanished or (config is not None and config.all_ones):
        return
    if subject.resources is not None and shows.regions:
        lines = subject.resources[: _ROM + 1]
        yield from (_numbered if shows.numbered else _plain)(record, lines, f"{subject.function.path}/resource")
    if config is not None:
        yield from _buses(record, config, f"{subject.function.path}/config")
        yield from _windows(record, subject, config)
        yield from _capabilities(record, config, f"{subject.function.path}/config")
        if dump is not None:
            yield from _registers(dump, config, f"{subject.function.path}/config")


def _numbered(record: LspciRecord, lines: tuple[ResourceLine, ...], source: str) -> Iterator[Difference]:
    regions = {region.bar: region for region in record.regions}
    for line in lines:
        region = regions.pop(line.index, None)
        if region is None:
            if line.start or _size(line):
                yield Difference(_name(line.index), None, _range(line.start, _size(line)), source)
        elif not _agree(region, line):
            yield _differ(region, line, source)
        else:
            yield from _nature(region, line, source)
    for number, region in regions.items():
        if region.start is not None and number is not None:
            yield Difference(_name(number), _range(region.start, region.size), None, source)


def _nature(region: LspciRegion, line: ResourceLine, source: str) -> Iterator[Difference]:
    """32-bit or 64-bit, prefetchable or not, where there is a range at all."""
    if region.kind != "mem" or region.start is None or region.virtual:
        return
    for said, found in (
        (region.bits if region.bits in _WIDTHS else None, _WIDTHS[line.is64]),
        (None if region.prefetchable is None else _PREFETCH[region.prefetchable], _PREFETCH[line.prefetch]),
    ):
        if said is not None and said != found:
            yield Difference(_name(line.index), said, found, source)


def _plain(record: LspciRecord, lines: tuple[ResourceLine, ...], source: str) -> Iterator[Difference]:
    """A single -v does not number the regions: each must be one of the function's, and none may be left over."""
    left = list(lines)
    for region in record.regions:
        match = next((line for line in left if _agree(region, line) and (line.start or _size(line))), None)
        if match is not None:
            left.remove(match)
        elif region.start is not None:
            yield Difference("regions", _range(region.start, region.size), None, source)
    for line in left:
        if line.start or _size(line):
            yield Difference("regions", None, _range(line.start, _size(line)), source)


def _name(number: int) -> str:
    return "rom" if number == _ROM else f"region {number}"


def _size(line: ResourceLine) -> int:
    """As libpci reckons: a range of a single byte (the second of an IDE channel's) has none."""
    return line.end - line.start + 1 if line.end > line.start else 0


def _agree(region: LspciRegion, line: ResourceLine) -> bool:
    if not region.virtual and region.kind != "rom" and line.flags and line.is_io != (region.kind == "io"):
        return False
    start = line.start & _MASKS[region.kind]
    return (region.start or 0) == start and (region.size or 0) == _size(line)


def _differ(region: LspciRegion, line: ResourceLine, source: str) -> Difference:
    said, found = _range(region.start, region.size), _range(line.start & _MASKS[region.kind], _size(line))
    if said == found:
        said, found = f"{said} {region.kind}", f"{found} {'io' if line.is_io else 'mem'}"
    return Difference(_name(line.index), said, found, source)


def _range(start: Optional[int], size: Optional[int]) -> str:
    return f"{start or 0:x}, {size or 0} bytes"


def _buses(record: LspciRecord, config: ConfigSpace, source: str) -> Iterator[Difference]:
    if config.buses is None:
        return
    for key, found in config.buses._asdict().items():
        said = getattr(record, key)
        if said is not None and said != found:
            yield Difference(key, f"{said:02x}", f"{found:02x}", source)


def _windows(record: LspciRecord, subject: Subject, config: ConfigSpace) -> Iterator[Difference]:
    """lspci prints the registers, or (since 3.7) what the kernel has made of them."""
    known = {(line.start, line.end) for line in (subject.resources or ())[_ROM + 1 :]}
    source = f"{subject.function.path}/config"
    printed = {window.kind for window in record.windows}
    for register in config.windows if printed else ():
        if register.enabled and not register.zero and register.kind not in printed:
            yield Difference(f"{register.kind} window", None, _span((register.base, register.limit)), source)
    for window in record.windows:
        if window.start is None or window.end is None or window.disabled:
            continue
        programmed = config.window(window.kind)
        if programmed is not None and programmed.enabled and not programmed.zero:
            said, found = (window.start, window.end), (programmed.base, programmed.limit)
            if said != found and said not in known:
                yield Difference(f"{window.kind} window", _span(said), _span(found), source)


def _capabilities(record: LspciRecord, config: ConfigSpace, source: str) -> Iterator[Difference]:
    """Where the capabilities of the classic list are, if both were allowed to read them."""
    found = {capability.offset for capability in config.capabilities}
    headings = (_HEADING.match(heading) for heading in record.capabilities)
    said = {int(heading[1], 16) for heading in headings if heading is not None}
    if said and found and not record.access_denied and said != found:
        yield Difference("capabilities", _places(said), _places(found), source)


def _places(offsets: Iterable[int]) -> list[str]:
    return [f"{offset:02x}" for offset in sorted(offsets)]


def _registers(dump: ConfigSpace, config: ConfigSpace, source: str) -> Iterator[Difference]:
    """-x dumps the very bytes; of these only ids, base addresses, bus numbers and windows hold still."""
    for key in ("vendor", "device", "class_"):
        if getattr(dump, key) != getattr(config, key):
            yield Difference(f"config {key.rstrip('_')}", getattr(dump, key), getattr(config, key), source)
    if dump.windows != config.windows:
        yield Difference("windows", _windows_of(dump), _windows_of(config), source)
    said, found = ({bar.index: bar.base for bar in space.bars if bar.kind != "none"} for space in (dump, config))
    for index in sorted({*said, *found}):
        if said.get(index) != found.get(index):
            yield Difference(f"BAR {index}", _hex(said.get(index)), _hex(found.get(index)), source)
    if dump.buses is not None and config.buses is not None and dump.buses != config.buses:
        yield Difference("buses", _numbers(dump.buses), _numbers(config.buses), source)


def _span(window: tuple[int, int]) -> str:
    return f"{window[0]:x}-{window[1]:x}"


def _windows_of(space: ConfigSpace) -> list[str]:
    return [f"{window.kind} {_span((window.base, window.limit))}" for window in space.windows]


def _numbers(buses: Buses) -> str:
    return " ".join(f"{number:02x}" for number in buses)


def _hex(number: Optional[int]) -> Optional[str]:
    return None if number is None else f"{number:x}"
