"""The q35 machine with ACPI hot-plug switched off: its root ports take devices natively (pciehp), by their button."""

from __future__ import annotations

from tests.lab.plan import CI, CI_OLDEST, Gone, Hardware, Plug, Pull, Rest, Scenario, Sh, Snap
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.q35 import FOUR, FOUR_SEEN, FULL, NO_BUS_NUMBERS, RESERVED, TWO_SEEN, card_behind_bridge

BY_PORT = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
NATIVE = Hardware("q35", devices=RESERVED, options=BY_PORT)
PCIEHP = frozenset({"pciehp"})
BOTH = frozenset({"pciehp", "shpchp"})
IDLE = Snap("before", "ready", mechanisms=PCIEHP, free=4, slots=4)

_POWER = "/sys/bus/pci/slots/1/power"
_THERE = "test -e /sys/bus/pci/devices/0000:01:00.0"
# The button was heard: the power indicator blinks (PCIe Base 5.0, 7.5.3.10: 10b); 01b is on.
_BLINKS = "until (( (0x$(setpci -s 00:02.0 CAP_EXP+18.w) & 0x300) == 0x200 )); do sleep 0.05; done"
_STEADY = "setpci -s 00:02.0 CAP_EXP+18.w=0100:0300"
_TWO = (
    Plug("e1000e,id=f1,bus=rp0,addr=0.1,multifunction=on,netdev=u3"),
    Plug("e1000e,id=f0,bus=rp0,addr=0.0,multifunction=on,netdev=u4"),
)

SCENARIOS = (
    Scenario(
        "q35-native",
        NATIVE,
        (
            IDLE,
            *FOUR,
            Snap("added", "limited", FULL, PCIEHP, free=0, slots=4, sees=FOUR_SEEN),
            # The button's five seconds in which the owner may think again; then a second for the power to settle.
            Pull("vb1", deleted=False, within=2.0),
            Sh(_THERE),
            Gone("vb1", within=20.0),
            Pull("nv1", waits=False),
            Pull("en1", waits=False),
            Pull("vn1", waits=False),
            Gone("nv1"),
            Gone("en1"),
            Gone("vn1"),
            IDLE._replace(stage="after"),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        ci=CI_OLDEST,
        why="root ports by pciehp: disks and network cards in, and out by the 5-second button",
    ),
    Scenario(
        "q35-native-button",
        NATIVE,
        (
            FOUR[0],
            Snap("added", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            Pull("vb1", waits=False),
            Pull("vb1", refused="Device vb1 is already in the process of unplug"),
            Gone("vb1", within=20.0),
            IDLE._replace(stage="pulled"),
            FOUR[0],
            Snap("again", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            # Switching the slot off ends the five seconds at once, and is done when the shell is.
            Pull("vb1", waits=False),
            Sh(f"{_BLINKS}; echo 0 > {_POWER}"),
            Gone("vb1", within=1.0),
            IDLE._replace(stage="after"),
        ),
        why="two presses (the host refuses the second), and the five seconds cut short by the guest",
    ),
    Scenario(
        "q35-native-cancel",
        NATIVE,
        (
            *_TWO,
            Snap("added", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=TWO_SEEN),
            Pull("f0", waits=False),
            # QEMU presses the button for another function, but only while the power indicator does not blink.
            Sh(f"{_BLINKS}; {_STEADY}"),
            Pull("f1", deleted=False, within=10.0),
            Sh("dmesg | grep -i 'cancel'", prints="Slot\\(1\\)"),
            Snap("cancelled", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=TWO_SEEN),
            Pull("f0"),
            Gone("f1"),
            IDLE._replace(stage="after"),
        ),
        why="a second press within the five seconds takes the first back: the device stays",
    ),
    Scenario(
        "q35-native-power",
        NATIVE,
        (
            FOUR[0],
            Snap("added", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            Sh(f"echo 0 > {_POWER}"),
            Gone("vb1"),
            Snap("powered-off", "ready", mechanisms=PCIEHP, free=4, slots=4),
            # Nothing is there to be switched on: "No such device".
            Sh(f"echo 1 > {_POWER}", code=1),
            IDLE._replace(stage="powered-on"),
            FOUR[0],
            Snap("again", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=FOUR_SEEN[:1]),
            Pull("vb1"),
            IDLE._replace(stage="after"),
        ),
        why="a slot switched off in the guest gives its device back; the next one is taken",
    ),
    Scenario(
        "q35-native-multifunction",
        NATIVE,
        (
            _TWO[0],
            Rest(3),
            # Neither a button nor a presence: QEMU waits for function 0.
            Snap("function1-only", "ready", mechanisms=PCIEHP, free=4, slots=4, unseen=("f1",)),
            _TWO[1],
            Snap("added", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=TWO_SEEN),
            Pull("f0"),
            Gone("f1"),
            IDLE._replace(stage="after"),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        ci=CI,
        why="function 1 alone is seen by nobody; with function 0 both come, and go",
    ),
    Scenario(
        "q35-native-root-bus",
        NATIVE,
        (
            Plug("virtio-rng-pci,id=x1,bus=pcie.0", refused="Bus 'pcie.0' does not support hotplugging"),
            IDLE._replace(stage="after"),
        ),
        why="the root bus takes nothing",
    ),
    Scenario(
        "q35-native-hotbridge",
        NATIVE,
        (
            *card_behind_bridge(BOTH),
            # An SHPC takes a second press: within five seconds it cancels the first.
            Pull("n1", waits=False),
            Rest(2),
            Pull("n1", deleted=False, within=10.0),
            Snap(
                "cancelled", "ready", mechanisms=BOTH, free=3 + 30, slots=4 + 31,
                sees=(sees("n1", "e1000"),),
            ),
            Pull("n1"),
            Pull("pb1"),
            IDLE._replace(stage="after"),
        ),
        why="a bridge hot-added by pciehp, and a card behind its SHPC; its removal cancelled once by a second press",
    ),
    Scenario(
        "q35-native-no-bus-numbers",
        NATIVE,
        NO_BUS_NUMBERS,
        spoils=True,
        cause="bus.no-number",
        why="a bridge below a port without bus numbers for it: the kernel crashes in shpchp, and hotplugctl says so",
    ),
)  # fmt: skip
