"""What still fits: the largest block behind each port, and the bus numbers that are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotplugctl.rules.headroom import Span, largest_block

MIB = 1 << 20


def room(said, bus):
    return next(item for item in said.headroom.rooms if item.bus == bus)


@pytest.mark.parametrize(
    "free, used, size",
    [
        ([], [], 0),
        ([(0x1000, 0x1FFF)], [], 0x1000),
        ([(0x1000, 0x1FFF)], [(0x1000, 0x103F)], 0x800),
        ([(0x1000, 0x1FFF)], [(0x1800, 0x1800)], 0x800),
        ([(0x1000, 0x1FFF)], [(0, 0xFFFF)], 0),
        ([(0x3000, 0x4FFF)], [], 0x1000),  # 8 KiB long, and no multiple of 8 KiB in it
        ([(5, 5)], [], 1),
        ([(0x4000_0000, 0xFEBF_FFFF)], [(0xFE00_0000, 0xFEBF_FFFF)], 1 << 30),
        ([(1 << 32, (1 << 40) - 1)], [], 1 << 39),
        ([(0x1000, 0x1FFF), (0x8000, 0xFFFF)], [(0x9000, 0x9FFF), (0x8800, 0x97FF)], 0x4000),
    ],
)
def test_the_largest_block(free, used, size):
    assert largest_block([Span(*pair) for pair in free], [Span(*pair) for pair in used]) == size


@pytest.mark.parametrize(
    "free, used, size",
    [
        ([(0xC000, 0xCFFF)], [], 0x1000),
        ([(0xC000, 0xCFFF)], [(0xC000, 0xC0FF), (0xC400, 0xC4FF), (0xC800, 0xC8FF)], 0x400),
        # What is left would hold 512 bytes thrice.
        ([(0xC000, 0xCFFF)], [(at, at + 0xFF) for at in range(0xC000, 0xD000, 0x400)], 0),
        ([(0xC000, 0xC3FF)], [(0xC000, 0xC01F)], 0x80),
        ([(0xC100, 0xC5FF)], [], 0x200),
        ([(0xC340, 0xC43F)], [], 0x40),
    ],
)
def test_x86_begins_no_io_where_isa_cards_answer(free, used, size):
    spans = [Span(*pair) for pair in used]
    assert largest_block([Span(*pair) for pair in free], spans, for_isa=True) == size


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))), st.integers(0, 255), st.integers(0, 255))
def test_it_is_what_a_search_finds(used, first, last):
    """Held against every aligned place of every size."""
    spans = [Span(min(pair), max(pair)) for pair in used]
    taken = {at for span in spans for at in range(span.start, span.end + 1)}
    best = 0
    for size in (1 << power for power in range(9)):
        for start in range(-(-first // size) * size, last - size + 2, size):
            if not taken.intersection(range(start, start + size)):
                best = size
    assert largest_block([Span(first, last)] if first <= last else [], spans) == best


# Ports.


def test_behind_a_port(syn, q35):
    windows = {"io": (0x3000, 0x4FFF), "mem": (0xFE80_0000, 0xFE9F_FFFF), "pref": (0x8_0000_0000, 0x8_FFFF_FFFF)}
    q35.file(f"{q35.paths['0000:00:01.0']}/config", syn.bridge(1, 4, slot=(syn.SLOT[0], 0x07E0, 0), **windows))
    found = room(q35.check(), "0000:01")
    assert (found.io_largest, found.mem_largest, found.pref_largest) == (0x1000, 2 * MIB, 1 << 32)
    assert (found.port, found.mechanism, found.slots, found.free_slots) == ("0000:00:01.0", "pciehp", 1, 1)
    assert found.bus_numbers_free == 3


def test_what_devices_hold_is_not_free(q35):
    q35.function(
        "0000:01:00.0", driver="virtio-pci", below="0000:00:01.0",
        resource=[(0x1000, 0x103F, 0x40101), (0xFE80_0000, 0xFE8F_FFFF, 0x40200)],
    )  # fmt: skip
    found = room(q35.check(), "0000:01")
    assert (found.io_largest, found.mem_largest) == (0x800, MIB)
    assert found.free_slots == 0


def test_a_bridge_below_holds_bus_numbers_and_windows(syn, q35):
    """pcie-pci-bridge with bus-reserve, behind a port that has buses 01 to 05."""
    q35.file(f"{q35.paths['0000:00:01.0']}/config", syn.bridge(1, 5, slot=(syn.SLOT[0], 0x07E0, 0)))
    windows = [*[syn.EMPTY_BAR] * 14, (0xFE80_0000, 0xFE8F_FFFF, 0x200)]
    q35.port("0000:01:00.0", "0000:06", syn.bridge(2, 3), driver=None, below="0000:00:01.0", resource=windows)
    found = room(q35.check(), "0000:01")
    assert (found.bus_numbers_free, found.mem_largest) == (2, MIB)


def test_closed_windows_hold_nothing(syn, q35):
    closed = syn.bridge(1, slot=(syn.SLOT[0], 0x07E0, 0), io=None, mem=None)
    q35.file(f"{q35.paths['0000:00:01.0']}/config", closed)
    found = room(q35.check(), "0000:01")
    assert (found.io_largest, found.mem_largest, found.pref_largest) == (0, 0, 0)
    assert found.unknown == ()


def test_registers_that_nobody_wrote_are_no_window(syn, q35):
    blank = syn.bridge(1, slot=(syn.SLOT[0], 0x07E0, 0), io=(0, 0xFF), mem=(0, 0xFFFFF))
    q35.file(f"{q35.paths['0000:00:01.0']}/config", blank)
    found = room(q35.check(), "0000:01")
    assert (found.io_largest, found.mem_largest) == (0, 0)


@pytest.mark.parametrize("config", [b"", b"\xff" * 256])
def test_a_port_that_cannot_be_read_is_unknown(q35, config):
    q35.file(f"{q35.paths['0000:00:01.0']}/config", config)
    found = room(q35.check(), "0000:01")
    assert (found.mem_largest, found.bus_numbers_free) == (None, None)
    assert "0000:00:01.0" in dict(found.unknown)["mem_largest"]
    assert set(dict(found.unknown)) == {"io_largest", "mem_largest", "pref_largest", "bus_numbers_free"}


def test_what_a_function_holds_is_not_known(q35):
    path = q35.function("0000:01:00.0", driver="virtio-pci", below="0000:00:01.0")
    q35.remove(f"{path}/resource")
    found = room(q35.check(), "0000:01")
    assert found.mem_largest is None
    assert f"/{path}/resource" in dict(found.unknown)["mem_largest"]


# The root bus.


def test_the_root_bus(pc):
    """Several windows: 1 GiB fits below 4 GiB, 16 GiB (at 16 GiB) above; of I/O the board holds a part."""
    pc.file(
        "proc/iomem",
        "000a0000-000bffff : PCI Bus 0000:00\n40000000-febfffff : PCI Bus 0000:00\n"
        "  fe000000-febfffff : 0000:00:02.0\nfec00000-fec003ff : IOAPIC 0\n100000000-8ffffffff : PCI Bus 0000:00\n",
    )
    pc.file("proc/ioports", "0d00-1fff : PCI Bus 0000:00\n  1000-103f : ACPI PM1a_EVT_BLK\n    1000-1003 : x\n")
    found = room(pc.check(), "0000:00")
    assert (found.io_largest, found.mem_largest, found.pref_largest) == (0x800, 1 << 30, 16 << 30)
    assert (found.bus_numbers_free, found.port, found.mechanism) == (255, None, "acpiphp")


def test_the_mapped_config_space_is_no_window(pc):
    """A kernel lists the bus within its ECAM too."""
    pc.file(
        "proc/iomem",
        "c0000000-c00fffff : PCI Bus 0000:00\neec00000-febfffff : Reserved\n"
        "  eec00000-efcfffff : PCI ECAM 0000 [bus 00-0f]\n    eec00000-efcfffff : PCI Bus 0000:00\n",
    )
    assert room(pc.check(), "0000:00").mem_largest == MIB


@pytest.mark.parametrize("word", ["ECAM", "MMCONFIG"])
def test_the_mapped_config_space_tells_the_bus_range(pc, word):
    """Where the log is gone or may not be read."""
    pc.remove("cmd")
    pc.file("proc/iomem", f"c0000000-c00fffff : PCI Bus 0000:00\ne0000000-e0ffffff : PCI {word} 0000 [bus 00-0f]\n")
    assert room(pc.check(), "0000:00").bus_numbers_free == 15


def test_bridges_take_bus_numbers_of_the_root(q35):
    assert room(q35.check(), "0000:00").bus_numbers_free == 253


def test_addresses_that_are_hidden_are_unknown(pc):
    pc.file("proc/iomem", "00000000-00000000 : PCI Bus 0000:00\n")
    pc.file("proc/ioports", "0000-0000 : PCI Bus 0000:00\n")
    found = room(pc.check(), "0000:00")
    assert (found.io_largest, found.mem_largest, found.pref_largest) == (None, None, None)
    assert "not root" in dict(found.unknown)["io_largest"]


def test_recorded(recorded):
    """pc-nobar: 4 GiB do not fit, 1 GiB does. Buses 02 to 05 are those of a port with bus-reserve=3."""
    assert room(recorded("pc-nobar", "before"), "0000:00").mem_largest == 1 << 30
    rooms = {item.bus: item for item in recorded("q35-hotbridge-short", "before").headroom.rooms}
    assert [rooms[bus].bus_numbers_free for bus in ("0000:01", "0000:02")] == [0, 3]
    port = room(recorded("q35-rootport-native", "before"), "0000:01")
    assert (port.io_largest, port.mem_largest, port.pref_largest) == (4096, 2 * MIB, 2 * MIB)
