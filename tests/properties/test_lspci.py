"""lspci's parser on any text: it never raises, loses and doubles no function, and both ways through it agree."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from hotplugctl.model.lspci import LspciRecord
from hotplugctl.parse.lspci import parse

# What lspci's lines are made of; "_" stands for a blank.
WORDS = """
00:1f.2 0001:02:03.4 10000:00:00.0 : [0300] [8086:1237] (rev_ff) (rev (prog-if_01_[x]) Class_0264 Device 1234:5678
" \\ "" -r01 -p80 Slot: Class: Vendor: Device: SVendor: Rev: ProgIf: Driver: Module: NUMANode: IOMMUGroup: Subsystem:
Flags: Capabilities: <access_denied> Region_0: Memory_at I/O_ports_at Expansion_ROM_at [size=4K] <unassigned> Bus:
Kernel_modules: Kernel_driver_in_use: 00:_ff_00 10:_00 primary=00, -[0000:00]-+-00.0 +- > $_lspci Interrupt: IRQ_7
Prefetchable_memory_behind_bridge: 00000000-000fffff !!!_Unknown_header_type_7f \x1b[1m DeviceName: , a b 0
"""
PIECES = st.sampled_from([word.replace("_", " ") for word in WORDS.split()])
GLUE = st.sampled_from(["\n", "\n", "\t", "\n\t", " ", ": ", "\r\n", "\n\n", ":\t", ""])
LSPCI_LIKE = st.lists(st.tuples(PIECES, GLUE), max_size=60).map(lambda parts: "".join(a + b for a, b in parts))

NAMES = st.from_regex(re.compile(r"[A-Za-z(][A-Za-z0-9 ,./()\[\]-]{0,20}[A-Za-z)]"), fullmatch=True)
HEX4 = st.from_regex(re.compile(r"[0-9a-f]{4}"), fullmatch=True)
HEX2 = st.from_regex(re.compile(r"[0-9a-f]{2}"), fullmatch=True)
ADDRESSES = st.from_regex(re.compile(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]"), fullmatch=True)


@given(st.one_of(st.text(), LSPCI_LIKE))
@example('00:02.0 "' + "\\" * 3)
@example("Slot:\t00:00.0\nClass:\t\nVendor:\t \nDevice:\t\n")
@example("00:00.0 a: b\n\tRegion 0: Memory at")
def test_total_and_typed(text: str) -> None:
    parsed = parse(text)
    assert parsed.form in ("none", "tree", "vmm", "mm", "verbose", "k", "hex", "nn", "n", "plain", "mixed")
    assert (parsed.form in ("none", "tree")) == (not parsed.records)
    assert 0 <= parsed.unparsed <= len(re.findall(r"[^\r\n]+", text))
    for record in parsed.records:
        for key, width in (("vendor", 4), ("device", 4), ("subsystem_vendor", 4), ("revision", 2), ("prog_if", 2)):
            value = getattr(record, key)
            assert value is None or re.fullmatch(rf"[0-9a-f]{{{width}}}", value)
        assert record.class_ is None or re.fullmatch(r"[0-9a-f]{4}(?:[0-9a-f]{2})?", record.class_)
        for key in ("name", "class_name", "vendor_name", "device_name", "driver", "slot", "subsystem_name"):
            assert getattr(record, key) != ""


@given(LSPCI_LIKE)
def test_line_ends_do_not_matter(text: str) -> None:
    text = text.replace("\r", "")
    assert parse(text.replace("\n", "\r\n")) == parse(text)


@given(st.lists(st.tuples(ADDRESSES, NAMES, NAMES, st.sampled_from(["", " (rev 01)", " [8086:1237]"])), max_size=20))
def test_one_record_for_every_function_line(lines: list[tuple[str, str, str, str]]) -> None:
    text = "".join(f"{address} {first}: {second}{tail}\n" for address, first, second, tail in lines)
    parsed = parse(text)
    assert parsed.unparsed == 0
    spelled = [address if address.count(":") == 2 else "0000:" + address for address, *_ in lines]
    assert [str(record.address) for record in parsed.records] == spelled


@st.composite
def machine_records(draw: st.DrawFn) -> dict[str, str]:
    """The keys of a -vmmnn record in lspci's order, some of them left out as lspci may."""
    named = st.tuples(NAMES, HEX4).map(lambda pair: f"{pair[0]} [{pair[1]}]")
    record = {"Slot": draw(ADDRESSES)}
    record.update({key: draw(named) for key in ("Class", "Vendor", "Device")})
    if draw(st.booleans()):
        record.update(SVendor=draw(named), SDevice=draw(named))
    numbers = st.integers(0, 10**9 - 1).map(str)
    words = st.from_regex(re.compile(r"[a-z][a-z0-9_-]{0,9}"), fullmatch=True)
    optional = (("PhySlot", NAMES), ("Rev", HEX2), ("ProgIf", HEX2), ("Driver", words), ("Module", words))
    for key, values in (*optional, ("NUMANode", numbers), ("IOMMUGroup", numbers)):
        if draw(st.booleans()):
            record[key] = draw(values)
    return record


def check(record: LspciRecord, printed: dict[str, str]) -> None:
    assert str(record.address).endswith(printed["Slot"])
    for key, name, number in (
        ("Vendor", record.vendor_name, record.vendor),
        ("Device", record.device_name, record.device),
        ("SVendor", record.subsystem_vendor_name, record.subsystem_vendor),
        ("SDevice", record.subsystem_device_name, record.subsystem_device),
    ):
        assert (f"{name} [{number}]" if number else None) == printed.get(key)
    assert f"{record.class_name} [{(record.class_ or '')[:4]}]" == printed["Class"]
    assert (record.class_ or "")[4:] == printed.get("ProgIf", "")
    plain = (record.slot, record.revision, record.prog_if, record.driver)
    assert plain == tuple(printed.get(key) for key in ("PhySlot", "Rev", "ProgIf", "Driver"))
    for key, value in (("NUMANode", record.numa_node), ("IOMMUGroup", record.iommu_group)):
        assert (None if value is None else str(value)) == printed.get(key)
    assert record.modules == ((printed["Module"],) if "Module" in printed else ())


@given(st.lists(machine_records(), max_size=8), st.sampled_from(["\n", "\r\n", " \n"]), st.booleans())
def test_vmm_gives_what_was_printed(printed: list[dict[str, str]], end: str, shuffled: bool) -> None:
    """The fast way (regular text), the slow way (other line ends) and another order of the keys say the same."""
    text = ""
    for record in printed:
        keys = ["Slot", *sorted(set(record) - {"Slot"})] if shuffled else list(record)
        text += "".join(f"{key}:\t{record[key]}{end}" for key in keys) + end
    parsed = parse(text)
    assert (len(parsed.records), parsed.unparsed) == (len(printed), 0)
    for record_read, record in zip(parsed.records, printed):
        check(record_read, record)


@given(NAMES, st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_mm_undoes_the_escapes(vendor: str, device: str) -> None:
    escaped = device.replace("\\", "\\\\").replace('"', '\\"')
    parsed = parse(f'00:00.0 "Bridge" "{vendor}" "{escaped}" -p00 "" ""\n')
    (record,) = parsed.records
    if record.device is None:
        assert record.device_name == (device.strip() or None)
