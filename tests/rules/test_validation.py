"""What lspci says against what sysfs says, rule by rule: what must not be objected to first."""

from __future__ import annotations

from typing import Optional

import pytest

from hotplugctl.model.config_space import ConfigSpace
from hotplugctl.model.devices import PciFunction
from hotplugctl.model.lspci import LspciText
from hotplugctl.model.reads import Absent, Denied, Failure, Unrecorded
from hotplugctl.model.report import Evidence
from hotplugctl.model.resource import ResourceLine
from hotplugctl.model.validation import Breach, Claims, Expectation, Said, Subject, Subjects, Witness
from hotplugctl.parse import config_space
from hotplugctl.parse import lspci as grammar
from hotplugctl.rules.validation import expected, lspci, manifest

ADDRESS = "0000:00:03.0"
FOLDER = f"/sys/devices/pci0000:00/{ADDRESS}"
IDS = {"vendor": "8086", "device": "100e", "subsystem_vendor": "1af4", "subsystem_device": "1100", "class": "020000"}


def subject(
    config: Optional[ConfigSpace] = None,
    resources: Optional[tuple[tuple[int, int, int], ...]] = None,
    slots: tuple[str, ...] = (),
    claims: Optional[Claims] = None,
    **changes: Optional[str],
) -> Subject:
    """An e1000; ``changes`` of its ids, or of its revision (00) and driver (none)."""
    ids = {key: changes.pop(key, value) for key, value in IDS.items()}
    function = PciFunction(
        ADDRESS, FOLDER, ids["class"], ids["vendor"], ids["device"], ids["subsystem_vendor"], ids["subsystem_device"],
        "00", None, True, None, None, {},
    )._replace(**changes)  # fmt: skip
    evidence = {key: (Evidence(f"{FOLDER}/{key}", value),) if value else () for key, value in ids.items()}
    lines = None if resources is None else tuple(ResourceLine(i, *line) for i, line in enumerate(resources))
    return Subject(function, evidence, slots, config, lines, claims)


def witness(text: str, source: str = "/cmd/lspci") -> Witness:
    parsed: LspciText = grammar.parse(text)
    dumps = {
        str(record.address): config_space.parse(record.config)
        for record in parsed.records
        if record.config is not None and len(record.config) >= 64
    }
    return Witness(source, parsed.form, parsed.records, dumps)


def judge(text: str, *subjects: Subject, failure: Optional[Failure] = None, slots_known: bool = True) -> set[str]:
    """``where`` of all problems, behind the id where it is not a field that differs."""
    items = {item.function.address: item for item in subjects}
    found = lspci([witness(text)], Subjects(items, failure, slots_known))
    assert len(found) == len(set(found))
    return {
        item.where.replace(f"{ADDRESS} ", "") if item.id == "lspci.field-differs" else f"{item.id} {item.where}"
        for item in found
    }


def config(*, bars: tuple[int, ...] = (), header: int = 0, buses: bytes = b"", revision: int = 0) -> bytes:
    data = bytearray(64)
    data[0:4] = bytes.fromhex("86800e10")
    data[8:12] = bytes([revision, 0, 0, 2])
    data[14] = header
    for index, bar in enumerate(bars):
        data[0x10 + 4 * index : 0x14 + 4 * index] = bar.to_bytes(4, "little")
    data[0x18 : 0x18 + len(buses)] = buses
    if not header:
        data[0x2C:0x30] = bytes.fromhex("f41a0011")
    return bytes(data)


def dump(data: bytes) -> str:
    rows = [f"{at:02x}: {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16)]
    return "00:03.0 Ethernet controller: E1000\n" + "\n".join(rows) + "\n"


NN = "00:03.0 Ethernet controller [0200]: Intel Corporation 82540EM [8086:100e]"
K = f"{NN}\n\tSubsystem: Red Hat, Inc. QEMU [1af4:1100]\n\tKernel driver in use: e1000\n\tKernel modules: e1000\n"
VMM = (
    "Slot:\t00:03.0\nClass:\tEthernet controller [0200]\nVendor:\tIntel [8086]\nDevice:\tE1000 [100e]\n"
    "SVendor:\tRed Hat [1af4]\nSDevice:\tQEMU [1100]\nPhySlot:\t3\nProgIf:\t00\nDriver:\te1000\nModule:\te1000\n"
)
E1000 = Claims(frozenset(["e1000"]), frozenset())

# --- ids, driver, modules, slot ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "00:03.0 Ethernet controller: Intel Corporation 82540EM Gigabit Ethernet Controller\n",
        "0000:00:03.0 0200: 8086:100e\n",
        '00:03.0 "0200" "8086" "100e" -p00 "1af4" "1100"\n',
        f"{NN}\n",
        # A text without -k says nothing of drivers, and one without -v nothing of slots.
        f"{NN} (prog-if 00)\n",
    ],
)
def test_what_a_text_does_not_tell_contradicts_nothing(text):
    assert judge(text, subject(driver="e1000", slots=("3",), claims=E1000)) == set()


def test_all_that_they_agree_on():
    agreed = subject(driver="e1000", slots=("3",), claims=E1000)
    assert judge(K, agreed) == set()
    assert judge(VMM, agreed) == set()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"vendor": "8087"}, "vendor"),
        ({"device": "100f"}, "device"),
        ({"subsystem_vendor": "1af5"}, "subsystem_vendor"),
        ({"subsystem_device": "1101"}, "subsystem_device"),
        ({"class": "010000"}, "class"),
        ({"class": "020001"}, "prog_if"),
        ({"revision": "01"}, "revision"),
        ({"driver": "e1000e"}, "driver"),
        ({"driver": None}, "driver"),
        ({"slots": ("4",)}, "slot"),
        ({"slots": ()}, "slot"),
        ({"claims": Claims(frozenset(["e1000e"]), frozenset())}, "modules"),
        ({"claims": Claims(frozenset(["e1000", "e1000e"]), frozenset())}, "modules"),
        ({"claims": Claims(frozenset(), frozenset())}, "modules"),
    ],
)
def test_every_field_that_differs_is_named(change, field):
    assert judge(VMM, subject(**{"driver": "e1000", "slots": ("3",), "claims": E1000, **change})) == {field}


def test_what_sysfs_does_not_tell_contradicts_nothing():
    silent = subject(driver=None, revision=None, unknown={"driver": "denied"}, **dict.fromkeys(IDS))
    assert judge(VMM, silent, slots_known=False) == set()


def test_lspci_shows_nothing_where_there_is_no_subsystem():
    other = "00:04.0 Ethernet controller [0200]: X [8086:100e]\n\tSubsystem: Red Hat, Inc. QEMU [1af4:1100]\n"
    there = subject()
    absent = subject(subsystem_vendor="0000", subsystem_device="0000")
    beside = there._replace(function=there.function._replace(address="0000:00:04.0"))
    assert judge(f"{NN}\n{other}", absent, beside) == set()
    assert judge(f"{NN}\n{other}", there, beside) == {"subsystem_vendor"}


def test_a_built_in_module_may_be_listed_or_not():
    assert judge(K, subject(driver="e1000", claims=Claims(frozenset(), frozenset(["e1000"])))) == set()
    assert judge(K, subject(driver="e1000", claims=Claims(frozenset(["e1000"]), frozenset(["x"])))) == set()


def test_a_module_is_spelt_with_either_dash():
    claims = Claims(frozenset(["virtio_pci"]), frozenset())
    text = K.replace("modules: e1000", "modules: virtio-pci")
    assert judge(text, subject(driver="e1000", claims=claims)) == set()


def test_a_slot_has_several_names():
    assert judge(VMM, subject(driver="e1000", slots=("1", "3"))) == set()


def test_a_slot_that_lspci_does_not_show():
    text = VMM.replace("PhySlot:\t3\n", "")
    assert judge(text, subject(driver="e1000")) == set()
    assert judge(text, subject(driver="e1000", slots=("3",))) == {"slot"}


def test_a_class_that_the_kernel_overrules():
    """lspci takes the class from the kernel and, before 3.8, the programming interface from the device."""
    raw = config_space.parse(config()[:9] + b"\x80\x01\x01" + config()[12:])
    text = f"{NN} (prog-if 80 [x])\n"
    assert judge(text, subject(config=raw)) == set()
    assert judge(text.replace("80 [x]", "81 [x]"), subject(config=raw)) == {"prog_if"}


@pytest.mark.parametrize("key", ["Class", "Vendor", "Device", "SVendor"])
def test_a_record_that_lost_a_line(key):
    text = "".join(line for line in VMM.splitlines(keepends=True) if not line.startswith(f"{key}:"))
    field = {"SVendor": "subsystem_vendor"}.get(key, key.lower())
    assert judge(text, subject(driver="e1000", slots=("3",))) == {field}


def test_texts_that_call_it_by_different_names():
    plain = "00:03.0 Ethernet controller: Intel Corporation 82540EM\n"
    others = [witness(f"{NN}\n", "/cmd/lspci_nn"), witness(K, "/cmd/lspci_Dnnk")]
    subjects = Subjects({ADDRESS: subject(driver="e1000")}, None, True)
    assert lspci([witness(plain), *others], subjects) == ()
    (problem,) = lspci([witness(plain.replace("82540EM", "82541EM")), *others], subjects)
    assert problem.where == f"{ADDRESS} name"
    assert "82541EM" in problem.summary


def test_an_id_without_a_name_disagrees_with_nothing():
    texts = [
        "00:03.0 Ethernet controller: Intel Corporation Device 100e\n",
        "00:03.0 Ethernet controller [0200]: Intel Corporation Device [8086:100e]\n",
        "00:03.0 0200: 8086:100e\n",
        VMM.replace("E1000 [100e]", "Device [100e]"),
    ]
    subjects = Subjects({ADDRESS: subject(driver="e1000", slots=("3",))}, None, True)
    assert lspci([witness(text, f"/cmd/{at}") for at, text in enumerate(texts)], subjects) == ()


# --- the sets ---------------------------------------------------------------------------------------------------------


def test_functions_more_and_less():
    assert judge("00:04.0 Ethernet controller: X\n", subject()) == {
        f"lspci.function-missing {ADDRESS}",
        "lspci.function-extra 0000:00:04.0",
    }


def test_a_text_of_nothing():
    assert judge("") == set()
    assert judge("", subject()) == {"lspci.empty /cmd/lspci"}


def test_no_bus_is_no_function_and_an_unreadable_one_is_unknown():
    assert judge(K, failure=Absent("/sys/bus/pci/devices")) == {f"lspci.function-extra {ADDRESS}"}
    assert judge(K, failure=Unrecorded("/sys/bus/pci/devices")) == set()
    assert judge(K, failure=Denied("/sys/bus/pci/devices", 13)) == {"lspci.unverifiable /cmd/lspci"}


# --- BARs, buses, windows ---------------------------------------------------------------------------------------------

V = f"{NN}\n\tFlags: bus master, fast devsel, latency 0, IRQ 11\n"
BARS = (
    (0xFEB80000, 0xFEB9FFFF, 0x40200),
    (0xC000, 0xC03F, 0x40101),
    *[(0, 0, 0)] * 4,
    (0xFEB00000, 0xFEB3FFFF, 0x46200),
)
LINES = (
    "Memory at feb80000 (32-bit, non-prefetchable) [size=128K]",
    "I/O ports at c000 [size=64]",
    "Expansion ROM at feb00000 [disabled] [size=256K]",
)
NUMBERED = (f"Region 0: {LINES[0]}", f"Region 1: {LINES[1]}", LINES[2])


def verbose(*lines: str) -> str:
    return V + "".join(f"\t{line}\n" for line in lines)


@pytest.mark.parametrize("lines", [LINES, NUMBERED])
def test_regions_that_agree(lines):
    assert judge(verbose(*lines), subject(resources=BARS)) == set()


@pytest.mark.parametrize(
    ("number", "change", "field"),
    [
        (0, (0xFEBA0000, 0xFEBBFFFF, 0x40200), "region 0"),
        (0, (0xFEB80000, 0xFEB8FFFF, 0x40200), "region 0"),
        (0, (0xFEB80000, 0xFEB9FFFF, 0x40101), "region 0"),
        (1, (0, 0, 0), "region 1"),
        (3, (0xD000, 0xD03F, 0x40101), "region 3"),
        (6, (0, 0, 0), "rom"),
    ],
)
def test_regions_that_differ(number, change, field):
    lines = tuple(change if at == number else line for at, line in enumerate(BARS))
    assert judge(verbose(*NUMBERED), subject(resources=lines)) == {field}
    assert judge(verbose(*LINES), subject(resources=lines)) == {"regions"}


def test_the_ports_of_an_ide_channel():
    """A range of one byte has no size to lspci, and an I/O address no lowest two bits."""
    lines = ((0x1F0, 0x1F7, 0x110), (0x3F6, 0x3F6, 0x110), *[(0, 0, 0)] * 5)
    shown = ("Region 0: I/O ports at 01f0 [size=8]", "Region 1: I/O ports at 03f4")
    assert judge(verbose(*shown), subject(resources=lines)) == set()
    taken_for_memory = (
        "Region 0: Memory at 000001f0 (32-bit, non-prefetchable) [virtual] [size=8]",
        "Region 1: Memory at 000003f0 (type 3, non-prefetchable) [virtual]",
    )
    assert judge(verbose(*taken_for_memory), subject(resources=lines)) == set()


def test_a_bar_without_an_address():
    shown = ("Region 0: Memory at <unassigned> (64-bit, prefetchable) [disabled]", "Region 2: I/O ports at <ignored>")
    assert judge(verbose(*shown), subject(resources=((0, 0, 0),) * 7)) == set()
    sized = ((0, 0xFFFFFFF, 0x2010220C), *[(0, 0, 0)] * 6)
    line = "Region 0: Memory at <unassigned> (64-bit, prefetchable) [size=256M]"
    assert judge(verbose(line), subject(resources=sized)) == set()


BRIDGE = config(header=1, buses=bytes([0, 1, 2]))


def test_bus_numbers():
    text = verbose("Bus: primary=00, secondary=01, subordinate=02, sec-latency=0")
    assert judge(text, subject(config=config_space.parse(BRIDGE))) == set()
    moved = config_space.parse(config(header=1, buses=bytes([0, 1, 9])))
    assert judge(text, subject(config=moved)) == {"subordinate"}


def test_windows():
    data = bytearray(BRIDGE)
    data[0x20:0x24] = bytes.fromhex("80fe90fe")
    data[0x1C:0x1E] = b"\xf0\x00"
    data[0x24:0x28] = bytes.fromhex("f1ff0100")
    bridge = subject(config=config_space.parse(bytes(data)))
    closed = "I/O behind bridge: 0000f000-00000fff [disabled]"
    assert judge(verbose(closed, "Memory behind bridge: fe800000-fe9fffff [size=2M]"), bridge) == set()
    assert judge(verbose(closed, "Memory behind bridge: fe800000-feafffff [size=3M]"), bridge) == {"mem window"}
    assert judge(verbose(closed), bridge) == {"mem window"}
    # The kernel's own view of the window counts too.
    lines = (*[(0, 0, 0)] * 7, (0xFE800000, 0xFEAFFFFF, 0x200))
    text = verbose(closed, "Memory behind bridge: fe800000-feafffff [size=3M]")
    assert "mem window" not in judge(
        text, bridge._replace(resources=tuple(ResourceLine(i, *x) for i, x in enumerate(lines)))
    )


def test_dumps():
    data = config(bars=(0xFEB80000, 0xC001))
    here = subject(config=config_space.parse(data))
    assert judge(dump(data), here) == set()
    # What changes while nobody looks: command, status, cache line size, interrupt line.
    lively = data[:4] + b"\x07\x01\x10\x00" + data[8:12] + b"\x10" + data[13:60] + b"\x0b" + data[61:]
    assert judge(dump(lively), here) == set()
    assert judge(dump(config(bars=(0xFEB90000, 0xC001))), here) == {"BAR 0"}
    assert judge(dump(config(bars=(0xFEB80000,))), here) == {"BAR 1"}
    assert judge(dump(data[:32]), here) == {"config"}
    assert "revision" in judge(dump(config(bars=(0xFEB80000, 0xC001), revision=3)), here)


# --- what has gone ----------------------------------------------------------------------------------------------------

GONE = config_space.parse(b"\xff" * 64)


@pytest.mark.parametrize(
    "text",
    [
        f"{NN} (rev ff)\n",
        f"{NN} (rev ff) (prog-if ff)\n\t!!! Unknown header type 7f\n",
        # Since 3.8 the revision comes from sysfs.
        f"{NN}\n",
        f"{NN}\n\t!!! Unknown header type 7f\n\tRegion 0: Memory at feb80000 (32-bit, non-prefetchable) [size=128K]\n",
        dump(b"\xff" * 64),
    ],
)
def test_a_ghost_is_seen_alike(text):
    assert judge(text, subject(config=GONE, resources=BARS)) == set()


def test_a_ghost_that_one_of_them_sees():
    there = subject(config=config_space.parse(config()))
    assert judge(f"{NN} (rev ff)\n", there) == {"config"}
    assert judge(dump(b"\xff" * 64), there) == {"config"}
    assert judge(dump(config()), subject(config=GONE)) == {"config"}
    assert judge(verbose("Capabilities: [dc] Power Management version 2"), subject(config=GONE)) == {"config"}


# --- expectations and breaches ----------------------------------------------------------------------------------------

FUNCTION = {
    "address": ADDRESS,
    "driver": "e1000",
    "modules": ["a", "b"],
    "enabled": None,
    "unknown": {"enabled": "denied"},
    "nodes": [
        {"subsystem": "net", "name": "ens3", "node": None},
        {"subsystem": "ptp", "name": "ptp0", "node": "/dev/ptp0"},
    ],
}
SAID = Said("ready", frozenset(["pciehp"]), {ADDRESS: FUNCTION})


def ask(**document: object) -> list[str]:
    return [problem.id for problem in expected(Expectation(document), SAID)]


def test_nothing_is_expected():
    assert expected(None, SAID) == ()
    assert ask() == []


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"driver": "e1000"},
        {"modules": ["b", "a"]},
        {"nodes": ["ptp0", "ens3"]},
        {"nodes": [{}, "ens3"]},
        {"nodes": [{"subsystem": "net"}, {"name": "ptp0", "node": "/dev/ptp0"}]},
        {"nodes": [{}, {"name": "ens3"}]},
    ],
)
def test_values_that_come_true(values):
    assert ask(verdict="ready", mechanisms=["pciehp"], functions={ADDRESS: values}) == []


@pytest.mark.parametrize(
    "values",
    [
        {"driver": "E1000"},
        {"driver": ["e1000"]},
        {"modules": ["a"]},
        {"modules": "ab"},
        {"enabled": None},
        {"nodes": ["ens3"]},
        {"nodes": ["ens3", "ens3"]},
        {"nodes": ["ens3", "ptp0", "ptp1"]},
        {"nodes": ["ens3", {"nome": "ptp0"}]},
    ],
)
def test_values_that_do_not(values):
    assert ask(functions={ADDRESS: values}) == ["expected.function-differs"]


def test_what_is_unknown_comes_not_true_and_says_why():
    (problem,) = expected(Expectation({"functions": {ADDRESS: {"enabled": True}}}), SAID)
    assert problem.summary == "expected true, list says unknown (denied)"


def test_keys_that_nobody_knows_are_one_problem():
    assert ask(verdicts="ready", functoins={}) == ["expected.unknown-key"]
    assert ask(functions={ADDRESS: {"a": 1, "b": 2, "unknown": {}}}) == ["expected.unknown-key"]


def test_breaches_have_an_id_each():
    faults = ("missing", "extra", "kind", "size", "hash", "link", "path")
    found = manifest(Breach(f"/sys/{fault}", fault, "noted", "found") for fault in faults)
    assert [problem.where for problem in found] == [f"/sys/{fault}" for fault in faults]
    assert len({problem.id for problem in found}) == len(faults)
