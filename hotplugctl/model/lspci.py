"""What a text printed by ``lspci`` says of PCI functions. A key that the text does not hold is None, never a guess.

Grammar: lspci(8) and ``lspci.c``, ``ls-kernel.c``, ``ls-tree.c``, ``lib/names.c`` of pciutils 2.1 to 3.14.
"""

from typing import NamedTuple, Optional

from hotplugctl.model.address import PciAddress


class LspciRegion(NamedTuple):
    """One ``Region N: …`` or ``Expansion ROM at …`` line of ``-v``.

    ``bar``: its number, 6 for the ROM as in sysfs' ``resource``; None with a single ``-v``, which prints no number.
    ``kind``: ``io``, ``mem`` or ``rom``. ``start`` and ``size`` in bytes; ``start`` is None where lspci says
    ``<unassigned>`` or ``<ignored>``, and ``size`` where it prints none. ``bits``: 32, 64, or 20 for ``low-1M``; None
    for I/O, ROM and ``type 3``. ``prefetchable`` is None for I/O and ROM. ``disabled``: decoding is off. ``virtual``:
    the kernel has an address, the device's register has none. ``ignored``: the register has an address that the kernel
    does not use.
    """

    bar: Optional[int]
    kind: str
    start: Optional[int]
    size: Optional[int]
    bits: Optional[int]
    prefetchable: Optional[bool]
    disabled: bool
    virtual: bool
    unassigned: bool
    ignored: bool


class LspciWindow(NamedTuple):
    """What a bridge forwards: ``io``, ``mem`` or ``pref``. ``start`` and ``end`` (both inclusive) are None where lspci
    prints no range; ``bits`` 16, 32 or 64 where it prints it. ``disabled`` also for a range that is empty (start > end)
    and for the ``None`` of lspci 3.5."""

    kind: str
    start: Optional[int]
    end: Optional[int]
    bits: Optional[int]
    disabled: bool


class LspciRecord(NamedTuple):
    """One function line (or ``Slot:`` record) and what stands below it.

    ids are four lower-case hex digits, ``revision`` and ``prog_if`` two. lspci leaves revision 00 out, so None does not
    contradict sysfs' ``0x00``.

    ``class_`` has the six digits of sysfs' ``class`` file where the text gives the programming interface too
    (``(prog-if XX``, ``ProgIf:``, ``-pXX``, a hex dump), else four: compare as many digits as there are. A prog-if
    whose class is known by name alone is in ``prog_if``.

    Names: in the forms ``mm`` and ``vmm`` vendor and device stand apart (``vendor_name``, ``device_name``; ``name`` is
    None). In line forms they run together and cannot be told apart without pci.ids: ``name`` has both as printed, less
    ids, revision and prog-if, and ``vendor_name`` is given only where lspci says that it knew no device name
    (``Intel Corporation Device 0d57``, 2.x: ``Intel Corporation: Unknown device 0d57``). The same for the subsystem.

    ``slot``: PhySlot, "Physical Slot". ``irq``: the first that lspci names; with MSI it prints the vector in use, which
    sysfs' ``irq`` need not show. ``label``: DeviceName (SMBIOS or ACPI). ``modules``: empty also where the text
    was made without -k. ``capabilities``: their headings, ``[40] Express (v2) Root Port (Slot+), MSI 00``;
    ``access_denied``: lspci was not allowed to read them, so an empty tuple says nothing. ``config``: the bytes dumped
    with -x (64, 256 or 4096, fewer where the text is cut off). ``primary``, ``secondary``, ``subordinate``: bus numbers
    of a bridge. ``vanished``: it answers with ones only (``rev ff``, ``Unknown header type 7f``, a dump of ff).
    """

    address: PciAddress
    slot: Optional[str] = None
    numa_node: Optional[int] = None
    iommu_group: Optional[int] = None
    class_: Optional[str] = None
    class_name: Optional[str] = None
    vendor: Optional[str] = None
    device: Optional[str] = None
    subsystem_vendor: Optional[str] = None
    subsystem_device: Optional[str] = None
    name: Optional[str] = None
    vendor_name: Optional[str] = None
    device_name: Optional[str] = None
    subsystem_name: Optional[str] = None
    subsystem_vendor_name: Optional[str] = None
    subsystem_device_name: Optional[str] = None
    revision: Optional[str] = None
    prog_if: Optional[str] = None
    driver: Optional[str] = None
    modules: tuple[str, ...] = ()
    vanished: bool = False
    label: Optional[str] = None
    irq: Optional[int] = None
    regions: tuple[LspciRegion, ...] = ()
    windows: tuple[LspciWindow, ...] = ()
    primary: Optional[int] = None
    secondary: Optional[int] = None
    subordinate: Optional[int] = None
    capabilities: tuple[str, ...] = ()
    access_denied: bool = False
    config: Optional[bytes] = None


class LspciText(NamedTuple):
    """A whole text. One record for every function line, in the text's order, duplicates included.

    ``form``, one of: ``none`` (no function), ``tree`` (only -t lines), ``vmm`` (``Slot:`` records, old ``-vm`` too),
    ``mm`` (quoted fields), ``verbose`` (-v and more), ``k`` (-k lines), ``hex`` (-x dumps), ``nn``, ``n``, ``plain``,
    ``mixed`` (outputs of several kinds pasted together). A text that fits several is the first in that order, so
    ``-nnk`` is ``k``. ``unparsed``: lines that fit no grammar (prompts, prose, lspci's own complaints); blank lines,
    trees and detail lines below a function are not counted.
    """

    form: str
    records: tuple[LspciRecord, ...]
    unparsed: int
