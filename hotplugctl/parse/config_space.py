"""``/sys/bus/pci/devices/*/config``: the bytes of a function's configuration space.

Offsets and bits: PCI Local Bus Specification 3.0, 6.1 and 6.7; PCI-to-PCI Bridge Architecture 1.2, 3.2.5; PCI Express
Base Specification 5.0, 7.5.3; their names in include/uapi/linux/pci_regs.h.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Optional

from hotplugctl.model.config_space import Bar, Buses, Capability, ConfigSpace, PcieCap, Window

_HEADER = 64
_STATUS_CAP_LIST = 0x10
_CAP_MSI = 0x05
_CAP_SHPC = 0x0C
_CAP_PCIE = 0x10
_CAP_MSIX = 0x11
_MOST_CAPABILITIES = 48
_BRIDGE = 1
_CARDBUS = 2
_PORT_TYPES = {
    0: "endpoint",
    1: "legacy-endpoint",
    4: "root-port",
    5: "upstream-port",
    6: "downstream-port",
    7: "pcie-to-pci-bridge",
    8: "pci-to-pcie-bridge",
    9: "rc-endpoint",
    10: "rc-event-collector",
}
_WITH_SLOT = ("root-port", "downstream-port", "pci-to-pcie-bridge")
_WITHOUT_LINK = ("rc-endpoint", "rc-event-collector", "reserved")
_SPEEDS = {1: "2.5GT/s", 2: "5GT/s", 3: "8GT/s", 4: "16GT/s", 5: "32GT/s", 6: "64GT/s"}
_INDICATORS = ("reserved", "on", "blink", "off")


def parse(data: bytes) -> ConfigSpace:
    """The header, bridge windows and capabilities in 64 to 4096 bytes."""
    if len(data) < _HEADER:
        return _UNREADABLE
    vendor, device, command, status = unpack_from("<4H", data)
    header_type = data[0x0E] & 0x7F
    all_ones = data[:4] == b"\xff\xff\xff\xff"
    if all_ones:
        return _GONE._replace(truncated=len(data) <= _HEADER)
    capabilities, broken = _capabilities(data, status, header_type)
    ids = {capability.id for capability in capabilities}
    return ConfigSpace(
        readable=True,
        vendor=f"{vendor:04x}",
        device=f"{device:04x}",
        command=command,
        status=status,
        class_=f"{data[0x0B]:02x}{data[0x0A]:02x}{data[0x09]:02x}",
        revision=data[0x08],
        header_type=header_type,
        multifunction=bool(data[0x0E] & 0x80),
        all_ones=False,
        truncated=len(data) <= _HEADER,
        bars=_bars(data, header_type),
        buses=Buses(data[0x18], data[0x19], data[0x1A]) if header_type in (_BRIDGE, _CARDBUS) else None,
        windows=_windows(data) if header_type == _BRIDGE else (),
        capabilities=capabilities,
        chain_broken=broken,
        pcie=_pcie(data, capabilities),
        shpc=_CAP_SHPC in ids,
        msi=_CAP_MSI in ids,
        msix=_CAP_MSIX in ids,
    )


_UNREADABLE = ConfigSpace(
    False, "", "", 0, 0, "", 0, 0, False, False, True, (), None, (), (), False, None, False, False, False
)
_GONE = _UNREADABLE._replace(readable=True, all_ones=True, vendor="ffff", device="ffff", class_="ffffff", revision=0xFF)


def _bars(data: bytes, header_type: int) -> tuple[Bar, ...]:
    count = {0: 6, _BRIDGE: 2, _CARDBUS: 1}.get(header_type, 0)
    bars = []
    index = 0
    while index < count:
        offset = 0x10 + 4 * index
        (raw,) = unpack_from("<I", data, offset)
        if raw & 1:
            bars.append(Bar(index, offset, "io", False, raw & 0xFFFFFFFC))
        elif raw & 0x6 == 0x4 and index + 1 < count:
            (upper,) = unpack_from("<I", data, offset + 4)
            bars.append(Bar(index, offset, "mem64", bool(raw & 8), upper << 32 | raw & 0xFFFFFFF0))
            index += 1
        else:
            bars.append(Bar(index, offset, "mem32" if raw else "none", bool(raw & 8), raw & 0xFFFFFFF0))
        index += 1
    return tuple(bars)


def _windows(data: bytes) -> tuple[Window, ...]:
    io_base, io_limit = data[0x1C], data[0x1D]
    mem_base, mem_limit, pref_base, pref_limit, pref_upper, pref_upper_limit = unpack_from("<4H2I", data, 0x20)
    io_upper, io_upper_limit = unpack_from("<2H", data, 0x30)
    wide_io = io_base & 0xF == 1
    wide_pref = pref_base & 0xF == 1
    return (
        _window(
            "io",
            (io_base & 0xF0) << 8 | (io_upper << 16 if wide_io else 0),
            (io_limit & 0xF0) << 8 | 0xFFF | (io_upper_limit << 16 if wide_io else 0),
            32 if wide_io else 16,
            not any(data[0x1C:0x1E]),
        ),
        _window("mem", (mem_base & 0xFFF0) << 16, (mem_limit & 0xFFF0) << 16 | 0xFFFFF, 32, not mem_base | mem_limit),
        _window(
            "pref",
            (pref_base & 0xFFF0) << 16 | (pref_upper << 32 if wide_pref else 0),
            (pref_limit & 0xFFF0) << 16 | 0xFFFFF | (pref_upper_limit << 32 if wide_pref else 0),
            64 if wide_pref else 32,
            not pref_base | pref_limit,
        ),
    )


def _window(kind: str, base: int, limit: int, bits: int, zero: bool) -> Window:
    return Window(kind, base, limit, base <= limit, bits, zero)


def _capabilities(data: bytes, status: int, header_type: int) -> tuple[tuple[Capability, ...], bool]:
    """The list as far as it can be followed, and whether it ended otherwise than with 0."""
    if not status & _STATUS_CAP_LIST or len(data) <= _HEADER:
        return (), False
    where = data[0x14 if header_type == _CARDBUS else 0x34] & 0xFC
    found: list[Capability] = []
    seen = set()
    while where:
        if where < _HEADER or where in seen or where + 2 > len(data) or len(found) == _MOST_CAPABILITIES:
            return tuple(found), True
        seen.add(where)
        if data[where] == 0xFF:
            return tuple(found), True
        found.append(Capability(data[where], where))
        where = data[where + 1] & 0xFC
    return tuple(found), False


def _pcie(data: bytes, capabilities: tuple[Capability, ...]) -> Optional[PcieCap]:
    """None too where the capability is cut off."""
    offset = next((capability.offset for capability in capabilities if capability.id == _CAP_PCIE), None)
    if offset is None or offset + 4 > len(data):
        return None
    (flags,) = unpack_from("<H", data, offset + 2)
    port_type = _PORT_TYPES.get(flags >> 4 & 0xF, "reserved")
    has_slot = bool(flags & 0x100) and port_type in _WITH_SLOT
    has_link = port_type not in _WITHOUT_LINK
    if offset + (0x1C if has_slot else 0x14 if has_link else 0x0C) > len(data):
        return None
    cap = _BARE_PORT._replace(offset=offset, version=flags & 0xF, port_type=port_type, slot_implemented=has_slot)
    if has_link:
        cap = _with_link(cap, data)
    return _with_slot(cap, data) if has_slot else cap


def _with_link(cap: PcieCap, data: bytes) -> PcieCap:
    link_cap, _, link_sta = unpack_from("<I2H", data, cap.offset + 0x0C)
    return cap._replace(
        max_speed=_SPEEDS.get(link_cap & 0xF),
        max_width=link_cap >> 4 & 0x3F,
        surprise_down_reporting=bool(link_cap & 0x80000),
        dl_active_reporting=bool(link_cap & 0x100000),
        port_number=link_cap >> 24,
        speed=_SPEEDS.get(link_sta & 0xF),
        width=link_sta >> 4 & 0x3F,
        training=bool(link_sta & 0x800),
        dl_active=bool(link_sta & 0x2000),
    )


def _with_slot(cap: PcieCap, data: bytes) -> PcieCap:
    slot_cap, slot_ctl, slot_sta = unpack_from("<I2H", data, cap.offset + 0x14)
    return cap._replace(
        slot_number=slot_cap >> 19,
        attn_button=bool(slot_cap & 0x1),
        power_controller=bool(slot_cap & 0x2),
        mrl_sensor=bool(slot_cap & 0x4),
        attn_indicator=bool(slot_cap & 0x8),
        power_indicator=bool(slot_cap & 0x10),
        hotplug_surprise=bool(slot_cap & 0x20),
        hotplug_capable=bool(slot_cap & 0x40),
        interlock=bool(slot_cap & 0x20000),
        no_command_completed=bool(slot_cap & 0x40000),
        attn_button_enable=bool(slot_ctl & 0x1),
        power_fault_enable=bool(slot_ctl & 0x2),
        mrl_enable=bool(slot_ctl & 0x4),
        presence_enable=bool(slot_ctl & 0x8),
        command_completed_enable=bool(slot_ctl & 0x10),
        hotplug_interrupt_enable=bool(slot_ctl & 0x20),
        link_change_enable=bool(slot_ctl & 0x1000),
        attn_indicator_state=_INDICATORS[slot_ctl >> 6 & 3],
        power_indicator_state=_INDICATORS[slot_ctl >> 8 & 3],
        power_off=bool(slot_ctl & 0x400),
        attn_button_pressed=bool(slot_sta & 0x1),
        power_fault=bool(slot_sta & 0x2),
        mrl_changed=bool(slot_sta & 0x4),
        presence_changed=bool(slot_sta & 0x8),
        command_completed=bool(slot_sta & 0x10),
        mrl_open=bool(slot_sta & 0x20),
        presence=bool(slot_sta & 0x40),
        interlock_engaged=bool(slot_sta & 0x80),
        link_state_changed=bool(slot_sta & 0x100),
    )


_BARE_PORT = PcieCap(
    offset=0,
    version=0,
    port_type="reserved",
    slot_implemented=False,
    slot_number=None,
    attn_button=False,
    power_controller=False,
    mrl_sensor=False,
    attn_indicator=False,
    power_indicator=False,
    hotplug_surprise=False,
    hotplug_capable=False,
    interlock=False,
    no_command_completed=False,
    attn_button_enable=False,
    power_fault_enable=False,
    mrl_enable=False,
    presence_enable=False,
    command_completed_enable=False,
    hotplug_interrupt_enable=False,
    link_change_enable=False,
    attn_indicator_state=None,
    power_indicator_state=None,
    power_off=False,
    attn_button_pressed=False,
    power_fault=False,
    mrl_changed=False,
    presence_changed=False,
    command_completed=False,
    mrl_open=False,
    presence=False,
    interlock_engaged=False,
    link_state_changed=False,
    max_speed=None,
    max_width=0,
    surprise_down_reporting=False,
    dl_active_reporting=False,
    port_number=0,
    speed=None,
    width=0,
    training=False,
    dl_active=False,
)
