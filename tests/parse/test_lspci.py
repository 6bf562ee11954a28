"""lspci texts in every form. The texts are written by hand after what lspci 2.1 to 3.14 prints (pciutils' sources)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotplugctl.model.address import PciAddress
from hotplugctl.model.lspci import LspciRecord, LspciRegion, LspciText, LspciWindow
from hotplugctl.parse.lspci import parse

VMM = """\
Slot:\t0000:00:03.0
Class:\tEthernet controller [0200]
Vendor:\tIntel Corporation [8086]
Device:\t82540EM Gigabit Ethernet Controller [100e]
SVendor:\tRed Hat, Inc. [1af4]
SDevice:\tQEMU Virtual Machine [1100]
PhySlot:\t3-2
Rev:\t03
ProgIf:\t00
Driver:\te1000
Module:\te1000
Module:\te1000_old
NUMANode:\t1
IOMMUGroup:\t12

Slot:\t10000:01:1f.7
Class:\tClass [0264]
Vendor:\tVendor [abcd]
Device:\tDevice [0001]
Rev:\tff
"""

VERBOSE = """\
00:01.0 PCI bridge: Intel Corporation Device 9d10 (rev f1) (prog-if 01 [Subtractive decode])
\tDeviceName: Onboard - Other
\tPhysical Slot: 4-1
\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tLatency: 0, Cache Line Size: 64 bytes
\tInterrupt: pin A routed to IRQ 122
\tNUMA node: 1
\tIOMMU group: 14
\tBus: primary=00, secondary=02, subordinate=0a, sec-latency=0
\tI/O behind bridge: 0000f000-00000fff [disabled] [16-bit]
\tMemory behind bridge: f1100000-f11fffff [size=1M] [32-bit]
\tPrefetchable memory behind bridge: None
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
\t\tDevCap:\tMaxPayload 256 bytes, PhantFunc 0
\t\tFlags: bus master, IRQ 99
\tCapabilities: [90] Subsystem: Lenovo Device 2238
\tKernel driver in use: pcieport
\tKernel modules: shpchp, other

01:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Ellesmere [Radeon RX 480] (prog-if 00 [VGA])
\tSubsystem: Red Hat, Inc. Device 1100
\tFlags: bus master, fast devsel, latency 0, IRQ 16, NUMA node 2, IOMMU group 3
\tRegion 0: Memory at e0000000 (64-bit, prefetchable) [size=256M]
\tRegion 2: Memory at <unassigned> (32-bit, non-prefetchable) [disabled]
\tRegion 3: Memory at <ignored> (low-1M, non-prefetchable) [size=2G]
\tRegion 4: I/O ports at e000 [virtual] [size=128]
\tI/O ports at <unassigned> [disabled]
\tMemory at 3f0 (type 3, non-prefetchable) [virtual]
\t[virtual] Expansion ROM at 000c0000 [disabled] [size=128K]
\tCapabilities: <access denied>

"""


def only(text: str) -> LspciRecord:
    parsed = parse(text)
    assert len(parsed.records) == 1
    return parsed.records[0]


@pytest.mark.parametrize("text", ["", "\n\r\n \t\n", "\ufeff"])
def test_nothing(text: str) -> None:
    assert parse(text) == LspciText("none", (), 0)


@pytest.mark.parametrize("text", [VMM, VMM.replace("\n", "\r\n"), VMM.replace(":\t", ":    ").replace("\n", "\n  ")])
def test_vmm_regular_crlf_and_reindented(text: str) -> None:
    parsed = parse(text)
    assert (parsed.form, parsed.unparsed) == ("vmm", 0)
    assert parsed.records == (
        LspciRecord(
            PciAddress(0, 0, 3, 0),
            class_="020000",
            class_name="Ethernet controller",
            vendor="8086",
            device="100e",
            subsystem_vendor="1af4",
            subsystem_device="1100",
            vendor_name="Intel Corporation",
            device_name="82540EM Gigabit Ethernet Controller",
            subsystem_vendor_name="Red Hat, Inc.",
            subsystem_device_name="QEMU Virtual Machine",
            revision="03",
            prog_if="00",
            driver="e1000",
            modules=("e1000", "e1000_old"),
            slot="3-2",
            numa_node=1,
            iommu_group=12,
        ),
        LspciRecord(
            PciAddress(0x10000, 1, 31, 7), class_="0264", vendor="abcd", device="0001", revision="ff", vanished=True
        ),
    )


def test_vmm_without_numbers_keeps_brackets_of_the_name() -> None:
    record = only(
        "Slot:\t03:00.0\nClass:\tBridge\nVendor:\tAMD [ATI]\nDevice:\tChip [beef]\nSDevice:\tDevice 0b36\nProgIf:\t00\n"
    )
    assert (record.device, record.device_name) == (None, "Chip [beef]")
    assert (record.vendor, record.vendor_name) == (None, "AMD [ATI]")
    assert (record.subsystem_device, record.subsystem_device_name) == ("0b36", None)
    assert (record.class_, record.class_name, record.prog_if) == (None, "Bridge", "00")


def test_vmm_numeric_keeps_no_name() -> None:
    record = only("Slot:\t03:00.0\nClass:\t0300\nVendor:\t1002\nDevice:\t67df\nSVendor:\t1da2\nSDevice:\te387\n\n")
    assert (record.class_, record.vendor, record.device) == ("0300", "1002", "67df")
    assert (record.subsystem_vendor, record.subsystem_device) == ("1da2", "e387")
    assert (record.class_name, record.vendor_name, record.device_name) == (None, None, None)


def test_four_hex_digits_are_a_name_where_the_vendor_has_one() -> None:
    record = only("Slot:\t03:00.0\nClass:\tModem\nVendor:\tIntel Corporation\nDevice:\t2100\n")
    assert (record.device, record.device_name) == (None, "2100")


def test_oldest_vm_form_calls_the_slot_device() -> None:
    record = only("Device:\t00:1f.2\nClass:\tIDE interface\nVendor:\tIntel Corp.\nDevice:\t82801\n")
    assert (record.address, record.device_name) == (PciAddress(0, 0, 31, 2), "82801")


def test_vmm_cut_off_keeps_what_it_has() -> None:
    parsed = parse(VMM[: VMM.index("Rev:\t03") + len("Rev:\t0")])
    assert [record.slot for record in parsed.records] == ["3-2"]
    assert (parsed.records[0].revision, parsed.unparsed) == (None, 0)


def test_keys_of_another_tool_are_not_a_record() -> None:
    assert parse("Driver:\tnvidia\nClass:\tx\n") == LspciText("none", (), 2)
    parsed = parse(VMM + "\n# lshw\nDriver:\tnvidia\n")
    assert (parsed.unparsed, parsed.records[1].driver) == (2, None)


def test_mm_quoted_fields() -> None:
    parsed = parse(
        '00:02.0 "VGA compatible controller" "Advanced \\"Micro\\" Devices, Inc. [AMD/ATI]" "Back\\\\slash" -rc7 -p00 '
        '"Red Hat, Inc." "Device 1100"\n'
        '0001:00:00.0 "0604" "1b36" "000c" "" ""\n'
        '00:03.0 "PCI bridge [0604]" "Red Hat, Inc. [1b36]" "Port [000c]" -p01 "" ""\n'
    )
    assert (parsed.form, parsed.unparsed) == ("mm", 0)
    plain, numeric, mixed = parsed.records
    assert plain.vendor_name == 'Advanced "Micro" Devices, Inc. [AMD/ATI]'
    assert (plain.device_name, plain.revision, plain.prog_if, plain.class_) == ("Back\\slash", "c7", "00", None)
    assert (plain.subsystem_vendor_name, plain.subsystem_device) == ("Red Hat, Inc.", "1100")
    assert (numeric.class_, numeric.vendor, numeric.device, numeric.vendor_name) == ("0604", "1b36", "000c", None)
    assert (numeric.subsystem_vendor, numeric.subsystem_vendor_name) == (None, None)
    assert (mixed.class_, mixed.class_name, mixed.device, mixed.device_name) == ("060401", "PCI bridge", "000c", "Port")


def test_mm_cut_off_in_a_field() -> None:
    record = only('00:02.0 "VGA compatible controller" "Red H')
    assert (record.class_name, record.vendor_name, record.device_name) == ("VGA compatible controller", "Red H", None)


@pytest.mark.parametrize(
    ("line", "class_", "class_name", "vendor", "device", "name", "vendor_name"),
    [
        ("SCSI storage controller: LSI 53c895a", None, "SCSI storage controller", None, None, "LSI 53c895a", None),
        ("Class 0264: Samsung Device a80a", "0264", None, None, "a80a", "Samsung Device a80a", "Samsung"),
        ("Class 0604: 8086:1237", "0604", None, "8086", "1237", None, None),
        ("0600: 8086:1237", "0600", None, "8086", "1237", None, None),
        ("Unassigned class [ff00]: Foo Bar", "ff00", "Unassigned class", None, None, "Foo Bar", None),
        ("Unknown class [ff00]: Device 1234:1111", "ff00", None, "1234", "1111", "Device 1234:1111", None),
        ("Class [0880]: Device [1234:1111]", "0880", None, "1234", "1111", None, None),
        ("VGA [0300]: AMD [ATI] Foo [RX] [1002:67df]", "0300", "VGA", "1002", "67df", "AMD [ATI] Foo [RX]", None),
        ("Bridge: Intel Corp.: Unknown device 2770", None, "Bridge", None, "2770", None, "Intel Corp."),
        ("Bridge: Foo [AMD] Bar <- this one", None, "Bridge", None, None, "Foo [AMD] Bar <- this one", None),
        ("VGA [0300]: Foo [10de:0001] <- this one", "0300", "VGA", "10de", "0001", "Foo", None),
    ],
)
def test_function_lines(
    line: str, class_: str, class_name: str, vendor: str, device: str, name: str, vendor_name: str
) -> None:
    tails = (("", None, None), (" (rev c7)", "c7", None), (" (rev c7) (prog-if 02 [x (y) [z]])", "c7", "02"))
    for tail, revision, prog_if in tails:
        record = only(f"00:1f.2 {line}{tail}\n")
        full = class_ + prog_if if class_ and prog_if else class_
        assert (record.class_, record.class_name) == (full, class_name)
        assert (record.vendor, record.device, record.vendor_name) == (vendor, device, vendor_name)
        assert (record.revision, record.prog_if) == (revision, prog_if)
        if name is not None:
            assert record.name == name


@pytest.mark.parametrize(
    "line", ["00:02.0 VGA controller: Foo (rev ff)", "00:02.0 0300: 1002:67df (rev ff) (prog-if ff)"]
)
def test_revision_of_ones_has_vanished(line: str) -> None:
    assert only(line).vanished is True
    assert only(line.replace("rev ff", "rev fe")).vanished is False


def test_unknown_header_of_ones_has_vanished() -> None:
    text = "00:02.0 VGA controller: Foo\n\t!!! Unknown header type {}\n\tKernel driver in use: x\n"
    assert only(text.format("7f")).vanished is True
    assert only(text.format("02")).vanished is False
    assert only(text.format("7f")).driver == "x"


def test_address_with_bridges_before_it() -> None:
    assert only("0001:00:1c.0/01:00.0/02:03.1 Bridge: Foo\n").address == PciAddress(1, 2, 3, 1)
    assert parse("00:1c.0/00.0 Bridge: Foo\n") == LspciText("none", (), 1)


@pytest.mark.parametrize(
    "line",
    ["10:15:05.3 begun: foo", "00:20.0 a: b", "00:1f.8 a: b", "0000:00:1f.2: a", "00:1f.2  00:1f.3", "00:1f.2"],
)
def test_not_a_function_line(line: str) -> None:
    assert parse(line + "\n") == LspciText("none", (), 1)


def test_verbose_bridge() -> None:
    parsed = parse(VERBOSE)
    assert (parsed.form, parsed.unparsed, len(parsed.records)) == ("verbose", 0, 2)
    bridge = parsed.records[0]
    assert (bridge.device, bridge.vendor_name) == ("9d10", "Intel Corporation")
    assert (bridge.revision, bridge.prog_if) == ("f1", "01")
    assert (bridge.label, bridge.slot, bridge.irq) == ("Onboard - Other", "4-1", 122)
    assert (bridge.numa_node, bridge.iommu_group) == (1, 14)
    assert (bridge.primary, bridge.secondary, bridge.subordinate) == (0, 2, 10)
    assert bridge.windows == (
        LspciWindow("io", 0xF000, 0xFFF, 16, True),
        LspciWindow("mem", 0xF1100000, 0xF11FFFFF, 32, False),
        LspciWindow("pref", None, None, None, True),
    )
    assert bridge.capabilities == ("[40] Express (v2) Root Port (Slot+), MSI 00", "[90] Subsystem: Lenovo Device 2238")
    assert (bridge.driver, bridge.modules) == ("pcieport", ("shpchp", "other"))
    assert (bridge.subsystem_name, bridge.access_denied) == (None, False)


def test_verbose_regions_flags_and_denied_capabilities() -> None:
    card = parse(VERBOSE).records[1]
    assert card.name == "Advanced Micro Devices, Inc. [AMD/ATI] Ellesmere [Radeon RX 480]"
    assert (card.irq, card.numa_node, card.iommu_group) == (16, 2, 3)
    assert (card.subsystem_device, card.subsystem_vendor_name) == ("1100", "Red Hat, Inc.")
    assert (card.capabilities, card.access_denied) == ((), True)
    no = {"disabled": False, "virtual": False, "unassigned": False, "ignored": False}
    assert card.regions == (
        LspciRegion(0, "mem", 0xE0000000, 256 << 20, 64, True, **no),
        LspciRegion(2, "mem", None, None, 32, False, **{**no, "disabled": True, "unassigned": True}),
        LspciRegion(3, "mem", None, 2 << 30, 20, False, **{**no, "ignored": True}),
        LspciRegion(4, "io", 0xE000, 128, None, None, **{**no, "virtual": True}),
        LspciRegion(None, "io", None, None, None, None, **{**no, "disabled": True, "unassigned": True}),
        LspciRegion(None, "mem", 0x3F0, None, None, False, **{**no, "virtual": True}),
        LspciRegion(6, "rom", 0xC0000, 128 << 10, None, None, **{**no, "disabled": True, "virtual": True}),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
        lambda text: text.replace("\t", "        "),
        lambda text: text.replace("VGA", "\x1b[01;31m\x1b[KVGA\x1b[m\x1b[K"),
        lambda text: text.rstrip("\n"),
        lambda text: "".join(f"+{line}\n" for line in text.splitlines() if line),
    ],
    ids=["crlf", "mail", "markdown", "expanded", "coloured", "stripped", "diff"],
)
def test_the_same_through_other_hands(change: Callable[[str], str]) -> None:
    assert parse(change(VERBOSE)) == parse(VERBOSE)


def test_label_that_ran_into_the_next_line() -> None:
    record = only("00:02.0 VGA: Foo\n\tDeviceName: Onboard IGD\tSubsystem: Dell [1028:0a2b]\n")
    assert (record.label, record.subsystem_vendor, record.subsystem_name) == ("Onboard IGD", "1028", "Dell")


@pytest.mark.parametrize(
    "head",
    [
        "00:02.0 VGA compatible controller [0300]: Foo Corporation Bar\nGraphics [8086:0116] (rev 09)\n",
        "00:02.0 VGA compatible controller [0300]: Foo Corporation Bar\n    Graphics [8086:0116] (rev 09)\n",
    ],
)
def test_function_line_broken_by_a_mailer(head: str) -> None:
    parsed = parse(head + "\tKernel driver in use: i915\n")
    assert (parsed.unparsed, parsed.form) == (0, "k")
    (record,) = parsed.records
    assert (record.name, record.device, record.driver) == ("Foo Corporation Bar Graphics", "0116", "i915")


def test_prose_after_a_whole_function_line_is_not_joined() -> None:
    parsed = parse("00:02.0 VGA: Foo [8086:0116] (rev 09)\nsee also (rev 08)\n")
    assert (parsed.records[0].name, parsed.records[0].revision, parsed.unparsed) == ("Foo", "09", 1)


def test_hex_dump_gives_ids_class_and_subsystem() -> None:
    parsed = parse(
        "00:02.0 SCSI storage controller: LSI 53c895a\n"
        "00: 00 10 12 00 07 00 00 00 0a 02 00 01 00 ff 00 00\n"
        "10: 01 10 00 00 00 20 00 40 00 00 00 00 00 00 00 00\n"
        "20: 00 00 00 00 00 00 00 00 00 00 00 00 f4 1a 00 11\n"
        "30: 00 00 00 00 00 0"
    )
    assert (parsed.form, parsed.unparsed) == ("hex", 0)
    (record,) = parsed.records
    assert (record.vendor, record.device, record.class_, record.revision) == ("1000", "0012", "010002", "0a")
    assert (record.subsystem_vendor, record.subsystem_device) == ("1af4", "1100")
    assert record.config is not None
    assert (len(record.config), record.config[-6:].hex()) == (53, "110000000000")


def test_hex_dump_below_machine_forms_and_of_ones() -> None:
    dump = "00:" + " ff" * 16 + "\n"
    for head, form in (('00:02.0 "VGA" "Foo" "Bar" "" ""\n', "mm"), ("Slot:\t00:02.0\nVendor:\tFoo\n", "vmm")):
        parsed = parse(head + dump)
        assert (parsed.form, parsed.unparsed) == (form, 0)
        assert (parsed.records[0].vanished, parsed.records[0].config) == (True, b"\xff" * 16)
        assert parsed.records[0].vendor is None


def test_hex_rows_out_of_order_are_not_joined() -> None:
    record = only("00:02.0 VGA: Foo\n00:" + " 01" * 16 + "\n20:" + " 02" * 16 + "\n")
    assert record.config == b"\x01" * 16


def test_trees_between_are_known_lines() -> None:
    tree = (
        "-+-[0001:00]---00.0\n \\-[0000:00]-+-00.0  Intel Corporation 440FX\n"
        "             +-1c.0-[01-02]--+-00.0\n             |               \\-00.1\n             \\-1e.0-[03]--\n"
    )
    assert parse(tree) == LspciText("tree", (), 0)
    parsed = parse("00:00.0 Host bridge: Foo\n" + tree + "00:01.0 ISA bridge: Bar\n")
    assert (parsed.form, len(parsed.records), parsed.unparsed) == ("plain", 2, 0)


def test_several_outputs_in_one_text() -> None:
    text = "$ lspci\n00:02.0 VGA: Foo\n\n```\n$ lspci -nn\n00:02.0 VGA [0300]: Foo [10de:0001]\n"
    parsed = parse(text)
    assert (parsed.form, parsed.unparsed) == ("mixed", 3)
    assert [(str(record.address), record.vendor) for record in parsed.records] == [
        ("0000:00:02.0", None),
        ("0000:00:02.0", "10de"),
    ]
    assert parse(VMM + '\n00:02.0 "VGA" "Foo" "Bar" "" ""\n').form == "mixed"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("00:00.0 Host bridge: Foo\n", "plain"),
        ("00:00.0 0600: 8086:1237\n", "n"),
        ("00:00.0 Host bridge [0600]: Foo [8086:1237]\n", "nn"),
        ("00:00.0 Host bridge [0600]: Foo [8086:1237]\n\tKernel modules: foo\n", "k"),
        ("00:00.0 Host bridge: Foo\n\tFlags: fast devsel\n\tKernel modules: foo\n", "verbose"),
    ],
)
def test_forms(text: str, form: str) -> None:
    assert parse(text).form == form


def test_complaints_in_between_do_not_part_a_record() -> None:
    complaint = "lspci: Unable to load libkmod resources: error -2\n"
    parsed = parse(f"00:02.0 VGA: Foo\n{complaint}\tKernel driver in use: i915\n")
    assert (parsed.records[0].driver, parsed.unparsed) == ("i915", 1)


def test_double_spaced_text_keeps_its_details_together() -> None:
    assert only("00:02.0 VGA: Foo\n\n\tKernel driver in use: i915\n\n").driver == "i915"


def test_sections_of_other_tools_are_not_details() -> None:
    foreign = "##### rfkill #####\n0: phy0: Wireless LAN\n\tSoft blocked: no\n\tSubsystem: x\n"
    parsed = parse("00:02.0 VGA: Foo\n\n" + foreign)
    assert (parsed.unparsed, parsed.records[0].subsystem_name) == (4, None)


@pytest.mark.parametrize(
    ("cut", "class_name", "name"),
    [
        ("00:1f.2 SATA contr", "SATA contr", None),
        ("00:1f.2 SATA controller: Intel Cor", "SATA controller", "Intel Cor"),
        ("00:1f.2 SATA controller: Intel (re", "SATA controller", "Intel"),
        ("00:1f.2 SATA controller: Intel (rev 0", "SATA controller", "Intel"),
        ("00:1f.2 SATA controller [0106]: Intel [8086:29", "SATA controller", "Intel"),
    ],
)
def test_cut_off_in_the_last_line(cut: str, class_name: str, name: str) -> None:
    parsed = parse("00:1f.0 ISA bridge: Foo\n" + cut)
    assert (len(parsed.records), parsed.unparsed) == (2, 0)
    assert (parsed.records[1].class_name, parsed.records[1].name) == (class_name, name)
    assert parsed.records[1].revision is None


def test_head_cut_off_is_counted() -> None:
    assert parse("\tKernel driver in use: e1000\n00:02.0 VGA: Foo\n").unparsed == 1


def test_absurd_numbers_are_left_out() -> None:
    nines = "9" * 5000
    details = f"\tNUMA node: {nines}\n\tInterrupt: pin A routed to IRQ {nines}\n\tMemory at {nines}\n"
    record = only("00:02.0 VGA: Foo\n" + details)
    assert (record.numa_node, record.irq) == (None, None)
    assert [region.start for region in record.regions] == [None]


def test_a_line_longer_than_any_of_lspci_is_not_looked_into() -> None:
    parsed = parse("00:02.0 VGA: " + "x" * (1 << 16) + "\n00:03.0 VGA: Foo\n")
    assert ([str(record.address) for record in parsed.records], parsed.unparsed) == (["0000:00:03.0"], 1)


def test_a_listing_of_addresses_is_no_function_even_cut_off() -> None:
    assert parse("$ ls /sys/bus/pci/devices\n0000:01:00.0  0000:01:0") == LspciText("none", (), 2)


def test_placeholders_are_no_names_in_the_regular_form_either() -> None:
    block = "Slot:\t00:02.0\nClass:\tClass [0880]\nVendor:\tVendor [abcd]\nDevice:\tUnknown device [0001]\n"
    record = only(block)
    assert (record.class_name, record.vendor_name, record.device_name) == (None, None, None)
    assert (record.class_, record.vendor, record.device) == ("0880", "abcd", "0001")
    assert parse(block.replace("\n", "\r\n")).records == (record,)
