"""The pc machine: its root bus takes devices by ACPI (acpiphp)."""

from __future__ import annotations

from tests.lab.plan import CI, CI_OLDEST, Empty, Fill, Hardware, Plug, Pull, Rest, Scenario, Sh, Snap
from tests.lab.scenarios.devices import sees

PC = Hardware("pc")
ACPIPHP = frozenset({"acpiphp"})
# 32 device numbers, but for the host bridge and the south bridge; root disk and channel occupy two of the slots.
SLOTS, FREE = 30, 28
KERNELS = ("bookworm", "bullseye", "trixie")

_SCAN_LSI = (
    "for h in /sys/class/scsi_host/*; do if grep -q sym53c8xx $h/proc_name; then echo '- - -' > $h/scan; fi; done"
)

SCENARIOS = (
    Scenario(
        "pc-nics",
        PC,
        (
            Snap("before", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
            Plug("rtl8139,id=n1,netdev=u1"),
            Plug("ne2k_pci,id=n2,netdev=u2"),
            Plug("e1000,id=n3,netdev=u3"),
            Plug("virtio-net-pci,id=n4,netdev=u4"),
            Snap(
                "added", "ready", mechanisms=ACPIPHP, free=FREE - 4, slots=SLOTS,
                sees=(sees("n1", "rtl8139"), sees("n2", "ne2k_pci"), sees("n3", "e1000"), sees("n4", "virtio-net-pci")),
            ),
            Pull("n4"),
            Pull("n3"),
            Pull("n2"),
            Pull("n1"),
            Snap("after", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
        ),
        releases=KERNELS,
        ci=CI,
        why="the network cards of the old guides",
    ),
    Scenario(
        "pc-storage",
        PC,
        (
            Plug("lsi53c895a,id=lsi"),
            Plug("scsi-hd,id=sd0,bus=lsi.0,scsi-id=0,drive=lsi-first"),
            Plug("virtio-blk-pci,id=vb,drive=vb,serial=HOTVB"),
            Plug("nvme,id=nv,drive=nv,serial=HOTNV"),
            Plug("virtio-scsi-pci,id=vs"),
            Snap(
                "added", "ready", mechanisms=ACPIPHP, free=FREE - 4, slots=SLOTS,
                sees=(
                    sees("lsi", "lsi53c895a", {"block": 1}), sees("vb", "virtio-blk-pci", {"block": 3}),
                    sees("nv", "nvme"), sees("vs", "virtio-scsi-pci"),
                ),
            ),
            Plug("scsi-hd,id=sd1,bus=vs.0,drive=vs-later"),
            Plug("scsi-hd,id=sd2,bus=lsi.0,scsi-id=3,drive=lsi-later"),
            # As long as the LSI's bus reset takes: its later disk does not come after that, either.
            Rest(4),
            Snap(
                "disks-later", "ready", free=FREE - 4,
                sees=(sees("lsi", "lsi53c895a", {"block": 1}), sees("vs", "virtio-scsi-pci", {"block": 1})),
            ),
            Sh(_SCAN_LSI),
            Snap("scanned", "ready", free=FREE - 4, sees=(sees("lsi", "lsi53c895a", {"block": 2}),)),
            Pull("sd1"),
            Pull("sd2"),
            # virtio-scsi has an event for a disk that goes; of the LSI's the guest is not told.
            Snap(
                "disks-pulled", "ready", free=FREE - 4,
                sees=(sees("lsi", "lsi53c895a", {"block": 2}), sees("vs", "virtio-scsi-pci")),
            ),
            Pull("vs"),
            Pull("nv"),
            Pull("vb"),
            Pull("lsi"),
            Snap("after", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
        ),
        releases=KERNELS,
        ci=CI_OLDEST,
        disks={"vb": "partitions"},
        why="disks of every kind: partitions, an HBA's disk after its bus reset, and the one that it is not told of",
    ),
    Scenario(
        "pc-full",
        PC,
        (
            Fill("virtio-rng-pci,id=f{n}", FREE, "no slot/function"),
            Snap("full", "limited", frozenset({"slot.none-free"}), ACPIPHP, free=0, slots=SLOTS),
            Empty(),
            Snap("after", "ready", mechanisms=ACPIPHP, free=FREE, slots=SLOTS),
        ),
        releases=KERNELS,
        why="every slot taken: what is said to be free is what QEMU takes",
    ),
)  # fmt: skip
