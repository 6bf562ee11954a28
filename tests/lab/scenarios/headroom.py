"""The room that is said to be left, taken: BARs that fit and BARs that do not, and I/O until none is left."""

from __future__ import annotations

from tests.lab.plan import Empty, Exhaust, Fits, Hardware, Scenario
from tests.lab.scenarios.pc import KERNELS
from tests.lab.scenarios.q35 import PORTS
from tests.lab.scenarios.q35_native import BY_PORT

_PORTS = (PORTS[0], f"{PORTS[1]},pref64-reserve=64M")
# Memory that is prefetchable, of any size, and 256 bytes of I/O; no driver of Linux takes it.
_DEVICE = "pci-testdev,membar={size},bus="
_GIB = 1 << 30

SCENARIOS = (
    Scenario(
        "pc-headroom",
        Hardware("pc", devices=("pci-bridge,id=br1,chassis_nr=1,shpc=on,addr=0x10",)),
        (
            Fits("0000:00", f"{_DEVICE}pci.0", at_most=_GIB),
            Fits("0000:01", f"{_DEVICE}br1"),
            Exhaust("0000:01", "pci-testdev,bus=br1", 256),
            Empty(),
        ),
        releases=KERNELS,
        why="the largest BAR that check says fits does, and one of twice the size does not",
    ),
    Scenario(
        "q35-acpi-headroom",
        Hardware("q35", devices=_PORTS),
        (Fits("0000:01", f"{_DEVICE}rp0"), Fits("0000:02", f"{_DEVICE}rp1")),
        releases=KERNELS,
        why="the same below root ports that ACPI serves",
    ),
    Scenario(
        "q35-native-headroom",
        Hardware("q35", devices=_PORTS, options=BY_PORT),
        (Fits("0000:01", f"{_DEVICE}rp0", grows=True), Fits("0000:02", f"{_DEVICE}rp1", grows=True)),
        releases=KERNELS,
        why="the same below root ports that pciehp serves",
    ),
    Scenario(
        "q35-shpc-headroom",
        Hardware("q35", devices=(*_PORTS, "pcie-pci-bridge,id=pb1,addr=0x10"), options=BY_PORT),
        (Fits("0000:03", f"{_DEVICE}pb1,addr=3", grows=True),),
        releases=KERNELS,
        why="the same behind a bridge that shpchp serves",
    ),
)  # fmt: skip
