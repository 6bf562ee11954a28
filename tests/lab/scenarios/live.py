"""``watch``, ``wait`` and ``expect`` run in the guest while devices come and go."""

from __future__ import annotations

from tests.lab.plan import CI, CI_OLDEST, Hardware, Heard, Listen, Meanwhile, Plug, Pull, Says, Scenario, Sees, Snap
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.drivers import BLACKLISTED, CHILD
from tests.lab.scenarios.on_pc import snap
from tests.lab.scenarios.pc import PC
from tests.lab.scenarios.q35_native import NATIVE, PCIEHP

_FOUND = (r'"found": true',)

SCENARIOS = (
    Scenario(
        "live-pc",
        PC,
        (
            Listen(),
            Meanwhile(
                Says("wait --new --class storage --timeout 60 --json", 0, _FOUND, within=90),
                (Plug("virtio-blk-pci,id=d1,drive=d1,serial=LIVE1"),),
                after=5,
            ),
            Meanwhile(
                Says("wait --serial LIVE2 --timeout 60 --json", 0, (*_FOUND, r'"serial": "LIVE2"'), within=90),
                (Plug("virtio-blk-pci,id=d2,drive=d2,serial=LIVE2"),),
            ),
            Meanwhile(
                Says(
                    "expect 'pci_add auto nic model=e1000' --wait --timeout 60 --json", 0, (r'"seen": true',), within=90
                ),
                (Plug("e1000,id=n1,netdev=u1"),),
                after=8,
            ),
            snap("added", sees("d1", "virtio-blk-pci"), sees("d2", "virtio-blk-pci"), sees("n1", "e1000")),
            Meanwhile(Says("wait --gone --serial LIVE2 --timeout 60 --json", 0, within=90), (Pull("d2"),), after=5),
            Pull("n1"),
            Pull("d1"),
            snap("after"),
            Heard(added=("d1", "d2", "n1"), removed=("d1", "d2", "n1")),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        ci=CI_OLDEST,
        why="watch, wait and expect see what is plugged while they run",
    ),
    Scenario(
        "live-wait-in-vain",
        PC,
        (
            Says("wait --new --any --timeout 3 --json", 4, (r'"found": false', r'"reason": "')),
            Says("wait --address 0000:00:09.0 --timeout 3 --json", 4, (r'"found": false',)),
            Says("watch --json --count 1 --timeout 3", 4, (r'"event": ?"hello"',), (r"function-",)),
            Says("expect 'pci_add auto storage file=x.img,if=ide'", 1, (r"(?i)ide",)),
            snap("after"),
        ),
        why="nothing comes, and they say so in time",
    ),
    Scenario(
        "live-no-driver",
        BLACKLISTED,
        (
            Listen(),
            Meanwhile(
                Says(
                    "wait --new --any --timeout 12 --json", 4, (r'"found": false', r"virtio_net|no driver"), within=60
                ),
                (Plug("virtio-net-pci,id=n1,netdev=u1"),),
                after=5,
            ),
            snap("added", Sees("n1", "virtio-pci", {}), findings={CHILD}),
            Heard(stalled=("n1",)),
            Pull("n1"),
        ),
        ci=CI,
        why="a device that never gets ready is told as stalled, with the reason",
    ),
    Scenario(
        "live-acpi-off",
        Hardware("pc", ("acpi=off",)),
        (
            Listen(),
            Meanwhile(
                Says("wait --new --any --timeout 20 --json", 1, (r'"found": false',), within=60),
                (Plug("virtio-blk-pci,id=d1,drive=d1"),),
                after=1,
            ),
            Heard(),
        ),
        spoils=True,
        why="where no bus takes a device, wait says at once that none can come",
    ),
    Scenario(
        "live-native",
        NATIVE,
        (
            Listen(),
            Meanwhile(
                Says("wait --slot 1 --timeout 60 --json", 0, _FOUND, within=90),
                (Plug("virtio-blk-pci,id=d1,drive=d1,bus=rp0"),),
            ),
            Snap("added", "ready", mechanisms=PCIEHP, free=3, slots=4, sees=(sees("d1", "virtio-blk-pci"),)),
            Meanwhile(Says("wait --gone --slot 1 --timeout 60 --json", 0, within=90), (Pull("d1"),), after=2),
            Heard(added=("d1",), removed=("d1",)),
        ),
        releases=("bookworm", "bullseye", "trixie"),
        ci=CI,
        why="the same by pciehp, with its button",
    ),
)
