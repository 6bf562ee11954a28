"""Address ranges."""

from __future__ import annotations

import pytest

from hotplugctl.model.resource import Range, ResourceLine
from hotplugctl.parse import resource

VIRTIO = (
    "0x000000000000c000 0x000000000000c07f 0x0000000000040101\n"
    "0x00000000febc0000 0x00000000febc0fff 0x0000000000040200\n"
    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    "0x00000000fe000000 0x00000000fe003fff 0x000000000014220c\n"
)


def test_a_function() -> None:
    lines = resource.parse(VIRTIO)
    assert lines is not None
    io, mem, nothing, pref = lines
    assert io == ResourceLine(0, 0xC000, 0xC07F, 0x40101)
    assert (io.is_io, io.is_mem, io.size, io.assigned) == (True, False, 128, True)
    assert (mem.is_io, mem.is_mem, mem.prefetch, mem.is64, mem.size) == (False, True, False, False, 4096)
    assert (nothing.size, nothing.assigned, nothing.unset, nothing.is_mem) == (0, False, False, False)
    assert (pref.index, pref.prefetch, pref.is64, pref.size) == (3, True, True, 16384)


@pytest.mark.parametrize(
    ("start", "end", "flags", "size", "assigned"),
    [
        (0, 0xFFFFFFFF, 0x20140204, 1 << 32, False),  # IORESOURCE_UNSET: sized, without an address
        (0, 0xFFF, 0x40200, 4096, False),
        (0xF000, 0xEFFF, 0x100, 0, False),
        (0x1000, 0x1FFF, 0, 0, False),
        (0x1000, 0x1FFF, 0x10000100, 4096, False),  # IORESOURCE_DISABLED
        (0, 0, 0x200, 0, False),
        (0, 2**64 - 1, 0x200, 2**64, False),
    ],
)
def test_what_is_not_assigned(start: int, end: int, flags: int, size: int, assigned: bool) -> None:
    line = ResourceLine(0, start, end, flags)
    assert (line.size, line.assigned) == (size, assigned)


def test_flags_of_their_own() -> None:
    line = ResourceLine(13, 0x1000, 0x1FFF, 0x30200100)
    assert line.unset and line.disabled and line.window and not line.prefetch and not line.is64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "0x0 0x0\n",
        "0x0 0x0 0x0 0x0\n",
        "0x0 0x0 0xg\n",
        "0 0 0\n",
        "0x0 0x0 0x" + "f" * 17,
        "0x0 0x0 0x0\n\n0x0 0x0 0x0",
        "0x0 0x0 0x0\n" * 65,
        "\x00" * 50,
    ],
)
def test_malformed(text: str) -> None:
    assert resource.parse(text) is None


IOMEM = """\
00000000-00000fff : Reserved
c0000000-febfffff : PCI Bus 0000:00
  fda00000-fdbfffff : PCI Bus 0000:03
    fda40000-fda5ffff : 0000:03:00.0
      fda40000-fda5ffff : e1000e
100000000-1ffffffff : System RAM : odd
"""


def test_iomem() -> None:
    found = resource.parse_iomem(IOMEM)
    assert not found.masked and found.unparsed == 0
    assert found.ranges[1:4] == (
        Range(0xC0000000, 0xFEBFFFFF, 0, "PCI Bus 0000:00"),
        Range(0xFDA00000, 0xFDBFFFFF, 1, "PCI Bus 0000:03"),
        Range(0xFDA40000, 0xFDA5FFFF, 2, "0000:03:00.0"),
    )
    assert found.ranges[4].depth == 3
    assert found.ranges[5] == Range(0x100000000, 0x1FFFFFFFF, 0, "System RAM : odd")


def test_iomem_as_others_than_root_see_it() -> None:
    masked = resource.parse_iomem("00000000-00000000 : Reserved\n  00000000-00000000 : 0000:03:00.0\r\n")
    assert masked.masked and masked.ranges[1] == Range(0, 0, 1, "0000:03:00.0")


def test_one_address_is_enough_to_be_unmasked() -> None:
    assert not resource.parse_iomem("0000-0000 : a\n0000-001f : dma1\n").masked


def test_nothing_is_not_masked() -> None:
    assert resource.parse_iomem("junk\n\n") == ((), False, 1)
