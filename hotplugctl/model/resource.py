"""Address ranges: a function's resources, and the kernel's maps of who holds which."""

from typing import NamedTuple

# include/linux/ioport.h
IORESOURCE_TYPE_BITS = 0x00001F00
IORESOURCE_IO = 0x00000100
IORESOURCE_MEM = 0x00000200
IORESOURCE_PREFETCH = 0x00002000
IORESOURCE_MEM_64 = 0x00100000
IORESOURCE_WINDOW = 0x00200000
IORESOURCE_DISABLED = 0x10000000
IORESOURCE_UNSET = 0x20000000


class ResourceLine(NamedTuple):
    """A line of ``resource``: first and last address, flags of include/linux/ioport.h.

    ``index``: 0–5 BARs, 6 ROM; then, with CONFIG_PCI_IOV, 7–12 the virtual functions' BARs and 13–16 bridge windows,
    without it 7–10 bridge windows.
    """

    index: int  # type: ignore[assignment]
    start: int
    end: int
    flags: int

    @property
    def is_io(self) -> bool:
        return self.flags & IORESOURCE_TYPE_BITS == IORESOURCE_IO

    @property
    def is_mem(self) -> bool:
        return self.flags & IORESOURCE_TYPE_BITS == IORESOURCE_MEM

    @property
    def prefetch(self) -> bool:
        return bool(self.flags & IORESOURCE_PREFETCH)

    @property
    def is64(self) -> bool:
        return bool(self.flags & IORESOURCE_MEM_64)

    @property
    def window(self) -> bool:
        """A bridge window, as far as the kernel marks it (not every kernel shows this flag)."""
        return bool(self.flags & IORESOURCE_WINDOW)

    @property
    def disabled(self) -> bool:
        return bool(self.flags & IORESOURCE_DISABLED)

    @property
    def unset(self) -> bool:
        """Sized, but without an address (IORESOURCE_UNSET): ``start`` and ``end`` tell the size alone."""
        return bool(self.flags & IORESOURCE_UNSET)

    @property
    def size(self) -> int:
        """Bytes; 0 for a line that stands for nothing."""
        if not self.flags or self.end < self.start or (self.start == 0 and self.end == 0):
            return 0
        return self.end - self.start + 1

    @property
    def assigned(self) -> bool:
        """It has a size and an address. No PCI BAR is ever assigned 0."""
        return self.size > 0 and self.start > 0 and not self.unset and not self.disabled


class Range(NamedTuple):
    """A line of ``/proc/iomem`` or ``/proc/ioports``: ``depth`` 0 is the outermost."""

    start: int
    end: int
    depth: int
    name: str


class Ranges(NamedTuple):
    """A whole map. ``masked``: the kernel showed zeros in place of addresses, as it does to all but root."""

    ranges: tuple[Range, ...]
    masked: bool
    unparsed: int
