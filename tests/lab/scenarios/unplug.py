"""``can-unplug`` before the pull, and then the pull: "safe" hurts nobody, and what is "in use" can be ended as it says.

Each scenario builds a real stack on a hot-added device, holds what is said of it against what was built, pastes the
remedies into the guest's shell in the order given, and pulls the device when nothing is left.
"""

from __future__ import annotations

from tests.lab.plan import CI, Plug, Pull, Says, Scenario, Sh
from tests.lab.scenarios.devices import sees
from tests.lab.scenarios.on_pc import snap
from tests.lab.scenarios.pc import PC

_DISK = "virtio-blk-pci,id=d1,drive=d1,serial=HOT1"
_OTHER = "virtio-blk-pci,id=d2,drive=d2,serial=HOT2"
_MKFS = "mke2fs -q -F -t ext4 {0} && mkdir -p {1} && mount {0} {1}"
# Every remedy, as it would be pasted: a line that fails ends it, and so does a blocker without a remedy.
_END = (
    "hotplugctl can-unplug --json {0} > /run/answer; test $? = 1 && python3 -c 'import json;"
    ' print("\\n".join(one["remedy"] for one in json.load(open("/run/answer"))["blockers"]))\' > /run/remedies'
    " && cat /run/remedies && sh -ex /run/remedies"
)
_UNTIL_SAFE = "for n in 1 2 3 4 5; do hotplugctl can-unplug {0} > /run/answer && break; sleep 1; done; cat /run/answer"
_NOBODY = "setpriv --reuid 65534 {}"
_NIC = "nic=$(basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*)"


def _kinds(*kinds: str) -> str:
    """These kinds of blockers, in this order, and no others."""
    return r"\[\n" + r",\n".join(rf'    \{{"kind": "{kind}", [^\n]*' for kind in kinds) + r"\n  \]"


def _in_use(target: str, *kinds: str) -> Says:
    return Says(
        f"can-unplug --json {target}", 1, (r'"safe": false', rf'"blockers": {_kinds(*kinds)}', r'"unseen": \[\]')
    )


def _safe(target: str) -> Says:
    return Says(f"can-unplug --json {target}", 0, (r'"safe": true', r'"blockers": \[\]', r'"unseen": \[\]'))


_PROGRAMS = (
    _MKFS.format("/dev/vdb", "/mnt/hot"),
    "cp /usr/bin/sleep /mnt/hot/naps && echo here > /mnt/hot/file",
    "mkdir /mnt/hot/in && mount -t tmpfs none /mnt/hot/in",
    "(sleep 900 < /mnt/hot/file) & (cd /mnt/hot/in/.. && sleep 901) & /mnt/hot/naps 902 & sleep 1",
    "truncate -s 8M /mnt/hot/image && losetup /dev/loop3 /mnt/hot/image",
    _MKFS.format("/dev/loop3", "/mnt/in"),
    "truncate -s 1M /mnt/in/x && (sleep 903 < /mnt/in/x) & sleep 1",
    "dd if=/dev/zero of=/mnt/hot/swap bs=1M count=8 status=none && chmod 600 /mnt/hot/swap && mkswap -q /mnt/hot/swap",
    "swapon /mnt/hot/swap",
    "unshare -m --propagation private sh -c 'umount /mnt/in; sleep 904' & sleep 1",
)
_SECRET = "echo secret | cryptsetup -q --key-file -"
_STACK = (
    "modprobe raid1; mdadm --create /dev/md0 --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2"
    " /dev/vdb /dev/vdc",
    "pvcreate -q /dev/md0 && vgcreate -q my-hot /dev/md0 && lvcreate -q -L 40M -n da-ta my-hot",
    f"{_SECRET} --type luks1 --iter-time 10 luksFormat /dev/my-hot/da-ta",
    f"{_SECRET} open /dev/my-hot/da-ta vault",
    _MKFS.format("/dev/mapper/vault", "/mnt/hot"),
)
_NAMES = (
    "mknod /dev/xvda b $(tr : ' ' < /sys/block/vdb/dev) && (sleep 900 < /dev/xvda) & sleep 1",
    "touch /run/node && mount --bind /dev/vdb /run/node && losetup /dev/loop3 /run/node",
    "cat /sys/block/loop3/loop/backing_file",
)
# What is left of a file system that was unmounted lazily is a file whose text begins at its own root.
_LAZY = (
    _MKFS.format("/dev/vdb", "/mnt/hot"),
    "echo here > /mnt/hot/file && (sleep 905 < /mnt/hot/file) & sleep 1",
    "umount -l /mnt/hot",
)
_RECORDED = "hotplugctl record --with-processes /run/taken >&2; hotplugctl can-unplug vdb --root /run/taken"
_LINKS = (
    "ip link add bond0 type bond mode active-backup && ip link set $nic down && ip link set $nic master bond0",
    "ip link set bond0 up && ip link add link bond0 name bond0.7 type vlan id 7 && ip link add br0 type bridge",
    "ip link set bond0.7 master br0 && ip link set bond0.7 up && ip link set br0 up",
    "ip address add 10.0.2.15/24 dev br0 && ip route add default via 10.0.2.2 dev br0",
    "ip route add 10.9.0.0/16 via 10.0.2.3 dev br0",
)
# QEMU's router offers IPv6 whenever it likes: one more default route, or not.
_NO_IPV6 = Sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
_UNHURT = Sh("! dmesg | grep -E 'I/O error|Aborting journal|[Ww]rite-error|lost async page write'")

SCENARIOS = (
    Scenario(
        "unplug-safe",
        PC,
        (
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci", {"block": 3})),
            _safe("vdb"),
            _safe("vdb1"),
            _safe("serial:HOT1"),
            Says("can-unplug --json slot:31", 1, (r'"safe": null',)),
            Says("can-unplug --json vda", 1, (_kinds("root-filesystem"),)),
            Says("can-unplug vdb", 3, (r"\Avdb: cannot tell", r"root \(CAP_SYS_PTRACE\)"), through=_NOBODY),
            Pull("d1"),
            Says("can-unplug vdb", 1, stderr=(r"nothing is there",)),
            _UNHURT,
        ),
        disks={"d1": "partitions"},
        ci=CI,
        why="a disk that nobody uses is safe to pull",
    ),
    Scenario(
        "unplug-programs",
        PC,
        (
            snap("before"),
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci")),
            *map(Sh, _PROGRAMS),
            snap("used", sees("d1", "virtio-blk-pci")),
            Says(
                "can-unplug /dev/vdb",
                1,
                (
                    r"sleep has /mnt/hot/file open",
                    r"sleep works in /mnt/hot \(",
                    r"naps runs /mnt/hot/naps",
                    r"sleep has /mnt/in/x open",
                    r"is mounted on top, on /mnt/hot/in",
                    r"the kernel swaps to /mnt/hot/swap",
                    r"/dev/loop3 lies on it, in /mnt/hot/image",
                    r"in the mount namespace of process",
                ),
            ),
            Sh(_END.format("vdb")),
            Sh(_UNTIL_SAFE.format("vdb"), prints=r"\Avdb: safe"),
            Pull("d1"),
            _UNHURT,
            snap("after"),
        ),
        ci=CI,
        fixture=True,
        why="programs, a loop device, swap in a file, and a mount in another namespace, on one disk",
    ),
    Scenario(
        "unplug-names",
        PC,
        (
            Plug(_DISK),
            snap("added", sees("d1", "virtio-blk-pci")),
            _safe("vdb"),
            *map(Sh, _NAMES),
            _in_use("vdb", "process", "loop"),
            Says("can-unplug vdb", 1, (r"sleep has /dev/xvda \(/dev/vdb\) open", r"loop3 lies on it, in /run/node")),
            Says("can-unplug --json vda", 1, (_kinds("root-filesystem"),)),
            Sh(_RECORDED, code=1, prints=r"sleep has /dev/xvda \(/dev/vdb\) open[^$]*loop3 lies on it, in /run/node"),
            Sh(_END.format("vdb")),
            Sh(_UNTIL_SAFE.format("vdb"), prints=r"\Avdb: safe"),
            *map(Sh, _LAZY),
            Says("can-unplug vdb", 1, (r"sleep has /file open", r"the kernel has its ext4 open")),
            Sh("kill $(pidof sleep)"),
            Sh(_UNTIL_SAFE.format("vdb"), prints=r"\Avdb: safe"),
            Pull("d1"),
            _UNHURT,
        ),
        ci=CI,
        why="a disk that is open under a name of somebody's own, and bound to another place below a loop device",
    ),
    Scenario(
        "unplug-stack",
        PC,
        (
            snap("before"),
            Plug(_DISK),
            Plug(_OTHER),
            snap("added", sees("d1", "virtio-blk-pci"), sees("d2", "virtio-blk-pci")),
            *(Sh(command, within=120) for command in _STACK),
            snap("used", sees("d1", "virtio-blk-pci"), sees("d2", "virtio-blk-pci")),
            _in_use("vdb", "md-member"),
            Says("can-unplug vdb", 1, (r"/dev/md0 \(raid1\) goes on without it, degraded",)),
            Sh(_END.format("vdb")),
            _safe("vdb"),
            Pull("d1"),
            Sh("echo more > /mnt/hot/file && sync && cat /proc/mdstat", prints=r"\[2/1\]"),
            snap("half", sees("d2", "virtio-blk-pci")),
            _in_use("vdc", "mount", "crypt", "lvm", "md"),
            Says("can-unplug vdc", 1, (r"volume da-ta of my-hot", r"lvchange --activate n my-hot/da-ta", r"as vault")),
            Sh(_END.format("vdc")),
            _safe("vdc"),
            Pull("d2"),
            _UNHURT,
            snap("after"),
        ),
        ci=CI,
        fixture=True,
        why="LUKS on LVM on a mirror: half of it may go, and the other half when all is undone from the top",
    ),
    Scenario(
        "unplug-network",
        PC,
        (
            snap("before"),
            _NO_IPV6,
            Plug("virtio-net-pci,id=n1,netdev=u1"),
            snap("added", sees("n1", "virtio-net-pci")),
            Sh(_NIC + " && " + " && ".join(_LINKS)),
            snap("used", sees("n1", "virtio-net-pci")),
            Sh(
                _NIC + "; hotplugctl can-unplug --json $nic",
                code=1,
                prints=_kinds("default-route", "route", "address", "bridge", "vlan", "bond"),
            ),
            Sh(_NIC + "; " + _END.format("$nic")),
            Sh(_NIC + "; hotplugctl can-unplug $nic", prints=r": safe\n"),
            Pull("n1"),
            Sh("ip link delete br0; ip link delete bond0; ip -o link", prints=r"\A1: lo: [^\n]*\n\Z"),
            snap("after"),
        ),
        ci=CI,
        fixture=True,
        why="the last port of a bond, below a VLAN, below a bridge with the default route",
    ),
)
