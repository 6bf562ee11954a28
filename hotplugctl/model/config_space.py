"""Configuration space of one function, as far as hot-plug needs it."""

from typing import NamedTuple, Optional


class Bar(NamedTuple):
    """A base address register, raw. ``offset`` in configuration space; the upper half of a 64-bit BAR is no entry.

    ``kind`` is ``io``, ``mem32``, ``mem64``, or ``none`` where the register reads 0: not implemented, or a 32-bit
    memory BAR without an address, which look the same.
    """

    index: int  # type: ignore[assignment]
    offset: int
    kind: str
    prefetchable: bool
    base: int


class Buses(NamedTuple):
    """Bus numbers of a bridge."""

    primary: int
    secondary: int
    subordinate: int


class Window(NamedTuple):
    """What a bridge forwards: ``kind`` is ``io``, ``mem`` or ``pref``; ``base`` to ``limit``, both included.

    ``enabled`` is false where base is above limit, which forwards nothing. ``bits`` is the width that the registers
    have: 16 or 32 for I/O, 32 for memory, 32 or 64 for prefetchable memory. I/O and prefetchable windows are
    optional; registers that all read 0 look like an enabled window from 0 and may be none (``zero``).
    """

    kind: str
    base: int
    limit: int
    enabled: bool
    bits: int
    zero: bool

    @property
    def is64(self) -> bool:
        return self.bits == 64

    @property
    def size(self) -> int:
        return self.limit - self.base + 1 if self.enabled else 0


class Capability(NamedTuple):
    """A capability of the classic list; ``id`` as in include/uapi/linux/pci_regs.h, PCI_CAP_ID_*."""

    id: int
    offset: int


class PcieCap(NamedTuple):
    """The PCI Express capability: PCI Express Base Specification 5.0, 7.5.3.

    ``port_type`` is ``endpoint``, ``legacy-endpoint``, ``root-port``, ``upstream-port``, ``downstream-port``,
    ``pcie-to-pci-bridge``, ``pci-to-pcie-bridge``, ``rc-endpoint``, ``rc-event-collector`` or ``reserved``.

    Without ``slot_implemented`` the fields from ``slot_number`` to ``link_state_changed`` are None or false and mean
    nothing. Indicator states are ``on``, ``blink``, ``off`` or ``reserved``. ``power_off`` is the power *controller*
    bit (set: the slot is off); ``presence`` is PresDet, ``mrl_open`` the state of the latch, ``*_changed``,
    ``attn_button_pressed``, ``power_fault`` and ``command_completed`` are latched until somebody clears them.

    Speeds are as lspci spells them, None for a code that nobody has defined; the link fields of an endpoint within
    the root complex are None, 0 and false.
    """

    offset: int
    version: int
    port_type: str
    slot_implemented: bool
    # Slot Capabilities
    slot_number: Optional[int]
    attn_button: bool
    power_controller: bool
    mrl_sensor: bool
    attn_indicator: bool
    power_indicator: bool
    hotplug_surprise: bool
    hotplug_capable: bool
    interlock: bool
    no_command_completed: bool
    # Slot Control
    attn_button_enable: bool
    power_fault_enable: bool
    mrl_enable: bool
    presence_enable: bool
    command_completed_enable: bool
    hotplug_interrupt_enable: bool
    link_change_enable: bool
    attn_indicator_state: Optional[str]
    power_indicator_state: Optional[str]
    power_off: bool
    # Slot Status
    attn_button_pressed: bool
    power_fault: bool
    mrl_changed: bool
    presence_changed: bool
    command_completed: bool
    mrl_open: bool
    presence: bool
    interlock_engaged: bool
    link_state_changed: bool
    # Link Capabilities and Status
    max_speed: Optional[str]
    max_width: int
    surprise_down_reporting: bool
    dl_active_reporting: bool
    port_number: int
    speed: Optional[str]
    width: int
    training: bool
    dl_active: bool


class ConfigSpace(NamedTuple):
    """The header and what the capability list leads to. Ids are lower-case hex of four digits, ``class_`` of six.

    ``readable`` is false where fewer than 64 bytes were there: nothing else is true then. ``truncated``: 64 bytes
    only, as the kernel gives to all but root, so that ``capabilities``, ``pcie``, ``shpc`` and the MSI fields are
    unknown, not absent. ``all_ones``: the device does not answer. ``chain_broken``: the list loops or leads astray.
    """

    readable: bool
    vendor: str
    device: str
    command: int
    status: int
    class_: str
    revision: int
    header_type: int
    multifunction: bool
    all_ones: bool
    truncated: bool
    bars: tuple[Bar, ...]
    buses: Optional[Buses]
    windows: tuple[Window, ...]
    capabilities: tuple[Capability, ...]
    chain_broken: bool
    pcie: Optional[PcieCap]
    shpc: bool
    msi: bool
    msix: bool

    def window(self, kind: str) -> Optional[Window]:
        """The window of a kind (``io``, ``mem``, ``pref``); None for what is no bridge."""
        return next((window for window in self.windows if window.kind == kind), None)
