"""Devices pulled while they are used. Neither QEMU nor the kernel refuses that.

What ``check``, ``slots`` and ``list`` say must hold before, between and after: of the device nothing is left on the PCI
bus, whatever clings to it above.
"""

from __future__ import annotations

from tests.lab.plan import CI, Plug, Pull, Says, Scenario, Sh
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import snap
from tests.lab.scenarios.pc import PC

_DISK = "virtio-blk-pci,id=d1,drive=d1,serial=HOT1"
_MOUNT = "mke2fs -q -F -t ext4 {0} && mkdir -p /mnt/hot && mount {0} /mnt/hot && echo kept > /mnt/hot/file && sync"


def _used(target: str, *kinds: str) -> Says:
    """``can-unplug`` knows it before: these kinds of blockers in this order, and no others."""
    blockers = r",\n".join(rf'    \{{"kind": "{kind}", [^\n]*' for kind in kinds)
    return Says(f"can-unplug --json {target}", 1, (r'"safe": false', rf'"blockers": \[\n{blockers}\n  \]'))


SCENARIOS = (
    Scenario(
        "in-use-mounted",
        PC,
        (
            snap("before"),
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci", {"block": 3})),
            Sh(_MOUNT.format("/dev/vdb1")),
            snap("used", sees("d1", "virtio-blk-pci", {"block": 3})),
            _used("vdb1", "mount"),
            Pull("d1"),
            # The mount outlives the disk, and takes writes that go nowhere.
            Sh("grep ' /mnt/hot ' /proc/mounts; ls /sys/block", prints=r"\A/dev/vdb1 /mnt/hot ext4 [^\n]+\nvda\n\Z"),
            snap("pulled", findings=["node.gone-in-use"]),
            Sh("echo lost > /mnt/hot/new; sync; dmesg", prints=r"Aborting journal on device vdb1"),
            Sh("umount /mnt/hot"),
            snap("after"),
        ),
        disks={"d1": "partitions"},
        ci=CI,
        fixture=True,
        why="a disk pulled while it is mounted",
    ),
    Scenario(
        "in-use-swap",
        PC,
        (
            snap("before"),
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci")),
            Sh("mkswap -q /dev/vdb && swapon /dev/vdb"),
            snap("used", sees("d1", "virtio-blk-pci")),
            _used("serial:HOT1", "swap"),
            Pull("d1"),
            # It stays for good: swapoff(8) goes by the name, and the name is gone.
            Sh("cat /proc/swaps", prints=r"(?m)^/dev/vdb\\040\(deleted\) "),
            Sh("swapoff -a; grep -q deleted /proc/swaps"),
            snap("after", findings=["node.gone-in-use"]),
        ),
        spoils=True,
        fixture=True,
        why="a disk pulled while the kernel swaps to it",
    ),
    Scenario(
        "in-use-lvm",
        PC,
        (
            snap("before"),
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci")),
            Sh("pvcreate -q /dev/vdb && vgcreate -q hot /dev/vdb && lvcreate -q -l 100%FREE -n data hot"),
            Sh(_MOUNT.format("/dev/hot/data")),
            snap("used", sees("d1", "virtio-blk-pci")),
            _used("vdb", "mount", "lvm"),
            Pull("d1"),
            # dm-0 has nothing below it any more; its holders and its mount stay.
            Sh(
                "ls /sys/block; dmsetup info -c --noheadings -o name; grep -c /mnt/hot /proc/mounts",
                prints=r"\Adm-0\nvda\nhot-data\n1\n\Z",
            ),
            snap("pulled", findings=["node.gone-in-use"]),
            Sh("umount /mnt/hot && dmsetup remove hot-data && ls /sys/block", prints=r"\Avda\n\Z"),
            snap("after"),
        ),
        fixture=True,
        why="a disk pulled from under a logical volume that is mounted",
    ),
    Scenario(
        "in-use-default-route",
        PC,
        (
            snap("before"),
            # QEMU's router offers IPv6 whenever it likes: one more default route, or not.
            Sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"),
            Plug("virtio-net-pci,id=n1,netdev=u1"),
            snap("added", sees("n1", "virtio-net-pci")),
            Sh(
                "nic=$(basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*) && ip link set $nic up &&"
                " ip address add 10.0.2.15/24 dev $nic && ip route add default via 10.0.2.2 && ip route",
                prints=r"(?m)^default via 10\.0\.2\.2 dev ",
            ),
            snap("used", sees("n1", "virtio-net-pci")),
            _used("$(basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*)", "default-route", "address"),
            Pull("n1"),
            Sh("ip route", prints=r"\A\Z"),
            snap("after"),
        ),
        fixture=True,
        why="the network card with the default route pulled: the route goes with it",
    ),
)  # fmt: skip
