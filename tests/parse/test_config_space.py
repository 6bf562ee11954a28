"""Configuration space, built here byte by byte from the specifications."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from hotplugctl.model.config_space import Bar, Buses, Capability, Window
from hotplugctl.parse import config_space

IDS = [(0x00, "<H", 0x1AF4), (0x02, "<H", 0x1000), (0x08, "<I", 0x02000001)]
BRIDGE_IDS = [(0x00, "<H", 0x1B36), (0x02, "<H", 0x000C), (0x08, "<I", 0x06040002), (0x0E, "<B", 0x01)]


def space(*fields: tuple[int, str, int], size: int = 256) -> bytes:
    data = bytearray(size)
    for offset, form, value in fields:
        struct.pack_into(form, data, offset, value)
    return bytes(data)


def capability(offset: int, number: int, following: int) -> tuple[int, str, int]:
    return (offset, "<H", number | following << 8)


LIST = [(0x06, "<H", 0x0010), (0x34, "<B", 0x40)]


def test_the_header_of_a_device() -> None:
    parsed = config_space.parse(space(*IDS, (0x04, "<H", 0x0507), (0x0E, "<B", 0x80)))
    assert (parsed.vendor, parsed.device, parsed.class_, parsed.revision) == ("1af4", "1000", "020000", 1)
    assert (parsed.command, parsed.header_type, parsed.multifunction) == (0x0507, 0, True)
    assert parsed.readable and not parsed.all_ones and not parsed.truncated
    assert parsed.buses is None and parsed.windows == () and parsed.window("io") is None and parsed.pcie is None


@pytest.mark.parametrize("size", [0, 1, 63])
def test_too_little_is_no_header(size: int) -> None:
    parsed = config_space.parse(b"\xff" * size)
    assert not parsed.readable and not parsed.all_ones and parsed.vendor == ""


def test_a_device_that_does_not_answer() -> None:
    parsed = config_space.parse(b"\xff" * 256)
    assert parsed.all_ones and not parsed.truncated
    assert parsed.capabilities == () and parsed.bars == () and parsed.buses is None
    assert config_space.parse(b"\xff" * 64).truncated


def test_what_others_than_root_get() -> None:
    parsed = config_space.parse(space(*IDS, *LIST, size=64))
    assert parsed.truncated and parsed.readable and parsed.capabilities == () and not parsed.chain_broken


def test_bars() -> None:
    parsed = config_space.parse(
        space(
            *IDS,
            (0x10, "<I", 0x0000C001),
            (0x14, "<I", 0xFEBC0000),
            (0x1C, "<I", 0x0000000C),
            (0x20, "<I", 0x00000008),
        )
    )
    assert parsed.bars == (
        Bar(0, 0x10, "io", False, 0xC000),
        Bar(1, 0x14, "mem32", False, 0xFEBC0000),
        Bar(2, 0x18, "none", False, 0),
        Bar(3, 0x1C, "mem64", True, 0x800000000),
        Bar(5, 0x24, "none", False, 0),
    )


def test_a_64_bit_bar_without_room_for_its_upper_half() -> None:
    assert config_space.parse(space(*IDS, (0x24, "<I", 0xFEBC000C))).bars[5] == Bar(5, 0x24, "mem32", True, 0xFEBC0000)


def bridge(*fields: tuple[int, str, int]) -> Any:
    return config_space.parse(space(*BRIDGE_IDS, *fields))


def test_bridge_windows() -> None:
    parsed = bridge(
        (0x18, "<I", 0x00030201),
        (0x1C, "<H", 0x2010),
        (0x20, "<I", 0xFDF0FDE0),
        (0x24, "<I", 0x00110001),
        (0x28, "<I", 0x8),
        (0x2C, "<I", 0x8),
    )
    assert parsed.buses == Buses(1, 2, 3)
    assert parsed.windows == (
        Window("io", 0x1000, 0x2FFF, True, 16, False),
        Window("mem", 0xFDE00000, 0xFDFFFFFF, True, 32, False),
        Window("pref", 0x800000000, 0x8001FFFFF, True, 64, False),
    )
    assert [window.size for window in parsed.windows] == [0x2000, 0x200000, 0x200000]
    assert parsed.window("pref").is64 and not parsed.window("mem").is64
    assert len(parsed.bars) == 2


def test_bridge_windows_that_forward_nothing() -> None:
    """Base above limit; the upper halves of 32-bit I/O count."""
    parsed = bridge(
        (0x1C, "<H", 0x01F1),
        (0x20, "<I", 0x0000FFF0),
        (0x24, "<I", 0x0001FFF1),
    )
    io, mem, pref = parsed.windows
    assert (io.base, io.limit, io.enabled, io.bits, io.size) == (0xF000, 0x0FFF, False, 32, 0)
    assert (mem.base, mem.limit, mem.enabled) == (0xFFF00000, 0x000FFFFF, False)
    assert not pref.enabled and pref.is64


def test_upper_halves_of_io() -> None:
    io = bridge((0x1C, "<H", 0xF101), (0x30, "<I", 0x00020001)).window("io")
    assert (io.base, io.limit, io.enabled) == (0x10000, 0x2FFFF, True)


def test_windows_that_may_not_be_implemented() -> None:
    assert [window.zero for window in bridge().windows] == [True, True, True]


def test_capabilities() -> None:
    parsed = config_space.parse(
        space(*IDS, *LIST, capability(0x40, 0x05, 0x53), capability(0x50, 0x11, 0x60), capability(0x60, 0x0C, 0))
    )
    assert parsed.capabilities == (Capability(5, 0x40), Capability(0x11, 0x50), Capability(0x0C, 0x60))
    assert parsed.msi and parsed.msix and parsed.shpc and not parsed.chain_broken


@pytest.mark.parametrize(
    ("fields", "offsets"),
    [
        ([capability(0x40, 5, 0x40)], [0x40]),
        ([capability(0x40, 5, 0x50), capability(0x50, 17, 0x40)], [0x40, 0x50]),
        ([capability(0x40, 5, 0x3C)], [0x40]),
        ([capability(0x40, 0xFF, 0x50)], []),
        (
            [*(capability(offset, 9, offset + 4) for offset in range(0x40, 0xFC, 4)), capability(0xFC, 9, 0x40)],
            list(range(0x40, 0x100, 4)),
        ),
    ],
)
def test_lists_that_lead_astray(fields: list[tuple[int, str, int]], offsets: list[int]) -> None:
    parsed = config_space.parse(space(*IDS, *LIST, *fields))
    assert [found.offset for found in parsed.capabilities] == offsets
    assert parsed.chain_broken


def test_a_list_that_the_status_does_not_promise() -> None:
    assert config_space.parse(space(*IDS, (0x34, "<B", 0x40), capability(0x40, 5, 0))).capabilities == ()


def test_a_list_cut_off() -> None:
    parsed = config_space.parse(space(*IDS, *LIST, capability(0x40, 0x10, 0), size=70))
    assert parsed.capabilities == (Capability(0x10, 0x40),) and parsed.pcie is None
    assert config_space.parse(space(*IDS, *LIST, size=65)).chain_broken


def port(flags: int, *fields: tuple[int, str, int]) -> Any:
    parsed = bridge(*LIST, capability(0x40, 0x10, 0), (0x42, "<H", flags), *fields)
    assert parsed.pcie is not None
    return parsed.pcie


def test_a_root_port_with_a_card_in() -> None:
    pcie = port(
        0x0142,
        (0x4C, "<I", 0x05100A04),
        (0x52, "<H", 0x2011),
        (0x54, "<I", 0x000A007B),
        (0x58, "<H", 0x01F1),
        (0x5A, "<H", 0x0040),
    )
    assert (pcie.version, pcie.port_type, pcie.slot_implemented, pcie.slot_number) == (2, "root-port", True, 1)
    assert pcie.attn_button and pcie.power_controller and pcie.attn_indicator and pcie.power_indicator
    assert pcie.hotplug_surprise and pcie.hotplug_capable and pcie.interlock
    assert not pcie.mrl_sensor and not pcie.no_command_completed
    assert pcie.attn_button_enable and pcie.hotplug_interrupt_enable and pcie.command_completed_enable
    assert not pcie.presence_enable and not pcie.power_off
    assert (pcie.attn_indicator_state, pcie.power_indicator_state) == ("off", "on")
    assert pcie.presence and not pcie.attn_button_pressed and not pcie.link_state_changed
    assert (pcie.port_number, pcie.max_speed, pcie.max_width) == (5, "16GT/s", 32)
    assert (pcie.speed, pcie.width, pcie.dl_active, pcie.dl_active_reporting) == ("2.5GT/s", 1, True, True)


SLOT_BITS = [
    (0x54, "<I", 0, "attn_button"),
    (0x54, "<I", 1, "power_controller"),
    (0x54, "<I", 2, "mrl_sensor"),
    (0x54, "<I", 3, "attn_indicator"),
    (0x54, "<I", 4, "power_indicator"),
    (0x54, "<I", 5, "hotplug_surprise"),
    (0x54, "<I", 6, "hotplug_capable"),
    (0x54, "<I", 17, "interlock"),
    (0x54, "<I", 18, "no_command_completed"),
    (0x58, "<H", 0, "attn_button_enable"),
    (0x58, "<H", 1, "power_fault_enable"),
    (0x58, "<H", 2, "mrl_enable"),
    (0x58, "<H", 3, "presence_enable"),
    (0x58, "<H", 4, "command_completed_enable"),
    (0x58, "<H", 5, "hotplug_interrupt_enable"),
    (0x58, "<H", 10, "power_off"),
    (0x58, "<H", 12, "link_change_enable"),
    (0x5A, "<H", 0, "attn_button_pressed"),
    (0x5A, "<H", 1, "power_fault"),
    (0x5A, "<H", 2, "mrl_changed"),
    (0x5A, "<H", 3, "presence_changed"),
    (0x5A, "<H", 4, "command_completed"),
    (0x5A, "<H", 5, "mrl_open"),
    (0x5A, "<H", 6, "presence"),
    (0x5A, "<H", 7, "interlock_engaged"),
    (0x5A, "<H", 8, "link_state_changed"),
    (0x4C, "<I", 19, "surprise_down_reporting"),
    (0x4C, "<I", 20, "dl_active_reporting"),
    (0x52, "<H", 11, "training"),
    (0x52, "<H", 13, "dl_active"),
]


@pytest.mark.parametrize(("offset", "form", "bit", "name"), SLOT_BITS, ids=[row[3] for row in SLOT_BITS])
def test_each_bit_is_one_field(offset: int, form: str, bit: int, name: str) -> None:
    pcie = port(0x0162, (offset, form, 1 << bit))
    assert [field for field, value in pcie._asdict().items() if value is True and field != "slot_implemented"] == [name]


@pytest.mark.parametrize(
    ("control", "attention", "power"), [(0, "reserved", "reserved"), (0x240, "on", "blink"), (0x3C0, "off", "off")]
)
def test_indicators(control: int, attention: str, power: str) -> None:
    pcie = port(0x0142, (0x58, "<H", control))
    assert (pcie.attn_indicator_state, pcie.power_indicator_state) == (attention, power)


@pytest.mark.parametrize(("flags", "kind"), [(0x0102, "endpoint"), (0x0152, "upstream-port"), (0x0042, "root-port")])
def test_no_slot(flags: int, kind: str) -> None:
    """The registers of a slot mean nothing without one; an endpoint or upstream port has none."""
    pcie = port(flags, (0x54, "<I", 0xFFFFFFFF), (0x58, "<H", 0xFFFF), (0x5A, "<H", 0xFFFF))
    assert (pcie.port_type, pcie.slot_implemented, pcie.slot_number) == (kind, False, None)
    assert not pcie.presence and not pcie.hotplug_capable and pcie.power_indicator_state is None


def test_no_link() -> None:
    pcie = port(0x0092, (0x4C, "<I", 0xFFFFFFFF), (0x52, "<H", 0xFFFF))
    assert (pcie.port_type, pcie.speed, pcie.width, pcie.dl_active) == ("rc-endpoint", None, 0, False)


def test_a_slot_cut_off_is_not_guessed() -> None:
    data = space(*BRIDGE_IDS, *LIST, capability(0x40, 0x10, 0), (0x42, "<H", 0x0142), size=0x5B)
    assert config_space.parse(data).pcie is None
    assert config_space.parse(data + b"\0").pcie is not None
